#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules - chaperone rules check, test and list: lines, keys, exit codes.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/rules-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
rules() { "$BIN/chaperone" rules "$@"; }
last() { tail -n 1; }

# ---- the shipped ones ----
out=$(rules check --json "$SRC/rules")
is $? 0 "the shipped rules are in order"
is "$(jq -c '[.kind, .verb, .errors]' <<<"$out")" '["ruleset","check",0]' \
	"one line, no problem"
out=$(rules list --json "$SRC/rules")
for id in br.cpf cn.resident_id fin.iban marking.confidential pci.pan \
	pii.email secret.aws_access_key secret.generic_assignment \
	secret.github_pat secret.jwt secret.private_key_pem us.ssn; do
	is "$(jq -c "select(.id == \"$id\") | .id" <<<"$out")" "\"$id\"" \
		"$id is listed once"
done
is "$(head -n 1 <<<"$out" | jq -c keys_unsorted)" \
	'["id","uuid","title","class","sensitivity","status","pack","version","levels","tags","tests","file","line"]' \
	"the keys of a detector"
# SHA-256 over each pack's length in eight bytes and its bytes.
is "$(last <<<"$out" | jq -r .digest)" "$(for f in "$SRC"/rules/*.yaml; do
	printf '%016x' "$(stat -c %s "$f")" | sed 's/../\\x&/g' |
		xargs -0 printf
	cat "$f"
done | sha256sum | cut -d' ' -f1)" "the digest, by other tools"
out=$(rules test --json "$SRC/rules")
is $? 0 "their samples pass"
is "$(last <<<"$out" | jq -c '[.tests > 50, .failed]')" '[true,0]' \
	"and are counted"
is "$(grep -c 4532015112830366 <<<"$out")" 0 "no sample is printed"
rules list "$SRC/rules" 2>&1 >/dev/null | grep -qE '^[0-9]+ detectors, digest'
is $? 0 "a human gets the digest as talk"

# ---- others ----
head='pack: {id: t, version: 1.0.0, format: 1}'
detector() { # ID UUID-DIGIT REST
	printf '  - {id: %s, uuid: 00000000-0000-4000-8000-00000000000%s, title: T, class: t, references: [R], prefilter: {reason: r}, primary: {pattern: "[0-9]{4}"}, levels: [{confidence: low, all: []}], %s}\n' \
		"$@"
}
good='tests: [{text: "1234", expect: low}, {text: x, expect: none}]'
pack() { printf '%s\ndetectors:\n' "$head" && detector "$@"; }

mkdir "$dir/failing"
pack t.a 1 'tests: [{text: x, expect: low}, {text: x, expect: none}]' \
	>"$dir/failing/a.yaml"
out=$(rules test --json "$dir/failing")
is $? 1 "a sample that fails exits with 1"
is "$(jq -c 'select(.ok == false) | [.detector, .test, .expect, .got, .line]' \
	<<<"$out")" '["t.a",1,"low","none",3]' "and is told with its place"
mkdir "$dir/weak"
pack t.a 1 'tests: [{text: "1234", expect: low}]' >"$dir/weak/a.yaml"
out=$(rules check --json "$dir/weak")
is $? 3 "a detector without a negative sample is an error for check"
is "$(jq -r 'select(.kind == "problem") | .name' <<<"$out")" \
	no-negative-test "by name"
rules list "$dir/weak" >/dev/null 2>&1
is $? 0 "but it loads"

bad() { # NAME TEXT WANTED TITLE
	mkdir "$dir/$1"
	printf '%s\n' "$2" >"$dir/$1/a.yaml"
	for verb in check test list; do
		out=$(rules "$verb" --json "$dir/$1")
		is $? 3 "$4: $verb exits with 3"
	done
	jq -r .text <<<"$out" | grep -qF -- "$3"
	ok $? "$4: $3"
}
bad key "$head
detecors: []" 'a.yaml:2:1: unknown key "detecors" in a rule file; did you mean "detectors"?' \
	"an unknown key"
bad later "$head
lists: {k: {terms_file: ../x.terms}}" 'terms_file is the name of a file beside the pack' "a list outside of the directory"
bad yaml "$head
a: [" "a.yaml:" "no YAML"
bad empty "$head" "no detector" "no detector at all"

# One bad pack refuses all, and a directory more is a pack more.
mkdir "$dir/one" "$dir/two"
pack t.a 1 "$good" >"$dir/one/a.yaml"
pack t.b 2 "$good" >"$dir/two/a.yaml"
is "$(rules list --json "$dir/one" "$dir/two" | last | jq .detectors)" 2 \
	"two directories are one set"
rules list "$dir/one" "$dir/key" >/dev/null 2>&1
is $? 3 "a set with a bad pack does not load"
pack t.a 2 "$good" >"$dir/two/b.yaml"
rules check "$dir/one" "$dir/two" | grep -q 'is defined at .*one/a.yaml:3'
is $? 0 "an id that is taken names where"
rm "$dir/two/b.yaml"
ln -s ../one/a.yaml "$dir/two/link.yaml"
rules check "$dir/two" 2>&1 | grep -q 'symbolic link'
is $? 0 "a link is no rule file"

# ---- usage ----
rules >/dev/null 2>&1
is $? 2 "no verb exits with 2"
rules frob >/dev/null 2>&1
is $? 2 "an unknown verb exits with 2"
rules check --frob >/dev/null 2>&1
is $? 2 "an unknown option exits with 2"
rules list "$dir/none" >/dev/null 2>"$dir/err"
is $? 3 "a directory that is not there exits with 3"
grep -q "$dir/none" "$dir/err"
is $? 0 "and is named"
rules --help | head -n 1 | grep -q '^Example: '
is $? 0 "the help begins with an example"
done_testing
