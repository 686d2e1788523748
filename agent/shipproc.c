/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-ship - carries the log to the collector, in order.
 *
 * Owns: the one request in flight, the place that the collector wants next, and
 * the agent's TLS key.
 * Never: decides what is in the log, keeps anything of it, or forgets a batch:
 * what was not acknowledged is asked of record again.
 *
 * Every turn does the first of these that is possible:
 *   ask record for index 0, whose batch tells which generation the log is in;
 *   ask the collector for the frontier of that generation;
 *   send the batch that is held, if it begins there; else ask record for it.
 * After every failure the frontier is asked again: whether the last batch was
 * kept, although its answer was lost, only the collector knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/config.h"
#include "agent/roles.h"
#include "agent/ship/ship.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define SECOND_US UINT64_C(1000000)
#define LOOK_US SECOND_US /* for an enrolment, where there is none */
#define LOOK_AGAIN_US (5 * SECOND_US) /* for another one */
#define BACKOFF_MAX_S 30
#define LAST_US (2 * SECOND_US) /* of the last round, at the stop */
#define QUIET_US (SECOND_US / 4) /* without a batch: the last round is over */
#define RENEW_US (INT64_C(30) * 86400 * 1000000) /* left of a certificate */
#define RENEW_AGAIN_US (3600 * SECOND_US)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
/* A zstd frame of what does not shrink is a little longer than it was. */
#define PACKED_MAX ((size_t)BATCH_BYTES_MAX + 65536)
#define BURST 16 /* messages of record in one turn */

/* A batch, packed, that the collector has not acknowledged. */
struct held {
	struct buf packed;
	uint32_t gen;
	uint64_t asked; /* the index that it is record's answer to */
	uint64_t first;
	uint32_t count;
	bool late; /* it came after the stop */
};

struct shipping {
	struct proc proc;
	struct config_args args;
	char dir[4096];
	/* The collector. */
	struct enrolment enrolment;
	uint64_t mark; /* of the enrolment in use, or that was no good */
	struct ship *client; /* NULL: not enrolled, or refused */
	enum ship_what asked;
	bool placed; /* @next is what the collector wants of @gen */
	uint64_t next;
	unsigned failures, rewinds; /* in a row */
	/* The log. */
	struct proc_peer *record;
	uint32_t turn; /* of the link */
	bool wanted; /* record owes a batch */
	uint64_t want; /* from this index on */
	bool known; /* @gen is the log's */
	uint32_t gen;
	struct held held;
	/* When to go on. */
	uint64_t look_us, retry_us, renew_us;
	uint64_t stop_us, quiet_us; /* 0: not yet */
	bool over; /* nothing more can be done before the end */
	char state[700];
};

static struct shipping shipping;

/* ---- what is told -------------------------------------------------------- */

/* The state, once; the level says who has to do something about it. */
static void PRINTF_LIKE(3, 4)
    say(struct shipping *s, enum log_level level, const char *fmt, ...)
{
	char text[sizeof s->state];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (str_eq(s->state, text))
		return;
	memcpy(s->state, text, sizeof text);
	log_at(level, "%s", text);
	proc_note(&s->proc, "state", text);
}

static void
say_receipt(struct shipping *s)
{
	char text[128], when[CLOCK_TEXT_SIZE];

	clock_text(clock_now().wall_us, when);
	must(str_format(text, sizeof text,
		 "generation %" PRIu32 ", %" PRIu64 " entries, %s", s->gen,
		 s->next, when) == 0);
	proc_note(&s->proc, "receipt", text);
}

/* ---- the enrolment ------------------------------------------------------- */

static void
drop_client(struct shipping *s)
{
	ship_free(OWN_TAKE(&s->client));
	enrolment_done(&s->enrolment);
	s->placed = false;
}

static int
open_client(struct shipping *s, struct diag *why)
{
	const struct enrolment *e = &s->enrolment;
	const struct ship_options o = {
	    .url = e->url, .ca = &e->ca, .cert = &e->cert, .key = &e->key};

	return ship_new(&o, &s->client, why);
}

/* Reads what stands there; what is no good is told and waits for another. */
static void
take_enrolment(struct shipping *s)
{
	struct diag why = {0};
	int r;

	drop_client(s);
	r = enrolment_read(s->dir, &s->enrolment, &why);
	if (r == 0)
		r = open_client(s, &why);
	if (r == -ENOENT) {
		s->mark = 0;
		say(s, LOG_LEVEL_NOTE, "not enrolled: see chaperone enrol");
		return;
	}
	if (r != 0) {
		say(s, LOG_LEVEL_ERROR, "bad enrolment: %s", why.text);
		return;
	}
	say(s, LOG_LEVEL_NOTE, "enrolled as %s with %s", s->enrolment.agent,
	    s->enrolment.url);
	s->failures = s->rewinds = 0;
	s->retry_us = s->renew_us = 0;
}

static void
look(struct shipping *s, uint64_t now)
{
	uint64_t mark;

	if (now < s->look_us || (s->client != NULL && ship_busy(s->client)))
		return;
	mark = enrolment_mark(s->dir);
	if (mark != s->mark || s->state[0] == '\0') {
		s->mark = mark;
		take_enrolment(s);
	}
	s->look_us = now + (s->client == NULL ? LOOK_US : LOOK_AGAIN_US);
}

/* ---- record -------------------------------------------------------------- */

static void
drop_held(struct shipping *s)
{
	buf_done(&s->held.packed);
	s->held = (struct held){0};
}

static void
lose_record(struct shipping *s)
{
	if (s->record != NULL)
		proc_peer_lost(s->record);
	s->wanted = s->known = s->placed = false;
	drop_held(s);
}

/* A new link is a new process, perhaps with another generation. */
static void
take_links(struct shipping *s)
{
	struct proc_peer *p = proc_peer(&s->proc, ROLE_RECORD, 0);

	if (p == NULL || p->turn == s->turn)
		return;
	s->record = p;
	s->turn = p->turn;
	s->wanted = s->known = s->placed = false;
	drop_held(s);
}

static void
want(struct shipping *s, uint64_t first)
{
	OWN(buf_done) struct buf m = {0};
	int r;

	if (s->wanted || s->record == NULL || s->record->fd < 0)
		return;
	buf_init(&m, 64);
	buf_put_u64(&m, first);
	r = ipc_send_buf(s->record->fd, MESSAGE_WANT, &m, -1);
	s->want = first;
	if (r == 0)
		s->wanted = true;
	else
		lose_record(s);
}

static void
give_receipt(struct shipping *s, const struct buf *receipt)
{
	OWN(buf_done) struct buf m = {0};

	if (receipt->len == 0 || s->record == NULL || s->record->fd < 0)
		return;
	buf_init(&m, IPC_MAX);
	buf_put_blob(&m, receipt->data, receipt->len);
	must(buf_error(&m) == 0);
	if (ipc_send_wait(
		s->record->fd, MESSAGE_RECEIPT, m.data, m.len, -1, 1000) != 0)
		lose_record(s);
	else
		say_receipt(s);
}

/* Packs what a descriptor holds, after a look at its shape. */
static int
pack(struct held *h, const uint8_t *data, size_t len, struct diag *why)
{
	struct batch b = {0};
	int r = batch_parse(data, len, &b, why);

	if (r != 0)
		return r;
	h->gen = b.gen;
	h->first = b.first;
	h->count = b.count;
	batch_done(&b);
	buf_init(&h->packed, PACKED_MAX);
	return batch_pack(data, len, &h->packed);
}

static int
read_batch(struct held *h, int fd, struct diag *why)
{
	struct stat st;
	void *map;
	int seals = fcntl(fd, F_GET_SEALS), r;

	/* What can still change could change behind our back. */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return diag_set(why, -EBADMSG, "it is not sealed");
	if (fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > BATCH_BYTES_MAX)
		return diag_set(why, -EBADMSG, "its size is out of bounds");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = pack(h, map, (size_t)st.st_size, why);
	(void)munmap(map, (size_t)st.st_size);
	return r;
}

static uint64_t backoff_us(unsigned failures);

static void
take_batch(struct shipping *s, const struct ipc_in *in)
{
	struct diag why = {0};
	struct cur c;
	uint64_t first, count;
	int r;

	cur_init(&c, in->data, in->len);
	first = cur_u64(&c);
	count = cur_u64(&c);
	s->wanted = false;
	drop_held(s);
	r = cur_end(&c) != 0 || in->fd < 0
		? diag_set(&why, -EBADMSG, "the message is malformed")
		: read_batch(&s->held, in->fd, &why);
	if (r == 0 && (s->held.first != first || s->held.count != count))
		r = diag_set(&why, -EBADMSG, "it is not what was announced");
	if (r != 0) {
		drop_held(s);
		say(s, LOG_LEVEL_ERROR, "a batch from record: %s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
		s->retry_us = clock_boot_us() + backoff_us(s->failures++);
		return;
	}
	s->held.asked = s->want;
	s->held.late = s->stop_us != 0;
	s->quiet_us = 0;
	if (!s->known || s->gen != s->held.gen)
		s->placed = false;
	s->known = true;
	s->gen = s->held.gen;
	if (s->placed && s->held.first > s->next) {
		say(s, LOG_LEVEL_ERROR,
		    "the log gives %" PRIu64 " where the collector wants "
		    "%" PRIu64,
		    s->held.first, s->next);
		s->retry_us = clock_boot_us() + backoff_us(s->failures++);
	}
}

static void
read_record(struct shipping *s)
{
	struct ipc_in *in = s->proc.in;

	for (int i = 0; i < BURST && s->record->fd >= 0; i++) {
		int r = ipc_recv(s->record->fd, in);

		if (r == -EAGAIN)
			return;
		if (r != 1) {
			lose_record(s);
			return;
		}
		if (in->type == MESSAGE_BATCH)
			take_batch(s, in);
		own_close(&in->fd);
	}
}

/* ---- the collector ------------------------------------------------------- */

/* 1, 2, 4 … 30 s, a quarter more or less, so that a thousand agents do not come
 * back to a collector in the same second. */
static uint64_t
backoff_us(unsigned failures)
{
	uint64_t s = failures < 5 ? UINT64_C(1) << failures : BACKOFF_MAX_S;
	uint32_t dice;

	rng_fill(&dice, sizeof dice);
	return s * SECOND_US * 3 / 4 + dice % (s * SECOND_US / 2);
}

/* Tries again later; the collector says what it has by then. */
static void
fail(struct shipping *s)
{
	s->placed = false;
	s->retry_us = clock_boot_us() + backoff_us(s->failures++);
	/* There will be no later. */
	if (s->stop_us != 0)
		s->over = true;
}

struct meaning {
	unsigned status;
	bool final; /* until another enrolment */
	enum log_level level;
	const char *text;
};

/* docs/protocol.md, but for 200 and a batch's 409. */
static const struct meaning MEANINGS[] = {
    {401, true, LOG_LEVEL_ERROR,
	"not shipping: the collector does not take our certificate"},
    {403, true, LOG_LEVEL_ERROR, "not shipping: the collector refuses us"},
    {422, true, LOG_LEVEL_ERROR,
	"not shipping: the log contradicts what the collector holds of it"},
    {400, false, LOG_LEVEL_ERROR, "the collector cannot read what we send"},
    {404, false, LOG_LEVEL_ERROR,
	"the collector speaks another version of the protocol"},
    {405, false, LOG_LEVEL_ERROR,
	"the collector speaks another version of the protocol"},
    {413, false, LOG_LEVEL_ERROR, "the collector finds a batch too large"},
    {503, false, LOG_LEVEL_NOTE, "waiting: the collector is not ready"},
    {0, false, LOG_LEVEL_ERROR, "waiting: the collector answered unexpectedly"},
};

static void
take_refusal(struct shipping *s, const struct ship_answer *a)
{
	const struct meaning *m = MEANINGS;

	while (m->status != 0 && m->status != a->status)
		m++;
	say(s, m->level, "%s (%u)%s%s", m->text, a->status,
	    a->error[0] != '\0' ? ": " : "", a->error);
	if (!m->final) {
		fail(s);
		return;
	}
	drop_client(s);
	s->look_us = 0;
}

static void
take_place(struct shipping *s, const struct ship_answer *a)
{
	bool kept = s->asked == SHIP_BATCH && a->status == 200;

	if (a->gen != s->gen || (kept && a->next <= s->held.first)) {
		say(s, LOG_LEVEL_ERROR,
		    "the collector answers for another generation, or does "
		    "not hold what it took");
		fail(s);
		return;
	}
	s->next = a->next;
	s->placed = true;
	if (kept) {
		if (s->held.late)
			s->quiet_us = clock_boot_us() + QUIET_US;
		drop_held(s);
		s->failures = s->rewinds = 0;
	}
	if (a->status == 200) {
		say(s, LOG_LEVEL_NOTE, "shipping");
		give_receipt(s, &a->receipt);
	}
}

/* A second rewind in a row gets us nowhere, and should not do so fast. */
static void
take_rewind(struct shipping *s, const struct ship_answer *a)
{
	if (a->placed && a->gen == s->gen && s->rewinds++ == 0) {
		take_place(s, a);
		return;
	}
	say(s, LOG_LEVEL_ERROR,
	    "the collector wants %" PRIu64 " and not the batch at %" PRIu64
	    "%s%s",
	    a->next, s->held.first, a->error[0] != '\0' ? ": " : "", a->error);
	fail(s);
}

static void
take_renewal(struct shipping *s, const struct ship_answer *a)
{
	struct diag why = {0};
	int r = a->status == 200 ? enrolment_renew(s->dir, &s->enrolment,
				       a->pem.data, a->pem.len, &why)
				 : diag_set(&why, -EPROTO, "it answered %u %s",
				       a->status, a->error);

	if (r == 0) {
		log_note("the certificate was renewed");
		take_enrolment(s);
	} else if (a->status == 401 || a->status == 403) {
		take_refusal(s, a);
	} else {
		log_warn("the certificate was not renewed: %s", why.text);
	}
}

static void
take_answer(struct shipping *s)
{
	struct ship_answer a = {0};
	struct diag why = {0};
	int r = ship_take(s->client, &a, &why);

	if (r != 0) {
		say(s, LOG_LEVEL_WARN, "waiting: %s", why.text);
		fail(s);
	} else if (s->asked == SHIP_RENEW) {
		take_renewal(s, &a);
	} else if (a.status == 200) {
		take_place(s, &a);
	} else if (a.status == 409 && s->asked == SHIP_BATCH) {
		take_rewind(s, &a);
	} else {
		take_refusal(s, &a);
	}
	ship_answer_done(&a);
}

static void
start(struct shipping *s, const struct ship_request *q)
{
	int r = ship_start(s->client, q);

	s->asked = q->what;
	if (r == 0)
		return;
	say(s, LOG_LEVEL_ERROR, "a request cannot be made: %s", strerror(-r));
	fail(s);
}

static bool
renewal_due(struct shipping *s, uint64_t now)
{
	if (now < s->renew_us)
		return false;
	s->renew_us = now + RENEW_AGAIN_US;
	return s->enrolment.expires_us - clock_now().wall_us < RENEW_US;
}

/*
 * The batch at the place that is wanted; or one before it that record gave in
 * its place: then the log ends before what the collector holds of it, and how
 * that could be is the collector's to judge.
 */
static bool
may_send(const struct shipping *s)
{
	const struct held *h = &s->held;

	return h->first == s->next ||
	       (h->asked == s->next && !s->wanted && h->first < s->next);
}

/* Does what can be done next. */
static void
advance(struct shipping *s, uint64_t now)
{
	struct held *h = &s->held;

	if (s->client == NULL || ship_busy(s->client) || now < s->retry_us)
		return;
	if (s->stop_us == 0 && renewal_due(s, now))
		start(s, &(struct ship_request){.what = SHIP_RENEW});
	else if (!s->known)
		want(s, 0);
	else if (!s->placed)
		start(s, &(struct ship_request){.what = SHIP_FRONTIER,
			     .gen_given = true,
			     .gen = s->gen});
	else if (h->packed.len > 0 && h->gen == s->gen && may_send(s))
		start(s, &(struct ship_request){.what = SHIP_BATCH,
			     .body = h->packed.data,
			     .len = h->packed.len});
	else
		want(s, s->next);
}

/* ---- the loop ------------------------------------------------------------ */

/* True once there is nothing left to wait for. */
static bool
finished(struct shipping *s, uint64_t now)
{
	if (!s->proc.stopping)
		return false;
	if (s->stop_us == 0) {
		s->stop_us = now + LAST_US;
		/* Whoever waits to try again tries now, once. */
		s->retry_us = 0;
	}
	return s->over || s->client == NULL || s->record == NULL ||
	       s->record->fd < 0 || now >= s->stop_us ||
	       (s->quiet_us != 0 && now >= s->quiet_us);
}

static int
wait_ms(const struct shipping *s, uint64_t now)
{
	const uint64_t times[] = {
	    s->look_us, s->retry_us, s->stop_us, s->quiet_us};
	uint64_t until = now + LOOK_AGAIN_US;

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i] > now && times[i] < until)
			until = times[i];
	return (int)((until - now + 999) / 1000);
}

static void
turn(struct shipping *s, uint64_t now)
{
	struct pollfd p[2] = {
	    {.fd = s->proc.ctl, .events = POLLIN},
	    {.fd = s->record != NULL ? s->record->fd : -1, .events = POLLIN},
	};
	int ms = wait_ms(s, now);
	int r = s->client != NULL ? ship_wait(s->client, p, ARRAY_LEN(p), ms)
				  : poll(p, ARRAY_LEN(p), ms);

	if (r < 0 && s->client == NULL && errno == EINTR)
		return;
	must(r >= 0);
	if (s->client != NULL && r == 1)
		take_answer(s);
	if (p[1].revents != 0 && s->record->fd >= 0)
		read_record(s);
	if (p[0].revents != 0 && proc_step(&s->proc))
		take_links(s);
}

static void
serve(struct shipping *s)
{
	for (;;) {
		uint64_t now = clock_boot_us();

		if (finished(s, now))
			return;
		look(s, now);
		advance(s, now);
		turn(s, now);
	}
}

/* ---- start --------------------------------------------------------------- */

static int
prepare(struct shipping *s, struct diag *why)
{
	struct jail jail;
	struct jail_taken taken;

	if (s->args.state == NULL ||
	    str_format(s->dir, sizeof s->dir, "%s/ship", s->args.state) != 0)
		return diag_set(why, -EINVAL, "--state DIR is missing");
	if (ship_init() != 0)
		return diag_set(why, -ENOMEM, "libcurl cannot be set up");
	jail = role_jail(role_find(AGENT_ROLES, ROLE_SHIP), s->dir);
	return jail_enter(&jail, &taken, why);
}

int
main(int argc, char **argv)
{
	struct shipping *s = &shipping;
	struct diag why = {0};
	int r;

	config_args(&s->args, argc, argv);
	proc_init(&s->proc, "chaperone-ship");
	r = prepare(s, &why);
	if (r != 0) {
		log_error("%s", why.text);
		return 1;
	}
	proc_ready(&s->proc, "");
	(void)proc_step(&s->proc);
	take_links(s);
	serve(s);
	drop_client(s);
	drop_held(s);
	return 0;
}
