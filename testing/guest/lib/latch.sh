# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Programs with latches, and the bed most latch-* scenarios share: B runs our daemon, A and C are
# stock peers. A protects all it says to B. C has an address of its own, and asks B for SAs of flows
# between A's address and B: 192.0.2.N and 2001:db8::N, N is 1, 2, 3 for A, B, C.
#
#	tool_start HOST NAME [USER]	a latch-tool (testing/guest/programs/latch-tool.c), or TOOL_PROGRAM;
#					TOOL_UNDER is a command to run it with
#	tool NAME COMMAND...		its answer; fails when that is an error
#	answers "SENTENCE" PATTERN NAME COMMAND...	check that the answer is like PATTERN
#	tool_get NAME SOCK|ID KEY	one entry of INQUIRE_LATCH
#	tool_alerts NAME ID [STATE]	records of its session: alerts of this latch (to this state)
#	tool_alert NAME ID STATE KEY	something of the last of them, heard_ns and sent_ns included
#	tool_hears "SENTENCE" NAME ID STATE	wait for one
#	comes_late "SENTENCE" PATTERN NAME SOCK	what TCP sends once more is received, and is like PATTERN
#	tool_end NAME [SIGNAL]		the program ends, as if by quit
#	tool_log NAME			path of its log
#
#	latch_bed			$OUT/{a,b,c}.conf, B's bus, tools A and B, all daemons
#	at HOST				its address of FAMILY
#	connect_latched PROTO [WISH...]	B's port 4000 with A's port 32800, PROTOFAMILY in both tools
#	speaks "SENTENCE" FROM SOCK TO SOCK	a word goes from tool to tool
#	is_mute "SENTENCE" FROM SOCK TO SOCK	one does not, and a later one by the same SA does
#	c_injects PROTO			a packet of that connection, as if from A, by C's newest SA
#	c_sends PROTO			the same, and B's guard drops it
#	dropped_more COUNTER WAS	for polling: B's guard has dropped more
#	wire_start; wire_end "WHAT"	capture on B; not a packet of it in clear or under an SA of C
#	flow_text PROTO			the connection of B's port 4000 with A's 32800, as the guard says it
#	guard_holds HOST TEXT; guard_lacks HOST TEXT	is such an element in the kernel's guard?

FAMILY=4
declare -A TOOL_IN TOOL_OUT TOOL_HOST
LATCH_WORDS=0

tool_log() {
	echo "$OUT/${TOOL_HOST[$1]}.$1.log"
}

tool_start() {
	local ENTER host=$1 name=$2 in out fifo=/run/scenario/tool-$2
	rm -f "$fifo".*
	mkfifo "$fifo.in" "$fifo.out" || fail "no fifo for $name"
	# both ways, so that neither open() waits for the other end
	exec {in}<>"$fifo.in" {out}<>"$fifo.out"
	TOOL_IN[$name]=$in TOOL_OUT[$name]=$out TOOL_HOST[$name]=$host
	host_enter "$host" "${3:-}"
	# shellcheck disable=SC2086 # words on purpose
	"${ENTER[@]}" ${TOOL_UNDER:-} ${TOOL_PROGRAM:-latch-tool} <"$fifo.in" >"$fifo.out" 2>>"$(tool_log "$name")" &
	BG_PID[$host.$name]=$!
}

# As tool, into ANSWER: without a process.
tool_ask() {
	local name=$1 part start=$SECONDS
	shift
	printf '%s\n' "$*" >&"${TOOL_IN[$name]}"
	ANSWER=
	until IFS= read -rt 1 part <&"${TOOL_OUT[$name]}"; do
		ANSWER+=$part
		if ! kill -0 "${BG_PID[${TOOL_HOST[$name]}.$name]}"; then
			ANSWER="(the program ended)"
			return 1
		elif ((SECONDS - start > 240)); then
			ANSWER="(no answer)"
			return 1
		fi
	done
	ANSWER+=$part
	[[ $ANSWER == ok* ]]
}

tool() {
	local rc=0
	tool_ask "$@" || rc=1
	echo "$ANSWER"
	return $rc
}

answers() {
	local sentence=$1 pattern=$2
	shift 2
	tool_ask "$@" || true
	echo "+ tool $*: $ANSWER"
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $ANSWER == $pattern ]] || fail "$sentence ($1 was asked to $2, and said: $ANSWER)"
	passed "$sentence"
}

receives() {
	tool_ask "$2" recv "$3" 1000
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $ANSWER == $1 ]]
}

comes_late() {
	wait_for 30 "$1" receives "${@:2}"
	passed "$1"
}

# In the shell, because a process for each question takes longer than the answer.
tool_get() {
	tool_ask "$1" get "$2" "$3" && echo "${ANSWER#ok }"
}

# Sets ALERT to the last of them, or to nothing.
tool_last_alert() {
	local line
	ALERT=
	while IFS= read -r line; do
		[[ $line != "event "*'"type":"alert","id":'$2,*'"to":"'${3:-}* ]] || ALERT=$line
	done <"$OUT/${TOOL_HOST[$1]}.$1.log"
	[[ -n $ALERT ]]
}

tool_alerts() {
	local line
	while IFS= read -r line; do
		[[ $line == "event "*'"type":"alert","id":'$2,*'"to":"'${3:-}* ]] && echo "$line"
	done <"$OUT/${TOOL_HOST[$1]}.$1.log"
}

tool_alert() {
	local value='"(([^"\\]|\\.)*)"|\[[^]]*\]|[0-9]+|true|false'
	tool_last_alert "$1" "$2" "$3"
	[[ $ALERT =~ \"$4\":($value) ]] && echo "${BASH_REMATCH[2]:-${BASH_REMATCH[1]}}"
}

tool_hears() {
	local sentence=$1
	shift
	wait_for 10 "$sentence" tool_last_alert "$@"
	passed "$sentence"
}

tool_end() {
	if [[ -n ${2:-} ]]; then
		bg_kill "${TOOL_HOST[$1]}" "$1" "$2"
	else
		tool "$1" quit
		bg_wait "${TOOL_HOST[$1]}" "$1"
	fi
}

at() {
	local -A nr=([a]=1 [b]=2 [c]=3)
	if [[ $FAMILY == 4 ]]; then
		echo "192.0.2.${nr[$1]}"
	else
		echo "2001:db8::${nr[$1]}"
	fi
}

# What all connections of a host have in common. A system call of ours that pluto's seccomp filter does
# not allow ends the daemon.
latch_conf() {
	local seccomp=disabled
	[[ ${HOST_KIND[$1]} != ours ]] || seccomp=enabled
	cat <<-END
		config setup
		    uniqueids=yes
		    seccomp=$seccomp

		conn %default
		    leftid="CN=$1.test, O=latch"
		    leftcert=$1
		    leftupdown=%disabled
		    rightid="CN=$2, O=latch"
		    rightupdown=%disabled
		    authby=ecdsa
		    keyexchange=ikev2
		    type=tunnel
		    ike=aes_gcm256-sha2_256-dh19
		    esp=aes_gcm256
		    rekey=no
		    auto=add
	END
}

# conn HOST NAME PEER WORDS: a connection of both families, NAME4 and NAME6
latch_conn() {
	local host=$1 name=$2 peer=$3 word
	shift 3
	for FAMILY in 4 6; do
		printf '\nconn %s%s\n    left=%s\n' "$name" "$FAMILY" "$(at "$host")"
		if [[ $peer == any ]]; then
			printf '    right=%%any\n    narrowing=yes\n    rightsubnet=%s\n' \
				"$([[ $FAMILY == 4 ]] && echo 192.0.2.0/24 || echo 2001:db8::/64)"
		else
			printf '    right=%s\n' "$(at "$peer")"
		fi
		[[ $host == c ]] && printf '    leftsubnet=%s/%s\n' "$(at a)" $((FAMILY * 48 - 160))
		for word; do
			printf '    %s\n' "$word"
		done
	done
	FAMILY=4
}

# Unless the steps have written a configuration already.
latch_confs() {
	[[ -e $OUT/a.conf ]] || {
		latch_conf a b.test
		latch_conn a all b
	} >"$OUT/a.conf"
	[[ -e $OUT/b.conf ]] || {
		latch_conf b "*"
		latch_conn b any any
	} >"$OUT/b.conf"
	[[ -e $OUT/c.conf ]] || {
		latch_conf c b.test
		latch_conn c tcp b leftprotoport=tcp/32800 rightprotoport=tcp/4000
		latch_conn c udp b leftprotoport=udp/32800 rightprotoport=udp/4000
		latch_conn c other b leftprotoport=udp/32810 rightprotoport=udp/4010
	} >"$OUT/c.conf"
}

latch_bed() {
	latch_confs
	bus_start b
	ike_start a b c
	tool_start a A
	tool_start b B
	answers "a program on B opens a session" ok B open
}

speaks() {
	LATCH_WORDS=$((LATCH_WORDS + 1))
	answers "$1: it is sent" "ok *" "$2" send "$3" 1 "word-$LATCH_WORDS."
	answers "$1" "ok data *word-$LATCH_WORDS." "$4" recv "$5" 5000
}

# The marker goes from port 32809 of A to 4009 of B, or back; MARKED says that they are there.
marker_open() {
	answers "A has a socket for markers" "ok *" A socket "mark$FAMILY" udp "$FAMILY"
	answers "B has a socket for markers" "ok *" B socket "mark$FAMILY" udp "$FAMILY"
	answers "it is bound" ok A bind "mark$FAMILY" "$(at a)" 32809
	answers "it is bound" ok B bind "mark$FAMILY" "$(at b)" 4009
	answers "it is connected" ok A connect "mark$FAMILY" "$(at b)" 4009
	answers "it is connected" ok B connect "mark$FAMILY" "$(at a)" 32809
}

is_mute() {
	LATCH_WORDS=$((LATCH_WORDS + 1))
	tool_ask "$2" send "$3" 1 "word-$LATCH_WORDS." || echo "not sent: $ANSWER"
	speaks "the marker after: $1" "$2" "mark$FAMILY" "$4" "mark$FAMILY"
	answers "$1" "ok nothing" "$4" recv "$5" 0
}

connect_latched() {
	local proto=$1 name=$1$FAMILY
	shift
	answers "$name: A has a socket" "ok *" A socket "$name" "$proto" "$FAMILY"
	answers "$name: with the port" ok A bind "$name" "$(at a)" 32800
	answers "$name: B has a socket" "ok *" B socket "$name" "$proto" "$FAMILY"
	answers "$name: with the port" ok B bind "$name" "$(at b)" 4000
	[[ $proto == udp ]] || answers "$name: A listens" ok A listen "$name"
	answers "$name: it is latched and connected" "ok *" \
		B latch-connect "$name" "$(at a)" 32800 "$@"
	if [[ $proto == tcp ]]; then
		answers "$name: A accepts" "ok *" A accept "$name" accepted
		answers "$name: A stops listening" ok A close "$name"
		answers "$name: the connection has its name" ok A rename accepted "$name"
	else
		answers "$name: A connects" ok A connect "$name" "$(at b)" 4000
	fi
	speaks "$name: to A" B "$name" A "$name"
	speaks "$name: from A" A "$name" B "$name"
}

dropped_more() {
	(($(dropped b "$1") > $2))
}

# The way of a raw socket's packet is looked up with C's own address and without ports.
c_injects() {
	# shellcheck disable=SC2016 # for the host's shell
	on c sh -c '
		# runs a batch; how many packets have the SAs sent that it lists in the end? -9: it failed
		sent() {
			ip -s -batch - | awk "/\(packets\)\$/ && !/limit/ {
				split(\$0, n, /[^0-9]+/); sum += n[3]; any = 1 }
				END { print any ? sum : -9 }"
		}
		reqid=$(ip xfrm policy | awk -v a="$2" "/^src/ { hit = index(\$2, a \"/\") }
			hit && match(\$0, / reqid [0-9]+/) { print substr(\$0, RSTART + 7, RLENGTH - 7); exit }")
		was=$(sent <<-END
			xfrm policy update src $4 dst $3 dir out priority 1 tmpl src $4 dst $3 \
				proto esp reqid $reqid mode tunnel
			xfrm state list src $4 dst $3
		END
		)
		inject - - "$1" "$2" "$3" sport=32800 dport=4000 flags=A data=evil
		now=$(sent <<-END
			xfrm policy delete src $4 dst $3 dir out
			xfrm state list src $4 dst $3
		END
		)
		[ "$now" -eq $((was + 1)) ]' \
		- "$1" "$(at a)" "$(at b)" "$(at c)" || fail "C cannot send by its SA"
}

c_sends() {
	local was
	was=$(dropped b in_unpinned)
	c_injects "$1"
	wait_for 5 "$1$FAMILY: C's packet came by its SA, and the guard dropped it" \
		dropped_more in_unpinned "$was"
	passed "$1$FAMILY: C's packet came by its SA, and the guard dropped it"
}

# Headers tell all; the whole of what a program sends at once would be more than the buffer holds.
wire_start() {
	CAPTURE_SNAP=256 capture_start b eth0 wire
}

# What B may send: ESP, IKE, and what finds neighbours. Fragments of other things match, too.
wire_end() {
	local from_b="(src host 192.0.2.2 or src host 2001:db8::2)" quiet clear foreign
	quiet="not esp and not udp port 500 and not udp port 9 and not arp"
	quiet+=" and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136) and not ip6 proto 0"
	answers "B has a socket for what is in clear" "ok *" B socket clear udp 4
	answers "its peer is no peer of IPsec" ok B connect clear 192.0.2.3 9
	answers "it is sent" "ok 6" B send clear 1 marker
	check "the capture lived to the end" capture_stop wire
	check_eq "the capture shows what is in clear" 1 "$(capture_count wire "$from_b and udp port 9")"
	check_gt "the capture shows ESP" 3 "$(capture_count wire "$from_b and esp")"
	clear=$(capture_count wire "$from_b and $quiet")
	foreign=$(capture_count wire "$from_b and esp and (dst host 192.0.2.3 or dst host 2001:db8::3)")
	fault_clear $((clear + foreign))
	check_eq "$1: B sent nothing in clear" 0 "$clear"
	check_eq "$1: B sent nothing under an SA of C" 0 "$foreign"
}

flow_text() {
	local b a
	b=$(at b) a=$(at a)
	[[ $FAMILY == 6 ]] && b="[$b]" a="[$a]"
	echo "$1 $b:4000 $a:32800"
}

guard_holds() {
	[[ $(on "$1" guard dump) == *"$2"* ]]
}

guard_lacks() {
	! guard_holds "$@"
}
