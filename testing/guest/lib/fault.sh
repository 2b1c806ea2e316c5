# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Faults under the transfer of life.sh, counted for testing/faults.md (testing/faults makes it).
#
#	within MS			an instant of the next so many milliseconds, by chance
#	strike "FAULT" CMD...		the fault, at such an instant
#	settles "FAULT"			its latch is ESTABLISHED, or its program was told that it is not
#	sets_up "SENTENCE"		A ends its SAs, and sets up others
#	mends "SENTENCE"		the latch is ESTABLISHED again, the transfer goes on
#	faults_end			after life_wire: one row for each
#	stock_bed			the control: D sends to E, stock peers, a ping every 10 ms; one captures
#	stock_leaks "FAULT"		ends it: packets of D were in clear

declare -A FAULT_TIMES FAULT_LOST

FAULT_SEED=$(od -An -N2 -tu2 /dev/urandom)
FAULT_SEED=$((FAULT_SEED))
RANDOM=$FAULT_SEED

within() {
	local line ms=$((RANDOM % $1))
	log "after $ms ms"
	read -rt "$((ms / 1000)).$(printf %03d $((ms % 1000)))" line <>/run/scenario/never || true
}

strike() {
	local fault=$1
	shift
	within 300
	"$@" || fail "the fault did not happen: $fault"
	FAULT_TIMES[$fault]=$((${FAULT_TIMES[$fault]:-0} + 1))
}

# By the command, because a session ends with its daemon.
life_state() {
	on b latchctl show "$LIFE_ID" --json | jq -r .state
}

is_established() {
	[[ $(life_state) == established ]]
}

is_told() {
	local state
	state=$(life_state)
	[[ $state == established ]] || tool_last_alert B "$LIFE_ID" "${state:-none}"
}

settles() {
	: "${FAULT_LOST[$1]:=0}"
	is_told || FAULT_LOST[$1]=$((FAULT_LOST[$1] + 1))
	check_eq "$1: the program was told" 0 "${FAULT_LOST[$1]}"
}

sets_up() {
	check "$1: A ends its SAs" ike_down a "all$FAMILY"
	check "$1: A sets up others" ike_up a "all$FAMILY"
}

mends() {
	wait_for 30 "$1: the latch is established again" is_established
	answers "$1: it goes on" "ok *" B streamed "$LIFE" 20000 20000
}

faults_end() {
	local fault
	for fault in "${!FAULT_TIMES[@]}"; do
		printf '%s\t%d\t%d\t%d\n' "$fault" "${FAULT_TIMES[$fault]}" "$LIFE_CLEAR" \
			"${FAULT_LOST[$fault]}"
	done >>"$OUT/faults"
	echo "seed $FAULT_SEED" >>"$OUT/notes"
}

stock_conf() {
	latch_conf "$1" "$2.test"
	printf '\nconn all\n    left=192.0.2.%d\n    right=192.0.2.%d\n    auto=%s\n' "$3" "$4" "$5"
}

stock_bed() {
	stock_conf d e 4 5 start >"$OUT/d.conf"
	stock_conf e d 5 4 add >"$OUT/e.conf"
	ike_start e d
	check "D and E, stock peers, have SAs" ike_up d all
	capture_start d eth0 wire-d
	bg d ping ping -q -i 0.01 192.0.2.5
}

stock_leaks() {
	local clear
	bg_kill d ping INT
	check "the capture of D lived to the end" capture_stop wire-d
	clear=$(capture_count wire-d "src host 192.0.2.4 and icmp")
	check_gt "$1: stock pluto's packets in clear" 0 "$clear"
	printf '%s\tstock\t%d\n' "$1" "$clear" >>"$OUT/faults"
}
