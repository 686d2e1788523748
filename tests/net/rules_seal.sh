#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_seal - signed packs: who made them, that they are whole, and that
# versions only go up.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/rules-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
rules() { timeout 100 "$BIN/chaperone" rules "$@"; }

mkdir packs
rules new acme.badge >packs/acme.yaml
rules new beta.badge >packs/beta.yaml
vkey=$(rules sign --new-key --key key --name acme.example/rules packs 2>/dev/null)
is "$? $(stat -c %a key)" "0 600" "a key is made for its owner"
[[ $vkey == acme.example/rules+*+* ]]
ok $? "and its vkey is printed"
is "$(head -n 1 packs/rules.sig)" "chaperone-rules/v1" "the seal is a note"
is "$(sed -n 's/^set //p' packs/rules.sig)" \
	"$(rules list --json packs | tail -n 1 | jq -r .digest)" \
	"of the digest that findings name"
is "$(sed -n 's/^pack //p' packs/rules.sig | head -n 1)" \
	"acme 0.1.0 $(sha256sum packs/acme.yaml | cut -d' ' -f1) acme.yaml" \
	"and of each pack"
rules verify --vkey "$vkey" packs >/dev/null 2>&1
is $? 0 "it verifies"
is "$(rules verify --json --vkey "$vkey" packs | jq -c '[.kind,
	[.packs[].version]]')" '["verified",["0.1.0","0.1.0"]]' "as an object"
# The same by other tools: RFC 8032 over the body.
if openssl version | grep -q '^OpenSSL 3'; then
	n=$(grep -n '^$' packs/rules.sig | head -n 1 | cut -d: -f1)
	head -n $((n - 1)) packs/rules.sig >body
	tail -n 1 packs/rules.sig | awk '{ print $3 }' | base64 -d |
		tail -c 64 >sig
	openssl pkey -in key -pubout -out pub 2>/dev/null
	openssl pkeyutl -verify -pubin -inkey pub -rawin -in body -sigfile sig \
		>/dev/null 2>&1
	is $? 0 "OpenSSL says the same"
fi

refused() { # TITLE WANTED-TEXT ARGUMENT…
	local title=$1 want=$2
	shift 2
	rules verify --vkey "$vkey" "$@" >/dev/null 2>err
	is $? 7 "$title exits with 7"
	grep -qF -- "$want" err
	is $? 0 "$title: $want"
}
cp -r packs changed
sed -i 's/Badge number/Badge numbers/' changed/acme.yaml
refused "a pack that changed" "not the packs that were signed" changed
# A list in a file belongs to its pack.
cp -r packs listed
sed -i 's/terms: .*/terms_file: words.terms/' listed/acme.yaml
echo badge >listed/words.terms
rules sign --key key --name acme.example/rules listed >/dev/null 2>&1
rules verify --vkey "$vkey" listed >/dev/null 2>&1
is $? 0 "a pack with a list in a file verifies"
cp -r listed relisted
echo pass >>relisted/words.terms
refused "a list that changed" "not the packs that were signed" relisted
rules sign --key key --name acme.example/rules relisted >/dev/null 2>&1
refused "a list that changed and was signed under the same version" \
	"changed, but is still 0.1.0" --previous listed relisted
cp -r packs more
rules new more.badge >more/c.yaml
refused "a pack more" "not the packs that were signed" more
cp -r packs less
rm less/beta.yaml
refused "a pack less" "not the packs that were signed" less
cp -r packs forged
sed -i 's/^pack acme 0.1.0/pack acme 9.1.0/' forged/rules.sig
refused "a seal that changed" "forged/rules.sig" forged
rm -f forged/rules.sig
refused "no seal" "rules.sig" forged
cp -r packs other
rules sign --new-key --key key2 --name acme.example/rules other >/dev/null 2>&1
refused "another key of the same name" "no signature of" other

# ---- versions ----
bump() { sed -i "s/version: [0-9.]*/version: $2/" "$1/acme.yaml"; }
seal() { rules sign --key key --name acme.example/rules "$1" >/dev/null 2>&1; }
cp -r packs up
bump up 0.1.10
seal up
rules verify --vkey "$vkey" --previous packs up >/dev/null 2>&1
is $? 0 "a higher version replaces one"
rules verify --vkey "$vkey" --previous packs packs >/dev/null 2>&1
is $? 0 "the same set replaces itself"
refused "a lower version" "0.1.0, but 0.1.10 is in force" --previous up packs
cp -r up nine
bump nine 0.1.9
seal nine
refused "versions are numbers, not text: 9 after 10" \
	"0.1.9, but 0.1.10 is in force" --previous up nine
cp -r up same
sed -i 's/Badge number/Badge numbers/' same/acme.yaml
seal same
refused "a change without a version" "give it a higher version" \
	--previous up same
cp -r up gone
rm gone/beta.yaml
seal gone
refused "a pack that is gone" "is in force and is missing" --previous up gone

# ---- usage ----
mkdir bad
printf 'pack: {id: x}\n' >bad/a.yaml
rules sign --key key bad >/dev/null 2>&1
is "$? $(ls bad)" "3 a.yaml" "a set that does not load is not signed"
rules sign --new-key --key key packs >/dev/null 2>&1
[ $? -gt 1 ]
ok $? "a key is not written over"
chmod 644 key2
rules sign --key key2 packs >/dev/null 2>&1
[ $? -gt 1 ]
ok $? "a key that others may read is refused"
rules verify --vkey nonsense packs >/dev/null 2>&1
[ $? -gt 1 ]
ok $? "a vkey that is none is refused"
for verb in sign verify; do
	rules "$verb" >/dev/null 2>&1
	is $? 2 "$verb without a directory exits with 2"
	rules "$verb" --help | head -n 1 | grep -q '^Example: chaperone rules '"$verb"
	is $? 0 "the help of $verb begins with an example"
done
done_testing
