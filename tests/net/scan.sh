#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scan - chaperone scan over real files: lines, exit codes, bad rules, hostile
# objects.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/scan-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/in"
scan() { "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }

card='card 4532 0151 1283 0366 exp 04/28'
printf '%s\n' "$card" >"$dir/in/a.txt"
gzip -c "$dir/in/a.txt" >"$dir/in/b.gz"
tar -C "$dir/in" -czf "$dir/in/c.tgz" a.txt
printf 'CPF: 529.982.247-25\n' | iconv -t UTF-16LE >"$dir/in/d"
printf 'nothing to see\n' >"$dir/in/e.txt"
ln -s /etc/passwd "$dir/in/link"

out=$(scan "$dir/in")
is "$?" 1 "a finding exits with 1"
is "$(printf '%s\n' "$out" | jq -r .path | sort -u | wc -l)" 6 \
	"one line a file"
line() { printf '%s\n' "$out" | jq -c "select(.path == \"$dir/in/$1\")"; }
is "$(line link | jq -c '[.examined, (.skipped | length)]')" '[0,1]' \
	"a link is not followed, and that is told"
is "$(line a.txt | jq -c '.findings[] | [.detector, .confidence, .count,
	.spans]')" '["pci.pan","high",1,[[5,24]]]' "spans are bytes of the file"
is "$(line a.txt | jq -r .examined)" "$(stat -c %s "$dir/in/a.txt")" \
	"every byte was examined"
is "$(line c.tgz | jq -r '.findings[0].member')" a.txt \
	"the path inside a container"
is "$(line d | jq -c '.findings[] | [.detector, .spans]')" \
	'["br.cpf",[[10,38]]]' "UTF-16 without a mark, spans in its own bytes"
is "$(printf '%s' "$out" | grep -c '4532')" 0 "no matched byte is printed"

scan "$dir/in/e.txt" >/dev/null
is "$?" 0 "nothing found exits with 0"
scan --nonsense >/dev/null 2>&1
is "$?" 2 "an unknown option exits with 2"
mkdir "$dir/rules"
printf 'pack:\n  idd: x\n' >"$dir/rules/bad.yaml"
why=$("$BIN/chaperone" scan --rules "$dir/rules" "$dir/in" 2>&1)
is "$?" 3 "a bad rule exits with 3"
printf '%s' "$why" | grep -q 'bad.yaml:2:3.*"id"'
ok $? "and names the place and what was meant"

# A name that itself holds a card number.
mkdir "$dir/names"
printf 'x\n' >"$dir/names/card 4532015112830366"
scan "$dir/names" >"$dir/out" 2>&1
[ -s "$dir/out" ]
ok $? "a file with such a name is listed"

# Hostile objects cost themselves alone.
mkdir "$dir/hostile"
head -c 300000 /dev/urandom >"$dir/hostile/noise"
head -c 20000000 /dev/zero | gzip -9 >"$dir/hostile/bomb.gz"
head -c 100 "$dir/in/c.tgz" >"$dir/hostile/cut.tgz"
printf '%s\n' "$card" >"$dir/hostile/z"
out=$(scan "$dir/hostile")
is "$(printf '%s\n' "$out" | jq -r .path | wc -l)" 4 "each gets its line"
is "$(printf '%s\n' "$out" | jq -r \
	"select(.path == \"$dir/hostile/z\") | .findings[0].detector")" \
	pci.pan "the good one among them is found"
is "$(printf '%s\n' "$out" | jq -r \
	"select(.path == \"$dir/hostile/cut.tgz\") | .skipped | length > 0")" \
	true "what was cut is told"
done_testing
