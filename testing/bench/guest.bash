# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What benches with real plutos have in common: a guest whose clock counts instructions.
#
#	guest_has WHAT PROGRAM...	what the guest needs is built, or: "not measured", and exit
#	guest_bench SCENARIO WORDS	run it; WORDS are in /out/$PL_RUN/bench-words. Sets $rc

set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/mk/sh.bash"
rc=0

guest_has() {
	local what=$1 needed pluto=usr/local/libexec/ipsec/pluto
	shift
	for needed in /usr/bin/qemu-system-x86_64 "${@/#/$top/build/guest/bin/}" \
		"$top/build/ours/$pluto" "$top/build/stock/$pluto"; do
		[[ -x $needed ]] && continue
		echo "instructions of $what: not counted, there is no $needed (make)"
		exit 0
	done
	[[ $(id -u) == 0 ]] && return
	echo "instructions of $what: not counted, the QEMU guest needs root"
	exit 0
}

guest_bench() {
	BENCH_WORDS=$2 GUEST_MEM=${GUEST_MEM:-3G} GUEST_ACCEL=icount \
		"$top/testing/guest/run" --guest qemu "$1" || rc=1
}
