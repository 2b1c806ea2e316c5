# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Faults under latched connections, counted for testing/faults.md (testing/faults makes it).
#
#	$FAULT_ROUNDS			how often steps that can have their faults once more in the same bed have
#					them: 1, and in `make faults` what the line "rounds:" of `about` says
#	within MS			an instant of the next so many milliseconds, by chance
#	watch_latch TOOL ID		settles asks about it, too (life.sh: about LIFE_ID)
#	strike "FAULT" CMD...		the fault, at such an instant
#	strike_now "FAULT" CMD...	the fault, where the steps have chosen the instant
#	settles "FAULT"			first waits, then counts, then judges: every latch goes on ESTABLISHED
#					(life.sh: its transfer, too), or its program was told since the fault
#	sets_up "SENTENCE"		A ends its SAs, and sets up others
#	mends "SENTENCE"		the latch is ESTABLISHED again, the transfer goes on
#	fault_clear N			so many packets of all latches of this scenario were in clear, or under
#					an SA of somebody else (life_wire and wire_end say it)
#
# Rows go to $OUT/faults when they are known, so that what is red is in the table, too:
#	FAULT <tab> struck|lost|clear|control <tab> TIMES <tab> N

declare -A FAULT_TIMES FAULT_NOTICES
FAULT_LATCHES=()
FAULT_ROUNDS=1
[[ ! -s $OUT/rounds ]] || FAULT_ROUNDS=$(<"$OUT/rounds")

FAULT_SEED=$(od -An -N2 -tu2 /dev/urandom)
FAULT_SEED=$((FAULT_SEED))
RANDOM=$FAULT_SEED

fault_row() {
	printf '%s\t%s\t%d\t%d\n' "$@" >>"$OUT/faults"
}

within() {
	local line ms=$((RANDOM % $1))
	log "after $ms ms (seed $FAULT_SEED)"
	read -rt "$((ms / 1000)).$(printf %03d $((ms % 1000)))" line <>/run/scenario/never || true
}

watch_latch() {
	[[ $2 =~ ^[0-9]+$ ]] || fail "there is no latch '$2' to watch"
	FAULT_LATCHES+=("$1 $2")
}

# What TOOL was told so far of its latch: that it is not ESTABLISHED, or that nobody will tell.
notices() {
	grep -cE '^event .*("type":"alert","id":'"$2"',.*"to":"(broken|closed)|"type":"(end|away)")' \
		"$(tool_log "$1")"
}

strike() {
	within 300
	strike_now "$@"
}

strike_now() {
	local fault=$1 latch
	shift
	for latch in "${FAULT_LATCHES[@]}"; do
		# shellcheck disable=SC2086 # words on purpose
		FAULT_NOTICES[$latch]=$(notices $latch)
	done
	read_uptime
	FAULT_BEGAN=$UPTIME
	"$@" || fail "the fault did not happen: $fault"
	FAULT_TIMES[$fault]=$((${FAULT_TIMES[$fault]:-0} + 1))
	fault_row "$fault" struck 1 0
}

# By the command, because a session ends with its daemon.
life_state() {
	on b latchctl show "$LIFE_ID" --json | jq -r .state
}

is_established() {
	[[ $(life_state) == established ]]
}

# ESTABLISHED alone would be true until the daemon has seen the fault.
is_settled() {
	# shellcheck disable=SC2086 # words on purpose
	(($(notices $1) > FAULT_NOTICES[$1])) ||
		{ [[ $1 == "B ${LIFE_ID:-none}" ]] && is_established && tool_ask B streamed "$LIFE" 20000 2000; }
}

# As patient as moves(): a fault that took long has left TCP with a long wait.
settles() {
	local latch lost=0 until
	read_uptime
	until=$((UPTIME + 30 + 2 * (UPTIME - FAULT_BEGAN)))
	((${#FAULT_LATCHES[@]} > 0)) || fail "no latch is watched"
	for latch in "${FAULT_LATCHES[@]}"; do
		until is_settled "$latch"; do
			read_uptime
			((UPTIME <= until)) || {
				lost=$((lost + 1))
				break
			}
			pause
		done
	done
	fault_row "$1" lost 1 $lost
	check_eq "$1: latches lost without notice" 0 $lost
}

sets_up() {
	check "$1: A ends its SAs" ike_down a "all$FAMILY"
	check "$1: A sets up others" ike_up a "all$FAMILY"
}

mends() {
	wait_for 30 "$1: the latch is established again" is_established
	moves "$1: it goes on" B
	LIFE_MOVED=$UPTIME
}

fault_clear() {
	local fault
	for fault in "${!FAULT_TIMES[@]}"; do
		fault_row "$fault" clear "${FAULT_TIMES[$fault]}" "$1"
	done
	FAULT_TIMES=()
}
