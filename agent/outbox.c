/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - drafts on their way to the record process, until they are durable.
 *
 * Owns: the numbers of one writer, the drafts that are not acknowledged, and
 * the count of those that did not fit.
 * Never: drops a draft unsaid: the count becomes a cov.loss entry as soon as
 * there is room.
 * Hands over: a draft to record; after MESSAGE_APPENDED it is the log's.
 */
#include "agent/outbox.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define DRAFTS_MAX 32768u
#define BYTES_MAX (16u * 1024 * 1024)

struct item {
	struct item *next;
	uint64_t number;
	struct buf bytes; /* the payload of MESSAGE_APPEND */
};

struct outbox {
	char source[32];
	uint64_t epoch;
	uint64_t number; /* of the last draft */
	uint64_t kept; /* durable up to here */
	struct item *head, **tail;
	struct item *unsent; /* first one not given to the present socket */
	size_t n, bytes;
	int fd;
	bool greeted; /* record answered our hello */
	bool said; /* our hello went out */
	uint64_t lost, lost_untold;
	struct stamp lost_from;
	uint8_t tag_key[OUTBOX_TAG_KEY];
	unsigned tag_version;
};

int
outbox_new(const char *source, struct outbox **out)
{
	struct outbox *o = calloc(1, sizeof *o);

	if (o == NULL)
		return -ENOMEM;
	must(str_copy(o->source, sizeof o->source, source) == 0);
	rng_fill(&o->epoch, sizeof o->epoch);
	o->epoch >>= 11; /* an integer that JSON and SQLite hold exactly */
	o->tail = &o->head;
	o->fd = -1;
	*out = o;
	return 0;
}

static void
drop_head(struct outbox *o)
{
	struct item *i = o->head;

	o->head = i->next;
	if (o->head == NULL)
		o->tail = &o->head;
	if (o->unsent == i)
		o->unsent = i->next;
	o->n--;
	o->bytes -= i->bytes.len;
	buf_done(&i->bytes);
	free(i);
}

void
outbox_free(struct outbox *o)
{
	if (o == NULL)
		return;
	while (o->head != NULL)
		drop_head(o);
	explicit_bzero(o, sizeof *o);
	free(o);
}

static void
lose(struct outbox *o, struct stamp at)
{
	if (o->lost_untold++ == 0)
		o->lost_from = at;
	o->lost++;
}

static bool
put(struct outbox *o, const struct draft *d)
{
	struct item *i;

	if (o->n >= DRAFTS_MAX || o->bytes >= BYTES_MAX)
		return false;
	i = calloc(1, sizeof *i);
	if (i == NULL)
		return false;
	buf_init(&i->bytes, IPC_MAX);
	i->number = o->number + 1;
	buf_put_u64(&i->bytes, i->number);
	draft_encode(d, &i->bytes);
	if (buf_error(&i->bytes) != 0) {
		buf_done(&i->bytes);
		free(i);
		return false;
	}
	o->number++;
	*o->tail = i;
	o->tail = &i->next;
	if (o->unsent == NULL)
		o->unsent = i;
	o->n++;
	o->bytes += i->bytes.len;
	return true;
}

void
outbox_put(struct outbox *o, struct draft *d)
{
	if (draft_error(d) != 0 || !put(o, d))
		lose(o, d->at);
	draft_done(d);
}

/* What was lost becomes an entry as soon as half of the room is free. */
static void
tell_loss(struct outbox *o)
{
	struct draft d;
	struct stamp now;

	if (o->lost_untold == 0 || o->n > DRAFTS_MAX / 2 ||
	    o->bytes > BYTES_MAX / 2)
		return;
	now = clock_now();
	draft_init(&d, "cov.loss", now);
	draft_text(&d, "stage", "queue");
	draft_text(&d, "reason", "the log could not take records fast enough");
	draft_uint(&d, "lost", o->lost_untold);
	draft_int(&d, "from_us", o->lost_from.wall_us);
	draft_int(&d, "to_us", now.wall_us);
	if (draft_error(&d) == 0 && put(o, &d))
		o->lost_untold = 0;
	draft_done(&d);
}

static void
hello(struct outbox *o)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 128);
	buf_put_str(&m, o->source);
	buf_put_u64(&m, o->epoch);
	o->said = ipc_send_buf(o->fd, MESSAGE_HELLO, &m, -1) == 0;
}

void
outbox_link(struct outbox *o, int fd)
{
	o->fd = fd;
	o->greeted = o->said = false;
	o->unsent = o->head;
	if (fd >= 0)
		hello(o);
}

bool
outbox_flush(struct outbox *o)
{
	tell_loss(o);
	if (o->fd < 0)
		return false;
	if (!o->said) {
		hello(o);
		return !o->said;
	}
	if (!o->greeted)
		return false;
	while (o->unsent != NULL) {
		int r =
		    ipc_send_buf(o->fd, MESSAGE_APPEND, &o->unsent->bytes, -1);

		if (r != 0)
			return r == -EAGAIN || r == -ENOBUFS;
		o->unsent = o->unsent->next;
	}
	return false;
}

static void
keep_to(struct outbox *o, uint64_t number)
{
	while (o->head != NULL && o->head->number <= number)
		drop_head(o);
	if (number > o->kept)
		o->kept = number;
}

int
outbox_message(struct outbox *o, uint32_t type, const void *data, size_t len)
{
	const uint8_t *key;
	struct cur c;
	uint64_t number;

	cur_init(&c, data, len);
	number = cur_u64(&c);
	if (type == MESSAGE_APPENDED) {
		if (cur_end(&c) != 0 || number > o->number)
			return -EBADMSG;
		keep_to(o, number);
		return 0;
	}
	if (type != MESSAGE_HELLO)
		return -EBADMSG;
	key = cur_bytes(&c, OUTBOX_TAG_KEY);
	if (cur_end(&c) != 0 || number > o->number)
		return -EBADMSG;
	if (o->tag_version == 0 ||
	    memcmp(o->tag_key, key, OUTBOX_TAG_KEY) != 0) {
		memcpy(o->tag_key, key, OUTBOX_TAG_KEY);
		o->tag_version++;
	}
	o->greeted = true;
	keep_to(o, number);
	return 0;
}

bool
outbox_empty(const struct outbox *o)
{
	return o->head == NULL && o->lost_untold == 0;
}

const uint8_t *
outbox_tag_key(const struct outbox *o, unsigned *version)
{
	*version = o->tag_version;
	return o->tag_version == 0 ? NULL : o->tag_key;
}

uint64_t
outbox_lost(const struct outbox *o)
{
	return o->lost;
}
