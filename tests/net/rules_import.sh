#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_import - rules of gitleaks and Nosey Parker become a pack that loads,
# passes its tests and finds what they found; what has no counterpart is told.
# The rules here are made up for this test.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/rules-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
rules() { timeout 100 "$BIN/chaperone" rules "$@"; }

# ---- gitleaks ----
cat >g.toml <<'TOML'
title = "a test"
[allowlist]
paths = ['''\.png$''']

[[rules]]
id = "acme-token"
description = "An \"Acme\" token"
regex = '''\b(acme_[a-z0-9]{20})(?:[\x60'"\s;]|\\[nr]|$)'''
entropy = 2.5
keywords = ["acme_"]

[[rules]]
id = "beta-key"
description = "Beta"
regex = '''(?i)[\w.-]{0,50}?(?:beta)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|:)[\x60'"\s=]{0,5}([a-f0-9]{16})(?:[\x60'"\s;]|\\[nr]|$)'''
secretGroup = 1
keywords = [
    "beta", # as in beta_key
]
[[rules.allowlists]]
regexes = ['''^0+$''']
stopwords = ["example", "test"]
paths = ['''x''']

[[rules]]
id = "around"
description = "A key whose name stands elsewhere"
regex = '''Q[0-9]{9}Z'''
keywords = ["gammacorp"]

[[rules]]
id = "unbounded"
description = "Without a bound"
regex = '''delta-[a-z]+!'''
path = '''\.env$'''
keywords = ["delta-"]

[[rules]]
id = "generic-thing"
description = "Generic"
regex = '''thing=([0-9]{6})'''
keywords = ["thing"]

[[rules]]
id = "looks-ahead"
description = "x"
regex = '''eps(?=ilon)'''

[[rules]]
id = "anchored"
description = "x"
regex = '''^zeta[0-9]{4}'''

[[rules]]
id = "p12"
description = "a file"
path = '''\.p12$'''
TOML
mkdir g
rules import gitleaks g.toml >g/g.yaml 2>err
is $? 1 "what is not converted exits with 1"
grep -q '^5 of 8 rules converted$' err
is $? 0 "and is counted"
for say in 'looks-ahead: not converted: at offset .*look-around' \
	'anchored: not converted: an anchor' \
	"p12: not converted: a rule about a file's path" \
	'beta-key: its allowlist is left out (1 regexes, 2 stop words, 1 paths)' \
	'unbounded: unbounded repeats end at ' \
	'unbounded: it was for some paths only' \
	'acme-token: what may follow is boundary: word' \
	'^allowlist: is for the whole file'; do
	grep -q "$say" err
	is $? 0 "told: $say"
done
out=$(rules check --json g)
is "$? $(jq -c '[.errors]' <<<"$out")" "0 [0]" "the pack passes check"
out=$(rules test --json g)
is "$? $(tail -n 1 <<<"$out" | jq -c '[.tests >= 15, .failed]')" \
	"0 [true,0]" "and its tests"
head -n 3 g/g.yaml | grep -q 'MIT License, Copyright'
is $? 0 "the notice stands at its head"
grep -q 'WITHOUT WARRANTY OF ANY KIND' g/g.yaml
is $? 0 "as a whole"
grep -q 'license: "MIT"' g/g.yaml
is $? 0 "and the licence in the pack"
is "$(rules list --json g | jq -r 'select(.id == "gitleaks.acme-token") |
	.title')" 'An "Acme" token' "a title"

cat >text <<'TEXT'
token acme_a1b2c3d4e5f6g7h8i9j0 here
token acme_a1b2c3d4e5f6g7h8i9j0k too long
token acme_aaaaaaaaaaaaaaaaaaaa plain
BETA_KEY = "0123456789abcdef"
gammacorp says
  Q123456789Z
delta-abcdef! thing=123456
TEXT
mkdir far
{
	printf 'gammacorp'
	head -c 2000 /dev/zero | tr '\0' '.'
	printf ' Q123456789Z\n'
} >far/x
found() {
	"$BIN/chaperone" scan --json --rules g "$1" |
		jq -r '.findings[] | "\(.detector) \(.confidence) \(.count)"' |
		sort | paste -sd,
}
is "$(found text)" 'gitleaks.acme-token medium 1,gitleaks.around medium 1,gitleaks.beta-key medium 1,gitleaks.generic-thing low 1,gitleaks.unbounded medium 1' \
	"they find what they found"
is "$(found far/x)" '' "a keyword that is far away does not count"
is "$("$BIN/chaperone" scan --json --rules g text | jq -c '.findings[] |
	select(.detector == "gitleaks.beta-key") | .spans')" \
	"[[$(grep -bo 0123456789abcdef text | cut -d: -f1),$(($(grep -bo \
		0123456789abcdef text | cut -d: -f1) + 16))]]" \
	"the value is the group"
rules import gitleaks g.toml 2>/dev/null | cmp -s - g/g.yaml
is $? 0 "the same again is the same"
rules import --json gitleaks g.toml >json 2>/dev/null
is "$(jq -c 'select(.kind == "rule") | [.id, .converted]' json | wc -l)" 8 \
	"an object a rule"
is "$(jq -j 'select(.kind == "pack") | .text' json | cmp - g/g.yaml && echo y)" \
	y "and the pack"
rules import --pack ours --license LicenseRef-ours --output o.yaml \
	gitleaks g.toml 2>/dev/null
is "$? $(grep -c 'id: ours\.' o.yaml) $(grep -c LicenseRef-ours o.yaml)" "1 5 1" \
	"another pack, licence and file"
rules import --output o.yaml gitleaks g.toml >/dev/null 2>&1
is $? 2 "a file is not written over"

bad() { # TITLE WANTED; the file is bad.toml
	rules import gitleaks bad.toml >out 2>err
	[ $? -ge 2 ]
	ok $? "$1 is refused"
	grep -qF -- "$2" err
	is $? 0 "$1: $2"
	is "$(wc -c <out)" 0 "$1: nothing is written"
}
printf '[[rules]]\nid = "x\n' >bad.toml
bad "no TOML" "bad.toml:2:8: the text does not end"
printf 'a = 1\n' >bad.toml
bad "no rules" "there are no [[rules]]"
printf '[[rules]]\nid="x"\nregex="^a$"\n' >bad.toml
bad "nothing that converts" "nothing in it could be converted"
printf '[[rules]]\nid="x"\nregex="ab1"\n[[rules]]\nid="x"\nregex="ab2"\n' >bad.toml
bad "an id twice" "is defined at"
printf '[[rules]]\nid="x\\u001b[31m: y"\nregex="ab1"\ndescription="\\u001b\\n- id: z"\n' >bad.toml
rules import gitleaks bad.toml >out 2>err
is "$(cat out err | grep -c $'\x1b')" 0 "no foreign escapes come out"
mkdir e
cp out e/a.yaml
is "$(rules list --json e | jq -r 'select(.id) | .id')" \
	"gitleaks.x--31m--y" "and no id that was not there"

# ---- Nosey Parker ----
mkdir np
cat >np/a.yml <<'YAML'
rules:

- name: Acme Key
  id: np.acme.1
  pattern: |
    (?x)(?i)
    \b
    (acme-[a-z0-9]{12})    (?# the value )
    (?: [^a-z0-9] | $ )
  categories: [api, secret]
  references:
  - https://acme.example/docs
  examples:
  - 'key = "acme-0123456789ab"'
  - |
      more lines
      acme-zzzz56789abc
  - 'this one is wrong'
  negative_examples:
  - 'acme-0123456789'

- name: Fuzzy
  id: np.fuzzy.1
  pattern: 'pw=([a-z]{8})'
  categories: [fuzzy]
  examples: ['pw=abcdefgh']

- name: Anchored
  id: np.anchored.1
  pattern: '^x([0-9]{4})'
YAML
printf 'rules: [\n' >np/b.yml
mkdir n
rules import noseyparker np >n/n.yaml 2>err
is $? 1 "what is not converted exits with 1, here too"
for say in '^2 of 4 rules converted$' 'anchored.1: not converted: an anchor' \
	'^b.yml: not converted: .*b.yml:' \
	'acme.1: 1 of its 4 samples do not pass and are left out'; do
	grep -q "$say" err
	is $? 0 "told: $say"
done
rules check n >/dev/null 2>&1
is $? 0 "the pack passes check"
rules test n >/dev/null 2>&1
is $? 0 "and its tests"
head -n 4 n/n.yaml | grep -q 'Apache License, Version 2.0'
is $? 0 "the notice stands at its head"
printf 'ACME-0123456789AB\npw=abcdefgh\n' >text
is "$("$BIN/chaperone" scan --json --rules n text | jq -r '.findings[] |
	"\(.detector) \(.confidence)"' | sort | paste -sd,)" \
	'noseyparker.acme.1 medium,noseyparker.fuzzy.1 low' \
	"they find what they found"

# ---- usage ----
rules import >/dev/null 2>&1
is $? 2 "no source exits with 2"
rules import snort x >/dev/null 2>&1
is $? 2 "an unknown source exits with 2"
rules import gitleaks nowhere >/dev/null 2>&1
is $? 2 "a file that is not there exits with 2"
rules import --pack ../x gitleaks g.toml >/dev/null 2>&1
is $? 2 "a pack is no path"
rules import --help | head -n 1 | grep -q '^Example: chaperone rules import'
is $? 0 "the help begins with an example"
done_testing
