#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# canary - sets for two providers: made, planted, found in every container and
# encoding, and never taken for the other's; what a host gets holds no value;
# the key alone says whose copy it is.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/canary-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
mkdir tmp
export TMPDIR=$dir/tmp
chap() { timeout 100 "$BIN/chaperone" "$@"; }
make() { chap canary make --key c.key "$@" 2>err; }
check() { chap canary check --key c.key "$@" 2>err; }

# ---- made ----
make --provider acme --count 3 -o out
is $? 0 "a set is made, and its key"
make --provider beta --count 2 -o out --domain mail.example
is $? 0 "and another one by the same key"
is "$(stat -c %a c.key) $(find out -name '*.table' -o -path '*/plant/*' -type f |
	xargs stat -c %a | sort -u)" "600 600" "for nobody else"
is "$(ls out/host | tr '\n' ' ')" \
	"canary-acme.edm canary-acme.yaml canary-beta.edm canary-beta.yaml " \
	"hosts get an index and a rule of each"
is "$(wc -l <out/plant/acme.csv) $(cut -d, -f3 out/plant/*.csv | sort | uniq -d)" \
	"19 value" "six values a copy, none of them twice"
is "$(cut -d, -f2 out/plant/beta.csv | sort | uniq -c | awk '{ print $1 $2 }' |
	tr '\n' ' ')" "2customer 2database 1kind 2mail 2mark 2password 2token " \
	"of each kind"
make --provider acme --count 3 -o out
is "$? $(grep -c 'File exists' err)" "2 1" "nothing is written over"
make --provider acme --count 1 -o again
cmp -s out/plant/acme.csv again/plant/acme.csv
ok $? "the same key makes the same values, as many as there were"
is "$(grep -c '^canary-set: acme' c.key)" 1 "and keeps one line of it"
make --provider acme -o other --domain x.example
is "$? $(grep -c 'of acme are of customers.example' err)" "3 1" \
	"a set's addresses stay"
for name in Acme a/b .a "$(printf '%026d' 0)"; do
	make --provider "$name" -o other
	is $? 2 "no provider is called $name"
done
make --provider acme --count 0 -o other
is $? 2 "no copy is none"

# ---- the host's part ----
chap rules check --strict out/host >/dev/null 2>err
is $? 0 "the rules are good"
cut -d, -f3 out/plant/*.csv | grep -v '^value$' >values
{
	cat values
	tr -d '@.-' <values
	sed 's/@.*//' values
} | sort -u >needles
is "$(wc -l <values)" 30 "there are values to look for"
is "$(cat out/host/* out/*.table | grep -acif needles)" 0 \
	"no value stands in what hosts and collector get"
is "$(stat -c %s out/host/*.edm | awk '{ print int($1 / 100) }' | sort -u |
	wc -l)" 1 "how many values there are does not show"
printf '%s\n' "$(seq -f 'no-%06.0f' 1 20000)" \
	"$(seq -f '01JAAAAAAAAAAAAAAAAA%06.0f' 1 20000)" >near
chap scan --rules out/host near >/dev/null 2>&1
is $? 0 "values of the same form are none"
chap rules sign --new-key --key k --name acme.example/r out/host >vkey 2>/dev/null
chap rules verify --vkey "$(cat vkey)" out/host >/dev/null
is $? 0 "a set of rules with them is signed like any other"
rm out/host/*.sig* out/host/manifest* 2>/dev/null

# ---- planted, and found ----
mkdir in
a=out/plant/acme-002
cp "$a"/* in
value() { awk -F, -v c="$2" -v k="$3" '$1 == c && $2 == k { print $3 }' \
	"out/plant/$1.csv"; }
iconv -t UTF-16LE "$a/notice.txt" >in/utf16
base64 "$a/settings.env" >in/base64
jq -rn --arg v "postgresql://reports:$(value acme 2 database):5432/reports" \
	'"u=" + ($v | @uri)' >in/percent
gzip -c "$a/customers.csv" >in/gz
(cd "$a" && zip -q "$dir/in/zip" notice.txt page.html)
mkdir -p word/word
printf '%s' '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>' \
	>'word/[Content_Types].xml'
mark=$(value acme 2 mark)
printf '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>Reference %s</w:t></w:r><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>' \
	"${mark:0:9}" "${mark:9}" >word/word/document.xml
(cd word && zip -qr ../in/docx '[Content_Types].xml' word)
mv in/docx.zip in/docx
mv in/zip.zip in/zip
printf '%s\n' "$mark" | tr a-f A-F | tr -d - >in/written_otherwise
chap scan --json --rules out/host in >found.jsonl 2>/dev/null
is $? 1 "scan finds"
for f in notice.txt customers.csv page.html settings.env utf16 base64 percent \
	gz zip docx written_otherwise; do
	is "$(jq -r --arg f "/$f" 'select(.path | endswith($f)) | .findings[] |
		.detector + " " + .confidence' found.jsonl | sort -u)" \
		"canary.acme high" "in $f"
done
is "$(jq -r '.findings[] | .mask, .tag | select(. != null and . != "")' \
	found.jsonl)" "" "without a mask or a tag"
is "$(grep -cif needles found.jsonl)" 0 "and without a value"

# ---- whose, by the key ----
check --json in >said.jsonl
is $? 1 "check finds"
is "$(jq -r '"\(.set) \(.copy)"' said.jsonl | sort -u)" "acme 2" \
	"one set, one copy"
is "$(jq -r 'select(.path | endswith("settings.env")) | .kind' said.jsonl |
	sort | tr '\n' ' ')" "database password token " "and the kinds"
is "$(jq -r 'select(.path | endswith("base64")) | .kind' said.jsonl |
	sort | tr '\n' ' ')" "database password token " "in what is encoded, too"
cp out/plant/beta-001/customers.csv b
check b in/customers.csv >said
is "$(sort said | tr '\n' ' ')" "b: canary of beta, copy 1: customer b: canary\
 of beta, copy 1: mail in/customers.csv: canary of acme, copy 2: customer\
 in/customers.csv: canary of acme, copy 2: mail " "each set is told apart"
base64 -w 0 <out/plant/acme-001/settings.env >1
cp "$a/settings.env" 2
tar cf members.tar 1 2
check members.tar >said
is "$(grep -o '![12]: canary of acme, copy [12]' said | sort -u |
	tr '\n' ' ')" "!1: canary of acme, copy 1 !2: canary of acme, copy 2 " \
	"what one member held is not told of the next"
check - <"$a/notice.txt" >said
is "$? $(cat said)" "1 -: canary of acme, copy 2: mark" "from standard input"
check near >said
is "$? $(cat said)" "0 " "where there is none, none is told"
head -c 2000 in/zip | head -c 100 >broken
check broken >said
is $? 8 "what could not be examined is told"
chap edm confirm --key c.key --table out/canary-acme.table \
	--table out/canary-beta.table --json found.jsonl >confirmed 2>/dev/null
is "$(jq -r '[.index, .verdict] | join(" ")' confirmed | sort -u)" \
	"canary-acme confirmed" "the table confirms, as of any index"

# ---- other keys ----
chap canary make --key other.key --provider acme --count 3 -o others 2>/dev/null
chap canary check --key other.key in >said 2>/dev/null
is "$? $(cat said)" "0 " "another key's set of that name is another"
printf 'canary-set: acme 3\n' >>other.key
chap canary check --key other.key in 2>err
is "$? $(grep -c 'is malformed' err)" "3 1" "a line that is none is told"
chmod 644 c.key
check in
is $? 4 "a key that others may read is refused"
chap canary check --key none in 2>/dev/null
is $? 2 "a key that is not there is told"
sed '/^canary-set/d' c.key >bare
chmod 600 bare
chap canary check --key bare in 2>err
is "$? $(grep -c 'no set was made with it' err)" "3 1" "so is one without sets"
chap canary make --key bare --provider acme --count 3 -o remade 2>/dev/null
cmp -s out/plant/acme.csv remade/plant/acme.csv
ok $? "of whom the bare key makes the same again"
is "$(find "$TMPDIR" -mindepth 1 | wc -l)" 0 "nothing is left behind"
done_testing
