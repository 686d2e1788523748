#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# collector-killed - each process of the collector is ended at any moment while
# two hosts send: every entry arrives once, in order, with its receipt.
set -u
. "$SRC/tests/support/tap.sh"

[ "$(id -u)" = 0 ] || skip_all "it takes root to give files to the processes"
for t in curl jq sqlite3; do
	command -v "$t" >/dev/null || skip_all "$t is not installed"
done
. "$SRC/tests/support/collector.sh"

SIZE=8 BATCHES=80

# Sends all of a host's batches as an agent does: where the frontier says, and
# again after whatever went wrong. Prints each status that a batch got.
ship() {
	local name=$1 end=$((SECONDS + 120)) next code cred
	cred=(--cert "$W/$name.crt" --key "$W/$name.key" --cacert "$S/ca.crt")
	while [ "$SECONDS" -lt "$end" ]; do
		next=$(curl -s -m 10 "${cred[@]}" "$A/v1/frontier" |
			jq -r '.next // empty' 2>/dev/null)
		if [ -z "$next" ]; then
			sleep 0.1
			continue
		fi
		[ "$next" = $((SIZE * BATCHES)) ] && return 0
		code=$(curl -s -m 10 "${cred[@]}" -o /dev/null \
			-w '%{http_code}' "$A/v1/batch" --data-binary \
			"@$W/$name.d/$(printf %05d $((next / SIZE)))")
		echo "$code"
	done
	return 1
}

collector_start
ok $? "the collector starts" || { tap_say "$(cat "$W/err")"; done_testing; }
for h in web db; do
	is "$(enrol "$h" "$("$bearer" token "$S")")" 200 "$h is enrolled"
	mkdir "$W/$h.d"
	"$bearer" batches "$W/$h.log" "$h.example-01" 1 "$SIZE" "$BATCHES" \
		"$W/$h.d"
	ship "$h" >"$W/$h.sent" &
	eval "$h=\$!"
done

# Twice each: who dies more often is started again ever later.
kills=0
for round in 1 2; do
	for who in store sign front; do
		sleep "0.$((RANDOM % 9 + 1))"
		until_true 20 pid_of "$who" >/dev/null
		kill -9 "$(pid_of "$who")" && kills=$((kills + 1))
	done
	tap_say "round $round: $(cat "$W/web.sent" "$W/db.sent" | wc -l) batches"
done
wait "$web"
ok $? "one host got rid of everything" || tap_say "$(tail -n 20 "$W/err")"
wait "$db"
ok $? "the other host, too"
is "$kills" 6 "six processes were ended meanwhile"
tap_say "$(sort "$W/web.sent" "$W/db.sent" | uniq -c | paste -sd';')"
none "$(grep -v '^\(200\|409\|503\|000\)$' "$W/web.sent" "$W/db.sent")" \
	"a host hears nothing but: done, go on there, or not now"

total=$((SIZE * BATCHES))
for h in web db; do
	id=$(cat "$W/$h.id")
	is "$(db "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) \
		FROM access WHERE agent_id='$id'")" \
		"$total|$total|0|$((total - 1))" "$h: each entry once"
	is "$(db "SELECT sum(count), count(*) FROM batch \
		WHERE agent_id='$id'")" "$total|$BATCHES" "$h: each batch once"
	is "$(as "$h" "$A/v1/frontier")" 200 "$h: its frontier"
	is "$(jq -r .receipt "$W/body" | sed -n 2p)" "$total" \
		"$h: the receipt covers all"
done
until_true 20 test "$(db 'SELECT count(*) FROM batch WHERE cosigned IS NULL')" = 0
ok $? "no batch waits for its receipt"
is "$(db 'SELECT count(*) FROM alarm')" 0 "no alarm was raised"
collector_stop

# The files are whole, and a fresh start goes on with them.
for f in store/collector.db store/log.db sign/heads.db; do
	is "$(sqlite3 "$S/$f" 'PRAGMA integrity_check')" ok "$f is whole"
done
collector_start
ok $? "the collector starts again"
is "$(as web "$A/v1/frontier")" 200 "and knows the host"
is "$(jq -c .next "$W/body")" "$total" "and where it is"
collector_stop
! grep -q 'Sanitizer\|failed:\|signal 31' "$W/err"
ok $? "no process ended by itself" || tap_say "$(cat "$W/err")"
done_testing
