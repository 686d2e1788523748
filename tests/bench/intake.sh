#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# intake - entries per second that a collector takes in, each durable and with
# its receipt signed before the answer: by one host and by four at once, in
# batches of 512 entries (a backlog), of 64, and of one (a heartbeat).
set -u
. "$SRC/tests/support/tap.sh"
if [ "$(id -u)" != 0 ]; then
	echo "# intake: it takes root"
	exit 0
fi
. "$SRC/tests/support/collector.sh"

# prepare HOST SIZE COUNT: its batches, and what curl sends over one connection
prepare() {
	local h=$1 f
	[ "$(enrol "$h" "$("$bearer" token "$S")")" = 200 ] || return 1
	mkdir "$W/$h.d"
	"$bearer" batches "$W/$h.log" "$h.example-01" 1 "$2" "$3" "$W/$h.d" ||
		return 1
	for f in "$W/$h.d"/*; do
		printf '%s\n' "url = $A/v1/batch" "data-binary = @$f" \
			"output = /dev/null" 'write-out = "%{http_code}\n"' \
			"cert = $W/$h.crt" "key = $W/$h.key" \
			"cacert = $S/ca.crt" silent next
	done | sed '$d' >"$W/$h.curl"
}

# measure SIZE COUNT HOSTS
measure() {
	local hosts=() pids=() i h from to
	for i in $(seq "$3"); do
		h=h$1x$3x$i
		prepare "$h" "$1" "$2" || return 1
		hosts+=("$h")
	done
	from=$(date +%s%N)
	for h in "${hosts[@]}"; do
		curl -K "$W/$h.curl" >"$W/$h.codes" 2>/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	to=$(date +%s%N)
	for h in "${hosts[@]}"; do
		[ "$(grep -c '^200$' "$W/$h.codes")" = "$2" ] || return 1
	done
	printf 'intake.batch%d.hosts%d %d entries/s\n' "$1" "$3" \
		$(($1 * $2 * $3 * 1000000000 / (to - from)))
}

collector_start || exit 1
for hosts in 1 4; do
	measure 512 40 "$hosts" || exit 1
	measure 64 100 "$hosts" || exit 1
	measure 1 100 "$hosts" || exit 1
done
# What an entry costs on disk, of all that was sent.
collector_stop
printf 'intake.disk %d bytes/entry\n' $(($(cat "$S"/store/collector.db* | wc -c) / \
	$(db 'SELECT sum(count) FROM batch')))
