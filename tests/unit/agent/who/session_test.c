/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_test - what a session file and a line of sshd's log say.
 *
 * The keys and certificates are of OpenSSH's own ssh-keygen, and so are the
 * fingerprints (ssh-keygen -lf).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/who/session.h"
#include "lib/actor.h"
#include "lib/str.h"

#include "lib/own.h"

#define ED25519 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIC8jyKy3e38AQI80OfIst5y8Cjm2By0056xRFy2YiJ9g"
#define ED25519_FP "SHA256:1qadaOL+TyrSFNe5zS/XFz16ovI7Pzfw92EGEpYVra8"
#define ED25519_CERT \
	"AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIEqjNUNADubISA4A" \
	"OnAGDXdXsj7sK8xpMCHWGO07lsAKAAAAIC8jyKy3e38AQI80OfIst5y8Cjm2By0056xR" \
	"Fy2YiJ9gAAAAAAAAAAAAAAABAAAAD3Byb3ZpZGVyUDpjYXJvbAAAAAkAAAAFYWNtZTEA" \
	"AAAAawRgLwAAAAB90bSvAAAAAAAAAIIAAAAVcGVybWl0LVgxMS1mb3J3YXJkaW5nAAAA" \
	"AAAAABdwZXJtaXQtYWdlbnQtZm9yd2FyZGluZwAAAAAAAAAWcGVybWl0LXBvcnQtZm9y" \
	"d2FyZGluZwAAAAAAAAAKcGVybWl0LXB0eQAAAAAAAAAOcGVybWl0LXVzZXItcmMAAAAA" \
	"AAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAg9gxn5dBemZpdzngIqWIa844wwJ7ljNED" \
	"Z6oRCVTaO2MAAABTAAAAC3NzaC1lZDI1NTE5AAAAQDTg7JMFe7CB8YUQNlZjYhmEN9ys" \
	"4mRD+awZrryfzP9RTSstQE9oLR983rnAEq601sHRRGtNDTjvafkWXjSshwg="
#define RSA \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQCfEArdzbIx0dQFPYKec5Xv/fwKgUSbxsjE1e38" \
	"//70ja2KolWeNhPF+s59QvvIdskVs28rd5mFq4ViNho/HbcyVAcc8ouDZq3EnhYRI3g4" \
	"fdNJUp70syRDvtnVIIbjdAwPVUoziNX6QymP3ZMQ7RN3q/NtEqmOQDJVU/PEZnKiSw=="
#define RSA_FP "SHA256:zvM7f0ghO+eDZo5ZhenhdFOhUurY2yAvI+VgmHRo3KA"
#define ECDSA_CERT \
	"AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAg2ixD" \
	"51sW7vjUDxb55EaLnNcfKiMG9S4VehOEltbwlakAAAAIbmlzdHAyNTYAAABBBOuN4Xkq" \
	"pxdp6U3IKnAzVi6IoCEzjf1Vbe5hyx1dh8CUuseND1GrPSmNFGrUQSpn+fE/gr0l21SJ" \
	"UDJdQFitRQAAAAAAAAAAAAAAAAEAAAAPcHJvdmlkZXJQOmNhcm9sAAAACQAAAAVhY21l" \
	"MQAAAABrBGAvAAAAAH3RtK8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcA" \
	"AAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1m" \
	"b3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAA" \
	"AAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACD2DGfl0F6Zml3OeAipYhrzjjDAnuWM" \
	"0QNnqhEJVNo7YwAAAFMAAAALc3NoLWVkMjU1MTkAAABAwHoizS0TUWOejMj1lYcAzbrH" \
	"HRsNrhvkgI5BOfI+MYEraqiNATZhXPCwBriyNgY4jS1X7/KgayRN0eyKdMeLCQ=="
#define ECDSA_FP "SHA256:KYrukQ7GtbBjP49PnKTtq8LJevzYlogcFNIiTJowdSE"

#define HEAD "chaperone-session 1\n"

static int
parse(const char *text, struct session *s)
{
	struct diag why = {""};
	int r = session_parse(text, strlen(text), s, &why);

	assert_int_equal(r == 0, why.text[0] == '\0');
	return r;
}

static void
test_whole_file(void **state UNUSED)
{
	struct session s;

	assert_int_equal(
	    parse(HEAD
		"account deploy\nrhost 192.0.2.7\n"
		"connection 192.0.2.7 50022 192.0.2.1 22\ntty ssh\n"
		"service sshd\nloginuid 1004\nsession 51\npid 4711\n"
		"start 99887\nboot_us 5000000\nwall_us 1795500000000000\n"
		"auth publickey ssh-ed25519 " ED25519 "\n",
		&s),
	    0);
	assert_int_equal(s.source, SESSION_PAM);
	assert_string_equal(s.account, "deploy");
	assert_string_equal(s.src_addr, "192.0.2.7");
	assert_string_equal(s.tty, "ssh");
	assert_string_equal(s.method, "publickey");
	assert_string_equal(s.key_fp, ED25519_FP);
	assert_int_equal(s.loginuid, 1004);
	assert_int_equal(s.audit_ses, 51);
	assert_int_equal(s.leader, 4711);
	assert_int_equal(s.start_ticks, 99887);
	assert_int_equal(s.opened.boot_us, 5000000);
	assert_int_equal(s.opened.wall_us, INT64_C(1795500000000000));
	assert_int_equal(s.connection.family, 4);
	assert_int_equal(s.connection.proto, 6);
	assert_int_equal(s.connection.sport, 50022);
	assert_int_equal(s.connection.dport, 22);
	assert_memory_equal(s.connection.src, "\300\0\2\7", 4);
	assert_memory_equal(s.connection.dst, "\300\0\2\1", 4);
}

static void
test_little(void **state UNUSED)
{
	struct session s;

	/* What the kernel or sshd does not tell is unset, not zero. */
	assert_int_equal(parse(HEAD "account a\npid 1\n", &s), 0);
	assert_int_equal(s.loginuid, ACTOR_UNSET);
	assert_int_equal(s.audit_ses, ACTOR_UNSET);
	assert_string_equal(s.key_fp, "");
	assert_string_equal(s.method, "");
	assert_int_equal(s.connection.family, 0);
	/* A newer module may say more. */
	assert_int_equal(
	    parse(HEAD "account a\npid 1\ncolour red\nempty\n", &s), 0);
}

/* Several methods, one behind the other (AuthenticationMethods). */
static void
test_methods(void **state UNUSED)
{
	struct session s;

	assert_int_equal(parse(HEAD "account a\npid 1\n"
				    "auth publickey ssh-rsa " RSA "\n"
				    "auth publickey ssh-ed25519 " ED25519 "\n"
				    "auth password\n",
			     &s),
	    0);
	assert_string_equal(s.method, "publickey+publickey+password");
	assert_string_equal(s.key_fp, RSA_FP); /* the first */
	assert_int_equal(parse(HEAD "account a\npid 1\n"
				    "auth keyboard-interactive\n"
				    "auth password\nauth publickey\n",
			     &s),
	    0);
	assert_string_equal(s.method, "keyboard-interactive+password");
	assert_string_equal(s.key_fp, "");
}

static void
test_connections(void **state UNUSED)
{
	static const char *const BAD[] = {"", "192.0.2.7", "192.0.2.7 1",
	    "192.0.2.7 1 192.0.2.1", "192.0.2.7 1 2001:db8::1 22",
	    "192.0.2.7 65536 192.0.2.1 22", "192.0.2.7 -1 192.0.2.1 22",
	    "fe80::1%eth0 1 fe80::2%eth0 22", "UNKNOWN 1 UNKNOWN 22"};
	struct session s;

	assert_int_equal(
	    parse(HEAD "account a\npid 1\nconnection 2001:db8::7 50022 "
		       "2001:db8::1 22\n",
		&s),
	    0);
	assert_int_equal(s.connection.family, 6);
	assert_int_equal(s.connection.src[15], 7);
	assert_int_equal(s.connection.dport, 22);
	/* Without it the session is known all the same. */
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		char text[256];

		assert_int_equal(
		    str_format(text, sizeof text,
			HEAD "account a\npid 1\nconnection %s\n", BAD[i]),
		    0);
		assert_int_equal(parse(text, &s), 0);
		assert_int_equal(s.connection.family, 0);
	}
}

static void
test_bad_files(void **state UNUSED)
{
	static const char *const BAD[] = {"", "chaperone-session 2\n",
	    HEAD "account a\n", HEAD "pid 1\n", HEAD "account a\npid 1",
	    HEAD "account a\npid 0\n", HEAD "account a\npid -1\n",
	    HEAD "account a\npid 4294967296\n", HEAD "account a\npid x\n",
	    HEAD "account a\npid 1\nloginuid 4294967296\n",
	    HEAD "account a\npid 1\nauth\n",
	    HEAD "account a\npid 1\nauth publickey ssh-rsa !!!\n",
	    HEAD "account a\npid 1\nauth publickey ssh-rsa AAAA\n"};
	char text[8192] = HEAD "account a\npid 1\n";
	struct session s;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(parse(BAD[i], &s), -EBADMSG);
	/* Too many lines, and a name that does not fit. */
	n = strlen(text);
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "x %d\n", i);
	assert_int_equal(parse(text, &s), -EBADMSG);
	(void)snprintf(text, sizeof text, HEAD "account %0100d\npid 1\n", 0);
	assert_int_equal(parse(text, &s), -EBADMSG);
	/* A NUL ends no text. */
	assert_int_equal(
	    session_parse(HEAD "account a\0b\npid 1\n",
		sizeof(HEAD "account a\0b\npid 1\n") - 1, &s, NULL),
	    -EBADMSG);
}

static void
test_fingerprints(void **state UNUSED)
{
	static const struct {
		const char *key, *fp;
	} KEYS[] = {{ED25519, ED25519_FP}, {ED25519_CERT, ED25519_FP},
	    {RSA, RSA_FP}, {ECDSA_CERT, ECDSA_FP}};
	char fp[96];

	for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
		assert_int_equal(
		    session_fingerprint(KEYS[i].key, strlen(KEYS[i].key), fp),
		    0);
		assert_string_equal(fp, KEYS[i].fp);
	}
	/* A certificate that ends within its key. */
	assert_int_equal(session_fingerprint(ED25519_CERT, 96, fp), -EBADMSG);
	assert_int_equal(session_fingerprint("", 0, fp), -EBADMSG);
}

/* ---- sshd's log ---- */

#define PUBLICKEY \
	"Accepted publickey for deploy from 192.0.2.7 port 50022 ssh2: " \
	"ED25519 " ED25519_FP

static int
line(const char *text, struct session *s)
{
	return session_log_line(text, strlen(text), s);
}

static int
setup_clock(void **state UNUSED)
{
	/* 2026-11-24T16:00:00Z */
	static const struct stamp NOW = {
	    UINT64_C(90000000000), INT64_C(1795536000000000)};

	clock_fix(&NOW);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	return 0;
}

static int
teardown_clock(void **state UNUSED)
{
	clock_fix(NULL);
	return 0;
}

static void
test_lines(void **state UNUSED)
{
	struct session s;
	int64_t at;

	assert_int_equal(
	    line("Nov 24 15:59:01 server sshd[4711]: " PUBLICKEY, &s), 1);
	assert_int_equal(s.source, SESSION_LOG);
	assert_int_equal(s.leader, 4711);
	assert_string_equal(s.account, "deploy");
	assert_string_equal(s.src_addr, "192.0.2.7");
	assert_string_equal(s.method, "publickey");
	assert_string_equal(s.key_fp, ED25519_FP);
	assert_int_equal(clock_parse("2026-11-24T15:59:01Z", &at), 0);
	assert_int_equal(s.logged_us, at);
	/* The day of the month is padded by a space. */
	assert_int_equal(
	    line("Nov  4 15:59:01 server sshd[4711]: " PUBLICKEY, &s), 1);
	assert_int_equal(clock_parse("2026-11-04T15:59:01Z", &at), 0);
	assert_int_equal(s.logged_us, at);
	/* December is last year's. */
	assert_int_equal(
	    line("Dec 24 15:59:01 server sshd[4711]: " PUBLICKEY, &s), 1);
	assert_int_equal(clock_parse("2025-12-24T15:59:01Z", &at), 0);
	assert_int_equal(s.logged_us, at);
	/* As rsyslog and journalctl write it today. */
	assert_int_equal(
	    line(
		"2026-11-24T16:59:01.123456+01:00 server sshd[4711]: " PUBLICKEY,
		&s),
	    1);
	assert_int_equal(clock_parse("2026-11-24T15:59:01.123456Z", &at), 0);
	assert_int_equal(s.logged_us, at);
	/* From OpenSSH 9.8 on. */
	assert_int_equal(
	    line("Nov 24 15:59:01 server sshd-session[4711]: " PUBLICKEY, &s),
	    1);
	/* Without a key, and with a certificate. */
	assert_int_equal(
	    line("Nov 24 15:59:01 server sshd[1]: Accepted password "
		 "for ann from 2001:db8::7 port 50022 ssh2",
		&s),
	    1);
	assert_string_equal(s.method, "password");
	assert_string_equal(s.src_addr, "2001:db8::7");
	assert_string_equal(s.key_fp, "");
	assert_int_equal(
	    line("Nov 24 15:59:01 server sshd[1]: Accepted publickey for ann "
		 "from 192.0.2.7 port 50022 ssh2: ED25519-CERT " ED25519_FP
		 " ID carol (serial 0) CA ED25519 SHA256:aaaa",
		&s),
	    1);
	assert_string_equal(s.key_fp, ED25519_FP);
}

/* What others write, or only looks so. */
static void
test_other_lines(void **state UNUSED)
{
	static const char *const OTHERS[] = {"", " ", "sshd[1]: " PUBLICKEY,
	    PUBLICKEY, "Nov 24 15:59:01 server sshd: " PUBLICKEY,
	    "Nov 24 15:59:01 server sshd[]: " PUBLICKEY,
	    "Nov 24 15:59:01 server sshd[0]: " PUBLICKEY,
	    "Nov 24 15:59:01 server sshd[1x]: " PUBLICKEY,
	    "Nov 24 15:59:01 server sshd[4294967296]: " PUBLICKEY,
	    "Nov 24 15:59:01 server su[1]: " PUBLICKEY,
	    "Nov 24 15:59:01 server sshd[1]: Failed password for ann from "
	    "192.0.2.7 port 1 ssh2",
	    "Nov 24 15:59:01 server sshd[1]: Accepted publickey for ann",
	    "Nov 24 15:59:01 server sshd[1]: Accepted publickey from ann",
	    "Nov 32 15:59:01 server sshd[1]: " PUBLICKEY,
	    "Foo 24 15:59:01 server sshd[1]: " PUBLICKEY,
	    /* A message of somebody's own that holds the words. */
	    "Nov 24 15:59:01 server mallory: x sshd[1]: " PUBLICKEY,
	    "Nov 24 15:59:01 server mallory[5]: Nov 24 15:59:01 server "
	    "sshd[1]: " PUBLICKEY};
	struct session s;

	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
		assert_int_equal(line(OTHERS[i], &s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_file),
	    cmocka_unit_test(test_little),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_connections),
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_fingerprints),
	    cmocka_unit_test_setup_teardown(
		test_lines, setup_clock, teardown_clock),
	    cmocka_unit_test_setup_teardown(
		test_other_lines, setup_clock, teardown_clock),
	};

	return cmocka_run_group_tests_name(
	    "agent/who/session", tests, NULL, NULL);
}
