# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# journey - what the end-to-end tests share; sourced after tap.sh.
#
# Owns: one world for a script, below $TMPDIR, and its end.

[ "$(id -u)" = 0 ] || skip_all "needs root: namespaces, mounts, sshd"

WORLD=$TMPDIR/w
export WORLD
world() { "$SRC/tests/support/world" "$@"; }

# begin [OPTION]: the world stands, or the whole file has failed.
begin() {
	local out
	trap 'world down >/dev/null 2>&1' EXIT
	out=$(world up "$WORLD" "$@" 2>&1)
	ok $? "a world stands" && return 0
	tap_say "$out"
	tap_say "$(tail -n 20 "$WORLD"/log/*.log 2>/dev/null)"
	done_testing
}

# entries FILTER: the entries of the server's log that a jq filter selects.
entries() {
	world events | jq -c "select($1)"
}

# some FILTER: there is such an entry.
some() {
	[ -n "$(entries "$1" 2>/dev/null)" ]
}

# recorded FILTER NAME: such an entry comes within 15 s.
recorded() {
	until_true 15 some "$1"
	ok $? "$2" && return 0
	tap_say "no entry with: $1"
	tap_say "$(world events | tail -n 15)"
	return 1
}

# never FILTER NAME: there is none; call it once what came later is recorded.
never() {
	none "$(entries "$1")" "$2"
}

# report PROVIDER JQ: a value of the provider's report.
report() {
	world report "$1" json | jq -r "$2"
}

all_received() {
	[ "$(world chaperone status --json |
		jq -r '.entries > 0 and .receipted == .entries')" = true ]
}

# settled: whatever was recorded has a receipt. Heartbeats come every 30 s.
settled() {
	until_true 40 all_received
}
