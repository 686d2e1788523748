/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shipproc_test - the real process between a record and a supervisor that the
 * test plays, and a collector that it plays over real TLS: every entry arrives
 * once and in order, whatever breaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/roles.h"
#include "agent/ship/ship.h"
#include "lib/batch.h"
#include "lib/file.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "tests/unit/agent/ship/server.h"

#include "lib/own.h"

#define LIMIT_US 30000000 /* of one wait; then the test has failed */
#define EACH 10 /* entries in a batch */
#define AGENT "h-1"

static const char *const NAMES[] = {"127.0.0.1", NULL};
static const struct role SHIP = {
    .id = ROLE_SHIP, .user = "chaperone-ship", .uid = 64904};

/* ---- the collector ------------------------------------------------------- */

struct collector {
	struct server server;
	pthread_mutex_t lock;
	uint32_t gen;
	uint64_t next;
	unsigned kept, known, frontiers, behind, renewed; /* how often */
	bool broken; /* an entry was not the one that it should be */
	/* The next so many answers, of batches only, go wrong in this way. */
	unsigned wrong;
	enum reply_how how; /* after the batch was kept */
	unsigned status; /* instead of keeping it; 0: keep */
	unsigned waits; /* batches that came while it hung */
	/* libcurl repeats by itself what got no answer at all. */
	bool repeats;
};

struct world {
	struct authority ca;
	struct identity served;
	struct pki_key *key;
	struct collector c;
	/* The host. */
	char top[64], dir[80];
	pid_t pid;
	int ctl, link; /* the other ends are the process's */
	bool exited;
	int status;
	uint32_t gen;
	uint64_t size; /* of the log */
	bool wanted;
	uint64_t want;
	unsigned spoil; /* batches yet to be spoilt, and how */
	enum { SPOIL_SEALS, SPOIL_SHAPE, SPOIL_COUNT } how;
	unsigned receipts;
	uint64_t receipted;
	char state[700]; /* the last note */
	bool ready;
	struct ipc_in in;
};

static void
answer_place(const struct collector *c, struct reply *r)
{
	buf_printf(&r->body,
	    "{\"gen\":%" PRIu32 ",\"next\":%" PRIu64
	    ",\"receipt\":\"receipt %" PRIu64 "\\n\"}",
	    c->gen, c->next, c->next);
}

static void
check_entries(struct collector *c, const struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		char text[64];

		must(str_format(text, sizeof text, "entry %" PRIu32 " %" PRIu64,
			 b->gen, b->first + i) == 0);
		if (b->entries[i].len != strlen(text) ||
		    memcmp(b->entries[i].leaf, text, strlen(text)) != 0)
			c->broken = true;
	}
}

/* The rules of docs/protocol.md. */
static void
judge(struct collector *c, const struct batch *b, struct reply *r)
{
	check_entries(c, b);
	if (b->gen != c->gen) {
		c->gen = b->gen;
		c->next = 0;
	}
	if (b->first + b->count <= c->next) {
		c->known++;
	} else if (b->first == c->next) {
		c->next += b->count;
		c->kept++;
	} else {
		c->behind++;
		r->status = 409;
	}
	answer_place(c, r);
}

static void
take_batch(struct collector *c, const struct asked *q, struct reply *r)
{
	OWN(buf_done) struct buf plain = {0};
	struct batch b = {0};

	if (c->wrong > 0 && c->status != 0) {
		c->wrong--;
		r->status = c->status;
		buf_printf(&r->body, "{\"error\":\"because\"}");
		return;
	}
	buf_init(&plain, BATCH_BYTES_MAX);
	must(batch_unpack(q->body.data, q->body.len, &plain) == 0);
	must(batch_parse(plain.data, plain.len, &b, NULL) == 0);
	judge(c, &b, r);
	batch_done(&b);
	if (c->wrong > 0) {
		c->wrong--;
		r->how = c->how;
		c->waits += c->how == REPLY_HANG;
	}
}

static void
take_renewal(struct world *w, struct reply *r)
{
	OWN(buf_done) struct buf pem = {0}, flat = {0};

	buf_init(&pem, PKI_PEM_MAX);
	buf_init(&flat, 2 * PKI_PEM_MAX);
	agent_certificate(&w->ca, w->key, AGENT, days(-1, 90), &pem);
	for (size_t i = 0; i < pem.len; i++)
		if (pem.data[i] == '\n')
			buf_put(&flat, "\\n", 2);
		else
			buf_put_u8(&flat, pem.data[i]);
	w->c.renewed++;
	buf_printf(&r->body, "{\"agent\":\"" AGENT "\",\"certificate\":\"%s\"}",
	    buf_text(&flat));
}

static void
on_asked(void *ctx, const struct asked *q, struct reply *r)
{
	struct world *w = ctx;
	struct collector *c = &w->c;

	must(pthread_mutex_lock(&c->lock) == 0);
	r->status = 200;
	if (!q->certified) {
		r->status = 401;
	} else if (str_eq(q->path, "/v1/frontier")) {
		c->frontiers++;
		if (!str_eq(q->gen, "")) {
			uint64_t gen = 0;

			must(str_u64(q->gen, UINT32_MAX, &gen) == 0);
			if (gen != c->gen) {
				c->gen = (uint32_t)gen;
				c->next = 0;
			}
		}
		answer_place(c, r);
	} else if (str_eq(q->path, "/v1/batch")) {
		take_batch(c, q, r);
	} else if (str_eq(q->path, "/v1/renew")) {
		take_renewal(w, r);
	} else {
		r->status = 404;
	}
	must(pthread_mutex_unlock(&c->lock) == 0);
}

/* A member of the collector's, read under its lock. */
static uint64_t
look_next(struct world *w)
{
	uint64_t n;

	must(pthread_mutex_lock(&w->c.lock) == 0);
	n = w->c.next;
	must(pthread_mutex_unlock(&w->c.lock) == 0);
	return n;
}

static unsigned
look_count(struct world *w, const unsigned *member)
{
	unsigned n;

	must(pthread_mutex_lock(&w->c.lock) == 0);
	n = *member;
	must(pthread_mutex_unlock(&w->c.lock) == 0);
	return n;
}

static void
go_wrong(struct world *w, unsigned times, enum reply_how how, unsigned status)
{
	must(pthread_mutex_lock(&w->c.lock) == 0);
	w->c.wrong = times;
	w->c.how = how;
	w->c.status = status;
	must(pthread_mutex_unlock(&w->c.lock) == 0);
}

/* ---- record -------------------------------------------------------------- */

static void
make_batch(const struct world *w, uint64_t first, uint32_t n, struct buf *out)
{
	batch_begin(out, "log.example/h-1", w->gen, first, n);
	for (uint64_t i = first; i < first + n; i++) {
		struct entry e = {.seq = i};

		buf_init(&e.leaf, 64);
		buf_printf(&e.leaf, "entry %" PRIu32 " %" PRIu64, w->gen, i);
		batch_entry(out, &e);
		entry_done(&e);
	}
	batch_end(out, "note\n", 5);
	must(buf_error(out) == 0);
}

static int
seal(const struct buf *b, bool sealed)
{
	int fd = memfd_create("batch", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && write(fd, b->data, b->len) == (ssize_t)b->len);
	must(!sealed || fcntl(fd, F_ADD_SEALS,
			    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				F_SEAL_SEAL) == 0);
	return fd;
}

static void
send_batch(struct world *w)
{
	OWN(buf_done) struct buf bytes = {0}, m = {0};
	bool spoil = w->spoil > 0;
	uint32_t n;
	int fd;

	/* As record does, when more is wanted than the log ever had. */
	if (w->wanted && w->want > w->size)
		w->want = w->size;
	if (!w->wanted || w->want >= w->size || w->link < 0)
		return;
	n = w->size - w->want < EACH ? (uint32_t)(w->size - w->want) : EACH;
	buf_init(&bytes, BATCH_BYTES_MAX);
	buf_init(&m, 64);
	make_batch(w, w->want, n, &bytes);
	if (spoil && w->how == SPOIL_SHAPE)
		bytes.len--;
	fd = seal(&bytes, !spoil || w->how != SPOIL_SEALS);
	buf_put_u64(&m, w->want);
	buf_put_u64(&m, spoil && w->how == SPOIL_COUNT ? n + 1 : n);
	must(ipc_send_buf(w->link, MESSAGE_BATCH, &m, fd) == 0);
	close(fd);
	w->spoil -= spoil;
	w->wanted = false;
}

static void
on_receipt(struct world *w, struct cur *c)
{
	char text[64];
	size_t len;
	const uint8_t *note = cur_blob(c, &len);
	uint64_t n = 0;

	must(cur_end(c) == 0 && len > 9);
	must(str_copy_len(text, sizeof text, note, len - 1) == 0);
	must(str_starts(text, "receipt "));
	must(str_u64(text + 8, UINT64_MAX, &n) == 0);
	w->receipts++;
	w->receipted = n;
}

static void
read_link(struct world *w)
{
	int r;

	while (w->link >= 0 && (r = ipc_recv(w->link, &w->in)) != -EAGAIN) {
		struct cur c;

		if (r != 1) {
			own_close(&w->link);
			w->link = -1;
			return;
		}
		cur_init(&c, w->in.data, w->in.len);
		if (w->in.type == MESSAGE_WANT) {
			w->want = cur_u64(&c);
			assert_int_equal(cur_end(&c), 0);
			w->wanted = true;
		} else {
			assert_int_equal(w->in.type, MESSAGE_RECEIPT);
			on_receipt(w, &c);
		}
	}
}

/* ---- the supervisor ------------------------------------------------------ */

static const char *
program(void)
{
	static char path[4096];
	const char *bin = getenv("BIN");

	must(str_format(path, sizeof path, "%s/chaperone-ship",
		 bin != NULL ? bin : "build/bin") == 0);
	return path;
}

static void
link_record(struct world *w)
{
	OWN(buf_done) struct buf m = {0};
	int pair[2];

	own_close(&w->link);
	w->wanted = false;
	must(ipc_pair(pair) == 0);
	buf_init(&m, 16);
	buf_put_u32(&m, ROLE_RECORD);
	buf_put_u32(&m, 0);
	must(ipc_send_buf(w->ctl, MESSAGE_PEER, &m, pair[1]) == 0);
	close(pair[1]);
	w->link = pair[0];
}

static void
start(struct world *w)
{
	const char *argv[] = {
	    program(), "--index", "0", "--state", w->top, NULL};
	int pair[2];

	must(ipc_pair(pair) == 0);
	w->exited = w->ready = false;
	w->state[0] = '\0';
	w->pid = fork();
	must(w->pid >= 0);
	if (w->pid == 0) {
		if (pair[1] == PROC_CTL)
			(void)fcntl(PROC_CTL, F_SETFD, 0);
		else if (dup2(pair[1], PROC_CTL) < 0)
			_exit(71);
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	own_close(&w->ctl);
	w->ctl = pair[0];
	link_record(w);
}

static void
read_ctl(struct world *w)
{
	while (ipc_recv(w->ctl, &w->in) == 1) {
		char key[64], value[700];
		struct cur c;

		cur_init(&c, w->in.data, w->in.len);
		w->ready |= w->in.type == MESSAGE_READY;
		if (w->in.type != MESSAGE_NOTE)
			continue;
		cur_str(&c, key, sizeof key);
		cur_str(&c, value, sizeof value);
		assert_int_equal(cur_end(&c), 0);
		if (str_eq(key, "state"))
			must(str_copy(w->state, sizeof w->state, value) == 0);
	}
}

/* Plays both until @done, which must come. */
static void
play(struct world *w, bool (*done)(struct world *w), const char *what)
{
	uint64_t began = clock_boot_us();

	while (!done(w)) {
		struct pollfd p[2] = {{.fd = w->ctl, .events = POLLIN},
		    {.fd = w->link, .events = POLLIN}};

		if (clock_boot_us() - began > LIMIT_US)
			fail_msg(
			    "%s did not come; state \"%s\"", what, w->state);
		(void)poll(p, 2, 20);
		read_ctl(w);
		read_link(w);
		send_batch(w);
		if (!w->exited &&
		    waitpid(w->pid, &w->status, WNOHANG) == w->pid)
			w->exited = true;
	}
}

static bool
all_receipted(struct world *w)
{
	return look_next(w) == w->size && w->receipted == w->size;
}

static bool
has_ended(struct world *w)
{
	return w->exited;
}

static const char *awaited;

static bool
state_is(struct world *w)
{
	return strstr(w->state, awaited) != NULL;
}

static void
play_state(struct world *w, const char *text)
{
	awaited = text;
	play(w, state_is, text);
}

/* An agent that ends has always something to say at last. */
static void
stop(struct world *w)
{
	w->size++;
	must(ipc_send(w->ctl, MESSAGE_STOP, NULL, 0, -1) == 0);
	play(w, has_ended, "the end");
	assert_int_equal(w->status, 0);
}

static void
killed(struct world *w)
{
	assert_int_equal(kill(w->pid, SIGKILL), 0);
	play(w, has_ended, "the end");
	assert_int_equal(WTERMSIG(w->status), SIGKILL);
}

/* ---- the host ------------------------------------------------------------ */

static void
enrol(struct world *w, int64_t last_day)
{
	struct file_mode mode = {.mode = 0600};
	struct enrolment e = {0};
	struct diag why = {0};

	role_ids(&SHIP, &mode.uid, &mode.gid);
	if (w->key == NULL)
		assert_int_equal(
		    enrolment_key(w->dir, &mode, &w->key, &why), 0);
	must(str_copy(e.url, sizeof e.url, w->c.server.url) == 0);
	must(str_copy(e.agent, sizeof e.agent, AGENT) == 0);
	e.ca = w->ca.pem;
	buf_init(&e.cert, PKI_PEM_MAX);
	agent_certificate(&w->ca, w->key, AGENT, days(-9, last_day), &e.cert);
	assert_int_equal(enrolment_write(w->dir, &e, &mode, &why), 0);
	buf_done(&e.cert);
}

static void
serve(struct world *w, uint16_t port)
{
	w->c.server.answer = on_asked;
	w->c.server.ctx = w;
	server_start(&w->c.server, port, &w->served, &w->ca.pem, NULL);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	uid_t uid;
	gid_t gid;

	if (w == NULL)
		return -1;
	*state = w;
	w->ctl = w->link = -1;
	w->gen = w->c.gen = 1;
	w->size = 25;
	must(pthread_mutex_init(&w->c.lock, NULL) == 0);
	authority_make(&w->ca);
	identity_server(&w->ca, NAMES, days(-1, 90), &w->served);
	must(
	    str_copy(w->top, sizeof w->top, "/tmp/chaperone-ship-XXXXXX") == 0);
	must(mkdtemp(w->top) != NULL && chmod(w->top, 0755) == 0);
	must(str_format(w->dir, sizeof w->dir, "%s/ship", w->top) == 0);
	must(mkdir(w->dir, 0700) == 0);
	role_ids(&SHIP, &uid, &gid);
	must(geteuid() != 0 || chown(w->dir, uid, gid) == 0);
	serve(w, 0);
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	/* After a test that failed. */
	if (w->pid > 0 && !w->exited && kill(w->pid, SIGKILL) == 0)
		(void)waitpid(w->pid, NULL, 0);
	server_stop(&w->c.server);
	own_close(&w->ctl);
	own_close(&w->link);
	remove_dir(w->dir);
	must(rmdir(w->top) == 0);
	identity_done(&w->served);
	authority_done(&w->ca);
	pki_key_free(w->key);
	free(w);
	return 0;
}

/* What must hold at the end of every test. */
static void
everything_once(struct world *w)
{
	assert_false(w->c.broken);
	assert_int_equal(w->c.next, w->size);
	if (!w->c.repeats)
		assert_int_equal(w->c.known, 0);
}

static bool
no_program(void)
{
	if (access(program(), X_OK) == 0)
		return false;
	print_message("# chaperone-ship is not built\n");
	return true;
}

/* ---- tests --------------------------------------------------------------- */

static void
it_waits_for_an_enrolment(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	start(w);
	play_state(w, "not enrolled");
	assert_true(w->ready);
	assert_int_equal(look_count(w, &w->c.frontiers), 0);
	enrol(w, 90);
	play(w, all_receipted, "the receipt");
	assert_string_equal(w->state, "shipping");
	assert_int_equal(w->c.kept, 3);
	assert_int_equal(w->c.frontiers, 1);
	/* What comes later goes at once. */
	w->size += 3;
	play(w, all_receipted, "the receipt");
	assert_int_equal(w->c.frontiers, 1);
	stop(w);
	everything_once(w);
}

static void
a_lost_answer_doubles_nothing(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	go_wrong(w, 2, REPLY_DROP, 0);
	w->c.repeats = true;
	start(w);
	play(w, all_receipted, "the receipt");
	assert_int_equal(w->c.kept, 3);
	stop(w);
	everything_once(w);
}

static void
a_cut_answer_doubles_nothing(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	go_wrong(w, 1, REPLY_CUT, 0);
	start(w);
	play(w, all_receipted, "the receipt");
	stop(w);
	everything_once(w);
}

static bool
hangs(struct world *w)
{
	return look_count(w, &w->c.waits) > 0;
}

static void
killed_in_the_middle(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	go_wrong(w, 1, REPLY_HANG, 0);
	start(w);
	/* The first batch is kept, and its answer never comes. */
	play(w, hangs, "the first batch");
	killed(w);
	start(w);
	play(w, all_receipted, "the receipt");
	assert_int_equal(w->c.kept, 3);
	stop(w);
	everything_once(w);
}

static void
an_outage_loses_nothing(void **state)
{
	struct world *w = *state;
	uint16_t port;

	if (no_program())
		skip();
	enrol(w, 90);
	port = w->c.server.port;
	start(w);
	play(w, all_receipted, "the receipt");
	server_stop(&w->c.server);
	w->size += 200;
	play_state(w, "waiting");
	w->size += 17;
	serve(w, port);
	play(w, all_receipted, "the backlog");
	assert_string_equal(w->state, "shipping");
	stop(w);
	everything_once(w);
}

static void
not_now_is_asked_again(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	go_wrong(w, 1, REPLY_WHOLE, 503);
	start(w);
	play_state(w, "not ready");
	play(w, all_receipted, "the receipt");
	stop(w);
	everything_once(w);
}

/* The collector was set back to an older state: it gets it all again. */
static void
it_rewinds(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	start(w);
	play(w, all_receipted, "the receipt");
	must(pthread_mutex_lock(&w->c.lock) == 0);
	w->c.next = 7;
	must(pthread_mutex_unlock(&w->c.lock) == 0);
	w->size += 5;
	play(w, all_receipted, "the receipt");
	assert_int_equal(w->c.behind, 1);
	stop(w);
	everything_once(w);
}

static void
refused_for_good(struct world *w, unsigned status, const char *text)
{
	uint64_t held;

	enrol(w, 90);
	go_wrong(w, 1, REPLY_WHOLE, status);
	start(w);
	play_state(w, text);
	assert_non_null(strstr(w->state, "because"));
	held = look_next(w);
	assert_int_equal(held, 0);
	/* It would be taken now, but is not sent. */
	stop(w);
	assert_int_equal(look_next(w), 0);
	/* The same enrolment, tried by a new process; and another one. */
	go_wrong(w, 1, REPLY_WHOLE, status);
	start(w);
	play_state(w, text);
	enrol(w, 90);
	play(w, all_receipted, "the receipt");
	stop(w);
	everything_once(w);
}

static void
a_fork_stops_it(void **state)
{
	if (no_program())
		skip();
	refused_for_good(*state, 422, "contradicts");
}

static void
a_revocation_stops_it(void **state)
{
	if (no_program())
		skip();
	refused_for_good(*state, 403, "refuses us");
}

static void
a_certificate_that_ran_out_stops_it(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, -1);
	start(w);
	play_state(w, "does not take our certificate");
	assert_int_equal(look_count(w, &w->c.frontiers), 0);
	enrol(w, 90);
	play(w, all_receipted, "the receipt");
	stop(w);
	everything_once(w);
}

static void
the_last_words_are_shipped(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	start(w);
	play(w, all_receipted, "the receipt");
	must(ipc_send(w->ctl, MESSAGE_STOP, NULL, 0, -1) == 0);
	w->size += 1;
	play(w, has_ended, "the end");
	assert_int_equal(w->status, 0);
	read_link(w);
	assert_int_equal(w->receipted, w->size);
	everything_once(w);
}

static void
a_stop_does_not_wait_for_an_answer(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	go_wrong(w, 1, REPLY_HANG, 0);
	start(w);
	play(w, hangs, "the first batch");
	stop(w);
}

static bool
is_renewed(struct world *w)
{
	struct enrolment e = {0};
	bool longer;

	if (enrolment_read(w->dir, &e, NULL) != 0)
		return false;
	longer = e.expires_us - clock_now().wall_us > 80 * DAY_US;
	enrolment_done(&e);
	return longer;
}

static void
a_certificate_is_renewed(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 29);
	start(w);
	play(w, is_renewed, "the renewal");
	play(w, all_receipted, "the receipt");
	stop(w);
	assert_int_equal(w->c.renewed, 1);
	everything_once(w);
}

static bool
has_spoilt(struct world *w)
{
	return w->spoil == 0;
}

static void
spoilt_batches_are_not_sent(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	w->spoil = 1;
	w->how = SPOIL_SEALS;
	start(w);
	play_state(w, "not sealed");
	w->spoil = 1;
	w->how = SPOIL_SHAPE;
	play(w, has_spoilt, "the second batch");
	play(w, all_receipted, "the receipt");
	w->spoil = 1;
	w->how = SPOIL_COUNT;
	w->size += 3;
	play_state(w, "not what was announced");
	play(w, all_receipted, "the receipt");
	stop(w);
	everything_once(w);
}

/* Record began a new generation; it comes back as another process. */
static void
a_new_generation_begins_at_its_begin(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	start(w);
	play(w, all_receipted, "the receipt");
	w->gen = 2;
	w->size = 12; /* less than was held of the one before */
	link_record(w);
	play(w, all_receipted, "the receipt");
	assert_int_equal(w->c.gen, 2);
	stop(w);
	everything_once(w);
}

static bool
is_behind(struct world *w)
{
	return w->wanted && w->want == w->size;
}

/* The host was set back: what it writes now is shown to the collector. */
static void
a_log_that_was_set_back_is_shown(void **state)
{
	struct world *w = *state;

	if (no_program())
		skip();
	enrol(w, 90);
	w->c.next = 40;
	start(w);
	play(w, is_behind, "the question for more than there is");
	assert_int_equal(look_count(w, &w->c.known), 0);
	w->size += 3;
	go_wrong(w, 1, REPLY_WHOLE, 422);
	play_state(w, "contradicts");
	/* Of the same log, it would be known, and the next is asked for. */
	enrol(w, 90);
	w->size += 3;
	play(w, is_behind, "the next question");
	assert_int_equal(look_next(w), 40);
	stop(w);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ONE(it_waits_for_an_enrolment),
	    ONE(a_lost_answer_doubles_nothing),
	    ONE(a_cut_answer_doubles_nothing),
	    ONE(killed_in_the_middle),
	    ONE(an_outage_loses_nothing),
	    ONE(not_now_is_asked_again),
	    ONE(it_rewinds),
	    ONE(a_fork_stops_it),
	    ONE(a_revocation_stops_it),
	    ONE(a_certificate_that_ran_out_stops_it),
	    ONE(the_last_words_are_shipped),
	    ONE(a_stop_does_not_wait_for_an_answer),
	    ONE(a_certificate_is_renewed),
	    ONE(spoilt_batches_are_not_sent),
	    ONE(a_new_generation_begins_at_its_begin),
	    ONE(a_log_that_was_set_back_is_shown),
	};

	return cmocka_run_group_tests_name("agent/shipproc", tests, NULL, NULL);
}
