#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rules_view - a view shows the detectors of a regulation, and hides nothing
# unsaid.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/view-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
shown() { "$BIN/chaperone" rules list --json --view "$1" "$SRC/rules" |
	jq -r 'select(.id).id'; }

for view in gdpr hipaa pipl lgpd appi dpdp pci; do
	shown $view >"$dir/$view"
	[ -s "$dir/$view" ]
	ok $? "the shipped view $view shows something"
done
is "$(grep -c '^secret\.' "$dir"/* | cut -d: -f2 | sort -u)" 0 \
	"no view shows secrets"
has() { grep -qx -- "$2" "$dir/$1"; ok $? "$1 shows $2"; }
has pci pci.pan
has pipl cn.resident_id
has lgpd br.cpf
has gdpr pii.email
has hipaa us.ssn
grep -qx br.cpf "$dir/pipl"
is $? 1 "pipl does not show br.cpf"
"$BIN/chaperone" rules list --view nope "$SRC/rules" >/dev/null 2>&1
is $? 2 "a view that there is not"

printf 'card 4532 0151 1283 0366 exp 04/28\n身份证号:11010519491231002X\n' >"$dir/one.txt"
scan() { "$BIN/chaperone" scan --rules "$SRC/rules" --json "$@" "$dir/one.txt" 2>"$dir/err"; }
out=$(scan --view pci)
is "$? $(jq -c '[.findings[].detector] | unique' <<<"$out")" '1 ["pci.pan"]' \
	"scan shows what the view shows"
out=$(scan)
grep -q cn.resident_id <<<"$out"
is $? 0 "without the view there is more"
sed -i 1d "$dir/one.txt"
scan --view pci >/dev/null
is $? 0 "the exit status is about the view"
"$BIN/chaperone" scan --rules "$SRC/rules" --view pci "$dir/one.txt" 2>&1 |
	grep -qE 'not of the view pci: [1-9][0-9]* more findings'
is $? 0 "and what it leaves out is counted"
scan --view nope >/dev/null
is $? 2 "scan knows no other view"
done_testing
