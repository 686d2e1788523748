#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# compiled - what a start keeps for the next one changes no result, whatever
# becomes of it, and is nobody else's.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/compiled-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
export XDG_CACHE_HOME=$dir/cache
kept=$dir/cache/chaperone/compiled
printf '%s\n' 'card 4532 0151 1283 0366 exp 04/28' 'x@mail.example.org' \
	'iban DE89 3704 0044 0532 0130 00' >"$dir/text"
# What it finds, in an order of its own; what it says goes to err.
scan() {
	timeout 100 "$BIN/chaperone" scan --json --rules "${1:-$SRC/rules}" \
		"$dir/text" 2>"$dir/err"
	echo "exit $?"
}
files() { find "$kept" -type f | sort; }
digests() { files | xargs -r sha256sum; }
quiet() { none "$(grep compiled "$dir/err")" "$1"; }

XDG_CACHE_HOME=relative HOME="" scan >"$dir/want"
[ "$(grep -c detector "$dir/want")" -gt 0 ] && grep -qx 'exit 1' "$dir/want"
ok $? "without a place to keep anything all is found"
scan >"$dir/cold"
check "so it is at a first start" cmp "$dir/want" "$dir/cold"
quiet "which says nothing"
if [ -z "$(files)" ]; then
	skip "all else" "nothing was compiled that can be kept (no Vectorscan)"
	done_testing
	exit
fi
first=$(digests)
is "$(find "$dir/cache" -type d ! -perm 700)$(find "$kept" -type f ! -perm 600)" \
	"" "directories are 0700, files 0600"
scan >"$dir/warm"
check "and at the next one" cmp "$dir/want" "$dir/warm"
quiet "which says nothing, either"
is "$(digests)" "$first" "and leaves what it came upon"

# ---- what may become of a file ----
each() { # COMMAND…: on every file
	local f
	for f in $(files); do
		"$@" "$f"
	done
}
halve() { truncate -s "$(($(stat -c %s "$1") / 2))" "$1"; }
empty() { : >"$1"; }
grow() { printf 'x' >>"$1"; }
flip() { # a byte in the middle
	local at=$(($(stat -c %s "$1") / 2)) byte
	byte=$(od -An -tu1 -j "$at" -N 1 "$1")
	printf "\\x$(printf %02x $((byte ^ 255)))" |
		dd of="$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
}
noise() { head -c 100000 /dev/urandom >"$1"; }
open_up() { chmod 644 "$1"; }
linked() { ln -f "$1" "$dir/other-name"; }
turned() { mv "$1" "$dir/elsewhere" && ln -s "$dir/elsewhere" "$1"; }
piped() { rm "$1" && mkfifo -m 600 "$1"; }
foreign() { # the right form and digest, and not a database
	local key
	key=$(basename "$1" .db)
	{
		printf 'chaperone compiled 1\n'
		printf '%s' "$key" | xxd -r -p
		printf '\0\0\0\0\0\0\0\144'
		head -c 100 /dev/zero
	} >"$1.made"
	sha256sum <"$1.made" | cut -d' ' -f1 | xxd -r -p >>"$1.made"
	cat "$1.made" >"$1"
	rm "$1.made"
}
swapped() { # each is the other one
	local list
	mapfile -t list < <(files)
	[ "${#list[@]}" -ge 2 ] || return
	mv "${list[0]}" "$dir/hold" && mv "${list[1]}" "${list[0]}" &&
		mv "$dir/hold" "${list[1]}"
}
for kind in halve empty grow flip noise open_up linked turned piped foreign \
	swapped; do
	if [ "$kind" = swapped ]; then swapped; else each "$kind"; fi
	scan >"$dir/got"
	cmp -s "$dir/want" "$dir/got" && grep -q 'is not used: ' "$dir/err"
	ok $? "$kind: found the same, and said"
	rm -f "$dir/other-name"
	scan >"$dir/got"
	cmp -s "$dir/want" "$dir/got" && ! grep -q compiled "$dir/err"
	ok $? "$kind: made good"
done

# ---- where others may write ----
chmod 777 "$dir/cache/chaperone"
first=$(digests)
scan >"$dir/got"
cmp -s "$dir/want" "$dir/got" && grep -q 'others than its owner' "$dir/err"
ok $? "a directory that others may change is not used"
is "$(digests)" "$first" "and nothing is written there"
chmod 700 "$dir/cache/chaperone"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	as() { setpriv --reuid 65534 --regid 65534 --clear-groups env "$@"; }
	chmod 711 "$dir" "$dir/cache"
	chmod 644 "$dir/text"
	mkdir -m 700 "$dir/theirs" && chown 65534:65534 "$dir/theirs"
	# shellcheck disable=SC2016 # the other shell's
	as BIN="$BIN" sh -c '"$BIN/chaperone" scan --json --rules "$1" "$2"' - \
		"$SRC/rules" "$dir/text" >"$dir/got" 2>"$dir/err"
	if [ -s "$dir/got" ]; then
		echo "exit 1" >>"$dir/got"
		check "another user finds the same" cmp "$dir/want" "$dir/got"
		quiet "and is not told of what is not theirs"
		XDG_CACHE_HOME=$dir/theirs as BIN="$BIN" "$BIN/chaperone" scan \
			--json --rules "$SRC/rules" "$dir/text" >"$dir/got" 2>&1
		is "$(find "$dir/theirs" -type f ! -user 65534)$(
			find "$dir/theirs" -name '*.db' | wc -l)" \
			"$(files | wc -l)" "what they keep is theirs"
		XDG_CACHE_HOME=$dir/theirs scan >"$dir/got"
		cmp -s "$dir/want" "$dir/got" &&
			grep -q 'others than its owner' "$dir/err"
		ok $? "and root does not take it"
	else
		skip "another user" "the build is closed to others"
	fi
fi

# ---- other packs are something else ----
mkdir "$dir/rules"
cp "$SRC"/rules/pci.yaml "$dir/rules/"
before=$(files)
scan "$dir/rules" >"$dir/got"
is "$(comm -12 <(echo "$before") <(files))" "$before" "other packs touch nothing"
[ -n "$(comm -13 <(echo "$before") <(files))" ]
ok $? "and have their own"
scan "$dir/rules" >"$dir/again"
check "which serves them" cmp "$dir/got" "$dir/again"
is "$(grep -rlaE '4532 ?0151|DE89 ?3704' "$dir/cache" | head -n 1)" "" \
	"nothing of what was looked at is kept"
done_testing
