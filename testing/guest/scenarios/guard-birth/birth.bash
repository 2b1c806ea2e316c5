# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The births of one family, over UDP: round FAMILY LISTENER-ADDRESS.

born() {
	on b guard born udp "$(address b)" 4000 "$(address a)" "$1" | sort | xargs
}

# admit REQID LISTENER: its connections may begin under SAs of this reqid
admit() {
	local reqid=$1
	shift
	check "it admits SAs of reqid $reqid" on b guard pin in "$reqid" "$@"
}

round() {
	local dropped
	FAMILY=$1
	hears b 4000
	hears b 4005
	sa a b 0x101 101
	sa a b 0x301 103
	sa b a 0x102 101

	check "the guard without birth rules" on b guard install without=birth
	check "a listener" on b guard listen udp "$2" 4000
	is_open "IPv$1: without the rule clear datagrams reach the listener" 4001
	send_by a b 103
	is_open "IPv$1: and so do those of an SA that it does not admit" 4001
	send_clear a b

	check "the guard, which forgets who began" on b guard install without=born
	check "a listener" on b guard listen udp "$2" 4000
	admit 101 udp "$2" 4000
	admit 103 udp "$2" 4000
	send_by a b 101
	is_open "IPv$1: a datagram under an SA is a birth" 4002
	send_by a b 103
	is_open "IPv$1: without the rule another SA goes on with it" 4002
	send_clear a b

	check "the guard" on b guard install
	check "a listener" on b guard listen udp "$2" 4000
	is_shut "IPv$1: a clear datagram is no birth" 4003
	check_eq "IPv$1: and leaves no trace" "" "$(born 4003)"
	send_by a b 101
	is_shut "IPv$1: nor is one of an SA that the listener does not admit" 4003
	check_eq "IPv$1: which leaves no trace either" "" "$(born 4003)"
	admit 101 udp "$2" 4000
	is_open "IPv$1: a birth" 4003
	check_eq "IPv$1: its reqid is known" 101 "$(born 4003)"
	is_open "IPv$1: it goes on" 4003
	send_by a b 103
	is_shut "IPv$1: another SA does not go on with it" 4003
	check_eq "IPv$1: it has one reqid" 101 "$(born 4003)"
	dropped=$(dropped b in_birth)
	is_shut "IPv$1: and begins none of its own" 4004
	check_eq "IPv$1: a drop is counted" $((dropped + 1)) "$(dropped b in_birth)"
	admit 103 udp "$2" 4000
	is_open "IPv$1: another connection begins under that SA" 4004
	check_eq "IPv$1: and has its reqid" 103 "$(born 4004)"
	check_gt "IPv$1: drops are counted" 1 "$(dropped b in_birth)"

	check "that SA is over" on b guard retire in 103 udp "$2" 4000
	is_shut "IPv$1: nothing begins under it any more" 4007
	is_open "IPv$1: what was born goes on" 4004
	admit 103 udp "$2" 4000
	is_open "IPv$1: until it comes again" 4007

	check "births end" on b guard block udp "$2" 4000
	is_shut "IPv$1: no birth on a blocked listener" 4006
	is_open "IPv$1: what was born goes on" 4004
	check "it goes on listening" on b guard listen udp "$2" 4000
	is_shut "IPv$1: and still there is no birth" 4006
	admit 103 udp "$2" 4000
	is_open "IPv$1: births again" 4006
	check "its flow is latched" on b guard flow udp "$(address b)" 4000 "$(address a)" 4006
	is_shut "IPv$1: born or not, a flow without a pin drops" 4006
	check_eq "IPv$1: what was learnt is still known" 103 "$(born 4006)"
	check "the pin from it" on b guard pin in 103 udp "$(address b)" 4000 "$(address a)" 4006
	is_open "IPv$1: pinned" 4006
	check "nobody listens" on b guard unguard udp "$2" 4000
	check_eq "IPv$1: births are forgotten" "" "$(born 4004)"
	send_clear a b
	is_open "IPv$1: without listener, in clear" 4003
}

is_open() {
	arrives "$1" a "$2" b 4000
}

# The marker goes to another port of b.
is_shut() {
	SAID=$((SAID + 1))
	say a "$2" b 4000 "word $SAID." 2>/dev/null
	say a 9 b 4005 "marker $SAID." || fail "no marker"
	wait_for 5 "the marker after: $1" heard b "marker $SAID."
	refute "$1" heard b "word $SAID."
}
