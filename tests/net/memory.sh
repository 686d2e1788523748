#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# memory - how much an inspector grows with all shipped packs: 64 MiB, whatever
# the file. The kernel keeps the peak of the largest process of a scan.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/memory-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
card='card 4532 0151 1283 0366 exp 04/28'

# within NAME FILE: it is scanned to an end, and in 64 MiB.
within() {
	local code

	timeout 100 "$B/support/peak" kib "$BIN/chaperone" scan --json \
		--jobs 1 --rules "$SRC/rules" "$2" >out
	code=$?
	is "$(jq -r .path out)/$((code == 0 || code == 1 || code == 8))" \
		"$2/1" "$1: scanned to an end"
	is "$(jq -r '.skipped[].reason' out | grep -c crash)" 0 \
		"$1: no process died"
	[ "${SAN:-0}" != 0 ] || {
		[ "$(cat kib)" -le 65536 ]
		ok $? "$1: in 64 MiB" || tap_say "$(cat kib) KiB"
	}
}

# Words that repeat somewhat, so that a model or dictionary fills up.
awk 'BEGIN { srand(1)
	for (i = 0; i < 3000; i++) w[i] = sprintf("%x", rand() * 2 ^ 31)
	for (i = 0; i < 400000; i++) { line = ""
		for (k = 0; k < 6; k++) line = line w[int(rand() * 3000)] " "
		print line } }' >words
within "text of 20 MB" words
if command -v 7z >/dev/null; then
	7z a -bd -m0=PPMd:mem=64m:o=16 ppmd.7z words >/dev/null
	within "7z, PPMd of 64 MiB" ppmd.7z
	[ "${SAN:-0}" != 0 ] || is "$(jq -r '.skipped[].reason' out)" \
		"over the budget of memory" "and what is left is told"
else
	skip "7z, PPMd of 64 MiB" "7z is not installed"
fi
xz -c -T1 --lzma2=preset=0,dict=64MiB words >words.xz
within "xz, a dictionary of 64 MiB" words.xz
rm -f words*

awk 'BEGIN { for (i = 0; i < 100000; i++)
	printf "u%d@mail%d.example.org %d\n", i, i % 977, i }' >different
within "100,000 different values" different
awk 'BEGIN { for (i = 0; i < 120000; i++)
	printf "From a@b Thu Jan  1 00:00:00 2026\nFrom: a@b\nTo: c@d\n" \
	    "Subject: %d\nContent-Type: text/plain\n\n%0300d\n\n", i, i }' >mbox
within "an mbox of 47 MB" mbox
rm -f mbox
printf '%s\n' "$card" >n
for _ in {1..40}; do
	tar -cf n.tar n && gzip -c n.tar >n
done
within "forty archives in each other" n
head -c 20000000 /dev/zero | tr '\0' '[' >brackets
within "20 MB of open brackets" brackets
done_testing
