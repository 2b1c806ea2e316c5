# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# IKE daemons of the hosts: pluto (ours, scripted, checked, stock, libreswan410) and charon (strongswan).
#
#	ike_start HOST...		start, side by side; returns when all connections are loaded
#					(PLUTO_OPTIONS: further options of pluto; PLUTO_UNDER: a
#					command to run it with, such as valgrind)
#	ike_stop HOST			orderly end (tells the peers)
#	ipsec_stop HOST			likewise, by ipsec stop: the way of a test bed, which has no systemd
#	reloads HOST CONN		loads it anew from the configuration, and what it has of secrets
#	ike_kill HOST			SIGKILL: tells nobody
#	ike_restart HOST		ike_stop, ike_start
#	ike_up HOST CONN		succeeds when it has a child SA (whack alone says 0 too early)
#	ike_down HOST CONN
#	whack HOST ARG...		pluto's control program
#	ike_verdict			after the steps: no pluto died unasked, ours found nothing odd
#	ike_log HOST			path of its log
#	ike_established HOST CONN	is there a child SA of this connection?
#	facts HOST [JQ-FILTER]		trace of our daemon, JSON lines
#
# The configuration is HOST.conf (or HOST.swanctl) of the scenario; if $OUT/HOST.conf exists, which
# steps may write before ike_start, that one counts.

declare -A IKE_RUNS

ike_log() {
	echo "$OUT/$1.ike.log"
}

ike_libexec() {
	case ${HOST_KIND[$1]} in
	libreswan410) echo /usr/libexec/ipsec ;;
	*) echo /usr/local/libexec/ipsec ;;
	esac
}

whack() {
	local host=$1
	shift
	on "$host" "$(ike_libexec "$host")/whack" "$@"
}

# The configuration as a path inside the host.
ike_conf() {
	if [[ -e $OUT/$1 ]]; then
		echo "/out/$1"
	else
		echo "/top/testing/guest/scenarios/$NAME/$1"
	fi
}

ike_start() {
	local host
	for host in "$@"; do
		host_known "$host"
		[[ -n ${HOST_HAS_PKI[$host]:-} ]] || pki_host "$host"
		[[ -n ${BG_PID[$host.ike]:-} ]] && cat "$(ike_log "$host")" >>"$OUT/$host.ike.old.log"
		: >"$(ike_log "$host")"
		IKE_RUNS[$host]=1
		case ${HOST_KIND[$host]} in
		strongswan) charon_launch "$host" ;;
		plain) fail "$host has no IKE daemon" ;;
		*) pluto_launch "$host" ;;
		esac
	done
	for host in "$@"; do
		if [[ ${HOST_KIND[$host]} == strongswan ]]; then
			charon_load "$host"
		else
			wait_for 60 "pluto of $host has loaded its connections" pluto_is_ready "$host"
		fi
	done
}

pluto_launch() {
	local host=$1 conf=$OUT/$1.conf text etc=${HOST_ROOT[$1]}/etc
	[[ -e $conf ]] || conf=$SCENARIO/$host.conf
	[[ -r $conf ]] || fail "no $host.conf"
	IFS= read -rd "" text <"$conf"
	printf %s "$text" >"$etc/ipsec.conf" && : >>"$etc/ipsec.secrets" ||
		fail "$host does not take its configuration"
	# shellcheck disable=SC2086 # words on purpose
	bg "$host" ike ${PLUTO_UNDER:-} "$(ike_libexec "$host")/pluto" --config /etc/ipsec.conf --nofork \
		--logfile "/out/$host.ike.log" ${PLUTO_OPTIONS:-}
}

# pluto starts addconn, which loads every connection and then says "listen".
pluto_is_ready() {
	file_has "$OUT/$1.ike.log" "listening for IKE messages" && bg_child "$1" ike &&
		! child_of "$CHILD" addconn
}

charon_launch() {
	local host=$1 conf
	conf=$(ike_conf "$host.swanctl")
	on "$host" sh -c "
		db=sql:/var/lib/ipsec/nss; cd /etc/swanctl || exit 1
		cp $conf swanctl.conf || exit 1
		nick=\$(cat /run/nick)
		pk12util -o /run/own.p12 -n \$nick -d \$db -W latch >/dev/null || exit 1
		openssl pkcs12 -in /run/own.p12 -passin pass:latch -nodes -nocerts -out private/own.pem
		openssl pkcs12 -in /run/own.p12 -passin pass:latch -nokeys -clcerts -out x509/own.pem
		for ca in /pki/ca/*/cert.pem; do
			name=\${ca%/cert.pem}; name=\${name##*/}
			certutil -L -d \$db -n \$name >/dev/null 2>&1 && cp \$ca x509ca/\$name.pem
		done
		cat >/etc/strongswan.conf <<-END
			charon-systemd {
				load_modular = yes
				delete_rekeyed_delay = 1
				plugins {
					include strongswan.d/charon/*.conf
				}
				filelog {
					log {
						path = /out/$host.ike.log
						time_format = %b %e %T
						flush_line = yes
						default = 1
						ike = 2
					}
				}
			}
		END" >>"$OUT/$host.charon-setup.log" 2>&1 ||
		fail "strongSwan of $host has no complete configuration, see $host.charon-setup.log"
	bg "$host" ike charon-systemd
}

charon_load() {
	local host=$1
	wait_for 60 "charon of $host is there" on "$host" test -S /run/charon.vici
	on "$host" swanctl --load-all >>"$OUT/$host.charon-setup.log" 2>&1 ||
		fail "strongSwan of $host does not accept its configuration, see $host.charon-setup.log"
}

ike_shutdown() {
	whack "$1" --shutdown
}

ipsec_setup_stop() {
	on "$1" sh -c 'mkdir -p /testing/guestbin && : >/testing/guestbin/swan-prep
		SUDO_COMMAND="/bin/nsenter setup" ipsec stop' || fail "ipsec stop of $1 fails"
}

ipsec_stop() {
	ike_stop "$1" ipsec_setup_stop
}

reloads() {
	on "$1" ipsec replace "$2" && on "$1" ipsec rereadall
}

ike_stop() {
	local rc=0
	unset "IKE_RUNS[$1]"
	if [[ ${HOST_KIND[$1]} == strongswan ]]; then
		bg_kill "$1" ike TERM
	else
		"${2:-ike_shutdown}" "$1"
		bg_wait "$1" ike || rc=$?
		((rc == 0)) || ike_bad_end "$1" "$rc"
		[[ ! ${HOST_KIND[$1]} =~ ^(ours|checked)$ ]] ||
			file_has "$(ike_log "$1")" "latch: the guard is as the database says" ||
			fail "the guard of $1 is not what its database says"
	fi
}

# Stock 5.2 alone may end with a segmentation fault, about once in 200 ends, and only when it has
# given up its interfaces: it does not join its helper threads, and one that ends after PR_Cleanup()
# finds no NSPR (scenario seam-end shows it every time). That says nothing about what is tested, so
# it is noted, in sight, and not failed. Ours joins them: each bad end of ours counts.
ike_bad_end() {
	if [[ ${HOST_KIND[$1]} == stock && $2 == 139 ]] &&
		file_has "$(ike_log "$1")" "shutting down interface"; then
		echo "pluto of $1 ended with $2 after it had shut down" | tee -a "$OUT/notes"
	else
		fail "pluto of $1 ended with $2"
	fi
}

# odd_words LOG...: what pluto itself calls unexpected. That both SAs of a pair began in one and the same
# second (set_sa_info() of 5.2) is expected without a reason: they are installed one after the other. And
# the initiator of 5.2 that was answered without a child SA deletes one that has no protocol yet
# (emit_v2DELETE()), which ends that transition, and no more.
odd_words() {
	cat "$@" 2>/dev/null | grep "EXPECTATION FAILED\|ASSERTION FAILED\|runtime error" |
		grep -v -e "p2->add_time == add_time" -e "protoid == IKEv2_SEC_PROTO_NONE) (emit_v2DELETE()" \
			-e "for ESTABLISHED_IKE_SA had internal error (complete_v2_state_transition()"
}

is_odd() {
	[[ -n $(odd_words "$@") ]]
}

# Every scenario ends here. What pluto itself calls unexpected counts where our code is in it.
ike_verdict() {
	local host odd
	for host in "${!IKE_RUNS[@]}"; do
		kill -0 "${BG_PID[$host.ike]}" 2>/dev/null || fail "the IKE daemon of $host died"
	done
	# The end of ours tells whether its guard is what its database says.
	for host in "${!IKE_RUNS[@]}"; do
		[[ ! ${HOST_KIND[$host]} =~ ^(ours|checked)$ ]] || ike_stop "$host"
	done
	for host in "${HOST_NAMES[@]}"; do
		[[ ${HOST_KIND[$host]} =~ ^(ours|scripted|checked)$ ]] || continue
		odd=$(odd_words "$OUT/$host.ike.log" "$OUT/$host.ike.old.log" | head -n 1)
		[[ -z $odd ]] || fail "pluto of $host: $odd"
	done
}

ike_kill() {
	unset "IKE_RUNS[$1]"
	bg_kill "$1" ike KILL
}

ike_restart() {
	ike_stop "$1"
	ike_start "$1"
}

ike_up() {
	if [[ ${HOST_KIND[$1]} == strongswan ]]; then
		on "$1" timeout 30 swanctl --initiate --child "$2"
	else
		on "$1" timeout 30 "$(ike_libexec "$1")/whack" --name "$2" --initiate &&
			ike_established "$1" "$2"
	fi
}

ike_down() {
	if [[ ${HOST_KIND[$1]} == strongswan ]]; then
		on "$1" timeout 30 swanctl --terminate --child "$2"
	else
		on "$1" timeout 30 "$(ike_libexec "$1")/whack" --name "$2" --terminate
	fi
}

ike_established() {
	if [[ ${HOST_KIND[$1]} == strongswan ]]; then
		[[ $(on "$1" swanctl --list-sas --child "$2") == *INSTALLED* ]]
	else
		[[ $(whack "$1" --trafficstatus) == *"\"$2\""* ]]
	fi
}

facts() {
	# read from outside: entering the host for each of many questions takes longer than the answer
	local file=${HOST_ROOT[$1]}$TRACE_FILE
	[[ ! -e $file ]] || jq -c "${2:-.}" "$file"
}
