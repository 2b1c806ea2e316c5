# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What benches with real plutos in a guest have in common.
#
#	guest_has WHAT PROGRAM...	what a guest needs is built, or: "not measured", and exit
#	guest_bench SCENARIO WORDS	run it; WORDS are in /out/$PL_RUN/bench-words. Sets $rc

set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/mk/sh.bash"
rc=0

guest_has() {
	local what=$1 needed pluto=usr/local/libexec/ipsec/pluto
	shift
	for needed in "${GUEST_KERNEL:-$CACHE/uml/linux.uml}" "${@/#/$top/build/guest/bin/}" \
		"$top/build/ours/$pluto" "$top/build/stock/$pluto"; do
		[[ -x $needed ]] && continue
		echo "CPU time of $what: not measured, there is no $needed (make, make guest-kernel)"
		exit 0
	done
	echo "CPU time of $what; load of the machine before: $(cut -d " " -f 1-3 /proc/loadavg)"
}

guest_bench() {
	BENCH_WORDS=$2 GUEST_MEM=${GUEST_MEM:-3G} "$top/testing/guest/run" "$1" || rc=1
	echo "    load of the machine after: $(cut -d " " -f 1-3 /proc/loadavg), with the guest itself in it"
}
