# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What happens to the SAs below latch-soak's clients, and what must be as it was when they are gone.

declare -A FIRST SECOND LAST
TAKEN="" SHADOWED=""
SOAK_HEAP=/run/heap-count

# B may set up SAs with A itself, and gives C what it asks for unless a latch is in the way. What is for
# C is wider, so that B asks A for the SAs of a latch, as the SPD would, and not C, who refuses.
soak_confs() {
	local i
	latch_conf a b.test >"$OUT/a.conf"
	latch_conn a all b rekey=yes >>"$OUT/a.conf"
	latch_conf b a.test >"$OUT/b.conf"
	{
		latch_conn b all a rekey=yes
		printf '\nconn other\n    rightid="CN=c.test, O=latch"\n    left=192.0.2.2\n'
		printf '    right=192.0.2.3\n    rightsubnet=192.0.2.0/24\n    narrowing=yes\n'
	} >>"$OUT/b.conf"
	latch_conf c b.test >"$OUT/c.conf"
	for i in 0 1 2 3 4 5 6 7; do
		printf '\nconn take%d\n    left=192.0.2.3\n    leftsubnet=192.0.2.1/32\n' $i
		printf '    right=192.0.2.2\n    rightprotoport=%s/2000%d\n' $((i & 1 ? 17 : 6)) $i
		printf '    leftprotoport=%s\n' "$((i & 1 ? 17 : 6))/$((i & 1 ? 4001 : 4000))"
	done >>"$OUT/c.conf"
}

soak_bed() {
	soak_confs
	bus_start b
	PLUTO_UNDER="env -u PLUTO_LATCH_TRACE HEAP_COUNT=$SOAK_HEAP
		LD_PRELOAD=/top/build/guest/bin/heap-count" PLUTO_OPTIONS=--leak-detective ike_start b
	ike_start a c
	check "A sets up SAs" ike_up a all4
	check "B has states for them" shows_states
	soak_peers
	CAPTURE_SNAP=256 capture_start b eth0 wire "ether src $(mac_of b eth0) and not udp port 500
		and not arp and not (esp and dst host 192.0.2.1) and not ip6"
	capture_start c eth0 inner "ether dst $(mac_of c eth0) and src 192.0.2.2 and dst 192.0.2.1"
	bg b ping ping -q -i 0.2 192.0.2.1
}

# Each is an event that a latch sees, or its end; what fails because of another one is no event.
did() {
	local what=$1
	shift
	"$@" >/dev/null 2>&1 && DID[$what]=$((${DID[$what]:-0} + 1))
}

give_back() {
	[[ -z $TAKEN ]] || did "C gives back" ike_down c "$TAKEN"
	TAKEN=
}

take() {
	give_back
	TAKEN=take$((RANDOM % 8))
	did "C takes" ike_up c $TAKEN
}

shadow() {
	SHADOWED="src 192.0.2.2/32 dst 192.0.2.1/32 proto $((RANDOM % 2 ? 6 : 17)) dir out"
	# shellcheck disable=SC2086 # words on purpose
	did "a policy shadows" on b ip xfrm policy add $SHADOWED priority 2
	# shellcheck disable=SC2086 # words on purpose
	on b ip xfrm policy delete $SHADOWED
}

# Who has just deleted them does not answer any more, and B would ask for a minute.
rekey() {
	did "SAs are rekeyed" on b timeout 5 "$(ike_libexec b)/whack" --rekey-child --name all4
}

renew() {
	did "SAs end" ike_down a all4
	did "SAs begin" ike_up a all4
}

# In turn, from one by chance on, so that a slow machine sees all of them.
EVENT=$((RANDOM % 6))
one_event() {
	local events=(take renew take shadow give_back rekey)
	"${events[EVENT++ % 6]}"
}

# One end may be about to set them up by itself.
has_SAs() {
	ike_established b all4 || ike_up a all4
}

soaks() {
	local until=$((SECONDS + $1))
	while ((SECONDS < until)); do
		one_event
		pause
	done
	give_back
}

# What the kernel keeps of a connection that is over ends in a minute by itself.
nothing_is_guarded() {
	local elements
	on b ss -K -Htna >/dev/null
	elements=$(on b guard dump) && [[ -z $elements ]]
}

count_of() {
	on b dbus-send --system --print-reply --dest=org.libreswan.Latch1 /org/libreswan/Latch1 \
		org.freedesktop.DBus.Properties.Get string:org.libreswan.Latch1.Manager \
		string:Counts | awk '$1 == "uint32" { n += $2 } /unreadable/ { exit } END { print n + 0 }'
}

shows_states() {
	[[ $(whack b --showstates) == *"#"* ]]
}

# Of SAs that were set up both ways at once, or whose end was lost, one end may know alone.
no_SAs() {
	ike_down a all4
	ike_down b all4
	ike_down b other
	whack b --showstates >"$OUT/b.states"
	! shows_states
}

all_released() {
	wait_for 20 "$1: nothing is guarded" nothing_is_guarded
	wait_for 20 "$1: the database is empty" eval '(($(count_of) == 0))'
	wait_for 30 "$1: there are no SAs" no_SAs
}

# Sets LAST, and the first two times FIRST and SECOND.
levels() {
	local pid
	bg_child b ike
	pid=$CHILD
	LAST=(
		[heap]=$(od -An -td8 "${HOST_ROOT[b]}$SOAK_HEAP" | tr -d " ")
		[RSS]=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$pid/status")
		[descriptors]=$(ls "/proc/$pid/fd" | wc -l)
		[slots]=$(slots)
		[identities]=$(find "${HOST_ROOT[b]}/run/pluto-latch" -type f | wc -l)
		[policies]=$(on b ip xfrm policy | grep -c "^src")
	)
	for level in "${!LAST[@]}"; do
		FIRST[$level]=${FIRST[$level]:-${LAST[$level]}}
		[[ $1 != second ]] || SECOND[$level]=${LAST[$level]}
		echo "$1 $level ${LAST[$level]}"
	done >>"$OUT/levels"
}

# How many bytes more than after the first third are none of a latch's. RSS is what the allocator
# keeps, too: a leak is in the heap, where it grows in both of the later thirds. A table that is
# resized, or a buffer of libdbus, grows in one: 32 KiB at once were seen, in a minute as in an hour.
# So of the heap twice the smaller growth is judged. Stock pluto forgets ten bytes of each IKE_AUTH,
# which take 24 (NSS, in cert_verify_subject_alt_name()). Two thirds of a minute have a thousand
# latches: one that leaves 24 bytes, the least there is, is seen.
declare -A MORE=([heap]=16384 [RSS]=2097152)

stays() {
	local more=${MORE[$1]:-0} grown=$((${LAST[$1]} - ${FIRST[$1]}))
	if [[ $1 == heap ]]; then
		more=$((more + 24 * (${DID["SAs begin"]:-0} + ${DID["C takes"]:-0})))
		grown=$((2 * (SECOND[heap] - FIRST[heap] < LAST[heap] - SECOND[heap] ?
			SECOND[heap] - FIRST[heap] : LAST[heap] - SECOND[heap])))
	fi
	check "$1: ${FIRST[$1]}, ${SECOND[$1]}, ${LAST[$1]} after each third, $grown more, at most $more" \
		eval "((grown <= more))"
}

# One RST without a connection is excused: the answer to a segment for a socket that nobody has any more,
# or to a SYN for a listener that has gone. It has no ACK, or no sequence number; that of a live socket
# has both (tcp_v4_send_reset(), tcp_send_active_reset()).
NOBODYS="(tcp[tcpflags] & (tcp-rst | tcp-ack) == tcp-rst
	or (tcp[tcpflags] & tcp-rst != 0 and tcp[4:4] == 0))"

# others TAG FILTER: how many of these packets are no such RST; the notes tell of the first
others() {
	capture_count "$1" "($2) and not $NOBODYS"
	sed "3q; s/^/$1: /" "$OUT/$1.txt" >>"$OUT/notes"
}

# A ping that no latch protects shows that the SPD let all by, and that the capture sees it.
wire_is_clean() {
	local echo="icmp[icmptype] == icmp-echo"
	bg_kill b ping INT
	check "the capture of B lived to the end" capture_stop wire
	check_gt "pings of B were in clear while there were no SAs" 0 "$(capture_count wire "$echo")"
	check_eq "nothing else that B sent was in clear" 0 "$(others wire "not esp and not $echo")"
}

C_read() {
	grep -qa "for C to read" "$OUT/inner.pcap"
}

# What comes out of C's tunnel is seen once more. The last of it is of no latch, and shows that.
C_is_deaf() {
	check "C has an SA once more" ike_up c take1
	on b sh -c "echo for C to read | socat -u - UDP4-DATAGRAM:192.0.2.1:4001,bind=192.0.2.2:20001"
	wait_for 10 "C reads what B sends under its SA" C_read
	check "the capture of C lived to the end" capture_stop inner
	check_eq "C read nothing else under its SAs" 1 "$(others inner ip)"
}
