#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# doors - a room is entered by its door alone, content stays where it may be,
# and a name tells the file that it comes from. Each check is first shown a
# violation.
set -u
cd "$SRC" || exit 2
. "$SRC/tests/support/tap.sh"

# Headers of a room beside its door that the hallway may include, and why.
#   collector/store/query.h: the report process reads through the store's room.
OTHER_DOORS='collector/store/query.h'

# Reads file names; prints "file: what is wrong".
content() {
	local f
	while read -r f; do
		case $f in
		agent/sense/* | agent/extract/* | agent/detect/* | tests/* | \
			agent/inspectproc.c | agent/captureproc.c) continue ;;
		esac
		grep -n '^#include "lib/content.h"' "$f" |
			sed "s|^|$f: includes content, line |"
	done
}
door() {
	local f header room
	while read -r f; do
		grep -hoE '^#include "(agent|collector)/[a-z]+/[a-z_]+\.h"' \
			"$f" | sed 's/.*"\(.*\)"/\1/' |
			while read -r header; do
				room=$(basename "$(dirname "$header")")
				case " $OTHER_DOORS " in
				*" $header "*) continue ;;
				esac
				[ "$(dirname "$f")" = "$(dirname "$header")" ] ||
					[ "$(basename "$header")" = "$room.h" ] ||
					echo "$f: includes $header, not the door"
			done
	done
}
# The two sides never include each other; protocols lie in lib.
sides() {
	local f other
	while read -r f; do
		case $f in
		agent/*) other=collector ;;
		*) other=agent ;;
		esac
		grep -n "^#include \"$other/" "$f" |
			sed "s|^|$f: includes the other side, line |"
	done
}

# What beside its own name and its room's a file's symbols may begin with: the
# nouns that it owns.
nouns() {
	case $1 in
	agent/detect/lint) echo detector ruleset ;;
	agent/detect/pack) echo detector loader ;;
	agent/detect/ruleset) echo problems ;;
	agent/detect/sample) echo ruleset ;;
	agent/detect/validate) echo checksum validator ;;
	agent/extract/extract) echo stream ;;
	agent/sense/fanotify) echo event file files ;;
	agent/sense/packet) echo fragments ;;
	agent/sense/process) echo processes ;;
	agent/roles) echo AGENT ;;
	collector/intake/intake) echo INTAKE ;;
	collector/report/index | collector/web/pages) echo page ;;
	collector/roles) echo COLLECTOR ;;
	collector/web/web) echo WEB ;;
	lib/actor) echo grade ;;
	lib/buf) echo cur ;;
	lib/db) echo stmt ;;
	lib/diag) echo must ;;
	lib/entry) echo facts ;;
	lib/exposure) echo coverage ;;
	lib/finding) echo confidence sensitivity ;;
	lib/flow) echo tuple ;;
	lib/note) echo checkpoint vkey ;;
	cli/*) echo cli command ;;
	esac
}
# Reads "file symbol".
prefix() {
	local file symbol base room first ok n
	while read -r file symbol; do
		base=$(basename "$file") room=$(basename "$(dirname "$file")")
		first=${symbol%%_*} ok=
		case $symbol in
		main | "$base" | "$base"_* | "$base"s_*) continue ;;
		esac
		for n in "$room" $(nouns "$file"); do
			[ "$first" = "$n" ] && ok=1
		done
		[ -n "$ok" ] || echo "$file.c: $symbol is not named after it"
	done
}
# "file symbol" of every global definition in the objects of the build.
symbols() {
	local files
	mapfile -t files < <(tracked 'agent/*.c' 'collector/*.c' 'cli/*.c' \
		'lib/*.c' | grep -v '\.bpf\.c$' | while read -r f; do
		[ -e "$B/${f%.c}.o" ] && echo "${f%.c}.o"
	done)
	(cd "$B" && nm -A -g --defined-only "${files[@]}") |
		sed -n 's/^\(.*\)\.o:[0-9a-f]* [TDBRC] \(.*\)$/\1 \2/p' |
		grep -v '\.[0-9]*$' | grep -v ' __'
}

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/agent"
printf '%s\n' '#include "lib/content.h"' '#include "agent/detect/rules.h"' \
	'#include "collector/wire.h"' >"$dir/agent/bad.c"
for c in content door sides; do
	[ -n "$(cd "$dir" && echo agent/bad.c | $c)" ]
	ok $? "$c sees a violation"
done
[ -n "$(echo 'lib/buf other_name' | prefix)" ]
ok $? "prefix sees a violation"
[ -z "$(echo 'lib/buf cur_u8' | prefix)" ]
ok $? "and knows a file's nouns"

none "$(tracked '*.c' '*.h' | content)" "content is only where it may be"
none "$(tracked 'agent/*.c' 'collector/*.c' 'cli/*.c' | door)" \
	"rooms are entered by their doors"
none "$(tracked 'agent/*.c' 'agent/*.h' 'collector/*.c' 'collector/*.h' |
	sides)" "agent and collector do not include each other"
if [ -n "$(symbols | head -n 1)" ]; then
	none "$(symbols | prefix)" "a symbol names its file or its room"
else
	skip "symbols" "nothing is built in $B"
fi
done_testing
