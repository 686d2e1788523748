#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# replay - chaperone replay: whatever way a conversation was captured, the same
# streams, bodies and findings come out of it, and what is missing is told.
set -u
. "$SRC/tests/support/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/replay-XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 2
replay() { "$BIN/chaperone" replay --json --rules "$SRC/rules" "$@"; }
mk() { "$B/support/mkpcap" "$@"; }
of() { jq -c "select(.kind == \"$1\")" <<<"$out"; }

# A body with a card number, and its digest.
{
	seq 1 400
	printf 'card 4532 0151 1283 0366 exp 04/28\n'
	seq 1 400
} >body
size=$(stat -c %s body)
digest=$(sha256sum body | cut -d' ' -f1)
head() {
	printf '%s\r\n' 'POST /in?x=1 HTTP/1.1' 'Host: sink.example' "$@" ''
}
{
	head "Content-Length: $size"
	cat body
} >plain
gzip -nc body >body.gz
{
	head 'Content-Encoding: gzip' \
		"Content-Length: $(stat -c %s body.gz)"
	cat body.gz
} >gzip
{
	head 'Transfer-Encoding: chunked'
	split -b 700 body chunk.
	for f in chunk.*; do
		printf '%x\r\n' "$(stat -c %s "$f")"
		cat "$f"
		printf '\r\n'
	done
	printf '0\r\n\r\n'
} >chunked
{
	printf -- '--frontier\r\nContent-Disposition: form-data; name="f"; '
	printf 'filename="list.csv"\r\nContent-Type: text/csv\r\n\r\n'
	cat body
	printf '\r\n--frontier--\r\n'
} >parts
{
	head 'Content-Type: multipart/form-data; boundary=frontier' \
		"Content-Length: $(stat -c %s parts)"
	cat parts
} >multipart
printf 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n' >answer

# What every way of capturing must give.
same() {
	local name=$1 request=$2 got want
	shift 2
	mk "$@" "$request" answer >in.pcap
	out=$(replay in.pcap)
	got="$? $(of stream | jq -c '[.bytes_to_server, .bytes_to_client,
		.gaps]') $(of object | jq -c 'select(.direction == "to_server") |
		[.size, .sha256, .complete]') $(of finding |
		jq -c '[.detector, .count]')"
	want="1 [$(stat -c %s "$request"),$(stat -c %s answer),[]]"
	want="$want [$size,\"$digest\",true] [\"pci.pan\",1]"
	is "$got" "$want" "$name"
}
for r in plain gzip chunked multipart; do
	same "$r" "$r"
	same "$r, IPv6, tiny segments" "$r" --v6 --mss 7
	same "$r, swapped and repeated" "$r" --swap --twice --mss 100
done
for l in vlan qinq sll sll2 raw null; do
	same "link layer $l" chunked --link "$l"
	same "link layer $l, IPv6" chunked --link "$l" --v6
done
same "IP fragments" gzip --fragment 128
same "begun in the middle" plain --no-syn
same "segments of 60,000 bytes" plain --mss 60000

same "the fields of an object" multipart
is "$(of object | jq -c 'select(.direction == "to_server") | [.protocol,
	.method, .uri, .host, .filename]')" \
	'["http/1.1","POST","/in?x=1","sink.example","list.csv"]' \
	"protocol, method, address, host, file name"
is "$(of stream | jq -c '[.src, .sport, .dst, .dport]')" \
	'["10.0.0.1",5000,"10.0.0.2",80]' "the ends of a stream"
is "$(grep -c 4532 <<<"$out")" 0 "no matched byte is printed"
is "$(of finding | jq -c '[.stream, .object]')" \
	"$(of object | jq -c 'select(.direction == "to_server") |
	[.stream, .id]')" "a finding names its stream and object"

# Something is missing.
mk --lose 2 --mss 500 plain answer >gap.pcap
out=$(replay gap.pcap)
is "$(of stream | jq -c .gaps)" \
	'[{"direction":"to_server","offset":500,"bytes":500}]' \
	"a gap has its place and size"
is "$(of object | jq -c 'select(.direction == "to_server") | .complete')" \
	false "a body with a gap is not complete"
is "$(of finding | jq -r .detector)" pci.pan "and what is there is examined"
printf 'nothing\n' >text
mk --lose 1 text '' >lost.pcap
out=$(replay lost.pcap)
is "$?" 8 "nothing found, but not all seen: 8"

# Many streams keep their numbers; files follow each other.
mk --repeat 30 plain answer >many.pcap
out=$(replay --jobs 2 many.pcap gap.pcap)
is "$(of stream | jq .id | sort -n | uniq | wc -l)" 31 \
	"streams have numbers of their own"
is "$(of stream | jq -c 'select(.id == 7) | .sport')" 5006 \
	"in the order in which they appear"
is "$(of finding | wc -l)" 31 "a finding for each"

mk text '' >quiet.pcap
replay quiet.pcap >/dev/null
is "$?" 0 "nothing found exits with 0"
replay --nonsense >/dev/null 2>&1
is "$?" 2 "an unknown option exits with 2"
replay "$dir/none.pcap" >/dev/null 2>&1
is "$?" 2 "a file that is not there exits with 2"
mkdir rules
printf 'pack:\n  idd: x\n' >rules/bad.yaml
"$BIN/chaperone" replay --rules rules quiet.pcap >/dev/null 2>&1
is "$?" 3 "a bad rule exits with 3"

# Broken files: what could be read is told, and where it ends.
command head -c $(($(stat -c %s many.pcap) - 10)) many.pcap >cut.pcap
out=$(replay cut.pcap 2>err)
is "$?" 8 "a cut file exits with 8"
is "$(of finding | wc -l)" 30 "and what was before is told"
grep -q 'cut.pcap: .*broken behind packet' err
ok $? "the error names file and place"
printf 'this is no capture file, but a text\n' >no.pcap
replay no.pcap quiet.pcap >out 2>err
is "$?" 8 "a file of another kind exits with 8"
grep -q 'no.pcap: not a capture file' err && grep -q '"stream"' out
ok $? "is named, and the next one is read"
{
	command head -c 20 quiet.pcap
	printf '\377\0\0\0'
} >link.pcap
replay link.pcap >/dev/null 2>err
is "$?" 8 "a link layer that is not known exits with 8"
grep -q 'link layer .*not supported' err
ok $? "and says so"
is "$("$BIN/chaperone" replay --rules "$SRC/rules" many.pcap 2>/dev/null |
	grep -c '^stream')" 30 "a table for people"

# Captures of others. Streams that consist of bare acknowledgements or resets
# are no conversations of ours, but are counted in the index.
pcaps=${CHAPERONE_SHARED:-}/data/pcaps
if [ ! -r "$pcaps/index.jsonl" ]; then
	skip "the shared captures" "CHAPERONE_SHARED is not there"
	done_testing
fi
agree=0 bad='' differ=''
while read -r file streams; do
	out=$(replay "$pcaps/$file" 2>/dev/null)
	case $? in 0 | 1 | 8) ;; *) bad="$bad $file" ;; esac
	if [ "$(of stream | wc -l)" = "$streams" ]; then
		agree=$((agree + 1))
	else
		differ="$differ $file"
	fi
	case $file in http-evader*)
		# Each brings this file, by ways that receivers read differently.
		of object | grep -q 275a021bbfb6489e54d471899f7db9d1663fc695ec2 ||
			bad="$bad $file"
		;;
	esac
done < <(jq -r '[.file, .tcp_streams] | @tsv' "$pcaps/index.jsonl")
none "$bad" "every capture is read, and every evasion gives its file"
[ "$agree" -ge 98 ]
ok $? "as many streams as a second reader counts, in $agree files" ||
	tap_say "different:$differ"
done_testing
