# SPDX-License-Identifier: GPL-2.0-or-later
#
# `latch create`: two of them on this host, one listening.

# The listener is latch 2, the connection latch 1.
cat >"$tmp/pair" <<'JSON'
[{"id":1,"kind":"connection","state":"established","protocol":"tcp","local_address":"127.0.0.1",
"local_port":4000,"remote_address":"127.0.0.1","remote_port":4001,"peer_id":"CN=\u001bpeer",
"suites":["esp aes_gcm_16-256"]},
{"id":2,"kind":"listener","state":"listener","protocol":"tcp","local_address":"127.0.0.1",
"local_port":4000}]
JSON

# listen ARGUMENTS...: a listener at a free $port, its pid is $listener; its standard error is FD 7,
# and what it has for standard input and output is up to the caller.
listen() {
	local tries
	for ((tries = 0; tries < 20; tries++)); do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
		pipe 7 said
		start "${client[@]}" --listen 127.0.0.1 "$port" "$@" 2>"$tmp/said"
		listener=$pid
		reads 7 . || return 1
		[[ $line == *"already in use"* ]] || break
	done
	[[ $line =~ ^"latch.fake: latch 2 listener tcp 127.0.0.1:4000"$ ]]
}

client=(env FAKE_LATCHES="$tmp/pair" "$fake" create)

copies_both_ways() {
	head -c 3000000 /dev/urandom >"$tmp/a"
	head -c 2000000 /dev/urandom >"$tmp/b"
	listen <"$tmp/b" >"$tmp/a.got"
	ends 0 env FAKE_LATCHES="$tmp/pair" bash -c '"$1" create 127.0.0.1 "$2" <"$3"' bash "$fake" \
		"$port" "$tmp/a"
	gone "$listener" 0
	cmp "$tmp/a" "$tmp/a.got"
	cmp "$tmp/b" "$tmp/out"
	same "latch.fake: latch 1 established tcp 127.0.0.1:4000 127.0.0.1:4001, peer CN=\\x1bpeer, \
esp aes_gcm_16-256" "$(cat "$tmp/err")"
}

command_has_the_connection() {
	listen -- sh -c 'read -r x; echo "$x $LATCH_ID $LATCH_LOCAL $LATCH_REMOTE $LATCH_PEER_ID"; exit 7'
	echo hello >"$tmp/in"
	# By name, where there is one: a minimal system has no /etc/hosts.
	local host=localhost
	getent ahostsv4 localhost >/dev/null || host=127.0.0.1
	ends 0 env FAKE_LATCHES="$tmp/pair" bash -c '"$1" create "$2" "$3" <"$4"' bash "$fake" \
		"$host" "$port" "$tmp/in"
	same $'hello 1 127.0.0.1:4000 127.0.0.1:4001 CN=\033peer' "$(cat "$tmp/out")"
	gone "$listener" 7
	# Options after -- are the command's, and a command of a client works too.
	listen </dev/null >"$tmp/got"
	ends 0 "${client[@]}" 127.0.0.1 "$port" -- printf '%s' --json
	gone "$listener" 0
	same "--json" "$(cat "$tmp/got")"
}

command_ends_as_it_ends() {
	local want words
	while read -r want words; do
		listen </dev/null >"$tmp/got"
		# shellcheck disable=SC2086
		ends "$want" "${client[@]}" 127.0.0.1 "$port" -- $words
		gone "$listener" 0
	done <<-'LINES'
		0 true
		1 false
		127 /nonexistent/program
		126 /dev/null
	LINES
	listen </dev/null >"$tmp/got"
	ends 143 "${client[@]}" 127.0.0.1 "$port" -- sh -c 'kill -TERM $$'
	gone "$listener" 0
}

broken='{"type":"alert","id":1,"from":"established","to":"broken","event":"conflict-sa",'
broken+='"diff":["peer-id"],"reason":"another peer: CN=\u001b[31mC"}'

# breaks CODE PATTERN RECORD ARGUMENTS...: a client whose latch gets this record ends with CODE.
breaks() {
	local code=$1 pattern=$2 record=$3
	shift 3
	pipe 5 events
	# The listener sends nothing and never ends by itself.
	pipe 8 hold
	listen <&8 >"$tmp/got"
	pipe 6 clientsaid
	FAKE_EVENTS=$tmp/events start "${client[@]}" 127.0.0.1 "$port" "$@" <&8 2>"$tmp/clientsaid"
	reads 6 'latch 1 established'
	tr -d '\n' <<<"$record" >&5
	echo >&5
	[[ -z $pattern ]] || reads 6 "$pattern"
	gone "$pid" "$code"
	gone "$listener" 0
}

break_ends_it() {
	breaks 5 '^latch.fake: latch 1 is broken: another peer: CN=\\x1b\[31mC$' "$broken"
	breaks 5 'latch 1 is closed: no' '{"type":"alert","id":1,"from":"established","to":"closed",
"event":"admin-close","reason":"no"}'
	breaks 5 'latch 1 is broken: another peer' "$broken" -- sleep 1000
	# One that does not want to end.
	breaks 5 'latch 1 is broken: the service gave no reason' \
		'{"type":"alert","id":1,"to":"broken"}' -- sh -c 'trap "" TERM; while :; do read -r x || :; done'
}

# The peer's end comes first, and what it came from is known when the service is asked again.
end_before_break() {
	local words
	for words in "" "-- cat" "-- true"; do
		pipe 5 events
		echo "$broken" >&5
		listen </dev/null >"$tmp/got"
		# shellcheck disable=SC2086
		FAKE_ASKED=2 FAKE_EVENTS=$tmp/events ends 5 "${client[@]}" 127.0.0.1 "$port" $words
		says err 'latch 1 is broken: another peer'
		gone "$listener" 0
	done
}

others_do_not() {
	# What happens to other latches, and the end of the socket itself, is no break.
	pipe 5 events
	listen </dev/null >"$tmp/got"
	FAKE_EVENTS=$tmp/events start "${client[@]}" 127.0.0.1 "$port" -- sh -c 'read -r x' 2>"$tmp/clientsaid"
	printf '%s\n' '{"type":"hello"}' '{"type":"alert","id":9,"to":"broken"}' \
		'{"type":"alert","id":1,"to":"established"}' \
		'{"type":"alert","id":1,"to":"closed","event":"flow-gone"}' '{"type":"lost"}' >&5
	gone "$listener" 0
	gone "$pid" 1
}

service_that_goes() {
	pipe 5 events
	pipe 8 hold
	listen <&8 >"$tmp/got"
	pipe 6 clientsaid
	FAKE_EVENTS=$tmp/events start "${client[@]}" 127.0.0.1 "$port" <&8 2>"$tmp/clientsaid"
	reads 6 'latch 1 established'
	exec 5>&-
	gone "$pid" 8
	gone "$listener" 0
}

# A latch that is broken when it is born: not one byte goes either way.
born_broken() {
	sed 's/"established"/"broken","reason":"born so"/' "$tmp/pair" >"$tmp/born"
	listen </dev/null >"$tmp/got"
	echo secret >"$tmp/in"
	ends 5 env FAKE_LATCHES="$tmp/born" bash -c '"$1" create 127.0.0.1 "$2" <"$3"' bash "$fake" \
		"$port" "$tmp/in"
	says err 'latch 1 is broken: born so$'
	gone "$listener" 0
	[[ ! -s $tmp/got ]]
}

# Nothing passes under it: the library does not give one out.
larval() {
	sed 's/"established"/"larval"/' "$tmp/pair" >"$tmp/born"
	listen </dev/null >"$tmp/got"
	echo secret >"$tmp/in"
	ends 5 env FAKE_LATCHES="$tmp/born" bash -c '"$1" create 127.0.0.1 "$2" <"$3"' bash "$fake" \
		"$port" "$tmp/in"
	says err 'latch 1 is larval: '
	gone "$listener" 0
	[[ ! -s $tmp/got ]]
}

reason_is_told() {
	FAKE_REASON=$'There is no SA. TS_\033[31mUNACCEPTABLE' FAKE_ERROR=connect=-31 ends 4 \
		"$fake" create 127.0.0.1 9
	same 'latch.fake: 127.0.0.1:9: There is no SA. TS_\x1b[31mUNACCEPTABLE' "$(cat "$tmp/err")"
	FAKE_REASON=$'too much\nof it' FAKE_ERROR=listen=-44 ends 1 "$fake" create --listen \
		127.0.0.1 59999
	says err '^latch.fake: 127\.0\.0\.1:59999: too much\\x0aof it$'
	# What the service said of something else, before the socket failed.
	FAKE_REASON=other ends 1 "${client[@]}" 127.0.0.1 1
	says err '^latch.fake: 127\.0\.0\.1:1: Connection refused$'
}

# prefer OPTIONS...: a client that cannot be latched; what it says of that is in $tmp/err.
prefer() {
	env FAKE_ERROR=connect=-31 FAKE_REASON=$'none to be had: \033NO' FAKE_LATCHES="$tmp/pair" \
		LATCH_ID=9 LATCH_PEER_ID=other LATCH_LOCAL=x LATCH_REMOTE=y "$fake" create --prefer "$@"
}

goes_on_unlatched() {
	head -c 300000 /dev/urandom >"$tmp/a"
	head -c 200000 /dev/urandom >"$tmp/b"
	listen <"$tmp/b" >"$tmp/a.got"
	# The service goes at once: it has no part in this connection.
	: >"$tmp/events"
	FAKE_EVENTS=$tmp/events prefer 127.0.0.1 "$port" <"$tmp/a" >"$tmp/out" 2>"$tmp/err"
	gone "$listener" 0
	cmp "$tmp/a" "$tmp/a.got"
	cmp "$tmp/b" "$tmp/out"
	same 'latch.fake: not latched: none to be had: \x1bNO' "$(cat "$tmp/err")"
	listen </dev/null >"$tmp/got"
	prefer --json=short 127.0.0.1 "$port" </dev/null >"$tmp/out" 2>"$tmp/err"
	gone "$listener" 0
	silent out
	"$json_check" '#=4' id=0 state='"none"' error='"NoSa"' 'reason="none to be had: \u001BNO"' \
		<"$tmp/err"
}

unlatched_command_has_no_latch() {
	local code=0
	listen </dev/null >"$tmp/got"
	prefer 127.0.0.1 "$port" -- sh -c 'echo "[$LATCH_ID$LATCH_PEER_ID$LATCH_LOCAL$LATCH_REMOTE]"
		exit 7' 2>"$tmp/err" || code=$?
	same 7 "$code"
	gone "$listener" 0
	same "[]" "$(cat "$tmp/got")"
	says err 'not latched: none'
}

# A refusal that --prefer does not cover ends the attempt: no other address is tried. Without it, and
# when an address just cannot be reached, the next one is.
prefer_stops_at_a_doubt() {
	local want words
	while read -r want words; do
		rm -f "$tmp/state"
		# shellcheck disable=SC2086
		FAKE_STATE=$tmp/state timeout 20 env $words two.test 1 2>"$tmp/err" || true
		same "$want" "$(grep -c '^connect' "$tmp/state")"
	done <<-LINES
		1 FAKE_ERROR=connect=-10 $fake create --prefer
		2 FAKE_ERROR=connect=-10 $fake create
		2 FAKE_ERROR=connect=-1 $fake create --prefer
		1 FAKE_ERROR=connect=-2 $fake create
	LINES
}

request_is_handed_on() {
	FAKE_STATE=$tmp/state FAKE_ERROR=connect=-33 ends 4 "$fake" create --min-key-bits 256 \
		--protection=confidentiality,integrity --min-integ-bits=128 --mode=transport \
		--disposition=wait 127.0.0.1 9
	same "connect 1 protection 3 key 256 integ 128 mode 2 disposition 3 wait 0 prefer 0" \
		"$(tail -n 1 "$tmp/state")"
	FAKE_STATE=$tmp/state FAKE_ERROR=connect=-33 ends 4 "$fake" create --setup-time=1.5 \
		127.0.0.1 9
	grep -q ' wait 1500 prefer 0$' "$tmp/state"
	FAKE_STATE=$tmp/state FAKE_ERROR=connect=-33 ends 4 "$fake" create --prefer 127.0.0.1 9
	grep -q ' wait 0 prefer 1$' "$tmp/state"
	says err '^latch.fake: 127\.0\.0\.1:9: .*weaker'
	FAKE_STATE=$tmp/state FAKE_ERROR=connect=-34 ends 4 "$fake" --peer=@b.test create 127.0.0.1 9
	grep -q ' wait 0 prefer 0 peer @b\.test$' "$tmp/state"
	says err '^latch.fake: 127\.0\.0\.1:9: .*not the one that was asked for'
	FAKE_STATE=$tmp/state FAKE_ERROR=connect=-40 ends 6 "$fake" create --bypass \
		--disposition=wait 127.0.0.1 9
	same "connect 1 protection 0 key 0 integ 0 mode 0 disposition 3 wait 0 prefer 0 bypass" \
		"$(tail -n 1 "$tmp/state")"
	ends 1 "$fake" create no-such-host.invalid 9
	says err '^latch.fake: no-such-host.invalid port 9: .'
}

udp_copies_datagrams() {
	# Nobody listens: the peer's answer to the first datagram is an error of the socket.
	echo x >"$tmp/in"
	ends 1 env FAKE_LATCHES="$tmp/pair" bash -c '"$1" create --udp 127.0.0.1 9 <"$2"' bash "$fake" \
		"$tmp/in"
	says err 'connection: Connection refused'
	ends 0 "${client[@]}" --udp 127.0.0.1 9
}

json_goes_to_standard_error() {
	listen </dev/null >"$tmp/got"
	ends 0 "${client[@]}" --json=short 127.0.0.1 "$port"
	silent out
	"$json_check" id=1 'peer_id="CN=\u001Bpeer"' <"$tmp/err"
	gone "$listener" 0
}

closed_standard_input() {
	listen <&- >"$tmp/got"
	ends 0 env FAKE_LATCHES="$tmp/pair" bash -c '"$1" create 127.0.0.1 "$2" -- printf %s x <&-' \
		bash "$fake" "$port"
	gone "$listener" 0
	same x "$(cat "$tmp/got")"
}

it "create copies both ways until the end" copies_both_ways
it "create runs a command on the connection" command_has_the_connection
it "create ends as its command ends" command_ends_as_it_ends
it "create ends with 5 and the reason when the latch breaks" break_ends_it
it "create ends with 5 when the peer's end comes before the record of the break" end_before_break
it "create goes on when other latches break" others_do_not
it "create ends with 8 when the service goes" service_that_goes
it "create lets no byte through a latch that was born broken" born_broken
it "create lets no byte through a latch that is larval" larval
it "create says what the service says" reason_is_told
it "create --prefer goes on without a latch and says why" goes_on_unlatched
it "create --prefer tells its command of no latch" unlatched_command_has_no_latch
it "create --prefer stops at a doubt" prefer_stops_at_a_doubt
it "create hands the request on" request_is_handed_on
it "create --udp copies datagrams" udp_copies_datagrams
it "create --json leaves standard output to the connection" json_goes_to_standard_error
it "create works with standard input closed" closed_standard_input
