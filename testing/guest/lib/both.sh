# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Two programs, on A and on B, that ask for a latch of one connection at the same time (scenarios
# latch-both*). A alone loses IKE, in one direction or the other.
#
#	both_start		daemons on A and B, and a program at each
#	both_ask SOCK [WISH_A WISH_B]	both ask, and are not waited for
#	both_said		what they were answered: SAID[A] and SAID[B]
#	one_channel SOCK	both have what they asked for
#	over SOCK		both close it
#	lost MESSAGE...		A neither says nor hears these, until the next `lost`; none: all pass
#	has_lost CHAIN		it has lost one that it said (output), or was to hear (input)
#	has_sas N		both ends have so many of ESP
#	esp_spis HOST		the SPIs of those
#	same_sas		both ends have the same of them
#
# A MESSAGE is CHAIN:EXCHANGE, or CHAIN:EXCHANGE:FLAGS (RFC 7296 section 3.1).

declare -A SAID

both_start() {
	local host
	ike_start a b
	for host in a b; do
		tool_start $host ${host^^}
		answers "a program on ${host^^} opens a session" ok ${host^^} open
	done
	wire_start
}

both_ask() {
	answers "$1: A has a socket" "ok *" A socket "$1" udp 4
	answers "$1: with the port" ok A bind "$1" "$(at a)" 32800
	answers "$1: B has a socket" "ok *" B socket "$1" udp 4
	answers "$1: with the port" ok B bind "$1" "$(at b)" 4000
	printf 'latch-connect %s %s 4000 %s\n' "$1" "$(at b)" "${2:-}" >&"${TOOL_IN[A]}"
	printf 'latch-connect %s %s 32800 %s\n' "$1" "$(at a)" "${3:-}" >&"${TOOL_IN[B]}"
}

# into ANSWER: what a tool says to what it was asked before
hear() {
	local part start=$SECONDS
	ANSWER=
	until IFS= read -rt 1 part <&"${TOOL_OUT[$1]}"; do
		ANSWER+=$part
		((SECONDS - start < 60)) || fail "$1 does not answer"
	done
	ANSWER+=$part
	echo "+ tool $1: $ANSWER"
}

both_said() {
	local name
	for name in A B; do
		hear $name
		SAID[$name]=$ANSWER
	done
}

lost() {
	local message chain exchange flags rules=
	for message; do
		IFS=: read -r chain exchange flags <<<"$message"
		rules+="add rule inet deaf $chain udp dport 500 @th,208,8 $exchange "
		rules+="${flags:+@th,216,8 $flags }counter drop"$'\n'
	done
	on a nft -f - <<-END || fail "A cannot drop IKE"
		table inet deaf {
		}
		delete table inet deaf
		table inet deaf {
			chain input {
				type filter hook input priority 0
			}
			chain output {
				type filter hook output priority 0
			}
		}
		$rules
	END
}

has_lost() {
	local text
	text=$(on a nft list chain inet deaf "$1")
	[[ $text =~ packets\ ([0-9]+) ]] && ((BASH_REMATCH[1] > 0))
}

one_channel() {
	local host name
	for host in a b; do
		name=${host^^}
		check "$1: $name has a latch (L24)" like "ok *" "${SAID[$name]}"
		check_eq "$1: it is established" established "$(tool_get $name "$1" state)"
		check_eq "$1: there is one" 1 "$(on $host guard dump | grep -c "^flow .*:4000")"
	done
	check_eq "$1: both have the same protection (L24)" \
		"$(tool_get A "$1" suites), $(tool_get A "$1" mode)" "$(tool_get B "$1" suites), $(tool_get B "$1" mode)"
	# Who has answered may send before the other end hears of it, and that is lost.
	wait_for 20 "$1: both ends have the same SAs" same_sas
	answers "$1: A connects" ok A connect "$1" "$(at b)" 4000
	answers "$1: B connects" ok B connect "$1" "$(at a)" 32800
	speaks "$1: from A to B" A "$1" B "$1"
	speaks "$1: from B to A" B "$1" A "$1"
}

over() {
	answers "$1: A's ends" ok A close "$1"
	answers "$1: B's ends" ok B close "$1"
}

nr_sas() {
	on "$1" ip xfrm state | grep -c "proto esp"
}

has_sas() {
	(($(nr_sas a) == $1 && $(nr_sas b) == $1))
}

esp_spis() {
	on "$1" ip xfrm state | awk '$1 == "proto" && $2 == "esp" { print $4 }' | sort | paste -sd " "
}

same_sas() {
	[[ $(esp_spis a) == "$(esp_spis b)" ]]
}
