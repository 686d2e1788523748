#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# host_files - every way to a file, on both tiers of the file sensor: a person
# goes each way to a file of its own that holds a card number. What must be in
# the log: a finding, on the very object (device, inode), of that person. Where a
# tier cannot see a way, the table says so, and why; and it must stay so, or the
# table is wrong.
#
# finding: the person's finding on that object; skipped: the person, and that the
# content could not be looked at; file: the person alone; none: nothing. What is
# not a finding, and why:
#   exec: a program that is run is recorded, its content is not looked at; whoever
#     reads it (/proc/PID/exe, too) opens it.
#   rename, link, unlink, truncate: nothing is opened, so no content reaches
#     anybody. What has several names counts as inside under each of them; what
#     was moved out of a watched directory is watched no more.
#   deleted (programs): the ring is read every 50 ms; what was deleted and closed
#     within these is skipped, with the person.
#   taken (base): a descriptor that another process opened, and has still open:
#     the group hears of its end alone.
#   memfd: memory, not a file.
set -u
. "$SRC/tests/support/tap.sh"
. "$SRC/tests/support/journey.sh"

CARD='card 4532 0151 1283 0366 exp 04/28'
BIG=$(printf 'n%.0s' $(seq 250))
DEEP=$(printf "/$BIG%.0s" $(seq 15))

# WAY | programs | base | path | what Ann does with $F, by $T (touch). The path
# is "same" as the file's, or "any" where the way leaves it open; "programs": the
# same on that tier, and on the other only while the way's namespace lives.
WAYS=$(cat <<'END'
open|finding|finding|same|$T open $F
openat2|finding|finding|same|$T openat2 $F
o_path|finding|finding|same|$T o_path $F
handle|finding|finding|same|sudo $T handle $F
o_direct|finding|finding|same|$T o_direct $F
32-bit|finding|finding|same|$T 32-bit $F
mmap|finding|finding|same|$T mmap $F
pread|finding|finding|same|$T pread $F
readv|finding|finding|same|$T readv $F
sendfile|finding|finding|same|$T sendfile $F
splice|finding|finding|same|$T splice $F
copy_file_range|finding|finding|same|$T copy_file_range $F $F.copy
aio|finding|finding|same|$T aio $F
io_uring|finding|finding|same|$T io_uring $F
io_uring-direct|finding|finding|same|$T io_uring-direct $F
io_uring-sqpoll|finding|finding|same|$T io_uring-sqpoll $F
exec|file|file|same|$T exec $F
rename|none|none|any|$T rename $F $F.renamed
link|none|none|any|$T link $F $F.linked
unlink|none|none|any|$T unlink $F
truncate|none|none|any|$T truncate $F
deleted|skipped/finding|finding|any|$T deleted $F
inherited|finding|finding|same|$T inherited - <$F
taken|finding|none|same|sudo $T taken $HOLDER 7
proc-fd|finding|finding|same|sudo cat /proc/$HOLDER/fd/8
proc-root|finding|finding|same|sudo cat /proc/$HOLDER/root$F
symlink|finding|finding|same|ln -s $F ~/way && cat ~/way
hard-link|finding|finding|any|ln $F $F.other && cat $F.other
bind-mount|finding|finding|same|sudo mount --bind /srv/w /mnt && cat /mnt/bind-mount; sudo umount /mnt
overlay|finding|finding|programs|sudo mount -t overlay -o lowerdir=/srv/w:/srv/empty over /mnt && cat /mnt/overlay; sudo umount /mnt
mount-namespace|finding|finding|programs|sudo unshare -m sh -c "mount --bind /srv/w /mnt; cat /mnt/mount-namespace"
user-namespace|finding|finding|programs|unshare -Urm sh -c "mount --bind /srv/w /mnt; cat /mnt/user-namespace"
chroot|finding|finding|programs|sudo unshare -m sh -c "mount --bind / /mnt; mount --bind /srv/w /mnt/opt; chroot /mnt cat /opt/chroot"
container|finding|finding|programs|sudo unshare -mpf sh -c "mount -t proc proc /proc; cat /srv/w/container"
memfd|none|none|any|$T memfd -
name-255|finding|finding|same|cat "$F"
name-bytes|finding|finding|any|cat "$F"
name-lines|finding|finding|same|cat "$F"
path-4000|finding|finding|same|cat "$F"
path-beyond|finding|finding|any|$T steps "$F"
END
)

file_of() {
	case $1 in
	name-255) printf '/srv/w/%s-name-255' "${BIG:0:246}" ;;
	name-bytes) printf '/srv/w/\377\376 \033[2J\200name-bytes' ;;
	name-lines) printf '/srv/w/a\n{"b":"c"}\\name-lines' ;;
	path-4000) printf '/srv/w%s/path-4000' "$DEEP" ;;
	path-beyond) printf '/srv/w%s%s/path-beyond' "$DEEP" "$DEEP" ;;
	*) printf '/srv/w/%s' "$1" ;;
	esac
}

each_way() { # COMMAND: called with the columns of each row
	local way programs base path does
	while IFS='|' read -r way programs base path does; do
		"$1" "$way" "$programs" "$base" "$path" "$does" </dev/null
	done <<<"$WAYS"
}

quoted() { printf '%q' "$1"; }

make_file() {
	printf '%s steps %s %s\n' /run/touch "$(quoted "$(file_of "$1")")" \
		"$(quoted "$CARD $1")"
}

# Each in a shell of its own, whose exit is kept.
make_way() {
	printf 'F=%s\n(%s) >/dev/null 2>/run/out/%s.err; echo $? >/run/out/%s\n' \
		"$(quoted "$(file_of "$1")")" "$5" "$1" "$1"
}

prepare() {
	{
		echo 'set -e; mkdir /srv/w /srv/empty /run/out; cp "$1" /run/touch
			chmod 755 /run/touch; chmod 777 /run/out; umask 022'
		each_way make_file
		echo 'cp /bin/true /srv/w/exec; printf "%s" "$2" >>/srv/w/exec
			chmod 755 /srv/w/exec; chmod -R a+rX /srv/w; chown -R acme1 /srv/w
			exec 7</srv/w/taken 8</srv/w/proc-fd
			sleep 1000 </dev/null >/dev/null 2>&1 &
			echo $! >/run/holder'
	} >"$TMPDIR/prepare"
	world run server bash "$TMPDIR/prepare" "$B/support/touch" "$CARD" \
		</dev/null >"$TMPDIR/prepared" 2>&1
	ok $? "$1: the files are made" || tap_say "$(cat "$TMPDIR/prepared")"
	world run server find /srv/w -type f -printf '%D %i %f\0' |
		tr '\n\0' '_\n' >"$TMPDIR/objects"
}

go() {
	{
		echo 'T=/run/touch HOLDER=$(cat /run/holder)'
		each_way make_way
	} >"$TMPDIR/ways"
	world ssh acme1 bash -s <"$TMPDIR/ways" >"$TMPDIR/gone" 2>&1
	ok $? "$1: Ann goes every way" || tap_say "$(cat "$TMPDIR/gone")"
	world ssh acme1 'cat /srv/shop/one-card.txt' >/dev/null
	recorded '.type == "finding" and .path == "/srv/shop/one-card.txt"' \
		"$1: what came last is recorded"
}

# seen WAY: what the log has of Ann and that object.
seen() {
	local dev ino
	read -r dev ino <<<"$(awk -v n="$1" '
		$3 == n || n ~ /^name-/ &&
		substr($0, length($0) - length(n) + 1) == n { print $1, $2 }' \
		"$TMPDIR/objects" | tail -n 1)"
	jq -c "select(.dev == ${dev:-0} and .ino == ${ino:-0} and
		(.type == \"finding\" or .type == \"file\" or
		.type == \"skipped\"))" "$TMPDIR/all" >"$TMPDIR/seen"
	if grep -q '"type":"finding".*"person":"ann"' "$TMPDIR/seen"; then
		echo finding
	elif grep -q '"type":"skipped".*"person":"ann"' "$TMPDIR/seen"; then
		echo skipped
	elif grep -q '"person":"ann"' "$TMPDIR/seen"; then
		echo file
	else
		echo none
	fi
}

is_one_of() { case /$2/ in */"$1"/*) ;; *) return 1 ;; esac }

as_expected() {
	is_one_of "$(seen "$1")" "$2" && return
	world events >"$TMPDIR/all"
	is_one_of "$(seen "$1")" "$2"
}

# judge WAY EXPECTED PATH TIER
judge() {
	local exit_code got
	exit_code=$(world run server cat "/run/out/$1")
	if [ "$exit_code" = 3 ]; then
		skip "$4: $1" "the kernel or the file system does not have it"
		result[$1]+=" | -"
		return
	fi
	is "$exit_code" 0 "$4: $1: the way is gone to its end" ||
		tap_say "$(world run server cat "/run/out/$1.err")"
	until_true 3 as_expected "$1" "$2"
	got=$(seen "$1")
	is_one_of "$got" "$2"
	ok $? "$4: $1: $2" || tap_say "$got: $(cat "$TMPDIR/seen")"
	result[$1]+=" | $got"
	none "$(jq -c 'select(.person != "ann" and .person != "unknown")' \
		"$TMPDIR/seen")" "$4: $1: nobody else is named"
	case $3:$4:$2 in
	*:none | any:* | programs:base:*) return ;;
	esac
	none "$(jq -r --arg path "$(file_of "$1")" 'select(.person == "ann" and
		.path != $path) | .path' "$TMPDIR/seen" | sort -u)" \
		"$4: $1: it is called what it is called"
}

judge_programs() { judge "$1" "$2" "$4" programs; }
judge_base() { judge "$1" "$3" "$4" base; }

tier() { # NAME
	WORLD=$TMPDIR/$1
	begin
	sensors=$(entries '.type == "cov.start"' | jq -r .sensors | tail -n 1)
	tap_say "$sensors"
	case $1:$sensors in
	# The world's /home is a tmpfs, which does not open by number.
	programs:*"openings: kernel programs;"* | programs:*"openings: /home:"*) ;;
	programs:*)
		skip "the tier of kernel programs" "${sensors#*openings: }"
		world down
		return
		;;
	esac
	prepare "$1"
	go "$1"
	world events >"$TMPDIR/all"
	each_way "judge_$1"
	world down
}

show() { printf '# %-18s%s\n' "$1" "${result[$1]}"; }

declare -A result
tier programs
WORLD_BASE=1 tier base
tap_say "way                | programs | base"
each_way show
done_testing
