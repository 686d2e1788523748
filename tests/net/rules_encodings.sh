#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_encodings - a list of terms is looked for in each encoding that it
# declares, and in no other, on bytes that no charset explains: a value of a
# binary file is known by the word before it.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/encodings-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT

# ENCODING: a pack whose list is in it alone.
pack() {
	mkdir -p "$dir/$1"
	cat >"$dir/$1/p.yaml" <<-END
		pack: {id: t, version: 1.0.0, format: 1}
		lists:
		  kw: {match: substring, encodings: [$1], terms: ["$2"]}
		detectors:
		  - id: t.number
		    uuid: 00000000-0000-4000-8000-000000000001
		    title: T
		    class: pii.t
		    prefilter: {keywords: ["K-"]}
		    primary: {pattern: 'K-\d{8}', boundary: alnum}
		    levels:
		      - {confidence: high, all: [{near: {list: kw, before: 20, after: 0}}]}
		      - {confidence: low, all: []}
	END
}
# Bytes that are no text, and tell no charset: records with NULs between.
noise() {
	for i in $(seq 200); do
		printf '\x7f\x01\x00\x00\xff\xfe\x00%d\x00\x00\x03\xc3\x28\x00' "$i"
	done
}
# ICONV'S NAME, TERM
binary() {
	noise
	printf '%s' "$2" | iconv -f UTF-8 -t "$1"
	printf ':K-12345678\x00\x00'
	noise
}
level() {
	"$BIN/chaperone" scan --json --rules "$1" "$2" 2>/dev/null |
		jq -r '.findings[] | .confidence' | sort -u
}

# ENCODING, ICONV'S NAME, TERM
rows='utf-8 UTF-8 身份证
utf-16le UTF-16LE 身份证
utf-16be UTF-16BE 身份证
gb18030 GB18030 身份证
big5 BIG5 身分證
shift_jis SHIFT-JIS 番号
euc-kr EUC-KR 주민번호'
while read -r encoding charset term; do
	pack "$encoding" "$term"
	binary "$charset" "$term" >"$dir/$encoding.bin"
done <<<"$rows"
while read -r encoding charset term; do
	is "$(level "$dir/$encoding" "$dir/$encoding.bin")" high \
		"$term in $encoding"
	other=utf-8
	[ $encoding = utf-8 ] && other=gb18030
	is "$(level "$dir/$encoding" "$dir/$other.bin")" low \
		"and not in $other"
done <<<"$rows"

# Both orders by one name.
pack utf-16 身份证
is "$(level "$dir/utf-16" "$dir/utf-16le.bin") $(level "$dir/utf-16" "$dir/utf-16be.bin")" \
	"high high" "utf-16 is either order"

# Digits of twice the width, as forms of East Asia have them, by the shipped
# rules: whatever the charset of the text is.
jp='お客様のご利用ありがとうございます。カード番号は４５３２ ０１５１ １２８３ ０３６６です。これは日本語の文章であり、文字コードの判定に十分な長さがあります。'
cn='尊敬的客户您好，您的身份证号码是１１０１０５１９４９１２３１００２X，请核对以下信息。这是一段足够长的中文文本，用来判断字符编码。'
while read -r language charset wanted; do
	printf '%s\n' "${!language}" | iconv -f UTF-8 -t "$charset" >"$dir/wide"
	is "$("$BIN/chaperone" scan --json --rules "$SRC/rules" "$dir/wide" \
		2>/dev/null | jq -r 'select(.findings) | .findings[] |
		[.detector, .confidence] | join(" ")')" "$wanted high" \
		"$wanted with wide digits in $charset"
done <<'EOT'
jp UTF-8 pci.pan
jp SHIFT-JIS pci.pan
jp EUC-JP pci.pan
jp UTF-16LE pci.pan
cn UTF-8 cn.resident_id
cn GB18030 cn.resident_id
cn UTF-16 cn.resident_id
EOT
done_testing
