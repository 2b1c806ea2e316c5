# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
#	bus_start HOST		the host's own system bus, stock configuration, at the usual place

bus_start() {
	on "$1" sh -c 'dbus-uuidgen --ensure && dbus-uuidgen --ensure=/etc/machine-id &&
		dbus-daemon --system --fork --nopidfile' || fail "no system bus on $1"
	wait_for 5 "the bus of $1 answers" on "$1" dbus-send --system --print-reply \
		--dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId
}
