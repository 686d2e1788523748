#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# columns - the name of a column decides what its numbers are, from the first
# row of a file to its last.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/columns-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT

# Prints @1 rows "number,x,number" of numbers with a good check digit (Luhn);
# the number is in column @2 of 2.
rows() {
	awk -v n="$1" -v at="$2" 'BEGIN {
		for (i = 1; i <= n; i++) {
			v = sprintf("4532%011d", (i * 7919 + 104729) * 1013)
			t = 0
			for (k = 1; k <= 15; k++) {
				d = substr(v, k, 1) * (k % 2 == 1 ? 2 : 1)
				t += d > 9 ? d - 9 : d
			}
			v = v (10 - t % 10) % 10
			print at == 1 ? v ",x" : "x," v
		}
	}'
}
scan() { "$BIN/chaperone" scan --rules "$SRC/rules" --json "$@" 2>"$dir/err"; }
count() { jq "[.findings[] | select(.confidence == \"$1\" and
	.detector == \"pci.pan\") | .count] | add // 0"; }

{ echo "order_id,what"; rows 45 1; } >"$dir/orders.csv"
out=$(scan "$dir/orders.csv")
is "$(jq '[.findings[] | select(.confidence == "high")] | length' <<<"$out")" 0 \
	"no number of a column of orders is high"
is "$(count low <<<"$out")" 45 "all of them are told, as low"
{ echo "what,card_number"; rows 45 2; } >"$dir/cards.csv"
is "$(scan "$dir/cards.csv" | count high)" 45 "in a column of cards they are"
{ echo "card_number,order_id"; rows 45 2; } >"$dir/both.csv"
is "$(scan "$dir/both.csv" | count high)" 0 "beside a column of cards, too"

# Farther behind than any text around a match is looked at.
{
	printf 'what;"the order; id"\r\n'
	yes 'some words;"more, ""quoted""
on two lines"' | head -n 60000
	rows 3 2 | tr , ';'
} >"$dir/long.csv"
is "$(scan "$dir/long.csv" | count low)" 3 "the first line counts for the last"

printf '{"tracking_number": ["a", "%s"], "card": 1}\n' \
	"$(rows 1 1 | cut -d, -f1)" >"$dir/one.json"
is "$(scan "$dir/one.json" | count high)" 0 "a key of JSON is one, too"

"$BIN/chaperone" rules explain --rules "$SRC/rules" "$dir/both.csv" |
	grep -q 'yes evidence .* header list:kw_other_column'
ok $? "explain tells of the column"
done_testing
