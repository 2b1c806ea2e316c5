# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The life of one connection of B's port 4000 with A's port 32800, called PROTO FAMILY in all tools.

# The SPIs of B's SAs with C's address.
c_spis() {
	on b ip xfrm state | awk -v c="$(at c)" '/^src/ { hit = $2 == c || $4 == c }
		hit && $1 == "proto" { print $4 }'
}

# The earliest time at which anybody heard of one of these SAs, and at which B's daemon turned to
# its installation.
c_sa_times() {
	awk -v spis="$(c_spis)" '
		function earliest(what, time) {
			if (!(what in times) || time < times[what])
				times[what] = time
		}
		BEGIN { n = split(spis, list, "\n") }
		/^newsa / || /"fact":"sa-add"/ {
			for (i = 1; i <= n; i++)
				if (index($0, list[i]) && match($0, /mono_ns[=:"]+[0-9]+/)) {
					time = substr($0, RSTART, RLENGTH)
					sub(/[^0-9]*/, "", time)
					earliest(FILENAME ~ /xfrm/ ? "xfrm" : "add", time + 0)
				}
		}
		END { print times["xfrm"] + 0; print times["add"] + 0 }' \
		"$OUT/b.xfrm.log" "${HOST_ROOT[b]}$TRACE_FILE"
}

# Sets TIMES to them; for polling, because who listens prints what he heard a little later.
has_c_sa_times() {
	mapfile -t TIMES <<<"$(c_sa_times)"
	((TIMES[0] > 0 && TIMES[1] > 0))
}

# conflict PROTO: C has an SA for it, and the latch is broken
conflict() {
	local name=$1$FAMILY
	check "$name: C sets up an SA for this connection" ike_up c "$name"
	answers "$name: the latch is broken" "ok broken" B wait "$name" broken 10000
}

breaks() {
	local name=$1$FAMILY id blocked sent heard reason
	local -a TIMES
	id=$(tool_get B "$name" id)
	conflict "$1"
	tool_hears "$name: the holder is told" B "$id" broken
	check_eq "$name: what happened (L7 L10)" "established conflict-sa" \
		"$(tool_alert B "$id" broken from) $(tool_alert B "$id" broken cause)"
	reason=$(tool_alert B "$id" broken reason)
	check "$name: the reason names A" like "*CN=a.test*" "$reason"
	check "$name: the reason names C" like "*CN=c.test*" "$reason"
	check "$name: it is another peer" like '\["peer-id*' "$(tool_alert B "$id" broken diff)"
	blocked=$(tool_alert B "$id" broken mono_ns)
	sent=$(tool_alert B "$id" broken sent_ns)
	heard=$(tool_alert B "$id" broken heard_ns)
	wait_for 5 "$name: it is known when C's SA came" has_c_sa_times
	echo "blocked $blocked sent $sent heard $heard newsa ${TIMES[0]} add ${TIMES[1]}"
	check_gt "$name: the kernel took the alert after it had blocked (K34 K51)" "$blocked" "$sent"
	check_gt "$name: only then the daemon turned to C's SA (K30 K33 K34 L3 T6)" "$sent" "${TIMES[1]}"
	check_gt "$name: its netlink message is later than the block" "$blocked" "${TIMES[0]}"
	{
		echo "$name.blocked_before_newsa_us=$(((TIMES[0] - blocked) / 1000))"
		echo "$name.sent_before_newsa_us=$(((TIMES[0] - sent) / 1000))"
		echo "$name.heard_before_newsa_us=$(((TIMES[0] - heard) / 1000))"
		echo "$name.sent_before_add_us=$(((TIMES[1] - sent) / 1000))"
	} >>"$OUT/measured"
}

stays_shut() {
	local name=$1$FAMILY
	if [[ $1 == udp ]]; then
		answers "$name: send() fails (U7)" "error EPERM *" B send "$name" 1 broken
	else
		answers "$name: TCP waits with what it should send (K47 K59)" "ok 8" B send "$name" 1 waiting.
	fi
	is_mute "$name: nothing of A arrives (K46 L25)" A "$name" B "$name"
	c_sends "$1"
	answers "$name: nothing of C arrives (K5)" "ok nothing" B recv "$name" 0
	answers "$name: nothing arrived at A" "ok nothing" A recv "$name" 0
	check_eq "$name: nothing came to C by its SA (K4 K45 L25)" 0 "$(esp_packets c in)"
}

mends() {
	local name=$1$FAMILY id
	id=$(tool_get B "$name" id)
	check "$name: C gives up its SA" ike_down c "$name"
	answers "$name: established again (T9)" "ok established" B wait "$name" established 10000
	tool_hears "$name: the holder is told" B "$id" established
	if [[ $1 == tcp ]]; then
		comes_late "$name: TCP sends what waited" "ok data waiting." A "$name"
		comes_late "$name: so does A" "ok data word-*" B "$name"
	fi
	speaks "$name: to A again" B "$name" A "$name"
	speaks "$name: from A again" A "$name" B "$name"
}
