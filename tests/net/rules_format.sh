#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_format - one pack that uses the whole format loads, has nothing to be
# warned of, and its samples pass in every encoding.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/format-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
mkdir rules
cat >rules/all.yaml <<'EOT'
pack:
  id: house.all
  version: 2.3.4
  format: 1
  license: Apache-2.0
  maintainers: [rules@example.net]
  regimes: [GDPR]
  requires: {engine: 0.1.0, packs: [house.all]}
lists:
  kw_member:
    match: substring
    case: fold
    encodings: [utf-8, utf-16, gb18030, big5, shift_jis, euc-kr]
    terms: ["会員番号", "会员号", "member no"]
  kw_not_member:
    match: word
    case: fold
    terms_file: not-member.terms
  printed_in_the_manual:
    match: exact
    terms: ["79927398713"]
patterns:
  expiry: {pattern: '(?:0[1-9]|1[0-2])/\d\d', boundary: digit}
detectors:
  - id: house.member
    uuid: 6e0e7c0a-93f4-4a29-a4d3-0c5d4f7a1b02
    title: Member number
    description: Eleven digits, the last of which is a check digit.
    status: test
    class: pii.customer
    sensitivity: high
    references: [the house's numbering plan]
    tags: [gdpr.art4]
    falsepositives: [other numbers with a Luhn digit]
    replaces: [house.member_old]
    prefilter: {keywords: [], reason: digits alone}
    primary:
      pattern: '7\d{3}[ -]?\d{4}[ -]?\d{3}'
      boundary: digit
      normalize: [strip_space_dash]
      validators: [luhn, {name: not_repeating, on_fail: flag}]
    levels:
      - confidence: high
        any_of:
          min: 1
          of:
            - near: {list: kw_member, before: 30, after: 10}
            - near: {pattern: patterns.expiry, side: after, within_lines: 0}
            - count: {unique: 3, within: 1KiB}
            - near: {detector: house.password, after: 40}
        none: [{near: {list: kw_not_member, before: 20}}]
      - confidence: medium
        none: [{near: {list: kw_not_member, before: 20}}]
      - {confidence: low, all: []}
    flags:
      - {when: {value_in: printed_in_the_manual}, set: sample}
      - {when: {near: {keywords: [expired], before: 20}}, set: expired}
    thresholds: {event: {unique: 1}, bulk: {unique: 100}}
    allow:
      - id: manual
        owner: docs@example.net
        reason: the number that the manual prints
        expires: 2999-12-31
        value: "79927398713"
    mask: {keep_first: 3, keep_last: 2}
    quiet: [{name: dear-layer, reason: it is a test}]
    tests:
      - {text: "会員番号: 7992 7398 713", expect: high, spans: [[6, 19]], encode: [utf-16le-bom, utf-16be-bom, utf-16le, utf-16be, shift_jis]}
      - {text: "会员号 7992-7398-713", expect: high, encode: [gb18030, utf-16be-bom]}
      - {text: "79927398713", expect: medium}
      - {text: "79927398713 until 04/28", expect: high}
      - {text: "79927398713\nuntil 04/28", expect: medium}
      - {text: "79927398713\n79927398721\n79927398739", expect: high, unique: 3}
      - {text: "79927398713 pw=aB3!aB3!", expect: high}
      - {text: "79927398713 pw=aaaaaaaa", expect: medium, why: no password}
      - {text: "invoice 79927398713", expect: low, wrap: [docx, eml, "tar>gzip"]}
      - {text: "79927398714", expect: none, why: check digit, wrap: [zip]}
      - {file: letter.bin, expect: medium, unique: 2, wrap: [zip]}
  - id: house.password
    uuid: 6e0e7c0a-93f4-4a29-a4d3-0c5d4f7a1b03
    title: Password of the house's form
    status: test
    class: secret.password
    references: [the house's password rules]
    prefilter: {keywords: ["pw="]}
    primary:
      pattern: 'pw=(?P<value>[!-~]{8,16})'
      secret: value
      requirements: {min_digits: 1, min_upper: 1, min_lower: 1, min_special: 1}
    levels: [{confidence: low, all: []}]
    tests:
      - {text: "pw=aB3!aB3!", expect: low}
      - {text: "pw=aaaaaaaa", expect: none}
policies:
  - id: house.many_members
    title: Somebody outside read many member numbers
    level: critical
    scope: {actor: "provider:*", activity: [file.read, net.egress], direction: out, paths: {exclude: [/usr/share/**]}}
    match:
      any_of:
        min: 1
        of:
          - {detector: house.member, confidence: ">=medium", unique: ">=20", window: 24h}
          - {class: secret, window: 7d}
          - {tag: gdpr.art4, confidence: high}
    then: [record, evidence_bundle, notify]
EOT
printf '# what other numbers are about\ninvoice\nparcel\n' >rules/not-member.terms

printf '79927398713 and 79927398721\n' | iconv -t UTF-16LE >rules/letter.bin

out=$("$BIN/chaperone" rules check --strict --json rules)
is "$? $(jq -sc '[.[] | select(.kind == "problem") | .name]' <<<"$out")" "0 []" \
	"nothing is to be said of it"
out=$("$BIN/chaperone" rules test --json rules)
is "$? $(tail -n 1 <<<"$out" | jq -c '[.tests, .failed]')" "0 [25,0]" \
	"its samples pass"
is "$(jq -r 'select(.detector == "house.member" and .test == 1) | .encoding' \
	<<<"$out" | paste -sd' ')" \
	"utf-8 utf-16le-bom utf-16be-bom utf-16le utf-16be shift_jis" \
	"UTF-16 goes through extraction, with a mark and without"
# A sample that extraction would not find fails, and is told.
sed 's/expect: high, encode: .gb18030, utf-16be-bom./expect: low, encode: [utf-16be-bom]/' \
	rules/all.yaml >all2
mkdir wrong
cp rules/*.terms wrong
mv all2 wrong/all.yaml
out=$("$BIN/chaperone" rules test --json wrong)
is "$? $(jq -sc '[.[] | select(.ok == false) | [.encoding, .got]]' <<<"$out")" \
	'1 [["utf-8","high"],["utf-16be-bom","high"],["file","none"]]' \
	"what is not as expected in UTF-16 is told"

out=$("$BIN/chaperone" rules check --json wrong)
is "$? $(jq -sc '[.[] | select(.name == "failing-test") | .text |
	capture(" in (?<form>[^:]*): ").form]' <<<"$out")" \
	'3 ["utf-8","utf-16be-bom","file"]' "and check runs these, too"
out=$("$BIN/chaperone" rules check --no-inspector --json wrong)
is "$? $(jq -sc '[.[] | select(.name == "failing-test") | .text |
	capture(" in (?<form>[^:]*): ").form], .[-1].left_out' <<<"$out" |
	paste -sd' ')" '3 ["utf-8"] 11' \
	"a host has no files of samples, and is told what was left out"

# Samples in containers: each by itself, and in one another.
mkdir wrap
cat >wrap/w.yaml <<'EOT'
pack: {id: w, version: 1.0.0, format: 1}
detectors:
  - id: w.badge
    uuid: 6e0e7c0a-93f4-4a29-a4d3-0c5d4f7a1b04
    title: Badge
    class: pii.badge
    references: [R]
    prefilter: {keywords: ["B-1"]}
    primary: {pattern: 'B-1\d{6}', boundary: alnum}
    decode: [base64, hex]
    levels: [{confidence: low, all: []}]
    tests:
      - {text: "the badge is B-1123456 <&> so", expect: low, unique: 1, wrap: [base64, docx, eml, gzip, hex, tar, zip, "zip>docx", "gzip>base64", "eml>zip>docx>tar"]}
      - {text: "B-112345", expect: none, wrap: ["eml>zip"]}
EOT
out=$("$BIN/chaperone" rules test --json wrap)
is "$? $(jq -sc '[.[] | select(.ok == false) | [.wrap, .wrong]]' <<<"$out")" \
	'1 [["eml>zip>docx>tar","this container holds text, and the sample is none"]]' \
	"a container of text holds no archive"
is "$(jq -r 'select(.ok) | .wrap // "-"' <<<"$out" | paste -sd' ')" \
	"- base64 docx eml gzip hex tar zip zip>docx gzip>base64 - eml>zip" \
	"a sample is found in each container"
sed -i 's/, "eml>zip>docx>tar"//' wrap/w.yaml
"$BIN/chaperone" rules test wrap >/dev/null 2>&1
is $? 0 "and the pack passes"
sed 's/decode:.*/decode: []/' wrap/w.yaml >w.yaml && mv w.yaml wrap
is "$("$BIN/chaperone" rules test --json wrap |
	jq -r 'select(.ok == false) | .wrap' | paste -sd' ')" \
	"base64 hex gzip>base64" "what the rule does not decode is not found"
for bad in 'wrap: [rar]' 'wrap: ["zip>"]' 'wrap: [zip>zip>zip>zip>zip]' \
	'wrap: zip' 'file: ../w.yaml' 'file: a/b' 'file: .w' 'base64: "QQ=="'; do
	sed "s|B-112345\", expect: none, .*|x\", expect: none, $bad}|" wrap/w.yaml \
		>w.yaml
	mkdir -p bad
	mv w.yaml bad
	"$BIN/chaperone" rules test bad 2>/dev/null | grep -q 'bad/w.yaml:14:'
	ok $? "refused with its place: $bad"
done
sed 's/text: "B-112345", expect: none, .*/file: none.bin, expect: none}/' \
	wrap/w.yaml >bad/w.yaml
"$BIN/chaperone" rules test bad 2>/dev/null |
	grep -q 'bad/w.yaml:14:9: .*none.bin: No such file'
ok $? "a file that is not there fails"
ln -s ../rules/letter.bin bad/none.bin
"$BIN/chaperone" rules test bad 2>/dev/null |
	grep -q 'bad/w.yaml:14:9: .*is a symbolic link'
ok $? "as does a link"

printf 'expired 7992 7398 713 and pw=aB3!aB3!\n' >one.txt
out=$("$BIN/chaperone" scan --json --rules rules one.txt 2>/dev/null)
is "$? $(jq -c '[.findings[] | [.detector, .flags, .allow.id]] | sort' <<<"$out")" \
	'1 [["house.member",["expired","sample"],"manual"],["house.password",null,null]]' \
	"a finding tells its flags and its allow"
# Fewer than make an event are told, and raise no alert.
cp -r rules few
sed -i 's/event: {unique: 1}/event: {unique: 2}/' few/all.yaml
printf 'member no 7992 7398 721\n' >few.txt
out=$("$BIN/chaperone" scan --json --rules few few.txt 2>/dev/null)
is "$? $(jq -c 'select(.findings) | [.findings[] | [.detector, .count, .flags]]' <<<"$out")" \
	'0 [["house.member",1,["below_event"]]]' "one is too few for an event"
"$BIN/chaperone" scan --rules few few.txt 2>&1 | grep -q '^  few: 1 more findings'
is $? 0 "and the sum tells it"
printf 'member no 7992 7398 739\n' >>few.txt
out=$("$BIN/chaperone" scan --json --rules few few.txt 2>/dev/null)
is "$? $(jq -c 'select(.findings) | [.findings[] | [.detector, .unique, .flags]]' <<<"$out")" \
	'1 [["house.member",2,null]]' "two make one"
printf 'pack: {id: p, version: 1.0.0, format: 1}\npolicies:\n' >rules/p.yaml
sed -n '/^policies:/,$p' rules/all.yaml | tail -n +2 |
	sed 's/house.many/site.many/' >>rules/p.yaml
"$BIN/chaperone" rules list rules >/dev/null 2>&1
is $? 0 "a pack of policies alone takes nothing away"
done_testing
