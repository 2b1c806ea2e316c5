# SPDX-License-Identifier: GPL-2.0-or-later
#
# One answer for scripts, and the ways to name a latch.

# Each line of it is one latch; what is odd about it is its "reason", which the service would not
# give of one that is established.
cat >"$tmp/checked" <<'JSON'
[{"id":1,"kind":"connection","state":"established","protocol":"tcp","local_address":"192.0.2.2",
"local_port":4000,"remote_address":"192.0.2.1","remote_port":32800,"peer_id":"CN=a.test, O=latch",
"peer_id_type":"der-asn1-dn",
"peer_auth":"signature","protection":["integrity","confidentiality"],"mode":"tunnel",
"suites":["esp aes_gcm_16-256"]},
{"id":2,"state":"established","protocol":"udp","local_address":"2001:db8::1","local_port":53,
"remote_address":"2001:db8::2","remote_port":5353,"peer_id":"@east","peer_auth":"null",
"protection":["integrity"],"mode":"transport","suites":["ah hmac_sha2_256","esp aes_gcm_16-256"]},
{"id":3,"state":"broken","reason":"C \u001b[1mcame","peer_id":"@east","peer_auth":"psk",
"protection":["integrity"],"mode":"tunnel","suites":["ah hmac_sha2_256"]},
{"id":4,"state":"larval"},
{"id":5,"state":"listener","kind":"listener"},
{"id":6,"state":"established","bypass":true},
{"id":7,"state":"established"},
{"id":8,"state":"established","protection":[]},
{"id":9,"state":"closed"},
{"id":10,"state":"of-tomorrow","protection":["integrity"]},
{"id":11,"state":"established","protection":["integrity"],"association":11,"association_pairs":4,
"association_intact":4},
{"id":12,"state":"established","protection":["integrity"],"association":11,"association_pairs":4,
"association_intact":3},
{"id":13,"state":"established","protection":["integrity"],"association":11,"association_pairs":4,
"association_intact":4,"association_refused":"Forbidden"},
{"id":14,"state":"established","protection":["confidentiality"],"peer_id":"@east"},
{"id":15,"protection":["integrity"]},
{"id":16,"state":"established","protection":["integrity"],"association":11},
{"id":17,"state":"established","protection":["integrity"],"peer_id":"@east","peer_auth":"signature",
"peer_id_type":"fqdn"},
{"id":18,"state":"established","protection":["integrity"],"peer_id":"@east","peer_auth":"signature",
"peer_id_type":"rfc822-addr"},
{"id":19,"state":"established","protection":["integrity"],"peer_id":"@east","peer_auth":"psk",
"peer_id_type":"fqdn"},
{"id":20,"state":"established","protection":["integrity"],"peer_id":"@east","peer_auth":"eap",
"peer_id_type":"fqdn"},
{"id":21,"state":"established","protection":["integrity"],"peer_id":"@east","peer_auth":"signature"},
{"id":22,"state":"established","protection":["integrity"],"peer_id":"a@b","peer_auth":"signature",
"peer_id_type":"rfc822-addr"}]
JSON

# CODE WORDS-THAT-FAILED ARGUMENTS...
check_answers() {
	local code words args
	export FAKE_LATCHES=$tmp/checked
	while IFS='|' read -r code words args; do
		eval "set -- $args"
		ends "$code" "$fake" check "$@"
		if [[ $code == 0 ]]; then
			silent err
			says out '^latch [0-9]+: protected, '
		else
			silent out
			says err '^latch.fake: latch [0-9]+: .'
		fi
		ends "$code" "$fake" check "$@" --json
		"$json_check" "protected=$([[ $code == 0 ]] && echo true || echo false)" \
			"failed=$words" "latch.id=$1" <"$tmp/out"
	done <<-'LINES'
		0|[]|1
		0|[]|1 --protection=integrity,confidentiality --mode=tunnel --peer='CN=a.test, O=latch' --suite='esp aes_gcm_16-256'
		4|["peer"]|1 --peer=a.test
		4|["peer"]|1 --peer='cn=a.test, o=latch'
		4|["mode"]|1 --mode=transport
		4|["suite"]|1 --suite=esp
		4|["peer","mode","suite"]|1 --mode=transport --peer=@b --suite='esp aes_cbc-128-hmac_sha2_256'
		0|[]|17 --peer=@east
		4|["peer"]|18 --peer=@east
		4|["peer"]|19 --peer=@east
		4|["peer"]|20 --peer=@east
		4|["peer"]|21 --peer=@east
		0|[]|22 --peer=a@b
		0|[]|2
		0|[]|2 --protection=integrity --mode=transport
		4|["protection"]|2 --protection=confidentiality
		4|["protection"]|14 --protection=integrity
		4|["peer"]|2 --peer=@east
		4|["peer"]|14 --peer=@east
		4|["suite"]|2 --suite='ah hmac_sha2_256'
		4|["suite"]|2 --suite='esp aes_gcm_16-256'
		5|["state"]|3
		5|["state","protection","peer"]|3 --protection=confidentiality --peer=@west
		4|["state","protection"]|4
		4|["state","protection"]|5
		4|["protection"]|6
		4|["protection"]|7
		4|["protection","peer","mode","suite"]|7 --peer=@east --mode=tunnel --suite=esp
		4|["protection"]|8
		5|["state","protection"]|9
		4|["state"]|10
		0|[]|11
		4|["association"]|12
		4|["association"]|13
		4|["association"]|16
		4|["state"]|15
	LINES
	ends 5 "$fake" check 3
	same 'latch.fake: latch 3: it is broken (C \x1b[1mcame)' "$(cat "$tmp/err")"
	ends 4 "$fake" check 1 --mode=transport --peer=@b
	same 'latch.fake: latch 1: its peer is CN=a.test, O=latch; its mode is tunnel' "$(cat "$tmp/err")"
	ends 0 "$fake" check 1
	same 'latch 1: protected, CN=a.test, O=latch, esp aes_gcm_16-256' "$(cat "$tmp/out")"
}

# Both ends, all of them, in any spelling of an address; of two latches the one that is not well.
flow_names_its_latch() {
	local page
	export FAKE_LATCHES=$tmp/checked
	for page in 1 2 20; do
		export FAKE_PAGE=$page
		ends 0 "$fake" check tcp 192.0.2.2:4000 192.0.2.1:32800
		says out '^latch 1: '
		ends 0 "$fake" check udp '[2001:DB8:0:0::1]:53' '[2001:db8::2]:5353'
		says out '^latch 2: '
		ends 0 "$fake" show udp '[2001:db8::1]:53' '[2001:db8::2]:5353'
		says out '^Latch 2$'
		local flow
		for flow in "udp 192.0.2.2:4000 192.0.2.1:32800" "tcp 192.0.2.1:32800 192.0.2.2:4000" \
			"tcp 192.0.2.2:4001 192.0.2.1:32800" "tcp 192.0.2.2:4000 192.0.2.1:32801" \
			"tcp 192.0.2.3:4000 192.0.2.1:32800" "tcp 192.0.2.2:4000 192.0.2.3:32800"; do
			# shellcheck disable=SC2086
			ends 10 "$fake" check $flow
			says err 'this flow: There is no such latch'
			silent out
		done
		sed 's/"id":4,"state":"larval"/"id":4,"state":"broken","protocol":"tcp","local_address":"192.0.2.2",\
"local_port":4000,"remote_address":"192.0.2.1","remote_port":32800/' "$tmp/checked" >"$tmp/twice"
		FAKE_LATCHES=$tmp/twice ends 5 "$fake" check tcp 192.0.2.2:4000 192.0.2.1:32800
		says err 'latch 4: '
	done
}

socket_names_its_latch() {
	export FAKE_LATCHES=$tmp/checked FAKE_STATE=$tmp/state
	rm -f "$FAKE_STATE"
	exec 9<>/dev/udp/127.0.0.1/4321
	FAKE_FOUND=1 ends 0 "$fake" check --fd=9 --mode=tunnel
	says out '^latch 1: protected'
	FAKE_FOUND=2 ends 0 "$fake" show --fd 9
	says out '^Latch 2$'
	# A program of inetd has it as its standard input.
	FAKE_FOUND=3 ends 5 "$fake" check --fd=0 <&9
	ends 10 "$fake" check --fd=9
	says err 'descriptor 9: There is no such latch'
	same "find 4321" "$(sed -n 's/ $//; /^find/p' "$FAKE_STATE" | sort -u)"
	FAKE_ERROR=find=-13 ends 5 "$fake" check --fd=9
	# What is no socket is not asked about.
	rm -f "$FAKE_STATE"
	FAKE_FOUND=1 ends 1 "$fake" check --fd=0 </dev/null
	says err 'descriptor 0: This is not a TCP, UDP or SCTP socket'
	FAKE_FOUND=1 ends 1 "$fake" check --fd=77
	says err 'descriptor 77: Bad file descriptor'
	[[ ! -e $FAKE_STATE ]]
}

# Not one of the descriptors that this program has opened itself.
socket_is_of_another_process() {
	[[ $(id -u) == 0 ]] || { echo "needs root" && exit 77; }
	export FAKE_LATCHES=$tmp/checked FAKE_STATE=$tmp/state FAKE_FOUND=1
	rm -f "$FAKE_STATE"
	exec 9<>/dev/udp/127.0.0.1/4321
	start tail -f /dev/null 3<&9
	ends 0 "$fake" check --pid="$pid" --fd=3
	same "find 4321 " "$(grep find "$FAKE_STATE")"
	ends 0 "$fake" show --pid="$pid" --fd=3
	ends 1 "$fake" check --pid="$pid" --fd=77
	says err "descriptor 77 of process $pid: Bad file descriptor"
	chmod 755 "$tmp"
	rm -f "$FAKE_STATE"
	if setpriv --reuid=65534 --regid=65534 --clear-groups "$latch" version >/dev/null 2>&1; then
		ends 6 setpriv --reuid=65534 --regid=65534 --clear-groups "$latch" check \
			--pid="$pid" --fd=3
		says err "descriptor 3 of process $pid: Operation not permitted"
	fi
	# The same addresses elsewhere are another flow.
	if unshare -n true 2>/dev/null; then
		ends 1 unshare -n "$fake" check --pid="$pid" --fd=3
		says err 'another network namespace'
		ends 1 unshare -n "$fake" check --fd=9
	fi
	[[ ! -e $FAKE_STATE ]]
	kill -KILL "$pid"
	gone "$pid" 137
	ends 1 "$fake" check --pid="$pid" --fd=3
	says err 'No such process'
}

it "check says yes only of what is protected as it is asked for" check_answers
it "both ends name a latch" flow_names_its_latch
it "a descriptor names a latch" socket_names_its_latch
it "a descriptor of another process names a latch, where that may be looked into" \
	socket_is_of_another_process
