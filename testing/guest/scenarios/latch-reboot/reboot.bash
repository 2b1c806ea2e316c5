# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
#	in_doubt			number of questions that B has asked so far
#	is_asked N			B has asked more than so many
#	is_answered N			A has answered more than so many
#	all_answered			A has answered on each IKE SA it was asked on
#	lives "SENTENCE" CMD...		CMD makes A say INITIAL_CONTACT; B asks, A answers
#	rebooted CONN			A is, with tcp6 and udp4 latched at B, and comes back with CONN

in_doubt() {
	grep -c "asking whether the peer still knows" "$(ike_log b)"
}

# B asks as it sets up its end of an IKE SA, of which A's has been up for a while then.
is_asked() {
	(($(in_doubt) > $1))
}

nr_answered() {
	facts b 'select(.fact == "ike-alive")' | wc -l
}

is_answered() {
	(($(nr_answered) > $1))
}

all_answered() {
	facts b 'select(.fact == "ike-alive") | .ike' >"$OUT/answered"
	sed -n 's/.* #\([0-9]*\): latch: INITIAL_CONTACT: asking.*/\1/p' "$(ike_log b)" >"$OUT/asked"
	[[ -s $OUT/asked ]] && ! grep -qvxFf "$OUT/answered" "$OUT/asked"
}

lives() {
	local sentence=$1 asked answered
	shift
	asked=$(in_doubt) answered=$(nr_answered)
	check "$sentence" "$@"
	wait_for 10 "$sentence: B asks" is_asked "$asked"
	passed "$sentence: B asks whether A knows the one before"
	wait_for 10 "$sentence: A does" is_answered "$answered"
	passed "$sentence: A does"
}

# What a host loses in a reboot, and that it does not say so. An unplugged one would keep its FIN.
lose_everything() {
	on a nft -f - <<-END || fail "A cannot be silenced"
		table inet silence {
			chain output { type filter hook output priority -500; policy drop; }
			chain input { type filter hook input priority -500; policy drop; }
		}
	END
	ike_kill a
	tool_end A KILL
	on a ss -K -Htun >/dev/null
	check_eq "A has no sockets any more" "" "$(on a ss -Htun "( sport = :32800 )")"
	check "A has no SAs any more" on a ip xfrm state flush
	check "and no policies" on a ip xfrm policy flush
	check "A can speak again" on a nft delete table inet silence
	ike_start a
	tool_start a A
}

rebooted() {
	local name asked
	FAMILY=6 connect_latched tcp wait
	FAMILY=4 connect_latched udp wait
	lose_everything
	asked=$(in_doubt)
	check "A is back, and sets up SAs" ike_up a "$1"
	wait_for 10 "B asks" is_asked "$asked"
	passed "B asks whether A knows those before"
	for name in tcp6 udp4; do
		id=$(tool_get B $name id)
		answers "$name: A does not, and it is broken (K19 T8)" "ok broken" \
			B wait $name broken 20000
		tool_hears "$name: its owner is told" B "$id" broken
		check_eq "$name: because of the peer" "established peer-dead" \
			"$(tool_alert B "$id" broken from) $(tool_alert B "$id" broken cause)"
		check_eq "$name: for good (K19)" true "$(tool_get B $name for_good)"
	done
	answers "udp4: nothing can be sent" "error EPERM *" B send udp4 1 late
	answers "tcp6: TCP waits" "ok 5" B send tcp6 1 later

	if [[ $1 != all4 ]]; then
		check "A gives up its other address" whack a --name "$1" --delete
		check "A sets up SAs from its first address" ike_up a all4
	fi
	marker_open
	speaks "the new SAs carry data" A mark4 B mark4
	answers "the port is A's again" "ok *" A socket udp4 udp 4
	answers "it is bound" ok A bind udp4 "$(at a)" 32800
	answers "it is connected" ok A connect udp4 "$(at b)" 4000
	is_mute "udp4: nothing of the new A arrives (K46)" A udp4 B udp4
	answers "B lets go of the dead latch" "ok *" B release udp4
	answers "and makes another one of the same flow" "ok *" B latch udp4 late
	speaks "udp4: which carries data to A" B udp4 A udp4
	check_eq "and is as good as any" established "$(tool_get B udp4 state)"
}
