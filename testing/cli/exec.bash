# SPDX-License-Identifier: GPL-2.0-or-later
#
# `latch exec`: a program on a connection that somebody else accepted.

# served ARGUMENTS...: it is started as inetd does, with a connection for its standard input and
# output, and for its standard error if $stderr is "peer"; the other end's output is in $tmp/out.
served() {
	local code=0 words='exec "$@"'
	[[ $stderr == peer ]] && words='exec "$@" 2>&0'
	listen -- env FAKE_STATE="$tmp/state" sh -c "$words" sh "$fake" exec "$@" || return 1
	echo hello >"$tmp/in"
	rm -f "$tmp/go"
	timeout 20 env -u FAKE_ERROR FAKE_LATCHES="$tmp/pair" bash -c '"$1" create 127.0.0.1 "$2" <"$3"' bash \
		"$fake" "$port" "$tmp/in" >"$tmp/out" 2>"$tmp/client" || code=$?
	: >"$tmp/go"
	[[ $code != 124 ]] || { echo "the connection does not end" && return 1; }
	code=0
	timeout 20 tail -s 0.02 --pid="$listener" -f /dev/null
	wait "$listener" || code=$?
	same "$want" "$code"
}

exec_runs_on_the_connection() {
	local stderr=own want=7
	rm -f "$tmp/state"
	served -- sh -c 'read -r x; echo "$x $LATCH_ID $LATCH_STATE $LATCH_PEER_ID"; exit 7'
	same $'hello 1 established CN=\033peer' "$(cat "$tmp/out")"
	grep -q '^latch 1 protection 0 ' "$tmp/state"
	# It has the connection at both, and at no other descriptor.
	want=0
	served -- sh -c 'ls -l /proc/$$/fd >"$1"' sh "$tmp/fds"
	same 2 "$(grep -c 'socket:' "$tmp/fds")"
	same "" "$(grep "^lrwx.*/dev/null" "$tmp/fds")"
	# The connection ends as soon as the program closes it, not when it ends.
	served -- sh -c 'echo bye; exec <&- >&- 2>&-; while [ ! -e "$1" ]; do :; done' sh "$tmp/go"
	same bye "$(cat "$tmp/out")"
}

# The peer gets no word of ours, whatever our standard error is; and the program has not run.
exec_needs_its_latch() {
	local stderr want=4 error
	for stderr in own peer; do
		rm -f "$tmp/state" "$tmp/ran"
		FAKE_ERROR=latch=-31 served -- touch "$tmp/ran"
		silent out
		[[ ! -e $tmp/ran ]]
	done
	grep -q '^syslog [0-9]* latch\.fake: descriptor 0: .' "$tmp/state"
	exec 9<>/dev/udp/127.0.0.1/9
	while read -r error want; do
		FAKE_ERROR=$error FAKE_LATCHES=$tmp/pair ends "$want" "$fake" exec -- touch "$tmp/ran" <&9
		says err '^latch.fake: .'
		[[ ! -e $tmp/ran ]]
	done <<-'LINES'
		open=-2 8
		latch=-2 8
		latch=-15 1
		latch=-34 4
		latch=-40 6
		latch=-36 3
		latch=-12 5
		inquire=-8 10
	LINES
	local state
	for state in broken larval closed listener; do
		sed "s/\"established\"/\"$state\"/" "$tmp/pair" >"$tmp/born"
		FAKE_LATCHES=$tmp/born ends 5 "$fake" exec -- touch "$tmp/ran" <&9
		says err "latch 1 is $state: "
	done
	FAKE_LATCHES=$tmp/pair ends 1 "$fake" exec -- touch "$tmp/ran" </dev/null
	FAKE_LATCHES=$tmp/pair ends 1 "$fake" exec --fd=77 -- touch "$tmp/ran" <&9
	[[ ! -e $tmp/ran ]]
}

# What a program of inetd writes to its standard error goes to the peer, as ever.
exec_hands_standard_error_on() {
	local stderr=peer want=0
	rm -f "$tmp/state"
	served -- sh -c 'echo of-the-program >&2'
	same of-the-program "$(cat "$tmp/out")"
	grep -q '^syslog [0-9]* latch.fake: latch 1 established tcp ' "$tmp/state"
}

exec_ends_with_the_latch() {
	exec 9<>/dev/udp/127.0.0.1/9
	pipe 5 events
	pipe 6 said
	FAKE_LATCHES=$tmp/pair FAKE_EVENTS=$tmp/events start "$fake" exec -- sh -c \
		'trap "echo ended >&2; exit 9" TERM; echo runs >&2; while :; do :; done' <&9 2>"$tmp/said"
	reads 6 'latch 1 established'
	reads 6 '^runs$'
	echo "$broken" >&5
	reads 6 'latch 1 is broken: another peer'
	reads 6 '^ended$'
	gone "$pid" 5
}

exec_hands_the_request_on() {
	exec 9<>/dev/udp/127.0.0.1/9
	export FAKE_STATE=$tmp/state FAKE_LATCHES=$tmp/pair
	rm -f "$tmp/state"
	ends 0 "$fake" exec --fd=9 --late --peer=@b.test --protection=integrity --min-key-bits=128 \
		--min-integ-bits=96 --mode=tunnel --disposition=wait --setup-time=2 -- true
	same "latch 1 protection 1 key 128 integ 96 mode 1 disposition 3 wait 2000 prefer 0 peer @b.test \
late" "$(grep ^latch "$tmp/state")"
	local want words
	while read -r want words; do
		# shellcheck disable=SC2086
		ends "$want" "$fake" exec --fd=9 -- $words
	done <<-'LINES'
		0 true
		1 false
		127 /nonexistent/program
		126 /dev/null
	LINES
}

it "exec runs a program on a connection that was accepted" exec_runs_on_the_connection
it "exec runs nothing, and says nothing to the peer, without a latch" exec_needs_its_latch
it "exec hands standard error on" exec_hands_standard_error_on
it "exec ends its program with the latch" exec_ends_with_the_latch
it "exec hands the request on" exec_hands_the_request_on
