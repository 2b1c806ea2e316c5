# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Two gateways, and C, who takes a connection over. Port 4000 of H is what it is about.
#
#	gateway_conf HOST INNER OTHER <<END	latch.conf, with a rule for TCP behind it
#	gateway_bed
#	gateway_listed HOST PATTERN; gateway_unlisted HOST PATTERN	for polling
#	gateway_spi HOST FROM TO	SPI of its newest SA between these
#	gateway_dropped_more HOST WAS	for polling: more packets that it would not forward

gateway_conf() {
	{
		printf '[flow behind]\nforward = yes\nauto = yes\nprotocol = tcp\n'
		printf 'local = %s\nremote = %s\n' "$2" "$3"
		cat
	} >"$OUT/$1.latch.conf"
	on "$1" cp "/out/$1.latch.conf" /etc/latch.conf || fail "$1 has no latch.conf"
}

# net NAME LEFT LEFTSUBNET RIGHT RIGHTSUBNET RIGHTID WORD...
net() {
	local word
	printf '\nconn %s\n    left=%s\n    leftsubnet=%s\n    right=%s\n    rightsubnet=%s\n' "${@:1:5}"
	printf '    rightid="CN=%s, O=latch"\n' "$6"
	for word in "${@:7}"; do
		printf '    %s\n' "$word"
	done
}

gateway_bed() {
	local host
	{
		latch_conf a "*"
		net behind 192.0.2.1 10.1.0.0/24 192.0.2.2 10.2.0.0/24 b.test
		net any 192.0.2.1 10.1.0.0/24 %any 10.2.0.0/24 "*" narrowing=yes
	} >"$OUT/a.conf"
	{
		latch_conf b a.test
		net behind 192.0.2.2 10.2.0.0/24 192.0.2.1 10.1.0.0/24 a.test
	} >"$OUT/b.conf"
	{
		latch_conf c a.test
		net take 192.0.2.3 10.2.0.2/32 192.0.2.1 10.1.0.2/32 a.test \
			leftprotoport=tcp/5000 rightprotoport=tcp/4000
		net more 192.0.2.3 10.2.0.2/32 192.0.2.1 10.1.0.2/32 a.test \
			leftprotoport=tcp/5001 rightprotoport=tcp/4001
		net other 192.0.2.3 10.2.0.2/32 192.0.2.1 10.1.0.2/32 a.test \
			leftprotoport=udp/5010 rightprotoport=udp/4010
	} >"$OUT/c.conf"
	for host in a b; do
		on "$host" sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward" || fail "$host is no router"
		bus_start "$host"
	done
	on a ip route add 10.2.0.0/24 via 192.0.2.2 && on b ip route add 10.1.0.0/24 via 192.0.2.1 &&
		on c ip address add 10.2.0.2/32 dev lo &&
		on c ip route add 10.1.0.0/24 via 192.0.2.1 || fail "no routes"
	ike_start a b c
	tool_start h H
	tool_start s S
	tool_start c C
}

gateway_listed() {
	on "$1" ipsec latch list >"$OUT/$1.list.log" && grep -qE "$2" "$OUT/$1.list.log"
}

gateway_unlisted() {
	on "$1" ipsec latch list >"$OUT/$1.list.log" && ! grep -qE "$2" "$OUT/$1.list.log"
}

gateway_dropped_more() {
	(($(dropped "$1" forward_unpinned) > $2))
}
