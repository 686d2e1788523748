#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# detect - how fast the shipped rules are matched in memory, on one core.
#
# The corpus is made here, and is the same everywhere. tests/bench/detect.c
# lets our layers and other ways to look for the same rules take turns over
# the same bytes, checks that all find the same, and prints ratios; then text
# that is made to be slow, and what more rules cost.
set -u
dir=$(mktemp -d "$TMPDIR/detect.XXXXXX") || exit 1
kb=${BENCH_KB:-4000}
for kind in source log csv json binary; do
	"$B/support/mkcorpus" "$kind" $((kb * 200)) >"$dir/$kind" || exit 1
done
start=$(date +%s%N)
"$BIN/chaperone" rules list --json "$SRC/rules" >/dev/null
end=$(date +%s%N)
awk -v n=$((end - start)) \
	'BEGIN { printf "detect.load %.0f ms\n", n / 1000000 }'
"$B/bench/detect" "$SRC/rules" "$dir"/source "$dir"/log "$dir"/csv \
	"$dir"/json "$dir"/binary
