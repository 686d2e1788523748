#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# start - what `chaperone scan` costs before it looks at the first byte.
#
# Processor time of the command and of what it starts, over a file of two
# bytes: with nothing kept ("cold"), and with what an earlier start compiled
# ("warm"). All take turns; the middle one of each counts.
#
# Peers: YARA, with one rule for each shipped pattern that its language takes,
# and gitleaks with its own rules. Both compile at each start.
set -u
dir=$(mktemp -d "$TMPDIR/start.XXXXXX") || exit 1
rounds=${BENCH_ROUNDS:-21}
printf 'x\n' >"$dir/one"
export XDG_CACHE_HOME=$dir/cache
TIMEFORMAT='%U %S'
# cost COMMAND…: milliseconds.
cost() {
	{ time "$@" >/dev/null 2>&1; } 2>&1 |
		awk '{ printf "%d\n", ($1 + $2) * 1000 + 0.5 }'
}
median() { sort -n "$1" | awk '{ v[NR] = $1 }
	END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" -v name="$3" \
	'BEGIN { printf "%s %.2f ratio\n", name, a / (b > 0 ? b : 1) }'; }
scan() {
	"$BIN/chaperone" scan --json --jobs 1 --rules "$SRC/rules" "$dir/one"
}

peers=()
peer_yara() { yara -w "$dir/all.yar" "$dir/one"; }
peer_gitleaks() { gitleaks detect --no-git --source "$dir/one"; }
if command -v yarac >/dev/null && command -v yara >/dev/null; then
	n=0
	while IFS= read -r p; do
		printf 'rule r%d { strings: $a = /%s/ condition: $a }\n' "$n" \
			"${p//\//\\/}" >"$dir/r.yar"
		yarac -w "$dir/r.yar" "$dir/r.out" >/dev/null 2>&1 || continue
		cat "$dir/r.yar" >>"$dir/all.yar"
		n=$((n + 1))
	done < <(sed -n "s/^ *pattern: '\(.*\)'\$/\1/p" "$SRC"/rules/*.yaml |
		sed "s/''/'/g")
	echo "# start: yara takes $n of our patterns"
	[ "$n" -gt 0 ] && peers+=(yara)
else
	echo "# start: no yara here to compare with"
fi
if command -v gitleaks >/dev/null; then
	peers+=(gitleaks)
else
	echo "# start: no gitleaks here to compare with"
fi

for ((i = 0; i < rounds; i++)); do
	rm -rf "$XDG_CACHE_HOME"
	cost scan >>"$dir/cold"
	cost scan >>"$dir/warm"
	for p in "${peers[@]}"; do
		cost "peer_$p" >>"$dir/$p"
	done
done
cold=$(median "$dir/cold")
warm=$(median "$dir/warm")
echo "start.cold $cold ms"
echo "start.warm $warm ms"
ratio "$warm" "$cold" start.warm_to_cold
for p in "${peers[@]}"; do
	theirs=$(median "$dir/$p")
	echo "start.$p $theirs ms"
	ratio "$warm" "$theirs" "start.warm_to_$p"
done
