# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Scenarios of the guard alone: SAs set by hand between plain hosts, words over UDP. All hosts have
# the addresses 192.0.2.N and 2001:db8::N; FAMILY (4 or 6) says which a command uses.
#
#	address HOST			of FAMILY
#	sa FROM TO SPI REQID		a tunnel-mode SA on both hosts
#	send_by HOST TO REQID		what HOST sends to TO goes by an SA of this reqid
#	send_clear HOST TO		no more
#	hears HOST PORT			a socket that writes what it gets to $OUT/HOST.heard
#	say FROM PORT TO PORT TEXT	one datagram; fails when send() fails
#	heard HOST TEXT			did it come?
#	arrives "SENTENCE" FROM PORT TO PORT
#	is_dropped "SENTENCE" FROM PORT TO PORT
#					nothing is heard, and a later datagram between other ports is
#	dropped HOST COUNTER		packets that its guard dropped there

FAMILY=4
declare -A HOST_NR=([a]=1 [b]=2 [c]=3)
SAID=0

address() {
	if [[ $FAMILY == 4 ]]; then
		echo "192.0.2.${HOST_NR[$1]}"
	else
		echo "2001:db8::${HOST_NR[$1]}"
	fi
}

sa() {
	local host from to
	from=$(address "$1") to=$(address "$2")
	for host in "$1" "$2"; do
		on "$host" ip xfrm state add src "$from" dst "$to" proto esp spi "$3" reqid "$4" \
			mode tunnel aead "rfc4106(gcm(aes))" \
			0x0123456789abcdef0123456789abcdef01234567 128 || fail "no SA $3 on $host"
	done
	# XFRM takes anything from there, so that it is the guard that drops
	on "$2" ip xfrm policy update src "$from" dst "$to" dir in tmpl src "$from" dst "$to" \
		proto esp mode tunnel level use || fail "no policy on $2"
}

send_by() {
	local from to
	from=$(address "$1") to=$(address "$2")
	on "$1" ip xfrm policy update src "$from" dst "$to" dir out tmpl src "$from" dst "$to" \
		proto esp reqid "$3" mode tunnel || fail "no policy on $1"
}

send_clear() {
	on "$1" ip xfrm policy delete src "$(address "$1")" dst "$(address "$2")" dir out
}

hears() {
	bg "$1" "hears-$2-$FAMILY" socat -u "UDP$FAMILY-RECV:$2,reuseaddr" \
		"OPEN:/out/$1.heard,creat,append"
	wait_for 5 "$1 listens on $2" is_listening "$1" "$2"
}

is_listening() {
	[[ -n $(on "$1" ss "-$FAMILY" -Huln "sport = :$2") ]]
}

say() {
	local from to
	from=$(address "$1") to=$(address "$3")
	[[ $FAMILY == 6 ]] && from="[$from]" to="[$to]"
	on "$1" sh -c "echo '$5' | socat -u - 'UDP$FAMILY-SENDTO:$to:$4,bind=$from:$2,reuseaddr'"
}

heard() {
	file_has "$OUT/$1.heard" "$2"
}

arrives() {
	SAID=$((SAID + 1))
	say "$2" "$3" "$4" "$5" "word $SAID." || fail "$1 (it could not be sent)"
	wait_for 5 "$1" heard "$4" "word $SAID."
	passed "$1"
}

# The marker takes the way of every other datagram between the two hosts, after the one in question.
is_dropped() {
	local word
	SAID=$((SAID + 1))
	word="word $SAID."
	say "$2" "$3" "$4" "$5" "$word" 2>/dev/null
	say "$2" 9 "$4" "$5" "marker $SAID." || fail "$1 (the marker could not be sent)"
	wait_for 5 "the marker after: $1" heard "$4" "marker $SAID."
	refute "$1" heard "$4" "$word"
}

dropped() {
	local text
	text=$'\n'$(on "$1" guard counters)
	[[ $text =~ $'\n'"$2"[[:blank:]]+([0-9]+) ]]
	echo "${BASH_REMATCH[1]:-0}"
}
