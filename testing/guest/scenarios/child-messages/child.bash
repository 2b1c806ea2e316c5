# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Child SAs of single connections, ports 4001 and up of B or D with port 32800 of A: of latches, or of
# connections of stock pluto. NR_CHILDREN says how many.

declare -A NR=([a]=1 [b]=2 [d]=4)

# One thread, and nobody sends anything twice on a busy machine.
head_of() {
	latch_conf "$1" unused | sed 's/seccomp=.*/seccomp=disabled\n    nhelpers=0/'
	printf '    retransmit-interval=20s\n    retransmit-timeout=60s\n'
}

# link HOST PEER NAME WORD...
link() {
	local word
	printf '\nconn %s\n' "$3"
	for word in "left=192.0.2.${NR[$1]}" "right=192.0.2.${NR[$2]}" "rightid=\"CN=$2.test, O=latch\"" "${@:4}"; do
		printf '    %s\n' "$word"
	done
}

# child_bed WORD...: of the connections
child_bed() {
	local host n
	for host in a b d; do
		head_of $host >"$OUT/$host.conf"
	done
	for host in b d; do
		link a $host to-$host narrowing=yes "$@" >>"$OUT/a.conf"
		link $host a to-a "$@" >>"$OUT/$host.conf"
	done
	for ((n = 1; n <= NR_CHILDREN; n++)); do
		link d a child-$n leftprotoport=udp/400$n rightprotoport=udp/32800 "$@" >>"$OUT/d.conf"
	done
	bus_start b
	ike_start a
	# A trace of the facts is no part of it.
	PLUTO_UNDER="env -u PLUTO_LATCH_TRACE" ike_start b d
	tool_start b B
	answers "a program on B opens a session" ok B open
	for host in b d; do
		check "$host has SAs with A" ike_up $host to-a
	done
	for ((n = 1; n <= NR_CHILDREN; n++)); do
		answers "B has socket $n" "ok *" B socket udp$n udp 4
		answers "with a port" ok B bind udp$n 192.0.2.2 400$n
	done
}

nr_sas() {
	on "$1" ip xfrm state | grep -c "^src"
}

has_sas() {
	(($(nr_sas "$1") == $2))
}

create_b() {
	answers "latch $1 has an SA of its own" "ok *" B latch-connect udp$1 192.0.2.1 32800 narrow
}

create_d() {
	check "child $1 of D is up" ike_up d child-$1
}

create_all() {
	local n
	for ((n = 1; n <= NR_CHILDREN; n++)); do
		create_$1 $n
	done
	check_eq "$1 has all its SAs" $((2 + 2 * NR_CHILDREN)) "$(nr_sas $1)"
}

end_all() {
	local n
	for ((n = 1; n <= NR_CHILDREN; n++)); do
		if [[ $1 == b ]]; then
			answers "latch $n ends" ok B close udp$n
		else
			check "child $n of D ends" ike_down d child-$n
		fi
	done
	wait_for 20 "the SAs of $1 are gone" has_sas $1 2
}
