# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Hosts of a scenario: containers with a root, a network and processes of their own.
#
# Table `hosts`, one line per network device; a host with two legs has two lines:
#	NAME KIND DEV[@NET] WORD...	WORD: ADDRESS/LENGTH, or gw=ADDRESS for a default route
# Devices with the same NET (default: lan) are ports of one bridge.
#
#	on HOST CMD...			run in the host
#	as HOST USER CMD...		the same as another user (alice, bob)
#	bg HOST TAG CMD...		in the background, output to $OUT/HOST.TAG.log
#	bg_as HOST USER TAG CMD...
#	bg_kill HOST TAG [SIGNAL]	signal it (TERM) and wait for its end
#	bg_wait HOST TAG		wait for its end; its exit code
#	host_kind HOST; host_devices HOST; host_names
#	${HOST_ROOT[HOST]}		where its files are seen from outside: without a process

CONTAINER=/top/build/guest/bin/container
HOST_ENV=(
	LD_LIBRARY_PATH=/usr/local/lib
	PATH=/top/build/guest/applets:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/top/build/guest/bin
	HOME=/root LC_ALL=C.UTF-8 TERM=dumb NSS_SDB_USE_CACHE=no
)
TRACE_FILE=/run/pluto/latch-trace.json
declare -A HOST_PID HOST_ROOT HOST_KIND HOST_DEVS HOST_LINK HOST_NET BG_PID
declare -a HOST_NAMES=()

host_kind() {
	echo "${HOST_KIND[$1]:?no such host}"
}

host_devices() {
	echo "${HOST_DEVS[$1]}"
}

host_names() {
	echo "${HOST_NAMES[@]}"
}

host_known() {
	[[ -n ${HOST_PID[$1]:-} ]] || fail "the scenario has no host '$1'"
}

# host_enter HOST [USER]: sets ENTER to the command that enters a host. Nothing of the caller's environment goes along.
host_enter() {
	host_known "$1"
	ENTER=("$CONTAINER" enter "${HOST_PID[$1]}" ${2:+-u "$2"} "${HOST_ENV[@]}"
		"HOST=$1" OUT=/out "PLUTO_LATCH_TRACE=$TRACE_FILE")
}

on() {
	local ENTER
	host_enter "$1"
	shift
	"${ENTER[@]}" "$@"
}

as() {
	local ENTER
	host_enter "$1" "$2"
	shift 2
	"${ENTER[@]}" "$@"
}

# the entering program itself must be the child, see bg_child
bg() {
	local ENTER host=$1 tag=$2
	host_enter "$host"
	shift 2
	"${ENTER[@]}" "$@" >"$OUT/$host.$tag.log" 2>&1 </dev/null &
	BG_PID[$host.$tag]=$!
}

bg_as() {
	local ENTER host=$1 user=$2 tag=$3
	host_enter "$host" "$user"
	shift 3
	"${ENTER[@]}" "$@" >"$OUT/$host.$tag.log" 2>&1 </dev/null &
	BG_PID[$host.$tag]=$!
}

# Sets CHILD to a child of this process, of this name if one is given. Without a process: pgrep looks
# at as many files, and takes ten times as long to start.
child_of() {
	local stat line
	for stat in /proc/[0-9]*/stat; do
		# it may be gone by now
		read -r line <"$stat" || continue
		CHILD=${line%% *}
		[[ ${line##*) } == [A-Z]" $1 "* && (-z ${2:-} || $line == "$CHILD ($2) "*) ]] && return
	done 2>/dev/null
	return 1
}

# Who enters waits for the program forked into the pid namespace; it has no other child.
bg_child() {
	child_of "${BG_PID[$1.$2]:?no such background program}"
}

bg_kill() {
	if bg_child "$1" "$2"; then
		kill -"${3:-TERM}" "$CHILD"
	fi
	bg_wait "$1" "$2" || true
}

bg_wait() {
	wait "${BG_PID[$1.$2]:?no such background program}"
}

# Reads the table into HOST_*; writes the names for /etc/hosts.
hosts_read() {
	local name kind dev words word net n=0
	while read -r name kind dev words; do
		[[ -z $name || $name == \#* ]] && continue
		if [[ -z ${HOST_KIND[$name]:-} ]]; then
			HOST_NAMES+=("$name")
			HOST_KIND[$name]=$kind
		fi
		net=lan
		[[ $dev == *@* ]] && net=${dev#*@} dev=${dev%@*}
		HOST_DEVS[$name]="${HOST_DEVS[$name]:-}${HOST_DEVS[$name]:+ }$dev"
		HOST_LINK[$name:$dev]=v$n
		HOST_NET[$name:$dev]=$net
		HOST_WORDS[$name:$dev]=$words
		n=$((n + 1))
		for word in $words; do
			[[ $word == */* ]] && echo "${word%/*} $name $name.test" >>/run/scenario/hosts
		done
	done <"$1"
	((n > 0))
}

# ip commands that make the bridges and the cables.
hosts_cables() {
	local key name dev net seen=" "
	for key in "${!HOST_LINK[@]}"; do
		name=${key%%:*} dev=${key#*:} net=br-${HOST_NET[$key]}
		if [[ $seen != *" $net "* ]]; then
			seen+="$net "
			echo "link add $net type bridge forward_delay 0 mcast_snooping 0"
			echo "link set $net up"
		fi
		echo "link add ${HOST_LINK[$key]} type veth peer name $dev netns ${HOST_PID[$name]}"
		echo "link set ${HOST_LINK[$key]} master $net up"
	done
}

# ip commands inside the host.
host_addresses() {
	local dev word
	for dev in ${HOST_DEVS[$1]}; do
		echo "link set $dev up"
		for word in ${HOST_WORDS[$1:$dev]}; do
			case $word in
			*:*/*) echo "address add $word dev $dev nodad" ;;
			*/*) echo "address add $word dev $dev" ;;
			gw=*) echo "route add default via ${word#gw=} dev $dev" ;;
			esac
		done
	done
}

host_create() {
	local name=$1 kind=${HOST_KIND[$1]} lower=/host$PL_BASE
	local -a binds=(/dev:/dev /host:/host /top:/top "$OUT:/out" /run/pki:/pki)
	case $kind in
	plain) ;;
	ours | scripted | checked | stock) binds+=("/top/build/$kind/usr/local:/usr/local") ;;
	*) lower=/host$(sed -n "s/^$kind //p" "/out/$PL_RUN/layers"):$lower ;;
	esac
	"$CONTAINER" start "$name" "/run/scenario/$name" "$lower" "${binds[@]}" &
}

hosts_start() {
	local name line
	declare -gA HOST_WORDS
	: >/run/scenario/hosts
	hosts_read "$1" || return 1
	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	for name in "${HOST_NAMES[@]}"; do
		kind_usable "${HOST_KIND[$name]}" || return 1
		host_create "$name"
		[[ ${HOST_KIND[$name]} == plain ]] || pki_prefetch "$name"
	done
	for name in "${HOST_NAMES[@]}"; do
		until [[ -s /run/scenario/$name/pid ]]; do
			# only children that still run can write it
			[[ -n $(jobs -r) ]] || return 1
			read -rt 0.01 line <>/run/scenario/never
		done
		read -r "HOST_PID[$name]" <"/run/scenario/$name/pid"
		HOST_ROOT[$name]=/proc/${HOST_PID[$name]}/root
	done
	hosts_cables | ip -batch - || return 1
	for name in "${HOST_NAMES[@]}"; do
		host_addresses "$name" | on "$name" ip -batch - || return 1
	done
}

# Says what is missing to have hosts of this kind.
kind_usable() {
	case $1 in
	plain) ;;
	ours | scripted | checked | stock)
		[[ -x /top/build/$1/usr/local/libexec/ipsec/pluto ]] && return
		echo "build/$1 is not staged: run make"
		return 1
		;;
	*)
		grep -q "^$1 " "/out/$PL_RUN/layers" && return
		echo "there is no host kind '$1'"
		return 1
		;;
	esac
}

# What is worth reading after a failure, per host.
collect_logs() {
	local name what ENTER
	for name in "${HOST_NAMES[@]}"; do
		[[ -n ${HOST_PID[$name]:-} ]] || continue
		host_enter "$name"
		{
			for what in "ip -d address" "ip route show table all" "ip -6 route" \
				"ip neighbour" "ip -s xfrm state" "ip xfrm policy" "nft list ruleset" \
				"ss -tuanp" "ps axf" "cat /proc/net/xfrm_stat" "cat /etc/ipsec.conf"; do
				echo "== $what"
				# shellcheck disable=SC2086 # words on purpose
				timeout 5 "${ENTER[@]}" $what
			done
		} >"$OUT/$name.state.log" 2>&1
		timeout 5 "${ENTER[@]}" sh -c "[ ! -e $TRACE_FILE ] || cp $TRACE_FILE /out/$name.trace.json"
	done
}
