#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# doc - what is written about the house is so: files that are named exist,
# programs of the Makefile's table stand in ARCHITECTURE.md, commands that are
# shown exist, manual pages are well formed, and nothing names a developer's
# machine. Each check is first shown a violation.
set -u
cd "$SRC" || exit 2
. "$SRC/tests/support/tap.sh"

# Paths in `…` of a page: those that begin in a folder of ours must exist.
paths() {
	grep -oE '`[A-Za-z0-9_./-]+`' "$1" | tr -d '`' |
		grep -E '^(agent|cli|collector|docs|lib|packaging|rules|tests)/' |
		sort -u | while read -r p; do
		# A room of the Makefile may be framed, and have no file yet.
		[ -e "$p" ] || grep -qE "^(ROOMS :=|	).*$p( |\$)" Makefile ||
			echo "$1: $p does not exist"
	done
}
# Programs: of the table, and named by the page.
programs() {
	sed -n 's/^PROGRAMS := //p' Makefile | tr ' ' '\n' |
		while read -r p; do
			grep -q -- "\`$p\`" "$1" || case $p in
			# "`chaperone-collector` and its four" names them.
			chaperone-front | chaperone-store | chaperone-sign | \
				chaperone-report)
				grep -q 'and its four' "$1"
				;;
			*) false ;;
			esac || echo "$1: says nothing of $p"
		done
}
# Subcommands that a page shows.
commands() {
	local known
	known=" $(sed -n 's/^COMMAND(\(.*\))$/\1/p' cli/commands.def |
		tr '\n' ' ')"
	grep -oE '(bin/|`|^ *|\$ )chaperone [a-z]+' "$1" |
		sed 's/.*chaperone //' | sort -u | while read -r c; do
		case $known in
		*" $c "*) ;;
		*) echo "$1: there is no chaperone $c" ;;
		esac
	done
}
# make TARGET in a page.
targets() {
	grep -oE '`make [a-z-]+' "$1" | sed 's/.*make //' | sort -u |
		while read -r t; do
			grep -qE "^\.PHONY:.* $t( |\$)|^$t:" Makefile \
				tests/tests.mk packaging/packaging.mk ||
				echo "$1: there is no make $t"
		done
}
# A page of the manual; what it refers to may come later.
manual() {
	local f
	while read -r f; do
		mandoc -T lint -W warning "$f" 2>&1 | sed 's/^mandoc: //'
	done
}
# Traces of a machine: home directories, hosts of package mirrors.
machine() {
	local f
	while read -r f; do
		grep -nIE "$MACHINE" "$f" | sed "s|^|$f: line |"
	done
}
MACHINE='/(home|Users)/[a-z]+/(src|work|git|projects?)/|/work/(main|shared)|(^|[^a-z])/root/(src|work|git)'

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
printf '%s\n' 'See `lib/nosuch.c` and `chaperone frob`; run `make frob`.' \
	'in /home/jane/src/x' >"$dir/bad"
printf '.Dd x\n.Dt X 9\n.Sh NAMEE\n.Foo\n' >"$dir/bad.1"
for c in paths programs commands targets; do
	[ -n "$($c "$dir/bad")" ]
	ok $? "$c sees a violation"
done
[ -n "$(echo "$dir/bad" | machine)" ]
ok $? "machine sees a violation"

for page in README.md ARCHITECTURE.md $(tracked 'docs/*.md'); do
	none "$(paths "$page")" "$page names only what exists"
	none "$(commands "$page")" "$page shows commands that exist"
	none "$(targets "$page")" "$page shows targets that exist"
done
none "$(programs ARCHITECTURE.md)" "ARCHITECTURE.md knows every program"
none "$(for p in $(tracked 'docs/man/*'); do
	head -n 1 "$p" | grep -q SPDX || echo "$p: no SPDX line"
done)" "manual pages say their licence"
if command -v mandoc >/dev/null; then
	[ -n "$(echo "$dir/bad.1" | manual)" ]
	ok $? "manual sees a violation"
	none "$(tracked 'docs/man/*' | manual)" "manual pages are well formed"
else
	skip "manual pages" "no mandoc here"
fi
none "$(tracked '*' | grep -vE '^tests/(lint/doc.sh|fuzz/corpus/)' | machine)" \
	"nothing names a developer's machine"
if command -v shellcheck >/dev/null; then
	# SC2261: ": >a >b" makes two files, and means to.
	none "$(tracked 'tests/*' packaging/bootstrap .ci/run | while read -r f; do
		head -c 2 "$f" | grep -q '#!' && echo "$f"
	done | xargs shellcheck -S error -e SC2261 -f gcc 2>&1)" "scripts are in order"
else
	skip "scripts" "no shellcheck here"
fi
done_testing
