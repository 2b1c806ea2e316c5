# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What a pluto computes, ours beside stock ones, in a guest whose clock counts instructions
# (GUEST_ACCEL=icount, testing/guest/boot-qemu): those of the kernel on its behalf and of all its
# threads are in it, those of interrupts are not.
#
#	counts_instructions		ends the scenario where the clock does not
#	instructions HOST		sets INSTRUCTIONS to those of its pluto until now, as soon as it rests
#	tell PHASE COLUMN WHAT [GOAL]	to the notes: a column of the lines of PHASE in $OUT/rounds beside
#				column 3, as the benches of the host do. TELL_GROUP, TELL_OF and TELL_EACH
#				say of what these are instructions, and how many of them a round has. The
#				goals are for time, which this is not: no verdict (testing/bench/README.md)

# A nanosecond is an instruction there; the processor of another guest has its own frequency.
counts_instructions() {
	[[ $(dmesg | sed -n "s/.*tsc: Detected \([0-9]*\).*/\1/p") =~ ^(999|1000)$ ]] ||
		skip "needs a guest that counts instructions: GUEST_ACCEL=icount"
}

# What the kernel says of its SAs and policies is read after all else, without a sign to others.
instructions() {
	local file ns rest was=
	INSTRUCTIONS=
	bg_child "$1" ike || fail "$1 has no pluto"
	until [[ -n $was && $was == "$INSTRUCTIONS" ]]; do
		pause
		was=$INSTRUCTIONS INSTRUCTIONS=0
		for file in /proc/"$CHILD"/task/*/schedstat; do
			read -r ns rest <"$file"
			INSTRUCTIONS=$((INSTRUCTIONS + ns))
		done
	done
}

tell() {
	awk -v phase="$1" -v column="$2" -v what="$3" -v goal="${4:-}" -v each="$TELL_EACH" \
		-v group="$TELL_GROUP" -v of="$TELL_OF" '
		function sort(v, n,  i, j, x) {
			for (i = 2; i <= n; i++) {
				x = v[i]
				for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]
				v[j + 1] = x
			}
			return v[int((n + 1) / 2)]
		}
		$1 == phase { n++; over[n] = $column; under[n] = $3
			ratio[n] = $column / $3 }
		END {
			over_m = sort(over, n); under_m = sort(under, n); m = sort(ratio, n)
			said = "no goal"
			if (goal != "")
				said = "goal <= " goal " of CPU time"
			printf "    instructions of %s, median: %.0f, stock %.0f\n", of, over_m, under_m
			printf "%-3s %-57s %10.4g     %s  (%.4g to %.4g, %d rounds of %d)\n",
				group, what, m, said, ratio[1], ratio[n], n, each
		}' "$OUT/rounds" >>"$OUT/notes"
}
