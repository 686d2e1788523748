/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspectproc - the process that looks into content: objects in, findings out.
 *
 * Owns: the order rules, extraction, jail, loop; one scan at a time; the
 * bodies of flows until they are looked at.
 * Never: opens anything after the jail is taken; lets a matched byte out: each
 * name, member, URI and host is masked first; trusts capture's messages.
 * Hands over: FINDING*, SKIP*, then DONE (a job) or OBJECT (of a flow).
 *
 * Bytes of a flow are gathered and looked at when the body ends, or when a
 * window is full: what crosses the end of a window is then seen in two parts.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/config.h"
#include "agent/detect/detect.h"
#include "agent/extract/extract.h"
#include "agent/labelled.h"
#include "agent/roles.h"
#include "lib/buf.h"
#include "lib/content.h"
#include "lib/finding.h"
#include "lib/flow.h"
#include "lib/ipc.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define RULE_DIRS_MAX CONFIG_LIST_MAX
#define BODY_WINDOW ((size_t)16 << 20)
#define TEXT_WINDOW ((size_t)1 << 20)
#define GATHER_MAX ((size_t)192 << 20) /* of all flows together */
#define BUCKETS 4096
#define SEND_MS 60000
#define BURST 64 /* messages of one link before the other is asked */
#define OBJECT_FINDINGS_MAX 256 /* as many as a hub keeps */
#define OBJECT_SKIPS_MAX 64
#define OBJECT_BIT (UINT64_C(1) << 63) /* objects are never job numbers */

/* Messages about one object that wait for its last word. */
struct answer {
	uint64_t id;
	struct buf frames; /* u32 type, blob payload, … */
	size_t nfindings, nskips, over;
	bool direct; /* a job's: sent at once */
};

/* What a process read and sends on. */
struct relayed {
	enum { RELAYED_TERMINAL, RELAYED_PIPE, RELAYED_INPUT } kind;
	bool framed; /* by SFTP */
	struct screen screen;
	struct sftp sftp;
	uint64_t gap;
};

/* A body of a flow, or the text beside its bodies, of one direction. */
struct body {
	struct body *next;
	uint64_t web_id; /* 0: the text */
	enum direction direction;
	struct buf data;
	uint64_t size, examined;
	struct answer answer;
};

struct flow {
	struct flow *next;
	uint64_t id;
	struct web *web; /* NULL: a stream that no packet told of */
	struct relayed relayed; /* that one */
	struct body *bodies;
	struct body text[2];
	uint64_t examined[2];
	uint64_t at[2]; /* offset of the next byte of the direction */
	bool begun[2]; /* payload of the direction was seen */
	bool sealed[2]; /* it is encrypted */
};

static struct inspect {
	struct proc proc;
	struct config config;
	struct config_args args;
	const char *dirs[RULE_DIRS_MAX];
	size_t ndirs;
	struct ruleset *rules;
	struct scan *scan;
	struct extract *extract;
	struct extract_limits limits;
	struct proc_peer *hub, *capture;
	struct flow *flows[BUCKETS];
	size_t nflows;
	size_t gathered;
	uint64_t objects;
	struct ipc_in in;
	/* The object and the member that is being scanned. */
	struct answer *answer;
	struct buf member;
	const char *part; /* a fixed name of the member, or NULL */
	struct content object; /* its name as it came; of a flow: none */
	struct labelled labelled; /* of the object, if rules ask for it */
	bool measured; /* the hub asks what each rule costs */
} inspect;

/* ---- answers ------------------------------------------------------------- */

/* The hub is who we work for: without it there is nothing to do. */
static void
tell(struct inspect *i, uint32_t type, const struct buf *m)
{
	int r;

	must(buf_error(m) == 0);
	if (i->hub->fd < 0)
		return;
	r = ipc_send_wait(i->hub->fd, type, m->data, m->len, -1, SEND_MS);
	if (r != 0)
		proc_peer_lost(i->hub);
}

static void
tell_loss(struct inspect *i, const char *reason, uint64_t lost, uint64_t bytes)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_str(&m, "inspect");
	buf_put_str(&m, reason);
	buf_put_u64(&m, lost);
	buf_put_u64(&m, bytes);
	tell(i, MESSAGE_LOSS, &m);
}

static void
answer_init(struct answer *a, uint64_t id, bool direct)
{
	*a = (struct answer){.id = id, .direct = direct};
	buf_init(&a->frames, (size_t)16 << 20);
}

static void
answer_put(
    struct inspect *i, struct answer *a, uint32_t type, const struct buf *m)
{
	size_t *n = type == MESSAGE_FINDING ? &a->nfindings : &a->nskips;
	size_t max =
	    type == MESSAGE_FINDING ? OBJECT_FINDINGS_MAX : OBJECT_SKIPS_MAX;

	if (buf_error(m) != 0 || (!a->direct && *n == max)) {
		a->over++;
		return;
	}
	++*n;
	if (a->direct) {
		tell(i, type, m);
		return;
	}
	buf_put_u32(&a->frames, type);
	buf_put_blob(&a->frames, m->data, m->len);
}

static void
answer_flush(struct inspect *i, struct answer *a)
{
	struct cur c;

	if (buf_error(&a->frames) != 0)
		tell_loss(i, "no memory for findings", 1, 0);
	if (a->over > 0)
		tell_loss(
		    i, "more findings in one object than are kept", a->over, 0);
	cur_init(&c, a->frames.data, a->frames.len);
	while (c.left > 0) {
		OWN(buf_done) struct buf m = {0};
		uint32_t type = cur_u32(&c);
		size_t len;
		const uint8_t *p = cur_blob(&c, &len);

		if (p == NULL)
			break;
		buf_init(&m, IPC_MAX);
		buf_put(&m, p, len);
		tell(i, type, &m);
	}
	buf_done(&a->frames);
}

static void
put_skip(struct inspect *i, struct answer *a, const char *reason,
    const char *member, uint64_t bytes)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, a->id);
	buf_put_str(&m, reason);
	buf_put_str(&m, member);
	buf_put_u64(&m, bytes);
	answer_put(i, a, MESSAGE_SKIP, &m);
}

static void
put_finding(struct inspect *i, struct answer *a, const struct finding *f)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, a->id);
	finding_encode(f, &m);
	answer_put(i, a, MESSAGE_FINDING, &m);
}

/* ---- scanning ------------------------------------------------------------ */

/* What was made from nothing (a line's end) has a place, if no length. */
static void
span_to_bytes(struct inspect *i, struct span *s)
{
	s->from = extract_raw(i->extract, s->from);
	s->to = extract_raw_end(i->extract, s->to);
	if (s->to <= s->from)
		s->to = s->from + 1;
}

/* A finding in a member's text: its spans go back to the member's bytes. */
static void
found_in_text(void *ctx, struct finding *f)
{
	struct inspect *i = ctx;

	for (size_t k = 0; k < f->nspans; k++)
		span_to_bytes(i, &f->spans[k]);
	f->member = strdup(buf_text(&i->member));
	put_finding(i, i->answer, f);
	finding_done(f);
}

/* How a match in a member's text was judged, for a rule writer. */
static void
why_in_text(void *ctx, struct why *w)
{
	struct inspect *i = ctx;
	OWN(buf_done) struct buf m = {0};

	span_to_bytes(i, &w->value);
	for (size_t k = 0; k < w->nfacts; k++) {
		struct why_fact *f = &w->facts[k];

		if (!f->placed)
			continue;
		span_to_bytes(i, &f->at);
	}
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, i->answer->id);
	buf_put_str(&m, buf_text(&i->member));
	why_encode(w, &m);
	tell(i, MESSAGE_WHY, &m);
}

static void
cost_of_rule(void *ctx, const struct scan_cost *c)
{
	struct inspect *i = ctx;
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, i->answer->id);
	buf_put_str(&m, c->detector);
	buf_put_u64(&m, c->places);
	buf_put_u64(&m, c->matches);
	buf_put_u64(&m, c->refuted);
	buf_put_u64(&m, c->us);
	tell(i, MESSAGE_COST, &m);
}

/* A finding in a name has no place in the content. */
static void
found_in_name(void *ctx, struct finding *f)
{
	struct inspect *i = ctx;

	f->nspans = 0;
	put_finding(i, i->answer, f);
	finding_done(f);
}

/* A member of which something was found before it is begun. */
struct found_kind {
	struct inspect *i;
	const char *member;
};

static void
found_in_kind(void *ctx, struct finding *f)
{
	const struct found_kind *k = ctx;
	struct content c = {
	    .data = (const uint8_t *)k->member, .len = strlen(k->member)};
	OWN(buf_done) struct buf masked = {0};

	buf_init(&masked, IPC_MAX / 2);
	if (k->i->part != NULL && c.len == 0)
		buf_printf(&masked, "%s", k->i->part);
	else if (c.len > 0 && scan_mask(k->i->scan, c, &masked, NULL, NULL) < 0)
		buf_printf(&masked, "[member]");
	f->member = strdup(buf_text(&masked) != NULL ? buf_text(&masked) : "");
	put_finding(k->i, k->i->answer, f);
	finding_done(f);
}

/* The name that rules and allows are held against; not masked, and told to
 * nobody. */
static int
name_piece(struct inspect *i, const char *member)
{
	OWN(buf_wipe) struct buf b = {0};
	const char *whole;

	if (i->object.len == 0)
		return scan_name(i->scan, NULL);
	buf_init(&b, IPC_MAX);
	buf_put(&b, i->object.data, i->object.len);
	if (member[0] != '\0')
		buf_printf(&b, "!%s", member);
	whole = buf_text(&b);
	/* What is too long has no name: then nothing is allowed by it. */
	return scan_name(i->scan, whole);
}

/* Rules ask for the labels of what the member lies in. */
static void
label_piece(struct inspect *i, const char *member)
{
	size_t n = labelled_of(&i->labelled, member);

	scan_labels(i->scan, i->labelled.here, n);
}

/* What the member itself is: found before a byte of its text. */
static int
sink_kind(void *ctx, const char *member, const char *type, const char *kind)
{
	struct inspect *i = ctx;
	struct found_kind k = {.i = i, .member = member};
	int r = name_piece(i, member);

	label_piece(i, member);
	if (r == 0)
		r = scan_file(i->scan, type, kind, found_in_kind, &k);
	return r;
}

static int
sink_begin(void *ctx, const char *member, const char *type)
{
	struct inspect *i = ctx;
	struct content c = {
	    .data = (const uint8_t *)member, .len = strlen(member)};
	int r = 0;

	(void)type;
	buf_reset(&i->member);
	r = name_piece(i, member);
	if (r != 0)
		return r;
	if (i->part != NULL && c.len == 0)
		buf_put(&i->member, i->part, strlen(i->part));
	else if (c.len > 0)
		r = scan_mask(i->scan, c, &i->member, found_in_name, i);
	if (r < 0 || buf_text(&i->member) == NULL)
		return r < 0 ? r : -ENOMEM;
	scan_kind(i->scan, extract_kind(i->extract));
	label_piece(i, member);
	scan_begin(i->scan);
	return 0;
}

static int
sink_text(void *ctx, struct content c)
{
	struct inspect *i = ctx;

	return scan_feed(i->scan, c);
}

static int
sink_end(void *ctx)
{
	struct inspect *i = ctx;
	uint64_t indeterminate = 0;
	int r = scan_end(i->scan, found_in_text, i, &indeterminate);

	if (indeterminate > 0)
		put_skip(i, i->answer, "a rule reached its limit of work",
		    buf_text(&i->member), 0);
	if (r == 0 && scan_missed(i->scan) > 0)
		put_skip(i, i->answer, "more stands encoded than is decoded",
		    buf_text(&i->member), 0);
	return r;
}

/* A label that was written in the member that ended. */
static int
sink_label(void *ctx, const char *member, const struct label *label)
{
	struct inspect *i = ctx;
	struct found_kind k = {.i = i, .member = member};
	int r = name_piece(i, member);

	return r == 0 ? scan_label(i->scan, label, found_in_kind, &k) : r;
}

static void
sink_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	struct inspect *i = ctx;
	OWN(buf_done) struct buf masked = {0};
	struct content c = {
	    .data = (const uint8_t *)member, .len = strlen(member)};
	const char *text = "";

	buf_init(&masked, FINDING_MEMBER_MAX + 4096);
	if (c.len > 0) {
		text = scan_mask(i->scan, c, &masked, NULL, NULL) >= 0
			   ? buf_text(&masked)
			   : NULL;
		/* Rather no name than one that was not looked at. */
		if (text == NULL || masked.len > FINDING_MEMBER_MAX)
			text = "[member]";
	}
	put_skip(i, i->answer, reason, text, bytes);
}

static struct extract_sink
sink_of(struct inspect *i)
{
	return (struct extract_sink){.ctx = i,
	    .kind = sink_kind,
	    .begin = sink_begin,
	    .text = sink_text,
	    .end = sink_end,
	    .label = sink_label,
	    .skip = sink_skip};
}

/* ---- labels as evidence -------------------------------------------------- */

/*
 * A document tells its labels behind its text. Where rules ask for them, what
 * is a container is gone through once before, for its labels alone.
 */
static int
ahead_begin(void *ctx, const char *member, const char *type)
{
	(void)ctx;
	(void)type;
	/* The object itself: it is no container, or its members are over. */
	return member[0] == '\0' ? -ECANCELED : 0;
}

static int
ahead_text(void *ctx, struct content c)
{
	(void)ctx;
	(void)c;
	return 0;
}

static int
ahead_end(void *ctx)
{
	(void)ctx;
	return 0;
}

static int
ahead_label(void *ctx, const char *member, const struct label *label)
{
	struct inspect *i = ctx;

	return labelled_add(&i->labelled, member, label);
}

/* What is not examined now is told when it is looked at. */
static void
ahead_skip(void *ctx, const char *member, const char *reason, uint64_t bytes)
{
	(void)ctx;
	(void)member;
	(void)reason;
	(void)bytes;
}

/* @fd: the object, or -1: it is @c. */
static void
look_ahead(struct inspect *i, int fd, struct content c,
    const struct extract_limits *lim)
{
	const struct extract_sink sink = {.ctx = i,
	    .begin = ahead_begin,
	    .text = ahead_text,
	    .end = ahead_end,
	    .label = ahead_label,
	    .skip = ahead_skip};
	uint64_t examined;
	char type[80];
	int r;

	labelled_reset(&i->labelled);
	if (!ruleset_labels(i->rules))
		return;
	r = fd >= 0 ? extract_file(i->extract, fd, lim, &sink, &examined, type)
		    : extract_bytes(i->extract, c, lim, &sink, &examined, type);
	if (r == -ENOMEM || i->labelled.over)
		put_skip(i, i->answer,
		    r == -ENOMEM ? "no memory for labels"
				 : "more labels than are kept",
		    "", 0);
}

/* ---- jobs: one descriptor, one name -------------------------------------- */

struct job {
	uint64_t id, max_bytes;
	const uint8_t *name;
	size_t name_len;
	uint64_t size, examined;
	char type[80];
};

static void
examine_file(struct inspect *i, struct job *j, int fd)
{
	struct extract_limits lim = i->limits;
	struct extract_sink sink = sink_of(i);
	struct stat st;
	int r;

	if (fstat(fd, &st) == 0 && st.st_size > 0)
		j->size = (uint64_t)st.st_size;
	if (j->max_bytes > 0)
		lim.bytes_max = j->max_bytes;
	look_ahead(i, fd, (struct content){0}, &lim);
	r = extract_file(i->extract, fd, &lim, &sink, &j->examined, j->type);
	if (r == 0)
		return;
	put_skip(i, i->answer,
	    r == -EINVAL ? "not a regular file" : "unreadable", "",
	    j->size > j->examined ? j->size - j->examined : 0);
}

static void
answer_job(struct inspect *i, struct job *j, int fd)
{
	OWN(buf_done) struct buf m = {0};
	OWN(buf_done) struct buf masked = {0};
	struct answer a;
	struct content name = {.data = j->name, .len = j->name_len};
	int r = 0;

	buf_init(&m, IPC_MAX);
	buf_init(&masked, IPC_MAX / 2);
	answer_init(&a, j->id, true);
	i->answer = &a;
	i->part = NULL;
	i->object = name;
	if (name_piece(i, "") == 0 && name.len > 0)
		r = scan_mask(i->scan, name, &masked, found_in_name, i);
	if (r < 0 || buf_error(&masked) != 0) {
		buf_reset(&masked);
		put_skip(i, &a, "the name could not be examined", "", 0);
	}
	if (fd >= 0)
		examine_file(i, j, fd);
	buf_put_u64(&m, j->id);
	buf_put_u64(&m, j->size);
	buf_put_u64(&m, j->examined);
	buf_put_str(&m, j->type);
	buf_put_blob(&m, masked.data, masked.len);
	answer_flush(i, &a);
	if (i->measured)
		scan_costs(i->scan, cost_of_rule, i);
	tell(i, MESSAGE_DONE, &m);
	i->object = (struct content){0};
}

/* Returns false for a message that is not the hub's. */
static bool
take_job(struct inspect *i, const struct ipc_in *in)
{
	struct job j = {0};
	struct cur c;

	cur_init(&c, in->data, in->len);
	j.id = cur_u64(&c);
	j.max_bytes = cur_u64(&c);
	j.name = cur_blob(&c, &j.name_len);
	if (cur_end(&c) != 0 || (j.id & OBJECT_BIT) != 0)
		return false;
	answer_job(i, &j, in->fd);
	return true;
}

static bool
take_hub(struct inspect *i, const struct ipc_in *in)
{
	if (in->type == MESSAGE_JOB)
		return take_job(i, in);
	if (in->type == MESSAGE_TAGKEY && in->len == 32) {
		scan_key(i->scan, in->data);
		return true;
	}
	if (in->type == MESSAGE_PROBE && in->len == 1) {
		i->measured = (in->data[0] & MSG_PROBE_COST) != 0;
		scan_measure(i->scan, i->measured);
		return scan_explain(i->scan,
			   (in->data[0] & MSG_PROBE_WHY) != 0 ? why_in_text
							      : NULL,
			   i) == 0;
	}
	return false;
}

/* ---- flows: bodies and text ---------------------------------------------- */

static struct flow **
flow_find(struct inspect *i, uint64_t id)
{
	struct flow **p = &i->flows[id % BUCKETS];

	while (*p != NULL && (*p)->id != id)
		p = &(*p)->next;
	return p;
}

/* Looks at what was gathered, and lets it go. */
static void
body_flush(struct inspect *i, struct body *b, const char *part)
{
	struct extract_sink sink = sink_of(i);
	struct content c = {.data = b->data.data, .len = b->data.len};
	uint64_t examined = 0;
	char type[80];
	int r;

	if (c.len == 0)
		return;
	i->answer = &b->answer;
	i->part = part;
	look_ahead(i, -1, c, &i->limits);
	r = extract_bytes(i->extract, c, &i->limits, &sink, &examined, type);
	if (r != 0)
		put_skip(i, &b->answer, "unreadable", "", c.len - examined);
	b->examined += examined;
	i->gathered -= c.len;
	buf_wipe(&b->data);
}

static void
body_add(struct inspect *i, struct body *b, struct content c, size_t window,
    const char *part)
{
	b->size += c.len;
	if (b->data.len + c.len > window || i->gathered + c.len > GATHER_MAX)
		body_flush(i, b, part);
	buf_put(&b->data, c.data, c.len);
	if (buf_error(&b->data) == 0) {
		i->gathered += c.len;
		return;
	}
	put_skip(i, &b->answer, "no memory", "", c.len);
	i->gathered -= b->data.len;
	buf_wipe(&b->data);
}

static void
body_init(struct inspect *i, struct body *b, enum direction d)
{
	uint64_t id = OBJECT_BIT | (uint64_t)i->args.index << 48 |
		      (++i->objects & UINT64_C(0xffffffffffff));

	*b = (struct body){.direction = d};
	buf_init(&b->data, BODY_WINDOW + IPC_MAX);
	answer_init(&b->answer, id, false);
}

static void
body_done(struct inspect *i, struct body *b)
{
	i->gathered -= b->data.len;
	buf_wipe(&b->data);
	buf_done(&b->answer.frames);
}

/* A foreign text for a message: masked, whole or cut, without a NUL. */
static void
put_masked(struct inspect *i, struct buf *m, const char *text, size_t max)
{
	OWN(buf_done) struct buf masked = {0};
	OWN_MEM char *out = calloc(1, max);
	struct content c = {.data = (const uint8_t *)text, .len = strlen(text)};

	must(out != NULL);
	buf_init(&masked, IPC_MAX);
	if (c.len > 0 && scan_mask(i->scan, c, &masked, NULL, NULL) >= 0 &&
	    buf_error(&masked) == 0)
		str_escape(out, max, masked.data, masked.len);
	buf_put_str(m, out);
}

static void
send_object(struct inspect *i, const struct flow *f, struct body *b,
    const struct web_object *o)
{
	OWN(buf_done) struct buf m = {0};

	answer_flush(i, &b->answer);
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, b->answer.id);
	buf_put_u64(&m, f->id);
	buf_put_str(&m, o->protocol);
	buf_put_u8(&m, (uint8_t)o->direction);
	put_masked(i, &m, o->method, 32);
	put_masked(i, &m, o->uri, 2048);
	put_masked(i, &m, o->host, 256);
	put_masked(i, &m, o->filename, 512);
	buf_put_u64(&m, o->size);
	buf_put_u8(&m, o->complete);
	buf_put(&m, o->sha256, sizeof o->sha256);
	buf_put_u64(&m, b->examined);
	tell(i, MESSAGE_OBJECT, &m);
}

static struct body *
body_find(struct flow *f, uint64_t web_id)
{
	struct body *b = f->bodies;

	while (b != NULL && b->web_id != web_id)
		b = b->next;
	return b;
}

static int
web_start(void *ctx, const struct web_object *o)
{
	struct flow *f = ctx;
	struct body *b = calloc(1, sizeof *b);

	if (b == NULL)
		return -ENOMEM;
	body_init(&inspect, b, o->direction);
	b->web_id = o->id;
	b->next = f->bodies;
	f->bodies = b;
	return 0;
}

static int
web_body(void *ctx, uint64_t id, struct content c)
{
	struct body *b = body_find(ctx, id);

	must(b != NULL);
	body_add(&inspect, b, c, BODY_WINDOW, NULL);
	return 0;
}

/* Moves the answers about the headers to the body that they belong to. */
static void
join_headers(struct inspect *i, struct flow *f, struct body *b)
{
	struct body *t = &f->text[b->direction];
	uint64_t id = t->answer.id;

	t->answer.id = b->answer.id;
	body_flush(i, t, "headers");
	if (t->answer.nfindings + t->answer.nskips == 0) {
		t->answer.id = id;
		return;
	}
	answer_flush(i, &t->answer);
	body_done(i, t);
	body_init(i, t, b->direction);
}

static int
web_object_done(void *ctx, const struct web_object *o)
{
	struct flow *f = ctx;
	struct body *b = body_find(f, o->id);

	must(b != NULL);
	body_flush(&inspect, b, NULL);
	join_headers(&inspect, f, b);
	send_object(&inspect, f, b, o);
	for (struct body **p = &f->bodies; *p != NULL; p = &(*p)->next)
		if (*p == b) {
			*p = b->next;
			break;
		}
	body_done(&inspect, b);
	free(b);
	return 0;
}

static const char *
text_part(const struct flow *f)
{
	return f->web != NULL && web_is_http(f->web) ? "headers" : NULL;
}

static int
web_text(void *ctx, enum direction d, struct content c)
{
	struct flow *f = ctx;

	body_add(&inspect, &f->text[d], c, TEXT_WINDOW, text_part(f));
	return 0;
}

static void
web_skip(void *ctx, const char *reason, uint64_t bytes)
{
	struct flow *f = ctx;

	if (f->bodies != NULL)
		put_skip(&inspect, &f->bodies->answer, reason, "", bytes);
	else
		tell_loss(&inspect, reason, 1, bytes);
}

/* ---- what relays read ---- */

static const char *
relayed_protocol(const struct relayed *r)
{
	static const char *const NAMES[] = {[RELAYED_TERMINAL] = "terminal",
	    [RELAYED_PIPE] = "pipe",
	    [RELAYED_INPUT] = "input"};

	return r->framed ? "sftp" : NAMES[r->kind];
}

static void
relayed_data(void *ctx, struct content c)
{
	struct flow *f = ctx;

	body_add(&inspect, &f->text[TO_SERVER], c, BODY_WINDOW, NULL);
}

/* Each file is looked at as a whole. */
static void
relayed_file(void *ctx)
{
	struct flow *f = ctx;

	body_flush(&inspect, &f->text[TO_SERVER], NULL);
}

static struct sftp_sink
relayed_sink(struct flow *f)
{
	return (struct sftp_sink){
	    .ctx = f, .data = relayed_data, .file = relayed_file};
}

/* What a terminal is told becomes what it shows. */
static void
relayed_show(struct inspect *i, struct flow *f, const struct content *c)
{
	OWN(buf_wipe) struct buf shown = {0};

	buf_init(&shown, IPC_MAX + sizeof f->relayed.screen.parameters);
	if (c != NULL)
		screen_feed(&f->relayed.screen, *c, &shown);
	else
		screen_end(&f->relayed.screen, &shown);
	must(buf_error(&shown) != -ENOBUFS);
	body_add(i, &f->text[TO_SERVER],
	    (struct content){.data = shown.data, .len = shown.len}, TEXT_WINDOW,
	    NULL);
}

static void
relayed_feed(struct inspect *i, struct flow *f, bool first, struct content c)
{
	struct relayed *r = &f->relayed;
	const struct sftp_sink sink = relayed_sink(f);

	if (first)
		r->framed = r->kind == RELAYED_PIPE && sftp_begins(c);
	if (r->kind == RELAYED_TERMINAL)
		relayed_show(i, f, &c);
	else if (r->framed)
		sftp_feed(&r->sftp, c, &sink);
	else
		relayed_data(f, c);
}

static int
relayed_gap(struct flow *f, uint64_t bytes)
{
	const struct sftp_sink sink = relayed_sink(f);

	f->relayed.gap += bytes;
	if (f->relayed.framed)
		sftp_gap(&f->relayed.sftp, bytes, &sink);
	return 0;
}

static int flow_make(struct inspect *i, uint64_t id, struct flow **out);

static int
relayed_open(struct inspect *i, uint64_t id, struct cur *c)
{
	struct flow *f;
	uint8_t kind = cur_u8(c);
	int r;

	if (cur_end(c) != 0 || kind > RELAYED_INPUT)
		return -EBADMSG;
	r = flow_make(i, id, &f);
	if (r == 0)
		f->relayed.kind = kind;
	return r;
}

/* Text that no body took along is an object of its own if it holds anything. */
static void
finish_text(struct inspect *i, struct flow *f, enum direction d)
{
	struct body *t = &f->text[d];
	struct web_object o = {.direction = d,
	    .protocol = f->web == NULL        ? relayed_protocol(&f->relayed)
			: web_is_http(f->web) ? "http/1.1"
					      : "tcp",
	    .method = "",
	    .uri = "",
	    .host = "",
	    .filename = "",
	    .size = t->size,
	    .complete = f->relayed.gap == 0};

	/* What was read, with what frames or colours it. */
	if (f->web == NULL)
		o.size = f->examined[d];
	body_flush(i, t, text_part(f));
	/* Of a relay, also that nothing was found: that so much was sent on. */
	if (t->answer.nfindings + t->answer.nskips > 0 ||
	    (f->web == NULL && d == TO_SERVER))
		send_object(i, f, t, &o);
}

static void
flow_free(struct inspect *i, struct flow **p)
{
	struct flow *f = *p;

	*p = f->next;
	i->nflows--;
	while (f->bodies != NULL) {
		struct body *b = f->bodies;

		f->bodies = b->next;
		body_done(i, b);
		free(b);
	}
	body_done(i, &f->text[TO_SERVER]);
	body_done(i, &f->text[TO_CLIENT]);
	web_free(f->web);
	free(f);
}

/* A flow that cannot be followed: said, and let go. */
static void
flow_drop(struct inspect *i, struct flow **p, const char *reason)
{
	tell_loss(i, reason, 1, 0);
	if (p != NULL && *p != NULL)
		flow_free(i, p);
}

static int
flow_make(struct inspect *i, uint64_t id, struct flow **out)
{
	struct flow **p = flow_find(i, id);
	struct flow *f;

	if (*p != NULL)
		return -EBADMSG;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		return -ENOMEM;
	f->id = id;
	body_init(i, &f->text[TO_SERVER], TO_SERVER);
	body_init(i, &f->text[TO_CLIENT], TO_CLIENT);
	*p = *out = f;
	i->nflows++;
	return 0;
}

static int
flow_open(struct inspect *i, uint64_t id)
{
	struct web_sink sink = {.start = web_start,
	    .body = web_body,
	    .object = web_object_done,
	    .text = web_text,
	    .skip = web_skip};
	struct flow *f;
	int r = flow_make(i, id, &f);

	if (r != 0)
		return r;
	sink.ctx = f;
	r = web_new(&sink, &f->web);
	if (r != 0)
		flow_free(i, flow_find(i, id));
	return r;
}

/* TLS and SSH: the payload is not cleartext, and is not counted as examined. */
static bool
sealed(struct content c)
{
	return (c.len >= 3 && c.data[0] >= 0x14 && c.data[0] <= 0x17 &&
		   c.data[1] == 3 && c.data[2] <= 4) ||
	       (c.len >= 4 && memcmp(c.data, "SSH-", 4) == 0);
}

/* Bytes that are missing, up to an offset. */
static int
flow_gap(struct flow *f, enum direction d, uint64_t to)
{
	uint64_t bytes = to > f->at[d] ? to - f->at[d] : 0;

	if (bytes == 0)
		return 0;
	f->at[d] = to;
	f->begun[d] = true; /* how it began is not known any more */
	if (f->web == NULL)
		return relayed_gap(f, bytes);
	return f->sealed[d] ? 0 : web_gap(f->web, d, bytes);
}

/* Capture need not send more of it. If it cannot hear us now, it is told with
 * what it sends next; that it is gone is seen where it is read. */
static void
tell_sealed(struct inspect *i, const struct flow *f, enum direction d)
{
	OWN(buf_done) struct buf m = {0};

	if (i->capture == NULL || i->capture->fd < 0)
		return;
	buf_init(&m, 16);
	buf_put_u64(&m, f->id);
	buf_put_u8(&m, (uint8_t)d);
	must(ipc_send_buf(i->capture->fd, MESSAGE_SEALED, &m, -1) != -EMSGSIZE);
}

/* Capture leaves out what we did not take in time: the offset tells. */
static int
flow_data(struct flow *f, enum direction d, uint64_t offset, struct content c)
{
	bool first;
	int r;

	if (offset < f->at[d] || c.len > UINT64_MAX - offset)
		return -EBADMSG;
	if (c.len == 0)
		return 0;
	if (!f->begun[d] && offset == 0 && f->web != NULL)
		f->sealed[d] = sealed(c);
	first = !f->begun[d];
	r = flow_gap(f, d, offset);
	f->begun[d] = true;
	f->at[d] = offset + c.len;
	if (f->sealed[d])
		tell_sealed(&inspect, f, d);
	if (r != 0 || f->sealed[d])
		return r;
	f->examined[d] += c.len;
	if (f->web != NULL)
		return web_feed(f->web, d, c);
	relayed_feed(&inspect, f, first, c);
	return 0;
}

static void
tell_examined(struct inspect *i, uint64_t flow, const uint64_t examined[2])
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, flow);
	buf_put_u64(&m, examined[TO_SERVER]);
	buf_put_u64(&m, examined[TO_CLIENT]);
	tell(i, MESSAGE_EXAMINED, &m);
}

/* @total: how many bytes there were each way. */
static void
flow_close(struct inspect *i, struct flow **p, const uint64_t total[2])
{
	struct flow *f = *p;

	if (flow_gap(f, TO_SERVER, total[TO_SERVER]) != 0 ||
	    flow_gap(f, TO_CLIENT, total[TO_CLIENT]) != 0 ||
	    (f->web != NULL && web_close(f->web) != 0))
		tell_loss(i, "a flow could not be closed", 1, 0);
	if (f->web == NULL && f->relayed.kind == RELAYED_TERMINAL)
		relayed_show(i, f, NULL);
	finish_text(i, f, TO_SERVER);
	finish_text(i, f, TO_CLIENT);
	tell_examined(i, f->id, f->examined);
	flow_free(i, p);
}

static int
take_close(struct inspect *i, struct flow **p, struct cur *c)
{
	uint64_t total[2] = {cur_u64(c), 0};
	char how[64];

	total[TO_CLIENT] = cur_u64(c);
	(void)cur_u64(c); /* gap bytes */
	(void)cur_u64(c); /* when */
	cur_str(c, how, sizeof how);
	if (cur_end(c) != 0)
		return -EBADMSG;
	flow_close(i, p, total);
	return 0;
}

/* A message about an open flow: data, gap, close. */
static int
take_flow(struct inspect *i, uint32_t type, struct flow **p, struct cur *c)
{
	struct content data = {0};
	uint64_t offset, bytes;
	uint8_t d;

	if (type == MESSAGE_FLOW_CLOSE)
		return take_close(i, p, c);
	d = cur_u8(c);
	offset = cur_u64(c);
	if (d > TO_CLIENT)
		return -EBADMSG;
	if (type == MESSAGE_FLOW_DATA) {
		data.data = cur_blob(c, &data.len);
		if (cur_end(c) != 0)
			return -EBADMSG;
		return flow_data(*p, (enum direction)d, offset, data);
	}
	bytes = cur_u64(c);
	if (cur_end(c) != 0 || bytes > UINT64_MAX - offset)
		return -EBADMSG;
	return flow_gap(*p, (enum direction)d, offset + bytes);
}

/* The end of the file that capture reads: every flow is answered. */
static void
take_end(struct inspect *i)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	for (size_t k = 0; k < BUCKETS; k++)
		while (i->flows[k] != NULL)
			flow_close(i, &i->flows[k], i->flows[k]->at);
	tell(i, MESSAGE_END, &m);
}

static void
take_capture(struct inspect *i, const struct ipc_in *in)
{
	struct flow **p;
	struct cur c;
	uint64_t id;
	int r = 0;

	if (in->type == MESSAGE_END) {
		take_end(i);
		return;
	}
	cur_init(&c, in->data, in->len);
	id = cur_u64(&c);
	p = flow_find(i, id);
	if (c.bad ||
	    ((in->type < MESSAGE_FLOW_OPEN || in->type > MESSAGE_FLOW_CLOSE) &&
		in->type != MESSAGE_RELAY_OPEN))
		r = -EBADMSG;
	else if (in->type == MESSAGE_RELAY_OPEN)
		r = relayed_open(i, id, &c);
	else if (in->type == MESSAGE_FLOW_OPEN)
		r = flow_open(i, id);
	else if (*p != NULL)
		r = take_flow(i, in->type, p, &c);
	else if (in->type == MESSAGE_FLOW_CLOSE)
		/* It was dropped, or began before we did. */
		tell_examined(i, id, (const uint64_t[2]){0, 0});
	if (r == 0)
		return;
	flow_drop(i, flow_find(i, id),
	    r == -EBADMSG ? "a message from capture was malformed"
			  : "a flow could not be followed");
}

/* Its flows end in the middle, and nobody waits for their answers. */
static void
lose_capture(struct inspect *i)
{
	if (i->nflows > 0)
		tell_loss(i, "the capture process ended", i->nflows, 0);
	for (size_t k = 0; k < BUCKETS; k++)
		while (i->flows[k] != NULL)
			flow_free(i, &i->flows[k]);
}

/* ---- the loop ------------------------------------------------------------ */

static void
read_hub(struct inspect *i)
{
	for (int n = 0; n < BURST && i->hub->fd >= 0; n++) {
		int r = ipc_recv(i->hub->fd, &i->in);
		bool good;

		if (r == -EAGAIN)
			return;
		good = r == 1 && take_hub(i, &i->in);
		if (r == 1)
			own_close(&i->in.fd);
		if (!good) {
			proc_peer_lost(i->hub);
			return;
		}
	}
}

static void
read_capture(struct inspect *i)
{
	must(i->capture != NULL);
	for (int n = 0; n < BURST && i->capture->fd >= 0; n++) {
		int r = ipc_recv(i->capture->fd, &i->in);

		if (r == -EAGAIN)
			return;
		if (r == -EBADMSG) {
			tell_loss(
			    i, "a message from capture was malformed", 1, 0);
			continue;
		}
		if (r != 1) {
			lose_capture(i);
			proc_peer_lost(i->capture);
			return;
		}
		own_close(&i->in.fd);
		take_capture(i, &i->in);
	}
}

static void
send_rules(struct inspect *i)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_str(&m, ruleset_digest(i->rules));
	buf_put_u32(&m, (uint32_t)ruleset_count(i->rules));
	tell(i, MESSAGE_RULES, &m);
}

/* Links that came: capture's flows do not outlive its link. */
static void
take_peers(struct inspect *i, int *hub_fd, int *capture_fd)
{
	i->hub = proc_peer(&i->proc, ROLE_WATCH, 0);
	i->capture = proc_peer(&i->proc, ROLE_CAPTURE, 0);
	if (i->hub->fd != *hub_fd) {
		*hub_fd = i->hub->fd;
		send_rules(i);
	}
	if (i->capture != NULL && i->capture->fd != *capture_fd) {
		lose_capture(i);
		*capture_fd = i->capture->fd;
	}
}

/* Until the stop, or the end of who asks. */
static void
serve(struct inspect *i)
{
	int hub_fd = -1, capture_fd = -1;

	take_peers(i, &hub_fd, &capture_fd);
	while (!i->proc.stopping && i->hub->fd >= 0) {
		struct pollfd p[3] = {
		    {.fd = i->proc.ctl, .events = POLLIN},
		    {.fd = i->hub->fd, .events = POLLIN},
		    {.fd = i->capture != NULL ? i->capture->fd : -1,
			.events = POLLIN},
		};

		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents != 0)
			read_hub(i);
		if (p[2].revents != 0)
			read_capture(i);
		if (p[0].revents != 0 && proc_step(&i->proc))
			take_peers(i, &hub_fd, &capture_fd);
	}
}

/* ---- start --------------------------------------------------------------- */

static int
take_rules_dir(void *ctx, int argc, char **argv)
{
	struct inspect *i = ctx;

	if (!str_eq(argv[0], "--rules") || argc < 2 ||
	    i->ndirs == RULE_DIRS_MAX)
		return 0;
	i->dirs[i->ndirs++] = argv[1];
	return 2;
}

/* The rules, of which a part may have been compiled at an earlier start. */
static int
load_rules(struct inspect *i, struct diag *why)
{
	char kept[4096];
	struct diag word;
	int r;

	if (i->args.state == NULL ||
	    str_format(kept, sizeof kept, "%s/compiled", i->args.state) != 0)
		return ruleset_load(i->dirs, i->ndirs, &i->rules, NULL, why);
	r = ruleset_load_kept(i->dirs, i->ndirs, kept, &i->rules, &word, why);
	/* All inspectors come upon the same. */
	if (word.text[0] != '\0' && i->args.index == 0)
		log_note("%s", word.text);
	return r;
}

/* Everything that needs a file, and then the jail. */
static int
prepare(struct inspect *i, struct diag *why)
{
	struct jail jail;
	struct jail_taken taken;
	int r = 0;

	i->limits = extract_limits_default();
	if (i->args.config != NULL)
		r = config_read(i->args.config, &i->config, why);
	if (r != 0)
		return r;
	if (i->args.config != NULL)
		i->limits.bytes_max = i->config.object_max;
	for (size_t k = 0; k < i->config.rules.n; k++)
		if (i->ndirs < RULE_DIRS_MAX)
			i->dirs[i->ndirs++] = i->config.rules.items[k];
	buf_init(&i->member, FINDING_MEMBER_MAX);
	if ((r = load_rules(i, why)) != 0 ||
	    (r = scan_new(i->rules, &i->scan)) != 0 ||
	    (r = extract_new(&i->extract, why)) != 0)
		return r;
	/* What compiling needed goes back: decoders have the rest of 64 MiB. */
	(void)malloc_trim(0);
	jail = role_jail(role_find(AGENT_ROLES, ROLE_INSPECT), NULL);
	return jail_enter(&jail, &taken, why);
}

int
main(int argc, char **argv)
{
	struct inspect *i = &inspect;
	struct diag why = {0};
	int r;

	i->args.extra = take_rules_dir;
	i->args.ctx = i;
	config_args(&i->args, argc, argv);
	proc_init(&i->proc, "chaperone-inspect");
	r = prepare(i, &why);
	if (r != 0) {
		proc_note(&i->proc, "error", why.text);
		if (i->args.config != NULL)
			log_error("%s", why.text);
		return r == -EBADMSG ? 3 : 1;
	}
	proc_ready(&i->proc, ruleset_digest(i->rules));
	/* Who asks may be replaced; only the supervisor ends this process. */
	while (proc_wait_peer(&i->proc, ROLE_WATCH, 0))
		serve(i);
	lose_capture(i);
	extract_free(i->extract);
	scan_free(i->scan);
	ruleset_free(i->rules);
	config_done(&i->config);
	buf_wipe(&i->member);
	return 0;
}
