#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mixed - how fast half a gigabyte of mixed files is looked at, and how fast
# others look for the same patterns in it, on one core.
#
# The corpus: what tests/support/mkcorpus.c makes (source, logs, tables, JSON,
# binaries), files of the system that runs this, and archives of both. It is the
# same everywhere but for the system's files. `chaperone scan` sees all of it;
# the others take seconds for a megabyte, so they see a sample: the same mix,
# without the archives, which they do not open.
#
# The others get the shipped patterns as far as they can read them. They look
# for patterns alone: no validator, no evidence, no charset, no jail. What is
# not installed is left out with a word; BENCH_PEERS=install makes `make bench`
# install it. BENCH_MB is the size of the corpus, BENCH_SAMPLE of the sample.
#
# Everyone takes a turn in each round. The figure is processor time, of the
# middle round.
set -u
mb=${BENCH_MB:-520} sample=${BENCH_SAMPLE:-16} rounds=${BENCH_ROUNDS:-3}
dir=$(mktemp -d "$TMPDIR/mixed.XXXXXX") || exit 1
mkdir "$dir/all" "$dir/sample" "$dir/times"
say() { printf '# mixed: %s\n' "$*"; }

# system BYTES DIRECTORY: that many bytes of the system's files, each N-th in
# the order of their names.
system() {
	local left=$1 to=$2 n=0 size path
	mkdir -p "$to"
	while read -r size path && [ "$left" -gt 0 ]; do
		n=$((n + 1))
		cp -- "$path" "$to/$n" 2>/dev/null && left=$((left - size))
	done < <(find /usr/include /usr/share /usr/lib -xdev -type f \
		-size +1k -size -4096k -printf '%s %p\n' 2>/dev/null |
		LC_ALL=C sort -k 2 | awk -v every="$3" 'NR % every == 0')
}

# Four parts in ten are made, four the system's, two archives of the like.
part=$((mb * 80000))
for kind in source log csv json binary; do
	"$B/support/mkcorpus" $kind $part >"$dir/all/$kind" || exit 1
	"$B/support/mkcorpus" $kind $((sample * 100000)) 2 \
		>"$dir/sample/$kind" || exit 1
done
system $((mb * 400000)) "$dir/all/system" 7
system $((sample * 500000)) "$dir/sample/system" 701
mkdir "$dir/raw"
for kind in source log csv json binary; do
	"$B/support/mkcorpus" $kind $((mb * 40000)) 3 >"$dir/raw/$kind" || exit 1
done
tar -C "$dir/raw" -czf "$dir/all/made.tar.gz" .
tar -C "$dir/all/system" -cf "$dir/all/system.tar" .
command -v zip >/dev/null && (cd "$dir/raw" && zip -q1 "$dir/all/made.zip" ./*)
command -v zstd >/dev/null && zstd -q "$dir/raw/log" -o "$dir/all/log.zst"
rm -rf "$dir/raw"
all=$(find "$dir/all" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
some=$(find "$dir/sample" -type f -printf '%s\n' |
	awk '{ n += $1 } END { print n }')
say "$((all / 1000000)) MB in $(find "$dir/all" -type f | wc -l) files;" \
	"the sample is $((some / 1000000)) MB"

# ---- the engines ----
patterns() {
	sed -n "s/^ *pattern: '\(.*\)'\$/\1/p" "$SRC"/rules/*.yaml |
		sed "s/''/'/g"
}
patterns >"$dir/patterns"
npatterns=$(wc -l <"$dir/patterns")
# PCRE2 takes no expression that is 64 KiB when compiled: forty at once. In one
# expression no name may come twice.
sed -E 's/\(\?P<[a-z_]*>/(/g' "$dir/patterns" | split -l 40 - "$dir/nameless."
ours() {
	"$BIN/chaperone" scan --json --jobs 1 --rules "$SRC/rules" "$@"
}
ours_all() { ours "$dir/all"; }
ours_start() { ours "$dir/empty"; }
grep_loop() {
	local p
	while IFS= read -r p; do
		find "$dir/sample" -type f -print0 |
			LC_ALL=C xargs -0 grep -aPc -- "$p"
	done <"$dir/patterns"
}
rg_all() {
	local f
	for f in "$dir"/nameless.*; do
		rg -j1 -P --no-unicode -a -c -u -f "$f" "$dir/sample"
	done
}
yara_all() { yara -p 1 -w -r -C "$dir/rules.yarc" "$dir/sample"; }
: >"$dir/empty"

# A pattern as YARA reads it: no names of groups, a flag for all of it or none.
yara_rule() {
	local flags='' p=$2
	[[ $p == *'(?i:'* ]] && flags=i
	p=$(sed -E 's,\(\?P<[a-z_]*>|\(\?[is]*:,(,g; s,/,\\/,g; s,\\\\/,\\/,g' \
		<<<"$p")
	# shellcheck disable=SC2016 # YARA's names
	printf 'rule r%s { strings: $a = /%s/%s condition: $a }\n' \
		"$1" "$p" "$flags"
}
turns=(ours_all ours_start)
if printf 'a\n' | grep -qP a 2>/dev/null; then
	turns+=(grep_loop)
else
	say "no grep -P here to compare with"
fi
# rg_reads: 1 is that it found nothing, 2 a pattern that it cannot read.
rg_reads() {
	local f
	for f in "$dir"/nameless.*; do
		rg -P --no-unicode -f "$f" "$dir/empty" >/dev/null 2>&1
		[ $? = 1 ] || return 1
	done
}
if command -v rg >/dev/null && rg_reads; then
	turns+=(rg_all)
else
	say "no ripgrep here that reads these patterns"
fi
if command -v yara >/dev/null && command -v yarac >/dev/null; then
	n=0
	: >"$dir/rules.yar"
	while IFS= read -r p; do
		n=$((n + 1))
		yara_rule $n "$p" >"$dir/one.yar"
		yarac -w "$dir/one.yar" "$dir/one.yarc" >/dev/null 2>&1 &&
			cat "$dir/one.yar" >>"$dir/rules.yar"
	done <"$dir/patterns"
	yarac -w "$dir/rules.yar" "$dir/rules.yarc" >/dev/null 2>&1 &&
		turns+=(yara_all)
	say "YARA reads $(wc -l <"$dir/rules.yar") of $npatterns patterns"
else
	say "no YARA here to compare with"
fi

TIMEFORMAT='%U %S'
for ((k = 0; k < rounds; k++)); do
	for t in "${turns[@]}"; do
		# A loop of minutes is not needed so exactly.
		[ $k -gt 0 ] && [ "$t" = grep_loop ] && continue
		{ time "$t" >"$dir/out.$t" 2>/dev/null; } 2>>"$dir/times/$t"
	done
done
# middle TURN: microseconds.
middle() {
	awk '{ printf "%d\n", ($1 + $2) * 1000000 }' "$dir/times/$1" |
		sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}
rows=
# row NAME FIGURE BYTES MICROSECONDS
row() {
	local rate times
	rate=$(awk -v b="$3" -v t="$4" 'BEGIN { printf "%.1f", b / t }')
	printf 'mixed.%s %s MB/s\n' "$2" "$rate"
	[ "$2" = throughput ] && first=$rate
	times=$(awk -v a="$first" -v b="$rate" 'BEGIN { printf "%.1f", a / b }')
	[ "$2" = throughput ] ||
		printf 'mixed.faster_than_%s %s times\n' "$2" "$times"
	rows+=$(printf '| %-46s | %8s | %6s |' "$1" "$rate" "$times")$'\n'
}
start=$(middle ours_start)
row "chaperone scan, all of it" throughput "$all" $(($(middle ours_all) - start))
for t in "${turns[@]:2}"; do
	case $t in
	grep_loop) name="grep -P for each pattern" ;;
	rg_all) name="ripgrep -P, forty patterns at once" ;;
	*) name="YARA, all rules that it reads" ;;
	esac
	row "$name (sample)" "$t" "$some" "$(middle "$t")"
done
jq -r '.skipped[] | "\(.reason): \(.bytes)"' "$dir/out.ours_all" |
	awk -F': ' '{ n[$1]++; b[$1] += $2 } END { for (r in n)
		printf "# mixed: not examined: %s (%d, %d bytes)\n", r, n[r], b[r] }'
say "| what | MB/s | ours as a multiple |"
printf '%s' "$rows" | sed 's/^/# mixed: /'

# ---- in memory ----
# The same code validates and counts; what differs is how candidates are found.
find "$dir/sample/system" -type f -print0 | xargs -0 cat >"$dir/sample/files"
"$B/bench/detect" "$SRC/rules" "$dir"/sample/{source,log,csv,json,binary,files} |
	sed -nE 's/^detect\.(layers|keywords|one_database|pcre2|faster_than)/mixed.memory.\1/p'
