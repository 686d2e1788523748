#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# guide - the pages of docs/guide are so: their files are written, their commands
# run in their order in an empty directory, and what they print is what the page
# shows. "…" within a line stands for anything, on a line of its own for any
# lines.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/guide-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT

# PAGE DIR: takes the page apart: N.file with the path and the text, N.run with a
# command and the lines that it shall print.
apart() {
	awk -v dir="$2" '
function new(kind) { out = sprintf("%s/%03d.%s", dir, ++n, kind) }
/^```/ && !inside {
	inside = substr($0, 4)
	if (inside == "yaml") { new("file"); print path >out }
	next
}
/^```$/ { inside = ""; close(out); next }
inside == "yaml" { print >out; next }
inside == "console" && /^\$ / { close(out); new("run"); print substr($0, 3) >out; next }
inside == "console" { print >out; next }
match($0, /`[^`]+`:$/) { path = substr($0, RSTART + 1, RLENGTH - 3) }
' "$1"
}

# FILE of wanted lines, FILE of got lines
fits() {
	awk '
	function quote(s) { gsub(/[][\\.^$*+?(){}|]/, "\\\\&", s); return s }
	NR == FNR { want[++n] = $0; next }
	{ got[++m] = $0 }
	END {
		i = j = 1
		while (i <= n) {
			if (want[i] == "…") {
				# Any lines: up to the next that fits, or the end.
				if (i == n) exit 0
				i++
				while (j <= m && !fit(want[i], got[j])) j++
				continue
			}
			if (j > m || !fit(want[i], got[j])) exit 1
			i++; j++
		}
		exit j <= m
	}
	function fit(w, g,   k, part, at, c) {
		c = split(w, part, "…")
		if (c == 1) return w == g
		if (substr(g, 1, length(part[1])) != part[1]) return 0
		at = length(part[1]) + 1
		for (k = 2; k <= c; k++) {
			if (part[k] == "") continue
			if (!index(substr(g, at), part[k])) return 0
			at += index(substr(g, at), part[k]) + length(part[k]) - 1
		}
		return 1
	}' "$1" "$2"
}
printf 'a 1 b\nx\ny\nc\n' >"$dir/got"
printf 'a … b\n…\nc\n' >"$dir/want"
fits "$dir/want" "$dir/got"
ok $? "a dot-dot-dot stands for anything"
printf 'a … c\n…\nc\n' >"$dir/want"
! fits "$dir/want" "$dir/got"
ok $? "but not for what is not there"

export PATH=$BIN:$PATH TMPDIR=$dir
# PAGE STEPS: it has more than so many.
follow() {
	local name=${1%.md} first step cwd
	local steps=$dir/$name.steps

	export HOME=$dir/$name.home
	mkdir "$steps" "$HOME"
	apart "$SRC/docs/guide/$1" "$steps"
	cwd=$HOME
	for step in "$steps"/*; do
		first=$(head -n 1 "$step")
		tail -n +2 "$step" >"$dir/want"
		if [ "${step%.file}" != "$step" ]; then
			cp "$dir/want" "$cwd/$first"
			ok $? "writes $first"
			continue
		fi
		# Talk and data in the order in which a terminal shows them.
		(
			cd "$cwd" || exit
			eval "$first"
			pwd >"$dir/cwd"
		) >"$dir/got" 2>&1 </dev/null
		cwd=$(cat "$dir/cwd")
		fits "$dir/want" "$dir/got"
		ok $? "$first" || tap_say "$(diff "$dir/want" "$dir/got")"
	done
	[ "$(find "$steps" -name '*.run' | wc -l)" -gt "$2" ]
	ok $? "$1 has steps"
}
follow write-rules.md 20
follow plant-canaries.md 6
done_testing
