#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# events - chaperone events and chaperone status over a log that grows.
set -u
. "$SRC/tests/support/tap.sh"

if ! command -v sqlite3 >/dev/null || ! command -v jq >/dev/null; then
	skip_all "sqlite3 and jq are needed"
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/events-XXXXXX") || exit 2
follower=
trap '[ -z "$follower" ] || kill "$follower"; rm -rf "$dir"' EXIT
mklog=$B/support/mklog
log=$dir/record
mkdir "$log"
"$mklog" new "$log" 20 || exit 2
events() { "$BIN/chaperone" events --state "$dir" "$@"; }

# ---- lines ----
out=$(events --json)
is "$?" 0 "exits with 0"
is "$(printf '%s\n' "$out" | jq -s 'length')" 20 "one line an entry"
is "$(printf '%s\n' "$out" | jq -c '[.seq, .gen, .type, .prio, .person,
	.grade, .op]' | head -n 1)" '[0,0,"file",2,"zoe","key","read"]' \
	"fields by name"
is "$(printf '%s\n' "$out" | jq -r .path | head -n 1 | cut -c5- |
	base64 -d | xxd -p)" 2f7372762f30201b5b324aff "bytes that are no text"
is "$(events | head -n 1 | cut -d' ' -f3-)" \
	' file       acme/zoe (key)  read  /srv/0 \x1b[2J\xff ' \
	"a line for the eye, escaped"
is "$(events | LC_ALL=C grep -c "$(printf '\033')")" 0 \
	"and nothing that moves a terminal"
is "$(events --type cov.loss --json | jq -c '[.lost, .stage]' | head -n 1)" \
	'[4,"fanotify"]' "one type alone"

# ---- since ----
is "$(events --json --since 1h | wc -l)" 20 "the last hour"
is "$(events --json --since 2200-01-01T00:00:00Z | wc -l)" 0 "the future"
third=$(printf '%s\n' "$out" | jq -r .time | sed -n 3p)
is "$(events --json --since "$third" | head -n 1 | jq -r .time)" "$third" \
	"from a time on"
for bad in yesterday 10x 99999999999d ''; do
	events --since "$bad" >/dev/null 2>&1
	is "$?" 2 "no time: '$bad'"
done

# ---- follow ----
"$BIN/chaperone" events --state "$dir" --follow --json >"$dir/followed" &
follower=$!
# shellcheck disable=SC2317  # called by until_true
lines() { [ "$(wc -l <"$dir/followed")" = "$1" ]; }
until_true 10 lines 20
ok $? "what is there comes first"
"$mklog" add "$log" 2
until_true 10 lines 22
ok $? "then what is new"
"$mklog" renew "$log"
"$mklog" add "$log" 3
until_true 10 lines 25
ok $? "and what a new generation holds"
is "$(tail -n 1 "$dir/followed" | jq -c '[.gen, .seq]')" '[1,2]' \
	"with its own numbers"
kill -INT "$follower"
wait "$follower"
is "$?" 0 "an interrupt ends it with 0"
follower=
is "$(events --json | jq -s length)" 25 "both generations without it"

# ---- status ----
out=$("$BIN/chaperone" status --state "$dir" --json)
is "$? $(printf '%s' "$out" | jq -r .verdict)" "8 down" \
	"an agent that does not run is down"
is "$(printf '%s' "$out" | jq -c '[.running, .entries, .day.accesses]')" \
	'[false,3,3]' "status counts"

# ---- what is wrong ----
"$BIN/chaperone" events --state "$dir/none" >/dev/null 2>&1
is "$?" 3 "no log"
events --nonsense >/dev/null 2>&1
is "$?" 2 "an unknown option"
sqlite3 "$log/log.db.1" "UPDATE entry SET leaf=x'00' WHERE seq=1"
out=$(events --json 2>"$dir/said")
is "$? $(printf '%s\n' "$out" | wc -l)" "7 24" \
	"a damaged entry costs itself alone, and 7"
grep -q 'generation 1, entry 1' "$dir/said"
ok $? "and is named"
if [ "$(id -u)" = 0 ]; then
	chmod 700 "$dir" "$log"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BIN/chaperone" events --state "$dir" >/dev/null 2>&1
	is "$?" 4 "not permitted"
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BIN/chaperone" status --state "$dir" >/dev/null 2>&1
	is "$?" 4 "nor is status"
else
	skip "not permitted" "it needs root to become somebody else"
fi
done_testing
