#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containers - one text with a true value of every shipped detector, in every
# container and charset: what is found where is printed as a table, and 98 of a
# hundred must be found. What cannot be looked into is told.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/containers-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/in" "$dir/t"
scan() { timeout 150 "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }

# In latin1, too; the accents make the charsets differ.
cat >"$dir/text" <<'END'
STRICTLY CONFIDENTIAL - société générale, Zürich
card 4532 0151 1283 0366 exp 04/28
IBAN: DE89 3704 0044 0532 0130 00
resident identity card 11010519491231002X
SSN: 536-90-4399
write to jane.roe@mail.example.org today
CPF: 529.982.247-25
aws_access_key_id = AKIAQ3EGU7PXLDYVN5WK
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
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFLJIIExogMZK66FasCob6/Ek0/fXNuWGFQueoQHU3M6
-----END PRIVATE KEY-----
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzYW1wbGUifQ.dGhpcy1pcy1hLXNhbXBsZQ
db_password = 'q7Wz-4kLm_92Tx8b'
END
detectors='marking.confidential pci.pan fin.iban cn.resident_id us.ssn pii.email br.cpf
secret.aws_access_key secret.github_pat secret.private_key_pem secret.jwt
secret.generic_assignment'

# The charsets: NAME, and how the text gets there.
encode() {
	case $1 in
	utf8) cat ;;
	utf8-mark) printf '\xef\xbb\xbf' && cat ;;
	utf16le) iconv -t UTF-16LE ;;
	utf16le-mark) printf '\xff\xfe' && iconv -t UTF-16LE ;;
	utf16be) iconv -t UTF-16BE ;;
	utf16be-mark) printf '\xfe\xff' && iconv -t UTF-16BE ;;
	latin1) iconv -t ISO-8859-1 ;;
	esac
}
CHARSETS='utf8 utf8-mark utf16le utf16le-mark utf16be utf16be-mark latin1'

# A container of the file "t" in the current directory, on standard output.
make_plain() { cat t; }
make_gz() { gzip -c t; }
make_zip() { zip -q - t; }
make_tar() { tar -cf - t; }
make_tgz() { tar -czf - t; }
make_bz2() { bzip2 -c t; }
make_xz() { xz -c t; }
make_zst() { zstd -qc t; }
make_7z() { 7z a -bd x.7z t >/dev/null && cat x.7z; }
make_cpio() { printf 't\n' | cpio -o -H newc --quiet; }
make_iso() { genisoimage -quiet -R -J t; }
make_ar() { ar rc x.a t && cat x.a; }
make_deep() {
	make_7z >a.7z && zip -q a.zip a.7z && tar -cjf - a.zip
}
# Documents: each line in two runs, as a word processor leaves it. Their XML is
# in the charset.
lines() { # BEFORE BETWEEN BEHIND
	sed -E "s|^(.{0,9})(.*)\$|$1\\1$2\\2$3|" "$dir/text"
}
OOXML=http://schemas.openxmlformats.org
make_docx() {
	mkdir word
	{
		echo "<w:document xmlns:w='$OOXML/wordprocessingml/2006/main'>"
		lines '<w:p><w:r><w:t>' '</w:t></w:r><w:r w:rsidR="00A77B3E"><w:rPr><w:b/></w:rPr><w:t>' '</w:t></w:r></w:p>'
		echo '</w:document>'
	} | encode "$charset" >word/document.xml
	zip -qr - word
}
make_xlsx() {
	mkdir xl
	{
		echo "<sst xmlns='$OOXML/spreadsheetml/2006/main'>"
		lines '<si><r><t>' '</t></r><r><rPr><b/></rPr><t>' '</t></r></si>'
		echo '</sst>'
	} | encode "$charset" >xl/sharedStrings.xml
	zip -qr - xl
}
make_pptx() {
	mkdir -p ppt/slides
	{
		echo "<p:sld xmlns:a='$OOXML/drawingml/2006/main'>"
		lines '<a:p><a:r><a:t>' '</a:t></a:r><a:r><a:t>' '</a:t></a:r></a:p>'
		echo '</p:sld>'
	} | encode "$charset" >ppt/slides/slide1.xml
	zip -qr - ppt
}
make_odt() {
	{
		echo "<o:d xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0'>"
		lines '<text:p>' '<text:span text:style-name="T1">' '</text:span></text:p>'
		echo '</o:d>'
	} | encode "$charset" >content.xml
	zip -q - content.xml
}
make_html() {
	{
		echo '<!DOCTYPE html><html><body>'
		lines '<p>' '<b class="x">' '</b></p>' | sed 's/@/\&#64;/'
		echo '</body></html>'
	} | encode "$charset"
}
make_rtf() {
	{
		echo '{\rtf1\ansi\deff0{\fonttbl{\f0 Courier;}}'
		lines '' '{\\b ' '}\\par'
		echo '}'
	} | encode "$charset"
}
# Mail: the text as a part in each encoding, and as an attachment.
mail_head() { # CONTENT-TYPE
	printf '%s\r\n' 'Received: from mx.example.org' 'From: =?utf-8?q?J=C3=B6rg?= <>' \
		'Subject: notes' 'MIME-Version: 1.0' "Content-Type: $1"
}
quoted() { xxd -p -c 24 | tr a-f A-F | sed 's/../=&/g; s/$/=/'; }
make_eml() {
	mail_head text/plain
	printf 'Content-Transfer-Encoding: base64\r\n\r\n'
	base64 t
}
make_emlqp() {
	mail_head 'multipart/alternative; boundary="=_a"'
	printf '\r\n--=_a\r\nContent-Type: text/plain\r\n'
	printf 'Content-Transfer-Encoding: quoted-printable\r\n\r\n'
	quoted <t
	printf '\r\n--=_a--\r\n'
}
make_emlatt() {
	gzip t
	mail_head 'multipart/mixed; boundary="=_a"'
	printf '%s\r\n' '' '--=_a' '' 'see the file' '--=_a' \
		'Content-Type: application/octet-stream' \
		'Content-Transfer-Encoding: base64' 'Content-Disposition: attachment;' \
		" filename*=utf-8''notes%20%e2%82%ac.gz" ''
	base64 t.gz
	printf -- '--=_a--\r\n'
}
make_mbox() {
	for i in 1 2; do
		printf 'From jane Tue Nov 24 18:34:18 2026\r\n'
		mail_head text/plain
		printf '\r\n'
		case $i in
		1) printf 'nothing\r\n\r\n' ;;
		*) cat t ;;
		esac
	done
}
# A page, its streams packed: each line in two runs, codes of one byte or two.
make_pdf() {
	local to=ISO-8859-1 n=18 font='/Subtype /Type1 /Encoding /WinAnsiEncoding'

	case $charset in
	utf16*)
		to=UTF-16BE n=36
		font='/Subtype /Type0 /Encoding /UniGB-UCS2-H'
		;;
	esac
	{
		echo 'BT /F 9 Tf 12 TL 20 700 Td'
		while IFS= read -r line; do
			printf '%s' "$line" | iconv -f UTF-8 -t $to |
				xxd -p | tr -d '\n'
			echo
		done <"$dir/text" |
			sed -E "s|^(.{0,$n})(.*)\$|[<\\1> 8 <\\2>] TJ T*|"
		echo ET
	} >content
	{
		echo '%PDF-1.5'
		echo '1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj'
		echo '2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj'
		echo '3 0 obj << /Type /Page /Parent 2 0 R /Contents 4 0 R'
		echo '/MediaBox [0 0 600 800]'
		echo '/Resources << /Font << /F 5 0 R >> >> >> endobj'
		echo "4 0 obj << /Length $(stat -c %s content) >> stream"
		cat content
		echo 'endstream endobj'
		echo "5 0 obj << /Type /Font $font >> endobj"
		echo 'trailer << /Root 1 0 R /Size 6 >>'
		echo '%%EOF'
	} >plain.pdf
	# It has no table of objects: that is mended, with a warning.
	qpdf --object-streams=generate plain.pdf packed.pdf 2>/dev/null
	cat packed.pdf
}
# A database whose text is in the charset; latin1 it calls UTF-8.
make_sqlite() {
	local encoding=UTF-8 value

	case $charset in
	utf16le*) encoding=UTF-16le ;;
	utf16be*) encoding=UTF-16be ;;
	esac
	value="'$(sed "s/'/''/g" "$dir/text")'"
	[ "$charset" = latin1 ] &&
		value="cast(x'$(xxd -p t | tr -d '\n')' as text)"
	sqlite3 t.db "pragma encoding = '$encoding';
		create table t(n integer primary key, v);
		insert into t values(1, char(10) || $value);" && cat t.db
}
# The tools that a kind wants.
needs() {
	case $1 in
	plain | gz | tar | tgz) echo gzip ;;
	bz2) echo bzip2 ;;
	zst) echo zstd ;;
	iso) echo genisoimage ;;
	deep) echo 7z zip bzip2 ;;
	docx | xlsx | pptx | odt) echo zip ;;
	html | rtf) echo sed ;;
	eml | mbox) echo base64 ;;
	emlqp) echo xxd ;;
	emlatt) echo gzip base64 ;;
	pdf) echo qpdf xxd ;;
	sqlite) echo sqlite3 xxd ;;
	*) echo "$1" ;;
	esac
}
KINDS='plain gz bz2 xz zst zip tar tgz 7z cpio ar iso deep docx xlsx pptx odt html pdf sqlite
eml emlqp emlatt mbox rtf'

kinds=
for kind in $KINDS; do
	missing=
	for tool in $(needs "$kind"); do
		command -v "$tool" >/dev/null || missing=$tool
	done
	if [ -n "$missing" ]; then
		skip "$kind" "no $missing here"
		continue
	fi
	kinds="$kinds $kind"
	for charset in $CHARSETS; do
		(cd "$dir/t" && rm -rf -- * &&
			encode "$charset" <"$dir/text" >t &&
			"make_$kind" >"$dir/in/$kind.$charset")
	done
done

# The names say nothing: the kinds are told by the bytes.
scan --jobs 2 "$dir/in" >"$dir/out"
is "$?" 1 "they are scanned"
jq -r '(.path | split("/") | last) as $n | .findings[] |
	"\($n) \(.detector)"' "$dir/out" | sort -u >"$dir/hits"
for kind in $kinds; do
	for charset in $CHARSETS; do
		for d in $detectors; do
			printf '%s %s %s\n' "$kind" "$charset" "$d"
		done
	done
done | awk -v charsets="$CHARSETS" -v kinds="$kinds" '
	NR == FNR { hit[$1 " " $2] = 1; next }
	{ cell = $1 "." $2; all++; of[cell]++
	  if ((cell " " $3) in hit) { found++; n[cell]++ }
	  else missed = missed "\nmissed " cell " " $3 }
	END {
		nc = split(charsets, c); nk = split(kinds, k)
		printf "%-10s", ""
		for (i = 1; i <= nc; i++) printf "%14s", c[i]
		for (j = 1; j <= nk; j++) {
			printf "\n%-10s", k[j]
			for (i = 1; i <= nc; i++) {
				cell = k[j] "." c[i]
				printf "%14s", (n[cell] + 0) "/" of[cell]
			}
		}
		print missed
		printf "found %d of %d\n", found, all
	}' "$dir/hits" - >"$dir/table"
tap_say "$(cat "$dir/table")"
read -r found all < <(awk '/^found/ { print $2, $4 }' "$dir/table")
[ "$all" -gt 0 ] && [ $((found * 100)) -ge $((all * 98)) ]
ok $? "$found of $all are found"
is "$(jq -r '.skipped[].reason' "$dir/out" | sort -u)" "" \
	"and nothing is left out"
is "$(jq -r 'select(.path | endswith("/deep.utf8")) | .findings[].member' \
	"$dir/out" | sort -u)" "a.zip!a.7z!t" "members are named through all"
is "$(jq -c 'select(.path | endswith("/7z.utf16le")) | .findings[] |
	select(.detector == "pci.pan") | .spans' "$dir/out")" \
	"$(jq -c 'select(.path | endswith("/plain.utf16le")) | .findings[] |
	select(.detector == "pci.pan") | .spans' "$dir/out")" \
	"spans are bytes of the member"

member_of() {
	jq -r "select(.path | endswith(\"/$1\")) | .findings[].member" \
		"$dir/out" | sort -u
}
if command -v zip >/dev/null; then
	is "$(member_of docx.utf8)" word/document.xml "a document's part"
	is "$(jq -r 'select(.path | endswith("/xlsx.utf8")) | .type' \
		"$dir/out")" \
		application/vnd.openxmlformats-officedocument.spreadsheetml.sheet \
		"a document's type"
fi
is "$(member_of eml.utf8)" body "a message's body"
is "$(member_of mbox.utf8)" '2!body' "a message of a mailbox"
is "$(member_of emlatt.utf8)" 'notes €.gz!t' "an attachment by its name"
# From the first digit to the last, whatever lies between.
is "$(jq -c 'select(.path | endswith("/html.utf8")) | .findings[] |
	select(.detector == "pci.pan") | .spans[][]' "$dir/out" |
	paste -sd' ')" "$(encode utf8 <"$dir/in/html.utf8" |
	grep -abo '4532.*0366' | awk -F: '{ print $1, $1 + length($3$2) }')" \
	"a span reaches over a tag"

# ---- what cannot be looked into ----
mkdir "$dir/closed"
cd "$dir/t" || exit 2
rm -rf -- *
cp "$dir/text" t
reason() { scan "$1" | jq -r '[.skipped[].reason] | unique | join(",")'; }
if command -v 7z >/dev/null; then
	7z a -bd -pword x.7z t >/dev/null
	is "$(reason x.7z)" encrypted "an encrypted 7z"
	7z a -bd -pword -mhe=on names.7z t >/dev/null
	is "$(reason names.7z)" encrypted "a 7z whose directory is encrypted"
	7z a -bd good.7z t >/dev/null
	head -c 200 good.7z >cut.7z
	[ -n "$(reason cut.7z)" ]
	ok $? "a 7z that is cut"
	head -c 40 good.7z >bad.7z
	head -c 3000 /dev/urandom >>bad.7z
	[ -n "$(reason bad.7z)" ]
	ok $? "a 7z of noise"
else
	skip "7z files" "no 7z here"
fi
for tool in bzip2 xz zstd; do
	command -v $tool >/dev/null || continue
	$tool -qc <t >x.$tool
	head -c 200 x.$tool >cut.$tool
	scan cut.$tool >cut.json
	is "$?" 8 "a cut $tool stream exits with 8"
	[ "$(jq -r '.skipped[0].reason' cut.json)" != null ]
	ok $? "and is told"
	truncate -s 64M zeros
	$tool -qc <zeros >bomb.$tool
	reason bomb.$tool | grep -q '^over the budget'
	ok $? "a bomb in $tool stops"
done
done_testing
