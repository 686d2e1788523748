#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# complaints - what users of scanners for sensitive data complain about, each
# answered by the programs as they are run. One function for each, named by what
# goes wrong; the table at the end tells how many of its checks hold.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/scan-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
scan() { timeout 100 "$BIN/chaperone" scan --json --rules "$SRC/rules" "$@"; }
rules() { timeout 100 "$BIN/chaperone" rules "$@"; }
digits='4532 0151 1283 0366'
card="card $digits exp 04/28"
table=

# complaint FUNCTION TITLE
complaint() {
	local count=$TAP_COUNT bad=$TAP_BAD
	mkdir "$dir/$1" && cd "$dir/$1" || exit 2
	"$1"
	count=$((TAP_COUNT - count)) bad=$((TAP_BAD - bad))
	table+=$(printf '%-58s  %d of %d' "$2" $((count - bad)) $count)$'\n'
	cd "$dir" && rm -rf "${dir:?}/$1"
}
# found: DETECTOR:CONFIDENCE of all findings on standard input.
found() {
	jq -r '.findings[] | .detector + ":" + .confidence' | sort -u |
		paste -sd' '
}
reasons() { jq -r '.skipped[].reason' | sort -u | paste -sd,; }
# pack LIST-TERMS TEXT-OF-TESTS >a.yaml
pack() {
	cat <<-END
		pack: {id: own, version: 1.0.0, format: 1}
		lists:
		  kw: {match: word, case: fold, terms: [$1]}
		detectors:
		  - id: own.licence
		    uuid: 3f0f2a7e-52a4-4c43-9a3e-6f4a8a1d5c10
		    title: Licence
		    class: pii.government_id
		    references: [the office of licences]
		    prefilter: {reason: digits alone}
		    primary: {pattern: '${2:-\d{8\}}', boundary: alnum}
		    levels:
		      - confidence: medium
		        all: [{near: {list: kw, before: 40, after: 20}}]
		      - {confidence: low, all: []}
		    tests:
		      - {text: "12345678", expect: low}
		      - {text: "1234567", expect: none, why: seven digits}
	END
}

everyday_text_is_called_a_secret() {
	cat >keys.json <<-'END'
		[{"key": "ctrl+shift+alt+x", "command": "workbench.action.terminal.sendSequence"},
		 {"key": "cmd+k cmd+s", "command": "workbench.action.openGlobalKeybindings"}]
	END
	cat >lock.json <<-'END'
		{"lodash": {"version": "4.17.21", "resolved": "https://registry.example.org/lodash/-/lodash-4.17.21.tgz",
		 "integrity": "sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg=="}}
	END
	cat >main.c <<-'END'
		static const char *const token_names[] = {"TOKEN_IDENTIFIER", "TOKEN_LEFT_PARENTHESIS"};
		key = primary_key_of_the_customer_table(token, NULL);
		password = getenv("DATABASE_PASSWORD");
		secret: ${{ secrets.DEPLOY_KEY }}
		api_key = "YOUR_API_KEY_HERE"
	END
	printf 'commit 9f2feeac5e7ce6b1d0c1d9d6a6e8d1a3b5c7e9f0\n%s\n' \
		'id: 123e4567-e89b-42d3-a456-426614174000' >ids
	is "$(scan . | jq -r '.findings[] | select(.confidence != "low") |
		.detector' | paste -sd' ')" "" "nothing above low in everyday text"
	is "$(scan . | jq -r '.findings[].class' | grep -c '^secret')" 0 \
		"and no secret at all in key bindings, lock files, code, ids"
	printf 'api_key = "%s%s"\n' q7Rz2LmX9v Kc4TnB8sWd5FyH3 >true
	is "$(scan true | jq '.findings | length > 0')" true \
		"a key of that form is found"
}

a_setting_turns_the_rules_off() {
	local name
	mkdir none empty list other typo
	printf 'pack: {id: x, version: 1.0.0, format: 1}\n' >empty/a.yaml
	printf 'pack: {id: x, version: 1.0.0, format: 1}\ndetectors: []\n' \
		>list/a.yaml
	printf 'allow:\n  - {id: all, paths: ["*"]}\n' >other/a.yaml
	cp "$SRC/rules/pci.yaml" typo/a.yaml
	sed -i 's/^detectors:/detector:/' typo/a.yaml
	printf '%s\n' "$card" >f
	for name in none empty list other typo; do
		rules check $name >out 2>&1
		is $? 3 "$name: rules without a rule are refused"
		timeout 100 "$BIN/chaperone" scan --json --rules $name f \
			>out 2>err
		is "$? $(wc -c <out) $(grep -c "$name\|no detector" err)" \
			"3 0 1" "$name: and no scan says that all is well"
	done
	cp -r "$SRC/rules" more
	cp more/pci.yaml more/zz.yml
	rules check more 2>&1 | grep -q 'zz.yml.*ends in .yaml'
	is $? 0 "a pack that would not be read for its name is told"
	rm more/zz.yml
	printf 'pack: {id: x, version: 1.0.0, format: 1}\nreplaces: [pci.pan]\n' \
		>more/zz.yaml
	rules check more >out 2>&1
	is $? 3 "no pack takes a rule of another one away"
	cp more/pci.yaml more/zz.yaml
	rules check more 2>&1 | grep -q 'pci.pan'
	is $? 0 "nor stands in its place"
	is "$(rules list --json "$SRC/rules" | jq -s 'length > 100')" true \
		"the rules in force can be listed"
}

what_is_scanned_turns_the_scanner_off() {
	mkdir tests node_modules .git
	printf '%s # gitleaks:allow nosec trufflehog:ignore pragma: allowlist secret\n' \
		"$card" >line
	printf '*\n' | tee .gitignore .gitleaksignore .trufflehogignore \
		.chaperoneignore >.secretsignore
	printf 'pack: {id: own, version: 9.0.0, format: 1}\n' >rules.yaml
	for f in tests/a node_modules/b .git/c min.js go.sum a.test x.png LICENSE; do
		printf '%s\n' "$card" >$f
	done
	is "$(scan . | jq -r 'select(.findings != []) | .path' | wc -l)" 9 \
		"neither words, nor files, nor names keep a file from being looked at"
}

utf16_reads_as_clean() {
	local c
	printf '\xff\xfe%s\n' "$card" >false
	is "$(scan false | found)" pci.pan:high \
		"nor does a mark before text that is none hide it"
	for c in UTF-16LE UTF-16BE; do
		printf 'name;card\n张伟;%s exp 04/28\n' "$digits" |
			iconv -t $c >plain
		{
			[ $c = UTF-16LE ] && printf '\xff\xfe' ||
				printf '\xfe\xff'
			cat plain
		} >mark
		for f in plain mark; do
			is "$(scan $f | found)" pci.pan:high "$c, $f"
			is "$(jq -r '.findings[0].spans[0] | "\(.[0]) \(.[1])"' \
				<<<"$(scan $f)" | {
				read -r from to
				tail -c +$((from + 1)) $f |
					head -c $((to - from)) | iconv -f $c
			})" "$digits" "$c, $f: the place is exact"
		done
		{
			cat plain
			head -c 3000000 /dev/zero | tr '\0' a | iconv -t $c
			cat plain
		} >large
		is "$(scan large | jq '.findings[0].count')" 2 \
			"$c, 6 MB without a mark: to its end"
	done
}

text_outside_ascii_ends_the_scan() {
	printf '北京市朝阳区建国路88号 姓名：王伟\n%s\n' "$card" >utf8
	iconv -t GB18030 utf8 >gb18030
	iconv -t EUC-JP <<<"東京都千代田区 カード番号 $digits 有効期限" >eucjp
	iconv -t WINDOWS-1251 <<<"Москва, номер карты $digits" >cp1251
	{
		printf '\xfd\xc3\x28\xe2\x82\x00\xed\xa0\x80\n'
		printf '%s\n' "$card"
		printf '\xf4\x90\x80\x80\xc0\xaf'
	} >broken
	printf '%s\n' "$card" >北京朝阳区
	for f in utf8 gb18030 eucjp cp1251 broken 北京朝阳区; do
		is "$(scan $f | jq -c '[.examined == .size,
			(.findings | map(.detector) | index("pci.pan")) != null]')" \
			'[true,true]' "$f: to the end"
	done
}

archives_are_skipped_or_fail() {
	printf '%s\n' "$card" >a.txt
	tar -czf in.tgz a.txt
	if command -v zip >/dev/null; then
		zip -q in.zip in.tgz
		zip -q out.zip in.zip
		is "$(scan out.zip | jq -c '.findings[] | [.member, .detector]')" \
			'["in.zip!in.tgz!a.txt","pci.pan"]' \
			"an archive in an archive in an archive"
		cp out.zip picture.png
		is "$(scan picture.png | found)" pci.pan:high \
			"whatever its name"
	else
		skip "archives in archives" "no zip here"
	fi
	for c in gzip bzip2 xz zstd; do
		command -v $c >/dev/null || { skip $c "no $c here"; continue; }
		$c -c a.txt >x
		is "$(scan x | found)" pci.pan:high "$c"
	done
	head -c 90 in.tgz >cut.tgz
	tar -cf mixed.tar cut.tgz a.txt
	is "$(scan mixed.tar | jq -c '[(.skipped | length > 0),
		(.findings | map(.member) | last)]')" '[true,"a.txt"]' \
		"a broken one is told, and what lies behind it is looked at"
}

bombs_take_the_scanner_down() {
	local out
	mkdir d
	head -c 300000000 /dev/zero | gzip -1 | gzip -9 >d/1.gz
	printf '%s\n' "$card" >x
	cp x y
	for _ in 1 2 3 4 5 6 7 8 9; do
		gzip -c x >z && mv z x
	done
	mv x d/2.gz
	(mkdir many && cd many && seq 1 12000 | split -l 1 -a 4 - f)
	tar -cf d/3.tar many
	if command -v zip >/dev/null; then
		mkdir word
		{
			printf '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "lol">'
			for i in 1 2 3 4 5 6 7 8 9; do
				printf '<!ENTITY a%s "' $i
				printf "&a$((i - 1));%.0s" 1 2 3 4 5 6 7 8 9 10
				printf '">'
			done
			printf ']><w:document xmlns:w="%s"><w:p><w:r><w:t>' \
				http://schemas.openxmlformats.org/wordprocessingml/2006/main
			printf '&a9;</w:t></w:r></w:p></w:document>'
		} >word/document.xml
		zip -qr d/4.docx word
	fi
	mv y d/last
	out=$(scan --jobs 1 d)
	is "$(jq -r 'select(.path == "d/1.gz") | .skipped[].reason' <<<"$out" |
		grep -c '^over the budget')" 1 "what swells is left, and told"
	is "$(jq -r 'select(.path == "d/2.gz") | .skipped[0].reason' <<<"$out")" \
		"over the budget of depth" "what is nested without end, too"
	is "$(jq -r 'select(.path == "d/3.tar") | .skipped[].reason' <<<"$out")" \
		"over the budget of entries" "and what has members without end"
	[ ! -e d/4.docx ] ||
		is "$(jq -c 'select(.path == "d/4.docx") | .findings' <<<"$out")" \
			"[]" "entities are not expanded"
	is "$(jq -r 'select(.path == "d/last") | .findings[].detector' \
		<<<"$out")" pci.pan "the next file is scanned"
	is "$(jq -r '.skipped[].reason' <<<"$out" | grep -c crash)" 0 \
		"no process died"
}

large_files_take_all_memory() {
	local out pid
	{
		head -c 160000000 /dev/zero | tr '\0' 'x'
		printf ' %s' "$card"
	} >line
	"$B/support/peak" kib "$BIN/chaperone" scan --json --jobs 1 \
		--rules "$SRC/rules" line >out
	is "$(jq -c '[.examined == .size, .skipped, .findings[0].spans]' out)" \
		'[true,[],[[160000006,160000025]]]' \
		"a line of 160 MB is looked at to its end"
	[ "$(wc -c <out)" -lt 2000 ]
	ok $? "and what is said of it is short"
	if [ "${SAN:-0}" = 0 ]; then
		[ "$(cat kib)" -le 65536 ]
		ok $? "in 64 MiB" || tap_say "$(cat kib) KiB"
	fi
	for _ in {1..1000}; do printf '%s\n' "$card"; done >thousand
	for _ in {1..100}; do cat thousand; done >hundred
	"$B/support/peak" kib "$BIN/chaperone" scan --json --jobs 1 \
		--rules "$SRC/rules" hundred >out
	is "$(jq '.findings[] | select(.detector == "pci.pan") | .count' out)" \
		100000 "100,000 matches are counted"
	[ "$(wc -c <out)" -lt 100000 ]
	ok $? "their list is bounded"
	if [ "${SAN:-0}" = 0 ]; then
		[ "$(cat kib)" -le 65536 ]
		ok $? "in 64 MiB" || tap_say "$(cat kib) KiB"
	fi
}

a_text_makes_a_pattern_slow() {
	local p i=0
	mkdir r
	for p in '(?:a+)+b' '(a|aa)+$' '.*x' '\d+' '(\w)\1' '(?=a)b' '^a' 'a{1,}' \
		'(?:a{0,4096}){0,4096}' 'a?' '\d{4,99999}'; do
		i=$((i + 1))
		pack licence "$p" >r/a.yaml
		rules check r >out 2>&1
		is $? 3 "no rule may be $p"
	done
	head -c 4096 /dev/zero | tr '\0' . >dots
	head -c 100000 /dev/zero | tr '\0' a >letters
	head -c 100000 /dev/zero | tr '\0' 1 >digits
	yes a@ | head -n 50000 | tr -d '\n' >at
	yes 'a.b-c' | head -n 20000 | tr -d '\n' >words
	yes 'key="' | head -n 20000 | tr -d '\n' >quotes
	yes '4532015112830366' | head -n 6000 | tr '\n' ' ' >cards
	for i in dots letters digits at words quotes cards; do
		is "$(scan $i | jq -c '[.examined == .size, .skipped]')" \
			'[true,[]]' "$i: to the end, and no rule at its limit"
	done
}

context_counts_within_a_longer_word() {
	mkdir r
	pack lic >r/a.yaml
	own() { timeout 100 "$BIN/chaperone" scan --json --rules r f | found; }
	printf 'public 12345678\n' >f
	is "$(own)" own.licence:low '"lic" within "public" is no evidence'
	printf 'licence 12345678 relic\n' >f
	is "$(own)" own.licence:low 'nor at the beginning or end of one'
	printf 'LIC 12345678\n' >f
	is "$(own)" own.licence:medium 'alone it is'
	printf 'drv_lic: 12345678\n' >f
	is "$(own)" own.licence:medium 'and as a part of a name'
	pack '"驾驶证"' | sed 's/match: word/match: substring/' >r/a.yaml
	printf '机动车驾驶证号12345678\n' >f
	is "$(own)" own.licence:medium 'where words have no blanks, too'
}

known_samples_are_dropped_or_alarm() {
	printf 'SSN 078-05-1120\n' >ssn
	printf 'card 4111 1111 1111 1111 exp 04/28\n' >card
	printf '%s\ncard 4111 1111 1111 1111 exp 04/28\n' "$card" >both
	for f in ssn card both; do
		is "$(scan $f | jq '.findings | length')" 1 "$f: found"
	done
	timeout 100 "$BIN/chaperone" scan --format html --rules "$SRC/rules" \
		ssn >out 2>/dev/null
	grep -q 'test data' out
	is $? 0 "a known sample is marked"
	timeout 100 "$BIN/chaperone" scan --format html --rules "$SRC/rules" \
		both >out 2>/dev/null
	grep -q 'test data' out
	is $? 1 "but not what has a true value beside it"
	is "$(scan both | jq -c '.findings[0] | [.count, .unique]')" '[2,2]' \
		"which is counted"
}

the_scanner_prints_the_secret() {
	local f pid
	mkdir in r
	printf '%s\n' "$card" >in/a
	printf 'x\n' >"card 4532015112830366"
	tar -cf in/b.tar "card 4532015112830366" in/a
	printf 'cut %s\n' "$card" | gzip -c | head -c 30 >in/c.gz
	for f in table json sarif html; do
		timeout 100 "$BIN/chaperone" scan --format $f --state state.$f \
			--rules "$SRC/rules" in >out.$f 2>&1
	done
	rules explain --rules "$SRC/rules" in >out.explain 2>&1
	cp "$SRC/rules/pii-br.yaml" r/
	rules diff r "$SRC/rules" in >out.diff 2>&1
	printf 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\n\r\n%s' \
		"${#card}" "$card" >request
	"$B/support/mkpcap" request "" >in.pcap
	timeout 100 "$BIN/chaperone" replay --json --rules "$SRC/rules" in.pcap \
		>out.replay 2>&1
	is "$(jq -r 'select(.kind == "finding") | .detector' out.replay)" \
		pci.pan "the traffic's card is found"
	is "$(grep -l 'pci.pan' out.* | wc -l)" 7 "each output tells of it"
	is "$(grep -laE '4532[ -]?0151|1283[ -]?0366' out.* state.* | paste -sd,)" \
		"" "none has it, nor has what is remembered"
	# A process that looks at content, while it does.
	head -c 200000000 /dev/zero | tr '\0' x >"4532015112830366"
	"$BIN/chaperone" scan --json --jobs 1 --rules "$SRC/rules" \
		"4532015112830366" >/dev/null 2>&1 &
	pid=$!
	looks() {
		for f in $(cat "/proc/$pid/task/$pid/children"); do
			grep -q '^Seccomp:[[:space:]]*2' "/proc/$f/status" &&
				return 0
		done 2>/dev/null
		return 1
	}
	if [ -e "/proc/$pid/task/$pid/children" ]; then
		until_true 20 looks
		ok $? "a process in a jail looks at content"
		kill -STOP "$f"
		is "$(tr '\0' ' ' <"/proc/$f/cmdline" | grep -c 4532)" 0 \
			"what it looks at is not among its arguments"
		is "$(awk '/^Max core file size/ { print $5, $6 }' \
			"/proc/$f/limits")" "0 0" "it leaves no core"
		kill -CONT "$f"
	else
		skip "a process that looks at content" "/proc has no children"
	fi
	wait "$pid"
}

findings_change_when_lines_move() {
	local first
	printf '%s\nCPF: 529.982.247-25\n' "$card" >f
	what() { scan f | jq -cS '.findings | map(del(.spans))'; }
	first=$(what)
	is "$(jq length <<<"$first")" 2 "two things are found"
	{ seq 1 500 && printf '%s\nCPF: 529.982.247-25\n' "$card"; } >f
	is "$(what)" "$first" "lines above change nothing but the place"
	sed -i 's/$/\r/' f
	is "$(what)" "$first" "nor do other ends of lines"
	printf 'CPF: 529.982.247-25\n%s\n' "$card" >f
	is "$(what)" "$first" "nor another order"
}

what_was_not_examined_is_called_clean() {
	local f
	printf '%s\n' "$card" >a
	if command -v zip >/dev/null; then
		mkdir -p word/embeddings
		printf '<w:document xmlns:w="%s"><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:document>' \
			http://schemas.openxmlformats.org/wordprocessingml/2006/main \
			"$card" >word/document.xml
		zip -qr word/embeddings/in.docx word/document.xml
		printf '<w:document xmlns:w="%s"><w:p/></w:document>' \
			http://schemas.openxmlformats.org/wordprocessingml/2006/main \
			>word/document.xml
		zip -qr out.docx word
		is "$(scan out.docx | jq -r '.findings[].member')" \
			'word/embeddings/in.docx!word/document.xml' \
			"a document within a document is looked into"
		head -c 300 out.docx >corrupt.docx
		zip -q -P x locked.zip a
	else
		skip "documents" "no zip here"
	fi
	seq 1 3000 | gzip -c | head -c 2000 >cut.gz
	truncate -s 600M sparse
	for f in corrupt.docx locked.zip cut.gz sparse; do
		[ -e $f ] || continue
		scan $f >out
		is "$? $(jq '.skipped | length > 0' out)" "8 true" \
			"$f: told, and the exit code says so"
	done
	if [ "$(id -u)" = 0 ]; then
		chmod 600 a
		setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$BIN/chaperone" scan --json --rules "$SRC/rules" \
			"$PWD/a" >out 2>err
		case $? in
		8 | 4) ok 0 "nor is a file clean that may not be read" ;;
		*) if [ -s out ]; then
			ok 1 "nor is a file clean that may not be read"
		else
			skip "a file that may not be read" \
				"another account cannot run $BIN"
		fi ;;
		esac
	else
		skip "a file that may not be read" "needs root"
	fi
	"$BIN/chaperone" scan --rules "$SRC/rules" cut.gz >out 2>&1
	grep -q '1 parts not examined' out
	is $? 0 "the sum tells it"
}

the_place_is_wrong() {
	local f
	printf 'Größe 测试 é\n%s\n' "$card" >plain
	gzip -c plain >gz
	tar -cf tar plain
	printf '<!DOCTYPE html><p>Gr&ouml;&szlig;e</p><p>card 4532 <b>0151</b> 1283 0366 exp 04/28</p>' \
		>page.html
	# bytes FILE FINDING: the bytes of its first span, of FILE's own.
	bytes() {
		local from to
		read -r from to < <(scan "$1" | jq -r '.findings[] |
			select(.detector == "pci.pan") | .spans[0] |
			"\(.[0]) \(.[1])"')
		tail -c +$((from + 1)) "$2" | head -c $((to - from))
	}
	is "$(bytes plain plain)" "$digits" "in a file"
	is "$(bytes gz plain)" "$digits" "in gzip"
	is "$(bytes tar plain)" "$digits" "in a member of an archive"
	is "$(bytes page.html page.html)" '4532 <b>0151</b> 1283 0366' \
		"in a page, with the tags within"
	for f in UTF-16LE GB18030; do
		iconv -t $f plain >$f 2>/dev/null
		is "$(bytes $f $f | iconv -f $f)" "$digits" "in $f"
	done
}

the_scanner_asks_the_network() {
	local alone
	printf 'AWS_ACCESS_KEY_ID=%s%s\n%s\n' AKIA 2E0A8F3B5C7D9H1J "$card" >f
	if ! unshare -n true 2>/dev/null; then
		skip "a scan without a network" "no namespaces here"
		return
	fi
	alone=$(unshare -n timeout 100 "$BIN/chaperone" scan --json \
		--rules "$SRC/rules" f)
	is "$(jq '.findings | length > 1' <<<"$alone")" true \
		"keys are found without a network"
	is "$alone" "$(scan f)" "as they are with one"
	none "$(nm -D --undefined-only "$BIN/chaperone-inspect" 2>/dev/null |
		grep -wE 'connect|getaddrinfo|gethostbyname|sendto')" \
		"and what looks at content cannot connect"
}

complaint everyday_text_is_called_a_secret "everyday text is called a secret"
complaint a_setting_turns_the_rules_off "a setting turns the rules off, unsaid"
complaint what_is_scanned_turns_the_scanner_off \
	"what is scanned turns the scanner off"
complaint utf16_reads_as_clean "UTF-16 reads as clean"
complaint text_outside_ascii_ends_the_scan "text outside of ASCII ends the scan"
complaint archives_are_skipped_or_fail "archives are skipped, or fail"
complaint bombs_take_the_scanner_down "bombs take the scanner down"
complaint large_files_take_all_memory "large files take all memory"
complaint a_text_makes_a_pattern_slow "a text makes a pattern slow"
complaint context_counts_within_a_longer_word \
	"context counts within a longer word"
complaint known_samples_are_dropped_or_alarm \
	"known samples are dropped, or alarm"
complaint the_scanner_prints_the_secret "the scanner prints the secret"
complaint findings_change_when_lines_move "findings change when lines move"
complaint what_was_not_examined_is_called_clean \
	"what was not examined is called clean"
complaint the_place_is_wrong "the place is wrong"
complaint the_scanner_asks_the_network "the scanner asks the network"
tap_say "$table"
done_testing
