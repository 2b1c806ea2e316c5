# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The three cases of RFC 5660 section 2.3.2, side by side: A connects to B from ports 32801 to 32803 to
# 4001 to 4003, and latched is which end: CASE both, a, b. GONE drops off, C takes its address, and VICTIM
# has megabytes to send on what it has latched; on the third one as soon as C is there.
#
#	cases_begin	until it has sent them, and nobody reads
#	cases_attack	until C has read the connection that VICTIM has not latched; counts what it read
#	cases_end	judges the captures
#	stolen CASE	bytes that C's program read
#	to_c CASE	packets of VICTIM to C by C's SA

declare -A PORT=([both]=1 [a]=2 [b]=3) TOOL=([a]=A [b]=B) SPI

# is_latched CASE HOST
is_latched() {
	[[ $1 == both || $1 == "$2" ]]
}

# port HOST CASE
port() {
	[[ $1 == a ]] && echo $((32800 + PORT[$2])) || echo $((4000 + PORT[$2]))
}

# The PAD entry of the RFC's figure 3: whoever the CA vouches for may use any address of the network.
cases_confs() {
	local case
	for host in a b; do
		[[ $host == a ]] && peer=b || peer=a
		{
			latch_conf "$host" "*"
			printf '\nconn all\n    left=%s\n    right=%s\n    rightid="CN=%s.test, O=latch"\n' \
				"$(at "$host")" "$(at "$peer")" "$peer"
			printf '\nconn any\n    left=%s\n    right=%%any\n' "$(at "$host")"
			printf '    rightsubnet=192.0.2.0/24\n    narrowing=yes\n'
		} >"$OUT/$host.conf"
	done
	{
		latch_conf c "$VICTIM.test"
		for case in both a b; do
			printf '\nconn take-%s\n    left=%s\n    right=%s\n' $case "$(at "$GONE")" \
				"$(at "$VICTIM")"
			printf '    leftprotoport=tcp/%s\n    rightprotoport=tcp/%s\n' \
				"$(port "$GONE" $case)" "$(port "$VICTIM" $case)"
		done
	} >"$OUT/c.conf"
}

# connection CASE
connection() {
	answers "$1: B has a socket" "ok *" B socket L tcp 4
	answers "$1: with the port" ok B bind L "$(at b)" "$(port b "$1")"
	if is_latched "$1" b; then
		answers "$1: B latches it and listens" "ok *" B latch-listen L
	else
		answers "$1: B listens" ok B listen L
	fi
	answers "$1: A has a socket" "ok *" A socket "$1" tcp 4
	answers "$1: with the port" ok A bind "$1" "$(at a)" "$(port a "$1")"
	if is_latched "$1" a; then
		answers "$1: A latches it and connects" "ok *" \
			A latch-connect "$1" "$(at b)" "$(port b "$1")"
	else
		answers "$1: A connects" ok A connect "$1" "$(at b)" "$(port b "$1")"
	fi
	if is_latched "$1" b; then
		answers "$1: B accepts and latches it" "ok *" B latch-accept L "$1"
	else
		answers "$1: B accepts" "ok *" B accept L "$1"
	fi
	answers "$1: B listens no more" ok B close L
	for host in a b; do
		! is_latched "$1" "$host" || check_eq "$1: established at $host" established \
			"$(tool_get "${TOOL[$host]}" "$1" state)"
	done
	speaks "$1: from A to B" A "$1" B "$1"
	speaks "$1: from B to A" B "$1" A "$1"
	answers "$1: the victim has room for 4 MB" ok "${TOOL[$VICTIM]}" buffer "$1" 8000000
}

# bytes that VICTIM's socket has not got rid of
queued() {
	on "$VICTIM" ss -Htan "sport = :$(port "$VICTIM" "$1")" | awk '{ n += $3 } END { print n + 0 }'
}

# sends_much CASE
sends_much() {
	local payload
	payload=$(printf 'secret-%057d' 0)
	payload=$payload$payload$payload$payload$payload$payload$payload$payload
	answers "$1: 4 MB are sent" "ok 4096000" "${TOOL[$VICTIM]}" send "$1" 8000 "$payload"
}

cases_begin() {
	local host case
	FAMILY=4
	cases_confs
	for host in a b; do
		bus_start $host
	done
	ike_start a b c
	for host in a b; do
		tool_start $host "${TOOL[$host]}"
		answers "a program on $host opens a session" ok "${TOOL[$host]}" open
	done
	CAPTURE_SNAP=256 capture_start "$VICTIM" eth0 wire
	# the first one brings up the SAs, which all of them use
	for case in both a b; do
		connection $case
	done
	check "$GONE drops off" link_down "$GONE" eth0
	for case in both "$VICTIM"; do
		sends_much "$case"
		check_gt "$case: they wait" 3000000 "$(queued "$case")"
	done
}

stolen() {
	sed -n 's/.*distinct=\([0-9]*\).*/\1/p' "$OUT/c.$1.log" | tail -n 1
}

to_c() {
	on "$VICTIM" ip -s xfrm state get src "$(at "$VICTIM")" dst "$(at "$GONE")" proto esp \
		spi "${SPI[$1]}" | awk '/bytes\), [0-9]+\(packets\)$/ && !/limit/ {
			split($0, n, /[^0-9]+/); print n[3] }'
}

# of C's SA by which it receives for this port of VICTIM
c_reqid() {
	on c ip xfrm policy | awk -v port="$(port "$GONE" "$1")" '
		/^src/ { hit = index($0, "sport " port) }
		hit && $1 == "proto" { print $4; exit }'
}

c_has_some() {
	(($(to_c "$1") > 30))
}

cases_attack() {
	local open=$GONE case tool=${TOOL[$VICTIM]} fault="1 another peer takes the address of $GONE, who "
	[[ $GONE == a ]] && fault+=connected || fault+=accepted
	check "C keeps its own TCP silent" on c nft -f - <<-NFT
		table inet silent {
			chain output {
				type filter hook output priority 0;
				tcp flags rst drop
			}
		}
	NFT
	move_address "$GONE" c "$(at "$GONE")/24"
	check "C's pluto uses its new address" whack c --listen
	for case in both "$VICTIM" "$open"; do
		if [[ $case == "$open" ]]; then
			check "$case: $VICTIM accepts C's SA" ike_up c take-$case
		else
			FAULT_LATCHES=()
			watch_latch "$tool" "$(tool_get "$tool" "$case" id)"
			strike_now "$fault" ike_up c take-$case
			settles "$fault"
		fi
		SPI[$case]=$(on "$VICTIM" ip xfrm state | awk -v to="$(at "$GONE")" '
			/^src/ { hit = $4 == to }
			hit && $1 == "proto" { print $4; exit }')
		bg c "$case" takeover -t 60 -i 60 -r "$(c_reqid $case)" \
			"$(at "$VICTIM")" "$(port "$VICTIM" $case)" "$(at "$GONE")" "$(port "$GONE" $case)"
		wait_for 10 "$case: C listens" file_has "$OUT/c.$case.log" ready
	done
	check_eq "these are three SAs" 3 "$(printf '%s\n' "${SPI[@]}" | sort -u | wc -l)"
	for case in both "$VICTIM"; do
		answers "$case: the victim's latch is not intact" "ok broken" \
			"$tool" wait "$case" broken 10000
		tool_hears "$case: its holder is told" "$tool" "$(tool_get "$tool" "$case" id)" broken
		answers "$case: and its connection is reset" "error ECONNABORTED *" "$tool" recv "$case" 5000
	done
	# not sooner, or its TCP would wait for long before it tries again
	sends_much "$open"
	wait_for 40 "$open: C has packets of the connection that $VICTIM has not latched" \
		c_has_some "$open"
	for case in both a b; do
		bg_kill c $case
	done
	check "the capture lived to the end" capture_stop wire
	CLEAR=$(capture_count wire "src host $(at "$VICTIM") and tcp")
	fault_clear $((CLEAR + $(to_c both) + $(to_c "$VICTIM")))
	fault_row "$fault" control 1 "$(to_c "$open")"
	check_gt "$open latches alone: C reads what $VICTIM sends" 10000 "$(stolen "$open")"
	check_gt "$open latches alone: and $VICTIM's TCP takes C's ACKs" "$(queued "$open")" 4090000
}

cases_end() {
	local case
	for case in both a b; do
		echo "stolen_$case=$(stolen $case)" >>"$OUT/measured"
	done
	check_gt "the victim sent ESP" 100 "$(capture_count wire "src host $(at "$VICTIM") and esp")"
	check_eq "and nothing in clear" 0 "$CLEAR"
	ike_stop "$VICTIM"
}
