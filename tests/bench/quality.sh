#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# quality - how much of labelled examples the shipped rules find, how often
# they take a near miss for true, and how often clean text alarms them.
#
# A third of the examples, chosen by the digest of each, is held out: the rules
# are not tuned on it, and its figures stand beside those of the other part.
# It is no proof for unseen kinds: a set that writes one secret in many shapes
# has it in both parts (gitleaks'), and each rule has examples in both. All of
# stdnum_generated was the oracle of the validators. The clean text is what the
# markings were made quiet on.
# A near miss is one for its own rule; that another detector rightly finds
# something in it counts here, too, so those shares are upper bounds. The table
# by detector counts a near miss only for the detector that it is one for.
set -u
dir=$(mktemp -d "$TMPDIR/quality.XXXXXX") || exit 1
scan() { "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }

# ---- clean text: documentation and headers of this system ----
places=()
for p in /usr/share/doc /usr/include /usr/share/perl /usr/share/common-licenses; do
	[ -d "$p" ] && places+=("$p")
done
if [ "${#places[@]}" -gt 0 ]; then
	scan "${places[@]}" >"$dir/clean" 2>/dev/null
	bytes=$(jq -rs '[.[] | .bytes? // 0 | numbers] | add' "$dir/clean")
	[ "${bytes:-0}" -gt 0 ] ||
		bytes=$(find "${places[@]}" -type f -printf '%s\n' |
			awk '{ n += $1 } END { printf "%d", n }')
	for level in high medium low; do
		n=$(jq -r --arg l "$level" 'select(.path) | .findings[]? |
			select(.confidence == $l) | .detector' "$dir/clean" |
			wc -l)
		awk -v n="$n" -v b="$bytes" -v l="$level" 'BEGIN {
			printf "quality.alarms_%s %.3f /MB\n", l, n * 1e6 / b }'
		echo "# clean text, $level: $(jq -r --arg l "$level" \
			'select(.path) | .findings[]? |
			select(.confidence == $l) | .detector' "$dir/clean" |
			sort | uniq -c | sort -rn | head -n 8 |
			awk '{ printf "%s %d, ", $2, $1 }')"
	done
fi

# ---- labelled examples ----
data=${CHAPERONE_SHARED:-$SRC/../shared}/data/detect
[ -d "$data" ] || {
	echo "# quality: no labelled examples (CHAPERONE_SHARED)"
	exit 0
}
mkdir "$dir/in"
for f in "$data"/*.jsonl "$data"/*.jsonl.gz; do
	[ -e "$f" ] || continue
	set=$(basename "$f" .gz)
	zcat -f "$f" | jq -r --arg set "${set%.jsonl}" \
		'[$set, .rule, .label[0:4], (.text | @base64)] | @tsv'
done >"$dir/list"
n=0
while IFS=$'\t' read -r set rule label text; do
	n=$((n + 1))
	printf '%s' "$text" | base64 -d >"$dir/in/$n"
	printf '%s\t%s\t%s\t%s\n' "$n" "$set" "$rule" "$label"
done <"$dir/list" >"$dir/labels"
# Held out: the first byte of SHA-256 of the text is a multiple of three.
(cd "$dir/in" && find . -type f -print0 | xargs -0 sha256sum) |
	sed 's|^\(..\)[0-9a-f]* *\./|\1 |' |
	while read -r byte n; do
		[ $((16#$byte % 3)) = 0 ] && part=held || part=seen
		printf '%s %s\n' "$n" "$part"
	done >"$dir/parts"
scan "$dir/in" 2>/dev/null |
	jq -r '(.path // empty | split("/") | last) as $n | .findings[]? |
		"\($n) \(.confidence) \(.detector)"' >"$dir/hits"
awk -F'\t' -v hits="$dir/hits" -v parts="$dir/parts" '
	BEGIN {
		while ((getline line < hits) > 0) {
			split(line, a, " ")
			any[a[1]] = 1
			if (a[2] != "low") sure[a[1]] = 1
		}
		while ((getline line < parts) > 0) {
			split(line, a, " ")
			part[a[1]] = a[2]
		}
	}
	{
		k = $2 "_" part[$1] " " $4
		all[k]++
		found[k] += $1 in any
		surely[k] += $1 in sure
	}
	END {
		for (k in all) {
			split(k, a, " ")
			what = a[2] == "nega" ? "near_miss" : a[2] == "weak" ? \
				"weak" : "recall"
			printf "quality.%s.%s %.3f of_%d\n", a[1], what,
				found[k] / all[k], all[k]
			printf "quality.%s.%s_sure %.3f of_%d\n", a[1], what,
				surely[k] / all[k], all[k]
		}
	}' "$dir/labels" | sort

# ---- by detector: found of the true ones, and taken of the near misses ----
awk -F'\t' -v hits="$dir/hits" '
	BEGIN {
		while ((getline line < hits) > 0) {
			split(line, a, " ")
			of[a[1]] = of[a[1]] " " a[3]
		}
	}
	$4 == "posi" {
		# The detector that sees most of a rule is that rule'"'"'s own.
		m = split(of[$1], a, " ")
		rules[$3]++
		for (i = 1; i <= m; i++) seen[$3, a[i]]++
	}
	$4 == "nega" { misses[$3]++; m = split(of[$1], a, " ")
		for (i = 1; i <= m; i++) wrong[$3, a[i]]++ }
	END {
		for (k in seen) {
			split(k, a, SUBSEP)
			if (seen[k] > most[a[1]] + 0 && a[2] !~ /assignment/) {
				most[a[1]] = seen[k]
				own[a[1]] = a[2]
			}
		}
		for (r in rules) {
			if (!(r in own) || most[r] * 2 < rules[r]) continue
			d = own[r]
			pos[d] += rules[r]
			hit[d] += most[r]
			neg[d] += misses[r]
			bad[d] += wrong[r, d]
		}
		for (d in pos) {
			printf "# %-30s %4d of %4d true", d, hit[d], pos[d]
			printf ", %3d of %3d near misses\n", bad[d], neg[d]
		}
	}' "$dir/labels" | sort
