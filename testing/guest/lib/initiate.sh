# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What an engine wants from pluto, asked by hand of a host of the kind `scripted`.
#
#	initiate_prepare HOST		before ike_start
#	wish HOST LINE...		lines of testing/guest/scripted/pl_engine_scripted.c, at once;
#					returns when all were carried out
#	wish_said HOST VERB NUMBER	what the last such call returned: "done" or an error's name
#	initiated HOST TICKET		waits for the answer, of which there must be one, and sets INITIATED[
#					error ok narrowed conn ike child spi_in spi_out reqid reason
#					notification]; "null" is absent
#	initiated_count HOST TICKET		how many there are

WISH_FIFO=/run/wishes
declare -A INITIATED WISHES

initiate_prepare() {
	[[ " ${HOST_ENV[*]} " == *" PL_SCRIPT_FIFO="* ]] || HOST_ENV+=("PL_SCRIPT_FIFO=$WISH_FIFO")
	on "$1" mkfifo "$WISH_FIFO" || fail "no fifo on $1"
}

wish() {
	local host=$1
	shift
	WISHES[$host]=$((${WISHES[$host]:-0} + $#))
	printf '%s\n' "$@" >"/proc/${HOST_PID[$host]}/root$WISH_FIFO"
	wait_for 5 "$host has done: $*" wishes_done "$host"
}

wishes_done() {
	(($(grep -c " script: " "$(ike_log "$1")") >= ${WISHES[$1]}))
}

wish_said() {
	sed -n "s/.* script: $2 $3: //p" "$(ike_log "$1")" | tail -n 1
}

initiated_count() {
	facts "$1" 'select(.fact == "initiated" and .ticket == '"$2"')' | wc -l
}

has_initiated() {
	file_has "/proc/${HOST_PID[$1]}/root$TRACE_FILE" '"ticket":'"$2,"
}

initiated() {
	local line field
	local -a fields=(error ok narrowed conn ike child spi_in spi_out reqid notification reason)
	wait_for "${INITIATED_WAIT:-15}" "the answer to ticket $2" has_initiated "$1" "$2"
	line=$(facts "$1" 'select(.fact == "initiated" and .ticket == '"$2"') |
		[.error, .ok, .narrowed, .conn, .ike, .child, .spi_in, .spi_out, .reqid,
		.notification, .reason] | map(tostring) | join("|")')
	[[ $line != *$'\n'* ]] || fail "ticket $2 was answered twice: $line"
	line=${line#\"} line=${line%\"}
	for field in "${fields[@]}"; do
		INITIATED[$field]=${line%%|*}
		line=${line#*|}
	done
}
