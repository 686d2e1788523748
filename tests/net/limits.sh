#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# limits - a rule that would work for ever on a text stops, and that is told:
# not as an error, and not as "nothing found".
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/limits-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/rules"
# 2^n ways to part n letters.
cat >"$dir/rules/slow.yaml" <<'YAML'
pack:
  id: test.slow
  version: 1.0.0
  format: 1
  license: Apache-2.0
detectors:
  - id: test.slow
    uuid: 0b9a2a37-6a8e-4c55-9d0e-6a1c2f1d7e01
    title: A pattern with many ways to the same end
    class: other
    sensitivity: low
    status: stable
    prefilter: { reason: a test of limits }
    primary: { pattern: 'parts:(?:a|aa){1,100}!', boundary: none }
    levels: [ { confidence: medium } ]
    tests:
      - { text: 'parts:aaaa!', expect: medium }
      - { text: 'parts:aaaa?', expect: none }
  - id: test.plain
    uuid: 0b9a2a37-6a8e-4c55-9d0e-6a1c2f1d7e02
    title: A plain one
    class: other
    sensitivity: low
    status: stable
    prefilter: { reason: a test of limits }
    primary: { pattern: 'plain-[0-9]{6}', boundary: none }
    levels: [ { confidence: medium } ]
    tests:
      - { text: 'plain-123456', expect: medium }
      - { text: 'plain-12345', expect: none }
YAML
scan() { timeout 60 "$BIN/chaperone" scan --rules "$dir/rules" "$@" 2>"$dir/err"; }
many() { head -c "$1" /dev/zero | tr '\0' a; }
skips() { jq -c '[.skipped[].reason]' "$dir/out"; }
said='["a rule reached its limit of work"]'

"$BIN/chaperone" rules check "$dir/rules" >"$dir/out" 2>&1
ok $? "the rules are good ones"
printf 'parts:%s!\n' "$(many 60)" >"$dir/text"
scan --format json "$dir/text" >"$dir/out"
is "$? $(jq -c '[.findings[].count]' "$dir/out") $(skips)" '1 [1] []' \
	"a match that is soon found is found"
printf 'parts:%s?!\n' "$(many 60)" >"$dir/text"
scan --format json "$dir/text" >"$dir/out"
is "$? $(skips)" "8 $said" "a limit that was hit is told, with exit 8"
is "$(jq -c '[.size == .examined, .findings]' "$dir/out")" '[true,[]]' \
	"all bytes were looked at, nothing was found"
scan "$dir/text" >"$dir/out"
is "$?" 8 "a table exits with 8, too"
grep -q 'a rule reached its limit of work' "$dir/out" "$dir/err"
ok $? "and says it"

# ---- it is one rule at one place ----
{
	printf 'parts:%s?!\n' "$(many 60)"
	printf 'plain-123456\nparts:aaaa!\n'
} >"$dir/text"
scan --format json "$dir/text" >"$dir/out"
is "$? $(skips)" "1 $said" "beside findings it is told, too"
is "$(jq -c '[.findings[] | [.detector, .count]] | sort' "$dir/out")" \
	'[["test.plain",1],["test.slow",1]]' "which hides nothing behind it"
for _ in $(seq 2000); do printf 'parts:%s?!\n' "$(many 60)"; done >"$dir/text"
printf 'plain-123456\n' >>"$dir/text"
scan --format json "$dir/text" >"$dir/out"
is "$? $(skips)" "1 $said" "two thousand places are one loss"
is "$(jq -c '[.findings[] | .detector]' "$dir/out")" '["test.plain"]' \
	"and no other rule's"
printf 'plain-123456\nparts:aaaa!\n' >"$dir/next"
scan --format json "$dir/text" "$dir/next" >"$dir/out"
is "$(jq -c 'select(.path | endswith("next")) |
	[([.findings[].detector] | sort), .skipped]' "$dir/out")" \
	'[["test.plain","test.slow"],[]]' "the next file begins anew"
tar -C "$dir" -cf "$dir/a.tar" text next
scan --format json "$dir/a.tar" >"$dir/out"
is "$(skips)" "$said" "within an archive it is told, too"
done_testing
