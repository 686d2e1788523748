/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub - the inspectors as the watch process sees them.
 *
 * Owns: the queue of jobs, which inspector has which, and the parts of an
 * outcome until it is whole.
 * Never: looks into a descriptor; trusts an inspector beyond the object that it
 * was given: a message about another is a crash.
 * Hands over: a job's descriptor to the inspector; the hub's copy is kept
 * until the answer, so that the death of one inspector loses no job.
 */
#include "agent/hub.h"

#include <errno.h>
#include <string.h>

#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/str.h"

#include "lib/own.h"

/* How many jobs an inspector holds: enough to keep it busy, few to lose. */
#define GIVEN_MAX 4

struct job {
	struct job *next;
	uint64_t id;
	uint64_t max_bytes;
	int fd;
	unsigned deaths; /* inspectors that ended while it was first in line */
	size_t name_len;
	uint8_t name[];
};

/* Findings and skips that came for one id and wait for its last message. */
struct gathered {
	struct gathered *next;
	uint64_t id;
	struct finding findings[HUB_FINDINGS_MAX];
	size_t nfindings;
	struct skip skips[HUB_SKIPS_MAX];
	size_t nskips;
	uint64_t over; /* that did not fit */
};

#define GATHERED_MAX 64

struct inspector {
	int fd;
	struct job *given; /* in the order that it answers */
	size_t ngiven;
	struct gathered *gathered;
	size_t ngathered;
	bool keyed;
};

struct hub {
	struct hub_calls calls;
	struct inspector inspectors[HUB_INSPECTORS_MAX];
	struct job *head, **tail;
	size_t queued;
	uint8_t key[32];
	bool has_key;
};

int
hub_new(const struct hub_calls *calls, struct hub **out)
{
	struct hub *h = calloc(1, sizeof *h);

	if (h == NULL)
		return -ENOMEM;
	h->calls = *calls;
	h->tail = &h->head;
	for (size_t i = 0; i < HUB_INSPECTORS_MAX; i++)
		h->inspectors[i].fd = -1;
	*out = h;
	return 0;
}

static void
job_free(struct job *j)
{
	own_close(&j->fd);
	free(j);
}

static void
skip_done(struct skip *s)
{
	free(s->member);
	*s = (struct skip){0};
}

static void
gathered_free(struct gathered *g)
{
	for (size_t i = 0; i < g->nfindings; i++)
		finding_done(&g->findings[i]);
	for (size_t i = 0; i < g->nskips; i++)
		skip_done(&g->skips[i]);
	free(g);
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < HUB_INSPECTORS_MAX; i++)
		hub_link(h, i, -1);
	while (h->head != NULL) {
		struct job *j = h->head;

		h->head = j->next;
		job_free(j);
	}
	explicit_bzero(h, sizeof *h);
	free(h);
}

static void
push(struct hub *h, struct job *j)
{
	j->next = NULL;
	*h->tail = j;
	h->tail = &j->next;
	h->queued++;
}

static void
push_front(struct hub *h, struct job *j)
{
	j->next = h->head;
	h->head = j;
	if (h->tail == &h->head)
		h->tail = &j->next;
	h->queued++;
}

static void
job_failed(struct hub *h, struct job *j, const char *why)
{
	struct outcome o = {.failed = true};

	(void)str_copy(o.why, sizeof o.why, why);
	h->calls.done(h->calls.ctx, j->id, &o);
	job_free(j);
}

/*
 * The inspector's end: it answers in order, so the first job is the one it
 * died of. A second death of the same job is proof enough.
 */
static void
take_back(struct hub *h, struct inspector *i)
{
	struct job *list[GIVEN_MAX];
	size_t n = 0;

	while (i->given != NULL) {
		must(n < GIVEN_MAX);
		list[n++] = i->given;
		i->given = i->given->next;
	}
	i->ngiven = 0;
	for (size_t k = n; k-- > 0;) {
		if (k == 0 && ++list[0]->deaths > 1)
			job_failed(h, list[0], "the inspector died of it");
		else
			push_front(h, list[k]);
	}
}

void
hub_link(struct hub *h, unsigned index, int fd)
{
	struct inspector *i;

	if (index >= HUB_INSPECTORS_MAX)
		return;
	i = &h->inspectors[index];
	i->fd = -1;
	take_back(h, i);
	while (i->gathered != NULL) {
		struct gathered *g = i->gathered;

		i->gathered = g->next;
		gathered_free(g);
	}
	i->ngathered = 0;
	i->keyed = false;
	i->fd = fd;
}

int
hub_submit(struct hub *h, uint64_t job, int fd, uint64_t max_bytes,
    const void *name, size_t name_len)
{
	OWN_FD int mine = fd;
	struct job *j;

	if (h->queued >= HUB_QUEUE_MAX)
		return -ENOBUFS;
	if (name_len > HUB_NAME_MAX)
		name_len = HUB_NAME_MAX;
	j = calloc(1, sizeof *j + name_len);
	if (j == NULL)
		return -ENOMEM;
	j->id = job;
	j->max_bytes = max_bytes;
	j->fd = own_take_fd(&mine);
	j->name_len = name_len;
	if (name_len > 0)
		memcpy(j->name, name, name_len);
	push(h, j);
	return 0;
}

static bool
send_key(const struct hub *h, struct inspector *i)
{
	if (!i->keyed && h->has_key)
		i->keyed = ipc_send(i->fd, MESSAGE_TAGKEY, h->key,
			       sizeof h->key, -1) == 0;
	return i->keyed || !h->has_key;
}

static int
send_job(const struct inspector *i, const struct job *j)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, j->id);
	buf_put_u64(&m, j->max_bytes);
	buf_put_blob(&m, j->name, j->name_len);
	return ipc_send_buf(i->fd, MESSAGE_JOB, &m, j->fd);
}

static struct inspector *
least_busy(struct hub *h)
{
	struct inspector *best = NULL;

	for (size_t k = 0; k < HUB_INSPECTORS_MAX; k++) {
		struct inspector *i = &h->inspectors[k];

		if (i->fd >= 0 && i->ngiven < GIVEN_MAX &&
		    (best == NULL || i->ngiven < best->ngiven))
			best = i;
	}
	return best;
}

void
hub_flush(struct hub *h)
{
	while (h->head != NULL) {
		struct inspector *i = least_busy(h);
		struct job *j = h->head, **end;

		if (i == NULL || !send_key(h, i) || send_job(i, j) != 0)
			return;
		h->head = j->next;
		if (h->head == NULL)
			h->tail = &h->head;
		h->queued--;
		j->next = NULL;
		for (end = &i->given; *end != NULL; end = &(*end)->next)
			;
		*end = j;
		i->ngiven++;
	}
}

void
hub_key(struct hub *h, const uint8_t key[32])
{
	memcpy(h->key, key, sizeof h->key);
	h->has_key = true;
	for (size_t k = 0; k < HUB_INSPECTORS_MAX; k++) {
		h->inspectors[k].keyed = false;
		if (h->inspectors[k].fd >= 0)
			(void)send_key(h, &h->inspectors[k]);
	}
}

size_t
hub_waiting(const struct hub *h)
{
	size_t n = h->queued;

	for (size_t k = 0; k < HUB_INSPECTORS_MAX; k++)
		n += h->inspectors[k].ngiven;
	return n;
}

static struct gathered *
gather(struct inspector *i, uint64_t id)
{
	struct gathered *g;

	for (g = i->gathered; g != NULL; g = g->next)
		if (g->id == id)
			return g;
	if (i->ngathered == GATHERED_MAX)
		return NULL;
	g = calloc(1, sizeof *g);
	if (g == NULL)
		return NULL;
	g->id = id;
	g->next = i->gathered;
	i->gathered = g;
	i->ngathered++;
	return g;
}

/* Takes what was gathered for an id out of the list; NULL if nothing was. */
static struct gathered *
ungather(struct inspector *i, uint64_t id)
{
	for (struct gathered **p = &i->gathered; *p != NULL; p = &(*p)->next) {
		struct gathered *g = *p;

		if (g->id != id)
			continue;
		*p = g->next;
		i->ngathered--;
		return g;
	}
	return NULL;
}

static int
take_finding(struct inspector *i, struct cur *c)
{
	uint64_t id = cur_u64(c);
	struct gathered *g;
	struct finding f;
	int r = finding_decode(&f, c);

	if (r != 0)
		return r;
	if (cur_end(c) != 0 || (g = gather(i, id)) == NULL) {
		finding_done(&f);
		return -EBADMSG;
	}
	if (g->nfindings == HUB_FINDINGS_MAX) {
		finding_done(&f);
		g->over++;
		return 0;
	}
	g->findings[g->nfindings++] = f;
	return 0;
}

static char *
copy_text(const uint8_t *p, size_t len)
{
	char *s = calloc(1, len + 1);

	if (s != NULL && len > 0)
		memcpy(s, p, len);
	return s;
}

static int
take_skip(struct inspector *i, struct cur *c)
{
	uint64_t id = cur_u64(c);
	struct gathered *g;
	struct skip s = {0};
	const uint8_t *member;
	size_t len;

	cur_str(c, s.reason, sizeof s.reason);
	member = cur_blob(c, &len);
	s.bytes = cur_u64(c);
	if (cur_end(c) != 0 || len > FINDING_MEMBER_MAX ||
	    (g = gather(i, id)) == NULL)
		return -EBADMSG;
	if (g->nskips == HUB_SKIPS_MAX) {
		g->over++;
		return 0;
	}
	s.member = copy_text(member, len);
	if (s.member == NULL)
		return -ENOMEM;
	g->skips[g->nskips++] = s;
	return 0;
}

static void
tell_over(struct hub *h, const struct gathered *g)
{
	if (g != NULL && g->over > 0)
		h->calls.loss(h->calls.ctx, "inspect",
		    "more findings in one object than are kept", g->over, 0);
}

static int
take_done(struct hub *h, struct inspector *i, struct cur *c)
{
	struct outcome o = {0};
	struct job *j = i->given;
	struct gathered *g;
	uint64_t id = cur_u64(c);
	const uint8_t *name;
	size_t len;

	o.size = cur_u64(c);
	o.examined = cur_u64(c);
	cur_str(c, o.type, sizeof o.type);
	name = cur_blob(c, &len);
	/* It answers in order, and only for what it holds. */
	if (cur_end(c) != 0 || j == NULL || j->id != id)
		return -EBADMSG;
	o.name = copy_text(name, len);
	if (o.name == NULL)
		return -ENOMEM;
	i->given = j->next;
	i->ngiven--;
	g = ungather(i, id);
	if (g != NULL) {
		o.findings = g->findings;
		o.nfindings = g->nfindings;
		o.skips = g->skips;
		o.nskips = g->nskips;
	}
	tell_over(h, g);
	h->calls.done(h->calls.ctx, id, &o);
	free(o.name);
	if (g != NULL)
		gathered_free(g);
	job_free(j);
	return 0;
}

static int
take_object(struct hub *h, struct inspector *i, struct cur *c)
{
	struct transfer t = {0};
	struct gathered *g;
	uint64_t id = cur_u64(c);
	uint8_t direction;

	t.flow = cur_u64(c);
	cur_str(c, t.protocol, sizeof t.protocol);
	direction = cur_u8(c);
	cur_str(c, t.method, sizeof t.method);
	cur_str(c, t.uri, sizeof t.uri);
	cur_str(c, t.host, sizeof t.host);
	cur_str(c, t.filename, sizeof t.filename);
	t.size = cur_u64(c);
	t.complete = cur_u8(c) != 0;
	/* The digest is for replay; of a body that left, it would be content. */
	(void)cur_bytes(c, 32);
	t.examined = cur_u64(c);
	if (cur_end(c) != 0 || direction > TO_CLIENT)
		return -EBADMSG;
	t.direction = (enum direction)direction;
	g = ungather(i, id);
	if (g != NULL) {
		t.findings = g->findings;
		t.nfindings = g->nfindings;
		t.skips = g->skips;
		t.nskips = g->nskips;
	}
	tell_over(h, g);
	h->calls.transfer(h->calls.ctx, &t);
	if (g != NULL)
		gathered_free(g);
	return 0;
}

static int
take_examined(struct hub *h, struct cur *c)
{
	uint64_t flow = cur_u64(c);
	uint64_t to_server = cur_u64(c);
	uint64_t to_client = cur_u64(c);

	if (cur_end(c) != 0)
		return -EBADMSG;
	h->calls.examined(h->calls.ctx, flow, to_server, to_client);
	return 0;
}

static int
take_rules(struct hub *h, struct cur *c)
{
	char digest[65];
	uint32_t n;

	cur_str(c, digest, sizeof digest);
	n = cur_u32(c);
	if (cur_end(c) != 0 || strlen(digest) != 64)
		return -EBADMSG;
	h->calls.rules(h->calls.ctx, digest, n);
	return 0;
}

static int
take_loss(struct hub *h, struct cur *c)
{
	char stage[32], reason[96];
	uint64_t lost, bytes;

	cur_str(c, stage, sizeof stage);
	cur_str(c, reason, sizeof reason);
	lost = cur_u64(c);
	bytes = cur_u64(c);
	if (cur_end(c) != 0)
		return -EBADMSG;
	h->calls.loss(h->calls.ctx, stage, reason, lost, bytes);
	return 0;
}

int
hub_message(
    struct hub *h, unsigned index, uint32_t type, const void *data, size_t len)
{
	struct inspector *i;
	struct cur c;

	if (index >= HUB_INSPECTORS_MAX)
		return -EBADMSG;
	i = &h->inspectors[index];
	cur_init(&c, data, len);
	switch (type) {
	case MESSAGE_FINDING:
		return take_finding(i, &c);
	case MESSAGE_SKIP:
		return take_skip(i, &c);
	case MESSAGE_DONE:
		return take_done(h, i, &c);
	case MESSAGE_OBJECT:
		return take_object(h, i, &c);
	case MESSAGE_EXAMINED:
		return take_examined(h, &c);
	case MESSAGE_RULES:
		return take_rules(h, &c);
	case MESSAGE_LOSS:
		return take_loss(h, &c);
	default:
		return -EBADMSG;
	}
}
