# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# tap - the few words that a test in shell needs; sourced, not run.
#
# Owns: the count and the plan. A test calls ok, is, like, run, and ends with
# done_testing; without that line, or after a failed `must`, the plan is short
# and the runner counts a failure.

TAP_COUNT=0
TAP_BAD=0

# ok CONDITION-STATUS NAME: ok $? "the name"
ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	if [ "$1" = 0 ]; then
		printf 'ok %d - %s\n' "$TAP_COUNT" "$2"
		return 0
	fi
	TAP_BAD=$((TAP_BAD + 1))
	printf 'not ok %d - %s\n' "$TAP_COUNT" "$2"
	return 1
}

# check NAME COMMAND…: passes if the command does; tells its output if not.
check() {
	local name=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	ok "$status" "$name" && return 0
	tap_say "$*: exit $status"
	tap_say "$out"
	return 1
}

# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3" && return 0
	tap_say "wanted: $2"
	tap_say "got:    $1"
	return 1
}

# none OUTPUT NAME: passes if there is no output; each line is a violation.
none() {
	[ -z "$1" ]
	ok $? "$2" && return 0
	tap_say "$1"
	return 1
}

tap_say() {
	printf '%s\n' "$1" | sed 's/^/# /'
}

# skip NAME REASON: one test that could not be run.
skip() {
	TAP_COUNT=$((TAP_COUNT + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_COUNT" "$1" "$2"
}

# skip_all REASON: the whole file.
skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

done_testing() {
	printf '1..%d\n' "$TAP_COUNT"
	[ "$TAP_BAD" = 0 ]
	exit
}

# until_true SECONDS COMMAND…: polls, ten times a second; its last status.
until_true() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# tracked PATTERN…: the project's files, by git or, in an archive, by find.
tracked() {
	if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory='*' ls-files -- "$@" |
			while read -r f; do
				[ -e "$f" ] && printf '%s\n' "$f"
			done
	else
		local p
		for p in "$@"; do
			find . -path './build*' -prune -o -path './run' -prune \
				-o -type f -path "./$p" -print
		done | sed 's:^\./::' | sort -u
	fi
}
