# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Certificates, made when first wanted and kept for the life of the guest (all scenarios of a boot);
# those of the default CA are kept in build/guest/out/.pki-* for the next guests, too.
#
#	pki_ca CA "DN" [ISSUER]		a further root, or an intermediate CA below ISSUER
#	pki_host HOST [ca=CA] [key=rsa] [dn="DN"] [san=NAME] [nick=NICK]
#					give HOST an NSS database with a certificate. Defaults: CA
#					testca ("CN=Test CA, O=latch"), EC P-256, "CN=HOST.test, O=latch",
#					dns name HOST.test, nickname HOST
#	pki_trust HOST CA		make HOST trust a further root
#
# Names are written in the order of their encoding, as in ipsec.conf: "CN=a.test, O=latch". (certutil
# itself wants them backwards. libreswan compares names in any order, strongSwan does not.)
#
# ike_start calls pki_host HOST by itself when the steps have not. In the guest, /run/pki/ca/NAME is
# the CA's database, with `template`, an otherwise empty database that trusts it; /run/pki/hosts has
# the finished databases. `pki.sh prepare` fetches or makes the default CA, `pki.sh keep` stores what is new.

declare -A HOST_HAS_PKI
PKI=/run/pki
export NSS_SDB_USE_CACHE=no

# certutil's notation of a name: the last component first.
pki_dn() {
	awk -v RS=', *' '{ sub(/\n$/, ""); dn = $0 (NR > 1 ? "," : "") dn } END { print dn }' <<<"$1"
}

pki_noise() {
	head -c 64 /dev/urandom >"$1"
}

pki_key() {
	case ${1:-ec} in
	ec) echo "-k ec -q nistp256" ;;
	rsa) echo "-k rsa -g 2048" ;;
	esac
}

# Random, because guests side by side make certificates of one authority.
pki_serial() {
	echo $((0x$(od -An -N4 -tx4 /dev/urandom | tr -d " ") & 0x7fffffff | 1))
}

pki_locked() {
	local lock=$1
	shift
	mkdir -p "$PKI"/{ca,hosts,locks}
	(
		flock 8
		"$@"
	) 8>"$PKI/locks/$lock"
}

# Trust flags of CA in somebody's database: only roots are trust anchors.
pki_import_chain() {
	local db=$1 ca=$2 flags="CT,,"
	if [[ -s $PKI/ca/$ca/issuer ]]; then
		flags=",,"
		pki_import_chain "$db" "$(<"$PKI/ca/$ca/issuer")" || return 1
	fi
	certutil -A -d "sql:$db" -n "$ca" -t "$flags" -a -i "$PKI/ca/$ca/cert.pem"
}

pki_sign() {
	local ca=$1 request=$2 cert=$3 serial
	shift 3
	serial=$(pki_serial)
	certutil -C -d "sql:$PKI/ca/$ca" -c "$ca" -a -i "$request" -o "$cert" -m "$serial" -v 120 "$@"
}

# Where certificates of the default CA outlive the guest; another pki.sh starts anew.
pki_store() {
	echo "/out/.pki-$(cksum </top/testing/guest/lib/pki.sh | cut -d " " -f 1)"
}

# The default CA of an earlier guest, and the hosts that have a certificate from it.
pki_fetch() {
	local store
	store=$(pki_store)
	[[ -d $store/ca ]] && cp -a "$store/hosts/." "$PKI/hosts/" &&
		cp -a "$store/ca" "$PKI/ca/testca.new" && mv "$PKI/ca/testca.new" "$PKI/ca/testca"
}

pki_ca_make() {
	local ca=$1 dn=$2 issuer=${3:-} dir=$PKI/ca/$1 tmp=$PKI/ca/$1.new
	[[ -e $dir ]] && return 0
	[[ $ca == testca ]] && pki_fetch && return 0
	rm -rf "$tmp"
	mkdir -p "$tmp"
	pki_noise "$tmp/noise"
	certutil -N -d "sql:$tmp" --empty-password || return 1
	mkdir "$tmp/template"
	cp "$tmp"/*.{db,txt} "$tmp/template/"
	# shellcheck disable=SC2046 # words on purpose
	if [[ -z $issuer ]]; then
		printf 'y\n\ny\n' | certutil -S -x -d "sql:$tmp" -n "$ca" -s "$(pki_dn "$dn")" -t CT,C,C \
			$(pki_key ec) -z "$tmp/noise" -m 1 -v 120 -2 --keyUsage certSigning,crlSigning
	else
		echo "$issuer" >"$tmp/issuer"
		certutil -R -a -d "sql:$tmp" -s "$(pki_dn "$dn")" $(pki_key ec) -z "$tmp/noise" -o "$tmp/req" &&
			printf 'y\n\ny\n' | pki_sign "$issuer" "$tmp/req" "$tmp/cert.pem" -2 \
				--keyUsage certSigning,crlSigning &&
			certutil -A -d "sql:$tmp" -n "$ca" -t ,, -a -i "$tmp/cert.pem"
	fi || return 1
	certutil -L -d "sql:$tmp" -n "$ca" -a -o "$tmp/cert.pem" && mv "$tmp" "$dir" &&
		pki_import_chain "$dir/template" "$ca"
}

pki_ca() {
	pki_locked "ca-$1" pki_ca_make "$@" || fail "certificate authority $1 cannot be made"
}

# pki_db KEY CA KEYTYPE DN SAN NICK: the finished database $PKI/hosts/KEY
pki_db() {
	local dir=$PKI/hosts/$1 ca=$2 type=$3 dn=$4 san=$5 nick=$6 tmp=$PKI/hosts/$1.new
	[[ -e $dir ]] && return 0
	rm -rf "$tmp"
	cp -a "$PKI/ca/$ca/template" "$tmp" || return 1
	mkdir "$tmp/work"
	pki_noise "$tmp/work/noise"
	# shellcheck disable=SC2046 # words on purpose
	certutil -R -a -d "sql:$tmp" -s "$(pki_dn "$dn")" $(pki_key "$type") -z "$tmp/work/noise" \
		-o "$tmp/work/req" &&
		pki_sign "$ca" "$tmp/work/req" "$tmp/work/cert" -8 "$san" --keyUsage digitalSignature &&
		certutil -A -d "sql:$tmp" -n "$nick" -t ,, -a -i "$tmp/work/cert" &&
		rm -r "$tmp/work" && mv "$tmp" "$dir"
}

# Sets PKI_ARGS and PKI_ID from the words of pki_host.
pki_words() {
	local host=$1 word ca=testca key=ec dn="CN=$1.test,O=latch" san=$1.test nick=$1
	shift
	for word in "$@"; do
		case $word in
		ca=*) ca=${word#*=} ;;
		key=*) key=${word#*=} ;;
		dn=*) dn=${word#*=} ;;
		san=*) san=${word#*=} ;;
		nick=*) nick=${word#*=} ;;
		*) fail "pki_host: what is '$word'?" ;;
		esac
	done
	PKI_ARGS=("$ca" "$key" "$dn" "$san" "$nick")
	PKI_ID=$ca-$host-${PKI_ARGS[*]:1}
	PKI_ID=${PKI_ID//[^A-Za-z0-9.=-]/_}
}

# Starts to make the default certificate of a host, as long as the steps do not ask for another.
pki_prefetch() {
	grep -Eq "pki_host (\"?\\\$|$1 )" "$SCENARIO/steps" && return
	pki_words "$1"
	{
		pki_ca testca "CN=Test CA,O=latch"
		pki_locked "host-$PKI_ID" pki_db "$PKI_ID" "${PKI_ARGS[@]}"
	} >>"$OUT/pki.log" 2>&1 &
}

pki_host() {
	local host=$1
	pki_words "$@"
	if [[ ! -e $PKI/hosts/$PKI_ID ]]; then
		pki_ca testca "CN=Test CA,O=latch"
		pki_locked "host-$PKI_ID" pki_db "$PKI_ID" "${PKI_ARGS[@]}" ||
			fail "no certificate for $host, see pki.log"
	fi >>"$OUT/pki.log" 2>&1
	cp "$PKI/hosts/$PKI_ID"/* "${HOST_ROOT[$host]}/var/lib/ipsec/nss/" &&
		echo "${PKI_ARGS[4]}" >"${HOST_ROOT[$host]}/run/nick" ||
		fail "$host does not take its certificate"
	HOST_HAS_PKI[$host]=yes
}

pki_trust() {
	on "$1" certutil -A -d sql:/var/lib/ipsec/nss -n "$2" -t CT,, -a -i "/pki/ca/$2/cert.pem" ||
		fail "$1 cannot be made to trust $2"
}

# A directory appears in the store at once and whole, or not at all: mv -T refuses to replace one.
pki_keep_dir() {
	local new
	new=$(mktemp -d "${2%/*}/.new.XXXXXX") && cp -a "$1" "$new/dir" || return
	mv -T "$new/dir" "$2" 2>/dev/null
	rm -rf "$new"
}

pki_keep() {
	local store dir
	store=$(pki_store)
	[[ -d $PKI/ca/testca ]] || return
	mkdir -p "$store/hosts"
	[[ -d $store/ca ]] || pki_keep_dir "$PKI/ca/testca" "$store/ca"
	# another guest's CA may have been faster
	cmp -s "$PKI/ca/testca/cert.pem" "$store/ca/cert.pem" || return
	for dir in "$PKI"/hosts/testca-*; do
		[[ $dir == *.new || ! -d $dir || -d $store/hosts/${dir##*/} ]] ||
			pki_keep_dir "$dir" "$store/hosts/${dir##*/}"
	done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	case ${1:-} in
	prepare) pki_locked ca-testca pki_ca_make testca "CN=Test CA,O=latch" ;;
	keep) pki_keep ;;
	esac
fi
