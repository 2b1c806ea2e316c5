# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Automatic latches of B, as its command shows them.
#
#	auto_conf <<END			B's latch.conf
#	listed PATTERN; unlisted PATTERN	for polling: a line of the list is like PATTERN

auto_conf() {
	on b sh -c 'cat >/etc/latch.conf' || fail "B has no latch.conf"
}

listed() {
	on b ipsec latch list >"$OUT/b.list.log" && grep -qE "$1" "$OUT/b.list.log"
}

unlisted() {
	on b ipsec latch list >"$OUT/b.list.log" && ! grep -qE "$1" "$OUT/b.list.log"
}
