# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is installed, the manual pages and the completion.

make_quietly() {
	make -s --no-print-directory "$@" >"$tmp/make" 2>&1 || { cat "$tmp/make" && return 1; }
}

installs_and_goes() {
	local at=$tmp/root
	make_quietly install-cli DESTDIR="$at" PREFIX=/usr
	same "./usr/bin/latchctl ./usr/libexec/ipsec/latch ./usr/share/bash-completion/completions/latchctl \
./usr/share/man/man1/latchctl.1 ./usr/share/man/man8/ipsec-latch.8" \
		"$(cd "$at" && find . ! -type d | sort | xargs)"
	same "$at/usr/libexec/ipsec/latch" "$(readlink -f "$at/usr/bin/latchctl")"
	[[ $(readlink "$at/usr/bin/latchctl") != /* ]]
	readelf -d "$at/usr/libexec/ipsec/latch" >"$tmp/out"
	says out 'NEEDED.*\[liblatch\.so\.1\]'
	lacks out 'RPATH|RUNPATH'
	readelf -d "$latch" | grep -E 'RUNPATH.*\[\$ORIGIN/\.\./lib\]' >/dev/null
	LD_LIBRARY_PATH=$top/build/lib ends 0 "$at/usr/bin/latchctl" version
	says out '^latchctl '
	LD_LIBRARY_PATH=$top/build/lib ends 0 "$at/usr/libexec/ipsec/latch" version
	says out '^ipsec latch '
	make_quietly uninstall-cli DESTDIR="$at" PREFIX=/usr
	same "" "$(find "$at" ! -type d)"
}

# Every command, option and exit code of the program is in the page, and no other.
pages_agree() {
	"$latch" help --table >"$tmp/table"
	same "$(sed -n 's/^command \([a-z-]*\).*/\1/p' "$tmp/table" | sort | xargs)" \
		"$(sed -n '/^\.Sh COMMANDS/,/^\.Sh OPTIONS/s/^\.It Cm \([a-z-]*\).*/\1/p' man/latchctl.1 |
			sort | xargs)"
	same "$(sed -n 's/^option \(--[a-z-]*\).*/\1/p' "$tmp/table" | sort | xargs)" \
		"$(sed -n '/^\.Sh OPTIONS/,/^\.Sh ENV/s/^\.It Fl \(-[a-z-]*\).*/-\1/p' man/latchctl.1 |
			sort | xargs)"
	same "$(sed -n 's/^exit \([0-9]*\) \(.*\)/\1 \2./p' "$tmp/table")" \
		"$(sed -n '/^\.Sh EXIT/,/^\.El/p' man/latchctl.1 |
			sed -n '/^\.It/{s/^\.It //;N;s/\n\(.\)/ \L\1/;p}')"
	# The other page mentions every command, and no option that there is not.
	same "$(sed -n 's/^command \([a-z-]*\).*/\1/p' "$tmp/table" | sort | xargs)" \
		"$(grep -oE '^\.Cm [a-z][a-z-]*( \| [a-z]+)*' man/ipsec-latch.8 |
			sed 's/^\.Cm //; s/ | /\n/g' | sort -u | xargs)"
	grep -oE '^\.Op Fl -[a-z-]+|^\.Fl -[a-z-]+' man/ipsec-latch.8 | sed 's/.*Fl /-/' |
		while read -r option; do
			grep -qE "^option $option( |\$)" "$tmp/table" || echo "$option"
		done >"$tmp/out"
	silent out
}

pages_are_well_formed() {
	command -v man >/dev/null || { echo "no man(1)" && exit 77; }
	local page
	for page in man/latchctl.1 man/ipsec-latch.8; do
		man --warnings -l "$page" 2>&1 >"$tmp/out" | tee "$tmp/err"
		silent err
		[[ -s $tmp/out ]]
	done
}

# completes WANT WORDS...: what bash would offer for the last word.
completes() {
	local want=$1
	shift
	same "$want" "$(env PATH="$tmp/path:$PATH" FAKE_LATCHES="$tmp/latches" bash --norc -c '
		. "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_latchctl
		echo "${COMPREPLY[*]}"' build/install/latchctl.bash latchctl "$@")"
}

completion_offers() {
	bash -n build/install/latchctl.bash
	mkdir -p "$tmp/path"
	ln -sf "$fake" "$tmp/path/latchctl"
	local all
	all=$("$latch" help --table | sed -n 's/^command \([a-z-]*\).*/\1/p' | xargs)
	completes "$all" ""
	completes "release reload" rel
	completes "list" --json li
	completes "find forget-unreadable" f
	completes "broken" find --state = b
	completes "--address=" find --a
	completes "" exec -- l
	completes "" forget-unreadable ""
	completes "1 22 333" show ""
	completes "22" show 2
	completes "" show 1 ""
	completes "1 22 333" release 1 ""
	completes "" break 1 ""
	completes "$all" help ""
	completes "--state=" list --st
	completes "--setup-time=" create --se
	completes "--protection= --prefer" create --pr
	completes "--bypass --bus=" create --b
	completes "" create --setup-time = ""
	completes "--json --json=" show --js
	completes "pretty short" list --json = ""
	completes "pretty short" list --json =
	completes "broken" list --state = b
	completes "larval listener" list --state l
	completes "auto always" list --color = a
	completes "" create h 1 -- ""
	completes "" list x
	completes "1 22 333" show --json = short ""
}

it "install-cli and uninstall-cli do no more than they say" installs_and_goes
it "the manual pages have every command, option and exit code" pages_agree
it "the manual pages are well-formed" pages_are_well_formed
it "completion offers commands, options, values and ids" completion_offers
