/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer - plays parts in tests of the collector: root at its control socket,
 * a host's log, a certificate authority that makes what it is told.
 *
 *   bearer token STATE            prints a token
 *   bearer revoke STATE AGENT
 *   bearer log KEY NAME           makes KEY if there is none, prints the vkey
 *   bearer batch KEY NAME GEN FIRST COUNT FORK_AT TURN OUT
 *   bearer batches KEY NAME GEN COUNT N DIR     N batches, DIR/00000 and on
 *   bearer csr KEY HOST           makes KEY, prints a request
 *   bearer cert CA_KEY CA_CRT KEY ID FROM TO    makes KEY; days from now
 *   bearer server-cert CA_KEY CA_CRT KEY NAME   the same, for a server
 *   bearer ca KEY CRT             a certificate authority of its own
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/ipc.h"
#include "lib/pki.h"
#include "tests/support/history.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)

NORETURN static void
fail(const char *what)
{
	(void)fprintf(stderr, "bearer: %s\n", what);
	exit(1);
}

static uint64_t
number(const char *text)
{
	uint64_t v = 0;

	if (str_u64(text, UINT64_MAX, &v) != 0)
		fail("a number is none");
	return v;
}

/* Days from now, which may lie behind us. */
static int64_t
day(const char *text)
{
	bool ago = text[0] == '-';
	int64_t days = (int64_t)(number(text + (ago ? 1 : 0)) % 100000);

	return clock_now().wall_us + (ago ? -days : days) * DAY_US;
}

static void
keep(const char *path, struct buf *b)
{
	const struct file_mode m = {.mode = 0600, .uid = (uid_t)-1};

	if (buf_error(b) != 0 || file_write(path, b->data, b->len, &m, NULL))
		fail(path);
}

/* ---- root at the control socket ---- */

static int
ask(const char *state, uint32_t type, const struct buf *m)
{
	static struct ipc_in in;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char error[WIRE_ERROR_MAX], token[256];
	OWN_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct cur c;
	uint32_t err;
	ssize_t n;

	if (str_format(at.sun_path, sizeof at.sun_path, "%s/control.sock",
		state) != 0 ||
	    connect(fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
	    ipc_send_buf(fd, type, m, -1) != 0)
		fail("no collector is there");
	/* Waits for it; the frame itself is read by ipc_recv. */
	n = recv(fd, in.data, 1, MSG_PEEK);
	if (n <= 0 || ipc_recv(fd, &in) != 1 || in.type != WIRE_DONE)
		fail("the collector hung up");
	cur_init(&c, in.data, in.len);
	(void)cur_u64(&c);
	err = cur_u32(&c);
	cur_str(&c, error, sizeof error);
	cur_str(&c, token, sizeof token);
	if (cur_end(&c) != 0 || err != 0)
		fail(error);
	if (token[0] != '\0')
		(void)printf("%s\n", token);
	return 0;
}

static int
do_token(char **argv)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_u64(&m, 1);
	buf_put_u64(&m, 600);
	return ask(argv[0], WIRE_TOKEN, &m);
}

static int
do_revoke(char **argv)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 256);
	buf_put_u64(&m, 1);
	buf_put_str(&m, argv[1]);
	buf_put_str(&m, "a test");
	return ask(argv[0], WIRE_REVOKE, &m);
}

/* ---- a host's log ---- */

static void
open_log(const char *path, const char *name, struct history *h)
{
	struct seal_key *key = NULL;

	if (access(path, F_OK) != 0) {
		if (seal_key_new(&key) != 0 ||
		    seal_key_save(key, path, NULL) != 0)
			fail(path);
	} else if (seal_key_load(path, &key, NULL) != 0) {
		fail(path);
	}
	history_take(h, key, name);
}

static int
do_log(char **argv)
{
	OWN(history_done) struct history h = {0};

	open_log(argv[0], argv[1], &h);
	(void)printf("%s\n", h.text);
	return 0;
}

static int
do_batch(char **argv)
{
	OWN(history_done) struct history h = {0};
	OWN(buf_done) struct buf b = {0};

	open_log(argv[0], argv[1], &h);
	h.gen = (uint32_t)number(argv[2]);
	h.fork_at = number(argv[5]);
	h.turn = number(argv[6]);
	history_batch(&h, number(argv[3]), (uint32_t)number(argv[4]), &b);
	keep(argv[7], &b);
	return 0;
}

static int
do_batches(char **argv)
{
	OWN(history_done) struct history h = {0};
	uint32_t count = (uint32_t)number(argv[3]);
	uint64_t n = number(argv[4]);

	open_log(argv[0], argv[1], &h);
	h.gen = (uint32_t)number(argv[2]);
	for (uint64_t i = 0; i < n; i++) {
		OWN(buf_done) struct buf b = {0};
		char path[4096];

		history_batch(&h, i * count, count, &b);
		must(str_format(
			 path, sizeof path, "%s/%05" PRIu64, argv[5], i) == 0);
		keep(path, &b);
	}
	return 0;
}

/* ---- certificates ---- */

static struct pki_key *
new_key(const char *path)
{
	OWN(buf_wipe) struct buf pem = {0};
	struct pki_key *k = NULL;

	buf_init(&pem, PKI_PEM_MAX);
	if (pki_key_new(&k) != 0 || pki_key_print(k, &pem) != 0)
		fail("no key");
	keep(path, &pem);
	return k;
}

static int
do_csr(char **argv)
{
	OWN(pki_key_freep) struct pki_key *k = new_key(argv[0]);
	OWN(buf_done) struct buf pem = {0};

	buf_init(&pem, PKI_PEM_MAX);
	if (pki_csr_new(k, argv[1], &pem) != 0)
		fail("no request");
	(void)printf("%s", buf_text(&pem));
	return 0;
}

struct authority {
	struct pki_key *key;
	struct pki_cert *cert;
};

static void
authority_done(struct authority *a)
{
	pki_key_free(a->key);
	pki_cert_free(a->cert);
}

static void
open_authority(char **argv, struct authority *a)
{
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert = {0};

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	if (file_read(argv[0], &key, NULL) != 0 ||
	    file_read(argv[1], &cert, NULL) != 0 ||
	    pki_key_parse(key.data, key.len, &a->key, NULL) != 0 ||
	    pki_cert_parse(cert.data, cert.len, &a->cert, NULL) != 0)
		fail("no authority");
}

static void
print_cert(const struct pki_cert *c)
{
	OWN(buf_done) struct buf pem = {0};

	buf_init(&pem, PKI_PEM_MAX);
	if (pki_cert_print(c, &pem) != 0)
		fail("no certificate");
	(void)printf("%s", buf_text(&pem));
}

static int
do_cert(char **argv)
{
	OWN(authority_done) struct authority a = {0};
	OWN(pki_key_freep) struct pki_key *k = new_key(argv[2]);
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(buf_done) struct buf der = {0};
	const struct pki_span when = {
	    .from_us = day(argv[4]), .to_us = day(argv[5])};

	open_authority(argv, &a);
	buf_init(&der, PKI_PUBLIC_MAX);
	if (pki_key_public(k, &der) != 0 ||
	    pki_agent_new(
		a.cert, a.key, argv[3], der.data, der.len, &when, &c) != 0)
		fail("no certificate");
	print_cert(c);
	return 0;
}

static int
do_server_cert(char **argv)
{
	OWN(authority_done) struct authority a = {0};
	OWN(pki_key_freep) struct pki_key *k = new_key(argv[2]);
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	const struct pki_span when = {.from_us = day("-1"), .to_us = day("9")};

	open_authority(argv, &a);
	if (pki_server_new(a.cert, a.key, k,
		(const char *const[]){argv[3], NULL}, &when, &c) != 0)
		fail("no certificate");
	print_cert(c);
	return 0;
}

static int
do_ca(char **argv)
{
	OWN(pki_key_freep) struct pki_key *k = new_key(argv[0]);
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(buf_done) struct buf pem = {0};
	const struct pki_span when = {.from_us = day("-1"), .to_us = day("9")};

	buf_init(&pem, PKI_PEM_MAX);
	if (pki_ca_new(k, "Another CA", &when, &c) != 0 ||
	    pki_cert_print(c, &pem) != 0)
		fail("no authority");
	keep(argv[1], &pem);
	return 0;
}

static const struct verb {
	const char *name;
	int args;
	int (*run)(char **argv);
} VERBS[] = {
    {"token", 1, do_token},
    {"revoke", 2, do_revoke},
    {"log", 2, do_log},
    {"batch", 8, do_batch},
    {"batches", 6, do_batches},
    {"csr", 2, do_csr},
    {"cert", 6, do_cert},
    {"server-cert", 4, do_server_cert},
    {"ca", 2, do_ca},
};

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(VERBS); i++)
		if (str_eq(argv[1], VERBS[i].name) && argc == 2 + VERBS[i].args)
			return VERBS[i].run(argv + 2);
	fail("see the head of its source");
}
