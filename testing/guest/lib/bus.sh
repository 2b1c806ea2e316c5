# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
#	bus_start HOST		the host's own system bus, stock configuration, at the usual place; with our
#				policy where our daemon is installed
#	bus_uids HOST		the uid of every connection of it, one per line

bus_start() {
	on "$1" sh -c 'policy=/usr/local/share/dbus-1/system.d/org.libreswan.Latch1.conf
		[ ! -e $policy ] || cp $policy /etc/dbus-1/system.d/' || fail "no bus policy on $1"
	on "$1" sh -c 'dbus-uuidgen >/etc/machine-id &&
		dbus-daemon --system --fork --nopidfile' || fail "no system bus on $1"
	wait_for 5 "the bus of $1 answers" on "$1" dbus-send --system --print-reply \
		--dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
}

# A connection that asked and is gone does not count: its query fails and prints nothing.
bus_uids() {
	# shellcheck disable=SC2016 # for the host's shell
	on "$1" bash -c '
		bus() {
			dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
				"org.freedesktop.DBus.$@"
		}
		bus ListNames | sed -n "s/.*string \"\(:[0-9.]*\)\"/\1/p" | while read -r name; do
			bus GetConnectionUnixUser "string:$name" | sed -n "s/.*uint32 //p"
		done'
}
