#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# coverage - chaperone coverage over a log whose every second is known.
set -u
. "$SRC/tests/support/tap.sh"

command -v jq >/dev/null || skip_all "jq is needed"
dir=$(mktemp -d "${TMPDIR:-/tmp}/coverage-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mklog=$B/support/mklog
mkdir "$dir/record"
coverage() { "$BIN/chaperone" coverage --state "$dir" "$@"; }
tell() { "$mklog" tell "$dir/record"; }

"$mklog" new "$dir/record" 0 || exit 2
tell <<'EOF'
cov.start,600,role=watch,rules=abc,host=host-1
cov.beat,570,state=ok,files.events=100,files.scanned=7
cov.beat,540,state=ok,files.events=150,files.scanned=9
cov.loss,525,stage=files,reason=the queue ran over,lost=7,from_us=@526,to_us=@525
cov.loss,524,stage=files,reason=the queue ran over,lost=5,from_us=@525,to_us=@524
skipped,520,reason=encrypted
skipped,519,reason=encrypted
skipped,518,reason=too big
cov.beat,510,state=ok,files.events=170,files.scanned=9
cov.crash,500,role=watch,signal=9,from_us=@505,to_us=@500
cov.start,499,role=watch,rules=abc,host=host-1
cov.beat,470,state=ok,files.events=10,files.scanned=1
cov.beat,300,state=ok,files.events=25,files.scanned=1
cov.stop,290,role=watch,why=asked to stop
EOF
is "$?" 0 "a log with known seconds"

# ---- time ----
json=$(coverage --since 20m --json)
is "$?" 8 "what was not wholly observed exits with 8"
get() { printf '%s' "$json" | jq -c "$1"; }
is "$(get '[.seconds_observed, .seconds_degraded, .seconds_blind]')" \
	'[89,35,16]' "observed, degraded and blind seconds"
is "$(get '(.seconds - .seconds_observed - .seconds_degraded -
	.seconds_blind - .seconds_unknown) | . >= 0 and . <= 3')" true \
	"the rest is unknown"
is "$(get '[.spans[] | .state] | join(" ")')" '"unknown observed degraded '\
'degraded blind observed unknown blind unknown"' "spans in order"
is "$(get '[.spans as $s | range(1; $s | length) |
	select($s[.].from != $s[. - 1].to)] | length')" 0 \
	"each begins where the one before it ends"
is "$(get '.spans[2].why')" '"the queue ran over"' "a loss says why"
is "$(get '[.spans[3,6].why]')" '["what was not yet written was lost when the '\
'process died","its heartbeat was overdue"]' \
	"a death, and silence"
is "$(get .complete)" false "it is not complete"

# ---- counters ----
is "$(get '[.counters["files.events"], .counters["files.scanned"]]')" \
	'[195,10]' "counters go on where another process began"
is "$(get '[.host, .stored, .receipted]')" '["host-1",14,0]' "entries"
is "$(get '[.skipped[] | [.reason, .entries]]')" \
	'[["encrypted",2],["too big",1]]' "skips by reason"
is "$(get '[.losses[] | [.stage, .reason, .entries, .lost]]')" \
	'[["files","the queue ran over",2,12]]' "losses are summed"
json=$(coverage --since 555s --json)
is "$(get '.counters["files.events"]')" 95 \
	"what was counted before the time asked for is not counted in it"
is "$(get '[.spans[0].state, .stored]')" '["observed",12]' \
	"a time that begins in the middle"

# ---- for the eye ----
text=$(coverage --since 20m)
is "$(printf '%s\n' "$text" | awk 'length > 80' | wc -l)" 0 \
	"80 columns are enough"
is "$(printf '%s\n' "$text" | grep -c '%')" 10 \
	"a share of time beside every kind of count"
is "$(printf '%s\n' "$text" | sed -n 's/^  events that the kernel told *//p')" \
	195 "the same number"
is "$(printf '%s\n' "$text" | grep -c '100.00 %')" 0 "nothing is whole"

# ---- all of it ----
tell <<'EOF'
cov.start,200,role=watch,rules=abc,host=host-1
cov.beat,170,state=ok,files.events=2000000
cov.beat,140,state=ok
cov.beat,110,state=ok
cov.beat,80,state=ok
cov.beat,50,state=ok
cov.beat,20,state=ok
EOF
json=$(coverage --since 150s --json)
is "$? $(get '[.complete, .seconds_degraded, .seconds_blind]')" \
	'0 [true,0,0]' "a heartbeat that is not due yet is nobody's fault"
tell <<'EOF'
cov.start,19,role=watch,host=host-1
cov.beat,10,state=no rules
EOF
json=$(coverage --since 150s --json)
is "$? $(get '.spans[] | select(.state == "blind") | .why' | tail -n 1)" \
	'8 "it had no rules to look by"' "without rules nothing is observed"

# ---- generations and faults ----
"$mklog" renew "$dir/record"
tell <<'EOF'
cov.start,5,role=watch,rules=abc,host=host-1
EOF
json=$(coverage --since 20m --json)
is "$(get '[.stored, .counters["files.events"]]')" '[24,2000195]' \
	"generations are read one behind the other"
for bad in yesterday 10x 2200-01-01T00:00:00Z ''; do
	coverage --since "$bad" >/dev/null 2>&1
	is "$?" 2 "no time that is past: '$bad'"
done
coverage --nonsense >/dev/null 2>&1
is "$?" 2 "an unknown option"
"$BIN/chaperone" coverage --state "$dir/none" >/dev/null 2>&1
is "$?" 3 "no log"
done_testing
