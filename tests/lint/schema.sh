#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# schema - docs/rules.schema.json is the form that the parser reads: their keys
# are the same ones, and every shipped pack and what `rules new` writes fits.
# The check is first shown violations.
set -u
cd "$SRC" || exit 2
. "$SRC/tests/support/tap.sh"

schema=docs/rules.schema.json
[ -x "$B/support/yaml2json" ] || skip_all "$B/support/yaml2json is not built"
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
fits() { # FILE: a line for each violation
	"$B/support/yaml2json" "$1" >"$dir/json" &&
		jq -r --slurpfile schema "$schema" -f tests/support/schema.jq \
			"$dir/json" 2>&1 | sed "s|^|$1|"
}

# What the parser reads: "WHAT KEY" for each key of each table that it hands to
# yaml_keys with that word.
parsed() {
	awk '
	FNR == 1 { split("", table); text = "" }
	{ text = text " " $0 }
	/static const char \*const [a-z_]+\[\]/ {
		name = $0
		sub(/.*\*const /, "", name)
		sub(/\[\].*/, "", name)
		list = ""
		line = $0
		sub(/.*\{/, "", line)
		for (;;) {
			list = list " " line
			if (line ~ /\}/ || (getline line) <= 0)
				break
		}
		table[name] = list
		next
	}
	/yaml_keys\(/ {
		call = $0
		while (call !~ /why\)|&d\)/ && (getline more) > 0)
			call = call " " more
		sub(/.*yaml_keys\(/, "", call)
		if (split(call, part, /, */) < 3)
			next
		what = part[2]
		gsub(/"/, "", what)
		n = split(table[part[3]], key, "\"")
		for (i = 2; i <= n; i += 2)
			print what ": " key[i]
	}' agent/detect/*.c lib/{policy,view}.c | sort -u
}
drawn() {
	jq -r '.. | objects | select(has("$comment")) | ."$comment" as $w |
		.properties | keys[] | "\($w): \(.)"' "$schema" | sort -u
}

none "$(jq empty "$schema" 2>&1)" "the schema is JSON"
[ "$(parsed | wc -l)" -gt 100 ]
ok $? "the parser's tables are found"
is "$(drawn)" "$(parsed)" "the schema has the parser's keys"

printf '%s\n' 'pack: {id: x, version: 1.0, format: 1}' 'detecors: []' \
	'detectors: [{id: X, uuid: u, title: T, class: c, levels: [],' \
	'  primary: {pattern: x, boundary: wrod}, mask: {keep_first: 9}}]' \
	>"$dir/bad.yaml"
is "$(fits "$dir/bad.yaml" | sed 's/.*bad.yaml//; s/: .*//' | sort |
	paste -sd' ')" \
	' .detectors[0].id .detectors[0].levels .detectors[0].mask.keep_first .detectors[0].primary.boundary .detectors[0].uuid .pack.version' \
	"violations are seen"
for pack in rules/*.yaml; do
	none "$(fits "$pack")" "$pack fits"
done
"$BIN/chaperone" rules new a.b >"$dir/new.yaml"
none "$(fits "$dir/new.yaml")" "what rules new writes fits"
done_testing
