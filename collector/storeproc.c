/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-store - the only process that writes the collector's database.
 *
 * Owns: the order of things: a batch is durable before sign is asked, and
 * signed before anybody hears of it; a reader's name is in the log before the
 * reader gets an answer. What confirm says comes later, and holds nothing up.
 * A token: 16 random bytes and the digest of the CA's
 * certificate, both base64url, joined by a dot; its first half is kept hashed.
 * Never: parses what is not bounded, makes a socket, holds a key.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/config.h"
#include "collector/roles.h"
#include "collector/store/store.h"
#include "collector/wire.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/file.h"
#include "lib/jail.h"
#include "lib/ledger.h"
#include "lib/log.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/proc.h"
#include "lib/rng.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

/* Batches that share one commit, and from how many bytes on there are no more. */
#define GROUP_MAX 32
#define GROUP_BYTES ((size_t)64 * 1024 * 1024)
#define CALLERS_MAX 8
#define SIGN_WAIT_MS 5000
#define HASHES_MAX 2048 /* of the collector's own log in one message */
#define PACKED_MAX (BATCH_BYTES_MAX + 65536)
#define TOKEN_BYTES 16
#define TOKEN_SECONDS_MAX (30 * 86400)
/* Batches that are signed late in one go. */
#define LATE_MAX 64
/* Findings whose candidates confirm is asked about in one go. */
#define CONFIRM_MAX 32

struct job {
	uint64_t id;
	char agent[WIRE_AGENT_MAX];
	uint8_t key[SEAL_HASH];
	struct buf packed;
	struct store_taken taken;
	int err;
};

/*
 * What confirm was asked in one go. Nobody waits for the answers: a finding is
 * in the store without them, and says so.
 */
struct asking {
	struct store_confirmed list[CONFIRM_MAX];
	size_t n, answered;
	uint32_t turn; /* of the link that the questions went over */
	bool waits; /* some findings may not have been asked about */
};

struct state {
	struct proc proc;
	struct ipc_in answer; /* of sign */
	struct store *store;
	struct ledger *log;
	struct job jobs[GROUP_MAX];
	size_t njobs, packed; /* packed: bytes of them */
	int callers[CALLERS_MAX];
	uint8_t ca[SEAL_HASH]; /* digest of the CA's certificate */
	uint64_t asked; /* number of the last question to sign */
	bool late; /* batches may lack their receipt */
	struct asking asking; /* confirm */
};

static struct state self;

NORETURN static void
die(const char *what, int err, const struct diag *why)
{
	log_error("%s: %s", what,
	    why != NULL && why->text[0] != '\0' ? why->text : strerror(-err));
	exit(1);
}

/* A failed write is never tried again on the same file. */
static void
must_write(int err)
{
	if (err != 0)
		die("the store cannot be written", err, NULL);
}

static void
send_to(struct proc_peer *to, uint32_t type, const struct buf *b)
{
	if (to == NULL || to->fd < 0)
		return;
	if (buf_error(b) != 0 ||
	    ipc_send_wait(to->fd, type, b->data, b->len, -1, SIGN_WAIT_MS) != 0)
		proc_peer_lost(to);
}

/* ---- sign ---- */

static int
sign_lost(int r)
{
	struct proc_peer *sign = proc_peer(&self.proc, ROLE_SIGN, 0);

	log_warn("sign does not answer: %s", strerror(-r));
	if (sign != NULL)
		proc_peer_lost(sign);
	return -EPIPE;
}

static int
send_question(uint32_t type, const struct buf *question)
{
	struct proc_peer *sign = proc_peer(&self.proc, ROLE_SIGN, 0);
	int r;

	if (sign == NULL || sign->fd < 0)
		return -EPIPE;
	r = buf_error(question);
	if (r == 0)
		r = ipc_send_wait(sign->fd, type, question->data, question->len,
		    -1, SIGN_WAIT_MS);
	return r == 0 ? 0 : sign_lost(r);
}

/* The next answer of a type, which is then self.answer; its question's id. */
static int
next_answer(uint32_t wanted, uint64_t until_us, uint64_t *id)
{
	struct proc_peer *sign = proc_peer(&self.proc, ROLE_SIGN, 0);

	if (sign == NULL || sign->fd < 0)
		return -EPIPE;
	for (;;) {
		struct pollfd p = {.fd = sign->fd, .events = POLLIN};
		uint64_t now = clock_boot_us();
		struct cur c;
		int r;

		if (now >= until_us ||
		    poll(&p, 1, (int)((until_us - now) / 1000) + 1) == 0)
			return sign_lost(-ETIMEDOUT);
		r = ipc_recv(sign->fd, &self.answer);
		if (r == -EAGAIN)
			continue;
		if (r != 1)
			return sign_lost(-EPIPE);
		own_close(&self.answer.fd);
		if (self.answer.type != wanted)
			continue;
		cur_init(&c, self.answer.data, self.answer.len);
		*id = cur_u64(&c);
		return 0;
	}
}

/* Sends a question and waits for its answer, which is then self.answer. */
static int
ask_sign(uint32_t type, const struct buf *question, uint32_t wanted)
{
	uint64_t until = clock_boot_us() + SIGN_WAIT_MS * UINT64_C(1000);
	uint64_t id = 0;
	int r = send_question(type, question);

	/* An answer to a question that was given up is passed by. */
	while (r == 0 && id != self.asked)
		r = next_answer(wanted, until, &id);
	return r;
}

/* The answer WIRE_SIGNED: its verdict, the size that sign holds, the note. */
static int
read_signed(uint64_t *size, const uint8_t **note, size_t *len)
{
	struct cur c;
	uint32_t err;

	cur_init(&c, self.answer.data, self.answer.len);
	(void)cur_u64(&c);
	err = cur_u32(&c);
	*size = cur_u64(&c);
	*note = cur_blob(&c, len);
	if (cur_end(&c) != 0 || err > 4095)
		return -EPIPE;
	return -(int)err;
}

/* ---- the collector's own log ---- */

/* One message of hashes from @first on; with the body if they reach @size. */
static int
sign_some(
    uint64_t first, uint64_t size, const void *body, size_t len, uint64_t *held)
{
	OWN(buf_done) struct buf q, hashes;
	uint64_t end = size - first > HASHES_MAX ? first + HASHES_MAX : size;
	const uint8_t *note;
	size_t note_len;
	int r;

	buf_init(&q, IPC_MAX);
	buf_init(&hashes, HASHES_MAX * SEAL_HASH);
	for (uint64_t i = first; i < end; i++) {
		uint8_t hash[SEAL_HASH];

		r = ledger_leaf(self.log, i, hash);
		if (r != 0)
			return r;
		buf_put(&hashes, hash, sizeof hash);
	}
	buf_put_u64(&q, ++self.asked);
	buf_put_u64(&q, first);
	buf_put_blob(&q, hashes.data, hashes.len);
	buf_put_blob(&q, body, end == size ? len : 0);
	r = ask_sign(WIRE_SIGN, &q, WIRE_SIGNED);
	if (r == 0)
		r = read_signed(held, &note, &note_len);
	if (r == 0 && end < size)
		return -ERANGE;
	return r;
}

/* ledger_sign_fn: sends what sign has not seen yet, until it is at the end. */
static int
sign_checkpoint(
    void *ctx UNUSED, const void *body, size_t len, struct buf *note)
{
	struct checkpoint c;
	uint64_t first = 0, held = 0;
	OWN(buf_done) struct buf last = {0};
	int r = checkpoint_parse_body(body, len, &c, NULL);

	if (r != 0)
		return r;
	buf_init(&last, NOTE_MAX);
	if (ledger_note(self.log, 0, UINT64_MAX, &last, &first) != 0)
		first = 0;
	/* Each round brings sign at least one hash further, or back once. */
	for (uint64_t i = 0; i < 2 + c.size / HASHES_MAX * 2; i++) {
		const uint8_t *text;
		size_t n;

		r = sign_some(first, c.size, body, len, &held);
		if (r == -ERANGE && held < c.size) {
			first = held;
			continue;
		}
		if (r == 0)
			r = read_signed(&held, &text, &n);
		if (r == 0)
			buf_put(note, text, n);
		return r != 0 ? r : buf_error(note);
	}
	return -EIO;
}

/* Makes an entry durable; its checkpoint may come later. */
static int
write_entry(struct draft *d)
{
	uint64_t seq;
	int r = draft_error(d);

	if (r == 0)
		r = ledger_begin(self.log);
	if (r == 0) {
		r = ledger_append(self.log, d, NULL, 0, 0, &seq);
		if (r < 0)
			ledger_rollback(self.log);
		else
			r = ledger_commit(self.log);
	}
	draft_done(d);
	if (r < 0)
		return r;
	r = ledger_checkpoint(self.log, sign_checkpoint, NULL, NULL);
	if (r != 0)
		log_warn("the collector's log waits for its checkpoint: %s",
		    strerror(-r));
	return 0;
}

static void
write_two(const char *type, const char *name1, const char *value1,
    const char *name2, const char *value2)
{
	struct draft d;

	draft_init(&d, type, clock_now());
	draft_text(&d, name1, value1);
	draft_text(&d, name2, value2);
	must_write(write_entry(&d));
}

static void
write_alarm(const char *agent, const char *kind, const char *detail)
{
	struct draft d;

	log_warn("alarm %s of agent %s: %s", kind, agent, detail);
	draft_init(&d, "col.alarm", clock_now());
	draft_text(&d, "agent", agent);
	draft_text(&d, "kind", kind);
	draft_text(&d, "detail", detail);
	must_write(write_entry(&d));
}

/* ---- receipts ---- */

static void
put_cosign(struct buf *q, const struct store_due *d)
{
	buf_init(q, IPC_MAX);
	buf_put_u64(q, ++self.asked);
	buf_put_str(q, d->vkey);
	buf_put_u32(q, d->gen);
	buf_put_u64(q, d->first);
	buf_put_blob(q, d->hashes.data, d->hashes.len);
	buf_put_blob(q, d->note.data, d->note.len);
}

/*
 * Asks sign for the receipt of one batch and keeps it. Where sign lacks
 * earlier hashes they are sent first, batch by batch. @d is overwritten.
 */
static int
cosign(struct store_due *d)
{
	const uint64_t first = d->first;
	uint64_t held = 0, before = UINT64_MAX;
	const uint8_t *note = NULL;
	size_t len = 0;
	int r;

	for (;;) {
		OWN(buf_done) struct buf q = {0};

		put_cosign(&q, d);
		r = ask_sign(WIRE_COSIGN, &q, WIRE_SIGNED);
		if (r == 0)
			r = read_signed(&held, &note, &len);
		if (r != -ERANGE && (r != 0 || d->first == first))
			break;
		/* Sign must come closer with every batch, or we give up. */
		if (r == -ERANGE && before != UINT64_MAX && held <= before)
			return -EBADMSG;
		before = held;
		r = due_at(self.store, d->id, d->gen, held, d);
		if (r != 0)
			return r;
	}
	if (r == -EBADMSG) {
		must_write(store_begin(self.store));
		r = store_alarm(self.store, d->id, clock_now().wall_us,
		    "unsigned",
		    "sign refuses a batch that store holds: one of the two "
		    "was set back");
		must_write(r < 0 ? r : store_commit(self.store));
		if (r == 0)
			write_alarm(d->id, "unsigned",
			    "sign refuses a batch that store holds");
		return -EBADMSG;
	}
	if (r != 0 && r != -EEXIST)
		return r;
	must_write(store_begin(self.store));
	must_write(due_receipt(
	    self.store, d->id, d->gen, d->first, note, r == 0 ? len : 0));
	must_write(store_commit(self.store));
	return 0;
}

/* Every batch of an agent's generation that has no receipt yet, in order. */
static int
cosign_all(const char *id, uint32_t gen)
{
	struct store_due d;
	int r = 0;

	due_init(&d);
	for (unsigned i = 0; i < LATE_MAX && r == 0; i++) {
		r = due_next(self.store, id, gen, 0, &d);
		if (r == 0)
			r = cosign(&d);
	}
	due_done(&d);
	return r == -ENOENT ? 0 : r;
}

/*
 * What was taken but not signed: when the last run ended, or sign was away.
 * What sign refuses for good is passed by, so that it holds nobody else up.
 */
static void
cosign_late(void)
{
	struct store_due next, d;
	int r = 0;

	due_init(&next);
	due_init(&d);
	for (unsigned i = 0; i < LATE_MAX && r == 0; i++) {
		r = due_any(self.store, &next);
		if (r == 0)
			r = due_at(
			    self.store, next.id, next.gen, next.first, &d);
		if (r == 0)
			r = cosign(&d);
		if (r == -EBADMSG)
			r = 0;
	}
	due_done(&next);
	due_done(&d);
	self.late = r != -ENOENT;
}

/* ---- front: batches ---- */

static uint32_t
status_of(enum store_verdict v)
{
	switch (v) {
	case STORE_TAKEN:
	case STORE_KNOWN:
		return 200;
	case STORE_GAP:
		return 409;
	case STORE_DENIED:
		return 403;
	case STORE_BAD:
		return 400;
	case STORE_FORK:
		return 422;
	}
	must(false);
	return 500;
}

static void
answer_taken(uint64_t id, uint32_t status, const char *error,
    const struct store_taken *t, const struct buf *receipt)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, id);
	buf_put_u32(&b, status);
	buf_put_str(&b, error);
	buf_put_u32(&b, t->gen);
	buf_put_u64(&b, t->next);
	buf_put_blob(&b, receipt->data, receipt->len);
	send_to(proc_peer(&self.proc, ROLE_FRONT, 0), WIRE_TAKEN, &b);
}

/* ---- receipts of a group ---- */

/* A batch whose receipt was asked for, with others, in one go. */
struct asked {
	uint64_t id;
	const struct job *job;
	uint64_t first;
	bool signed_now;
	struct buf note;
};

/* Asks for what is due of a job's log; returns how many are asked now. */
static size_t
ask_due(const struct job *j, struct asked *a, size_t n)
{
	struct store_due d;
	uint64_t first = 0;

	due_init(&d);
	while (n < GROUP_MAX &&
	       due_next(self.store, j->agent, j->taken.gen, first, &d) == 0) {
		OWN(buf_done) struct buf q = {0};

		put_cosign(&q, &d);
		if (send_question(WIRE_COSIGN, &q) != 0)
			break;
		a[n++] = (struct asked){
		    .id = self.asked, .job = j, .first = d.first};
		first = d.first + 1;
	}
	due_done(&d);
	return n;
}

static void
take_signed(struct asked *a, size_t n, uint64_t id)
{
	uint64_t held;
	const uint8_t *note;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		if (a[i].id != id)
			continue;
		if (read_signed(&held, &note, &len) != 0 || len == 0)
			return;
		buf_init(&a[i].note, NOTE_MAX);
		buf_put(&a[i].note, note, len);
		a[i].signed_now = buf_error(&a[i].note) == 0;
		return;
	}
}

static bool
same_log(const struct job *a, const struct job *b)
{
	return str_eq(a->agent, b->agent) && a->taken.gen == b->taken.gen;
}

/*
 * The receipts of all that was taken, with one commit of sign and one of ours.
 * Whatever is not as simple as that is left to cosign_all.
 */
static void
cosign_group(void)
{
	uint64_t until = clock_boot_us() + SIGN_WAIT_MS * UINT64_C(1000);
	struct asked a[GROUP_MAX];
	size_t n = 0, got = 0;

	for (size_t i = 0; i < self.njobs; i++) {
		const struct job *j = &self.jobs[i];
		bool again = j->taken.verdict != STORE_TAKEN;

		for (size_t k = 0; k < i; k++)
			again |= self.jobs[k].taken.verdict == STORE_TAKEN &&
				 same_log(&self.jobs[k], j);
		if (!again)
			n = ask_due(j, a, n);
	}
	if (n == 0)
		return;
	while (got < n) {
		uint64_t id;

		if (next_answer(WIRE_SIGNED, until, &id) != 0)
			break;
		take_signed(a, n, id);
		got += id >= a[0].id ? 1 : 0;
	}
	must_write(store_begin(self.store));
	for (size_t i = 0; i < n; i++) {
		if (a[i].signed_now)
			must_write(due_receipt(self.store, a[i].job->agent,
			    a[i].job->taken.gen, a[i].first, a[i].note.data,
			    a[i].note.len));
		buf_done(&a[i].note);
	}
	must_write(store_commit(self.store));
}

static void
finish_job(struct job *j)
{
	OWN(buf_done) struct buf receipt = {0};
	uint32_t status = status_of(j->taken.verdict);

	buf_init(&receipt, NOTE_MAX);
	if (j->taken.alarm[0] != '\0')
		write_alarm(j->agent, j->taken.alarm, j->taken.detail);
	if (status == 200) {
		int r = cosign_all(j->agent, j->taken.gen);

		if (r == 0)
			r = due_last(
			    self.store, j->agent, j->taken.gen, &receipt);
		if (r != 0 || receipt.len == 0) {
			self.late = true;
			answer_taken(j->id, 503,
			    "the batch is kept; its receipt is not ready",
			    &j->taken, &receipt);
			return;
		}
	}
	answer_taken(j->id, status, j->taken.detail, &j->taken, &receipt);
}

/* All that waited, in one commit; then receipts, then answers. */
static void
run_jobs(void)
{
	if (self.njobs == 0)
		return;
	must_write(store_begin(self.store));
	for (size_t i = 0; i < self.njobs; i++) {
		struct job *j = &self.jobs[i];

		must_write(
		    take_batch(self.store, j->agent, j->key, j->packed.data,
			j->packed.len, clock_now().wall_us, &j->taken));
	}
	must_write(store_commit(self.store));
	self.asking.waits = true;
	cosign_group();
	for (size_t i = 0; i < self.njobs; i++) {
		finish_job(&self.jobs[i]);
		buf_done(&self.jobs[i].packed);
	}
	self.njobs = self.packed = 0;
}

/* Copied, so that front cannot change or shorten what was judged. */
static int
read_packed(int fd, struct buf *out)
{
	struct stat st;
	uint8_t *to;
	size_t at = 0, size;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > PACKED_MAX)
		return -EBADMSG;
	size = (size_t)st.st_size;
	buf_init(out, PACKED_MAX);
	to = buf_grow(out, size);
	if (to == NULL)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pread(fd, to + at, size - at, (off_t)at);

		if (n <= 0)
			return -EBADMSG;
		at += (size_t)n;
	}
	return 0;
}

static void
on_intake(struct cur *c, int fd)
{
	struct job *j = &self.jobs[self.njobs];
	const uint8_t *key;

	*j = (struct job){.id = cur_u64(c)};
	cur_str(c, j->agent, sizeof j->agent);
	key = cur_bytes(c, SEAL_HASH);
	if (cur_end(c) != 0 || read_packed(fd, &j->packed) != 0) {
		OWN(buf_done) struct buf none = {0};

		buf_init(&none, 1);
		buf_done(&j->packed);
		answer_taken(j->id, 400, "the batch cannot be read",
		    &(struct store_taken){0}, &none);
		return;
	}
	memcpy(j->key, key, SEAL_HASH);
	self.packed += j->packed.len;
	self.njobs++;
}

static void
on_frontier(struct cur *c)
{
	OWN(buf_done) struct buf receipt = {0};
	struct store_taken t = {0};
	struct diag why = {0};
	char agent[WIRE_AGENT_MAX];
	uint64_t id = cur_u64(c);
	const uint8_t *key;
	uint32_t gen;
	int r;

	cur_str(c, agent, sizeof agent);
	key = cur_bytes(c, SEAL_HASH);
	gen = cur_u32(c);
	buf_init(&receipt, NOTE_MAX);
	if (cur_end(c) != 0)
		return;
	r = store_admit(self.store, agent, key, &why);
	if (r == 0)
		r = take_frontier(self.store, agent, gen, &t);
	if (r == 0)
		r = due_last(self.store, agent, t.gen, &receipt);
	if (r != 0 && r != -EACCES)
		must_write(r);
	answer_taken(id, r == 0 ? 200 : 403, why.text, &t, &receipt);
}

/* ---- front: enrolment ---- */

static void
answer_enrolled(uint64_t id, uint32_t status, const char *error,
    const char *agent, const uint8_t *cert, size_t len)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, id);
	buf_put_u32(&b, status);
	buf_put_str(&b, error);
	buf_put_str(&b, agent);
	buf_put_blob(&b, cert, len);
	send_to(proc_peer(&self.proc, ROLE_FRONT, 0), WIRE_ENROLLED, &b);
}

/* The certificate stays in self.answer until the next question to sign. */
static int
issue(const char *agent, const void *key, size_t len, const uint8_t **cert,
    size_t *cert_len)
{
	OWN(buf_done) struct buf q = {0};
	struct cur c;
	uint32_t err;
	int r;

	buf_init(&q, IPC_MAX);
	buf_put_u64(&q, ++self.asked);
	buf_put_str(&q, agent);
	buf_put_blob(&q, key, len);
	r = ask_sign(WIRE_ISSUE, &q, WIRE_ISSUED);
	if (r != 0)
		return r;
	cur_init(&c, self.answer.data, self.answer.len);
	(void)cur_u64(&c);
	err = cur_u32(&c);
	*cert = cur_blob(&c, cert_len);
	return cur_end(&c) != 0 || err != 0 || *cert_len == 0 ? -EBADMSG : 0;
}

static void
write_enrolled(const struct store_enrol *e, const char *agent)
{
	uint8_t digest[SEAL_HASH];
	char hex[2 * SEAL_HASH + 1];
	struct draft d;

	seal_sha256(e->public_key, e->len, digest);
	str_hex(hex, digest, sizeof digest);
	draft_init(&d, "col.enrol", clock_now());
	draft_text(&d, "agent", agent);
	draft_text(&d, "host", e->host);
	draft_text(&d, "spki", hex);
	draft_text(&d, "vkey", e->vkey);
	must_write(write_entry(&d));
}

static void
enrol(uint64_t id, const struct store_enrol *e)
{
	OWN(buf_done) struct buf pem = {0};
	struct diag why = {0};
	char agent[PKI_ID_MAX] = "";
	const uint8_t *cert = NULL;
	size_t len = 0;
	int r = store_enrol_check(self.store, e, agent, &why);

	if (r == -EPERM || r == -EEXIST || r == -EBADMSG) {
		answer_enrolled(id,
		    r == -EPERM    ? 403
		    : r == -EEXIST ? 409
				   : 400,
		    why.text, "", NULL, 0);
		return;
	}
	must_write(r);
	r = issue(agent, e->public_key, e->len, &cert, &len);
	if (r != 0) {
		answer_enrolled(id, r == -EBADMSG ? 400 : 503,
		    "no certificate could be made", "", NULL, 0);
		return;
	}
	buf_init(&pem, PKI_PEM_MAX);
	buf_put(&pem, cert, len);
	must_write(store_begin(self.store));
	must_write(store_enrol(self.store, e, agent));
	must_write(store_commit(self.store));
	log_note("agent %s is enrolled", agent);
	write_enrolled(e, agent);
	answer_enrolled(id, 200, "", agent, pem.data, pem.len);
}

static void
on_enrol(struct cur *c)
{
	struct store_enrol e = {.now_us = clock_now().wall_us};
	char host[WIRE_HOST_MAX], vkey[WIRE_VKEY_MAX];
	uint64_t id = cur_u64(c);

	e.token = cur_bytes(c, SEAL_HASH);
	cur_str(c, host, sizeof host);
	cur_str(c, vkey, sizeof vkey);
	e.host = host;
	e.vkey = vkey;
	e.public_key = cur_blob(c, &e.len);
	if (cur_end(c) != 0)
		answer_enrolled(
		    id, 400, "the request cannot be read", "", NULL, 0);
	else
		enrol(id, &e);
}

static void
on_renew(struct cur *c)
{
	OWN(buf_done) struct buf public_key = {0};
	struct diag why = {0};
	char agent[WIRE_AGENT_MAX];
	uint64_t id = cur_u64(c);
	const uint8_t *key, *cert = NULL;
	size_t len = 0;
	int r;

	cur_str(c, agent, sizeof agent);
	key = cur_bytes(c, SEAL_HASH);
	if (cur_end(c) != 0)
		return;
	buf_init(&public_key, PKI_PUBLIC_MAX);
	r = store_admit(self.store, agent, key, &why);
	if (r == -EACCES) {
		answer_enrolled(id, 403, why.text, agent, NULL, 0);
		return;
	}
	if (r == 0)
		r = store_public_key(self.store, agent, &public_key);
	must_write(r);
	r = issue(agent, public_key.data, public_key.len, &cert, &len);
	answer_enrolled(id, r == 0 ? 200 : 503,
	    r == 0 ? "" : "no certificate could be made", agent, cert, len);
}

/* ---- root on this machine ---- */

static void
answer_done(int fd, uint64_t id, int err, const char *error, const char *token)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, id);
	buf_put_u32(&b, (uint32_t)-err);
	buf_put_str(&b, error);
	buf_put_str(&b, token);
	if (ipc_send_buf(fd, WIRE_DONE, &b, -1) != 0)
		log_debug("a caller went away");
}

static void
on_token(int fd, struct cur *c)
{
	OWN(buf_wipe) struct buf token = {0};
	uint8_t secret[TOKEN_BYTES], hash[SEAL_HASH];
	uint64_t id = cur_u64(c), seconds = cur_u64(c);
	int64_t now = clock_now().wall_us;
	int r;

	if (cur_end(c) != 0 || seconds == 0 || seconds > TOKEN_SECONDS_MAX) {
		answer_done(fd, id, -EINVAL,
		    "a token lives from 1 second to 30 days", "");
		return;
	}
	buf_init(&token, 256);
	rng_fill(secret, sizeof secret);
	str_base64url(&token, secret, sizeof secret);
	explicit_bzero(secret, sizeof secret);
	seal_sha256(token.data, token.len, hash);
	buf_put_u8(&token, '.');
	str_base64url(&token, self.ca, sizeof self.ca);
	must_write(store_begin(self.store));
	r = store_token_add(
	    self.store, hash, now, now + (int64_t)seconds * 1000000);
	must_write(r != 0 ? r : store_commit(self.store));
	answer_done(fd, id, 0, "", buf_text(&token));
}

struct listing {
	int fd;
	uint64_t id;
};

static int
send_agent(void *ctx, const struct store_agent *a)
{
	const struct listing *l = ctx;
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, IPC_MAX);
	buf_put_u64(&b, l->id);
	buf_put_str(&b, a->id);
	buf_put_str(&b, a->host);
	buf_put_str(&b, a->state);
	buf_put_u64(&b, (uint64_t)a->enrolled_us);
	buf_put_u64(&b, (uint64_t)a->seen_us);
	buf_put_u32(&b, a->gen);
	buf_put_u64(&b, a->entries);
	buf_put_u32(&b, a->alarms);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	return ipc_send_wait(l->fd, WIRE_AGENT, b.data, b.len, -1, 1000);
}

static void
on_agents(int fd, struct cur *c)
{
	struct listing l = {.fd = fd, .id = cur_u64(c)};
	int r = cur_end(c);

	if (r == 0)
		r = store_agents(self.store, send_agent, &l);
	answer_done(fd, l.id, r, r == 0 ? "" : "the list is incomplete", "");
}

static void
on_revoke(int fd, struct cur *c)
{
	char agent[WIRE_AGENT_MAX], why[WIRE_ERROR_MAX];
	uint64_t id = cur_u64(c);
	int r;

	cur_str(c, agent, sizeof agent);
	cur_str(c, why, sizeof why);
	if (cur_end(c) != 0) {
		answer_done(fd, id, -EINVAL, "the request cannot be read", "");
		return;
	}
	must_write(store_begin(self.store));
	r = store_revoke(self.store, agent, clock_now().wall_us);
	if (r == -ENOENT || r == -EALREADY) {
		store_rollback(self.store);
		answer_done(fd, id, r,
		    r == -ENOENT ? "there is no such agent"
				 : "the agent is revoked already",
		    "");
		return;
	}
	must_write(r != 0 ? r : store_commit(self.store));
	log_note("agent %s is revoked", agent);
	write_two("col.revoke", "agent", agent, "why", why);
	answer_done(fd, id, 0, "", "");
}

static bool
on_caller(int fd)
{
	struct ipc_in *in = self.proc.in;
	struct cur c;
	int r = ipc_recv(fd, in);

	if (r == -EAGAIN)
		return true;
	if (r != 1)
		return false;
	own_close(&in->fd);
	cur_init(&c, in->data, in->len);
	if (in->type == WIRE_TOKEN)
		on_token(fd, &c);
	else if (in->type == WIRE_AGENTS)
		on_agents(fd, &c);
	else if (in->type == WIRE_REVOKE)
		on_revoke(fd, &c);
	else
		return false;
	return true;
}

static void
take_caller(int fd)
{
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		if (self.callers[i] < 0) {
			self.callers[i] = fd;
			return;
		}
	}
	close(fd);
}

/* ---- report ---- */

static void
on_record(struct proc_peer *report, struct cur *c)
{
	OWN(buf_done) struct buf b = {0};
	struct draft d;
	uint64_t id = cur_u64(c);
	int r = draft_decode(&d, c);

	if (r == 0 && !str_eq(d.type, "col.access")) {
		draft_done(&d);
		r = -EBADMSG;
	}
	if (r == 0)
		r = write_entry(&d);
	buf_init(&b, 64);
	buf_put_u64(&b, id);
	buf_put_u32(&b, (uint32_t)-r);
	send_to(report, WIRE_RECORDED, &b);
	if (r != 0 && r != -EBADMSG && r != -EINVAL && r != -ENOBUFS &&
	    r != -ERANGE)
		must_write(r);
}

/* ---- confirm ---- */

static bool
ask_one(struct proc_peer *confirm, const struct store_sealed *sealed)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, EXACT_SEALED_MAX + 64);
	buf_put_u64(&b, sealed->id);
	buf_put_str(&b, sealed->text);
	return ipc_send_buf(confirm->fd, WIRE_CONFIRM, &b, -1) == 0;
}

/* The next questions, once all before them are answered; never waits. */
static void
ask_confirm(void)
{
	struct proc_peer *confirm = proc_peer(&self.proc, ROLE_CONFIRM, 0);
	struct asking *a = &self.asking;
	struct store_sealed sealed = {0};

	if (confirm == NULL || confirm->fd < 0)
		return;
	/* What an earlier one was asked, and did not answer, is asked again. */
	if (a->turn != confirm->turn) {
		a->n = a->answered = 0;
		a->turn = confirm->turn;
	}
	if (a->n > 0)
		return;
	while (a->waits && a->n < CONFIRM_MAX) {
		int r = sealed_next(self.store, sealed.id, &sealed);

		if (r == -ENOENT)
			a->waits = false;
		else
			must_write(r);
		if (r != 0 || !ask_one(confirm, &sealed))
			break;
		a->list[a->n++] = (struct store_confirmed){.id = sealed.id};
	}
}

static void
keep_confirmed(struct asking *a)
{
	must_write(store_begin(self.store));
	for (size_t i = 0; i < a->n; i++)
		must_write(sealed_put(self.store, &a->list[i]));
	must_write(store_commit(self.store));
	a->n = a->answered = 0;
	a->waits = true;
}

/* Confirm answers in the order of the questions. */
static int
on_confirmed(struct cur *c)
{
	struct asking *a = &self.asking;
	uint64_t id = cur_u64(c);
	uint32_t err = cur_u32(c), candidates = cur_u32(c);
	struct store_confirmed *v;
	size_t len;
	const uint8_t *marks = cur_blob(c, &len);

	if (cur_end(c) != 0 || a->answered == a->n ||
	    a->list[a->answered].id != id || len % ROWS_MARK != 0 ||
	    len / ROWS_MARK > candidates || candidates > EXACT_CANDIDATES_MAX)
		return -EBADMSG;
	v = &a->list[a->answered++];
	v->how = err == 0        ? STORE_JUDGED
		 : err == ENOENT ? STORE_NO_TABLE
				 : STORE_NO_KEY;
	v->candidates = candidates;
	v->confirmed = len / ROWS_MARK;
	if (len > 0)
		memcpy(v->marks, marks, len);
	if (a->answered == a->n)
		keep_confirmed(a);
	return 0;
}

static void
on_tables(struct cur *c)
{
	uint32_t n = cur_u32(c);

	if (cur_end(c) != 0)
		return;
	log_note("tables for exact data match: %u", n);
	must_write(store_begin(self.store));
	must_write(sealed_again(self.store));
	must_write(store_commit(self.store));
	self.asking.waits = true;
}

/* ---- the loop ---- */

/* Reads what waits on a link; batches gather until the group is full. */
static void
read_peer(struct proc_peer *peer)
{
	struct ipc_in *in = self.proc.in;

	for (unsigned i = 0; i < GROUP_MAX && self.njobs < GROUP_MAX &&
			     self.packed < GROUP_BYTES;
	     i++) {
		struct cur c;
		int r = ipc_recv(peer->fd, in);

		if (r == -EAGAIN)
			return;
		if (r != 1) {
			proc_peer_lost(peer);
			return;
		}
		cur_init(&c, in->data, in->len);
		if (in->type == WIRE_CONTROL && peer->role == ROLE_SUPERVISE &&
		    in->fd >= 0)
			take_caller(own_take_fd(&in->fd));
		else if (in->type == WIRE_RECORD && peer->role == ROLE_REPORT)
			on_record(peer, &c);
		else if (in->type == WIRE_TABLES && peer->role == ROLE_CONFIRM)
			on_tables(&c);
		else if (in->type == WIRE_CONFIRMED &&
			 peer->role == ROLE_CONFIRM) {
			if (on_confirmed(&c) != 0)
				proc_peer_lost(peer);
		} else if (peer->role != ROLE_FRONT)
			log_warn("a message of type %u is not known", in->type);
		else if (in->type == WIRE_INTAKE)
			on_intake(&c, in->fd);
		else if (in->type == WIRE_FRONTIER)
			on_frontier(&c);
		else if (in->type == WIRE_ENROL)
			on_enrol(&c);
		else if (in->type == WIRE_RENEW)
			on_renew(&c);
		own_close(&in->fd);
		if (peer->fd < 0)
			return;
	}
}

#define POLLS_MAX (1 + PROC_PEERS_MAX + CALLERS_MAX)

static void
turn(void)
{
	struct pollfd p[POLLS_MAX];
	size_t npeers = self.proc.npeers, n = 0;

	p[n++] = (struct pollfd){.fd = self.proc.ctl, .events = POLLIN};
	for (size_t i = 0; i < npeers; i++)
		p[n++] =
		    (struct pollfd){.fd = self.proc.peers[i].role == ROLE_SIGN
					      ? -1
					      : self.proc.peers[i].fd,
			.events = POLLIN};
	for (size_t i = 0; i < CALLERS_MAX; i++)
		p[n++] =
		    (struct pollfd){.fd = self.callers[i], .events = POLLIN};
	if (poll(p, n, self.late ? 1000 : -1) < 0)
		return;
	for (size_t i = 0; i < npeers; i++)
		if (p[1 + i].revents != 0)
			read_peer(&self.proc.peers[i]);
	run_jobs();
	ask_confirm();
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		if (p[1 + npeers + i].revents == 0 || self.callers[i] < 0)
			continue;
		if (!on_caller(self.callers[i])) {
			close(self.callers[i]);
			self.callers[i] = -1;
		}
	}
	if (p[0].revents != 0)
		(void)proc_step(&self.proc);
	if (self.late)
		cosign_late();
}

/* ---- start ---- */

static void
read_ca(const char *state)
{
	OWN(pki_cert_freep) struct pki_cert *ca = NULL;
	OWN(buf_done) struct buf pem = {0};
	struct diag why = {0};
	char path[4096];
	int r;

	buf_init(&pem, PKI_PEM_MAX);
	must(str_format(path, sizeof path, "%s/ca.crt", state) == 0);
	r = file_read(path, &pem, &why);
	if (r == 0)
		r = pki_cert_parse(pem.data, pem.len, &ca, &why);
	if (r == 0)
		r = pki_cert_digest(ca, self.ca);
	if (r != 0)
		die(path, r, &why);
}

static void
open_all(const char *dir)
{
	OWN(buf_done) struct buf text = {0};
	struct diag why = {0};
	struct vkey v;
	char path[4096];
	int r;

	must(str_format(path, sizeof path, "%s/collector.db", dir) == 0);
	r = store_open(path, &self.store, &why);
	if (r != 0)
		die(path, r, &why);
	buf_init(&text, WIRE_VKEY_MAX);
	must(str_format(path, sizeof path, "%s/log.vkey", dir) == 0);
	r = file_read(path, &text, &why);
	if (r == 0)
		r = vkey_parse(buf_text(&text), &v);
	if (r != 0)
		die(path, r, &why);
	must(str_format(path, sizeof path, "%s/log.db", dir) == 0);
	r = ledger_open(path, v.name, &self.log, &why);
	if (r != 0)
		die(path, r, &why);
}

int
main(int argc, char **argv)
{
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {0};
	struct jail j;
	char dir[4096];

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-store");
	must(args.state != NULL);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		self.callers[i] = -1;
	read_ca(args.state);
	must(str_format(dir, sizeof dir, "%s/store", args.state) == 0);
	j = role_jail(role_find(COLLECTOR_ROLES, ROLE_STORE), dir);
	if (jail_enter(&j, &taken, &why) != 0)
		die("jail", -EPERM, &why);
	open_all(dir);
	proc_ready(&self.proc, "");
	if (proc_wait_peer(&self.proc, ROLE_SIGN, 0)) {
		write_two("col.start", "version", VERSION, "why", "started");
		self.late = self.asking.waits = true;
		while (!self.proc.stopping)
			turn();
		write_two(
		    "col.stop", "version", VERSION, "why", "asked to stop");
	}
	ledger_close(self.log);
	store_close(self.store);
	free(self.proc.in);
	return 0;
}
