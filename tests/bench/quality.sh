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
#
# What counts as found: where the set tells the value's place, a finding that
# overlaps it; elsewhere a finding of the set's kind (in a set of secrets only
# secrets count, in a set of numbers everything but secrets). A near miss is
# taken if there is any such finding in it. Three figures of it:
#   near_miss           of any level
#   near_miss_sure      medium or high: what alarms somebody
#   near_miss_unclaimed medium or high, of those whose value no example of the
#                       same sets names as another rule's true one. A near miss
#                       is one for its own rule only (a Cloudflare key of
#                       another sort, a Slack token of another sort).
# The aim (0.08) is held against the last one: finding somebody else's secret
# is right. The first two are its upper bounds.
set -u
dir=$(mktemp -d "$TMPDIR/quality.XXXXXX") || exit 1
scan() { "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }

# ---- clean text: documentation, sources and logs of this system ----
alarms() { # NAME PLACE...
	local name=$1 bytes level n
	shift
	scan "$@" >"$dir/clean" 2>/dev/null
	bytes=$(jq -rs '[.[] | .examined? // 0 | numbers] | add // 0' \
		"$dir/clean")
	[ "$bytes" -gt 0 ] || return 0
	for level in high medium low; do
		n=$(jq -r --arg l "$level" 'select(.path) | .findings[]? |
			select(.confidence == $l) | .detector' "$dir/clean" |
			wc -l)
		awk -v n="$n" -v b="$bytes" -v l="$level" -v p="$name" 'BEGIN {
			printf "quality.alarms_%s_%s %.3f /MB of_%.1f_MB\n",
			    p, l, n * 1e6 / b, b / 1e6 }'
		echo "# clean $name, $level: $(jq -r --arg l "$level" \
			'select(.path) | .findings[]? |
			select(.confidence == $l) | .detector' "$dir/clean" |
			sort | uniq -c | sort -rn | head -n 8 |
			awk '{ printf "%s %d, ", $2, $1 }')"
	done
}
# NAME PLACE...: those places that this system has.
alarms_in() {
	local name=$1 p
	local -a there=()
	shift
	for p in "$@"; do
		[ -d "$p" ] && there+=("$p")
	done
	[ "${#there[@]}" -gt 0 ] && alarms "$name" "${there[@]}"
}
man=/usr/share/man
alarms_in source /usr/include /usr/share/perl
alarms_in log /var/log
alarms_in man_de_fr_es "$man/de" "$man/fr" "$man/es"
alarms_in man_ja_ko_zh "$man/ja" "$man/ko" "$man/zh_CN" "$man/zh_TW"
alarms_in all /usr/share/doc /usr/include /usr/share/perl \
	/usr/share/common-licenses "$man/man1" "$man/man5" "$man/man8"

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
# A line of each example: number, set, rule, label, kind, the value's places in
# bytes, and the longest run of its text without blanks and quotes.
for f in "$data"/*.jsonl "$data"/*.jsonl.gz; do
	[ -e "$f" ] || continue
	set=$(basename "$f" .gz)
	zcat -f "$f" | jq -c --arg set "${set%.jsonl}" '. as $e |
		{set: $set, rule, label: .label[0:4], text,
		places: [(.spans // [])[] | [($e.text[0:.[0]] | utf8bytelength),
			($e.text[0:.[1]] | utf8bytelength)]],
		secret: ($set == "gitleaks" or $set == "noseyparker"),
		run: ([.text | splits("[^A-Za-z0-9+/_.=~-]+")] |
			max_by(length) // "")}'
done >"$dir/examples"
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
		printf '{"n": %s, "part": "%s"}\n' "$n" "$part"
	done >"$dir/parts"
scan "$dir/in" >"$dir/scanned" 2>/dev/null
jq -r '(.path // empty | split("/") | last) as $n | .findings[]? |
	"\($n) \(.confidence) \(.detector)"' "$dir/scanned" >"$dir/hits"
jq -nr --slurpfile examples "$dir/examples" --slurpfile parts "$dir/parts" \
	--slurpfile scanned "$dir/scanned" '
	def overlaps($a; $b): any($a[]; . as $x |
		any($b[]; .[0] < $x[1] and $x[0] < .[1]));
	($parts | map({key: "\(.n)", value: .part}) | from_entries) as $part |
	($scanned | map(select(.path)) | map({key: (.path | split("/") | last),
		value: .findings}) | from_entries) as $found |
	([$examples[] | select(.label == "posi" and .secret) | .text] |
		join("\n")) as $true |
	$examples | to_entries[] | (.key + 1 | tostring) as $n | .value as $e |
	[($found[$n] // [])[] |
		select((.detector | test("^(secret|cloud|marking|ip)\\.")) ==
			$e.secret) |
		select($e.label == "nega" or ($e.places | length) == 0 or
			(.member // "") != "" or
			overlaps(.spans // []; $e.places))] as $f |
	[$e.set, $part[$n], $e.label, ($f | length > 0),
		any($f[]; .confidence != "low"),
		($e.label == "nega" and $e.secret and ($e.run | length) >= 12 and
			($e.run as $r | $true | contains($r)))] |
	map(tostring) | join(" ")' >"$dir/judged"
awk '
	{
		what = $3 == "nega" ? "near_miss" : $3 == "weak" ? "weak" : \
			"recall"
		k = $1 "_" $2 "." what
		all[k]++
		found[k] += $4 == "true"
		surely[k] += $5 == "true"
		if (what == "near_miss" && $6 != "true") {
			own[k]++
			ownsure[k] += $5 == "true"
		}
	}
	END {
		for (k in all) {
			printf "quality.%s %.3f of_%d\n", k, found[k] / all[k],
				all[k]
			printf "quality.%s_sure %.3f of_%d\n", k,
				surely[k] / all[k], all[k]
			if (own[k] > 0)
				printf "quality.%s_unclaimed %.3f of_%d\n", k,
					ownsure[k] / own[k], own[k]
		}
	}' "$dir/judged" | sort

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
