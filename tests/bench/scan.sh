#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# scan - how fast `chaperone scan` looks into files, on one core.
#
# The corpus is made here and is the same everywhere. The peer is the loop that
# an administrator would write: GNU grep's PCRE2 over the same files with each
# shipped pattern in turn, without validators, containers or a jail.
set -u
dir=$(mktemp -d "$TMPDIR/scan.XXXXXX") || exit 1
mb=${BENCH_MB:-200}
mkdir "$dir/big" "$dir/small"
part=$((mb * 1000000 / 5))
for kind in source log csv json binary; do
	"$B/support/mkcorpus" "$kind" "$part" >"$dir/big/$kind" || exit 1
done
head -c 20000000 "$dir/big/source" | split -b 2000 -a 4 - "$dir/small/f"

# Processor time of the command and of all that it starts: with one inspector
# that is the time of one core, however busy the machine is.
TIMEFORMAT='%U %S'
# best N COMMAND…: microseconds of the cheapest of N runs.
best() {
	local n=$1
	shift
	while [ "$n" -gt 0 ]; do
		{ time "$@" >/dev/null 2>&1; } 2>&1
		n=$((n - 1))
	done | awk '{ t = ($1 + $2) * 1000000 }
		NR == 1 || t < least { least = t }
		END { printf "%d", least }'
}
figure() { awk -v n="$2" -v d="$3" -v name="$1" -v unit="$4" \
	'BEGIN { printf "%s %.1f %s\n", name, n / d, unit }'; }
scan() {
	"$BIN/chaperone" scan --json --jobs 1 --rules "$SRC/rules" "$@"
}
run() { best 3 scan "$@"; }

# What a run costs before it looks at a byte.
printf 'x\n' >"$dir/one"
start=$(run "$dir/one")
figure scan.start "$start" 1000 ms
total=0
for kind in source log csv json binary; do
	bytes=$(stat -c %s "$dir/big/$kind")
	t=$(run "$dir/big/$kind")
	total=$((total + t - start))
	figure "scan.$kind" "$bytes" $((t - start)) MB/s
done
bytes=$(cat "$dir"/big/* | wc -c)
ours=$((total + start))
figure scan.throughput "$bytes" "$total" MB/s
gzip -1 -c "$dir/big/log" >"$dir/log.gz"
t=$(run "$dir/log.gz")
figure scan.gzip "$(stat -c %s "$dir/big/log")" $((t - start)) MB/s
files=$(find "$dir/small" -type f | wc -l)
t=$(run "$dir/small")
figure scan.small_files $((files * 1000000)) $((t - start)) files/s

# The peer: as far as the patterns of the rules go.
patterns() {
	sed -n "s/^ *pattern: '\(.*\)'\$/\1/p" "$SRC"/rules/*.yaml |
		sed "s/''/'/g"
}
peer() {
	patterns | while IFS= read -r p; do
		LC_ALL=C grep -aPc -- "$p" "$dir"/big/*
	done
}
if printf 'a\n' | grep -qP a 2>/dev/null; then
	theirs=$(best 1 peer)
	figure scan.grep_loop "$bytes" "$theirs" MB/s
	figure scan.faster_than_grep_loop "$theirs" "$ours" times
else
	echo "# scan: no grep -P here to compare with"
fi
