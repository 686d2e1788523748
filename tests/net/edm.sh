#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# edm - from a table to confirmed findings: build, a rule, scan, confirm; what
# build refuses, and that no file gives a value away.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/edm-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
chap() { timeout 100 "$BIN/chaperone" "$@"; }

# ---- a table of 5,000 people, made up ----
awk 'BEGIN {
	srand(7)
	print "Name,SSN,Town,Country,Note"
	for (i = 0; i < 5000; i++)
		printf "%s,%03d-%02d-%04d,%s,%s,\"said \"\"x\"\",\nthen left\"\n",
			word(3), 1 + rand() * 898, 1 + rand() * 98,
			1 + rand() * 9998, word(2), i % 2 ? "NL" : "DE"
}
function word(n,   w, k, s) {
	split("ka lo mi ter sen berg hoff na ri vo du", s, " ")
	for (k = 0; k < n; k++)
		w = w s[1 + int(rand() * 11)]
	return toupper(substr(w, 1, 1)) substr(w, 2)
}' >people.csv
is "$(head -n 1 people.csv)" "Name,SSN,Town,Country,Note" "a table"

build() { chap edm build people.csv --out out "$@"; }
mkdir out
build --primary ssn --secondary name,town 2>err
is $? 0 "build"
grep -q '^people: 5000 rows' err
is $? 0 "it says how many rows"
grep -q 'trying all 1e+09 numbers.* leaves 7.8e+06 by chance' err
is $? 0 "and what somebody with the host's part learns"
is "$(stat -c '%n %a' out/* | sort | tr '\n' ' ')" \
	"out/people.edm 644 out/people.key 600 out/people.table 600 " \
	"three files, two of them for nobody else"
[ "$(stat -c %s out/people.edm)" -lt 40000 ]
ok $? "the host's part is small"
build --primary ssn --secondary name 2>err
is $? 2 "nothing is written over"

# ---- what is too weak, or no table ----
mkdir weak
refused() {
	local said=$1 name=$2
	shift 2
	chap edm build "$@" --out weak >/dev/null 2>err
	is $? 3 "$name"
	grep -q "$said" err
	is $? 0 "with a word: $said"
}
refused 'neither a digit nor an @' "a name is no primary" \
	people.csv --primary name --secondary town
refused 'fewer than 6 letters and digits' "short values are none" \
	people.csv --primary country --secondary town
awk 'NR == 1 { print "id,name" } { printf "%08d,n%d\n", NR % 40, NR }' \
	/dev/null people.csv >few.csv
refused 'too weak a primary: about 40 different' "few values are none" \
	few.csv --primary id --secondary name
refused '2 different values' "nor are they secondaries" \
	people.csv --primary ssn --secondary country
refused 'no column "social"' "a column that is not there" \
	people.csv --primary social --secondary name
printf 'a,b\n1,2,3\n' >bad.csv
refused 'line 2: 3 cells' "a table that is none" \
	bad.csv --primary a --secondary b
is "$(ls weak)" "" "and nothing is written"
awk 'BEGIN { print "id,name"; for (i = 0; i < 20000; i++)
	printf "%06d,n%d\n", i * 50 % 1000000 + i / 20000, i }' >dense.csv
chap edm build dense.csv --primary id --secondary name --out weak 2>err
is $? 0 "a table that fills its numbers"
grep -q 'WARNING: a filter cannot hide' err
is $? 0 "is warned of"

# ---- a rule, and a scan ----
mkdir rules in
cp out/people.edm rules
cat >rules/acme.yaml <<'END'
pack: {id: acme, version: 1.0.0, format: 1}
detectors:
  - id: acme.person
    uuid: 3f0f2a7e-52a4-4c43-9a3e-6f4a8a1d5c12
    title: Our people
    class: pii.person
    references: [the table of people]
    primary: {exact: {index: people, primary: ssn}}
    levels: [{confidence: low}]
    tests: [{text: "000000000", expect: none}]
END
chap rules check --strict rules >out.txt 2>&1
is $? 0 "a rule with an index passes check"
row=$(awk -F, 'NR == 2 { print $2 " " $1 " " $3 }' people.csv)
read -r ssn name town <<<"$row"
printf 'Re: %s of %s, number %s.\n' "$name" "$town" "${ssn//-/}" >in/letter
awk -F, 'BEGIN { srand(3) } NR % 2 == 0 && NR < 900 {
	printf "%09d order of %s\n", rand() * 999999999, $1 }' \
	people.csv >in/orders
printf 'nothing at all\n' >in/nothing
chap scan --json --rules rules in >found.jsonl 2>/dev/null
is $? 1 "scan finds"
is "$(jq -c 'select(.path | endswith("letter")) | .findings[0] |
	[.detector, .confidence, .count, (.sealed | length > 100)]' \
	found.jsonl)" '["acme.person","low",1,true]' "low, with what is sealed"

# ---- confirmed and refuted ----
confirm() { chap edm confirm --key out/people.key --table out/people.table "$@"; }
confirm --json found.jsonl >said.jsonl 2>err
is $? 1 "confirm tells that something is"
is "$(jq -c 'select(.path | endswith("letter")) |
	[.index, .verdict, .candidates, .confirmed]' said.jsonl)" \
	'["people","confirmed",1,1]' "the letter is confirmed"
is "$(jq -rs 'map(select(.path | endswith("orders")) | .verdict) | unique |
	join(" ")' said.jsonl)" "refuted" "orders that pass by chance are refuted"
grep -q '^people: nobody named: 1 confirmed, 1 refuted, 0 unknown' err
is $? 0 "and the sum by index and person"
jq -c '.findings[] | {type: "finding", provider: "acme", person: "jane",
	path: "x", detector, sealed}' found.jsonl |
	confirm >said.txt 2>err
grep -q '^people: acme jane: 1 confirmed, 1 refuted' err
is $? 0 "entries of a log name the person"
grep -q '^confirmed .*people .*jane' said.txt
is $? 0 "for a human"

# Somebody else's number with the right name is refuted: the row counts.
other=$(awk -F, 'NR == 20 { print $2 }' people.csv)
printf '%s %s %s\n' "$name" "$other" "$town" >mixed
chap scan --json --rules rules mixed 2>/dev/null | confirm --json \
	>said.jsonl 2>/dev/null
is "$(jq -r .verdict said.jsonl)" refuted "a number beside another's name"

# ---- who cannot confirm ----
chap edm build people.csv --primary ssn --secondary name,town --out weak \
	2>/dev/null
chap edm confirm --key weak/people.key --table out/people.table --json \
	found.jsonl >said.jsonl 2>/dev/null
is "$? $(jq -rs 'map(.verdict) | unique | join(" ")' said.jsonl)" \
	"8 unknown" "another key opens nothing"
chap edm confirm --key weak/people.key --table weak/people.table --json \
	found.jsonl >said.jsonl 2>/dev/null
is "$? $(jq -rs 'map(.verdict) | unique | join(" ")' said.jsonl)" \
	"8 unknown" "another index knows nothing"
chmod 644 weak/people.key
chap edm confirm --key weak/people.key --table out/people.table \
	/dev/null 2>err
is $? 4 "a key that others may read is refused"
printf 'x' | dd of=out/people.table bs=1 seek=3000 conv=notrunc 2>/dev/null
confirm found.jsonl 2>err
is "$? $(grep -c 'was changed' err)" "3 1" "so is a table that was changed"

# ---- the index and the set ----
chap rules sign --new-key --key k --name acme.example/r rules >vkey 2>/dev/null
chap rules verify --vkey "$(cat vkey)" rules >/dev/null
is $? 0 "a set with an index is signed"
cp weak/people.edm rules
chap rules verify --vkey "$(cat vkey)" rules >/dev/null 2>&1
is $? 7 "and another index breaks the signature"
rm rules/people.edm
chap rules check rules >err 2>&1
is "$? $(grep -c 'no-index' err)" "3 1" "an index that is not there is told"

# ---- no file and no line holds a value ----
awk -F, 'NR > 1 && NR % 250 == 2 { gsub("-", "", $2); print $2; print $1 }' \
	people.csv | grep -E '^([0-9]{9}|.{9,})$' >values
is "$(cat out/* weak/*.edm found.jsonl said.* err | grep -acFf values)" 0 \
	"no value stands in what was written"
done_testing
