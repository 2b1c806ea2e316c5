# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The life of an association between WEST, which initiates everything, and EAST. OURS is the one of
# them that runs our daemon, PEER the stock one; what OURS recorded is held against PEER's log.
#
# PEER's log names the SPIs from its own side, ">" out and "<" in:
#	"two" #4: responder rekeyed Child SA #3 using #1; IPsec tunnel [LOCAL===REMOTE]
#	{ESP/ESN=>0x97da2fdb <0xb8255142 xfrm=...

# fact SELECT OUTPUT: of the last fact of OURS that matches
fact() {
	facts "$OURS" "select($1) | $2" | tail -n 1 | sed 's/^"\(.*\)"$/\1/'
}

facts_that() {
	facts "$OURS" "select($1)" | wc -l
}

has_fact() {
	[[ $(facts_that "$1") -gt 0 ]]
}

# The last line of PEER's log that tells of an established or rekeyed child of a connection.
peer_child() {
	grep "\"$1\" #.* \(established\|rekeyed\) Child SA .*{ESP" "$(ike_log "$PEER")" | tail -n 1
}

# part of such a line: out | in | local | remote
peer_part() {
	case $2 in
	out) sed 's/.*{ESP[^=]*=>\(0x[0-9a-f]*\) .*/\1/' <<<"$1" ;;
	in) sed 's/.*{ESP[^=]*=>0x[0-9a-f]* <\(0x[0-9a-f]*\) .*/\1/' <<<"$1" ;;
	local) sed 's/.* \[\(.*\)===.*/\1/' <<<"$1" ;;
	remote) sed 's/.*===\(.*\)\] {.*/\1/' <<<"$1" ;;
	esac
}

# "192.0.2.2/32/TCP/4000", or the same with an IPv6 host, as a fact writes it
range() {
	awk -F/ '$2 == 32 || $2 == 128 { proto = $3 == "" ? 0 : $3 == "TCP" ? 6 : "?" $3
		print $1 "-" $1 "/" proto "/" ($4 == "" ? "0-65535" : $4 "-" $4) }' <<<"$1"
}

# child_agrees CONN WHAT: the newest child of CONN is the same in the facts, in PEER's log and in the
# kernel of OURS
child_agrees() {
	local conn=$1 what=$2 line local_side=tsr remote_side=tsi spi reqid
	line=$(peer_child "$conn")
	check "$what: $PEER's log has the child" test -n "$line"
	[[ $PEER == west ]] && local_side=tsi remote_side=tsr
	check_eq "$what: our inbound SPI is the one the peer sends with" "$(peer_part "$line" out)" \
		"$(fact '.fact == "child-up" and .conn == "'"$conn"'"' .spi_in)"
	check_eq "$what: our outbound SPI is the one the peer receives with" \
		"$(peer_part "$line" in)" \
		"$(fact '.fact == "child-up" and .conn == "'"$conn"'"' .spi_out)"
	check_eq "$what: the peer's side is selected alike" \
		"$(range "$(peer_part "$line" local)")" \
		"$(fact '.fact == "child-up" and .conn == "'"$conn"'"' ".selectors.$local_side[0]")"
	check_eq "$what: our side is selected alike" "$(range "$(peer_part "$line" remote)")" \
		"$(fact '.fact == "child-up" and .conn == "'"$conn"'"' ".selectors.$remote_side[0]")"
	spi=$(peer_part "$line" out)
	reqid=$(fact '.fact == "child-up" and .conn == "'"$conn"'"' .reqid)
	check_eq "$what: the kernel has this SPI with the reqid of the facts" "$reqid" \
		"$(on "$OURS" ip xfrm state | awk -v spi="$spi" '$3 == "spi" && $4 == spi { print $6 }')"
	check_eq "$what: our role" "$ROLE" \
		"$(fact '.fact == "child-up" and .conn == "'"$conn"'"' .role)"
	check_eq "$what: the kernel was told the same SPI" "$spi" "$(fact \
		'.fact == "sa-add" and .direction == "in" and .conn == "'"$conn"'"' .spi)"
}

# gone CHILD-SPI: facts of the end of the child with this inbound SPI
ended() {
	has_fact '.fact == "child-down" and .spi_in == "'"$1"'"'
}

newest_spi() {
	fact '.fact == "child-up" and .conn == "'"$1"'"' .spi_in
}

ike_ended() {
	has_fact '.fact == "ike-down" and .ike == '"$1"
}

# ike_end SERIAL FIELD
ike_end() {
	fact '.fact == "ike-down" and .ike == '"$1" ".$2"
}

newest_ike() {
	fact '.fact == "ike-up"' .ike
}

births() {
	local ike
	ike_start west east
	check "one comes up by IKE_AUTH" ike_up west one
	wait_for 5 "$OURS has recorded it" has_fact '.fact == "child-up" and .conn == "one"'
	child_agrees one "IKE_AUTH"
	ike=$(newest_ike)
	check_eq "the IKE SA is no successor" null "$(fact '.fact == "ike-up"' .rekeys)"
	check_eq "we know its peer" "CN=$PEER.test, O=latch" \
		"$(fact '.fact == "ike-up"' .identity.peer.id)"
	check "two comes up by CREATE_CHILD_SA" ike_up west two
	wait_for 5 "$OURS has recorded it" has_fact '.fact == "child-up" and .conn == "two"'
	child_agrees two "CREATE_CHILD_SA"
	check_eq "the second child hangs on the same IKE SA" "$ike" \
		"$(fact '.fact == "child-up" and .conn == "two"' .ike)"
	check_eq "every child asked before it came up" "$(facts_that '.fact == "child-up"')" \
		"$(facts_that '.fact == "child-install"')"
}

rekeys() {
	local old_spi old_ike old_serial
	old_spi=$(newest_spi two)
	old_serial=$(fact '.fact == "child-up" and .conn == "two"' .child)
	check "the second child is rekeyed" whack west --rekey-child --name two
	wait_for 5 "the old child is gone" ended "$old_spi"
	child_agrees two "child rekey"
	check_eq "the new child names its predecessor" "$old_serial" \
		"$(fact '.fact == "child-up" and .conn == "two"' .rekeys)"
	refute "and has an SPI of its own" test "$old_spi" = "$(newest_spi two)"
	old_ike=$(newest_ike)
	check "the IKE SA is rekeyed" whack west --rekey-ike --name one
	wait_for 5 "the old IKE SA is gone" ike_ended "$old_ike"
	check_eq "the new IKE SA names its predecessor" "$old_ike" "$(fact '.fact == "ike-up"' .rekeys)"
	check_eq "the old IKE SA ended by rekey" rekeyed "$(ike_end "$old_ike" cause)"
	check_eq "its end is told once" 1 "$(facts_that '.fact == "ike-down" and .ike == '"$old_ike")"
	check_eq "no child ended with it" 0 \
		"$(facts_that '.fact == "child-down" and .ike_cause == "rekeyed"')"
}

# Deletes of child and IKE SA by HOST; BY_PEER as OURS sees it. What EAST deletes, WEST wants back
# at once, because WEST was told to bring it up; so the end of the IKE SA is asked for by its name.
deletes() {
	local host=$1 by_peer=$2 cause=$3 spi ike
	spi=$(newest_spi two)
	check "$host deletes the second child" ike_down "$host" two
	wait_for 5 "we have recorded it" ended "$spi"
	check_eq "it was deleted by $host" "deleted $by_peer" \
		"$(fact '.fact == "child-down" and .spi_in == "'"$spi"'"' '"\(.reason) \(.by_peer)"')"
	refute "the kernel has it no more" grep -q "spi $spi" <<<"$(on "$OURS" ip xfrm state)"
	ike=$(newest_ike)
	spi=$(newest_spi one)
	if [[ $host == west ]]; then
		check "west deletes the first connection" ike_down west one
	else
		check "east deletes the IKE SA" whack east --delete-ike --name one
	fi
	wait_for 5 "we have recorded the end of the IKE SA" ike_ended "$ike"
	check_eq "it was deleted by $host" "$cause" "$(ike_end "$ike" cause)"
	# by name, this way leads past terminate_ike_family()
	[[ $host$OURS == easteast ]] &&
		check_eq "and we know why" deleted "$(ike_end "$ike" reason)"
	check_eq "its end is told once" 1 "$(facts_that '.fact == "ike-down" and .ike == '"$ike")"
	check_eq "its child went with it, once" 1 \
		"$(facts_that '.fact == "child-down" and .spi_in == "'"$spi"'"')"
}

back_again() {
	local how=${1:-}
	if [[ $how == asked ]]; then
		check "one is back" ike_up west one
		check "two is back" ike_up west two
	fi
	wait_for 20 "one is there again" ike_established "$OURS" one
	wait_for 20 "two is there again" ike_established "$OURS" two
}

dies() {
	local ike spi
	ike=$(newest_ike)
	spi=$(newest_spi one)
	ike_kill "$PEER"
	wait_for 40 "the IKE SA of the dead peer is gone" ike_ended "$ike"
	check_eq "the peer was lost" "peer-lost timeout liveness" \
		"$(ike_end "$ike" cause) $(ike_end "$ike" reason) $(ike_end "$ike" pending)"
	check_eq "its end is told once" 1 "$(facts_that '.fact == "ike-down" and .ike == '"$ike")"
	check_eq "its child went for the same cause" peer-lost \
		"$(fact '.fact == "child-down" and .spi_in == "'"$spi"'"' .ike_cause)"
	check "our own log says so" grep -q "#$ike: .*\(liveness\|retransmi\|timed out\|second timeout\)" \
		"$(ike_log "$OURS")"
}
