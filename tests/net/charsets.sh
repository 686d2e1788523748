#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# charsets - texts whose values are known by the words beside them, in every
# charset of their script: what is found in UTF-8 is found in all of them, in a
# line alone, among lines of ASCII, in a longer text, and in a mail that tells
# the charset.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/charsets-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/in" "$dir/t"

# LANGUAGE CHARSETS
CHARSETS='cn GB18030 GBK GB2312 UTF-16LE UTF-16BE
tw BIG5 UTF-16LE UTF-16BE
jp CP932 EUC-JP ISO-2022-JP UTF-16LE UTF-16BE
kr EUC-KR CP949 UTF-16LE UTF-16BE
ru CP1251 KOI8-R ISO-8859-5 UTF-16LE UTF-16BE
de ISO-8859-1 CP1252 UTF-16LE UTF-16BE'

# The line that is looked for, and text of the language around it.
line() {
	case $1 in
	cn) echo '本文件为机密文件，请勿外传' ;;
	tw) echo '本檔案屬於極機密，請妥善保管' ;;
	jp) echo 'この資料は社外秘です。マイナンバー: 581577853218' ;;
	kr) echo '대외비 문서입니다. 주민등록번호: 691022-1776650' ;;
	ru) echo 'Страховой номер СНИЛС: 830-748-679 29' ;;
	de) echo 'Geschäftsgeheimnis der Müller GmbH, Größe und Maß' ;;
	esac
}
around() {
	case $1 in
	cn) echo '请各部门负责人在本周五之前把上个月的客户资料整理好，并且发送到公司的邮箱。联系电话和地址不能有错误，谢谢大家的合作。' ;;
	tw) echo '請各部門主管在本週五之前將上個月的客戶資料整理完畢，並且寄到公司的信箱。聯絡電話與地址不可以有錯誤，謝謝大家的合作。' ;;
	jp) echo '各部署の責任者は、今週の金曜日までに先月のお客様の資料をまとめて、会社のメールアドレスに送ってください。電話番号と住所に間違いがないように、お願いします。' ;;
	kr) echo '각 부서의 담당자는 이번 주 금요일까지 지난달 고객 자료를 정리하여 회사 이메일로 보내 주시기 바랍니다. 전화번호와 주소에 틀린 것이 없도록 부탁드립니다.' ;;
	ru) echo 'Просим руководителей всех отделов до пятницы собрать сведения о клиентах за прошлый месяц и отправить их на почту компании. Ошибок в телефонах и адресах быть не должно.' ;;
	de) echo 'Wir bitten die Leiter aller Abteilungen, bis Freitag die Daten über unsere Kunden zu prüfen und an die Geschäftsführung zu schicken. Fehler dürfen natürlich nicht vorkommen.' ;;
	esac
}
ascii() {
	for i in $(seq "$1"); do
		printf '%d,2026-11-%02d,ok,item %d\n' "$i" "$((i % 28 + 1))" \
			"$((i * 7))"
	done
}
# SHAPE LANGUAGE
shape() {
	case $1 in
	alone) line "$2" ;;
	among) ascii 40 && line "$2" && ascii 40 ;;
	# What is not ASCII comes where a reader's block ends.
	late) ascii 6040 && line "$2" && ascii 40 ;;
	edge) ascii 6040 | head -c 131069 && echo && line "$2" && ascii 40 ;;
	long) around "$2" && line "$2" && around "$2" ;;
	esac
}
SHAPES='alone among late edge long'

mail() { # CHARSET
	printf 'From: <>\nSubject: s\nMIME-Version: 1.0\n'
	printf 'Content-Type: text/plain; charset="%s"\n' "$1"
	printf 'Content-Transfer-Encoding: base64\n\n'
	base64
}

while read -r language charsets; do
	for s in $SHAPES; do
		shape "$s" "$language" >"$dir/t/t"
		cp "$dir/t/t" "$dir/in/$language.$s.UTF-8"
		for charset in $charsets; do
			iconv -f UTF-8 -t "$charset" "$dir/t/t" \
				>"$dir/in/$language.$s.$charset" ||
				echo "$language $s $charset" >>"$dir/failed"
			mail "$charset" <"$dir/in/$language.$s.$charset" \
				>"$dir/in/$language.$s.$charset.mail"
		done
	done
done <<<"$CHARSETS"
[ ! -s "$dir/failed" ]
ok $? "every text is encoded"

"$BIN/chaperone" scan --json --rules "$SRC/rules" "$dir/in" >"$dir/out"
is "$?" 1 "they are scanned"
jq -r '(.path | split("/") | last) as $n | select(.findings != []) |
	"\($n) \([.findings[].detector] | unique | join(","))"' \
	"$dir/out" | sort >"$dir/hits"
found() { awk -v n="$1" '$1 == n { print $2 }' "$dir/hits"; }
while read -r language charsets; do
	for s in $SHAPES; do
		want=$(found "$language.$s.UTF-8")
		[ -n "$want" ]
		ok $? "$language: something is found $s"
		for charset in $charsets; do
			is "$(found "$language.$s.$charset")" "$want" \
				"$language $s in $charset"
			is "$(found "$language.$s.$charset.mail")" "$want" \
				"$language $s in $charset, in mail"
		done
	done
done <<<"$CHARSETS"
done_testing
