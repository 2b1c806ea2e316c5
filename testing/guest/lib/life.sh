# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# SAs come and go below one latched TCP connection, of B's port 4000 with A's port 32800, which never
# stops carrying random bytes in both directions. A is a stock peer, B runs our daemon, C is no IKE
# host. A drops what it would send to B in clear, so that the capture judges both.
#
#	life_conf HOST PEER WORD...	a configuration; the connection is all4, all6
#	life_bed			bus, daemons, tools A and B, the capture
#	life_starts			latch, connect, begin the transfer; its latch is LIFE_ID
#	goes_on "SENTENCE"		the transfer moves in both directions, its latch is ESTABLISHED
#	moves "SENTENCE" TOOL		it does, to this end; TCP that was stopped is given time to try again
#	stands_still "SENTENCE" CMD...	not a byte arrives at B; CMD prints how many packets B has dropped
#	life_spi [HOST]			SPI of the newest SA that HOST (b) receives by
#	sent_by_newest HOST		how many packets it sent by the newest SA
#	changed "SENTENCE" SPI		the transfer comes to B under another SPI than this one
#	life_ends [STATE...]		stop, compare counts and checksums; B's holder was told of these
#					changes, or of none
#	life_wire "WHAT" N		the capture: nothing in clear, none but A's and B's own SAs, of which
#					N or more carried packets of B's

# A capture shows what came by a tunnel once more, in clear: each end is judged by what it sent.
declare -A WIRE_SENT

life_conf() {
	local host=$1 peer=$2 FAMILY
	shift 2
	latch_conf "$host" "$peer.test"
	latch_conn "$host" all "$peer" "$@"
}

life_bed() {
	[[ -e $OUT/a.conf ]] || life_conf a b >"$OUT/a.conf"
	[[ -e $OUT/b.conf ]] || life_conf b a >"$OUT/b.conf"
	bus_start b
	ike_start a b
	only_protected
	tool_start a A
	tool_start b B
	answers "a program on B opens a session" ok B open
	for host in a b; do
		CAPTURE_SNAP=256 capture_start "$host" eth0 "wire-$host"
		WIRE_SENT[$host]="ether src $(mac_of "$host" eth0)"
	done
}

only_protected() {
	on a nft -f - <<-END || fail "A cannot drop what is in clear"
		table inet clear {
			chain output {
				type filter hook output priority 0
				ip daddr $(FAMILY=4 at b) tcp dport 4000 rt ipsec missing drop
				ip6 daddr $(FAMILY=6 at b) tcp dport 4000 rt ipsec missing drop
			}
		}
	END
}

life_starts() {
	connect_latched tcp wait
	LIFE=tcp$FAMILY
	LIFE_ID=$(tool_get B "$LIFE" id)
	watch_latch B "$LIFE_ID"
	read_uptime
	LIFE_MOVED=$UPTIME
	answers "A transfers" ok A stream "$LIFE"
	answers "B transfers" ok B stream "$LIFE"
	goes_on "at first"
}

# Sets UPTIME, in seconds: no clock that somebody sets.
read_uptime() {
	read -r UPTIME _ </proc/uptime
	UPTIME=${UPTIME%.*}
}

# After a gap TCP tries again when it is over as long again, at most: its waits double.
LIFE_MOVED=0
moves() {
	read_uptime
	answers "$1" "ok *" "$2" streamed "$LIFE" 20000 $((20000 + 2000 * (UPTIME - LIFE_MOVED)))
	read_uptime
}

goes_on() {
	moves "$1: it goes on to B" B
	moves "$1: it goes on to A" A
	LIFE_MOVED=$UPTIME
	check_eq "$1: the latch is established" established "$(tool_get B "$LIFE" state)"
}

has_counted() {
	local was=$1
	shift
	(($("$@") > was))
}

# What came before is read when a packet after it is dropped; from then on, until others are.
stands_still() {
	local sentence=$1 received
	shift
	wait_for 20 "$sentence: packets are dropped" has_counted "$("$@")" "$@"
	tool_ask B streamed "$LIFE" 0 0 || fail "$sentence ($ANSWER)"
	received=$ANSWER
	wait_for 20 "$sentence: others are" has_counted "$("$@")" "$@"
	answers "$sentence" "$received" B streamed "$LIFE" 0 0
}

# Pluto's numbers: of the newest child SA that is up.
life_spi() {
	facts "${1:-b}" 'select(.fact == "child-up") | .spi_in' | tail -n 1 | tr -d '"'
}

# Packets of HOST by the newest SA that it sends by.
sent_by_newest() {
	esp_packets "$1" out "$(facts "$1" 'select(.fact == "child-up") | .spi_out' | tail -n 1 | tr -d '"')"
}

is_new_spi() {
	[[ $(life_spi) != "$1" ]]
}

# One of them will do: of two that both ends set up at once the peer chooses, and where SAs do not live
# long the first new one may be gone before anybody looks.
carries_by_new() {
	local spi
	for spi in $(facts b 'select(.fact == "child-up") | .spi_in' | tr -d '"' |
		awk -v old="$1" 'is_new; $1 == old { is_new = 1 }'); do
		(($(esp_packets b in "$spi") <= 3)) || return 0
	done
	return 1
}

changed() {
	wait_for 20 "$1: there is a new SA" is_new_spi "$2"
	# after a gap TCP waits as long again, before it tries
	wait_for 40 "$1: packets come by the new SA" carries_by_new "$2"
	passed "$1: packets come by the new SA"
	goes_on "$1"
}

life_ends() {
	local -a a b
	for name in A B; do
		answers "$name sends no more" ok "$name" stream-stop "$LIFE"
	done
	answers "A has got it all" "ok *" A stream-end "$LIFE"
	read -r -a a <<<"$ANSWER"
	answers "B has got it all" "ok *" B stream-end "$LIFE"
	read -r -a b <<<"$ANSWER"
	echo "bytes=$((a[1] + b[1]))" >>"$OUT/measured"
	check_gt "it was a long transfer to B" 100000 "${b[3]}"
	check_eq "B received what A sent, to the byte" "${a[1]} ${a[2]}" "${b[3]} ${b[4]}"
	check_eq "A received what B sent, to the byte" "${b[1]} ${b[2]}" "${a[3]} ${a[4]}"
	refute "the two directions differ, as random bytes do" test "${a[2]}" = "${b[2]}"
	check_eq "what B's holder was told: ${*:-nothing}" "$*" "$(tool_alerts B "$LIFE_ID" |
		sed 's/.*"to":"\([a-z]*\)".*/\1/' | paste -sd " ")"
}

# SPIs of what both ends sent, and how many packets, with the direction as B sees it.
wire_spis() {
	local host
	for host in a b; do
		capture_count "wire-$host" "${WIRE_SENT[$host]} and (esp or udp port 4500)" >/dev/null
	done
	awk 'match($0, /ESP\(spi=0x[0-9a-f]*,/) {
			way = FILENAME ~ /wire-a/ ? "in" : "out"
			n[way " " substr($0, RSTART + 8, RLENGTH - 9)]++
		}
		END { for (spi in n) print spi, n[spi] }' "$OUT/wire-a.txt" "$OUT/wire-b.txt" | sort
}

# SPIs of all SAs that B ever had with A, or has offered to A's address and was killed before it had them.
own_spis() {
	facts b 'if .fact == "child-up" and .peer == "CN=a.test, O=latch" then
			"in \(.spi_in)", "out \(.spi_out)"
		elif .fact == "spi-get" and .src == "'"$(at a)"'" then
			"in \(.spi)"
		else
			empty
		end' | tr -d '"' | sort -u
}

strangers() {
	awk 'FILENAME == ARGV[1] { own[$0] = 1; next }
		!($1 " " $2 in own)' "$OUT/own-spis" "$OUT/wire-spis"
}

# Controls: one packet in clear, and one under an SA that is none of A's.
life_wire() {
	local clear host foreign=0x00c0ffee
	local -A count
	hears c 9	# its kernel would complain, in clear
	answers "B has a socket for what is in clear" "ok *" B socket clear udp "$FAMILY"
	answers "its peer is no peer of IPsec" ok B connect clear "$(at c)" 9
	answers "it is sent" "ok 6" B send clear 1 marker
	on b ip xfrm state add src "$(at b)" dst "$(at c)" proto esp spi $foreign mode tunnel \
		aead "rfc4106(gcm(aes))" 0x0123456789abcdef0123456789abcdef01234567 128 &&
		on b ip xfrm policy update src "$(at b)" dst "$(at c)" dir out tmpl \
			src "$(at b)" dst "$(at c)" proto esp mode tunnel || fail "no SA with C"
	answers "and one under another SA" "ok 6" B send clear 1 marker
	clear="not esp and not (udp and (port 500 or port 4500)) and not arp"
	clear+=" and not (icmp and icmp[30:2] = 500)"	# nobody hears IKE while A has no daemon
	clear+=" and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) and not ip6 proto 0"
	for host in a b; do
		check "the capture of $host lived to the end" capture_stop "wire-$host"
		count[$host]=$(capture_count "wire-$host" "${WIRE_SENT[$host]} and $clear and not port 9")
	done
	wire_spis >"$OUT/wire-spis"
	own_spis >"$OUT/own-spis"
	# counted first, then judged; the strangers are the second control
	fault_clear $((count[a] + count[b] + $(strangers | awk '{ n += $3 } END { print n - 1 }')))
	for host in a b; do
		check_eq "$1: nothing that $host sent is in clear" 0 "${count[$host]}"
	done
	check_eq "the capture shows what is in clear" 1 \
		"$(capture_count wire-b "${WIRE_SENT[b]} and $clear and udp port 9")"
	check_eq "$1: the one packet of another SA is the only one" "out $foreign 1" "$(strangers)"
	check_gt "$1: SAs that B sent by" $(($2 - 1)) "$(grep -c "^out" "$OUT/wire-spis")"
}
