#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# evidence - what somebody may do to a log, and what chaperone evidence verify
# says of it: which entry, which checkpoint, or honestly nothing.
set -u
. "$SRC/tests/support/tap.sh"

if ! command -v sqlite3 >/dev/null || ! command -v jq >/dev/null; then
	skip_all "sqlite3 and jq are needed"
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/evidence-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mklog=$B/support/mklog

verify() { "$BIN/chaperone" evidence verify "$@" --json; }
# copy NAME: a fresh copy of the good log, in $log.
copy() {
	log=$dir/$1
	mkdir "$log"
	cp "$dir"/good/*.db "$dir"/good/*.vkey "$dir"/good/*.key "$log/"
}
sql() { sqlite3 "$log/log.db" "$1"; }
# told: "what:index" of each problem, in their order.
told() {
	verify "$log" | jq -r 'select(.kind == "problem") |
		"\(.what):\(.index)"' | tr '\n' ' '
}
details() { verify "$log" | jq -r 'select(.kind == "problem") | .detail'; }

mkdir "$dir/good"
"$mklog" new "$dir/good" 40 || exit 2

# ---- a good one ----
copy good-copy
out=$(verify "$log")
is "$?" 0 "a whole log is ok"
is "$(printf '%s' "$out" | jq -c '[.kind, .verdict, .entries, .disclosures,
	.checkpoints, .receipts, .receipted, .tail, .problems]')" \
	'["summary","ok",40,160,4,2,40,0,0]' "and everything in it is counted"
is "$(printf '%s' "$out" | jq -r .log_key_from)" directory \
	"a key from the directory is told as such"
before=$(cd "$log" && sha256sum -- *.db *.vkey)
verify "$log" >/dev/null
is "$(cd "$log" && sha256sum -- *.db *.vkey)" "$before" "nothing is written"
mkdir -p "$dir/state/record"
cp "$log"/*.db "$log"/*.vkey "$dir/state/record/"
verify "$dir/state" >/dev/null
is "$?" 0 "an agent's state directory will do"
"$BIN/chaperone" evidence verify "$log" | grep -qx ok
ok $? "a verdict for the eye"

# ---- by other tools, as chaperone-log(5) says ----
hash=$(sqlite3 "$log/log.db" "SELECT lower(hex(hash)) FROM entry WHERE seq=7")
is "$({
	printf '\0'
	sqlite3 "$log/log.db" 'SELECT CAST(leaf AS TEXT) FROM entry WHERE seq=7' |
		tr -d '\n'
} | sha256sum | cut -d' ' -f1)" "$hash" "sha256sum gets the leaf's hash"
# An Ed25519 key in DER is twelve fixed bytes and the key.
cut -d+ -f3- "$log/log.vkey" | base64 -d | tail -c 32 >"$dir/raw"
{
	printf '302a300506032b6570032100' | xxd -r -p
	cat "$dir/raw"
} >"$dir/key.der"
sqlite3 "$log/log.db" 'SELECT CAST(note AS TEXT) FROM checkpoint
	WHERE size=40' >"$dir/note"
head -n 3 "$dir/note" >"$dir/body"
sed -n 's/^— [^ ]* //p' "$dir/note" | base64 -d | tail -c 64 >"$dir/sig"
check "openssl takes the checkpoint's signature" openssl pkeyutl -verify \
	-pubin -keyform DER -inkey "$dir/key.der" -rawin -in "$dir/body" \
	-sigfile "$dir/sig"

# ---- entries ----
copy leaf
sql "UPDATE entry SET leaf=CAST(replace(CAST(leaf AS TEXT),'\"prio\":2',
	'\"prio\":1') AS BLOB) WHERE seq=17"
is "$(told)" "entry:17 " "a bit of a leaf"
verify "$log" >/dev/null
is "$?" 7 "exits with 7"

copy leaf-hash
sql "UPDATE entry SET hash=(SELECT hash FROM entry WHERE seq=3) WHERE seq=17"
is "$(told | cut -d' ' -f1)" "entry:17" "a hash"

copy junk
sql "UPDATE entry SET leaf=CAST('{}' AS BLOB) WHERE seq=17"
is "$(told)" "entry:17 entry:17 " "a leaf that is no entry"

copy drop
sql "DELETE FROM entry WHERE seq=23"
is "$(told)" "entry:23 log:40 " "an entry is dropped"
details | grep -q 'it is missing'
ok $? "and told as missing"

copy drop-many
sql "DELETE FROM entry WHERE seq BETWEEN 23 AND 26"
details | grep -q 'more behind it until 26'
ok $? "a run of them"

# Whoever drops an entry may move those behind it down.
copy close-up
sql "DELETE FROM entry WHERE seq=23;
	UPDATE entry SET seq=-seq WHERE seq>23;
	UPDATE entry SET seq=-seq-1 WHERE seq<0;
	DELETE FROM salted WHERE seq=23;
	UPDATE salted SET seq=-seq WHERE seq>23;
	UPDATE salted SET seq=-seq-1 WHERE seq<0;
	UPDATE head SET size=39"
is "$(told | cut -d' ' -f1)" "entry:23" "the gap is closed by moving"

copy swap
sql "UPDATE entry SET seq=-1 WHERE seq=5; UPDATE entry SET seq=5 WHERE seq=6;
	UPDATE entry SET seq=6 WHERE seq=-1;
	UPDATE salted SET seq=-1 WHERE seq=5; UPDATE salted SET seq=5 WHERE seq=6;
	UPDATE salted SET seq=6 WHERE seq=-1"
is "$(told | cut -d' ' -f1,2)" "entry:5 entry:6" "two are swapped"

copy insert
sql "INSERT INTO entry SELECT 40, hash, leaf FROM entry WHERE seq=39"
is "$(told)" "entry:40 log:41 " "one is repeated at the end"

# ---- disclosures ----
copy disclosure
sql "UPDATE salted SET disclosures=substr(disclosures,1,20)||'A'||
	substr(disclosures,22) WHERE seq=11"
is "$(told)" "disclosure:11 " "a bit of a disclosure"

copy disclosure-other
sql "UPDATE salted SET disclosures=(SELECT disclosures FROM salted
	WHERE seq=12) WHERE seq=11"
is "$(told)" "disclosure:11 " "another entry's disclosures"

copy disclosure-short
sql "UPDATE salted SET disclosures=substr(disclosures,1,
	length(disclosures)-1) WHERE seq=11"
is "$(told)" "disclosure:11 " "a row of them is cut"

copy erased
sql "DELETE FROM salted WHERE seq=11"
out=$(verify "$log")
is "$? $(printf '%s' "$out" | jq -c '[.verdict, .erased, .problems]')" \
	'8 ["incomplete",1,0]' \
	"what is erased leaves every proof good, and is counted"

copy withheld
sql "UPDATE salted SET disclosures=substr(disclosures,
	4+instr(substr(disclosures,5),x'000000')) WHERE seq=11"
is "$(told)" "disclosure:11 " "the first disclosure of a row is taken out"
details | grep -q '"provider" is neither disclosed nor absent'
ok $? "and named, by the seed"

copy seed
sql "UPDATE salted SET seed=(SELECT seed FROM salted WHERE seq=12)
	WHERE seq=11"
is "$(told)" "disclosure:11 " "another seed"

# ---- checkpoints and receipts ----
copy cut
sql "DELETE FROM entry WHERE seq>=35; DELETE FROM salted WHERE seq>=35"
is "$(told)" "checkpoint:40 receipt:40 log:35 " \
	"the tail is cut behind a checkpoint"
details | grep -q 'entries from 35 on are missing'
ok $? "and where"

copy cut-checkpoint
sql "DELETE FROM entry WHERE seq>=30; DELETE FROM salted WHERE seq>=30;
	DELETE FROM checkpoint WHERE size=40; DELETE FROM receipt WHERE size=40"
is "$(told)" "log:30 " "the checkpoint is cut with it: the head tells"

# The limit: whoever may write the file may cut it without a trace in it. The
# collector, which holds more and has receipted it, is who can tell.
mkdir "$dir/short"
cp "$dir"/good/*.key "$dir/short/"
"$mklog" new "$dir/short" 30
log=$dir/short
is "$(told)$(verify "$log" | jq -r '"\(.verdict) \(.receipted)"')" "ok 20" \
	"a shorter log of the same key is whole: receipts elsewhere tell"

copy foreign
mkdir "$dir/other"
"$mklog" new "$dir/other" 40
sql "ATTACH '$dir/other/log.db' AS other;
	UPDATE checkpoint SET note=(SELECT note FROM other.checkpoint o
	WHERE o.size=checkpoint.size) WHERE size=20"
is "$(told)" "checkpoint:20 " "another key's signature"
verify "$log" --vkey "$dir/other/log.vkey" >/dev/null
is "$?" 7 "a key from elsewhere, which never signed this"
verify "$log" --vkey "$(cat "$dir/good/log.vkey")" |
	jq -r .log_key_from | grep -qx given
ok $? "the right key, given as text"

copy root
sql "UPDATE checkpoint SET note=CAST(replace(CAST(note AS TEXT),
	char(10)||'20'||char(10), char(10)||'21'||char(10)) AS BLOB)
	WHERE size=20"
is "$(told)" "checkpoint:20 " "a checkpoint of another size"
copy root2
sql "UPDATE checkpoint SET note=(SELECT CAST(
	substr(CAST(checkpoint.note AS TEXT),1,22)||'A'||
	substr(CAST(checkpoint.note AS TEXT),24) AS BLOB)) WHERE size=20"
is "$(told)" "checkpoint:20 " "another root"
copy origin
sql "UPDATE meta SET value='example.org/host-2' WHERE key='origin'"
is "$(told | wc -w)" 6 "another name"
copy note-junk
sql "UPDATE checkpoint SET note=CAST('x' AS BLOB) WHERE size=20"
is "$(told)" "checkpoint:20 " "no note at all"

# Root of the host has the log's key: only the receipts tell.
copy forged
"$mklog" forge "$log" 13
is "$(told)" "receipt:20 log:40 " \
	"an entry is rewritten and everything signed again"
details | grep -q 'among entries 0 to 19'
ok $? "and the receipt tells where"

copy receipt
sql "UPDATE receipt SET note=(SELECT note FROM checkpoint WHERE size=20)
	WHERE size=20"
is "$(told)" "receipt:20 " "a receipt that nobody cosigned"

# ---- what is missing ----
copy no-key
rm "$log"/*.vkey
out=$(verify "$log")
is "$? $(printf '%s' "$out" | jq -r '.verdict, (.missing | length)' |
	tr '\n' ' ')" "8 incomplete 2 " "without keys it says what is missing"
copy bad-key
printf 'nonsense\n' >"$log/log.vkey"
verify "$log" >/dev/null 2>&1
is "$?" 7 "a key of the directory that is none"
copy tail
"$mklog" add "$log" 3
out=$(verify "$log")
is "$? $(printf '%s' "$out" | jq -r '"\(.verdict) \(.tail)"')" \
	"8 incomplete 3" "entries behind the last checkpoint are told"

# ---- generations ----
copy generations
"$mklog" add "$log" 3
"$mklog" renew "$log"
"$mklog" add "$log" 4
"$mklog" sign "$log"
out=$(verify "$log")
is "$? $(printf '%s' "$out" | jq -r '"\(.verdict) \(.generations) " +
	"\(.entries) \(.tail)"')" "0 ok 2 47 0" \
	"a new generation signs the end of the old one"
sqlite3 "$log/log.db" "DELETE FROM entry WHERE seq=42;
	DELETE FROM salted WHERE seq=42; UPDATE head SET size=42 WHERE what=0"
is "$(told)" "checkpoint:43 log:42 log:42 " "which then tells of a cut"
rm "$log"/log.db "$log"/log.db-*
out=$(verify "$log")
is "$? $(printf '%s' "$out" | jq -r .verdict)" "8 incomplete" \
	"a generation that is not here is missing"

# ---- no log, or none of ours ----
mkdir "$dir/empty"
verify "$dir/empty" >/dev/null 2>&1
is "$?" 2 "no log there"
copy damaged
printf 'no database' | dd of="$log/log.db" conv=notrunc status=none
verify "$log" >/dev/null 2>&1
is "$?" 7 "no database"
copy damaged-page
size=$(stat -c %s "$log/log.db")
dd if=/dev/zero of="$log/log.db" bs=1 seek=$((size / 2)) count=8192 \
	conv=notrunc status=none
verify "$log" >/dev/null 2>&1
is "$?" 7 "a damaged page"
"$BIN/chaperone" evidence >/dev/null 2>&1
is "$?" 2 "no verb"
if [ "$(id -u)" = 0 ]; then
	copy closed
	chmod 700 "$dir" "$log"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BIN/chaperone" evidence verify "$log" >/dev/null 2>&1
	is "$?" 4 "not permitted"
else
	skip "not permitted" "it needs root to become somebody else"
fi
done_testing
