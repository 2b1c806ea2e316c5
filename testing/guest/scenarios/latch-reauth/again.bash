# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# AGAIN (a or b) sets up SAs, authenticates anew after eight seconds, then deletes everything and
# comes back. Its child SA goes before its successor is there: what is sent in between waits.

nr_authenticated() {
	facts b 'select(.fact == "ike-up" and (.rekeys | not))' | wc -l
}

is_authenticated() {
	(($(nr_authenticated) > $1))
}

again_and_again() {
	local conn=all$FAMILY other=b was spi
	[[ $AGAIN == b ]] && other=a
	life_conf "$AGAIN" $other rekey=yes reauth=yes ikelifetime=8s rekeymargin=4s rekeyfuzz=0% \
		>"$OUT/$AGAIN.conf"
	life_bed
	check "$AGAIN sets up SAs" ike_up "$AGAIN" "$conn"
	was=$(nr_authenticated)
	spi=$(life_spi)
	life_starts
	wait_for 15 "$AGAIN has begun anew" file_has "$(ike_log "$AGAIN")" \
		"initiate reauthentication of IKE SA"
	wait_for 15 "the peer is authenticated anew" is_authenticated "$was"
	changed "after it (L5)" "$spi"

	spi=$(life_spi)
	check "$AGAIN deletes all it has" ike_down "$AGAIN" "$conn"
	check_eq "that is no end of the latch" established "$(tool_get B "$LIFE" state)"
	check "and comes back" ike_up "$AGAIN" "$conn"
	changed "after that (L5)" "$spi"
	life_ends
	life_wire "in all of it" 3
}
