# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Associations of SCTP between two addresses of A and two of B: 192.0.2.N on eth0 and 198.51.100.N on
# eth1, N is 1, 2, 3 for A, B, C. A pair is named by the last two digits of nets: 00 is that of both on
# eth0, 01 that of B on eth0 with A on eth1. B's port is 4000, A's 32800.
#
#	net_of I			192.0.2 of 0, 198.51.100 of 1
#	paths_conf			$OUT/{a,b,c}.conf: connections pair00, pair01, pair10, pair11 of A and
#					B; and unless C is a plain host its take0, take1, for an SA of a pair of
#					A's on that net
#	paths_bed			B's bus, tools A and B, daemons, captures of both nets on B
#	pair_id PAIR			the id of its latch; of the first one PATHS_FIRST, which the steps set
#	pair_is "SENTENCE" PAIR STATE	wait for that state of its latch
#	carries_pair PAIR		for polling: B's SA of that connection has sent packets
#	paths_end "WHAT"		not a packet of B's in clear on either net, nor under an SA of C

PATHS_FIRST=0
PATHS_NETS=(192.0.2 198.51.100)

net_of() {
	echo "${PATHS_NETS[$1]}"
}

# pair_conn HOST PEER LOCAL REMOTE: of the host's net and the peer's; outside goes what the host sends from
pair_conn() {
	local -A nr=([a]=1 [b]=2)
	local pair=$3$4
	[[ $1 == b ]] || pair=$4$3
	printf '\nconn pair%s\n    rightid="CN=%s.test, O=latch"\n' "$pair" "$2"
	printf '    left=%s.%s\n    right=%s.%s\n' "$(net_of "${pair:0:1}")" "${nr[$1]}" \
		"$(net_of "${pair:0:1}")" "${nr[$2]}"
	printf '    leftsubnet=%s.%s/32\n    rightsubnet=%s.%s/32\n' "$(net_of "$3")" "${nr[$1]}" \
		"$(net_of "$4")" "${nr[$2]}"
}

paths_conf() {
	local i j
	for host in a b c; do
		latch_conf $host b.test >"$OUT/$host.conf"
	done
	for i in 0 1; do
		for j in 0 1; do
			pair_conn b a $i $j >>"$OUT/b.conf"
			pair_conn a b $j $i >>"$OUT/a.conf"
		done
	done
	[[ ${HOST_KIND[c]} == plain ]] || paths_conf_of_c
}

paths_conf_of_c() {
	local i
	for i in 0 1; do
		printf '\nconn any%s\n    rightid="CN=c.test, O=latch"\n    left=%s.2\n' $i "$(net_of $i)"
		printf '    right=%s.3\n    rightsubnet=%s.1/32\n    narrowing=yes\n' "$(net_of $i)" "$(net_of $i)"
	done >>"$OUT/b.conf"
	for i in 0 1; do
		printf '\nconn take%s\n    left=%s.3\n    leftsubnet=%s.1/32\n    right=%s.2\n' $i \
			"$(net_of $i)" "$(net_of $i)" "$(net_of $i)"
		printf '    leftprotoport=132/32800\n    rightprotoport=132/4000\n'
	done >>"$OUT/c.conf"
}

# Faults are noticed in a second, not in half a minute; addresses may be added without AUTH (RFC 5061),
# because ESP has authenticated whoever says so. But an association all of whose paths are blocked shall
# not end before the steps have looked: heartbeats of four paths are five errors a second, and ten are the
# default. When B has closed, it ends after so many; of A's end nobody asks.
paths_bed() {
	local -A errors=([a]=1000 [b]=40)
	local host
	paths_conf
	for host in a b; do
		on $host sh -c 'cd /proc/sys/net/sctp && echo 300 >rto_initial && echo 200 >rto_min &&
			echo 300 >rto_max && echo 1 >path_max_retrans && echo 500 >hb_interval &&
			echo "$1" >association_max_retrans &&
			echo 1 >addip_enable && echo 1 >addip_noauth_enable' - "${errors[$host]}" ||
			fail "no SCTP on $host"
	done
	bus_start b
	# shellcheck disable=SC2046 # a word or none
	ike_start a b $([[ ${HOST_KIND[c]} == plain ]] || echo c)
	tool_start a A
	tool_start b B
	answers "a program on B opens a session" ok B open
	for host in 0 1; do
		CAPTURE_SNAP=256 capture_start b eth$host wire$host
	done
}

# Sets PAIR, without a process. Its records say which pair it is of; of the first one its holder was told
# in the answer.
pair_find() {
	local line pattern
	pattern="event *\"local_address\":\"${PATHS_NETS[${1:0:1}]}.2\"*"
	pattern+="\"remote_address\":\"${PATHS_NETS[${1:1:1}]}.1\"*"
	PAIR=$PATHS_FIRST
	while IFS= read -r line; do
		# shellcheck disable=SC2053 # a pattern on purpose
		[[ $line == $pattern && $line =~ \"id\":([0-9]+) ]] && PAIR=${BASH_REMATCH[1]}
	done <"$OUT/b.B.log"
}

pair_id() {
	local PAIR
	pair_find "$1"
	echo "$PAIR"
}

# The tool reads its records when it is asked something.
is_pair() {
	tool_ask B get "$PATHS_FIRST" state
	pair_find "$1"
	tool_ask B get "$PAIR" state && [[ $ANSWER == "ok $2" && ($1 == 00 || $PAIR != "$PATHS_FIRST") ]]
}

pair_is() {
	wait_for 10 "$1" is_pair "$2" "$3"
	passed "$1"
}

carries_pair() {
	local spi
	spi=$(facts b "select(.fact == \"child-up\" and .conn == \"pair$1\") | .spi_out" | tail -n 1 | tr -d '"')
	[[ -n $spi ]] && (($(esp_packets b out "$spi") > 0))
}

paths_end() {
	local quiet i
	quiet="not esp and not udp port 500 and not udp port 9 and not arp"
	quiet+=" and not ip6"
	for i in 0 1; do
		answers "B has a socket for what is in clear" "ok *" B socket clear$i udp 4
		answers "its peer is no peer of IPsec" ok B connect clear$i "$(net_of $i).3" 9
		answers "it is sent" "ok 6" B send clear$i 1 marker
		check "the capture of net $i lived to the end" capture_stop wire$i
		check_eq "the capture of net $i shows what is in clear" 1 \
			"$(capture_count wire$i "src host $(net_of $i).2 and udp port 9")"
		check_gt "the capture of net $i shows ESP" 3 \
			"$(capture_count wire$i "src host $(net_of $i).2 and esp")"
		check_eq "$1: B sent nothing in clear on net $i" 0 \
			"$(capture_count wire$i "(src host 192.0.2.2 or src host 198.51.100.2) and $quiet")"
		check_eq "$1: B sent nothing under an SA of C on net $i" 0 \
			"$(capture_count wire$i "esp and dst host $(net_of $i).3")"
	done
}
