#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# layout - the walls of ARCHITECTURE.md: who may include whom, and what every
# source file carries. Each check is first shown a file that must fail.
set -u
cd "$SRC" || exit 2
. "$SRC/tests/support/tap.sh"

# Each check reads file names and prints "file: what is wrong".
spdx() {
	while read -r f; do
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier:' ||
			echo "$f: no SPDX line"
	done
}
lib_only() {
	while read -r f; do
		grep -nE '^#include "' "$f" | grep -v '"lib/' |
			sed "s|^|$f: includes more than lib, line |"
	done
}
# A room is agent/X or collector/X: it includes itself and lib.
own_room() {
	local room
	while read -r f; do
		room=$(dirname "$f")
		grep -nE '^#include "' "$f" |
			grep -vE "\"(lib|$room)/|\"collector/wire.h\"" |
			sed "s|^|$f: includes another room, line |"
	done
}
own_last() {
	while read -r f; do
		[ "$(grep -E '^#include .*\.h' "$f" | tail -n 1)" = \
			'#include "lib/own.h"' ] ||
			echo "$f: lib/own.h is not included last"
	done
}
zero_buf() {
	while read -r f; do
		grep -nE 'OWN\(buf_(done|wipe)\) struct buf [a-z_]+;' "$f" |
			sed "s|^|$f: an owned buf is not zero, line |"
	done
}
# A library and the files that own it.
owner() {
	local header=$1 files=$2
	while read -r f; do
		case " $files " in *" $f "*) continue ;; esac
		grep -nE "^#include <$header" "$f" |
			sed "s|^|$f: includes $header, line |"
	done
}

bad=$(mktemp) || exit 2
trap 'rm -f "$bad"' EXIT
printf '%s\n' '#include "agent/who/who.h"' '#include <sqlite3.h>' \
	'	OWN(buf_done) struct buf b;' >"$bad"
for c in spdx lib_only own_room own_last zero_buf "owner sqlite3.h lib/db.c"; do
	[ -n "$(echo "$bad" | $c)" ]
	ok $? "${c%% *} sees a violation"
done

none "$(tracked '*.c' '*.h' '*.sh' '*.mk' Makefile | spdx)" "SPDX lines"
none "$(tracked 'lib/*.c' 'lib/*.h' | lib_only)" "lib includes only lib"
none "$(tracked 'agent/*/*.c' 'agent/*/*.h' 'collector/*/*.c' \
	'collector/*/*.h' | grep -v '\.bpf\.c$' | own_room)" "rooms include themselves and lib"
# A kernel program links nothing of ours.
none "$(tracked '*.c' | grep -vE '^(tests|packaging)/|\.bpf\.c$' | own_last)" \
	"lib/own.h comes last"
none "$(tracked '*.c' | zero_buf)" "owned buffers are zero"
for o in 'pcap/pcap.h agent/sense/capture.c' 'pcre2.h agent/detect/regex.c' \
	'bpf/libbpf.h agent/sense/kernel.c' \
	'hs/hs.h agent/detect/candidate.c' 'magic.h agent/extract/sniff.c' \
	'archive.h agent/extract/archive.c' 'sqlite3.h lib/db.c' \
	'yaml.h lib/yaml.c' 'seccomp.h lib/jail.c' \
	'curl/curl.h agent/ship/client.c'; do
	none "$(tracked '*.c' '*.h' | grep -v '^tests/' |
		owner ${o%% *} "${o#* }")" "one owner of ${o%% *}"
done
done_testing
