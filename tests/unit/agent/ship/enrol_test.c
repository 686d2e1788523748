/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_test - `chaperone enrol` as a program against a collector that the
 * test plays over real TLS, and against those who pretend to be one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/roles.h"
#include "agent/ship/ship.h"
#include "lib/file.h"
#include "lib/note.h"
#include "lib/rng.h"
#include "lib/seal.h"
#include "tests/unit/agent/ship/server.h"

#include "lib/own.h"

#define AGENT "h-1.example"

static const char *const NAMES[] = {"127.0.0.1", NULL};
static const struct role SHIP = {
    .id = ROLE_SHIP, .user = "chaperone-ship", .uid = 64904};
static const struct role RECORD = {
    .id = ROLE_RECORD, .user = "chaperone-record", .uid = 64903};

struct world {
	struct authority ca, other;
	struct identity served;
	struct server server;
	char top[64], ship[80], record[80];
	char secret[64], token[160];
	char vkey[SHIP_VKEY_MAX], cosign[SHIP_VKEY_MAX];
	/* How the collector behaves. */
	const struct authority *shown; /* by /v1/ca */
	unsigned status; /* of /v1/enrol */
	enum reply_how how; /* after the certificate was made */
	bool another_key, bad_cosign;
	/* What it saw. */
	unsigned enrols;
	bool same; /* every request had the same key */
	uint8_t key[SEAL_HASH];
	char host[256];
	/* What the command said. */
	char out[4096], err[4096];
};

/* ---- the collector ------------------------------------------------------- */

static const char *
member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	must(s != NULL);
	return s;
}

static void
see_key(struct world *w, const struct buf *der)
{
	uint8_t digest[SEAL_HASH];

	seal_sha256(der->data, der->len, digest);
	if (w->enrols > 0)
		w->same = w->same && memcmp(digest, w->key, SEAL_HASH) == 0;
	memcpy(w->key, digest, SEAL_HASH);
	w->enrols++;
}

static void
issue(const struct world *w, const struct buf *der, struct reply *r)
{
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(buf_done) struct buf pem = {0};
	struct pki_span when = days(-1, 90);
	json_t *o;
	char *text;

	buf_init(&pem, PKI_PEM_MAX);
	must(pki_key_new(&k) == 0);
	if (w->another_key)
		agent_certificate(&w->ca, k, AGENT, when, &pem);
	else
		must(pki_agent_new(w->ca.cert, w->ca.key, AGENT, der->data,
			 der->len, &when, &c) == 0 &&
		     pki_cert_print(c, &pem) == 0);
	o = json_pack("{s:s,s:s,s:s}", "agent", AGENT, "certificate",
	    buf_text(&pem), "cosign_vkey", w->bad_cosign ? w->vkey : w->cosign);
	text = json_dumps(o, 0);
	buf_printf(&r->body, "%s", text);
	free(text);
	json_decref(o);
}

static void
on_enrol(struct world *w, const struct asked *q, struct reply *r)
{
	OWN(buf_done) struct buf der = {0};
	json_t *o = json_loadb((const char *)q->body.data, q->body.len,
	    JSON_REJECT_DUPLICATES, NULL);

	must(o != NULL && json_object_size(o) == 4);
	must(str_eq(q->type, "application/json") && !q->certified);
	must(str_copy(w->host, sizeof w->host, member(o, "host")) == 0);
	must(str_eq(member(o, "vkey"), w->vkey));
	must(str_eq(member(o, "token"), w->secret));
	buf_init(&der, PKI_PUBLIC_MAX);
	must(pki_csr_check(
		 member(o, "csr"), strlen(member(o, "csr")), &der, NULL) == 0);
	json_decref(o);
	see_key(w, &der);
	r->status = w->status;
	r->how = w->how;
	if (w->status == 200)
		issue(w, &der, r);
	else
		buf_printf(&r->body, "{\"error\":\"because\"}");
}

static void
on_asked(void *ctx, const struct asked *q, struct reply *r)
{
	struct world *w = ctx;

	if (str_eq(q->path, "/v1/ca"))
		buf_put(&r->body, w->shown->pem.data, w->shown->pem.len);
	else if (str_eq(q->path, "/v1/enrol"))
		on_enrol(w, q, r);
	else
		r->status = 404;
}

/* ---- the command --------------------------------------------------------- */

static const char *
program(void)
{
	static char path[4096];
	const char *bin = getenv("BIN");

	must(str_format(path, sizeof path, "%s/chaperone",
		 bin != NULL ? bin : "build/bin") == 0);
	return path;
}

static int
scratch(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	must(fd >= 0);
	return fd;
}

static void
read_back(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	must(n >= 0);
	out[n] = '\0';
	close(fd);
}

/* Runs it; @input is its standard input. Returns the exit code. */
static int
enrol(struct world *w, const char *token, const char *input)
{
	const char *argv[] = {program(), "enrol", "--collector", w->server.url,
	    "--token", token, "--state", w->top, "--json", NULL};
	int in = scratch(), out = scratch(), err = scratch(), status;
	pid_t pid;

	must(write(in, input, strlen(input)) == (ssize_t)strlen(input) &&
	     lseek(in, 0, SEEK_SET) == 0);
	pid = fork();
	must(pid >= 0);
	if (pid == 0) {
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
			_exit(71);
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(in);
	read_back(out, w->out, sizeof w->out);
	read_back(err, w->err, sizeof w->err);
	assert_true(WIFEXITED(status));
	/* Whatever comes of it, the token is in nobody's output. */
	assert_null(strstr(w->out, w->secret));
	assert_null(strstr(w->err, w->secret));
	return WEXITSTATUS(status);
}

static bool
is_enrolled(const struct world *w)
{
	struct enrolment e = {0};
	int r = enrolment_read(w->ship, &e, NULL);

	enrolment_done(&e);
	return r == 0;
}

static bool
cannot(void)
{
	if (geteuid() != 0) {
		print_message("# needs root\n");
		return true;
	}
	if (access(program(), X_OK) != 0) {
		print_message("# chaperone is not built\n");
		return true;
	}
	return false;
}

/* ---- the host ------------------------------------------------------------ */

static void
make_vkey(const char *name, enum note_key_type type, char *out)
{
	OWN(seal_key_freep) struct seal_key *k = NULL;
	OWN(buf_done) struct buf text = {0};
	uint8_t public[SEAL_PUBLIC];
	struct vkey v;

	must(seal_key_new(&k) == 0);
	seal_key_public(k, public);
	must(vkey_init(&v, name, type, public) == 0);
	buf_init(&text, SHIP_VKEY_MAX);
	vkey_print(&v, &text);
	must(str_copy(out, SHIP_VKEY_MAX, buf_text(&text)) == 0);
}

static void
make_token(struct world *w, const struct authority *a)
{
	OWN(buf_done) struct buf t = {0};
	uint8_t secret[16], pin[SEAL_HASH];

	rng_fill(secret, sizeof secret);
	buf_init(&t, sizeof w->token - 1);
	str_base64url(&t, secret, sizeof secret);
	must(str_copy(w->secret, sizeof w->secret, buf_text(&t)) == 0);
	must(pki_cert_digest(a->cert, pin) == 0);
	buf_put_u8(&t, '.');
	str_base64url(&t, pin, sizeof pin);
	must(str_copy(w->token, sizeof w->token, buf_text(&t)) == 0);
}

static void
make_dir(
    const struct world *w, const char *name, const struct role *r, char out[80])
{
	uid_t uid;
	gid_t gid;

	role_ids(r, &uid, &gid);
	must(str_format(out, 80, "%s/%s", w->top, name) == 0);
	must(mkdir(out, 0700) == 0);
	must(geteuid() != 0 || chown(out, uid, gid) == 0);
}

static void
write_vkey(const struct world *w)
{
	const struct file_mode mode = {
	    .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1};
	char path[128], text[SHIP_VKEY_MAX + 1];

	must(str_format(path, sizeof path, "%s/log.vkey", w->record) == 0);
	must(str_format(text, sizeof text, "%s\n", w->vkey) == 0);
	must(file_write(path, text, strlen(text), &mode, NULL) == 0);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -1;
	*state = w;
	authority_make(&w->ca);
	authority_make(&w->other);
	identity_server(&w->ca, NAMES, days(-1, 90), &w->served);
	make_vkey("log.example/h-1", NOTE_ED25519, w->vkey);
	make_vkey("collector.example", NOTE_COSIGNATURE, w->cosign);
	make_token(w, &w->ca);
	must(str_copy(w->top, sizeof w->top, "/tmp/chaperone-enrol-XXXXXX") ==
	     0);
	must(mkdtemp(w->top) != NULL && chmod(w->top, 0755) == 0);
	make_dir(w, "ship", &SHIP, w->ship);
	make_dir(w, "record", &RECORD, w->record);
	write_vkey(w);
	w->shown = &w->ca;
	w->status = 200;
	w->same = true;
	w->server.answer = on_asked;
	w->server.ctx = w;
	server_start(&w->server, 0, &w->served, &w->ca.pem, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	server_stop(&w->server);
	remove_dir(w->ship);
	remove_dir(w->record);
	must(rmdir(w->top) == 0);
	identity_done(&w->served);
	authority_done(&w->ca);
	authority_done(&w->other);
	free(w);
	return 0;
}

/* ---- tests --------------------------------------------------------------- */

static void
check_file(const char *dir, const char *name, const struct role *r)
{
	char path[128];
	struct stat st;
	uid_t uid;
	gid_t gid;

	role_ids(r, &uid, &gid);
	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static void
a_host_is_enrolled(void **state)
{
	OWN(buf_done) struct buf cosign = {0};
	struct world *w = *state;
	struct enrolment e = {0};
	char path[128], line[512], name[256];

	if (cannot())
		skip();
	assert_int_equal(enrol(w, w->token, ""), 0);
	assert_string_equal(w->err, "");
	must(gethostname(name, sizeof name) == 0);
	must(str_format(line, sizeof line,
		 "{\"agent\":\"" AGENT "\",\"host\":\"%s\",\"collector\":\"%s\""
		 "}\n",
		 name, w->server.url) == 0);
	assert_string_equal(w->out, line);
	assert_string_equal(w->host, name);
	assert_int_equal(enrolment_read(w->ship, &e, NULL), 0);
	assert_string_equal(e.url, w->server.url);
	assert_string_equal(e.agent, AGENT);
	enrolment_done(&e);
	check_file(w->ship, "agent.key", &SHIP);
	check_file(w->ship, "agent.crt", &SHIP);
	check_file(w->ship, "ca.crt", &SHIP);
	check_file(w->ship, "enrolment.yaml", &SHIP);
	check_file(w->record, "cosign.vkey", &RECORD);
	must(str_format(path, sizeof path, "%s/cosign.vkey", w->record) == 0);
	must(str_format(line, sizeof line, "%s\n", w->cosign) == 0);
	buf_init(&cosign, SHIP_VKEY_MAX);
	assert_int_equal(file_read(path, &cosign, NULL), 0);
	assert_string_equal(buf_text(&cosign), line);
}

static void
a_token_comes_by_standard_input(void **state)
{
	struct world *w = *state;
	char line[200];

	if (cannot())
		skip();
	must(str_format(line, sizeof line, "%s\n", w->token) == 0);
	assert_int_equal(enrol(w, "-", line), 0);
	assert_true(is_enrolled(w));
}

static void
a_lost_answer_is_asked_again(void **state)
{
	struct world *w = *state;

	if (cannot())
		skip();
	w->how = REPLY_DROP;
	assert_int_equal(enrol(w, w->token, ""), 6);
	assert_false(is_enrolled(w));
	w->how = REPLY_CUT;
	assert_int_equal(enrol(w, w->token, ""), 6);
	assert_false(is_enrolled(w));
	w->how = REPLY_WHOLE;
	assert_int_equal(enrol(w, w->token, ""), 0);
	assert_true(is_enrolled(w));
	assert_true(w->same);
	assert_int_equal(w->enrols, 3);
}

static void
another_pin_keeps_the_token(void **state)
{
	struct world *w = *state;

	if (cannot())
		skip();
	make_token(w, &w->other);
	assert_int_equal(enrol(w, w->token, ""), 7);
	assert_non_null(strstr(w->err, "It was not sent"));
	assert_int_equal(w->enrols, 0);
	assert_false(is_enrolled(w));
}

/* Who stands between can show the CA, but not hold a key of it. */
static void
a_borrowed_ca_keeps_the_token(void **state)
{
	struct world *w = *state;

	if (cannot())
		skip();
	make_token(w, &w->other);
	w->shown = &w->other;
	assert_int_equal(enrol(w, w->token, ""), 7);
	assert_int_equal(w->enrols, 0);
	assert_false(is_enrolled(w));
}

static void
refusals_have_their_codes(void **state)
{
	static const struct {
		unsigned status;
		int code;
	} CASES[] = {{400, 3}, {403, 4}, {409, 4}, {503, 6}, {500, 6}};
	struct world *w = *state;

	if (cannot())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		w->status = CASES[i].status;
		assert_int_equal(enrol(w, w->token, ""), CASES[i].code);
		assert_non_null(strstr(w->err, "because"));
		assert_string_equal(w->out, "");
		assert_false(is_enrolled(w));
	}
	server_stop(&w->server);
	assert_int_equal(enrol(w, w->token, ""), 6);
}

static void
what_does_not_fit_is_not_kept(void **state)
{
	struct world *w = *state;

	if (cannot())
		skip();
	w->another_key = true;
	assert_int_equal(enrol(w, w->token, ""), 7);
	assert_false(is_enrolled(w));
	w->another_key = false;
	w->bad_cosign = true;
	assert_int_equal(enrol(w, w->token, ""), 7);
	assert_false(is_enrolled(w));
}

static void
the_agent_must_have_run(void **state)
{
	struct world *w = *state;
	char path[128];

	if (cannot())
		skip();
	must(str_format(path, sizeof path, "%s/log.vkey", w->record) == 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(enrol(w, w->token, ""), 3);
	assert_non_null(strstr(w->err, "Start it"));
	assert_int_equal(w->enrols, 0);
}

static void
words_are_checked(void **state)
{
	static const char *const BAD[] = {
	    "", ".", "abc", "AAAA.AAAA", "AAAAAAAAAAAAAAAAAAAAAA"};
	struct world *w = *state;

	if (cannot())
		skip();
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(enrol(w, BAD[i], ""), 2);
	assert_int_equal(enrol(w, "-", ""), 2);
	must(str_copy(w->server.url, sizeof w->server.url, "http://a") == 0);
	assert_int_equal(enrol(w, w->token, ""), 2);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ONE(a_host_is_enrolled),
	    ONE(a_token_comes_by_standard_input),
	    ONE(a_lost_answer_is_asked_again),
	    ONE(another_pin_keeps_the_token),
	    ONE(a_borrowed_ca_keeps_the_token),
	    ONE(refusals_have_their_codes),
	    ONE(what_does_not_fit_is_not_kept),
	    ONE(the_agent_must_have_run),
	    ONE(words_are_checked),
	};

	return cmocka_run_group_tests_name("cli/enrol", tests, NULL, NULL);
}
