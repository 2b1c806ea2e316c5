# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash

# A comes back with the key of this nickname; its certificate has the same name.
a_comes_with() {
	ike_stop a
	pki_host a "nick=$1"
	life_conf a b | sed "s/leftcert=a\$/leftcert=$1/" >"$OUT/a.conf"
	ike_start a
	check "A is back with the key of $1" ike_up a all4
}

key_of() {
	on a certutil -L -d sql:/var/lib/ipsec/nss -n "$1" -r | sha256sum
}

# with VALUE: of peer-match; A has its first key
begin_with() {
	on b sh -c "printf '[latch]\npeer-match = $1\n' >/etc/latch.conf"
	life_bed
	OLD_KEY=$(key_of a)
	check "A sets up SAs" ike_up a all4
	life_starts
}
