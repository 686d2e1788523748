#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# host - what the agent costs a host, and how soon what happens is safe.
#
# Prints "name value unit". Costs are ratios: the same loop with the agent off
# and on, in turn, so that a busy machine slows both alike.
set -u
[ "$(id -u)" = 0 ] || { echo "# host: needs root" >&2; exit 0; }
dir=$(mktemp -d /tmp/chaperone-bench.XXXXXX) || exit 1
chmod 755 "$dir"
WORLD=$dir/w
export WORLD
world() { "$SRC/tests/support/world" "$@"; }
trap 'world down >/dev/null 2>&1; rm -rf "$dir"' EXIT
world up "$WORLD" >"$dir/up" 2>&1 || { cat "$dir/up" >&2; exit 1; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
percentiles() { # NAME: values in microseconds, one a line
	sort -n | awk -v name="$1" '{ v[NR] = $1 }
	END {
		if (NR == 0) { print "# " name ": nothing was measured"; exit }
		printf "%s.p50 %.1f ms\n", name, v[int((NR + 1) / 2)] / 1000
		printf "%s.p99 %.1f ms\n", name, v[int(NR * 0.99 + 0.5)] / 1000
	}'
}

# ---- memory and idle processor time ----
agent_pids() {
	local r
	for r in agent watch capture inspect record ship; do
		world pids agent "$r"
	done
}
ticks() {
	local pid
	for pid in $(agent_pids); do
		sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'
	done | awk '{ s += $1 } END { print s + 0 }'
}
sleep 5 # past the start
a=$(ticks)
sleep 30
b=$(ticks)
awk -v t=$((b - a)) -v hz="$(getconf CLK_TCK)" \
	'BEGIN { printf "host.idle_cpu %.2f %%\n", t / hz / 30 * 100 }'
for pid in $(agent_pids); do
	awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup"
done | awk '{ s += $1 } END { printf "host.idle_pss %.1f MiB\n", s / 1024 }'

# ---- from a read to the durable entry and the receipt ----
world run server sh -c 'mkdir /srv/lag; for i in $(seq 200); do
	echo "card 4532 0151 1283 0366 exp 04/28 $i" >/srv/lag/$i; done
	chmod -R a+rX /srv/lag'
world run server "$B/support/lag" "$WORLD/agent/record/log.db" 25 \
	>"$dir/lag" 2>/dev/null &
lag=$!
world ssh acme1 'for i in $(seq 200); do t=$EPOCHREALTIME
	while read -r line; do :; done </srv/lag/$i
	echo "/srv/lag/$i ${t/./}"; sleep 0.05; done' >"$dir/reads"
wait "$lag"
awk 'FILENAME == ARGV[1] { t[$1] = $2; next }
	$1 == "E" && $3 == "finding" && ($4 in t) && $5 > t[$4] &&
		!($4 in seen) { seen[$4] = 1; print $5 - t[$4] }' \
	"$dir/reads" "$dir/lag" | percentiles host.read_to_finding
awk 'FILENAME == ARGV[1] { t[$1] = $2; next }
	$1 == "E" && $3 == "file" && ($4 in t) && $5 > t[$4] &&
		!($4 in seen) { seen[$4] = 1; print $5 - t[$4] }' \
	"$dir/reads" "$dir/lag" | percentiles host.read_to_durable
awk 'FILENAME == ARGV[1] { t[$1] = $2; next }
	$1 == "E" && $3 == "file" && ($4 in t) && $5 > t[$4] &&
		!($4 in seen) { seen[$4] = 1; wait[$2] = t[$4]; next }
	$1 == "R" { for (s in wait) if (s + 0 < $2) {
		print $3 - wait[s]; delete wait[s] } }' \
	"$dir/reads" "$dir/lag" | percentiles host.read_to_receipt

# ---- a loop of opens, agent off and on ----
world run server sh -c 'mkdir /srv/loop; for i in $(seq 200); do
	echo "line $i" >/srv/loop/$i; done; chmod -R a+rX /srv/loop'
loop() { world ssh acme1 "echo | $B/support/opens /srv/loop 3"; }
# Nobody's: a daemon that was there before the agent.
touch "$dir/others"
world run server sh -c "mkfifo /run/go
	exec '$B/support/opens' /srv/loop 3 <>/run/go >>'$dir/others'" &
daemon=$!
other() {
	local n

	n=$(wc -l <"$dir/others")
	world run server sh -c 'echo >/run/go'
	until [ "$(wc -l <"$dir/others")" -gt "$n" ]; do sleep 0.1; done
	tail -n 1 "$dir/others"
}
# Each sensor in turn with none: kernel programs, and without (plain).
rounds() { # NAME
	local i

	for i in 1 2 3; do
		world stop agent
		loop >>"$dir/off"
		other >>"$dir/other-off"
		world start agent
		loop >>"$dir/$1"
		other >>"$dir/other-$1"
	done
}
ratio() { # NAME FILE FILE COLUMN
	awk -v a="$(cut -d' ' -f"$4" "$2" | median)" -v name="$1" \
		-v b="$(cut -d' ' -f"$4" "$3" | median)" \
		'BEGIN { printf "%s %.2f ratio\n", name, a / b }'
}
rounds programs
world run server sh -c \
	'echo "kernel_programs: false" >>/etc/chaperone/agent.yaml'
rounds plain
world stop agent
world run server sed -i /kernel_programs/d /etc/chaperone/agent.yaml
world start agent
kill "$daemon"
for s in programs plain; do
	# Processor time of the loop itself, and wall time with the agent beside.
	ratio "host.opens_person_cpu_$s" "$dir/off" "$dir/$s" 2
	ratio "host.opens_person_wall_$s" "$dir/off" "$dir/$s" 1
	ratio "host.opens_other_cpu_$s" "$dir/other-off" "$dir/other-$s" 2
	ratio "host.opens_other_wall_$s" "$dir/other-off" "$dir/other-$s" 1
done

# ---- a backlog: entries recorded, and taken in ----
world stop collector
world run server sh -c 'mkdir /srv/bulk; for i in $(seq 4000); do
	echo "card 4532 0151 1283 0366 exp 04/28 $i" >/srv/bulk/$i; done
	chmod -R a+rX /srv/bulk'
entries() { world chaperone status --json | jq ".$1"; }
still() { # until the log has stopped growing
	local a=0 b
	while b=$(entries entries) && [ "$b" != "$a" ]; do a=$b; sleep 1; done
}
still
first=$(entries entries)
start=$EPOCHREALTIME
world ssh acme1 'cat /srv/bulk/*' >/dev/null
while [ "$(world run server sqlite3 -readonly "$WORLD/agent/record/log.db" \
	'SELECT max(seq) FROM entry')" -lt $((first + 8000)) ] &&
	[ "${EPOCHREALTIME%.*}" -lt $((${start%.*} + 60)) ]; do sleep 0.05; done
end=$EPOCHREALTIME
last=$(entries entries)
awk -v n=$((last - first)) -v a="$start" -v b="$end" \
	'BEGIN { printf "host.recorded %.0f entries/s\n", n / (b - a) }'
still
behind=$(($(entries entries) - $(entries receipted)))
world start collector
start=$EPOCHREALTIME
goal=$(entries entries)
while [ "$(entries receipted)" -lt "$goal" ]; do sleep 0.05; done
awk -v n="$behind" -v a="$start" -v b="$EPOCHREALTIME" \
	'BEGIN { printf "collector.taken_in %.0f entries/s\n", n / (b - a) }'
