# SPDX-License-Identifier: GPL-2.0-or-later
#
# To be sourced: how the tests of the command run, look and wait.

set -u -o pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1
pattern=${1:-}
latch=$top/build/bin/latch
installed=$top/build/install/latch
fake=$top/build/cli/latch.fake
json_check=$top/build/cli/json_check
tmp=$(mktemp -d)
trap 'finish' EXIT
failed=0
unset NO_COLOR LATCH_BUS_ADDRESS
export LC_ALL=C TZ=UTC

# Ends what a failed test left behind.
finish() {
	local pid
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done < <(cat "$tmp/started" 2>/dev/null)
	rm -rf "$tmp"
}

# it NAME COMMAND...: one rule; COMMAND runs in a subshell that ends at the first failure.
it() {
	local name=$1 rc
	shift
	[[ $name == *$pattern* ]] || return 0
	# A pipe that a test left behind would stop the next one that writes there.
	find "$tmp" -type p -delete
	(set -e; "$@") >"$tmp/log" 2>&1 </dev/null
	rc=$?
	case $rc in
	0) echo "ok cli: $name" ;;
	77) echo "skip cli: $name: $(tail -n 1 "$tmp/log")" ;;
	*)
		failed=1
		echo "FAIL cli: $name"
		sed 's/^/    /' "$tmp/log" >&2
		;;
	esac
}

# ends CODE COMMAND...: it ends with this code within a deadline; its output is in $tmp/out and err.
ends() {
	local want=$1 rc=0
	shift
	timeout -k 1 30 "$@" >"$tmp/out" 2>"$tmp/err" || rc=$?
	[[ $rc == "$want" ]] && return 0
	echo "exit $rc, not $want: $*"
	cat "$tmp/out" "$tmp/err"
	return 1
}

# says FILE PATTERN: FILE (out, err) has a line that matches.
says() {
	grep -qE -e "$2" "$tmp/$1" && return 0
	echo "no \"$2\" in $1:"
	cat "$tmp/$1"
	return 1
}

# lacks FILE PATTERN [-P]: FILE (out, err) has no line that matches. In a function, "! grep" would
# fail nothing.
lacks() {
	local rc=0
	LC_ALL=C grep -a "${3:--E}" -e "$2" "$tmp/$1" || rc=$?
	[[ $rc == 1 ]] && return 0
	echo "\"$2\" in $1, or grep failed: $rc"
	return 1
}

silent() {
	[[ ! -s $tmp/$1 ]] && return 0
	echo "not empty:"
	cat "$tmp/$1"
	return 1
}

# same WANT GOT
same() {
	[[ $1 == "$2" ]] && return 0
	printf 'want: %s\ngot:  %s\n' "$1" "$2"
	return 1
}

# reads FD PATTERN: the next line from FD, within a deadline, matches; it is in $line.
reads() {
	line=
	read -r -t 20 line <&"$1" || { echo "no line for \"$2\"" && return 1; }
	[[ $line =~ $2 ]] && return 0
	echo "\"$line\" is not \"$2\""
	return 1
}

# start COMMAND...: in the background, without our pipes; its pid is $pid.
start() {
	"$@" 5>&- 6>&- 7>&- 8>&- &
	pid=$!
	echo "$pid" >>"$tmp/started"
}

# gone PID CODE: it ends, within a deadline, with this code.
gone() {
	local rc=0
	timeout 20 tail -s 0.02 --pid="$1" -f /dev/null || { echo "$1 does not end" && return 1; }
	wait "$1" || rc=$?
	same "$2" "$rc"
}

# pipe FD NAME: a pipe $tmp/NAME, open at both ends here, so that nobody waits for the other one.
pipe() {
	rm -f "$tmp/$2"
	mkfifo "$tmp/$2"
	eval "exec $1<>\"\$tmp/$2\""
}

