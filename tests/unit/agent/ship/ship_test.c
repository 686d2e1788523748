/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ship_test - the client against a real HTTPS server, and against those that
 * are not what they should be; the answers; the files of an enrolment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/ship/ship.h"
#include "lib/file.h"
#include "lib/jail.h"
#include "tests/unit/agent/ship/server.h"

#include "lib/own.h"

static struct authority ours, other;
static struct identity served, agent, stranger;
static const char *const NAMES[] = {"localhost", "127.0.0.1", NULL};
static const char *const ELSEWHERE[] = {"elsewhere.example", NULL};

/* ---- what the server says ------------------------------------------------ */

struct script {
	enum reply_how how;
	unsigned status;
	const char *body;
	const char *location;
	size_t fill; /* so many bytes in place of a body */
	bool ask_certificate; /* 401 without one */
	/* What was asked last. */
	char method[16], path[64], gen[24], type[64];
	size_t len;
	bool certified;
	unsigned asked;
};

static void
on_asked(void *ctx, const struct asked *q, struct reply *r)
{
	struct script *s = ctx;
	uint8_t *room;

	must(str_copy(s->method, sizeof s->method, q->method) == 0);
	must(str_copy(s->path, sizeof s->path, q->path) == 0);
	must(str_copy(s->gen, sizeof s->gen, q->gen) == 0);
	must(str_copy(s->type, sizeof s->type, q->type) == 0);
	s->len = q->body.len;
	s->certified = q->certified;
	s->asked++;
	r->how = s->how;
	r->status = s->status;
	if (s->ask_certificate && !q->certified) {
		r->status = 401;
		buf_printf(&r->body, "{\"error\":\"a certificate is needed\"}");
		return;
	}
	if (s->location != NULL)
		must(str_copy(r->location, sizeof r->location, s->location) ==
		     0);
	if (s->body != NULL)
		buf_printf(&r->body, "%s", s->body);
	if (s->fill > 0) {
		room = buf_grow(&r->body, s->fill);
		must(room != NULL);
		memset(room, ' ', s->fill);
	}
}

static const char GOOD[] = "{\"gen\":3,\"next\":42,\"receipt\":\"a note\\n\"}";

/* Asks once; the answer is the caller's to free. */
static int
ask(struct server *srv, const struct identity *who, const struct buf *ca,
    const struct ship_request *q, struct ship_answer *a, struct diag *why)
{
	const struct ship_options o = {.url = srv->url,
	    .ca = ca,
	    .cert = who != NULL ? &who->cert : NULL,
	    .key = who != NULL ? &who->key : NULL,
	    .total_ms = 1500};
	OWN(ship_freep) struct ship *s = NULL;

	assert_int_equal(ship_new(&o, &s, why), 0);
	return ship_do(s, q, a, why);
}

static const struct ship_request FRONTIER = {.what = SHIP_FRONTIER};

/* One server for one script; returns what ship_do does. */
static int
once(struct script *script, const struct identity *who,
    const struct identity *server, const struct ship_request *q,
    struct ship_answer *a, struct diag *why)
{
	struct server srv = {.answer = on_asked, .ctx = script};
	int r;

	server_start(&srv, 0, server, &ours.pem, NULL);
	r = ask(&srv, who, &ours.pem, q, a, why);
	server_stop(&srv);
	return r;
}

/* ---- the good path ------------------------------------------------------- */

static void
the_frontier_is_asked(void **state UNUSED)
{
	struct script s = {
	    .status = 200, .body = GOOD, .ask_certificate = true};
	const struct ship_request of = {
	    .what = SHIP_FRONTIER, .gen_given = true, .gen = 7};
	struct ship_answer a = {0};
	struct diag why = {0};

	assert_int_equal(once(&s, &agent, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 200);
	assert_true(a.placed);
	assert_int_equal(a.gen, 3);
	assert_int_equal(a.next, 42);
	assert_string_equal(buf_text(&a.receipt), "a note\n");
	assert_string_equal(s.method, "GET");
	assert_string_equal(s.path, "/v1/frontier");
	assert_string_equal(s.gen, "");
	assert_true(s.certified);
	assert_int_equal(once(&s, &agent, &served, &of, &a, &why), 0);
	assert_string_equal(s.gen, "7");
	ship_answer_done(&a);
}

static void
a_batch_is_posted(void **state UNUSED)
{
	OWN(buf_done) struct buf body = {0};
	struct script s = {
	    .status = 200, .body = GOOD, .ask_certificate = true};
	struct ship_answer a = {0};
	struct diag why = {0};
	uint8_t *room;

	/* More than one record of TLS, and more than a socket's buffer. */
	buf_init(&body, 8 << 20);
	room = buf_grow(&body, 8 << 20);
	assert_non_null(room);
	memset(room, 'z', 8 << 20);
	const struct ship_request q = {
	    .what = SHIP_BATCH, .body = body.data, .len = body.len};
	assert_int_equal(once(&s, &agent, &served, &q, &a, &why), 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(s.len, 8 << 20);
	assert_string_equal(s.method, "POST");
	assert_string_equal(s.path, "/v1/batch");
	assert_string_equal(s.type, "application/zstd");
	ship_answer_done(&a);
}

/* A POST, a GET and a POST on one client: nothing of one is in the next. */
static void
requests_do_not_mix(void **state UNUSED)
{
	struct script s = {.status = 200, .body = GOOD};
	struct server srv = {.answer = on_asked, .ctx = &s};
	const struct ship_request batch = {
	    .what = SHIP_BATCH, .body = "xyz", .len = 3};
	OWN(ship_freep) struct ship *c = NULL;
	struct ship_answer a = {0};
	struct diag why = {0};

	server_start(&srv, 0, &served, &ours.pem, NULL);
	const struct ship_options o = {.url = srv.url,
	    .ca = &ours.pem,
	    .cert = &agent.cert,
	    .key = &agent.key};
	assert_int_equal(ship_new(&o, &c, &why), 0);
	assert_int_equal(ship_do(c, &batch, &a, &why), 0);
	assert_int_equal(s.len, 3);
	assert_int_equal(ship_do(c, &FRONTIER, &a, &why), 0);
	assert_string_equal(s.method, "GET");
	assert_string_equal(s.type, "");
	assert_int_equal(s.len, 0);
	assert_int_equal(ship_do(c, &batch, &a, &why), 0);
	assert_string_equal(s.method, "POST");
	assert_int_equal(s.len, 3);
	s.body = "{\"agent\":\"h-1\",\"certificate\":\"pem\"}";
	assert_int_equal(
	    ship_do(c, &(struct ship_request){.what = SHIP_RENEW}, &a, &why),
	    0);
	assert_string_equal(s.path, "/v1/renew");
	assert_int_equal(s.len, 0);
	assert_string_equal(a.agent, "h-1");
	server_stop(&srv);
	ship_answer_done(&a);
}

static void
the_ca_comes_without_trust(void **state UNUSED)
{
	struct script s = {.status = 200};
	struct server srv = {.answer = on_asked, .ctx = &s};
	struct ship_answer a = {0};
	struct diag why = {0};

	s.body = buf_text(&ours.pem);
	server_start(&srv, 0, &served, &ours.pem, NULL);
	assert_int_equal(ask(&srv, NULL, NULL,
			     &(struct ship_request){.what = SHIP_CA}, &a, &why),
	    0);
	server_stop(&srv);
	assert_string_equal(s.path, "/v1/ca");
	assert_string_equal(buf_text(&a.pem), buf_text(&ours.pem));
	ship_answer_done(&a);
}

/* ---- servers that are not who they should be ----------------------------- */

static void
refused_server(
    const struct identity *server, const struct buf *ca, const char *word)
{
	struct script s = {.status = 200, .body = GOOD};
	struct server srv = {.answer = on_asked, .ctx = &s};
	struct ship_answer a = {0};
	struct diag why = {0};

	server_start(&srv, 0, server, &ours.pem, NULL);
	assert_int_equal(
	    ask(&srv, &agent, ca, &FRONTIER, &a, &why), -EKEYREJECTED);
	server_stop(&srv);
	/* Nothing was said to it. */
	assert_int_equal(s.asked, 0);
	if (strstr(why.text, word) == NULL)
		fail_msg("no \"%s\" in \"%s\"", word, why.text);
	ship_answer_done(&a);
}

static void
another_ca_is_refused(void **state UNUSED)
{
	refused_server(&served, &other.pem, "certificate");
}

static void
an_expired_server_is_refused(void **state UNUSED)
{
	struct identity old = {0};

	identity_server(&ours, NAMES, days(-9, -1), &old);
	refused_server(&old, &ours.pem, "expired");
	identity_done(&old);
}

static void
another_host_is_refused(void **state UNUSED)
{
	struct identity elsewhere = {0};

	identity_server(&ours, ELSEWHERE, days(-1, 9), &elsewhere);
	refused_server(&elsewhere, &ours.pem, "127.0.0.1");
	identity_done(&elsewhere);
}

/* An agent of the same CA is no collector. */
static void
an_agent_is_no_server(void **state UNUSED)
{
	refused_server(&agent, &ours.pem, "purpose");
}

static void
an_old_tls_is_refused(void **state UNUSED)
{
	struct script s = {.status = 200, .body = GOOD};
	struct server srv = {.answer = on_asked, .ctx = &s};
	struct ship_answer a = {0};
	struct diag why = {0};

	server_start(&srv, 0, &served, &ours.pem,
	    "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT");
	assert_true(ask(&srv, &agent, &ours.pem, &FRONTIER, &a, &why) < 0);
	server_stop(&srv);
	assert_int_equal(s.asked, 0);
	ship_answer_done(&a);
}

static void
tls_1_2_will_do(void **state UNUSED)
{
	struct script s = {
	    .status = 200, .body = GOOD, .ask_certificate = true};
	struct server srv = {.answer = on_asked, .ctx = &s};
	struct ship_answer a = {0};
	struct diag why = {0};

	server_start(
	    &srv, 0, &served, &ours.pem, "NORMAL:-VERS-ALL:+VERS-TLS1.2");
	assert_int_equal(ask(&srv, &agent, &ours.pem, &FRONTIER, &a, &why), 0);
	server_stop(&srv);
	assert_int_equal(a.status, 200);
	ship_answer_done(&a);
}

/* ---- certificates of agents ---------------------------------------------- */

static void
a_certificate_is_demanded(void **state UNUSED)
{
	struct script s = {
	    .status = 200, .body = GOOD, .ask_certificate = true};
	struct identity old = {0};
	struct ship_answer a = {0};
	struct diag why = {0};

	identity_agent(&ours, "h-old", days(-9, -1), &old);
	assert_int_equal(once(&s, NULL, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 401);
	assert_string_equal(a.error, "a certificate is needed");
	assert_false(a.placed);
	assert_int_equal(once(&s, &stranger, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 401);
	assert_int_equal(once(&s, &old, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 401);
	assert_int_equal(once(&s, &agent, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 200);
	identity_done(&old);
	ship_answer_done(&a);
}

/* ---- answers that are none ----------------------------------------------- */

static void
an_oversized_answer_is_cut_off(void **state UNUSED)
{
	struct script s = {.status = 200, .fill = SHIP_ANSWER_MAX + 1};
	struct ship_answer a = {0};
	struct diag why = {0};

	assert_int_equal(
	    once(&s, &agent, &served, &FRONTIER, &a, &why), -EMSGSIZE);
	/* Also where the length was not said before. */
	s.how = REPLY_CUT;
	s.fill *= 4;
	assert_int_equal(
	    once(&s, &agent, &served, &FRONTIER, &a, &why), -EMSGSIZE);
	ship_answer_done(&a);
}

static void
a_truncated_answer_is_a_lost_one(void **state UNUSED)
{
	struct script s = {.how = REPLY_CUT, .status = 200, .body = GOOD};
	struct ship_answer a = {0};
	struct diag why = {0};

	assert_int_equal(
	    once(&s, &agent, &served, &FRONTIER, &a, &why), -ECONNRESET);
	s.how = REPLY_DROP;
	assert_int_equal(
	    once(&s, &agent, &served, &FRONTIER, &a, &why), -ECONNRESET);
	ship_answer_done(&a);
}

static void
garbage_is_refused(void **state UNUSED)
{
	static const char *const BAD[] = {"", "garbage", "[1,2]", "{}", "null",
	    "{\"gen\":3,\"next\":42}", "{\"gen\":3,\"next\":42,\"receipt\":1}",
	    "{\"gen\":-1,\"next\":42,\"receipt\":\"\"}",
	    "{\"gen\":4294967296,\"next\":42,\"receipt\":\"\"}",
	    "{\"gen\":1,\"next\":9007199254740992,\"receipt\":\"\"}",
	    "{\"gen\":1.5,\"next\":4,\"receipt\":\"\"}",
	    "{\"gen\":1,\"gen\":1,\"next\":4,\"receipt\":\"\"}",
	    "{\"gen\":1,\"next\":4,\"receipt\":\"\"} x",
	    "{\"gen\":1,\"next\":4,\"receipt\":\"a\\u0000b\"}"};
	struct script s = {.status = 200};
	struct ship_answer a = {0};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct diag why = {0};

		s.body = BAD[i];
		assert_int_equal(
		    once(&s, &agent, &served, &FRONTIER, &a, &why), -EBADMSG);
		assert_string_not_equal(why.text, "");
	}
	ship_answer_done(&a);
}

static void
statuses_are_handed_on(void **state UNUSED)
{
	struct script s = {.status = 409,
	    .body = "{\"error\":\"it begins behind 5\",\"gen\":1,\"next\":5,"
		    "\"receipt\":\"\"}"};
	const struct ship_request q = {
	    .what = SHIP_BATCH, .body = "x", .len = 1};
	struct ship_answer a = {0};
	struct diag why = {0};

	assert_int_equal(once(&s, &agent, &served, &q, &a, &why), 0);
	assert_int_equal(a.status, 409);
	assert_true(a.placed);
	assert_int_equal(a.next, 5);
	assert_string_equal(a.error, "it begins behind 5");
	s.status = 422;
	s.body = "{\"error\":\"a fork\\u001b[2J\"}";
	assert_int_equal(once(&s, &agent, &served, &q, &a, &why), 0);
	assert_int_equal(a.status, 422);
	assert_false(a.placed);
	assert_string_equal(a.error, "a fork\\x1b[2J");
	/* A proxy's page is no JSON, and no fault. */
	s.status = 503;
	s.body = "<html>";
	assert_int_equal(once(&s, &agent, &served, &q, &a, &why), 0);
	assert_int_equal(a.status, 503);
	assert_string_equal(a.error, "");
	ship_answer_done(&a);
}

static void
a_redirect_is_not_followed(void **state UNUSED)
{
	struct script there = {.status = 200, .body = GOOD},
		      s = {.status = 302};
	struct server to = {.answer = on_asked, .ctx = &there};
	struct ship_answer a = {0};
	struct diag why = {0};
	char location[128];

	server_start(&to, 0, &served, &ours.pem, NULL);
	must(str_format(location, sizeof location, "%s/v1/frontier", to.url) ==
	     0);
	s.location = location;
	assert_int_equal(once(&s, &agent, &served, &FRONTIER, &a, &why), 0);
	assert_int_equal(a.status, 302);
	assert_int_equal(there.asked, 0);
	server_stop(&to);
	ship_answer_done(&a);
}

static void
a_slow_server_is_given_up(void **state UNUSED)
{
	struct script s = {.how = REPLY_HANG, .status = 200, .body = GOOD};
	struct ship_answer a = {0};
	struct diag why = {0};

	assert_int_equal(
	    once(&s, &agent, &served, &FRONTIER, &a, &why), -ETIMEDOUT);
	assert_int_equal(s.asked, 1);
	ship_answer_done(&a);
}

static void
nobody_listens(void **state UNUSED)
{
	struct script s = {.status = 200};
	struct server srv = {.answer = on_asked, .ctx = &s};
	struct ship_answer a = {0};
	struct diag why = {0};

	server_start(&srv, 0, &served, &ours.pem, NULL);
	server_stop(&srv);
	assert_int_equal(
	    ask(&srv, &agent, &ours.pem, &FRONTIER, &a, &why), -ECONNREFUSED);
	ship_answer_done(&a);
}

/* While a request hangs, another descriptor still wakes the caller, and the
 * end does not wait for an answer. */
static void
others_are_heard_meanwhile(void **state UNUSED)
{
	struct script s = {.how = REPLY_HANG};
	struct server srv = {.answer = on_asked, .ctx = &s};
	OWN(ship_freep) struct ship *c = NULL;
	struct diag why = {0};
	struct pollfd p[2];
	char one;
	int pipes[2];

	server_start(&srv, 0, &served, &ours.pem, NULL);
	const struct ship_options o = {.url = srv.url, .ca = &ours.pem};
	assert_int_equal(ship_new(&o, &c, &why), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	p[0] = (struct pollfd){.fd = -1, .events = POLLIN};
	p[1] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	assert_int_equal(ship_wait(c, p, 2, 0), 0);
	assert_int_equal(ship_start(c, &FRONTIER), 0);
	while (s.asked == 0)
		assert_int_equal(ship_wait(c, p, 2, 10), 0);
	assert_int_equal(p[1].revents, 0);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(ship_wait(c, p, 2, 60000), 0);
	assert_int_equal(p[1].revents, POLLIN);
	assert_true(ship_busy(c));
	/* A hang-up, too. */
	assert_int_equal(read(pipes[0], &one, 1), 1);
	close(pipes[1]);
	assert_int_equal(ship_wait(c, p, 2, 60000), 0);
	assert_int_equal(p[1].revents, POLLHUP);
	close(p[1].fd);
	ship_free(OWN_TAKE(&c));
	server_stop(&srv);
}

static void
addresses_are_checked(void **state UNUSED)
{
	static const char *const GOOD_ONES[] = {"https://collector",
	    "https://collector.example:8444", "https://192.0.2.1:1",
	    "https://[2001:db8::1]:65535", "https://[::1]"};
	static const char *const BAD[] = {"", "http://collector", "https://",
	    "https://a/b", "https://u@a", "https://a?b", "https://a#b",
	    "https://a:0", "https://a:65536", "https://a:", "https://a b",
	    "https://[::1", "https://[]", "https://[::1]x", "https://a:1/",
	    "HTTPS://a", "https://a\n", "https://a\"b"};

	for (size_t i = 0; i < ARRAY_LEN(GOOD_ONES); i++)
		assert_true(ship_url_ok(GOOD_ONES[i]));
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_false(ship_url_ok(BAD[i]));
}

/* ---- the system's own authorities ---------------------------------------- */

enum { CHILD_OK, CHILD_NO_MOUNT, CHILD_NO_CONTROL, CHILD_TRUSTED };

/* "HASH.0" in a directory that takes the place of the system's. */
static bool
plant(const char *dir, const struct authority *a)
{
	BIO *bio = BIO_new_mem_buf(a->pem.data, (int)a->pem.len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	const struct file_mode mode = {
	    .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char path[128];
	int ok = 0;

	if (x == NULL)
		return false;
	must(str_format(path, sizeof path, "%s/%08lx.0", dir,
		 X509_NAME_hash_ex(
		     X509_get_subject_name(x), NULL, NULL, &ok)) == 0);
	X509_free(x);
	BIO_free(bio);
	return ok == 1 &&
	       file_write(path, a->pem.data, a->pem.len, &mode, NULL) == 0;
}

static size_t
swallow(char *data UNUSED, size_t one, size_t n, void *ctx UNUSED)
{
	return one * n;
}

/* What libcurl does when it is left alone. */
static bool
curl_trusts(const char *url)
{
	CURL *h = curl_easy_init();
	CURLcode r;

	(void)curl_easy_setopt(h, CURLOPT_URL, url);
	(void)curl_easy_setopt(h, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(h, CURLOPT_CAINFO, NULL);
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, swallow);
	r = curl_easy_perform(h);
	curl_easy_cleanup(h);
	return r == CURLE_OK;
}

static int
with_system_ca(struct server *srv, const char *dir)
{
	struct ship_answer a = {0};
	int r;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(dir, "/etc/ssl/certs", NULL, MS_BIND, NULL) != 0)
		return CHILD_NO_MOUNT;
	if (!curl_trusts(srv->url))
		return CHILD_NO_CONTROL;
	r = ask(srv, NULL, &other.pem, &FRONTIER, &a, NULL);
	return r == -EKEYREJECTED ? CHILD_OK : CHILD_TRUSTED;
}

/* An authority that the host trusts for the web is none for us. */
static void
the_system_is_not_trusted(void **state UNUSED)
{
	struct script s = {.status = 200, .body = GOOD};
	struct server srv = {.answer = on_asked, .ctx = &s};
	char dir[64] = "/tmp/chaperone-ship-XXXXXX";
	int status;
	pid_t pid;

	if (geteuid() != 0 || access("/etc/ssl/certs", X_OK) != 0) {
		print_message("# needs root and /etc/ssl/certs\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_true(plant(dir, &ours));
	server_start(&srv, 0, &served, &ours.pem, NULL);
	pid = fork();
	if (pid == 0)
		_exit(with_system_ca(&srv, dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_stop(&srv);
	remove_dir(dir);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_NO_MOUNT) {
		print_message("# no mount namespace here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

/* ---- in the jail --------------------------------------------------------- */

static int
jailed(const struct server *srv, const char *dir, bool name)
{
	const struct jail j = {.uid = 64904,
	    .gid = 64904,
	    .filter = JAIL_FILTER_SHIP,
	    .landlock = true,
	    .dir = dir};
	struct jail_taken taken;
	struct ship_answer a = {0};
	struct ship_options o = {.url = srv->url,
	    .ca = &ours.pem,
	    .cert = &agent.cert,
	    .key = &agent.key,
	    .total_ms = 20000};
	struct ship *s = NULL;
	struct diag why = {0};
	char url[64];

	if (jail_enter(&j, &taken, &why) != 0)
		return 10;
	must(str_format(url, sizeof url, "https://localhost:%u", srv->port) ==
	     0);
	if (name)
		o.url = url;
	if (ship_new(&o, &s, &why) != 0)
		return 11;
	if (ship_do(s, &FRONTIER, &a, &why) != 0) {
		(void)dprintf(2, "%s\n", why.text);
		return 12;
	}
	if (a.status != 200 || a.next != 42)
		return 13;
	/* A name that does not exist ends in an error, not in a crash. */
	ship_free(s);
	o.url = "https://nowhere.invalid:1";
	o.total_ms = 3000;
	if (ship_new(&o, &s, &why) != 0)
		return 14;
	if (ship_do(s, &FRONTIER, &a, &why) == 0)
		return 15;
	ship_free(s);
	return 0;
}

static void
it_works_in_its_jail(void **state UNUSED)
{
	struct script s = {
	    .status = 200, .body = GOOD, .ask_certificate = true};
	struct server srv = {.answer = on_asked, .ctx = &s};
	char dir[64] = "/tmp/chaperone-ship-XXXXXX";
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	server_start(&srv, 0, &served, &ours.pem, NULL);
	for (int name = 0; name < 2; name++) {
		pid = fork();
		if (pid == 0)
			_exit(jailed(&srv, dir, name != 0));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	server_stop(&srv);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- the files ----------------------------------------------------------- */

static const struct file_mode PRIVATE = {
    .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1};

static void
spoil(const char *dir, const char *name, const struct buf *with)
{
	char path[128];

	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	assert_int_equal(
	    file_write(path, with->data, with->len, &PRIVATE, NULL), 0);
}

static void
an_enrolment_is_kept(void **state UNUSED)
{
	OWN(buf_done) struct buf longer = {0};
	OWN(pki_key_freep) struct pki_key *k = NULL, *again = NULL;
	char dir[64] = "/tmp/chaperone-ship-XXXXXX";
	struct enrolment e = {0}, got = {0};
	struct diag why = {0};
	uint64_t mark;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(enrolment_read(dir, &got, &why), -ENOENT);
	assert_int_equal(enrolment_mark(dir), 0);
	assert_int_equal(enrolment_key(dir, &PRIVATE, &k, &why), 0);
	assert_int_equal(enrolment_key(dir, &PRIVATE, &again, &why), 0);
	/* A key alone is no enrolment. */
	assert_int_equal(enrolment_read(dir, &got, &why), -ENOENT);
	must(str_copy(e.url, sizeof e.url, "https://c:8444") == 0);
	must(str_copy(e.agent, sizeof e.agent, "h-1") == 0);
	e.ca = ours.pem;
	buf_init(&e.cert, PKI_PEM_MAX);
	agent_certificate(&ours, again, "h-1", days(-1, 20), &e.cert);
	assert_int_equal(enrolment_check(again, ours.cert, e.cert.data,
			     e.cert.len, "h-1", &why),
	    0);
	assert_int_equal(enrolment_write(dir, &e, &PRIVATE, &why), 0);
	assert_int_equal(enrolment_read(dir, &got, &why), 0);
	assert_string_equal(got.url, "https://c:8444");
	assert_string_equal(got.agent, "h-1");
	assert_int_equal((got.expires_us - clock_now().wall_us) / DAY_US, 19);
	mark = enrolment_mark(dir);
	assert_int_not_equal(mark, 0);
	/* Renewed: the same key, longer; the address stays. */
	buf_init(&longer, PKI_PEM_MAX);
	agent_certificate(&ours, k, "h-1", days(-1, 90), &longer);
	assert_int_equal(
	    enrolment_renew(dir, &got, longer.data, longer.len, &why), 0);
	assert_int_equal(enrolment_mark(dir), mark);
	enrolment_done(&got);
	assert_int_equal(enrolment_read(dir, &got, &why), 0);
	assert_true(got.expires_us - clock_now().wall_us > 88 * DAY_US);
	/* Written anew, although with the same words. */
	assert_int_equal(enrolment_write(dir, &e, &PRIVATE, &why), 0);
	assert_int_not_equal(enrolment_mark(dir), mark);
	enrolment_done(&got);
	buf_done(&e.cert);
	remove_dir(dir);
}

static void
what_does_not_fit_is_no_enrolment(void **state UNUSED)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(buf_done) struct buf bad = {0};
	char dir[64] = "/tmp/chaperone-ship-XXXXXX";
	struct enrolment e = {0}, got = {0};

	assert_non_null(mkdtemp(dir));
	assert_int_equal(enrolment_key(dir, &PRIVATE, &k, NULL), 0);
	must(str_copy(e.url, sizeof e.url, "https://c:8444") == 0);
	must(str_copy(e.agent, sizeof e.agent, "h-1") == 0);
	e.ca = ours.pem;
	buf_init(&e.cert, PKI_PEM_MAX);
	agent_certificate(&ours, k, "h-1", days(-1, 20), &e.cert);
	assert_int_equal(enrolment_write(dir, &e, &PRIVATE, NULL), 0);
	assert_int_equal(enrolment_read(dir, &got, NULL), 0);

	/* Another's certificate, and one of another's name. */
	buf_init(&bad, PKI_PEM_MAX);
	assert_int_equal(
	    enrolment_renew(dir, &got, agent.cert.data, agent.cert.len, NULL),
	    -EBADMSG);
	agent_certificate(&ours, k, "h-2", days(-1, 20), &bad);
	assert_int_equal(
	    enrolment_renew(dir, &got, bad.data, bad.len, NULL), -EBADMSG);
	buf_reset(&bad);
	/* Of another CA, and one that has run out. */
	agent_certificate(&other, k, "h-1", days(-1, 20), &bad);
	assert_int_equal(
	    enrolment_renew(dir, &got, bad.data, bad.len, NULL), -EBADMSG);
	buf_reset(&bad);
	agent_certificate(&ours, k, "h-1", days(-5, -1), &bad);
	assert_int_equal(
	    enrolment_renew(dir, &got, bad.data, bad.len, NULL), -EBADMSG);
	enrolment_done(&got);

	spoil(dir, "agent.crt", &agent.cert);
	assert_int_equal(enrolment_read(dir, &got, NULL), -EBADMSG);
	spoil(dir, "agent.crt", &e.cert);
	buf_reset(&bad);
	buf_printf(&bad, "url: http://c\nagent: h-1\n");
	spoil(dir, "enrolment.yaml", &bad);
	assert_int_equal(enrolment_read(dir, &got, NULL), -EBADMSG);
	buf_reset(&bad);
	buf_printf(&bad, "url: https://c\n");
	spoil(dir, "enrolment.yaml", &bad);
	assert_int_equal(enrolment_read(dir, &got, NULL), -EBADMSG);
	buf_reset(&bad);
	buf_printf(&bad, "url: https://c\nagent: h-1\n");
	spoil(dir, "enrolment.yaml", &bad);
	assert_int_equal(enrolment_read(dir, &got, NULL), 0);
	enrolment_done(&got);
	buf_done(&e.cert);
	remove_dir(dir);
}

static void
the_body_of_an_enrolment(void **state UNUSED)
{
	OWN(buf_wipe) struct buf b = {0};

	buf_init(&b, 4096);
	assert_int_equal(ship_enrol_body("a\nb", "h\"x", "t", "v", &b), 0);
	assert_string_equal(buf_text(&b),
	    "{\"csr\":\"a\\u000ab\",\"host\":\"h\\\"x\",\"token\":\"t\","
	    "\"vkey\":\"v\"}");
}

static int
set_up(void **state UNUSED)
{
	/* Nobody listens there: whoever took it would fail. */
	if (setenv("https_proxy", "http://127.0.0.1:9", 1) != 0 ||
	    setenv("ALL_PROXY", "http://127.0.0.1:9", 1) != 0 ||
	    ship_init() != 0)
		return -1;
	authority_make(&ours);
	authority_make(&other);
	identity_server(&ours, NAMES, days(-1, 90), &served);
	identity_agent(&ours, "h-1", days(-1, 90), &agent);
	identity_agent(&other, "h-1", days(-1, 90), &stranger);
	return 0;
}

static int
tear_down(void **state UNUSED)
{
	identity_done(&served);
	identity_done(&agent);
	identity_done(&stranger);
	authority_done(&ours);
	authority_done(&other);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_checked),
	    cmocka_unit_test(the_body_of_an_enrolment),
	    cmocka_unit_test(the_frontier_is_asked),
	    cmocka_unit_test(a_batch_is_posted),
	    cmocka_unit_test(requests_do_not_mix),
	    cmocka_unit_test(the_ca_comes_without_trust),
	    cmocka_unit_test(another_ca_is_refused),
	    cmocka_unit_test(an_expired_server_is_refused),
	    cmocka_unit_test(another_host_is_refused),
	    cmocka_unit_test(an_agent_is_no_server),
	    cmocka_unit_test(an_old_tls_is_refused),
	    cmocka_unit_test(tls_1_2_will_do),
	    cmocka_unit_test(a_certificate_is_demanded),
	    cmocka_unit_test(an_oversized_answer_is_cut_off),
	    cmocka_unit_test(a_truncated_answer_is_a_lost_one),
	    cmocka_unit_test(garbage_is_refused),
	    cmocka_unit_test(statuses_are_handed_on),
	    cmocka_unit_test(a_redirect_is_not_followed),
	    cmocka_unit_test(a_slow_server_is_given_up),
	    cmocka_unit_test(nobody_listens),
	    cmocka_unit_test(others_are_heard_meanwhile),
	    cmocka_unit_test(the_system_is_not_trusted),
	    cmocka_unit_test(it_works_in_its_jail),
	    cmocka_unit_test(an_enrolment_is_kept),
	    cmocka_unit_test(what_does_not_fit_is_no_enrolment),
	};

	return cmocka_run_group_tests_name(
	    "agent/ship", tests, set_up, tear_down);
}
