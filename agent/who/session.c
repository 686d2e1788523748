/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - what a session file and a line of sshd's log say.
 *
 * Owns: the reading of both formats, and the fingerprint of a key.
 * Never: believes more than it read: a line proves nothing yet, who does that.
 *
 * The session file is written by packaging/pam/pam_chaperone.c, root's: lines
 * "key value", the first is "chaperone-session 1". SSH_AUTH_INFO_0 comes as one
 * line "auth METHOD [TYPE BASE64]" for each method that was passed
 * (OpenSSH, auth2.c and sshd_config(5), ExposeAuthInfo), and SSH_CONNECTION as
 * "connection CLIENT PORT SERVER PORT".
 */
#include "agent/who/session.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/actor.h"
#include "lib/buf.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define KEY_MAX 16384 /* bytes of a key or certificate */
#define LINES_MAX 64
#define DAY_US INT64_C(86400000000)

/* ---- fingerprints ---- */

/*
 * How many strings of a certificate, behind its nonce, are the key itself
 * (OpenSSH, PROTOCOL.certkeys), and the type of that key.
 */
static const struct {
	const char *cert, *plain;
	unsigned parts;
} CERTS[] = {
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1},
    {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2},
    {"rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa", 2},
    {"rsa-sha2-512-cert-v01@openssh.com", "ssh-rsa", 2},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2},
    {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com", 3},
};

/* The key within a certificate, as a plain key; or the key as it came. */
static int
plain_key(const struct buf *blob, struct buf *out)
{
	struct cur c;
	char type[64];

	cur_init(&c, blob->data, blob->len);
	cur_str(&c, type, sizeof type);
	if (c.bad)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_LEN(CERTS); i++) {
		size_t n;

		if (!str_eq(type, CERTS[i].cert))
			continue;
		(void)cur_blob(&c, &n); /* nonce */
		buf_put_str(out, CERTS[i].plain);
		for (unsigned k = 0; k < CERTS[i].parts; k++) {
			const uint8_t *part = cur_blob(&c, &n);

			buf_put_blob(out, part, n);
		}
		return c.bad ? -EBADMSG : buf_error(out);
	}
	buf_put(out, blob->data, blob->len);
	return buf_error(out);
}

int
session_fingerprint(const char *base64, size_t len, char out[96])
{
	OWN(buf_done) struct buf blob = {0}, key = {0}, text = {0};
	uint8_t digest[SEAL_HASH];
	int r;

	buf_init(&blob, KEY_MAX);
	buf_init(&key, KEY_MAX);
	buf_init(&text, 64);
	r = str_unbase64(&blob, base64, len);
	if (r == 0)
		r = plain_key(&blob, &key);
	if (r != 0)
		return r;
	seal_sha256(key.data, key.len, digest);
	str_base64(&text, digest, sizeof digest);
	/* ssh prints it without the padding. */
	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.len--;
	return str_format(out, 96, "SHA256:%s", buf_text(&text)) == 0
		   ? 0
		   : -EBADMSG;
}

/* ---- the file ---- */

static int
add_method(struct session *s, const char *method, size_t len)
{
	size_t have = strlen(s->method);

	/* A chain of methods that is too long is cut behind a whole one. */
	if (len == 0 || len >= sizeof s->method - have - 1)
		return len == 0 ? -EBADMSG : 0;
	if (have > 0)
		s->method[have++] = '+';
	return str_copy_len(
	    s->method + have, sizeof s->method - have, method, len);
}

/* "METHOD [TYPE BASE64]". */
static int
take_auth(struct session *s, const char *value, size_t len)
{
	const char *end = value + len;
	const char *sp = memchr(value, ' ', len);
	const char *key;
	int r = add_method(s, value, sp == NULL ? len : (size_t)(sp - value));

	if (r != 0 || sp == NULL || s->key_fp[0] != '\0')
		return r;
	key = memchr(sp + 1, ' ', (size_t)(end - sp - 1));
	if (key == NULL)
		return 0; /* a method without a key */
	key++;
	sp = memchr(key, ' ', (size_t)(end - key));
	return session_fingerprint(
	    key, (size_t)((sp == NULL ? end : sp) - key), s->key_fp);
}

/* The next word behind @p, which is moved; NULL at the end. */
static const char *
word(const char **p, const char *end, size_t *len)
{
	const char *start = *p, *sp;

	while (start < end && *start == ' ')
		start++;
	sp = memchr(start, ' ', (size_t)(end - start));
	*p = sp == NULL ? end : sp;
	*len = (size_t)(*p - start);
	return *len == 0 ? NULL : start;
}

static bool
is_word(const char **p, const char *end, const char *wanted)
{
	size_t n;
	const char *w = word(p, end, &n);

	return w != NULL && n == strlen(wanted) && memcmp(w, wanted, n) == 0;
}

static bool
copy_word(const char **p, const char *end, char *out, size_t size)
{
	size_t n;
	const char *w = word(p, end, &n);

	return w != NULL && str_copy_len(out, size, w, n) == 0;
}

static bool
take_end(
    const char **p, const char *end, int family, uint8_t *addr, uint16_t *port)
{
	char text[64], number[8];
	uint64_t n;

	if (!copy_word(p, end, text, sizeof text) ||
	    !copy_word(p, end, number, sizeof number) ||
	    inet_pton(family, text, addr) != 1 ||
	    str_u64(number, UINT16_MAX, &n) != 0)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* What cannot be read leaves the session without its connection: an address of
 * a link, say, has a zone behind it. */
static void
take_connection(struct session *s, const char *value, size_t len)
{
	bool six = memchr(value, ':', len) != NULL;
	struct tuple t = {.family = six ? 6 : 4, .proto = 6};
	const char *p = value, *end = value + len;
	int family = six ? AF_INET6 : AF_INET;

	if (take_end(&p, end, family, t.src, &t.sport) &&
	    take_end(&p, end, family, t.dst, &t.dport))
		s->connection = t;
}

struct place {
	const char *key;
	char *text;
	size_t size;
	uint64_t *number;
	uint64_t max;
};

static int
take_line(struct session *s, const struct place *places, size_t n,
    const char *line, size_t len)
{
	const char *sp = memchr(line, ' ', len);
	size_t klen = sp == NULL ? len : (size_t)(sp - line);
	const char *value = sp == NULL ? "" : sp + 1;
	size_t vlen = sp == NULL ? 0 : len - klen - 1;
	char number[32];

	if (klen == 4 && memcmp(line, "auth", 4) == 0)
		return take_auth(s, value, vlen);
	if (klen == 10 && memcmp(line, "connection", 10) == 0) {
		take_connection(s, value, vlen);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (strlen(places[i].key) != klen ||
		    memcmp(places[i].key, line, klen) != 0)
			continue;
		if (places[i].text != NULL)
			return str_copy_len(
			    places[i].text, places[i].size, value, vlen);
		if (str_copy_len(number, sizeof number, value, vlen) != 0)
			return -EBADMSG;
		return str_u64(number, places[i].max, places[i].number);
	}
	return 0; /* a newer module may say more */
}

int
session_parse(
    const void *data, size_t len, struct session *out, struct diag *why)
{
	static const char HEAD[] = "chaperone-session 1\n";
	struct session s = {.source = SESSION_PAM};
	uint64_t loginuid = ACTOR_UNSET, audit = ACTOR_UNSET, pid = 0;
	uint64_t boot = 0, wall = 0;
	const struct place places[] = {
	    {"account", s.account, sizeof s.account, NULL, 0},
	    {"rhost", s.src_addr, sizeof s.src_addr, NULL, 0},
	    {"tty", s.tty, sizeof s.tty, NULL, 0},
	    {"loginuid", NULL, 0, &loginuid, UINT32_MAX},
	    {"session", NULL, 0, &audit, UINT32_MAX},
	    {"pid", NULL, 0, &pid, INT32_MAX},
	    {"start", NULL, 0, &s.start_ticks, INT64_MAX},
	    {"boot_us", NULL, 0, &boot, INT64_MAX},
	    {"wall_us", NULL, 0, &wall, INT64_MAX},
	};
	const char *p = data, *end = p + len;

	if (len < sizeof HEAD - 1 || memcmp(p, HEAD, sizeof HEAD - 1) != 0 ||
	    memchr(p, '\0', len) != NULL)
		return diag_set(why, -EBADMSG, "is no session of version 1");
	p += sizeof HEAD - 1;
	for (int i = 0; i < LINES_MAX && p < end; i++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (nl == NULL)
			return diag_set(why, -EBADMSG, "ends within a line");
		if (take_line(&s, places, ARRAY_LEN(places), p,
			(size_t)(nl - p)) != 0)
			return diag_set(
			    why, -EBADMSG, "line %d cannot be read", i + 2);
		p = nl + 1;
	}
	if (p != end || pid == 0 || s.account[0] == '\0')
		return diag_set(why, -EBADMSG, "lacks a process or account");
	s.leader = (pid_t)pid;
	s.loginuid = (uint32_t)loginuid;
	s.audit_ses = (uint32_t)audit;
	s.opened = (struct stamp){.boot_us = boot, .wall_us = (int64_t)wall};
	*out = s;
	return 0;
}

/* ---- the log ---- */

/* "Nov 24 10:00:00", without a year: the latest that is not in the future. */
static int64_t
parse_old_time(const char *text, size_t len)
{
	struct stamp now = clock_now();
	time_t seconds = (time_t)(now.wall_us / 1000000), t = -1;
	char copy[16];
	struct tm today, tm;
	const char *end;

	if (str_copy_len(copy, sizeof copy, text, len) != 0 ||
	    localtime_r(&seconds, &today) == NULL)
		return 0;
	for (int back = 0; back < 2; back++) {
		tm = (struct tm){
		    .tm_year = today.tm_year - back, .tm_isdst = -1};
		end = strptime(copy, "%b %e %H:%M:%S", &tm);
		if (end == NULL || *end != '\0')
			return 0;
		t = mktime(&tm);
		if (t >= 0 && (int64_t)t * 1000000 <= now.wall_us + DAY_US)
			break;
	}
	return t < 0 ? 0 : (int64_t)t * 1000000;
}

/*
 * The time and the host's name at the head of a line: as rsyslog and
 * journalctl write it ("2026-11-24T10:00:00.123456+01:00 host"), or in the old
 * way ("Nov 24 10:00:00 host"). False if it has neither.
 */
static bool
take_head(const char **p, const char *end, int64_t *logged_us)
{
	char text[48];
	size_t n;
	const char *start = word(p, end, &n);

	*logged_us = 0;
	if (start == NULL || start != *p - n || n == 0)
		return false;
	if (isdigit((unsigned char)*start)) {
		/* A form that is not known leaves the time out. */
		if (str_copy_len(text, sizeof text, start, n) != 0 ||
		    clock_parse(text, logged_us) != 0)
			*logged_us = 0;
	} else {
		for (int i = 0; i < 2; i++)
			if (word(p, end, &n) == NULL)
				return false;
		*logged_us = parse_old_time(start, (size_t)(*p - start));
		if (*logged_us == 0)
			return false;
	}
	return word(p, end, &n) != NULL;
}

/* "sshd[PID]:"; from OpenSSH 9.8 on "sshd-session[PID]:". */
static bool
take_tag(const char **p, const char *end, pid_t *pid)
{
	static const char *const TAGS[] = {"sshd[", "sshd-session["};
	char text[40], *digits = NULL;
	uint64_t v;
	size_t n;

	if (!copy_word(p, end, text, sizeof text))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(TAGS); i++)
		if (str_starts(text, TAGS[i]))
			digits = text + strlen(TAGS[i]);
	if (digits == NULL)
		return false;
	n = strlen(digits);
	if (n < 3 || !str_eq(digits + n - 2, "]:"))
		return false;
	digits[n - 2] = '\0';
	if (str_u64(digits, INT32_MAX, &v) != 0 || v == 0)
		return false;
	*pid = (pid_t)v;
	return true;
}

/*
 * "HEAD sshd[PID]: Accepted METHOD for ACCOUNT from ADDRESS port N ssh2[: TYPE
 * SHA256:…]" (OpenSSH, auth.c, auth_log). An account cannot hold a space. The
 * tag stands where syslog puts it: the same words in a message are just text.
 */
int
session_log_line(const char *line, size_t len, struct session *out)
{
	struct session s = {.source = SESSION_LOG,
	    .loginuid = ACTOR_UNSET,
	    .audit_ses = ACTOR_UNSET};
	const char *p = line, *end = line + len;
	char skip[32];

	if (len == 0 || memchr(line, '\0', len) != NULL ||
	    !take_head(&p, end, &s.logged_us) ||
	    !take_tag(&p, end, &s.leader) || !is_word(&p, end, "Accepted") ||
	    !copy_word(&p, end, s.method, sizeof s.method) ||
	    !is_word(&p, end, "for") ||
	    !copy_word(&p, end, s.account, sizeof s.account) ||
	    !is_word(&p, end, "from") ||
	    !copy_word(&p, end, s.src_addr, sizeof s.src_addr) ||
	    !is_word(&p, end, "port"))
		return 0;
	if (copy_word(&p, end, skip, sizeof skip) &&
	    is_word(&p, end, "ssh2:") &&
	    copy_word(&p, end, skip, sizeof skip) &&
	    (!copy_word(&p, end, s.key_fp, sizeof s.key_fp) ||
		!str_starts(s.key_fp, "SHA256:")))
		s.key_fp[0] = '\0';
	*out = s;
	return 1;
}
