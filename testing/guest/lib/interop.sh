# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What implementations of IKE do with ours, counted for testing/interop.md (testing/interop makes it).
#
# B runs our daemon; A, with whom B's program has latched connections, and C, who wants them, run that of
# KIND. B calls A for a TCP connection (A is the responder), then A calls B for a UDP one (A is the
# initiator), then C proposes what conflicts with that (C is the attacker).
#
#	interop KIND SENTENCE	all of it; SENTENCE is what the capture is to show
#	swan_conf, swan_child	a configuration of strongSwan
#	row ROLE OPERATION RESULT	a line of $OUT/interop (testing/interop says of what); RESULT is what
#				B's facts, both kernels and the capture have shown
#
# Every operation ends on words in both directions that were carried by an SA of the flow, at both ends, or
# were dropped by the guard.

row() {
	local state
	state=$(tool_get B "$FLOW" state 2>/dev/null) || state=released
	[[ -n $state ]] || state=released
	printf '%s\t%s\t%s\t%s\t%s\n' "$INTEROP_KIND" "$1" "$2" "$3" "$state" >>"$OUT/interop"
	log "row: $1, $2: $3 ($state)"
}

# Configurations

# swan_child NAME LOCAL REMOTE
swan_child() {
	printf '\t\t\t%s {\n\t\t\t\tmode = tunnel\n\t\t\t\tesp_proposals = aes256gcm16-ecp256\n' "$1"
	printf '\t\t\t\tlocal_ts = %s\n\t\t\t\tremote_ts = %s\n\t\t\t}\n' "$2" "$3"
}

# swan_conf HOST NAME ADDRESS PEER: children are read from stdin
swan_conf() {
	cat <<-END
		connections {
		    $2 {
		        version = 2
		        local_addrs = $3
		        remote_addrs = $4
		        proposals = aes256gcm16-prfsha256-ecp256
		        send_cert = always
		        mobike = no	# it would speak IKE on port 4500
		        local {
		            auth = pubkey
		            certs = own.pem
		            id = "CN=$1.test, O=latch"
		        }
		        remote {
		            auth = pubkey
		            id = "CN=b.test, O=latch"
		        }
		        children {
	END
	cat
	printf '\t\t}\n\t}\n}\n'
}

# Debian's 4.10 has another word for IKEv2, and no filter of system calls.
pluto_conf() {
	if [[ $INTEROP_KIND == libreswan410 ]]; then
		latch_conf "$1" "$2" | sed 's/keyexchange=ikev2/ikev2=insist/; /seccomp=/d'
	else
		latch_conf "$1" "$2"
	fi
}

# pluto_conn NAME ADDRESS WORD...
pluto_conn() {
	printf '\nconn %s\n    left=%s\n    right=192.0.2.2\n' "$1" "$2"
	printf '    %s\n' "${@:3}"
}

interop_confs() {
	{
		latch_conf b "*"
		printf '\nconn all\n    left=192.0.2.2\n    right=192.0.2.1\n    rightid="CN=a.test, O=latch"\n'
		printf '\nconn any\n    left=192.0.2.2\n    right=%%any\n    rightsubnet=192.0.2.0/24\n'
		printf '    narrowing=yes\n'
	} >"$OUT/b.conf"
	if [[ $INTEROP_KIND == strongswan ]]; then
		{
			swan_child one "192.0.2.1/32[17/32800]" "192.0.2.2/32[17/4000]"
			swan_child all 192.0.2.1/32 192.0.2.2/32
		} | swan_conf a b 192.0.2.1 192.0.2.2 >"$OUT/a.swanctl"
		{
			swan_child wide "192.0.2.1/32[17]" "192.0.2.2/32[17]"
			swan_child just "192.0.2.1/32[17/32800]" "192.0.2.2/32[17/4000]"
			swan_child beside "192.0.2.1/32[17/32810]" "192.0.2.2/32[17/4010]"
		} | swan_conf c b 192.0.2.3 192.0.2.2 >"$OUT/c.swanctl"
		return
	fi
	{
		pluto_conf a b.test
		pluto_conn one 192.0.2.1 leftprotoport=udp/32800 rightprotoport=udp/4000
		pluto_conn all 192.0.2.1 narrowing=yes
	} >"$OUT/a.conf"
	{
		pluto_conf c b.test
		pluto_conn wide 192.0.2.3 leftsubnet=192.0.2.1/32 leftprotoport=udp rightprotoport=udp
		pluto_conn just 192.0.2.3 leftsubnet=192.0.2.1/32 leftprotoport=udp/32800 \
			rightprotoport=udp/4000
		pluto_conn beside 192.0.2.3 leftsubnet=192.0.2.1/32 leftprotoport=udp/32810 \
			rightprotoport=udp/4010
	} >"$OUT/c.conf"
}

# What a host's IKE daemon is told

# serial of the newest SA of KIND (IKE, CHILD) that this pluto has
pluto_serial() {
	whack "$1" --showstates | sed -n "s/.*#\([0-9]*\): .*ESTABLISHED_$2_SA.*/\1/p" |
		sort -n | tail -n 1
}

rekeys_child() {
	case ${HOST_KIND[$1]} in
	strongswan) on "$1" timeout 30 swanctl --rekey --child "$2" ;;
	libreswan410) on "$1" timeout 30 /usr/libexec/ipsec/whack --rekey-ipsec --name "$2" ;;
	*) on "$1" timeout 30 "$(ike_libexec "$1")/whack" --rekey-child --name "$2" ;;
	esac
}

rekeys_ike() {
	if [[ ${HOST_KIND[$1]} == strongswan ]]; then
		on "$1" timeout 30 swanctl --rekey --ike b
	else
		on "$1" timeout 30 "$(ike_libexec "$1")/whack" --rekey-ike --name "$2"
	fi
}

reauthenticates() {
	case ${HOST_KIND[$1]} in
	strongswan) on "$1" timeout 30 swanctl --rekey --ike b --reauth ;;
	# whose whack then waits for an end that nobody tells it
	libreswan410) on "$1" timeout 3 "$(ike_libexec "$1")/whack" \
		--impair "event-v2-reauth:$(pluto_serial "$1" IKE)" ;;
	*) whack "$1" --impair "trigger_v2_replace:$(pluto_serial "$1" IKE)" ;;
	esac
}

# What B knows

# child_fact ADDRESS KEY: of the newest child SA with the peer at this address
child_fact() {
	facts b 'select(.fact == "child-up" and .remote == "'"$1"'") | .'"$2" | tail -n 1 | tr -d '"'
}

ike_fact() {
	facts b 'select(.fact == "ike-up" and .remote == "'"$1"'") | .'"$2" | tail -n 1 | tr -d '"'
}

is_other() {
	[[ $("$1" "$2" "$3") != "$4" ]]
}

# What peers have refused, or were refused, so far.
nr_refusals() {
	cat "$OUT"/[abc].ike.log | grep -cE "TS_UNACCEPTABLE|NO_PROPOSAL_CHOSEN|NO_ADDITIONAL_SAS"
}

# child_is_decided ADDRESS OLD REFUSALS
child_is_decided() {
	is_other child_fact "$1" child "$2" || (($(nr_refusals) > $3))
}

# One word, which comes: what is lost while SAs change is sent again.
word_comes() {
	LATCH_WORDS=$((LATCH_WORDS + 1))
	tool_ask "$1" send "$FLOW" 1 "word-$LATCH_WORDS." && tool_ask "$2" recv "$FLOW" 300
	[[ $ANSWER == *word-$LATCH_WORDS.* ]]
}

# in both directions, until both were counted by the newest SAs that B has with A
newest_carries() {
	word_comes A B && word_comes B A && (($(esp_packets b in "$(child_fact 192.0.2.1 spi_in)") > 0 &&
		$(esp_packets b out "$(child_fact 192.0.2.1 spi_out)") > 0))
}

lives() {
	wait_for 20 "$1: the newest SA carries it, both ways" newest_carries
	check_eq "$1: the latch is established" established "$(tool_get B "$FLOW" state)"
}

# Policies of HOST for exactly the flow and what it sends, as its kernel has them.
own_policies() {
	on "$1" ip xfrm policy | sed 's/proto tcp/proto 6/; s/proto udp/proto 17/' |
		grep -cE "^src 192.0.2.1/32 dst 192.0.2.2/32 proto $PROTO sport 32800 dport 4000"
}

is_alone() {
	(($(own_policies a) > 0))
}

# Operations; ROLE is whose row it is, and WHO does it.

# creates ROLE
creates() {
	wait_for 10 "$1: A's kernel has policies for the flow alone" is_alone
	check "$1: B has agreed to the flow alone" like \
		"*192.0.2.1-192.0.2.1/$PROTO/32800-32800*192.0.2.2-192.0.2.2/$PROTO/4000-4000*" \
		"$(child_fact 192.0.2.1 'selectors | .tsi + .tsr | sort | join(" ")')"
	row "$1" "narrow creation" "done"
	lives "$1: use"
	row "$1" use "by the narrow SA"
}

# rekeys ROLE WHO CHILD ADDRESS: of the peer with ADDRESS
rekeys() {
	local old refusals result
	old=$(child_fact "$4" child) refusals=$(nr_refusals)
	rekeys_child "$2" "$3" >>"$OUT/interop.log" 2>&1 || log "the answer of $2 is no"
	wait_for 20 "$1: $2's rekey of the child SA is decided" child_is_decided "$4" "$old" "$refusals"
	if ! is_other child_fact "$4" child "$old"; then
		result="refused; the old SA goes on"
		[[ $2 != b ]] || is_replaced "$1" "$4" "$old"
	elif [[ $(child_fact "$4" rekeys) == "$old" ]]; then
		result="done"
	else
		result="refused; a new child SA instead"
	fi
	lives "$1: child rekey"
	[[ ! $INTEROP_KIND =~ ^(ours|strongswan)$ ]] ||
		check_eq "$1: what was narrowed can be rekeyed" "done" "$result"
	row "$1" "child rekey" "$result"
}

# The old SA does not live for ever.
is_replaced() {
	lives "$1: the rekey was refused"
	check "$1: B ends the old SA" whack b --deletestate "$3"
	wait_for 20 "$1: there is another one" is_other child_fact "$2" child "$3"
	result="refused; when the old SA ends, a new one takes its place"
}

rekeys_its_ike() {
	local old
	old=$(ike_fact "$4" ike)
	rekeys_ike "$2" "$3" >>"$OUT/interop.log" 2>&1 || log "the answer of $2 is no"
	wait_for 20 "$1: $2 has rekeyed the IKE SA" is_other ike_fact "$4" ike "$old"
	check_eq "$1: as the successor of the old one" "$old" "$(ike_fact "$4" rekeys)"
	lives "$1: IKE rekey"
	row "$1" "IKE rekey" "done"
}

proves_itself() {
	local ike child
	ike=$(ike_fact "$4" ike) child=$(child_fact "$4" child)
	reauthenticates "$2" >>"$OUT/interop.log" 2>&1 || log "the answer of $2 is no"
	wait_for 20 "$1: $2 has a new IKE SA" is_other ike_fact "$4" ike "$ike"
	check_eq "$1: which is nobody's successor" null "$(ike_fact "$4" rekeys)"
	# 4.10, when asked by hand, asks for no new child SA, and keeps the old one
	if [[ ${HOST_KIND[$2]} == libreswan410 ]]; then
		lives "$1: reauthentication"
		check_eq "$1: its child SA is the old one" "$child" "$(child_fact "$4" child)"
		row "$1" reauthentication "done; the child SA stays"
		return
	fi
	wait_for 20 "$1: with a new child SA" is_other child_fact "$4" child "$child"
	lives "$1: reauthentication"
	row "$1" reauthentication "done"
}

nothing_left() {
	[[ -z $(on "$1" ip xfrm state | grep "proto esp") ]]
}

no_break() {
	! tool_last_alert B "$(tool_get B "$FLOW" id)" broken
}

# Roles

as_responder() {
	local conn
	FLOW=tcp4 PROTO=6
	connect_latched tcp narrow wait
	creates responder
	conn=$(child_fact 192.0.2.1 conn)
	rekeys responder b "$conn" 192.0.2.1
	rekeys_its_ike responder b "$conn" 192.0.2.1
	proves_itself responder b "$conn" 192.0.2.1
	check "responder: nobody heard of a break" no_break
	answers "responder: A's program ends the connection" ok A close tcp4
	answers "responder: B's hears it" "ok end" B recv tcp4 5000
	answers "responder: and ends it, too" ok B close tcp4
	wait_for 20 "responder: A was told to delete its SAs" nothing_left a
	row responder delete "done"
}

as_initiator() {
	FLOW=udp4 PROTO=17
	check "initiator: A asks for one flow" ike_up a one
	connect_latched udp wait
	creates initiator
	rekeys initiator a one 192.0.2.1
	rekeys_its_ike initiator a one 192.0.2.1
	proves_itself initiator a one 192.0.2.1
	check "initiator: A deletes its SAs" ike_down a one
	wait_for 20 "initiator: B has none of them" nothing_left b
	check_eq "initiator: that is no end of the latch" established "$(tool_get B udp4 state)"
	check "initiator: A comes back" ike_up a one
	lives "initiator: after the deletion"
	check "initiator: nobody heard of a break" no_break
	row initiator delete "done; under new SAs it goes on"
}

# What C has by its SA of the flow.
c_received() {
	esp_packets c in
}

as_attacker() {
	local conn=wide result alert up
	# of two policies for the same selectors pluto keeps the older one
	check "attacker: A deletes its SAs" ike_down a one
	# 4.10 keeps a policy that wants an SA for the flow
	[[ $INTEROP_KIND != libreswan410 ]] || whack a --delete --name one
	check "attacker: A has wider ones" ike_up a all
	lives "attacker: before C comes"
	ike_up c wide >>"$OUT/interop.log" 2>&1 || log "C has not got all of UDP"
	lives "attacker: C has asked for all UDP of A's address"
	check "attacker: nobody heard of a break" no_break
	if ike_established c wide; then
		result="gets the rest"
	else
		result="refuses the rest"
		conn=beside
		# for good: pluto would revive it, even after a --terminate
		check "attacker: it gives up" whack c --delete --name wide
		wait_for 20 "attacker: B has nothing of C" no_sa_of_c
		check "attacker: C asks for another flow" ike_up c beside
	fi
	row attacker "narrowing out of a conflict" "$result"
	rekeys attacker c $conn 192.0.2.3
	rekeys_its_ike attacker c $conn 192.0.2.3
	proves_itself attacker c $conn 192.0.2.3
	check "attacker: nobody heard of a break" no_break
	check_eq "attacker: nothing of the flow came to C" 0 "$(c_received)"
	ends_attack $conn

	check "attacker: C asks for just this flow" ike_up c just
	tool_hears "attacker: the latch breaks" B "$(tool_get B udp4 id)" broken
	alert=$(tool_alert B "$(tool_get B udp4 id)" broken sent_ns)
	up=$(child_fact 192.0.2.3 mono_ns)
	check_gt "attacker: B's program was told before C's SA was up" "$alert" "$up"
	row attacker break "done; told before"
	c_sends udp
	answers "attacker: B's program sends nothing" "error EPERM *" B send udp4 1 secret
	check_eq "attacker: nothing of the flow came to C" 0 "$(c_received)"
	row attacker use "dropped by the guard"
	ends_attack just
	wait_for 20 "attacker: the latch comes back" is_mended
	lives "attacker: C is gone"
	row attacker delete "done; the latch comes back"
}

is_mended() {
	[[ $(tool_get B udp4 state) == established ]]
}

no_sa_of_c() {
	[[ $(on b ip xfrm state) != *192.0.2.3* ]]
}

ends_attack() {
	if [[ $INTEROP_KIND == strongswan ]]; then
		check "attacker: C gives it up" on c swanctl --terminate --ike b
	else
		check "attacker: C gives it up" ike_down c "$1"
	fi
	wait_for 20 "attacker: B has nothing of C" no_sa_of_c
}

interop() {
	INTEROP_KIND=$1
	on b sh -c 'printf "[latch]\nconflict = narrow\n" >/etc/latch.conf'
	interop_confs
	bus_start b
	ike_start a b c
	tool_start a A
	tool_start b B
	answers "a program on B opens a session" ok B open
	wire_start
	as_responder
	as_initiator
	as_attacker
	wire_end "$2"
}
