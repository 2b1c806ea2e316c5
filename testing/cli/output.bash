# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the command prints, and what it ends with.

# Three latches; the third one's peer has a certificate from hell: sequences of a terminal, in seven
# and in eight bits, a mark that turns the direction of text, wide characters, a line end.
cat >"$tmp/latches" <<'JSON'
[{"id":1,"kind":"connection","state":"established","protocol":"tcp","local_address":"192.0.2.2",
"local_port":4000,"remote_address":"192.0.2.1","remote_port":32800,"owner":"session","uid":0,
"late":false,"for_good":false,"disposition":"default","generation":5,"mono_ns":1000000000,
"cause":"created","diff":[],"protection":["integrity","confidentiality"],"mode":"tunnel",
"suites":["esp aes_gcm_16-256"],"indeterminate":false,"replay_window":128,
"peer":"CN=a.test, O=latch","peer_id":"CN=a.test, O=latch","peer_id_type":"der-asn1-dn","peer_auth":"signature",
"peer_key_sha256":"0011223344","trust_anchor_sha256":"5566","local_id":"CN=b.test, O=latch",
"local_auth":"signature","outer_local_address":"10.0.0.2","outer_remote_address":"2001:db8::9",
"encapsulation":"udp","outer_local_port":4500,"outer_remote_port":61000,"nat":["local","remote"],
"of_tomorrow":[1,"x\u001b"]},
{"id":22,"kind":"listener","state":"listener","protocol":"tcp","local_address":"::",
"local_port":4000,"owner":"socket","uid":0,"late":false,"for_good":false,"disposition":"reset",
"generation":6,"mono_ns":1000000000,"cause":"listen","diff":[],"peer":"@east"},
{"id":333,"kind":"connection","state":"broken","protocol":"udp","local_address":"2001:db8::1",
"local_port":53,"remote_address":"2001:db8::2","remote_port":5353,"owner":"socket","uid":4294967290,
"suites":["esp aes_cbc-128-hmac_sha2_256","ah hmac_sha2_256"],"indeterminate":true,
"outer_local_address":"2001:db8::1",
"peer_id":"CN=\u001b[31mM\u00fcller\u202e\u009b1m \u4e2d\u4e2d \\ \u0007\n9","cause":"conflict-sa",
"diff":["peer-id","suites"],"reason":"\u001b]0;title\u0007","for_good":true,"generation":9,
"mono_ns":9000000000000000000}]
JSON
export FAKE_LATCHES=$tmp/latches

usage_errors() {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		ends 2 "$fake" $words
		silent out
		says err 'Try "latch.fake help'
	done <<-'LINES'

		nonsense
		--nonsense
		-x list
		list extra
		list --state=nonsense
		list --state=
		list --state=broken,nonsense
		list --peer=
		list --peer
		list --port=0
		list --port=65536
		list --port=-1
		list --port=4x
		list --color=blue
		list --json=yaml
		list --no-legend=yes
		list --wait=forever
		list --wait=1.2345
		list --wait=
		list --bus=
		list --udp
		list -- sh
		show
		show 0
		show -1
		show x
		show 1 2
		show 18446744073709551616
		show 9223372036854775808
		show --certificate=own 1
		show --pid=1
		show --fd=
		show --fd=x
		show --fd=-1
		show --fd=0 1
		show --fd=0 --pid=0
		show tcp 192.0.2.1:1
		find
		find --json
		find 1 --port=4000
		find --port=0
		find --address=
		find --address=host
		find --address=192.0.2.1:80
		find --address=192.0.2.0/24
		find --address=[2001:db8::1]
		find --pid=0
		find --pid=
		find --pid=x
		find --pid=1 --fd=3
		find --no-legend --port=1
		list --fd=3
		exec
		exec --
		exec sh
		exec sh -- sh
		exec --prefer -- sh
		exec --pid=1 -- sh
		exec --json -- sh
		exec --fd=x -- sh
		exec --late=yes -- sh
		create --late host 1
		check
		check 0
		check x
		check 1 2
		check --fd
		check --fd=0 7
		check --pid=1 7
		check --pid=1 tcp 192.0.2.1:1 192.0.2.2:2
		check --peer= 1
		check --protection= 1
		check --mode=both 1
		check --suite= 1
		check --min-key-bits=128 1
		check icmp 192.0.2.1:1 192.0.2.2:2
		check TCP 192.0.2.1:1 192.0.2.2:2
		check tcp 192.0.2.1 192.0.2.2:2
		check tcp 192.0.2.1:0 192.0.2.2:2
		check tcp 192.0.2.1:1 192.0.2.2:65536
		check tcp 192.0.2.1:1 [2001:db8::1]:2
		check tcp 2001:db8::1:1 [2001:db8::1]:2
		check tcp [2001:db8::1:1 [2001:db8::1]:2
		check tcp [192.0.2.1]:1 192.0.2.2:2
		check tcp :1 192.0.2.2:2
		check tcp host:1 192.0.2.2:2
		check tcp 192.0.2.1:1 192.0.2.2:2 x
		check 1 -- sh
		show --certificate= 1
		show --binding= 1
		show --binding --json 1
		show --binding --certificate 1
		show --certificate --json 1
		list --certificate
		monitor 1
		monitor --no-legend
		create
		create host
		create host 0
		create host 65536
		create host port
		create host 1 2
		create host 1 --
		create --listen
		create --listen --udp 9
		create --protection=nonsense host 1
		create --protection= host 1
		create --min-key-bits=65536 host 1
		create --min-key-bits=0 host 1
		create --mode=both host 1
		create --disposition=explode host 1
		create --setup-time=0 host 1
		create --setup-time=0.000 host 1
		create --setup-time=forever host 1
		create --setup-time= host 1
		create --setup-time
		create --prefer=yes host 1
		create --listen --prefer 9
		create --listen --setup-time=1 9
		create --listen --narrow 9
		create --suite= host 1
		create --peer= host 1
		create --peer=@b --prefer host 1
		create --bypass=yes host 1
		create --bypass --listen 9
		create --bypass --prefer host 1
		create --bypass --peer=@b host 1
		create --bypass --narrow host 1
		create --bypass --suite=esp host 1
		create --bypass --protection=integrity host 1
		create --bypass --min-key-bits=128 host 1
		create --bypass --min-integ-bits=96 host 1
		create --bypass --mode=tunnel host 1
		create --bypass --setup-time=1 host 1
		list --bypass
		show --peer=@b 1
		list --prefer
		list --setup-time=1
		release
		release 1 x
		release --json 1
		unprotect
		unprotect 1 2
		break
		break x
		break 1 why not
		close
		close 0
		forget-unreadable 1
		forget-unreadable --peer=@b
		reload 1
		stats 1
		stats --peer=@b
		reload --json
		conf
		conf --check
		conf FILE
		conf --check FILE FILE
		conf --check=yes FILE
		conf --check --wait FILE
		help nonsense
		help list show
		help list --table
		help --table --completion
		version 1
	LINES
}

# The errors as the header has them, with the exit code that scripts were promised. Errors without a
# line here end with 1, and a line without an error is a mistake.
promised() {
	cat <<-'TABLE'
		SERVICE 8
		ARGUMENT 2
		NOT_FOUND 10
		CONFLICT 4
		BROKEN 5
		CLOSED 5
		TRANSLATED 4
		BOTH_ENDS_LOCAL 4
		LINK_LOCAL 4
		SOURCE_ROUTED 4
		ENCAPSULATED 4
		VIRTUAL_INTERFACE 4
		COMPRESSED 4
		SHARED_REQID 4
		NOT_PROTECTED 4
		NO_SA 4
		NARROW_REFUSED 4
		NOT_AVAILABLE 10
		WEAK 4
		WRONG_PEER 4
		AUTHENTICATION_FAILED 4
		TIMEOUT 3
		NOT_AUTHORIZED 6
		FORBIDDEN 6
		UNAVAILABLE 8
		SUITE_NOT_ALLOWED 4
	TABLE
}

# And the ones that are plain failures, so that a new error is no silent 1.
plain="SYSTEM MALFORMED TOO_MANY UNSUPPORTED NO_SPACE ALREADY_LATCHED WRONG_STATE NOT_CONNECTED
	NOT_INTERNET ALREADY_USED SOCKET_CHANGED OTHER_NETNS MPTCP PORT_SHARED WRONG_FLOW EQUAL_KEYS
	NO_SESSION SESSION_EXISTS NOT_RESUMABLE LIMIT_EXCEEDED BAD_CONFIG NO_MEMORY FAILED"

every_error_has_its_code() {
	local name number code seen=0
	while read -r name number; do
		code=$(promised | sed -n "s/^$name //p")
		[[ -n $code ]] || code=1
		[[ $code != 1 || " ${plain//[$'\n\t']/ } " == *" $name "* ]] || {
			echo "no exit code was promised for $name"
			return 1
		}
		FAKE_ERROR=inquire=-$number ends "$code" "$fake" show 1
		says err 'latch 1: .'
		silent out
		seen=$((seen + 1))
	done < <(sed -n 's/^\tLATCH_ERR_\([A-Z_]*\) = -\([0-9]*\),.*/\1 \2/p' \
		lib/liblatch/include/latch.h)
	((seen >= 46))
	# What a newer library may return.
	FAKE_ERROR=inquire=-999 ends 1 "$fake" show 1
}

# CALL NUMBER CODE ARGUMENTS...
every_command_hands_errors_up() {
	local call number code words
	while read -r call number code words; do
		# shellcheck disable=SC2086
		FAKE_ERROR=$call=$number ends "$code" "$fake" $words
		says err '^latch.fake: ..'
	done <<-'LINES'
		open -2 8 list
		open -2 8 show 1
		open -2 8 monitor
		open -2 8 check 1
		open -2 8 find --port=1
		open -2 8 create 127.0.0.1 9
		open -2 8 release 1
		open -2 8 unprotect 1
		open -2 8 break 1
		open -2 8 close 1
		open -2 8 forget-unreadable
		open -2 8 reload
		open -2 8 stats
		open -39 6 list
		open -2 3 list --wait=0.05
		open -2 3 monitor --wait=0
		open -39 6 list --wait
		list -2 8 list
		list -2 8 find --port=1
		inquire -8 10 show 77
		inquire -2 8 check 1
		inquire -8 10 check 77
		list -2 8 check tcp 192.0.2.1:1 192.0.2.2:2
		dispatch -2 8 monitor
		connect -31 4 create 127.0.0.1 9
		connect -33 4 create 127.0.0.1 9
		connect -1 1 create 127.0.0.1 9
		connect -40 6 create 127.0.0.1 9
		connect -36 3 create 127.0.0.1 9
		connect -35 4 create --prefer 127.0.0.1 9
		connect -10 4 create --prefer 127.0.0.1 9
		connect -46 8 create --prefer 127.0.0.1 9
		listen -46 8 create --listen 127.0.0.1 59999
		listen -40 6 create --listen 127.0.0.1 59999
		release -8 10 release 1
		release -11 1 release 1
		unprotect -40 6 unprotect 1
		unprotect -8 10 unprotect 1
		break -39 6 break 1
		break -8 10 break 1 why
		shut -39 6 close 1
		shut -11 1 close 1 why
		stats -39 6 stats
		stats -6 1 stats --json
		reload -39 6 reload
		reload -6 1 reload
		reload -45 1 reload
		forget_unreadable -39 6 forget-unreadable
		forget_unreadable -6 1 forget-unreadable
		forget_unreadable -48 1 forget-unreadable --json
	LINES
	ends 10 "$fake" show 77
	silent out
}

changes_reach_the_library() {
	export FAKE_STATE=$tmp/state
	rm -f "$FAKE_STATE"
	ends 0 "$fake" release 1 2 3
	silent out
	ends 0 "$fake" unprotect 4
	ends 0 "$fake" break 5 "why not"
	ends 0 "$fake" close 6
	ends 0 "$fake" reload
	silent out
	silent err
	ends 0 "$fake" --bus unix:path=x break --wait 7
	same "release 1 ,release 2 ,release 3 ,unprotect 4 ,break 5 why not,shut 6 closed by an \
administrator,reload 0 ,break 7 broken by an administrator," "$(grep -v '^open' "$FAKE_STATE" | tr '\n' ,)"
	same "open 2 unix:path=x" "$(grep '^open' "$FAKE_STATE" | tail -n 1)"
	# One that fails does not keep the others, and is told.
	rm -f "$FAKE_STATE"
	FAKE_ERROR=release=-8 ends 10 "$fake" release 1 2
	same "release 1 ,release 2 ," "$(grep -v '^open' "$FAKE_STATE" | tr '\n' ,)"
	# And nothing is done when one of them is no id.
	rm -f "$FAKE_STATE"
	ends 2 "$fake" release 1 x
	[[ ! -e $FAKE_STATE ]]
}

# WHAT SENTENCE
forgotten_is_counted() {
	local what said
	while read -r what said; do
		FAKE_FORGOTTEN=$what ends 0 "$fake" forget-unreadable
		same "$said" "$(cat "$tmp/out")"
		silent err
		FAKE_FORGOTTEN=$what ends 0 "$fake" forget-unreadable --json
		"$json_check" '#=2' "records=${what%,*}" "flows=${what#*,}" <"$tmp/out"
	done <<-'LINES'
		0,0 Nothing was unreadable.
		2,7 2 records forgotten, 7 flows free again.
		1,1 1 record forgotten, 1 flow free again.
		0,4294967295 0 records forgotten, 4294967295 flows free again.
	LINES
	FAKE_ERROR=forget_unreadable=-39 ends 6 "$fake" forget-unreadable
	says err '^latch.fake: forget-unreadable: The caller is not authorized'
	silent out
	export FAKE_STATE=$tmp/state
	rm -f "$FAKE_STATE"
	ends 0 "$fake" forget-unreadable --json=short
	same '{"records":0,"flows":0}' "$(cat "$tmp/out")"
	same "forget_unreadable 0 ," "$(grep -v '^open' "$FAKE_STATE" | tr '\n' ,)"
}

# WORDS|SAID: an administrator is told after the list what is in no list
list_ends_with_what_is_unreadable() {
	local nr words said
	[[ $(id -u) == 0 ]] || { echo "needs root" && exit 77; }
	while IFS='|' read -r nr words said; do
		# shellcheck disable=SC2086
		FAKE_UNREADABLE=$nr ends 0 "$fake" $words
		same "$said" "$(cat "$tmp/err")"
		[[ -s $tmp/out ]]
	done <<-'LINES'
		1|list|latch.fake: 1 record of the journal cannot be read, and may block flows: see forget-unreadable
		7|list --no-legend|latch.fake: 7 records of the journal cannot be read, and may block flows: see forget-unreadable
		0|list|
		7|list --json|
		7|find --port=4000|
	LINES
	ends 0 "$fake" list
	silent err
	FAKE_UNREADABLE=1 FAKE_ERROR=stats=-39 ends 0 "$fake" list
	silent err
}

stats_are_lines_or_an_object() {
	ends 0 "$fake" stats
	same "latches            3
latches-total      262144
event-conflict-sa  18446744073709551615" "$(cat "$tmp/out")"
	silent err
	ends 0 "$fake" stats --json=short
	same '{"latches":3,"latches-total":262144,"event-conflict-sa":9223372036854775807}' \
		"$(cat "$tmp/out")"
}

# CONTENT|WHERE: as the service reads it, which is not asked.
conf_is_checked() {
	local content where form
	export FAKE_ERROR=open=-2
	while IFS='|' read -r content where; do
		printf "$content" >"$tmp/conf"
		if [[ -z $where ]]; then
			ends 0 "$fake" conf --check "$tmp/conf"
			silent out
			silent err
			ends 0 "$fake" conf --check "$tmp/conf" --json
			"$json_check" '#=2' valid=true <"$tmp/out"
			continue
		fi
		ends 1 "$fake" conf --check "$tmp/conf"
		silent out
		[[ $(cat "$tmp/err") == "latch.fake: $tmp/conf$where"* ]]
		ends 1 "$fake" conf "$tmp/conf" --check --json=short
		"$json_check" '#=3' valid=false <"$tmp/out"
	done <<-'LINES'
		|
		[latch]\nconflict = refuse\n|
		[flow a]\nuid = 0\n|
		[latch]\nconflict = maybe\n|:2: [latch] conflict: 
		# x\n\n[latch]\nconflikt = break\n|:4: [latch] conflikt: 
		[flow a]\nuid = 5-3\n|:2: [flow a] uid: the range is upside down
		[nowhere]\n|:1: [nowhere] : 
		[latch]\nauto = yes\n|:2: [latch] auto: not implemented yet
		[flow a\033]\n|:1: 
	LINES
	same 0 "$(grep -c $'\033' "$tmp/err")"
	# One that is named has to be there; it is a file, and not a large one.
	ends 1 "$fake" conf --check "$tmp/none"
	says err 'none: No such file or directory$'
	ends 1 "$fake" conf --check "$tmp"
	ends 0 "$fake" conf --check build/install/latch.conf
}

list_is_a_table() {
	ends 0 "$fake" list
	same "$(sed -n '1p' "$tmp/out")" "$(grep ' ID  PROTO' "$tmp/out")"
	same 4 "$(wc -l <"$tmp/out")"
	says out '^  1  tcp +192\.0\.2\.2:4000 +192\.0\.2\.1:32800 +established  CN=a\.test, O=latch +esp'
	says out '^ 22  tcp +\[::\]:4000 +- +listener +\(@east\) +- +socket root$'
	says out '^333  udp +\[2001:db8::1\]:53 +\[2001:db8::2\]:5353 +broken +CN='
	says out 'esp aes_cbc-128-hmac_sha2_256, ah hmac_sha2_256  socket 4294967290$'
	lacks out ' $'
	ends 0 "$fake" list --no-legend
	same 3 "$(wc -l <"$tmp/out")"
	echo '[]' >"$tmp/none"
	FAKE_LATCHES=$tmp/none ends 0 "$fake" list
	same "No latches." "$(cat "$tmp/out")"
	FAKE_LATCHES=$tmp/none ends 0 "$fake" list --no-legend
	silent out
	# As many pages as it takes.
	for page in 1 3 4; do
		FAKE_PAGE=$page ends 0 "$fake" list --no-legend
		same 3 "$(wc -l <"$tmp/out")"
	done
}

# Every cell of the last column begins at the same column of the terminal, wide characters included.
columns_are_aligned() {
	local locale line starts
	for locale in C C.UTF-8; do
		LC_ALL=$locale ends 0 "$fake" list
		starts=$(sed 's/\(OWNER\|session root\|socket [a-z0-9]*\)$//' "$tmp/out" |
			while IFS= read -r line; do
				printf '%s|\n' "$line" | LC_ALL=$locale wc -L
			done | sort -u | wc -l)
		same 1 "$starts"
	done
	grep -q $'\xe4\xb8\xad' "$tmp/out"
}

filters_choose() {
	local want words
	while read -r want words; do
		# shellcheck disable=SC2086
		ends 0 "$fake" list --no-legend $words
		same "$want" "$(awk '{ printf "%s%s", sep, $1; sep = "," }' "$tmp/out")"
	done <<-'LINES'
		1,22,333
		333 --state=broken
		22,333 --state=broken,listener
		1 --state established
		1 --peer=A.Test
		333 --peer=ller
		1,22 --port=4000
		1 --port=32800
		333 --port=53
		1 --port=4000 --state=established
		1 --peer=latch --port=32800
		1 --address=192.0.2.1
		1 --address=192.0.2.2 --state=established
		333 --address=2001:DB8:0::2
		22 --address=::
	LINES
	ends 0 "$fake" list --no-legend --peer=nobody
	silent out
	# of who is there, not of whom one is for
	ends 0 "$fake" list --no-legend --peer=east
	silent out
}

# The same filters, and ids alone; none is an error, as of show.
find_prints_ids() {
	local page
	for page in 1 2 9; do
		export FAKE_PAGE=$page
		ends 0 "$fake" find --port=4000
		same "1 22" "$(xargs <"$tmp/out")"
		silent err
		ends 0 "$fake" find --state=broken --address=2001:db8::1
		same 333 "$(cat "$tmp/out")"
		ends 0 "$fake" find --peer=a.test --json
		"$json_check" '#=1' 0.id=1 '0.peer_id="CN=a.test, O=latch"' <"$tmp/out"
		ends 10 "$fake" find --address=192.0.2.9
		silent out
		ends 10 "$fake" find --address=192.0.2.9 --json
		same '[]' "$(cat "$tmp/out")"
	done
}

# Its sockets are asked about one by one; its other descriptors are not.
find_looks_into_a_process() {
	[[ $(id -u) == 0 ]] || { echo "needs root" && exit 77; }
	export FAKE_STATE=$tmp/state
	rm -f "$FAKE_STATE"
	exec 9<>/dev/udp/127.0.0.1/4321
	start tail -f /dev/null 3<&9 4<"$tmp/latches"
	FAKE_FOUND=22 ends 0 "$fake" find --pid="$pid"
	same 22 "$(cat "$tmp/out")"
	# At 3 and at 9.
	same "find 4321 find 4321" "$(grep '^find' "$FAKE_STATE" | xargs)"
	FAKE_FOUND=22 ends 0 "$fake" list --no-legend --pid="$pid"
	same 22 "$(awk '{ print $1 }' "$tmp/out")"
	FAKE_FOUND=22 ends 10 "$fake" find --pid="$pid" --state=established
	# No latch, no socket of IP, not ours: passed over. Everything else is told.
	ends 10 "$fake" find --pid="$pid"
	FAKE_ERROR=find=-14 ends 10 "$fake" find --pid="$pid"
	FAKE_ERROR=find=-2 ends 8 "$fake" find --pid="$pid"
	says err "descriptor [39] of process $pid: "
	chmod 755 "$tmp"
	if unshare -n true 2>/dev/null; then
		FAKE_FOUND=22 ends 10 unshare -n "$fake" find --pid="$pid"
	fi
	kill -KILL "$pid"
	gone "$pid" 137
	FAKE_FOUND=22 ends 1 "$fake" find --pid="$pid"
	says err "process $pid: No such process"
}

json_is_json() {
	local form
	for form in --json --json=pretty --json=short; do
		ends 0 "$fake" list "$form"
		"$json_check" '#=3' 0.id=1 '0.protection=["integrity","confidentiality"]' 1.state='"listener"' \
			'2.peer_id="CN=\u001B[31mM\u00FCller\u202E\u009B1m \u4E2D\u4E2D \\ \u0007\n9"' \
			<"$tmp/out"
		ends 0 "$fake" list "$form" --state=closed
		"$json_check" '#=0' <"$tmp/out"
		ends 0 "$fake" list "$form" --state=broken
		"$json_check" '#=1' 0.uid=4294967290 <"$tmp/out"
		ends 0 "$fake" show 1 "$form"
		"$json_check" id=1 '#=37' 'peer="CN=a.test, O=latch"' 'of_tomorrow=[1,"x\u001B"]' <"$tmp/out"
	done
	ends 0 "$fake" list --json=short
	same 1 "$(wc -l <"$tmp/out")"
	ends 0 "$fake" show 333 --json=short
	same 1 "$(wc -l <"$tmp/out")"
}

show_groups() {
	ends 0 "$fake" show 1
	same "Flow Peer Protection Path State Owner Other" \
		"$(grep -E '^[A-Z][a-z]+$' "$tmp/out" | xargs)"
	says out '^Latch 1$'
	says out '^  remote +192\.0\.2\.1:32800$'
	says out '^  name +CN=a\.test, O=latch$'
	says out '^  nobody but +CN=a\.test, O=latch$'
	says out '^  suites +esp aes_gcm_16-256$'
	says out '^  replay window +128 packets$'
	says out '^  since +[0-9]{4}-[0-9-]{5} [0-9:]{8}, [0-9]+ (s|min|h) ago$'
	says out '^  user +root \(0\)$'
	says out '^  outer local +10\.0\.0\.2:4500$'
	says out '^  outer remote +\[2001:db8::9\]:61000$'
	says out '^  carried in +udp$'
	says out '^  behind NAT +local, remote$'
	says out '^  of_tomorrow +1, x\\x1b$'
	ends 0 "$fake" show 22
	same "Flow Peer State Owner" "$(grep -E '^[A-Z][a-z]+$' "$tmp/out" | xargs)"
	ends 0 "$fake" show 333
	says out '^  outer local +2001:db8::1$'
	says out '^  differs in +peer-id, suites$'
	says out '^  since +9000000000000000000 ns after boot$'
	says out '^  user +4294967290 \(4294967290\)$'
}

# L28: the type and its data, which may have zeros; or why there is none.
binding_is_shown() {
	ends 0 "$fake" show 1 --binding
	same "ipsec-end-point-sha256:0001feff" "$(cat "$tmp/out")"
	silent err
	ends 0 "$fake" show 1 --binding=ipsec-single-end-point-sha256/local
	same "ipsec-single-end-point-sha256/local:0001feff" "$(cat "$tmp/out")"
	ends 10 "$fake" show 22 --binding
	silent out
	says err 'latch 22: There is none: '
	ends 10 "$fake" show 77 --binding
	FAKE_ERROR=channel_binding=-11 ends 1 "$fake" show 1 --binding
	says err 'latch 1: '
}

# K7: PEM and nothing else, or the exit code of what is not there, and why.
certificate_is_pem() {
	ends 0 "$fake" show 1 --certificate=key
	same "Forty-nine bytes, so that there are lines of two." \
		"$(sed '1d; $d' "$tmp/out" | base64 -d)"
	same "-----BEGIN PUBLIC KEY-----" "$(head -n 1 "$tmp/out")"
	same "-----END PUBLIC KEY-----" "$(tail -n 1 "$tmp/out")"
	same "64 4" "$(sed '1d; $d' "$tmp/out" | awk '{ print length }' | xargs)"
	silent err
	ends 10 "$fake" show 1 --certificate
	silent out
	says err 'latch 1: no certificate of its peer is known; it proved itself by a shared secret$'
	ends 10 "$fake" show 22 --certificate=key
	says err 'latch 22: no public key'
	ends 10 "$fake" show 1 --certificate=anchor
	says err 'no trust anchor'
	ends 10 "$fake" show 77 --certificate
	FAKE_ERROR=inquire_peer=-11 ends 1 "$fake" show 1 --certificate
	says err 'latch 1: '
}

# Nothing that a terminal obeys, whatever the locale.
no_escapes() {
	local locale words
	rm -f "$tmp/events"
	printf '%s\n' '{"type":"alert","id":333,"from":"established","to":"broken","event":"conflict-sa",
"diff":["peer-id"],"protocol":"tcp","peer_id":"CN=\u001b[2J\u202ex\u009bH","reason":"\u001b]0;t\u0007",
"mono_ns":5,"local_address":"\u001b[1m","local_port":1}' | tr -d '\n' >"$tmp/events"
	echo >>"$tmp/events"
	for locale in C C.UTF-8; do
		for words in list "show 333" "show 1" "list --json" "show 333 --json" "monitor" \
			"monitor --json"; do
			# shellcheck disable=SC2086
			FAKE_EVENTS=$tmp/events LC_ALL=$locale timeout 20 "$fake" $words \
				>"$tmp/out" 2>"$tmp/err" || true
			[[ -s $tmp/out ]]
			lacks out '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' -P
		done
	done
	LC_ALL=C ends 0 "$fake" show 333
	says out 'CN=\\x1b\[31mM\\xc3\\xbcller\\xe2\\x80\\xae\\xc2\\x9b1m .* \\\\ \\x07\\x0a9$'
	LC_ALL=C.UTF-8 ends 0 "$fake" show 333
	says out $'CN=.*M\xc3\xbcller.*\xe4\xb8\xad'
}

colours_are_for_terminals() {
	ends 0 "$fake" list
	lacks out $'\033'
	ends 0 "$fake" list --color=always
	grep -q $'\033\[32mestablished\033\[0m' "$tmp/out"
	same "$("$fake" list)" "$(sed $'s/\033\\[[0-9;]*m//g' "$tmp/out")"
	NO_COLOR=1 ends 0 "$fake" show 1 --color=always
	grep -q $'\033\[32mestablished' "$tmp/out"
	command -v script >/dev/null || { echo "no script(1)" && exit 77; }
	local want words
	# LeakSanitizer and script get in each other's way.
	while read -r want words; do
		# shellcheck disable=SC2086
		env ASAN_OPTIONS=detect_leaks=0 TERM=xterm $words \
			script -qec "$fake list \$args" /dev/null </dev/null >"$tmp/out"
		same "$want" "$(grep -c $'\033\[32m' "$tmp/out" || true)"
	done <<-'LINES'
		1 args=
		0 args=--color=never
		0 NO_COLOR=1
		1 NO_COLOR=
		0 TERM=dumb
		1 NO_COLOR=1 args=--color=always
	LINES
}

monitor_prints_each_event() {
	pipe 5 events
	pipe 6 lines
	FAKE_EVENTS=$tmp/events start "$fake" monitor >"$tmp/lines" 2>"$tmp/err"
	echo '{"type":"hello","version":1,"session":3,"generation":7}' >&5
	reads 6 '^[0-9:.]{15} hello generation 7$'
	# Each line is there before the next event: nothing waits in a buffer.
	echo '{"type":"change","id":4,"listener":2,"from":"none","to":"established","event":"accepted",
"diff":[],"protocol":"tcp","local_address":"192.0.2.2","local_port":4000,"mono_ns":1,
"remote_address":"192.0.2.1","remote_port":32800,"peer_id":"CN=a","generation":8}' | tr -d '\n' >&5
	echo >&5
	reads 6 'change latch 4 none -> established; accepted; tcp 192\.0\.2\.2:4000 192\.0\.2\.1:32800;'
	[[ $line == *"; listener 2; peer CN=a" ]]
	echo '{"type":"alert","id":4,"from":"established","to":"broken","event":"conflict-sa","diff":
["peer-id"],"peer":"@a","reason":"C took the address","mono_ns":2}' | tr -d '\n' >&5
	echo >&5
	reads 6 'alert latch 4 established -> broken; conflict-sa; differs in peer-id; for @a; C took the address$'
	echo '{"type":"alert","id":5,"from":"larval","to":"closed","event":"failed","diff":[],
"error":"NoSa","reason":"TS_UNACCEPTABLE","mono_ns":3}' | tr -d '\n' >&5
	echo >&5
	reads 6 'alert latch 5 larval -> closed; failed; error NoSa; TS_UNACCEPTABLE$'
	echo '{"type":"lost","generation":99}' >&5
	reads 6 'lost events up to generation 99: ask "latch.fake list"$'
	echo '{"type":"of-tomorrow","what":"x"}' >&5
	reads 6 'of-tomorrow \{"type":"of-tomorrow","what":"x"\}$'
	exec 5>&-
	gone "$pid" 8
	says err 'the service has gone$'
}

monitor_prints_json_lines() {
	local name
	rm -f "$tmp/events"
	for name in hello lost; do
		printf '{"type":"%s","generation":7,"x":"\\u00fc\xc3\xbc\\u001b"}\n' "$name"
	done >"$tmp/events"
	rm -f "$tmp/state"
	FAKE_STATE=$tmp/state FAKE_EVENTS=$tmp/events ends 8 "$fake" monitor --json
	"$json_check" --lines '#=2' 0.type='"hello"' '1.x="\u00FC\u00FC\u001B"' <"$tmp/out"
	same 2 "$(wc -l <"$tmp/out")"
	# It asks for the latches of others too.
	same "open 3 system" "$(cat "$tmp/state")"
}

monitor_is_interrupted() {
	local signal
	for signal in INT TERM; do
		pipe 5 events
		pipe 6 lines
		FAKE_EVENTS=$tmp/events start "$fake" monitor >"$tmp/lines"
		echo '{"type":"hello"}' >&5
		reads 6 hello
		kill "-$signal" "$pid"
		gone "$pid" 0
	done
}

monitor_waits_for_the_service() {
	pipe 7 said
	pipe 5 events
	pipe 6 lines
	FAKE_EVENTS=$tmp/events start "$fake" monitor --json --wait >"$tmp/lines" 2>"$tmp/said"
	echo '{"type":"hello","generation":1}' >&5
	reads 6 '"generation":1'
	exec 5>&-
	reads 7 'the service has gone: waiting$'
	exec 5<>"$tmp/events"
	echo '{"type":"hello","generation":2}' >&5
	reads 6 '"generation":2'
	kill -INT "$pid"
	gone "$pid" 0
}

monitor_ends_with_its_reader() {
	pipe 5 events
	pipe 6 lines
	FAKE_EVENTS=$tmp/events start "$fake" monitor >"$tmp/lines"
	echo '{"type":"hello"}' >&5
	reads 6 hello
	exec 6<&-
	# No event comes that could fail.
	gone "$pid" 1
}

full_disk_is_no_success() {
	[[ -w /dev/full ]] || { echo "no /dev/full" && exit 77; }
	local words
	for words in list "list --json" "show 1" "check 1" "check 1 --json" "show 1 --certificate=key" forget-unreadable stats help version \
		"help --completion"; do
		# shellcheck disable=SC2086
		ends 1 bash -c '"$@" >/dev/full' bash "$fake" $words
		says err 'standard output: No space left'
	done
}

help_comes_from_the_table() {
	local command
	ends 0 "$fake" help
	silent err
	"$fake" help --table >"$tmp/table"
	while read -r command; do
		grep -qE "^  $command( |$)" "$tmp/out"
		ends 0 "$fake" help "$command"
		cp "$tmp/out" "$tmp/out.help"
		says out "^Usage: latch.fake $command"
		ends 0 "$fake" "$command" --help
		cmp "$tmp/out" "$tmp/out.help"
		same "$(sed -n "s/^takes $command //p" "$tmp/table" | sort | xargs)" \
			"$(grep -oE '^  --[a-z-]+' "$tmp/out" | sort | xargs)"
		"$fake" help >"$tmp/out"
	done < <(sed -n 's/^command \([a-z-]*\).*/\1/p' "$tmp/table")
	ends 0 "$fake" --help
	ends 0 "$fake" -h
	ends 0 "$fake" --version
	says out '^latch.fake [0-9.]+$'
	ln -sf "$fake" "$tmp/latch"
	ends 0 "$tmp/latch" version
	says out '^ipsec latch [0-9.]+$'
}

it "a command line that makes no sense ends with 2 and says where to read on" usage_errors
it "every error of the library has the exit code that was promised" every_error_has_its_code
it "every command hands its errors up" every_command_hands_errors_up
it "release, unprotect, break and close reach the library" changes_reach_the_library
it "forget-unreadable says how much was forgotten" forgotten_is_counted
it "list ends with a line about what is unreadable" list_ends_with_what_is_unreadable
it "stats are lines, or an object" stats_are_lines_or_an_object
it "conf --check reads as the service does, and says which line is wrong" conf_is_checked
it "list is a table" list_is_a_table
it "its columns are aligned, wide characters included" columns_are_aligned
it "filters choose" filters_choose
it "find prints ids, and says when there is none" find_prints_ids
it "find looks at the sockets of a process" find_looks_into_a_process
it "--json is JSON, in ASCII" json_is_json
it "show leaves nothing out" show_groups
it "show --certificate prints PEM" certificate_is_pem
it "show --binding prints what a login is bound to" binding_is_shown
it "names of peers do not steer the terminal" no_escapes
it "colours are for terminals, and NO_COLOR" colours_are_for_terminals
it "monitor prints each event at once" monitor_prints_each_event
it "monitor --json prints one object per line" monitor_prints_json_lines
it "monitor ends with 0 when it is interrupted" monitor_is_interrupted
it "monitor --wait outlives the service" monitor_waits_for_the_service
it "monitor ends with its reader" monitor_ends_with_its_reader
it "what could not be written is no success" full_disk_is_no_success
it "help and usage come from the table" help_comes_from_the_table
