# SPDX-License-Identifier: GPL-2.0-or-later
#
# To be sourced: a bus of its own and the service on it, without pluto, for tests of its clients.
#
#   bus_start DIR [LIMIT=NUMBER...]   in DIR, an empty folder; sets BUS_ADDRESS; returns when the
#                                     name is owned
#   bus_tell WORDS...                 one command of pl_test_daemon; its answer is in BUS_ANSWER,
#                                     and "error ..." is a failure
#   bus_stop                          ends both; fails when the daemon did not end well
#
# The daemon's log, sanitizers included, is DIR/log.

bus_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The configuration of a bus that listens in folder $1, and where this user may own the name.
bus_config() {
	local policy=$bus_top/dbus/org.libreswan.Latch1.conf
	sed "/<\/busconfig>/d" "$bus_top/testing/bus/bus.conf"
	cat <<-XML
		  <listen>unix:path=$1/bus</listen>
		  <include>$policy</include>
		  <policy user="$(id -u)">
		    <allow own="org.libreswan.Latch1"/>
		    <allow send_type="method_call"
		           send_interface="org.freedesktop.DBus.Peer" send_member="Ping"/>
		  </policy>
		</busconfig>
	XML
}

bus_start() {
	local dir=$1 line
	shift
	BUS_ADDRESS=unix:path=$dir/bus
	bus_config "$dir" >"$dir/bus.conf"
	# The line with its address comes when it listens.
	exec {bus_ready}< <(exec dbus-daemon --config-file="$dir/bus.conf" --nofork --nosyslog \
		--print-address=1 2>>"$dir/log")
	bus_pid=$!
	read -r -t 20 line <&"$bus_ready" || { echo "no dbus-daemon: see $dir/log" >&2 && return 1; }
	coproc BUS_DAEMON {
		exec "$bus_top/build/bus/pl_test_daemon" "$BUS_ADDRESS" "$@" 2>>"$dir/log"
	}
	bus_daemon_pid=$BUS_DAEMON_PID
	exec {bus_out}<&"${BUS_DAEMON[0]}" {bus_in}>&"${BUS_DAEMON[1]}"
	read -r -t 20 line <&"$bus_out" && [[ $line == ready ]] ||
		{ echo "no service: see $dir/log" >&2 && return 1; }
}

bus_tell() {
	echo "$*" >&"$bus_in"
	BUS_ANSWER=
	read -r -t 20 BUS_ANSWER <&"$bus_out" && [[ $BUS_ANSWER == ok* ]]
}

bus_stop() {
	local rc=0
	bus_tell quit
	wait "$bus_daemon_pid" || rc=$?
	kill "$bus_pid" 2>/dev/null
	wait "$bus_pid" 2>/dev/null
	exec {bus_in}>&- {bus_out}<&- {bus_ready}<&-
	return "$rc"
}
