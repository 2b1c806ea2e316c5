# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The example of RFC 5660 section 2.3.2, as far as both of its endings have it in common: A and B talk
# under ESP; A drops off; C has A's address but no SA. Scenarios attack-stock and attack-latched go on
# from there.
#
#	story_begin OPTION...	until C has A's address; options of B's program
#	story_c_is_in		C proves who it is, and B accepts its Child SA for A's connection

A=192.0.2.1 B=192.0.2.2
WANT=40000	# bytes C is to steal: many round trips, so B believes its ACKs
LINE=64	# bytes of one secret

# word FILE KEY: the last value of KEY= in a file
word() {
	sed -n "s/.*[ ^]$2=\([^ ]*\).*/\1/p; s/^$2=\([^ ]*\).*/\1/p" "$1" | tail -n 1
}

at_least() {
	[ "${2:--1}" -ge "$1" ]
}

client_has_lines() {
	at_least "$1" "$(word "$OUT/a.client.log" lines)"
}

# inbound_spi HOST: the SPI of the newest SA on which HOST receives from B
inbound_spi() {
	on "$1" ip xfrm state list src "$B" dst "$A" | awk '$1 == "proto" { spi = $4 }
		END { sub(/\(.*/, "", spi); print spi }'
}

# counted HOST SPI bytes|packets: what an SA from B to A's address carried so far
counted() {
	on "$1" ip -s xfrm state get src "$B" dst "$A" proto esp spi "$2" |
		awk -v what="$3" '/bytes\), [0-9]+\(packets\)$/ && !/limit/ {
			split($0, n, /[^0-9]+/); print what == "bytes" ? n[2] : n[3] }'
}

# B's own log: whom the IKE SA authenticated
authenticated() {
	grep -q "authenticated peer certificate .*CN=$1" "$(ike_log b)"
}

# authenticated_last: the name in the last certificate that B accepted
authenticated_last() {
	sed -n "s/.*authenticated peer certificate '\([^']*\)'.*/\1/p" "$(ike_log b)" | tail -n 1
}

# policy HOST WORD...: priority and reqid of the outbound policy whose selector line has these words
policy() {
	local host=$1
	shift
	on "$host" ip xfrm policy | awk -v want="$*" '
		/^src/ { sub(/ *$/, ""); sub(/proto tcp/, "proto 6"); hit = $0 == want }
		hit && $1 == "dir" { out = $2 == "out"; prio = $4 }
		hit && out && $1 == "proto" { print prio, $4; exit }'
}

more_than() {
	local was=$1
	shift
	[ "$("$@")" -gt "$was" ]
}

neighbour_is() {
	on "$1" ip neigh show "$2" | grep -q "lladdr $3"
}

story_begin() {
	ike_start a b c
	measure version "$(sed -n 's/.*Libreswan Version \([^ ]*\).*/\1/p' "$(ike_log b)" | head -n 1)"
	check "A and B set up IPsec" ike_up a story
	check "B knows its peer as A" authenticated a.test
	measure a_name "$(authenticated_last)"
	a_spi=$(inbound_spi a)
	capture_start b e0 talk
	bg b server secret-server "$@" -l "$LINE" "$B" 4000
	wait_for 20 "B's program listens" grep -q listening "$OUT/b.server.log"
	bg a client secret-client -p 10 "$A" 32800 "$B" 4000
	wait_for 30 "A's program has 60 secrets" client_has_lines 60
	check "the capture lived to the end (talk)" capture_stop talk
	check_eq "B puts nothing of the connection on the wire in clear" 0 \
		"$(capture_count talk "src host $B and tcp")"
	check "B sent ESP" at_least 10 "$(capture_count talk "src host $B and esp")"
	measure talk_esp_packets "$(capture_count talk "src host $B and esp")"
	measure talk_clear_packets "$(capture_count talk "src host $B and tcp")"

	# A drops off. Its program is stopped after the link, so that it can report without being heard.
	link_down a e0
	bg_kill a client
	check "A's program reported" grep -q ^ended "$OUT/a.client.log"
	a_bytes=$(word "$OUT/a.client.log" bytes)
	a_last=$((10#$(word "$OUT/a.client.log" last)))
	measure a_bytes "$a_bytes"
	measure a_lines "$(word "$OUT/a.client.log" lines)"
	measure a_last "$a_last"

	# C takes the address and announces it. Its kernel's answer to a connection it does not know, RST,
	# must not reach B.
	check "C keeps its own TCP silent" on c nft -f - <<'NFT'
table inet silent {
	chain output {
		type filter hook output priority 0;
		tcp flags rst drop
	}
}
NFT
	move_address a c "$A/24"
	capture_start b e0 theft
	capture_start c e0 alone
	bg c alone takeover -n "$WANT" "$B" 4000 "$A" 32800
	wait_for 10 "C listens for A's connection" grep -q ready "$OUT/c.alone.log"
	wait_for 10 "B sends what is for A to C" neighbour_is b "$A" "$(mac_of c e0)"
	sent=$(esp_packets b out)
	wait_for 30 "B repeats what A did not confirm" more_than "$sent" esp_packets b out
	check "the capture lived to the end (alone)" capture_stop alone
	bg_kill c alone
	check "B's packets reach C" at_least 1 "$(capture_count alone "src host $B and esp")"
	check_eq "with A's address alone C reads nothing" 0 "$(word "$OUT/c.alone.log" distinct)"
	measure alone_esp_packets "$(capture_count alone "src host $B and esp")"
	measure alone_stolen "$(word "$OUT/c.alone.log" stolen)"
}

story_c_is_in() {
	# C sets up a Child SA of its own, for this one connection.
	refute "B has not heard of C yet" authenticated c.test
	check "C's pluto uses its new address" whack c --listen
	check "B accepts C's proposal for A's connection" ike_up c story
	check "B knows that this peer is C" authenticated c.test
	measure c_name "$(authenticated_last)"
}
