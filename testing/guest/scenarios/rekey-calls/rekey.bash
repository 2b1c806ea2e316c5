# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# A stock peer, A, rekeys its child SA with ours, B, and with a stock pluto, D, which are configured
# alike. Another scenario has its words for connections in LINK_WORDS, an array.

declare -A NR=([a]=1 [b]=2 [d]=4)

# One thread, and no filter of system calls: what reads several messages at once is not in pluto's. On a
# busy machine nobody sends anything twice.
head_of() {
	latch_conf "$1" unused | sed 's/seccomp=.*/seccomp=disabled\n    nhelpers=0/'
	printf '    retransmit-interval=20s\n    retransmit-timeout=60s\n'
}

# link HOST PEER
link() {
	printf '\nconn to-%s\n    left=192.0.2.%s\n    right=192.0.2.%s\n    rightid="CN=%s.test, O=latch"\n' \
		"$2" "${NR[$1]}" "${NR[$2]}" "$2"
	[[ -z ${LINK_WORDS[*]:-} ]] || printf '    %s\n' "${LINK_WORDS[@]}"
}

write_confs() {
	local host
	for host in a b d; do
		head_of $host >"$OUT/$host.conf"
	done
	link a b >>"$OUT/a.conf"
	link a d >>"$OUT/a.conf"
	link b a >>"$OUT/b.conf"
	link d a >>"$OUT/d.conf"
}

rekeyed() {
	grep -c "\"to-$1\" .*initiator rekeyed Child SA" "$(ike_log a)"
}

has_rekeyed() {
	(($(rekeyed "$1") > $2))
}

# has_sas HOST NUMBER
has_sas() {
	[[ $(on "$1" ip xfrm state | grep -c "^src") == "$2" ]]
}

rekey() {
	local was
	was=$(rekeyed "$1")
	check "A begins to rekey with $1" whack a --rekey-child --asynchronous --name "to-$1"
	wait_for 20 "A has rekeyed with $1" has_rekeyed "$1" "$was"
	wait_for 20 "$1 has let go of the old SAs" has_sas "$1" 2
	wait_for 20 "and A has heard so" has_sas a 4
}

# What is done once, is done after that.
warm_up() {
	local host
	for host in b d; do
		check "A has SAs with $host" ike_up a to-$host
	done
	for host in b d; do
		rekey $host
	done
}

# A program on B latches a connection with A, which the SAs with A carry.
latch_with_a() {
	tool_start b B
	answers "a program on B opens a session" ok B open
	answers "it has a socket" "ok *" B socket udp udp 4
	answers "with a port" ok B bind udp 192.0.2.2 4000
	answers "its connection is latched" "ok *" B latch-connect udp 192.0.2.1 32800
}
