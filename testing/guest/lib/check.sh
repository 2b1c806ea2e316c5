# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Checks. The first that fails ends the scenario; its sentence is the reason that is reported.
#
#	check "SENTENCE" CMD...		CMD succeeds
#	refute "SENTENCE" CMD...	CMD fails (its own failure to start counts as an error)
#	check_eq "SENTENCE" WANT GOT
#	check_gt "SENTENCE" LEAST GOT	GOT is a number above LEAST
#	wait_for SECONDS "WHAT" CMD...	poll CMD until it succeeds; fails after three times the seconds
#	file_has FILE WORDS		for polling a log
#	like PATTERN WORDS
#	fail "REASON"; skip "REASON"
#	mono				monotonic time in ns
#	measure NAME VALUE		for testing/guest/demo, in $OUT/measured
#
# A refuted command must be able to succeed: refute only what a check has shown to work, and end
# every "nothing happens" on a marker that came after it, never on time.

fail() {
	# the first reason counts, also when a subshell has to be left on the way
	[[ -s $OUT/reason ]] || printf '%s\n' "$*" >"$OUT/reason"
	echo "FAIL $*"
	exit 1
}

skip() {
	printf '%s\n' "$*" >"$OUT/skip"
	exit 0
}

measure() {
	echo "$1=$2" >>"$OUT/measured"
}

passed() {
	printf '%s\n' "$*" >>"$OUT/checks"
	log "ok: $*"
}

check() {
	local sentence=$1
	shift
	echo "+ $*"
	"$@" || fail "$sentence"
	passed "$sentence"
}

refute() {
	local sentence=$1 rc
	shift
	echo "+ not: $*"
	"$@"
	rc=$?
	((rc != 0)) || fail "$sentence"
	((rc != 126 && rc != 127)) || fail "$sentence (cannot be judged: exit code $rc of $1)"
	passed "$sentence"
}

check_eq() {
	[[ $2 == "$3" ]] || fail "$1 (expected '$2', got '$3')"
	passed "$1"
}

check_gt() {
	[[ $3 =~ ^[0-9]+$ ]] || fail "$1 (expected a number, got '$3')"
	(($3 > $2)) || fail "$1 (expected more than $2, got $3)"
	passed "$1"
}

# shellcheck disable=SC2053 # a pattern on purpose
like() {
	[[ $2 == $1 ]]
}

mono() {
	/top/build/guest/bin/inject mono
}

# Time for the log: steps of 10 ms, and no process.
log() {
	local uptime
	read -r uptime _ </proc/uptime
	echo "[$uptime] $*"
}

# A twentieth of a second, without a process: a line that never comes.
pause() {
	local line
	read -rt 0.05 line <>/run/scenario/never || true
}

# Does the file hold the words? Without a process, for polling.
file_has() {
	local text=
	[[ -r $1 ]] && IFS= read -rd "" text <"$1"
	[[ $text == *"$2"* ]]
}

# The seconds are those of a machine of its own: one that others share takes longer, and is no worse.
wait_for() {
	local seconds=$(($1 * 3)) what=$2 start=$SECONDS
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS - start <= seconds)) ||
			fail "waited $seconds s for: $what ($*)"
		pause
	done
	log "there: $what"
}
