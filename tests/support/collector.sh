# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# collector - a real collector on free ports of the loopback, for tests in
# shell; sourced behind tap.sh, by root.
#
# Owns: the directory $W, and the collector whose pid is $collector; both are
# gone when the test ends. Words for tests: collector_start, collector_stop,
# pid_of, status, as, enrol, batch, send, db.

# The processes without privilege must get there.
W=$(mktemp -d) || exit 2
chmod 755 "$W"
S=$W/state
bearer=$B/support/bearer
collector=
trap 'collector_stop; rm -rf -- "$W"' EXIT

collector_stop() {
	[ -n "$collector" ] && kill "$collector" 2>/dev/null &&
		wait "$collector" 2>/dev/null
	collector=
}

# A port that nobody listens on now.
free_port() {
	local p
	while :; do
		p=$((20000 + RANDOM % 12000))
		(: <>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || break
	done
	echo "$p"
}
AP=$(free_port) PP=$(free_port)
A=https://127.0.0.1:$AP P=https://127.0.0.1:$PP

cat >"$W/collector.yaml" <<-END
	name: collector.test
	state: $S
	agents: 127.0.0.1:$AP
	people: 127.0.0.1:$PP
END

collector_start() {
	: >"$W/out"
	"$BIN/chaperone-collector" --config "$W/collector.yaml" \
		>"$W/out" 2>>"$W/err" &
	collector=$!
	until_true 20 grep -q "^agents" "$W/out"
}
# pid_of front|store|sign|report
pid_of() {
	pgrep -P "$collector" -x "chaperone-$1"
}
db() {
	sqlite3 -readonly "$S/store/collector.db" "$1"
}

# status ARGUMENTS OF CURL…: the status; the body is in $W/body.
status() {
	: >"$W/body"
	curl -s -o "$W/body" -w '%{http_code}' -m 20 --cacert "$S/ca.crt" "$@"
}
# as NAME ARGUMENTS…: the same with the certificate of NAME.
as() {
	local who=$1
	shift
	status --cert "$W/$who.crt" --key "$W/$who.key" "$@"
}
# enrol NAME TOKEN: NAME.key, NAME.crt, NAME.log, NAME.id; prints the status.
enrol() {
	local name=$1 csr vkey code
	csr=$("$bearer" csr "$W/$name.key" "$name.example") || return
	vkey=$("$bearer" log "$W/$name.log" "$name.example-01") || return
	jq -n --arg csr "$csr" --arg host "$name.example" --arg vkey "$vkey" \
		--arg token "${2%%.*}" '{$csr,$host,$token,$vkey}' \
		>"$W/$name.json"
	code=$(status "$A/v1/enrol" --data-binary @"$W/$name.json")
	if [ "$code" = 200 ]; then
		jq -r .certificate "$W/body" >"$W/$name.crt"
		jq -r .agent "$W/body" >"$W/$name.id"
	fi
	echo "$code"
}
# batch NAME FIRST COUNT [FORK_AT TURN]: makes $W/NAME.batch
batch() {
	"$bearer" batch "$W/$1.log" "$1.example-01" 1 "$2" "$3" \
		"${4:-1000000}" "${5:-0}" "$W/$1.batch"
}
# send NAME [BATCH]: NAME.batch, or another's
send() {
	as "$1" "$A/v1/batch" -H 'Content-Type: application/zstd' \
		--data-binary @"$W/${2:-$1}.batch"
}
