#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scan_out - what chaperone scan writes beside its lines: SARIF, a page, the
# progress on a terminal, the sum; and what it remembers from scan to scan.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/scan-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
scan() { timeout 100 "$BIN/chaperone" scan --rules "$SRC/rules" "$@"; }
card='card 4532 0151 1283 0366 exp 04/28'
mkdir "$dir/in"
printf '%s\n' "$card" >"$dir/in/a b#1.txt"
printf 'x@mail.example.org\n' >"$dir/in/low"
printf 'nothing\n' >"$dir/in/clean"
tar -C "$dir/in" -cf "$dir/in/c.tar" 'a b#1.txt'
head -c 100 /dev/urandom | gzip -c | head -c 50 >"$dir/in/cut.gz"
nasty=$'<script>alert(1)</script>\n\x1b[31m\xff\xe2\x80\xae"'
printf '%s\n' "$card" >"$dir/in/${nasty//\//_}"

# ---- SARIF ----
scan --format sarif "$dir/in" >"$dir/sarif" 2>"$dir/err"
is $? 1 "sarif: a finding exits with 1"
is "$(jq -c '[.version, (.runs | length), .runs[0].tool.driver.name,
	(.["$schema"] | test("sarif-2.1.0"))]' "$dir/sarif")" \
	'["2.1.0",1,"chaperone",true]' "it is SARIF 2.1.0"
is "$(jq -c '[.runs[0].results[] | select(.ruleId == "pci.pan" and
	(.locations[0].physicalLocation.artifactLocation.uri |
	endswith("a%20b%231.txt"))) | [.level, .locations[0].physicalLocation
	.region.byteOffset, .locations[0].physicalLocation.region.byteLength]]' \
	"$dir/sarif")" '[["error",5,19]]' "a region in bytes, a URI escaped"
is "$(jq -r '[.runs[0] | .tool.driver.rules as $r | .results[] |
	$r[.ruleIndex].id == .ruleId] | all' "$dir/sarif")" true \
	"each result points to its rule"
is "$(jq -r '.runs[0].results[].message | has("text")' "$dir/sarif" |
	sort -u)" true "each result has a message"
is "$(jq -c '[.runs[0].results[].locations[0] | select(.logicalLocations) |
	[.logicalLocations[0].fullyQualifiedName,
	.physicalLocation.region]] | unique' "$dir/sarif")" \
	'[["a b#1.txt",null]]' "a member of a container has no region of it"
is "$(jq -r '[.runs[0].invocations[0].toolExecutionNotifications[]
	.message.text] | unique[]' "$dir/sarif" | grep -c '^not examined: ')" \
	"$(scan --json "$dir/in" | jq -r '.skipped[].reason' | sort -u | wc -l)" \
	"what was not examined is a notification"
is "$(jq -r '.. | .uri? // empty' "$dir/sarif" | grep -vcE \
	'^file:///[A-Za-z0-9._~/%-]*$')" 0 "every URI is well formed"
# SARIF 2.1.0: 3.13.2 version, 3.14.2 tool, 3.18.2 driver, 3.19.8 name, 3.27.11
# message, 3.27.10 level, 3.27.6 ruleIndex, 3.28.3 physicalLocation, 3.30.11
# byteOffset, 3.20.14 executionSuccessful, 3.58.6 level of a notification.
is "$(jq -c '[.runs[] | (.tool.driver.name | type == "string"),
	(.tool.driver.rules | map(.id | type == "string") | all),
	(.tool.driver.rules | map(.id) | length == (unique | length)),
	(.results | map((.level | IN("none", "note", "warning", "error")) and
		(.message.text | length > 0) and .ruleIndex >= 0 and
		(.locations | length == 1) and
		(.locations[0].physicalLocation.artifactLocation.uri | length > 0)
		and (.locations[0].physicalLocation.region // {byteOffset: 0,
		byteLength: 1} | .byteOffset >= 0 and .byteLength > 0)) | all),
	(.invocations | length == 1 and
		(map(.executionSuccessful | type == "boolean") | all)),
	(.invocations[0].toolExecutionNotifications | map((.level |
		IN("none", "note", "warning", "error")) and
		(.message.text | length > 0)) | all)] | unique' "$dir/sarif")" \
	'[true]' "what the standard asks of each part is there"
is "$(grep -c '4532' "$dir/sarif")" 0 "no matched byte"
scan --format sarif "$dir/in/clean" 2>/dev/null | jq -c \
	'.runs[0].results' | grep -qx '\[\]'
is $? 0 "no finding is an empty list"

# ---- the page ----
scan --format html "$dir/in" >"$dir/page" 2>"$dir/err"
is $? 1 "html: a finding exits with 1"
is "$(grep -ciE '<script|<img|<link|src=|https?://|[[:space:]]on[a-z]+=' "$dir/page")" 0 \
	"no script, nothing from elsewhere"
is "$(grep -c 'pci.pan' "$dir/page")" 3 "a row for each finding"
is "$(grep -c '4532' "$dir/page")" 0 "no matched byte"
is "$(LC_ALL=C grep -cP '\x1b|\xff|\xe2\x80\xae' "$dir/page")" 0 \
	"a name stays a name"
grep -q '&#60;script&#62;' "$dir/page"
is $? 0 "and is escaped"
is "$(grep -cF '<h2>Not examined</h2>' "$dir/page")" 1 \
	"what was not examined has its table"
if command -v xmllint >/dev/null; then
	xmllint --html --noout "$dir/page" 2>&1 | grep -vE 'Tag (main|header)|<main|<header|\^' |
		grep -q .
	is $? 1 "and it is HTML"
fi

# ---- the sum ----
grep -qE '^6 files, .*; [0-9]+ findings in 4 files; [1-9][0-9]* parts' "$dir/err"
is $? 0 "the sum is talk"
grep -q '^  not examined: .* ([0-9]*, [0-9]* bytes)$' "$dir/err"
is $? 0 "with what was not examined, by reason"
scan --format nonsense "$dir/in" >/dev/null 2>&1
is $? 2 "an unknown format exits with 2"

# ---- the terminal ----
if command -v script >/dev/null; then
	TERM=xterm script -qec "'$BIN/chaperone' scan --rules '$SRC/rules' \
		--json '$dir/in' >'$dir/out'" /dev/null >"$dir/tty" </dev/null
	grep -qE '6 files, 0 MB|[0-9]+/6 files' "$dir/tty"
	is $? 0 "progress on a terminal, of how many"
	grep -q 'MB/s' "$dir/tty"
	is $? 0 "with the rate"
	is "$(jq -c . "$dir/out" | wc -l)" 6 "and none of it in the data"
	TERM=dumb script -qec "'$BIN/chaperone' scan --rules '$SRC/rules' \
		--json '$dir/in' >'$dir/out'" /dev/null >"$dir/tty" </dev/null
	is "$(grep -c 'MB/s' "$dir/tty")" 0 "none on a dumb one"
else
	skip "progress" "no script(1) here"
fi

# ---- the state ----
# A file that changed within the last tick may change again unseen: not kept.
touch -d '-1 hour' "$dir/in/"*
sleep 0.1
state=$dir/state
is "$(scan --json --state "$state" "$dir/in" | wc -l)" 6 "all at first"
is "$(stat -c %a "$state")" 600 "the state is for its owner"
grep -qaE '4532|a b|mail' "$state"
is $? 1 "it holds no names and no content"
out=$(scan --json --state "$state" "$dir/in" 2>"$dir/err")
is "$?" 1 "then what was found is still so"
is "$out" "" "and nothing is looked at again"
scan --state "$state" "$dir/in" >/dev/null 2>"$dir/err"
grep -q '^6 files unchanged since they were examined: 4 with findings' "$dir/err"
is $? 0 "which is told"
scan --json --state "$state" "$dir/in/clean" >/dev/null
is $? 0 "a clean one stays clean"
scan --json --state "$state" "$dir/in/cut.gz" >/dev/null
is $? 8 "what was not examined stays so"
printf '%s\n' "$card" >"$dir/in/clean"
is "$(scan --json --state "$state" "$dir/in" | jq -r .path)" "$dir/in/clean" \
	"a file that changed is looked at"
cp -r "$SRC/rules" "$dir/rules"
printf '\n' >>"$dir/rules/pci.yaml"
is "$(timeout 100 "$BIN/chaperone" scan --json --rules "$dir/rules" \
	--state "$state" "$dir/in" | wc -l)" 6 "other rules begin anew"
sleep 0.1
scan --json --state "$state" "$dir/in" >/dev/null
printf '12 34 5' >>"$state"
scan --json --state "$state" "$dir/in" >"$dir/out"
is "$(wc -l <"$dir/out")" 0 "a line that was cut off does not matter"
is "$(tail -c 1 "$state" | od -An -c | tr -d ' ')" '\n' "and is gone"
printf 'my letters\n' >"$dir/letter"
scan --state "$dir/letter" "$dir/in" >/dev/null 2>&1
is "$? $(cat "$dir/letter")" "2 my letters" "another file is left as it is"
ln -s "$dir/letter" "$dir/link"
scan --state "$dir/link" "$dir/in" >/dev/null 2>&1
is "$?" 2 "a link is no state"
(
	exec 9<>"$state"
	flock 9
	scan --state "$state" "$dir/in" >/dev/null 2>"$dir/err" 9>&-
	is $? 2 "two scans cannot share it"
	exit "$TAP_BAD"
)
TAP_COUNT=$((TAP_COUNT + 1)) TAP_BAD=$((TAP_BAD + $?))
grep -q 'another scan' "$dir/err"
is $? 0 "and it says why"

# ---- many files ----
mkdir "$dir/many"
for i in {1..400}; do
	{
		printf '%s\n' "$card $i"
		head -c 200000 /dev/zero | tr '\0' x
	} >"$dir/many/$i"
done
mkdir "$dir/some"
cp "$dir/many/"?? "$dir/in/"* "$dir/some"
for jobs in 1 2 3 4; do
	scan --json --jobs $jobs "$dir/some" 2>/dev/null | sort | sha256sum
done >"$dir/sums"
is "$(sort -u "$dir/sums" | wc -l)" 1 "1 to 4 processes find the same"

# The time left is told a second after the start: the process that looks into
# files stands still for that long.
if command -v script >/dev/null && [ -e /proc/$$/task/$$/children ]; then
	: >"$dir/out"
	TERM=xterm script -qec "echo \$\$ >'$dir/pid'; exec '$BIN/chaperone' \
		scan --rules '$SRC/rules' --jobs 1 --json '$dir/many' \
		>'$dir/out'" /dev/null >"$dir/tty" </dev/null &
	some() { [ "$(wc -l <"$dir/out")" -ge 3 ]; }
	until_true 60 some
	pid=$(cat "$dir/pid")
	read -r child _ <"/proc/$pid/task/$pid/children"
	kill -STOP "$child"
	sleep 1.2
	kill -CONT "$child"
	wait $!
	grep -qE '[0-9]+/400 files, .* MB/s, [0-9]+:[0-9]{2}:[0-9]{2} left' \
		"$dir/tty"
	is $? 0 "progress tells the time left"
	is "$(wc -l <"$dir/out")" 400 "and all files come"
else
	skip "time left" "no script(1) here"
fi

# ---- killed ----
sleep 0.1
killed=$dir/killed
: >"$dir/first"
"$BIN/chaperone" scan --json --rules "$SRC/rules" --state "$killed" \
	"$dir/many" >"$dir/first" 2>/dev/null &
pid=$!
while [ "$(wc -l <"$dir/first")" -lt 20 ] && kill -0 "$pid" 2>/dev/null; do
	sleep 0.05
done
kill -KILL "$pid" 2>/dev/null
wait "$pid" 2>/dev/null
known=$(($(wc -l <"$killed") - 1))
scan --json --state "$killed" "$dir/many" >"$dir/second" 2>/dev/null
is $? 1 "a scan that was killed goes on"
[ "$known" -ge 19 ]
ok $? "from what it had"
is "$(cat "$dir/first" "$dir/second" | jq -Rr 'fromjson? | .path' | sort -u |
	wc -l)" 400 "between them, each file was told"
is "$(wc -l <"$dir/second")" "$((400 - known))" "and none again that was known"
done_testing
