#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# decode - what stands encoded in a file is found: each layer, layers in
# layers, under which name and at which place; three are looked into, and a
# fourth is told as a gap.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/decode-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
mkdir rules some
cat >rules/a.yaml <<'EOT'
pack: {id: t, version: 1.0.0, format: 1, decode: [base64, base64url, hex, percent, qp, gzip, zlib]}
detectors:
  - id: t.badge
    uuid: 7d0e7c0a-93f4-4a29-a4d3-0c5d4f7a1b03
    title: Badge
    class: pii.employee
    prefilter: {keywords: ["BDG-"]}
    primary: {pattern: 'BDG-\d{6}', boundary: alnum}
    levels:
      - {confidence: high, all: [{near: {keywords: [badge], before: 40}}]}
      - {confidence: low, all: []}
    mask: {keep_first: 3, keep_last: 0}
EOT
text='the badge BDG-123456 was lent for a day ?????'

b64() { base64 -w0; }
b64url() { base64 -w0 | tr '+/' '-_' | tr -d =; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
percent() { od -An -v -tx1 | tr -d '\n' | tr ' ' %; }
qp() { od -An -v -tx1 | tr -d '\n' | tr 'a-f ' 'A-F='; }
zlib() { python3 -c 'import sys, zlib
sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))'; }

# FILE: [layers, confidence, count] of each finding
found() {
	"$BIN/chaperone" scan --json --rules "${2:-rules}" "$1" 2>/dev/null |
		jq -c 'select(.findings) | .findings[] |
			[.decode // "", .confidence, .count]' | sort | paste -sd' '
}
# LAYER COMMAND: a file with that layer
layer() {
	{
		printf 'before it: '
		printf '%s' "$text" | $2
		printf ' and behind\n'
	} >one
	is "$(found one)" "[\"$1\",\"high\",1]" "$1"
}
layer base64 b64
layer base64 b64url
layer hex hex
layer percent percent
layer qp qp
gz64() { gzip -n | b64; }
z64() { zlib | b64; }
gzhex() { gzip -n | hex; }
layer "base64>gzip" gz64
layer "hex>gzip" gzhex
if command -v python3 >/dev/null; then
	layer "base64>zlib" z64
else
	pass "base64>zlib # SKIP no python3"
fi

# Where it stands: the bytes that encode it.
out=$("$BIN/chaperone" scan --json --rules rules one 2>/dev/null)
is "$(jq -c 'select(.findings) | .findings[0].spans[0] |
	.[0] >= 11 and .[1] <= '"$(($(stat -c %s one) - 12))" <<<"$out")" true \
	"its place is that of the encoded bytes"
is "$(grep -c '123456' <<<"$out")" 0 "and nothing of it is told"

# Layers in layers.
b2() { b64 | b64; }
b3() { b64 | b64 | b64; }
b4() { b64 | b64 | b64 | b64; }
gz3() { b64 | gzip -n | b64; }
gz2() { gzip -n | b64 | hex; }
layer "base64>base64" b2
layer "base64>base64>base64" b3
layer "base64>gzip>base64" gz3
layer "hex>base64>gzip" gz2
printf '%s' "$text" | b4 >deep
"$BIN/chaperone" scan --json --rules rules deep >out 2>/dev/null
is "$? $(jq -c 'select(.findings) | [.findings, [.skipped[]?.reason]]' out)" \
	'8 [[],["more stands encoded than is decoded"]]' "a fourth one is a gap"

# A file that is gzip is extraction's; what it holds encoded is decoded.
printf 'x %s\n' "$(printf '%s' "$text" | b64)" | gzip -n >file.gz
is "$(found file.gz)" '["base64","high",1]' "in a compressed file"

# A rule looks into the layers that it names alone.
sed 's/decode: .*}/decode: [base64]}/' rules/a.yaml >some/a.yaml
printf '%s' "$text" | hex >one
is "$(found one some)" "" "a layer that the rule does not name"
printf '%s' "$text" | b2 >one
is "$(found one some)" '["base64>base64","high",1]' "one that it names, twice"

# The same value plain and encoded is two places; escapes in place are one.
printf '%s and %s\n' "$text" "$(printf '%s' "$text" | b64)" >one
is "$(found one)" '["","high",1] ["base64","high",1]' "plain and encoded"
done_testing
