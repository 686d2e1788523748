#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_write - what a writer of rules has beside check, test and list: new,
# explain, diff, bench.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/rules-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
rules() { timeout 100 "$BIN/chaperone" rules "$@"; }
card='card 4532 0151 1283 0366 exp 04/28'

# ---- new ----
mkdir one
rules new acme.badge >one/acme.yaml
is $? 0 "new writes a pack"
out=$(rules check --strict --json one)
is "$? $(jq -c '[.errors, .warnings]' <<<"$out")" "0 [0,0]" \
	"it passes check without a word"
out=$(rules test --json one)
is "$? $(tail -n 1 <<<"$out" | jq -c '[.tests > 3, .failed]')" "0 [true,0]" \
	"and its samples pass"
[ "$(grep -c '#' one/acme.yaml)" -gt 10 ]
ok $? "it is commented"
mkdir two
rules new acme.badge2 >two/b.yaml
is "$(cat one/acme.yaml two/b.yaml | grep -o 'uuid: [0-9a-f-]*' | sort -u |
	wc -l)" 2 "each has its own uuid"
is "$(rules new --json x.y | jq -c '[.kind, .id, (.text | length > 500)]')" \
	'["skeleton","x.y",true]' "as an object"
for bad in '' 'Acme' 'a b' '.x' 'x.' '../x' $'a\nb' "$(printf 'x%.0s' {1..96})"; do
	rules new "$bad" >/dev/null 2>&1
	is $? 2 "no id: $(printf '%q' "${bad:0:10}")"
done

# ---- explain ----
mkdir in
printf '%s\nand 4532 0151 1283 0367\n' "$card" >in/a
tar -cf in/b.tar -C in a
out=$(rules explain --json --rules "$SRC/rules" --detector pci.pan in/a)
is $? 0 "explain exits with 0"
is "$(jq -c 'select(.confidence == "high") | [.detector, .from, .to]' \
	<<<"$out")" '["pci.pan",5,24]' "a match by its place"
is "$(jq -c 'select(.confidence == "high") | .facts[] |
	select(.kind == "validator" and .text == "luhn") | .holds' <<<"$out")" \
	true "each validator"
is "$(jq -c 'select(.confidence == "high") | [.facts[] |
	select(.kind == "evidence" and .holds) | has("from")] | any' \
	<<<"$out")" true "evidence with its place"
is "$(jq -r 'select(.confidence == "high") | .facts | last | [.kind, .holds,
	(.text | split(":")[0])] | @csv' <<<"$out")" '"level",true,"high"' \
	"the level that holds comes last"
is "$(jq -c 'select(.confidence == "none") | [.refuted_by, .mask]' \
	<<<"$out")" '["validator luhn",""]' "a near miss, and what refuted it"
is "$(grep -cE '4532 ?0151|0366|0367' <<<"$out")" 0 "no matched byte"
rules explain --rules "$SRC/rules" in/a >out 2>err
grep -q '^in/a: bytes 5 to 24: pci.pan is high' out
is $? 0 "for a human"
is "$(grep -cE '4532 ?0151|0366|0367' out err | paste -sd' ')" "out:0 err:0" \
	"no matched byte either"
is "$(rules explain --json --rules "$SRC/rules" --detector pci.pan in/b.tar |
	jq -r .member | sort -u)" a "within a container"
for i in {1..60}; do printf '%s\n' "$card"; done >in/many
is "$(rules explain --json --rules "$SRC/rules" --detector pci.pan in/many |
	jq -c '[.kind, .count]' | sort | uniq -c | sort -n |
	awk '{ $1 = $1; print }' | paste -sd' ')" \
	'1 ["more",40] 20 ["match",null]' "twenty, and how many more"
nasty=$'in/x\n\x1b[31m'
printf '%s\n' "$card" >"$nasty"
rules explain --rules "$SRC/rules" "$nasty" >out 2>&1
is "$(grep -c $'\x1b' out)" 0 "no foreign escapes on a terminal"
head -c 100 /dev/urandom | gzip | head -c 60 >in/cut.gz
rules explain --rules "$SRC/rules" in/cut.gz >/dev/null 2>err
is $? 8 "what was not examined exits with 8"
grep -q '^in/cut.gz.*: not examined: ' err
is $? 0 "and is told"
rules explain --rules "$SRC/rules" nowhere >/dev/null 2>&1
is $? 2 "a file that is not there exits with 2"
rules explain --rules "$SRC/rules" >/dev/null 2>&1
is $? 2 "no file exits with 2"

# ---- diff ----
printf 'badge BDG-123456\nbadge BDG-12345\nBDG-7654321 BDG-222222\n' >in/t
cp -r one new
sed -i 's/\\d{6}/\\d{5}/; s/medium$/high/' new/acme.yaml
rules diff --json one one in/t >out
is "$? $(jq -c '[.new, .lost, .changed]' out)" "0 [0,0,0]" \
	"a set does not differ from itself"
rules diff --json one new in/t >out
is $? 1 "a difference exits with 1"
is "$(jq -rc 'select(.from) | [.kind, .from, .to, .before, .after] | @csv' \
	out | tr '\n' ' ')" \
	'"lost",6,16,"medium", "new",23,32,,"high" "lost",45,55,"medium", ' \
	"what is lost and what is new, by place"
is "$(tail -n 1 out | jq -c '[.kind, .new, .lost, .changed]')" \
	'["sum",1,2,0]' "and how many"
cp -r one level
sed -i 's/confidence: medium/confidence: high/' level/acme.yaml
is "$(rules diff one level in/t 2>/dev/null | sort -u)" \
	'~ medium to high  acme.badge  in/t: bytes 45 to 55
~ medium to high  acme.badge  in/t: bytes 6 to 16' "another level"
rules diff one >/dev/null 2>&1
is $? 2 "two directories and a path are needed"
rules diff one nowhere in/t >/dev/null 2>&1
[ $? -gt 1 ]
ok $? "a directory that is not there is an error"

# ---- bench ----
seq -f 'a line with badge BDG-%06.0f and x@mail.example.org' 20000 >in/big
rules bench --json one in/big >out
is "$? $(jq -c 'select(.kind == "cost") | [.detector, .places > 0, .matches]' \
	out)" '0 ["acme.badge",true,20000]' "bench tells what a rule had to do"
is "$(jq -c 'select(.kind == "cost") | [.fires, .noisy,
	(.fires_per_gb - .fires * 1000000000 / '$(stat -c %s in/big)' | fabs) <= 1]' out)" \
	'[20000,false,true]' "how often it fires, in a corpus too small to call it noisy"
for i in {1..3}; do cat in/big; done >in/bigger
is "$(rules bench --json one in/bigger | jq -c 'select(.kind == "cost") |
	[.fires, .noisy]')" '[60000,true]' "noisy in a larger one"
rules bench one in/bigger 2>/dev/null | grep -q 'acme.badge.*  noisy: over 5 fires/MB$'
is $? 0 "as a word for people"
rm in/bigger
is "$(tail -n 1 out | jq -c '[.kind, .files, .bytes]')" \
	"[\"corpus\",1,$(stat -c %s in/big)]" "and over what"
rules bench --json "$SRC/rules" in >out
is "$(jq -s '[.[] | select(.kind == "cost") | .us] | . == (sort | reverse)' \
	out)" true "the dear ones first"
rules bench one in >out 2>/dev/null
head -n 1 out | grep -q 'US/KIB.*DETECTOR'
is $? 0 "as a table"

# ---- help ----
for verb in check test list new explain diff bench; do
	rules "$verb" --help | head -n 1 | grep -q '^Example: chaperone rules '"$verb"
	is $? 0 "the help of $verb begins with an example"
	rules "$verb" --frob >/dev/null 2>&1
	is $? 2 "$verb refuses an option that is not known"
done
is "$(rules --json check one | jq -r .kind)" ruleset "options may come first"
done_testing
