# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Scenarios of kernel/pl_socket_diag.h: sockets of a and b, made and asked about by one program.
#
#	sockets <<END		commands of testing/guest/programs/socket-facts.c; the sockets of one
#				call are closed at its end
#	said LABEL		the last answer to it
#	check_said "SENTENCE" LABEL=ANSWER...

declare -A SAID

sockets() {
	local host line
	{
		for host in a b; do
			echo "host $host /proc/${HOST_PID[$host]}/ns/net"
		done
		cat
	} | /top/build/guest/bin/socket-facts >"$OUT/said.last" 2>"$OUT/said.err" ||
		fail "$(cat "$OUT/said.err")"
	while read -r line; do
		echo "  $line"
		SAID[${line%%=*}]=${line#*=}
	done <"$OUT/said.last"
}

said() {
	echo "${SAID[$1]-nothing}"
}

check_said() {
	local sentence=$1 answer
	shift
	for answer in "$@"; do
		check_eq "$sentence" "${answer#*=}" "${SAID[${answer%%=*}]-nothing}"
	done
}
