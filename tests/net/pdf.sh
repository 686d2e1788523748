#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pdf - documents as other programs make them: what was planted is found, and
# our words are those that another reader has. What cannot be read is told.
set -u
. "$SRC/tests/support/tap.sh"

for tool in rsvg-convert qpdf pdftotext mandoc; do
	command -v $tool >/dev/null || skip_all "no $tool here"
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/pdf-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/in"
scan() { timeout 60 "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }
found() { # FILE DETECTOR: in which member
	jq -r --arg f "$1" --arg d "$2" 'select(.path | endswith("/" + $f)) |
		.findings[] | select(.detector == $d) | .member' "$dir/out"
}

# cairo: subsets of fonts, codes that only their character maps explain.
cat >"$dir/page.svg" <<'END'
<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">
<g font-family="DejaVu Sans" font-size="14">
<text x="20" y="40">Visa card 4532 0151 1283 0366 exp 04/28</text>
<text x="20" y="80" font-weight="bold">паспорт 4509 235857 Иван Петров</text>
<text x="20" y="120">IBAN: DE89 3704 0044 0532 0130 00, affiché à Zürich</text>
<text x="20" y="160">write to <tspan font-style="italic">jane.roe@mail.example.org</tspan> today</text>
</g>
</svg>
END
cd "$dir/in" || exit 2
rsvg-convert -f pdf -o cairo.pdf "$dir/page.svg"
qpdf --object-streams=generate cairo.pdf packed.pdf
qpdf --qdf --object-streams=disable cairo.pdf plain.pdf
qpdf --linearize cairo.pdf linear.pdf
qpdf --empty --pages cairo.pdf cairo.pdf -- two.pdf
printf 'card 5200 8282 8282 8210\n' >note.txt
qpdf cairo.pdf --add-attachment note.txt -- attached.pdf
rm note.txt
# mandoc: the standard fonts, which tell no widths.
mandoc -Tpdf "$SRC/docs/man/chaperone.1" >manual.pdf 2>/dev/null
# What no table of objects leads to.
sed 's/startxref/startxxxx/' cairo.pdf >untabled.pdf
# In a container, where nothing can be sought.
gzip -c packed.pdf >packed.gz

scan "$dir/in" >"$dir/out"
is "$?" 1 "they are scanned"
for f in cairo packed plain linear untabled; do
	for d in pci.pan fin.iban pii.email ru.passport; do
		is "$(found $f.pdf $d)" "page 1" "$f: $d"
	done
done
is "$(found two.pdf pci.pan | paste -sd,)" "page 1,page 2" "each page"
is "$(found attached.pdf pci.pan | paste -sd,)" "page 1,note.txt" \
	"an attached file"
is "$(found packed.gz pci.pan)" "page 1" "within gzip"
is "$(jq -c 'select(.skipped != []) | .path' "$dir/out")" "" \
	"nothing is left out"
is "$(jq -r 'select(.path | endswith("/cairo.pdf")) | .type' "$dir/out")" \
	application/pdf "its type"

# Every word that poppler reads is one of ours, as often.
words() { tr -s '[:space:]' '\n' | grep -v '^$' | sort; }
for f in cairo packed two manual; do
	pdftotext -layout -enc UTF-8 $f.pdf - | words >"$dir/theirs"
	"$B/bench/extract" $f.pdf 2>/dev/null | words >"$dir/ours"
	all=$(wc -l <"$dir/theirs")
	missing=$(comm -23 "$dir/theirs" "$dir/ours" | wc -l)
	tap_say "$f: $((all - missing)) of $all words"
	[ "$all" -gt 20 ] && [ "$missing" = 0 ]
	ok $? "$f: every word of another reader's"
done

# ---- what cannot be read ----
mkdir "$dir/closed"
cd "$dir/closed" || exit 2
reason() { scan "$1" | jq -r '[.skipped[].reason] | unique | join(",")'; }
qpdf --encrypt user owner 256 -- "$dir/in/cairo.pdf" sealed.pdf
is "$(reason sealed.pdf)" encrypted "an encrypted document"
scan sealed.pdf >/dev/null
is "$?" 8 "and the exit says so"
cat >"$dir/scan.svg" <<'END'
<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60">
<image width="60" height="60" href="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="/>
</svg>
END
rsvg-convert -f pdf -o picture.pdf "$dir/scan.svg"
is "$(reason picture.pdf)" "pictures of text are not read" "a picture alone"
size=$(stat -c %s "$dir/in/cairo.pdf")
head -c $((size / 3)) "$dir/in/cairo.pdf" >cut.pdf
[ -n "$(reason cut.pdf)" ]
ok $? "a document that is cut"
done_testing
