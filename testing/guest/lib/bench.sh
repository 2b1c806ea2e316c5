# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# How long a pluto is busy (testing/guest/programs/busy.c), ours beside stock ones.
#
#	$BUSY_UNDER		for PLUTO_UNDER: it counts, with nhelpers=0
#	busy_ns HOST		so long until now
#	idle HOST		us per s without a message
#	tell PHASE COLUMN WHAT [GOAL]	to the notes: a column of the lines of PHASE in $OUT/rounds beside
#				column 3, as the benches of the host do. TELL_GROUP, TELL_OF and TELL_EACH
#				say of what these are times, and how many of them a round has

BUSY_FILE=/run/busy
BUSY_UNDER="LD_PRELOAD=/top/build/guest/bin/busy BUSY_FILE=$BUSY_FILE"

busy_ns() {
	od -An -t u8 -N 8 "${HOST_ROOT[$1]}$BUSY_FILE"
}

idle() {
	local before since now
	before=$(busy_ns "$1") since=$(mono) now=0
	while ((now - since < 3000000000)); do
		pause
		now=$(mono)
	done
	echo $((($(busy_ns "$1") - before) * 1000 / ((now - since) / 1000)))
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
		$1 == phase { n++; over[n] = $column / 1000; under[n] = $3 / 1000
			ratio[n] = $column / $3 }
		END {
			over_m = sort(over, n); under_m = sort(under, n); m = sort(ratio, n)
			said = "no goal"
			if (goal != "")
				said = "goal <= " goal ": " (m <= goal + 0 ? "met" : "MISSED")
			printf "    time of %s, median: %.0f us, stock %.0f us\n", of, over_m, under_m
			printf "%-3s %-57s %10.4g     %s  (%.4g to %.4g, %d rounds of %d)\n",
				group, what, m, said, ratio[1], ratio[n], n, each
		}' "$OUT/rounds" >>"$OUT/notes"
}
