#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_allow - an allow of one's own pack: made from standard input, told in
# every form of a scan's output, and not part of its verdict.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/allow-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
uuid=00000000-0000-4000-8000-000000000001
mkdir rules
cat >rules/a.yaml <<EOT
pack: {id: t, version: 1.0.0, format: 1}
detectors:
  - id: t.key
    uuid: $uuid
    title: T
    class: secret.t
    references: [R]
    prefilter: {keywords: ["key-"]}
    primary: {pattern: 'key-[a-z]{8}', boundary: alnum, normalize: [fold_case]}
    levels: [{confidence: high, all: [{near: {keywords: [api], before: 9}}]}, {confidence: low, all: []}]
    tests: [{text: "key-abcdefgh", expect: low}, {text: "key-abc", expect: none}]
EOT
allow() { # ID DATE
	"$BIN/chaperone" rules allow --id "$1" --owner "o: \"x\"" \
		--reason 'a sample' --expires "$2" t.key rules
}
scan() { "$BIN/chaperone" scan --rules rules "$@"; }
printf 'key-abcdefgh\n' >one.txt
printf 'key-abcdefgh and key-bcdefghi\n' >two.txt

scan one.txt >/dev/null 2>&1
is $? 1 "without an allow it is found"
out=$(printf 'key-abcdefgh\n' | allow a.docs 2999-12-31)
is $? 0 "an entry is made"
is "$(grep -c abcdefgh <<<"$out")" 0 "it does not hold the value"
is "$(sed -n 's/.*hmac: //p' <<<"$out")" \
	"$(printf %s KEY-ABCDEFGH | openssl dgst -sha256 -hmac $uuid |
		sed 's/.*= //' | cut -c1-32)" "its digest, by another tool"
{
	echo 'pack: {id: site, version: 1.0.0, format: 1}'
	printf '%s\n' "$out"
} >rules/site.yaml
"$BIN/chaperone" rules check rules >/dev/null 2>&1
is $? 0 "a pack of allows alone is in order beside the others"

out=$(scan --json one.txt 2>/dev/null)
is $? 0 "what is allowed is no verdict"
is "$(jq -c '.findings[] | [.detector, .count, .allow]' <<<"$out")" \
	'["t.key",1,{"id":"a.docs","until":"2999-12-31"}]' "but it is told"
out=$(scan one.txt 2>err)
like() { grep -qE -- "$2" <<<"$1"; ok $? "$3"; }
like "$out" '^allowed +1 +t\.key \(low, allowed by a\.docs until 2999-12-31\) +one\.txt$' \
	"the table has a row"
like "$(cat err)" 'allowed: 1 more findings' "and the sum a line"
is "$(scan --format sarif one.txt 2>/dev/null |
	jq -r '.runs[0].results[0].suppressions[0] | .kind, .justification')" \
	$'external\nallow a.docs, until 2999-12-31' "SARIF has a suppression"
like "$(scan --format html one.txt 2>/dev/null)" \
	'allowed by a\.docs until 2999-12-31' "the page names it"
out=$(scan --json two.txt 2>/dev/null)
is $? 1 "another value of the same file counts"
is "$(jq -c '[.findings[] | [.count, .allow.id]] | sort' <<<"$out")" \
	'[[1,null],[1,"a.docs"]]' "each is its own finding"

# What a state remembers must not outlive the allow.
scan --state state one.txt >/dev/null 2>&1
is "$(scan --state state --json one.txt 2>/dev/null | jq -c '.findings | length')" \
	1 "a file with an allowed finding is examined each time"

sed -i 's/2999-12-31/2001-12-31/' rules/site.yaml
out=$(scan --json one.txt 2>/dev/null)
is $? 1 "behind its date it does nothing"
is "$(jq -c '.findings[0].allow' <<<"$out")" null "and is not told"
like "$("$BIN/chaperone" rules check rules 2>&1)" \
	'site\.yaml:3:5: the allow "a\.docs" of t\.key ended .* \(expired-allow\)' \
	"rules check tells that it ended"

# A name is an allow's to look at, and nothing else of the scanned.
cat >rules/site.yaml <<EOT
pack: {id: site, version: 1.0.0, format: 1}
allow:
  - {id: a.md, detector: t.key, owner: o, reason: r, expires: 2999-12-31, path: "*.md"}
EOT
cp one.txt one.md
tar cf one.tar one.md one.txt
scan one.md >/dev/null 2>&1
is $? 0 "a name is allowed"
is "$(scan --json one.tar 2>/dev/null |
	jq -c '[.findings[] | [.member, .allow.id]] | sort')" \
	'[["one.md","a.md"],["one.txt",null]]' "and a member's name"

rm rules/a.yaml
"$BIN/chaperone" rules check rules >/dev/null 2>&1
is $? 3 "a set of allows alone is refused"
printf 'x' | allow a 2999-12-31 >/dev/null 2>&1
is $? 3 "and nothing is made for it"
done_testing
