# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Clients of B at random, see testing/guest/programs/latch-soak.c; A has the other end, B the bus.
#
#	soak_peers		soak-peer on A, and the tool S on B; $seed is what its chances are from
#	counts			DID[NAME] is what the clients have counted; it goes to the notes
#	least NAME N		DID[NAME] is N a minute or more
#	slots			how many slots of B's journal are in use

declare -A DID

# A's program and the clients of B; what A would send in clear it drops: the capture judges B.
soak_peers() {
	on a nft -f - <<-END || fail "A cannot drop what is in clear"
		table inet soak {
			chain output {
				type filter hook output priority 0
				meta l4proto tcp rt ipsec missing drop
				udp sport 4001 rt ipsec missing drop
			}
		}
	END
	bg a peer soak-peer 192.0.2.1 4000 4001
	wait_for 5 "A's program listens" file_has "$OUT/a.peer.log" ready
	TOOL_PROGRAM="latch-soak 192.0.2.2 192.0.2.1 $seed" tool_start b S
}

# Slots of 512 bytes behind the head; one that is free is all zero.
slots() {
	od -An -v -tx8 -w512 -j512 "${HOST_ROOT[b]}/run/pluto-latch/latches" | grep -c "[1-9a-f]"
}

# Sets DID to what the clients have counted, too, and writes it to the notes.
counts() {
	local word event
	answers "the clients have counted" "ok *" S counts
	for word in ${ANSWER#ok }; do
		DID[${word%=*}]=${word#*=}
	done
	for event in "${!DID[@]}"; do
		echo "$event ${DID[$event]}"
	done | sort | tee -a "$OUT/levels" | paste -sd , >>"$OUT/notes"
}

# least "WHAT" N: it happened so often a minute, on a machine that is slow, and once at least
least() {
	local few=$(($2 * ${seconds:-60} / 60 - 1))
	check_gt "$1: ${DID[$1]:-0} times" $((few > 0 ? few : 0)) "${DID[$1]:-0}"
}
