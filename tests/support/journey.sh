# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# journey - what the end-to-end tests share; sourced after tap.sh.
#
# Owns: one world for a script, below $TMPDIR, and its end.

[ "$(id -u)" = 0 ] || skip_all "needs root: namespaces, mounts, sshd"

WORLD=$TMPDIR/w
export WORLD
world() { "$SRC/tests/support/world" "$@"; }

# begin [OPTION]: the world stands, or the whole file has failed.
begin() {
	local out
	trap 'world down >/dev/null 2>&1' EXIT
	out=$(world up "$WORLD" "$@" 2>&1)
	ok $? "a world stands" && return 0
	tap_say "$out"
	tap_say "$(tail -n 20 "$WORLD"/log/*.log 2>/dev/null)"
	done_testing
}

# entries FILTER: the entries of the server's log that a jq filter selects.
entries() {
	world events | jq -c "select($1)"
}

# some FILTER: there is such an entry.
some() {
	[ -n "$(entries "$1" 2>/dev/null)" ]
}

# recorded FILTER NAME: such an entry comes within 15 s.
recorded() {
	until_true 15 some "$1"
	ok $? "$2" && return 0
	tap_say "no entry with: $1"
	tap_say "$(world events | tail -n 15)"
	return 1
}

# never FILTER NAME: there is none; call it once what came later is recorded.
never() {
	none "$(entries "$1")" "$2"
}

# report PROVIDER JQ: a value of the provider's report.
report() {
	world report "$1" json | jq -r "$2"
}

all_received() {
	[ "$(world chaperone status --json |
		jq -r '.entries > 0 and .receipted == .entries')" = true ]
}

# settled: whatever was recorded has a receipt. Heartbeats come every 30 s.
settled() {
	until_true 40 all_received
}

# needles VALUE: every form of it, one a line, as bytes in hex.
needles() {
	local v=$1 pad form
	printf '%s' "$v" | xxd -p -c 999
	printf '%s' "$v" | xxd -p -c 999 | tr -d '\n' | xxd -p -c 999
	printf '%s' "$v" | xxd -p -u -c 999 | tr -d '\n' | xxd -p -c 999
	printf '%s' "$v" | iconv -t UTF-16LE | xxd -p -c 999
	printf '%s' "$v" | iconv -t UTF-16BE | xxd -p -c 999
	# The inner characters of base64 do not depend on the neighbours.
	for pad in '' x xx; do
		form=$(printf '%s%s' "$pad" "$v" | base64 -w 0 | tr -d =)
		form=${form:$(((${#pad} * 4 + 2) / 3)):-1}
		printf '%s' "${form%?}" | xxd -p -c 999
		printf '%s' "${form%?}" | tr '+/' '-_' | xxd -p -c 999
	done
}

# leaks DIR: files below it that hold any needle of $TMPDIR/needles.
leaks() {
	find "$1" -type f -print0 | while IFS= read -r -d '' f; do
		xxd -p -c 0 "$f" | tr -d '\n' >"$TMPDIR/hex"
		grep -qFf "$TMPDIR/needles" "$TMPDIR/hex" &&
			printf '%s\n' "${f#"$1"/}"
	done
}

# written: puts what the whole system wrote below $WORLD/log, batches unpacked.
written() {
	local f
	world report acme html >"$WORLD/log/report.html"
	world report acme json >"$WORLD/log/report.json"
	world report acme csv >"$WORLD/log/report.csv"
	world events >"$WORLD/log/events.jsonl"
	world chaperone status >"$WORLD/log/status"
	mkdir "$WORLD/log/batches"
	sqlite3 "$WORLD/collector/store/collector.db" \
		"SELECT writefile('$WORLD/log/batches/' || gen || '-' || first,
		bytes) FROM batch" >/dev/null
	for f in "$WORLD"/log/batches/*; do
		zstd -q -d <"$f" >"$f.plain" || ok 1 "a batch can be unpacked"
	done
	[ -n "$(ls "$WORLD/log/batches")" ]
	ok $? "batches were looked into"
	[ "$(grep -c . "$WORLD/log/events.jsonl")" -gt 10 ]
	ok $? "events were looked into"
}
