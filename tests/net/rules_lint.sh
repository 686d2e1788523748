#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_lint - every named problem of rules check: a pack that has it, its
# place, and that no name is without a test here.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/rules-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
tried=

# A pack of one good detector on lines of its own; sed changes it.
good() {
	cat <<'YAML'
pack:
  id: t
  version: 1.0.0
  format: 1
  regimes: [GDPR]
lists:
  kw: {match: word, terms: [badge]}
detectors:
  - id: t.a
    uuid: 00000000-0000-4000-8000-000000000001
    title: T
    status: test
    class: t
    references: [R]
    prefilter: {keywords: ["B-1"]}
    primary:
      pattern: 'B-1\d{6}'
      boundary: alnum
    levels:
      - {confidence: high, all: [{near: {list: kw, before: 9, after: 0}}]}
      - {confidence: low, all: []}
    mask: {keep_first: 2}
    tests:
      - {text: "B-1123456", expect: low}
      - {text: "badge B-1123457", expect: high}
      - {text: "B-1223458", expect: low}
      - {text: "B-112345", expect: none}
YAML
}
# NAME SEVERITY LINE SED: check tells NAME at LINE of the changed pack.
has() {
	local name=$1 severity=$2 line=$3 change=$4 out status

	tried="$tried $name"
	rm -rf p
	mkdir p
	good | sed -E "$change" >p/a.yaml
	out=$("$BIN/chaperone" rules check --strict --json p)
	status=$?
	is "$(jq -r "select(.name == \"$name\") | [.severity,
		(.text | split(\":\")[1])] | join(\" \")" <<<"$out" |
		head -n 1)" "$severity $line" "$name, and where"
	if [ "$severity" = error ]; then
		is "$status" 3 "$name is an error"
	else
		is "$status" 0 "$name is a warning"
	fi
	jq -r "select(.name == \"$name\") | .text" <<<"$out" |
		grep -qE '^p/a.yaml:[0-9]+:[0-9]+: '
	is $? 0 "$name tells file:line:column: and a sentence"
}

mkdir fine
good >fine/a.yaml
out=$("$BIN/chaperone" rules check --strict --json fine)
is "$? $(jq -c '[.errors, .warnings]' <<<"$out")" "0 [0,0]" \
	"the good one is good"

# ---- samples ----
has no-positive-test error 9 '/expect: (low|high)/d'
has no-negative-test error 9 '/expect: none/d'
has failing-test error 24 's/"B-1123456"/"B-2123456"/'
has few-tests warning 12 's/status: test/status: stable/'

token=ghp_Xk7TqLm2RvW9sPz4
has live-sample warning 24 's/"B-1123456"/"B-1123456 '"$token"'uYbN8dHc3JfE6gAo"/'
has stop-word warning 17 's/B-1/EXAMPLE-B-1/g'
terms=$(seq -s, 1001 1201)
has stop-list warning 21 "s/low, all: ../low, none: [{near: {keywords: [$terms], before: 9}}]/"
# ---- strength ----
has weak-high error 9 's/prefilter: .*/prefilter: {reason: r}/
	s/high, all: .*/high, all: []}/'
has wide-mask error 9 's/keep_first: 2/keep_first: 6, keep_last: 4/'
has no-prefilter error 9 '/prefilter/d'
has short-keyword warning 15 's/"B-1"\]/"B-"]/'
has dear-layer warning 9 's/B-1.d\{6\}/[\\w-]{9}/
	s/prefilter: .*/prefilter: {reason: r}/; s/alnum/none/'
has no-reference warning 9 '/references/d'
has old-regime warning 5 's/GDPR/PCI-DSS-3.2.1/'
has bad-quiet error 15 's/^( *)prefilter/\1quiet: [{name: weak-high, reason: r}]\n&/'
has bad-quiet error 15 's/^( *)prefilter/\1quiet: [{name: no-reference}]\n&/'

# ---- form ----
has unknown-key error 11 's/title: T/titel: T/'
has missing-key error 9 '/title: T/d'
has not-supported-yet error 17 \
	"s/pattern: .*/function: x/"
has bad-file error 7 's/terms: .badge./terms_file: none.terms/'
has bad-value error 12 's/status: test/status: tested/'
has bad-pattern error 17 's/\\d\{6\}/\\d{6}$/'
has unbounded-width error 17 's/\\d\{6\}/\\d+/'
has nested-repeat error 17 's/\\d\{6\}/(?:\\d{17}){17}/'
has empty-match error 17 "s/'B-1.*'/'(?:B)?'/"
has missing-group error 18 's/^( *)boundary.*/\1secret: value/'
has word-without-blanks error 7 's/\[badge\]/[身份证]/'
has not-yaml error 5 's/version: 1.0.0/version: [/'
has duplicate-id error 28 '$a\
  - {id: t.a, uuid: 00000000-0000-4000-8000-000000000002, title: T, class: t, primary: {pattern: x}, levels: [{confidence: low, all: []}]}'
has duplicate-uuid error 28 '$a\
  - {id: t.b, uuid: 00000000-0000-4000-8000-000000000001, title: T, class: t, primary: {pattern: x}, levels: [{confidence: low, all: []}]}'
has overlap warning 28 '$a\
  - {id: t.b, uuid: 00000000-0000-4000-8000-000000000002, title: T, class: t, references: [R], prefilter: {reason: r}, primary: {pattern: "B-[0-9]{7}"}, levels: [{confidence: low, all: []}], tests: [{text: B-1123456, expect: low}, {text: B-1123457, expect: low}, {text: B-1123458, expect: low}, {text: x, expect: none}]}'

# ---- allows ----
allow() { # CONDITION DATE
	printf 's/^( *)mask:/\\1allow: [{id: a, owner: o, reason: r, expires: %s, %s}]\\n&/' \
		"$2" "$1"
}
has expired-allow warning 22 "$(allow 'value: x' 2001-01-01)"
has guessable-allow warning 22 "$(allow \
	'value_sha256_hmac: 00000000000000000000000000000000' 2999-12-31)"
has unknown-detector error 7 's/^lists:/allow:\
  - {id: a, detector: t.b, owner: o, reason: r, expires: 2999-12-31, value: x}\
&/'

# ---- policies ----
policy() {
	printf 's/^lists:/policies:\\\n  - {id: p, title: T, level: low, match: {any_of: {of: [{%s}]}}, then: [record]}\\\n&/' "$1"
}
has unknown-subject error 7 "$(policy 'detector: t.b, unique: ">=2"')"
has unknown-subject error 7 "$(policy 'class: pii, window: 24h')"
has unknown-subject error 7 "$(policy 'tag: none')"

# ---- views ----
has empty-view warning 7 's/^lists:/views:\
  - {id: v, title: T, regulation: R, select: {classes: [none]}}\
&/'

# ---- one rule for another ----
has nothing-overridden error 9 's/^( *)mask:/\1override: true\n&/'
has still-there warning 22 's/^( *)mask:/\1replaces: [t.a]\n&/'
has missing-pack error 5 's/regimes:.*/requires: {engine: 0.1.0, packs: [t, u]}/'
rm -rf p
mkdir p
good >p/a.yaml
good | sed -E 's/^( *)mask:/\1override: true\n&/; s/id: t$/id: u/
	s/B-1/B-2/' >p/b.yaml
is "$("$BIN/chaperone" rules check --json p |
	jq -r 'select(.kind == "problem") | [.severity, .name] | join(" ")')" \
	"warning overridden" "one pack overrides another one's rule, and it is told"
is "$("$BIN/chaperone" rules list --json p |
	jq -r 'select(.id == "t.a") | .pack')" u "and is in force alone"
"$BIN/chaperone" rules test p >/dev/null 2>&1
is $? 0 "as are its samples"
tried="$tried overridden"

has evidence-circle error 20 's/near: .list: kw,/near: {detector: t.a,/'
has unknown-detector error 20 's/near: .list: kw,/near: {detector: t.z,/'

# ---- whole sets ----
rm -rf p
mkdir p
good | sed '/^detectors/,$d' >p/a.yaml
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -r .name <<<"$out" | head -n 1)" "3 empty-set" \
	"a set without a detector"
tried="$tried empty-set"
rm -rf p
mkdir p
for i in {1..257}; do
	printf 'pack: {id: t, version: 1.0.0, format: 1}\n' >p/$i.yaml
done
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -r .name <<<"$out" | head -n 1)" "3 too-many" "more packs than fit"
tried="$tried too-many"

rm -rf p
mkdir p
good >p/a.yaml
good >p/b.yml
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -r 'select(.name) | [.name, (.text | split(":")[0])] | join(" ")' \
	<<<"$out" | head -n 1)" "3 file-name p/b.yml" "a pack that would be left out"
tried="$tried file-name"
rm -rf p
mkdir p
good | sed '/^    prefilter/d; /^    primary/,/^    mask/d' |
	sed 's/^    tests:/    primary: {exact: {index: people, primary: ssn}}\n    levels: [{confidence: low}]\n&/
	/expect: [lh]/d' >p/a.yaml
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -r 'select(.name) | [.name, (.text | split(":")[1])] | join(" ")' \
	<<<"$out" | head -n 1)" "3 no-index 9" "an index that is not beside the pack"
tried="$tried no-index"
{
	echo ssn,name
	seq -f '%09.0f,somebody' 1 9
} >people.csv
sed -i 's/confidence: low}\]/confidence: high}]/' p/a.yaml
"$BIN/chaperone" edm build people.csv --primary ssn --secondary name --out p \
	2>/dev/null
rm p/people.key p/people.table
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -r 'select(.name) | [.name, (.text | split(":")[1])] | join(" ")' \
	<<<"$out" | head -n 1)" "3 exact-level 16" "high by a filter that guesses pass"
tried="$tried exact-level"

# ---- what is left to --strict, and what is quieted ----
rm -rf p
mkdir p
good | sed 's/"B-1"\]/"B-"]/' >p/a.yaml
out=$("$BIN/chaperone" rules check --json p)
is "$? $(jq -c '[.kind, .warnings, .left_to_strict]' <<<"$out")" \
	'0 ["ruleset",0,1]' "polish is left to --strict, and counted"
sed -Ei 's/^( *)prefilter/\1quiet: [{name: short-keyword, reason: rare}]\n&/' \
	p/a.yaml
out=$("$BIN/chaperone" rules check --strict --json p)
is "$? $(jq -c '[.warnings]' <<<"$out")" "0 [0]" "a warning can be quieted"
is "$("$BIN/chaperone" rules test p >/dev/null 2>&1; echo $?)" 0 \
	"and the rule works as before"

# ---- where each rule landed, and why ----
rm -rf p
mkdir p
good >p/a.yaml
cat >>p/a.yaml <<'YAML'
  - {id: t.shape, uuid: 00000000-0000-4000-8000-000000000002, title: T, class: t, references: [R], prefilter: {reason: r}, primary: {pattern: '[1-9]\d{5}(?:19|20)\d{10}', boundary: digit}, levels: [{confidence: low, all: []}]}
  - {id: t.dear, uuid: 00000000-0000-4000-8000-000000000003, title: T, class: t, references: [R], prefilter: {reason: r}, primary: {pattern: '[\w-]{9}'}, levels: [{confidence: low, all: []}]}
  - {id: t.file, uuid: 00000000-0000-4000-8000-000000000004, title: T, class: t, references: [R], primary: {file: {magic: keystore}}, levels: [{confidence: low, all: []}]}
  - {id: t.label, uuid: 00000000-0000-4000-8000-000000000005, title: T, class: t, references: [R], primary: {label: {scheme: mip}}, levels: [{confidence: low, all: []}]}
YAML
is "$("$BIN/chaperone" rules check --layers --json p |
	jq -r 'select(.kind == "layer") | [.id, .layer, .file, .line] | join(" ")' |
	sed 's/plain/pattern/' | paste -sd,)" \
	"t.a literal p/a.yaml 9,t.shape shape p/a.yaml 28,t.dear pattern p/a.yaml 29,t.file file p/a.yaml 30,t.label label p/a.yaml 31" \
	"each rule's layer, and where the rule is"
none "$("$BIN/chaperone" rules check --layers p 2>/dev/null |
	grep -E '^(literal|shape|pattern|plain|file|label) ' |
	grep -vE '^[a-z]+ +t\.[a-z]+ +p/a.yaml:[0-9]+:[0-9]+: [a-z0-9].{20}')" \
	"a line has the layer, the rule, its place and the reason"

# ---- nothing is without a test ----
names=$(cd "$SRC" && grep -ohE '"[a-z]+(-[a-z]+)+"' agent/detect/lint.c \
	agent/detect/pack.c agent/detect/ruleset.c agent/detect/among.c agent/detect/policy.c \
	agent/detect/view.c | tr -d '"' | sort -u)
none "$(for n in $names; do
	case " $tried " in
	*" $n "*) ;;
	*) echo "$n has no test here" ;;
	esac
done)" "every name has its test"
none "$(for n in $names; do
	grep -qE "^(\\.It )?.*\b$n\b" "$SRC/docs/man/chaperone-rules.5" ||
		echo "$n is not in the manual"
done)" "and its line in the manual"
done_testing
