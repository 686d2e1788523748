#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mtls - whoever comes to the collector's listeners without the right to: each
# is refused with the status that docs/protocol.md tells, nothing is kept, and
# the processes live on.
set -u
. "$SRC/tests/support/tap.sh"

[ "$(id -u)" = 0 ] || skip_all "it takes root to give files to the processes"
for t in curl jq openssl sqlite3 zstd; do
	command -v "$t" >/dev/null || skip_all "$t is not installed"
done

. "$SRC/tests/support/collector.sh"

pids() {
	pid_of front
	pid_of store
	pid_of sign
}

collector_start
ok $? "the collector starts" || { tap_say "$(cat "$W/err")"; done_testing; }
until_true 10 test "$(pids | wc -l)" = 3
before=$(pids)

# ---- who may enrol ----

token=$("$bearer" token "$S")
ok $? "root gets a token"
is "$(status "$A/v1/ca")" 200 "the CA's certificate is for everyone"
cmp -s "$W/body" "$S/ca.crt"
ok $? "and is the CA's"
pin=$(openssl x509 -in "$S/ca.crt" -outform DER | openssl dgst -sha256 -binary |
	base64 | tr '+/' '-_' | tr -d '=')
is "${token#*.}" "$pin" "the token's second half is its digest"
is "$(enrol web "AAAAAAAAAAAAAAAAAAAAAA.x")" 403 "a made-up token"
is "$(enrol web "$token")" 200 "a good token"
jq -e '.cosign_vkey and .agent and .certificate' "$W/body" >/dev/null
ok $? "the answer holds what the protocol says"
openssl verify -CAfile "$S/ca.crt" -purpose sslclient "$W/web.crt" >/dev/null
ok $? "the certificate is the CA's, for a client"
code=$(status "$A/v1/enrol" --data-binary @"$W/web.json")
is "$code $(jq -r .agent "$W/body")" "200 $(cat "$W/web.id")" \
	"the same again, since the answer may have been lost"
is "$(enrol db "$token")" 403 "the token for another host"
is "$(enrol db "$("$bearer" token "$S")")" 200 "a second host"
for body in '' '{' '[]' '{}' 'null' '{"csr":1}' \
	'{"csr":"x","host":"h","token":"t","vkey":"v"}' \
	'{"csr":"x","csr":"x","host":"h","token":"t","vkey":"v"}'; do
	is "$(status "$A/v1/enrol" --data-binary "$body")" 400 \
		"enrol with the body '$body'"
done
head -c 70000 /dev/zero | tr '\0' x >"$W/large"
is "$(status "$A/v1/enrol" --data-binary @"$W/large")" 413 \
	"enrol with more than 64 KiB"
is "$(status "$A/v1/enrol" -H 'Transfer-Encoding: chunked' \
	--data-binary @"$W/web.json")" 400 "a body without its length"
jq -c '.vkey = "none"' "$W/web.json" >"$W/x.json"
is "$(status "$A/v1/enrol" --data-binary @"$W/x.json")" 400 \
	"enrol with a key of a log that is none"

# ---- who may ship ----

# Both halves of what needs a certificate.
for path in /v1/frontier /v1/renew /v1/batch; do
	method=POST
	[ "$path" = /v1/frontier ] && method=GET
	is "$(status -X "$method" "$A$path")" 401 "$path without a certificate"
done

"$bearer" ca "$W/other.ca.key" "$W/other.ca.crt"
"$bearer" cert "$W/other.ca.key" "$W/other.ca.crt" "$W/wrong.key" \
	"$(cat "$W/web.id")" -1 9 >"$W/wrong.crt"
is "$(as wrong "$A/v1/frontier")" 401 "a certificate of another CA"
make_cert() { # NAME ID FROM TO: by the collector's own CA
	"$bearer" cert "$S/sign/ca.key" "$S/sign/ca.crt" "$W/$1.key" "$2" \
		"$3" "$4" >"$W/$1.crt"
}
make_cert expired "$(cat "$W/web.id")" -9 -1
is "$(as expired "$A/v1/frontier")" 401 "an expired certificate"
make_cert early "$(cat "$W/web.id")" 1 9
is "$(as early "$A/v1/frontier")" 401 "a certificate that is not valid yet"
make_cert stolen "$(cat "$W/web.id")" -1 9
is "$(as stolen "$A/v1/frontier")" 403 "the right CA, another key"
make_cert nobody nobody -1 9
is "$(as nobody "$A/v1/frontier")" 403 "the right CA, an agent that is none"
"$bearer" server-cert "$S/sign/ca.key" "$S/sign/ca.crt" "$W/server.key" \
	127.0.0.1 >"$W/server.crt"
is "$(as server "$A/v1/frontier")" 401 "a server's certificate as a client's"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
	-subj "/CN=$(cat "$W/web.id")" -keyout "$W/self.key" -out "$W/self.crt" \
	2>/dev/null
is "$(as self "$A/v1/frontier")" 401 "a certificate of nobody"
is "$(as web "$A/v1/frontier")" 200 "the right one"
is "$(jq -c '[.gen,.next,.receipt]' "$W/body")" '[0,0,""]' \
	"nothing is held yet"

# ---- batches ----

batch web 0 3
is "$(send web)" 200 "a batch"
is "$(jq -c '[.gen,.next]' "$W/body")" '[1,3]' "is held"
jq -r .receipt "$W/body" >"$W/receipt"
grep -q 'web.example-01$' "$W/receipt" && grep -q '^— collector.test ' \
	"$W/receipt"
ok $? "its receipt carries the log's name and the collector's signature"
is "$(send web)" 200 "the same again"
is "$(jq -c '[.gen,.next]' "$W/body")" '[1,3]' "is held once"
batch web 5 2
is "$(send web)" 409 "a batch behind a gap"
is "$(jq -c '[.gen,.next]' "$W/body")" '[1,3]' "is told where to go on"
cp "$W/web.batch" "$W/later.batch"
batch web 3 2
is "$(send web)" 200 "the one before it"
is "$(send web later)" 200 "then the later one"
batch web 4 4 4 9
is "$(send web)" 422 "a fork"
is "$(as web "$A/v1/frontier")" 200 "the frontier"
is "$(jq -c '[.gen,.next]' "$W/body")" '[1,7]' "stands where it was"
cmp -s <(jq -r .receipt "$W/body") "$W/receipt"
is $? 1 "with a newer receipt"
batch db 0 2
is "$(send db)" 200 "another host's batch"
is "$(send web db)" 403 "another host's batch under one's own name"
is "$(db 'SELECT group_concat(kind) FROM (SELECT kind FROM alarm ORDER BY kind)')" \
	foreign,fork "both are alarms"

head -c 5000 /dev/urandom >"$W/noise.batch"
is "$(send web noise)" 400 "noise as a batch"
: >"$W/empty.batch"
is "$(send web empty)" 400 "nothing as a batch"
head -c 200 "$W/db.batch" >"$W/cut.batch"
is "$(send web cut)" 400 "half a batch"
head -c 60000000 /dev/zero | zstd -q >"$W/bomb.batch"
is "$(send web bomb)" 400 "a batch that unpacks to 60 MB"
head -c 18000000 /dev/urandom >"$W/large.batch"
is "$(send web large)" 413 "a batch of 18 MB"
is "$(status "$A/v1/batch" --data-binary @"$W/large.batch")" 401 \
	"the same without a certificate"
is "$(as web "$A/v1/frontier?gen=x")" 400 "a generation that is none"
is "$(as web "$A/v1/frontier?gen=7")" 200 "a generation that is not there"
is "$(jq -c '[.gen,.next]' "$W/body")" '[7,0]' "begins at its start"
is "$(status "$A/")" 404 "no such address"
is "$(status --path-as-is "$A/v1/../v1/ca")" 404 "nor that one"
is "$(as web -X PUT "$A/v1/batch")" 405 "no such method"

# ---- renewal and revocation ----

is "$(as web -X POST "$A/v1/renew")" 200 "a renewal"
jq -r .certificate "$W/body" >"$W/web.crt"
is "$(as web "$A/v1/frontier")" 200 "the new certificate"
"$bearer" revoke "$S" "$(cat "$W/web.id")"
ok $? "root revokes an agent"
is "$(as web "$A/v1/frontier")" 403 "then it is refused"
is "$(send web)" 403 "with its batches"
is "$(as web -X POST "$A/v1/renew")" 403 "and its renewals"
is "$(as db "$A/v1/frontier")" 200 "another is not"

# ---- TLS and HTTP that are none ----

exec 5<>"/dev/tcp/127.0.0.1/$AP" && head -c 3000 /dev/urandom >&5
exec 5>&-
printf 'GET /v1/ca HTTP/1.1\r\nHost: x\r\n\r\n' |
	timeout 20 bash -c "exec 5<>/dev/tcp/127.0.0.1/$AP; cat >&5; cat <&5" \
		>"$W/body" 2>/dev/null
! grep -q CERTIFICATE "$W/body"
ok $? "no answer without TLS"
openssl s_client -connect "127.0.0.1:$AP" -tls1_1 </dev/null >"$W/tls" 2>&1
! grep -q 'Cipher is (TLS\|ECDHE' "$W/tls" || grep -q 'NONE' "$W/tls"
ok $? "no TLS 1.1"
is "$(status -H "X: $(head -c 60000 /dev/zero | tr '\0' x)" "$A/v1/ca")" 431 \
	"a head of 60 KB"

# Connections that never say anything: more of them than one address may have.
# Others are still served, and the silent ones end by themselves.
quiet=()
for i in $(seq 300); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$AP" || break
	quiet+=("$fd")
done
is "$(curl -s -o /dev/null -w '%{http_code}' -m 20 --interface 127.0.0.2 \
	--cacert "$S/ca.crt" "$A/v1/ca")" 200 \
	"a client of another address, beside 300 silent connections"
until_true 40 status "$A/v1/ca" >/dev/null
ok $? "the silent ones are ended, and their address is served again"
for fd in "${quiet[@]}"; do
	exec {fd}>&-
done

# A head that comes byte by byte is cut off.
{
	printf 'GET /v1/ca HTTP/1.1\r\nHost: x\r\nX: '
	for i in $(seq 60); do
		printf x
		sleep 0.5
	done
} | timeout 60 openssl s_client -quiet -connect "127.0.0.1:$AP" \
	-CAfile "$S/ca.crt" >"$W/slow" 2>/dev/null
! grep -q CERTIFICATE "$W/slow"
ok $? "a head that comes byte by byte has no answer"

# ---- the page ----

password=$(sed -n 's/^password  \([^ ]*\).*/\1/p' "$W/out")
is "$(status "$P/")" 401 "the page without a password"
is "$(status -u reviewer:wrong "$P/")" 401 "with a wrong one"
is "$(status -u "reviewerx:$password" "$P/")" 401 "with a wrong name"
is "$(status "$P/v1/batch")" 404 "the agents' addresses are not people's"
is "$(status "$A/login")" 404 "nor the other way round"
is "$(status -H 'Origin: https://evil.example' "$P/login" \
	--data-urlencode "password=$password" -d user=reviewer)" 403 \
	"another site's form"
is "$(status "$P/login" --data-urlencode "password=$password" \
	-d 'user=reviewer&next=//evil.example/' -D "$W/head")" 303 "a login"
grep -qi '^location: /.$' "$W/head"
ok $? "goes to no other site"
grep -qi '^set-cookie: __Host-chaperone=[^;]\{43\}; Path=/; Secure; HttpOnly; SameSite=Strict' \
	"$W/head"
ok $? "its cookie is closed to scripts and other sites"
cookie=$(sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p' "$W/head")
is "$(status -H "Cookie: $cookie" "$P/report")" 400 "a report of nobody"
is "$(status -H "Cookie: $cookie" "$P/report?provider=a&from=yesterday")" 400 \
	"a time that is none"
is "$(status -H "Cookie: $cookie" -X POST "$P/logout")" 303 "a logout"
is "$(status -H "Cookie: $cookie" "$P/report")" 401 "ends the session"
is "$(status -X POST "$P/login" --data-binary @"$W/large")" 413 "a large form"
codes=$(for i in $(seq 14); do
	status -u "reviewer:wrong$i" "$P/"
	echo
done | sort | uniq -c | awk '{print $2}' | paste -sd' ')
is "$codes" "401 429" "passwords cannot be tried without end"
is "$(status -u "reviewer:$password" "$P/")" 429 \
	"then not even the right one, from there"

# ---- what stayed ----

is "$(pids)" "$before" "no process of the collector ended"
is "$(db 'SELECT count(*), count(DISTINCT seq) FROM access WHERE agent_id="'"$(cat "$W/web.id")"'"')" \
	"7|7" "each entry is held once"
collector_stop
! grep -q 'ended by signal\|Sanitizer\|failed:' "$W/err"
ok $? "nothing was ended by a signal" || tap_say "$(cat "$W/err")"
done_testing
