#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kinds - what files are, whatever their names and wherever they lie: the
# shipped rules find them from the command line, in containers, in charsets;
# and how well programs are told from prose is measured on this system's own
# files.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/kinds-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
mkdir rules in
cp "$SRC/rules/files.yaml" rules
scan() { timeout 300 "$BIN/chaperone" scan --json --rules "$dir/rules" "$@"; }
found() { # DETECTOR PATTERN: how many findings of it whose place ends so
	jq -s --arg d "$1" --arg p "$2" '[.[] | .path as $f | .findings[]? |
		select(.detector == $d and ("\($f)!\(.member)" | test($p)))] |
		length' out
}

# ---- by bytes, not by name; in containers, too ----
printf '\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\1' >in/holiday.jpg
printf 'SQLite format 3 is a format\n' >in/customers.db
sqlite3 in/notes.txt 'create table t(a); insert into t values (1)'
(cd in && zip -q ../deep.zip holiday.jpg notes.txt && tar -czf ../deep.tgz ../deep.zip 2>/dev/null)
mv deep.tgz in/deep.bin
rm deep.zip
genisoimage -quiet -R -J -o in/iso.bin in/customers.db
scan in >out
is "$(found file.keystore 'holiday.jpg!$')" 1 "a store of keys by another name"
is "$(found file.database 'notes.txt!$')" 1 "a database by another name"
is "$(found file.database 'customers.db!$')" 0 "a name alone is nothing"
is "$(found file.keystore 'deep.bin!.*holiday.jpg$')" 1 "a store of keys in a zip in a tar"
is "$(found file.database 'deep.bin!.*notes.txt$')" 1 "a database there"
is "$(found file.disk_image 'iso.bin!$')" 1 "an image of a disk"
is "$(jq -s '[.[].findings[]? | select(.spans | length > 0)] | length' out)" 0 \
	"a file has no place within itself"

# ---- source code by its owner's header ----
mkdir src
cat >src/a.txt <<'END'
/*
 * Acme Corp. Proprietary and confidential.
 */
#include <stdio.h>
#include "acme.h"

int
main(void)
{
	return 0;
}
END
sed 's/Proprietary.*/SPDX-License-Identifier: MIT; not proprietary and confidential/' src/a.txt >src/free.c
printf 'This offer is proprietary and confidential.\n' >src/offer
printf '// proprietary and confidential\nlet it be\n' >src/little.ts
scan src >out
is "$(found ip.source_file 'a.txt!$')" 1 "a program by its looks"
is "$(jq -rs '[.[].findings[]? | select(.detector == "ip.source_file").confidence] | sort | join(" ")' out)" \
	"high medium" "its looks are surer than its name"
is "$(found ip.source_file 'free.c!$')" 0 "what is everybody's is none"
is "$(found ip.source_file 'offer!$')" 0 "nor is an offer"

# ---- measured ----
mkdir measure
langs='c c++ java c-sharp python go js ts rust sql php perl ruby shell kotlin swift verilog vhdl r cobol lua'
{
	echo 'pack: {id: m, version: 1.0.0, format: 1}'
	echo 'detectors:'
	n=10
	for l in $langs; do
		echo "  - {id: m.${l/c++/cpp}, uuid: 00000000-0000-4000-8000-0000000000$((n++)), title: t, class: m,"
		echo "     primary: {file: {magic: source/$l}}, levels: [{confidence: low, all: []}]}"
	done
} >measure/kinds.yaml
measure() { # LABEL RIGHT FILES…: files of them that are told as RIGHT, as another
	local label=$1 right=$2
	shift 2
	timeout 300 "$BIN/chaperone" scan --json --rules measure "$@" |
		jq -rs --arg r "$right" '[.[] | select(.size > 200)] |
			"\(length) \([.[] | select(any(.findings[]?; .detector |
			test("^m\\.(" + $r + ")$")))] | length) \([.[] |
			select(any(.findings[]?; .detector |
			test("^m\\.(" + $r + ")$") | not))] | length)"' >"sum-$label"
	read -r all told other <"sum-$label"
	echo "# $label: $all files, $told told, $other told as something else"
}
mapfile -t headers < <(find /usr/include -type f -name '*.h' -size +0 | LC_ALL=C sort | awk 'NR % 8 == 0' | head -400)
if [ ${#headers[@]} -ge 100 ]; then
	measure headers 'c|cpp' "${headers[@]}"
	[ $((told * 100 >= all * 80 && other * 100 <= all)) = 1 ]
	ok $? "headers are told as C or C++"
else
	skip "headers" "not enough on this system"
fi
mapfile -t modules < <(find /usr/lib/python3* -type f -name '*.py' -size +1 | LC_ALL=C sort | awk 'NR % 4 == 0' | head -400)
if [ ${#modules[@]} -ge 100 ]; then
	measure modules 'python' "${modules[@]}"
	[ $((told * 100 >= all * 80 && other * 100 <= all)) = 1 ]
	ok $? "modules are told as Python"
else
	skip "modules" "not enough on this system"
fi
mapfile -t prose < <(find /usr/share/doc /usr/share/common-licenses -type f \( -name copyright -o -name 'README*' -o -name '*.txt' -o -name 'GPL*' \) ! -name '*.gz' | LC_ALL=C sort | head -600)
if [ ${#prose[@]} -ge 100 ]; then
	measure prose 'none' "${prose[@]}"
	[ $((other * 100 <= all * 2)) = 1 ]
	ok $? "prose is told as no program"
else
	skip "prose" "not enough on this system"
fi
done_testing
