# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shared by the build scripts: how they fail, and how a long step shows that it is alive.

# The cache holds what is downloaded or takes long to make; it lies outside the checkout, so that a
# new clone finds it.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pluto-latch

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "${0##*/}: $*"
	exit 1
}

# quietly WHAT LOG COMMAND...: run the command with its output in LOG, in a process group of its own
# that ends with us; while it runs, say every 4
# seconds how long it has taken. When it fails, show the end of LOG.
quietly() {
	local what=$1 log=$2 start=$SECONDS said=0 pid rc
	shift 2
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	trap 'kill -- "-$pid" 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		((SECONDS - start >= 4 * (said + 1))) || continue
		said=$(((SECONDS - start) / 4))
		say "  $what: $((SECONDS - start)) s, $(wc -l <"$log") lines of output"
	done
	wait "$pid"
	rc=$?
	trap - INT TERM
	if ((rc != 0)); then
		say "  $what: failed; the end of its output:"
		tail -n 25 "$log" >&2
	elif ((said > 0)); then
		say "  $what: done in $((SECONDS - start)) s"
	fi
	return "$rc"
}
