# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# C, of the kind `scripted`, says to B what no IKE daemon says (scenarios latch-malformed*).
#
#	spoil_start			before ike_start: C hears scripts
#	spoil EXCHANGE OPERATION...	C's next message goes with all these operations, whatever it is
#					(testing/guest/scripted/pl_spoil.h)
#	spoiled OPERATION...		it went
#	spoil_bed			all daemons, and a connection of B with A that is latched
#	says "SENTENCE" WHAT EXCHANGE OPERATION...	C is asked for SPOIL_ASK (whack's words), its
#					message goes with these operations, and B's log says WHAT of
#					it; then C gives up all that it has with B
#	says_keyed			likewise, when C has an IKE SA and a child SA with B
#	still_carries "WHEN"			the latched connection goes on
#	spoil_end			nothing went in clear, nothing of C's is left, and B's pluto lost nothing
#
# Selectors in hexadecimal: SPOIL_ONE is one of IPv4 with any protocol, behind which ports and the
# addresses from and to belong: SPOIL_ANY, and SPOIL_C, of C alone.

SPOIL_NR=0 SPOIL_SEEN=0 SPOIL_ASK="--name one4 --initiate --asynchronous"
SPOIL_AUTH=35 SPOIL_CHILD=36 SPOIL_INFORM=37
SPOIL_ONE=0100000007000010 SPOIL_ANY=0000ffff SPOIL_C=c0000203c0000203

spoil_start() {
	on c mkfifo /run/script
	HOST_ENV+=("PL_SCRIPT_FIFO=/run/script")
}

spoil() {
	SPOIL_NR=$((SPOIL_NR + 1))
	echo "spoil $SPOIL_NR $*" >"${HOST_ROOT[c]}/run/script"
	wait_for 10 "the script is heard" file_has "$(ike_log c)" "script: spoil $SPOIL_NR: done"
}

spoiled() {
	grep -q "script: spoil $SPOIL_NR: $# of $#" "$(ike_log c)"
}

said() {
	tail -n +$((SPOIL_SEEN + 1)) "$(ike_log b)" | grep "$1" >/dev/null
}

free_of_c() {
	[[ $(on b ip xfrm state) != *192.0.2.3* && $(whack c --showstates) != *e4\"* ]]
}

# C's pluto tries again by itself, perhaps after it was told to end. What it ends while B answers
# IKE_AUTH stays with B until C is there anew (uniqueids=yes).
gone() {
	local name try
	for name in more4 one4; do
		whack c --name $name --terminate
	done
	for ((try = 0; try < 20; try++)); do
		free_of_c && return
		pause
	done
	ike_up c one4
	return 1
}

says() {
	local sentence=$1 what=$2
	shift 2
	SPOIL_SEEN=$(wc -l <"$(ike_log b)")
	spoil "$@"
	# shellcheck disable=SC2086 # words on purpose
	whack c $SPOIL_ASK
	wait_for 20 "$sentence: B's log says why" said "$what"
	shift
	check "$sentence" spoiled "$@"
	wait_for 20 "nothing is left of it" gone
}

says_keyed() {
	check "C has an IKE SA and a child SA" ike_up c one4
	says "$@"
}

unbroken() {
	! tool_last_alert B "$(tool_get B tcp4 id)" broken
}

still_carries() {
	check_eq "$1: the latch is established" established "$(tool_get B tcp4 state)"
	check "$1: nobody heard of a break" unbroken
	speaks "$1: A's transfer goes on" A tcp4 B tcp4
	speaks "$1: and back" B tcp4 A tcp4
}

nr_descriptors() {
	bg_child b ike && ls "/proc/$CHILD/fd" | wc -l
}

# C gives up attempts that B waits for, for a while.
nr_states() {
	whack b --showstates | grep -c established
}

spoil_bed() {
	on b sh -c 'printf "[latch]\nconflict = narrow\n" >/etc/latch.conf'
	{
		latch_conf c b.test
		latch_conn c one b retransmit-timeout=5s
		latch_conn c more b retransmit-timeout=5s leftprotoport=udp/5000 rightprotoport=udp/5000
	} | sed '/leftsubnet/d' >"$OUT/c.conf"
	spoil_start
	PLUTO_OPTIONS=--leak-detective
	latch_bed
	check "UBSAN is in B's daemon" on b grep -q __ubsan_handle /usr/local/libexec/ipsec/pluto
	check "A sets up SAs" ike_up a all4
	marker_open
	wire_start
	connect_latched tcp
	check "C has SAs once, as anybody" ike_up c one4
	wait_for 20 "it gives them up" gone
	SPOIL_STATES=$(nr_states) SPOIL_DESCRIPTORS=$(nr_descriptors)
	echo "states: $SPOIL_STATES, descriptors: $SPOIL_DESCRIPTORS"
}

spoil_end() {
	wire_end "none of it"
	check_eq "B has as many SAs as before" "$SPOIL_STATES" "$(nr_states)"
	check_eq "B's pluto has as many descriptors as before" "$SPOIL_DESCRIPTORS" "$(nr_descriptors)"
	ike_stop b
	check "B's pluto lost nothing" grep -q "leak detective found no leaks" "$(ike_log b)"
}

# proposal PROTOCOL SPI TRANSFORM...: the only one of an SA payload; transforms without their headers
proposal() {
	local transforms= last=3 length
	local -i nr=$(($# - 2)) i=0
	for transform in "${@:3}"; do
		i+=1
		((i < nr)) || last=0
		transforms+=$(printf '%02x00%04x%s' $last $((${#transform} / 2 + 4)) "$transform")
	done
	length=$((8 + (${#2} + ${#transforms}) / 2))
	printf '0000%04x01%02x%02x%02x%s%s' $length "$1" $((${#2} / 2)) $nr "$2" "$transforms"
}

# an SPI by which B sends to A
spi_of_a() {
	on b ip xfrm state | awk '/^src 192.0.2.2 dst 192.0.2.1/ { hit = 1 }
		hit && $1 == "proto" { print substr($4, 3); exit }'
}
