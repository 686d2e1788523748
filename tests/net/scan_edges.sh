#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scan_edges - chaperone scan where file systems and archives are unkind: each
# thing gets its line, what is not looked at is told, and nothing waits.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/scan-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
scan() { timeout 100 "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }
card='card 4532 0151 1283 0366 exp 04/28'
keys() { jq -c "$1 | keys_unsorted" | sort -u; }

# ---- the keys ----
mkdir "$dir/keys"
printf '%s\n' "$card" >"$dir/keys/a"
head -c 100 /dev/urandom | gzip -c | head -c 50 >"$dir/keys/cut.gz"
out=$(scan "$dir/keys")
is "$(keys . <<<"$out")" \
	'["path","size","type","examined","skipped","findings"]' \
	"the keys of a file"
is "$(keys '.findings[]' <<<"$out")" \
	'["detector","class","confidence","count","unique","member","spans"]' \
	"the keys of a finding"
is "$(keys '.skipped[]' <<<"$out")" '["reason","bytes"]' "the keys of a skip"
is "$(jq -r '.findings[].spans[] | length' <<<"$out" | sort -u)" 2 \
	"a span is a pair"

# ---- levels, jobs ----
printf 'card 4532 0151 1283 0366\nSSN 536-90-4399\nx@mail.example.org\n' \
	>"$dir/levels"
count() { jq '.findings | length'; }
is "$(scan "$dir/levels" | count)" 3 "low is the default"
is "$(scan --min-confidence high "$dir/levels" | count)" 2 "high alone"
scan --min-confidence medium "$dir/keys/none" >/dev/null 2>&1
is $? 2 "a path that is not there exits with 2"
printf 'x@mail.example.org\n' >"$dir/low"
scan --min-confidence medium "$dir/low" >/dev/null
is $? 0 "what lies below the level is no finding"
scan --min-confidence huge "$dir/low" >/dev/null 2>&1
is $? 2 "an unknown level exits with 2"
for jobs in 0 17 x; do
	scan --jobs "$jobs" "$dir/low" >/dev/null 2>&1
	is $? 2 "--jobs $jobs exits with 2"
done
mkdir "$dir/many"
for i in {1..60}; do printf '%s %s\n' "$card" "$i" >"$dir/many/$i"; done
is "$(scan --jobs 3 "$dir/many" | jq -r .path | sort -u | wc -l)" 60 \
	"three processes answer for each file"
is "$(scan --jobs 1 "$dir/many" | jq -cS . | sort | sha256sum)" \
	"$(scan --jobs 3 "$dir/many" | jq -cS . | sort | sha256sum)" \
	"and say what one says"

# ---- what is no file ----
mkdir "$dir/odd"
mkfifo "$dir/odd/fifo"
ln -s /etc/passwd "$dir/odd/link"
ln -s "$dir/odd" "$dir/odd/loop"
ln -s nowhere "$dir/odd/dangling"
eval "$(ssh-agent -a "$dir/odd/socket" 2>/dev/null)" >/dev/null
out=$(scan "$dir/odd")
is $? 0 "what holds no content is not missed"
[ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID"
type() { jq -r "select(.path == \"$dir/odd/$1\") | .type" <<<"$out"; }
is "$(type fifo)" inode/fifo "a pipe is told and not opened"
[ -z "${SSH_AGENT_PID:-}" ] ||
	is "$(type socket)" inode/socket "a socket is told and not opened"
is "$(type link)" inode/symlink "a link is told and not followed"
is "$(type loop)" inode/symlink "nor is one to a directory"
is "$(jq -r '.skipped[0].reason' <<<"$out" | sort -u | paste -sd,)" \
	"not a regular file,symbolic link" "with the reason"
is "$(scan /dev/zero | jq -r .type)" inode/chardevice \
	"a device is not read, even if it is named"
is "$(scan "$dir/odd/link" | jq -r .size)" "$(stat -Lc %s /etc/passwd)" \
	"a link that is named is followed"

# ---- permission ----
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	mkdir -m 755 "$dir/closed"
	chmod 755 "$dir"
	printf '%s\n' "$card" >"$dir/closed/no"
	chmod 600 "$dir/closed/no"
	mkdir -m 700 "$dir/closed/dir"
	out=$(setpriv --reuid nobody --regid nogroup --clear-groups \
		"$BIN/chaperone" scan --json --rules "$SRC/rules" \
		"$dir/closed" 2>"$dir/err")
	status=$?
	if [ -z "$out" ] && [ "$status" != 8 ]; then
		skip "unreadable files" "another account cannot run $BIN"
	else
		is "$status" 8 "nothing found, but not all was seen: 8"
		is "$(jq -r '.skipped[].reason' <<<"$out" | sort | uniq -c |
			awk '{ print $1, $2, $3 }')" "2 permission denied" \
			"a file and a directory that cannot be read are told"
	fi
else
	skip "unreadable files" "needs root"
fi

# ---- names ----
mkdir "$dir/names"
long=$(printf 'n%.0s' {1..255})
printf 'x\n' >"$dir/names/$long"
printf '%s\n' "$card" >"$dir/names/"$'bad\xff\xfebytes'
printf '%s\n' "$card" >"$dir/names/"$'new\nline\x1b[31m"quote'
out=$(scan "$dir/names")
is "$(jq -c . <<<"$out" | wc -l)" 3 "each line is one object"
is "$(jq -r .path <<<"$out" | grep '^b64:' | cut -c5- | base64 -d)" \
	"$dir/names/"$'bad\xff\xfebytes' "a name that is no UTF-8"
is "$(jq -r 'select(.path | contains("quote")) | .path' <<<"$out")" \
	"$dir/names/"$'new\nline\x1b[31m"quote' "a name with control bytes"
"$BIN/chaperone" scan --rules "$SRC/rules" "$dir/names" >"$dir/table" 2>&1
is "$(grep -c $'\x1b' "$dir/table")" 0 "no foreign escapes on a terminal"
deep=$dir/deep
mkdir "$deep"
(cd "$deep" && for i in {1..300}; do mkdir d && cd d || exit; done &&
	printf 'x\n' >bottom)
out=$(scan "$deep")
is $? 8 "a tree that is too deep"
is "$(jq -r '.skipped[].reason' <<<"$out")" "too deep" "is told once"
# rm alone takes long paths apart.
rm -rf "$deep"

# ---- size ----
truncate -s 10G "$dir/sparse"
out=$(scan "$dir/sparse")
is $? 8 "a file of 10 GiB exits with 8"
is "$(jq -c '. as $f | .skipped[] | select(.reason | test("budget")) |
	[.reason, $f.size, $f.examined + .bytes == $f.size]' <<<"$out")" \
	'["over the budget of bytes",10737418240,true]' \
	"what its budget leaves out is told"
: >"$dir/empty"
is "$(scan "$dir/empty" | jq -c '[.size, .type, .skipped, .findings]')" \
	'[0,"inode/x-empty",[],[]]' "an empty file"
# One that shrinks and grows while it is read.
(for i in {1..200}; do
	head -c $((i * 1000)) /dev/zero >"$dir/moving"
	: >"$dir/moving"
done) &
moving=$!
for i in 1 2 3; do
	scan "$dir/moving" >/dev/null 2>&1
	[ $? -le 8 ] || break
done
ok $? "a file that changes while it is read"
wait "$moving"

# ---- archives ----
mkdir "$dir/arc" "$dir/src"
printf '%s\n' "$card" >"$dir/src/a.csv"
if command -v zip >/dev/null; then
	(cd "$dir/src" && zip -q -P secret ../arc/encrypted.zip a.csv &&
		zip -q ../arc/plain.zip a.csv &&
		zip -q ../arc/outer.zip ../arc/plain.zip)
	out=$(scan "$dir/arc/encrypted.zip")
	is "$?" 8 "an encrypted member is not examined"
	is "$(jq -r '.skipped[].reason' <<<"$out")" encrypted "and is told"
	is "$(scan "$dir/arc/outer.zip" | jq -r '.findings[0].member')" \
		"../arc/plain.zip!a.csv" "a zip in a zip"
else
	skip "zip files" "no zip here"
fi
tar -C "$dir/src" -cf "$dir/arc/up.tar" \
	--transform 's:a.csv:../../../../etc/cron.d/x:' -P a.csv
out=$(scan "$dir/arc/up.tar")
is "$(jq -r '.findings[0].member' <<<"$out")" "../../../../etc/cron.d/x" \
	"a name that climbs is only a name"
truncate -s 300M "$dir/zeros"
gzip -1 <"$dir/zeros" | gzip -9 | gzip -9 >"$dir/arc/bomb.gz"
out=$(scan "$dir/arc/bomb.gz")
is $? 8 "a bomb exits with 8"
is "$(jq -r '.skipped[].reason' <<<"$out" | grep -c '^over the budget')" 1 \
	"and its budget is named"
f=$dir/src/a.csv
for i in {1..9}; do gzip -c "$f" >"$dir/src/$i.gz"; f=$dir/src/$i.gz; done
out=$(scan "$f")
is "$(jq -r '.skipped[0].reason' <<<"$out")" "over the budget of depth" \
	"nine gzips in each other are too many"

# A header that lies: the size of a member is larger than all that follows.
tar -C "$dir/many" -cf "$dir/arc/lies.tar" 1
printf '77777777777' | dd of="$dir/arc/lies.tar" bs=1 seek=124 conv=notrunc \
	2>/dev/null
out=$(scan "$dir/arc/lies.tar")
is "$(jq -c '[.skipped | length > 0]' <<<"$out")" '[true]' \
	"a header that lies costs a word"
if command -v zip >/dev/null; then
	# The size after unpacking, in the member's own header and the list's.
	cp "$dir/arc/plain.zip" "$dir/arc/lies.zip"
	printf '\1\0\0\0' | dd of="$dir/arc/lies.zip" bs=1 seek=22 conv=notrunc \
		2>/dev/null
	out=$(scan "$dir/arc/lies.zip")
	[ $? -le 8 ]
	ok $? "a zip with a wrong size"
	is "$(jq -c '(.findings | length > 0) or (.skipped | length > 0)' \
		<<<"$out")" true "is looked into, or told"
	# Its list points to the member twice: what it holds is not read for ever.
	cat "$dir/arc/plain.zip" "$dir/arc/plain.zip" >"$dir/arc/twice.zip"
	scan "$dir/arc/twice.zip" >/dev/null
	is $? 1 "two zips behind each other"
fi
# A million members: the header of an empty file, doubled twenty times.
: >"$dir/src/empty"
tar -C "$dir/src" -cf - empty | head -c 512 >"$dir/million"
for _ in {1..10}; do
	cat "$dir/million" "$dir/million" >"$dir/double"
	mv "$dir/double" "$dir/million"
done
for _ in {1..1024}; do cat "$dir/million"; done | gzip -1 >"$dir/arc/million.tgz"
out=$(scan "$dir/arc/million.tgz")
is $? 8 "a million members exit with 8"
jq -r '.skipped[].reason' <<<"$out" | grep -q '^over the budget'
is $? 0 "and their budget is named"
rm "$dir/million" "$dir/arc/million.tgz"
# Mail in mail in mail.
printf 'Subject: x\n\n%s\n' "$card" >"$dir/src/mail"
for i in {1..60}; do
	{
		printf 'From: a@example.org\nTo: b@example.org\nSubject: %s\n' "$i"
		printf 'MIME-Version: 1.0\nContent-Type: message/rfc822\n\n'
		cat "$dir/src/mail"
	} >"$dir/src/outer"
	mv "$dir/src/outer" "$dir/src/mail"
done
out=$(scan "$dir/src/mail")
is "$(jq -c '(.findings | map(.detector) | index("pci.pan")) != null or
	(.skipped | map(.reason) | index("over the budget of depth")) != null' \
	<<<"$out")" true "mail in mail is looked into, or its depth is told"

# ---- the terminal ----
scan "$dir/many/1" 2>&1 >/dev/null | grep -q .
is $? 1 "no talk with --json and no terminal"
"$BIN/chaperone" scan --rules "$SRC/rules" "$dir/many/1" >"$dir/table" 2>&1
is "$(grep -c $'\x1b' "$dir/table")" 0 "no colour without a terminal"
"$BIN/chaperone" scan --help | head -n 1 | grep -q '^Example: '
is $? 0 "the help begins with an example"
done_testing
