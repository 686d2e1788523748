/* SPDX-License-Identifier: Apache-2.0 */
/*
 * egress - joins what was read with what was sent, and says how surely it left.
 *
 * Owns: the connections that wait to be joined; the grades (chaperone-log(5),
 * docs/decisions/0015-egress-grades.md) and every reason for one.
 * Never: claims more than its evidence: whatever was lost, looked up late or
 * changed meanwhile lowers a grade, and is said.
 *
 * A connection is joined by walking back: what did the process that sent read,
 * or a process beside it; and of each file that somebody had written, what had
 * its writer read before. Files are known by device, inode and time of birth, so
 * that neither a name nor its removal matters.
 */
#include "agent/egress.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/fields.h"
#include "agent/pipeline.h"
#include "agent/reasons.h"
#include "agent/shown.h"
#include "lib/entry.h"
#include "lib/str.h"

#include "lib/own.h"

#define SENDS_MAX 4096
#define SETTLE_US 1500000 /* what was read before has been told by then */
#define EXAMINE_US 20000000 /* and examined by then, or is passed over */
#define GRACE_US 500000 /* how late the end of a writing may be told */
#define NODES_MAX 32 /* processes that are looked at for one connection */
#define FILES_MAX 16 /* entries for one connection */
#define TOLD_MAX 8192
#define TOLD_US 600000000
#define SESSIONS_MAX 4096
#define NEAR 3 /* how many steps up a parent may be that two have in common */
#define AT_ONCE_US 200000
#define PLENTY 65536 /* bytes: enough, whatever was read */
/* Touches that are looked at in one turn, and at the end: a tenth of a second, and
 * some. One connection takes up to NODES_MAX times all of them. */
#define WORK_MAX (8u << 20)
#define LAST_WORK_MAX (16 * WORK_MAX)

/* Programs that read a file for the client of a login. */
static const char *const SERVERS[] = {
    "rsync", "scp", "sftp-server", "sshd", "sshd-session"};

struct send {
	struct send *next;
	struct task *task; /* NULL: the process is not remembered */
	struct actor who;
	struct tuple tuple;
	struct stamp began, ended;
	uint64_t session, flow, bytes;
	bool login, partial;
	char host[256];
	struct labels carried;
};

/* A file that may have left. */
struct found {
	const struct object *object, *derived; /* derived: NULL, or what was
						* sent in its stead */
	unsigned grade;
	unsigned why;
	uint64_t read_us;
};

/* A process whose reading before some time is looked at. */
struct node {
	const struct task *task;
	uint64_t until_us;
	const struct object *derived;
	unsigned why;
	bool same; /* each step was one process, or a pipe */
	struct feeders feeders;
};

struct walk {
	const struct send *send;
	uint64_t read; /* bytes that it had read, or was fed with */
	struct node nodes[NODES_MAX];
	size_t nnodes;
	struct found found[FILES_MAX];
	size_t nfound;
	uint64_t more;
};

struct egress {
	struct who *who;
	struct names *names;
	struct touches *touches;
	struct pipeline *pipeline;
	struct send *first, **tail;
	size_t n;
	struct memo *told; /* what was written -> when */
	struct shown *shown;
	struct memo *totals; /* session -> bytes that it has sent */
	uint64_t lost_us; /* when events were lost last, 0: never */
	uint64_t work; /* touches that were looked at in this turn */
	uint64_t untold; /* of what was forgotten */
	struct walk walk; /* scratch */
	struct egress_counters counters;
};

int
egress_new(struct who *who, struct names *names, struct egress **out)
{
	struct egress *e = calloc(1, sizeof *e);

	if (e == NULL)
		return -ENOMEM;
	e->who = who;
	e->names = names;
	e->tail = &e->first;
	if (touches_new(&e->touches) != 0 || pipeline_new(&e->pipeline) != 0 ||
	    memo_new(TOLD_MAX, free, &e->told) != 0 ||
	    shown_new(&e->shown) != 0 ||
	    memo_new(SESSIONS_MAX, free, &e->totals) != 0) {
		egress_free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

const struct egress_counters *
egress_counters(const struct egress *e)
{
	return &e->counters;
}

/* ---- what is told ---- */

void
egress_touch(struct egress *e, struct touched *t)
{
	struct family f;

	/* Whose session is not known cannot be joined with anything. */
	if (t->who->session[0] == '\0' ||
	    !who_family(e->who, t->who->pid, t->who->start_ticks, &f))
		return;
	t->family = &f;
	if (touches_add(e->touches, t) != 0)
		e->untold++;
	t->family = NULL;
}

void
egress_learn(struct egress *e, struct memo_key object,
    const struct finding *findings, size_t n, bool failed)
{
	touches_learn(e->touches, object, findings, n, failed);
}

void
egress_exit(struct egress *e, pid_t pid)
{
	struct family f;

	if (who_family(e->who, pid, 0, &f) && f.ended != 0)
		touches_ended(e->touches, &f);
}

void
egress_start(struct egress *e, const struct start_event *s)
{
	struct family f;

	/* A process's start comes in ticks there, and its number alone is
	 * enough: who has it now became this program. */
	if (who_family(e->who, s->pid, 0, &f))
		pipeline_start(e->pipeline, f.id, f.line[0], s);
}

const struct object *
egress_shown(struct egress *e, const struct shown_content *c)
{
	return shown_file(e->shown, e->touches, c);
}

void
egress_lost(struct egress *e)
{
	e->lost_us = clock_boot_us();
}

/* ---- who is whose ---- */

static bool
is_in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], name))
			return true;
	return false;
}

static bool
descends(const struct family *child, uint64_t from)
{
	for (size_t i = 0; i < FAMILY_LINE && child->line[i] != 0; i++)
		if (child->line[i] == from)
			return true;
	return false;
}

/* A parent not far above is one of both. */
static bool
have_near(const struct family *a, const struct family *b)
{
	for (size_t i = 0; i < NEAR && a->line[i] != 0; i++)
		for (size_t k = 0; k < NEAR && b->line[k] != 0; k++)
			if (a->line[i] == b->line[k])
				return true;
	return false;
}

/* Both lived at once, or were born at once: the first of a pipe may have ended
 * before its next was born. */
static bool
is_beside(const struct family *a, const struct family *b)
{
	uint64_t apart = a->born_us > b->born_us ? a->born_us - b->born_us
						 : b->born_us - a->born_us;
	bool overlap = (a->ended == 0 || a->ended > b->id) &&
		       (b->ended == 0 || b->ended > a->id);

	return (overlap || apart < AT_ONCE_US) && have_near(a, b);
}

/* How what a process read came to the node's: one of WHY_SAME, …, with
 * WHY_PROGRAM, or 0. */
static unsigned
relation(const struct task *reader, const struct node *n)
{
	const struct task *sender = n->task;
	const struct family *x = &reader->family, *y = &sender->family;

	if (x->id == y->id)
		return WHY_SAME;
	for (size_t i = 0; i < n->feeders.n; i++)
		if (n->feeders.id[i] == x->id)
			return n->feeders.plain[i] ? WHY_PIPE
						   : WHY_PIPE | WHY_PROGRAM;
	if (reader->session != sender->session)
		return 0;
	if (descends(y, x->id))
		return WHY_LINE;
	/* What a child said to a program before this one is gone: a shell that
	 * has run others and then becomes the last one itself. */
	if (descends(x, y->id))
		return x->ended == 0 || x->ended > y->image ? WHY_LINE : 0;
	return is_beside(x, y) ? WHY_BESIDE : 0;
}

/* sshd has it for the client of a login, not for what it started here. */
static bool
is_forwarded(const struct send *s)
{
	return !s->login && s->task != NULL &&
	       (str_eq(s->task->program, "sshd") ||
		   str_eq(s->task->program, "sshd-session"));
}

/* ---- sizes ---- */

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool
is_fed_by(const struct node *n, const struct task *task)
{
	for (size_t i = 0; i < n->feeders.n; i++)
		if (n->feeders.id[i] == task->family.id)
			return true;
	return task == n->task;
}

/* What a process, and what fed it, had read until then, each version once. */
static uint64_t
read_by(const struct egress *e, const struct node *n)
{
	uint64_t sum = 0;

	for (const struct touch *c = touches_first(e->touches); c != NULL;
	     c = c->next)
		if (!c->write && c->boot_us <= n->until_us &&
		    c->object->file->writer != c->task && is_fed_by(n, c->task))
			sum = plus(sum, c->object->size);
	return sum;
}

/* It may have been in there at all, packed as well as can be. */
static bool
has_room(uint64_t sent, uint64_t size)
{
	return sent > 0 && (sent >= PLENTY || sent >= size / 20);
}

/* As many bytes as were read, with what a protocol adds; or, packed on the way,
 * as these may be. */
static bool
is_as_much(uint64_t sent, uint64_t read, bool packed)
{
	return (packed ? has_room(sent, read) : sent >= read - read / 50) &&
	       sent <= plus(plus(read, read / 2), PLENTY);
}

/* ---- the walk ---- */

static void
lower(unsigned *grade, unsigned floor)
{
	if (*grade > floor)
		--*grade;
}

/* What happened meanwhile. */
static void
doubt(const struct egress *e, const struct send *s, const struct task *reader,
    struct found *f)
{
	const struct file_id *file = f->object->file;

	if (reader->late || s->who.grade >= GRADE_LINEAGE)
		f->why |= WHY_LATE;
	if (e->lost_us >= f->read_us && e->lost_us != 0 &&
	    e->lost_us <= s->ended.boot_us + SETTLE_US)
		f->why |= WHY_LOST;
	if (file->writer != NULL && file->written_us > f->read_us &&
	    file->written_us < s->ended.boot_us)
		f->why |= WHY_CHANGED;
	if (s->partial)
		f->why |= WHY_GAPS;
	for (unsigned bit = WHY_CHANGED; bit <= WHY_GAPS; bit <<= 1)
		if ((f->why & bit) != 0)
			lower(&f->grade, bit == WHY_GAPS ? 2 : 1);
}

/* The best of each file is kept, and of files the first that were found. */
static void
offer(struct walk *w, const struct found *f)
{
	for (size_t i = 0; i < w->nfound; i++) {
		struct found *old = &w->found[i];

		if (old->object->file != f->object->file)
			continue;
		if (f->grade > old->grade)
			*old = *f;
		return;
	}
	if (w->nfound < FILES_MAX)
		w->found[w->nfound++] = *f;
	else
		w->more++;
}

/* It is one chain of which nothing is missing, from the file to the socket. */
static unsigned
close_chain(const struct walk *w, struct found *f)
{
	const struct send *s = w->send;
	bool packed = w->nodes[0].feeders.packed;

	if (s->task->sends > 1)
		f->why |= WHY_SOCKETS;
	if (!is_as_much(s->bytes, w->read, packed))
		f->why |= WHY_SIZES;
	if ((f->why & (WHY_SOCKETS | WHY_SIZES | WHY_PROGRAM)) != 0)
		return 2;
	f->why |= packed ? WHY_PACKED : WHY_CLOSED;
	return 3;
}

static bool
makes(const struct egress *e, const struct task *k)
{
	return pipeline_makes(e->pipeline, k->family.id, k->program);
}

/* Nothing else can have come between: one process, a pipe, or tar with its
 * gzip. */
static bool
is_one(const struct egress *e, const struct node *n, const struct touch *c,
    unsigned how)
{
	return n->same && ((how & (WHY_SAME | WHY_PIPE)) != 0 ||
			      (how == WHY_LINE && n->derived != NULL &&
				  makes(e, n->task) && makes(e, c->task)));
}

static void
find(struct egress *e, struct walk *w, const struct node *n,
    const struct touch *c, unsigned how)
{
	struct found f = {.object = c->object,
	    .derived = n->derived,
	    .grade = 2,
	    .why = n->why | how,
	    .read_us = c->boot_us};

	if (!has_room(w->send->task->bytes,
		n->derived == NULL ? c->object->size : n->derived->size))
		return;
	if (is_one(e, n, c, how))
		f.grade = close_chain(w, &f);
	doubt(e, w->send, c->task, &f);
	offer(w, &f);
}

/* The file that was read had been written: its writer is looked at, too. */
static void
follow(const struct egress *e, struct walk *w, const struct node *n,
    const struct touch *c, unsigned how)
{
	const struct file_id *file = c->object->file;
	const struct object *was = file->written;
	struct node *next;

	if (file->writer == NULL || file->writer == n->task ||
	    file->written_us > c->boot_us + GRACE_US || w->nnodes == NODES_MAX)
		return;
	for (size_t i = 0; i < w->nnodes; i++)
		if (w->nodes[i].task == file->writer)
			return;
	next = &w->nodes[w->nnodes++];
	*next = (struct node){.task = file->writer,
	    .until_us = file->written_us,
	    .derived = n->derived != NULL ? n->derived : c->object,
	    .why = (n->why & ~(unsigned)WHY_SAME) | how | WHY_DERIVED,
	    .same = is_one(e, n, c, how)};
	pipeline_feeders(e->pipeline, next->task->family.id, &next->feeders);
	if (was->size != c->object->size ||
	    was->mtime_ns != c->object->mtime_ns)
		next->why |= WHY_CHANGED;
	if (!makes(e, file->writer))
		next->why |= WHY_PROGRAM;
}

static void
walk_back(struct egress *e, struct walk *w)
{
	const struct send *s = w->send;

	w->nodes[0] = (struct node){
	    .task = s->task, .until_us = s->ended.boot_us, .same = true};
	w->nnodes = 1;
	pipeline_feeders(e->pipeline, s->task->family.id, &w->nodes[0].feeders);
	w->read = read_by(e, &w->nodes[0]);
	for (size_t i = 0; i < w->nnodes; i++) {
		const struct node *n = &w->nodes[i];

		for (const struct touch *c = touches_first(e->touches);
		     c != NULL; c = c->next, e->work++) {
			unsigned how = c->write || c->boot_us > n->until_us
					   ? 0
					   : relation(c->task, n);

			if (how == 0)
				continue;
			if (c->object->state == OBJECT_HOLDS)
				find(e, w, n, c, how);
			follow(e, w, n, c, how);
		}
	}
}

/* What the session had read, whichever of its processes sent. */
static void
walk_session(struct egress *e, struct walk *w, uint64_t total)
{
	const struct send *s = w->send;

	for (const struct touch *c = touches_first(e->touches); c != NULL;
	     c = c->next, e->work++) {
		struct found f = {.object = c->object,
		    .grade = 1,
		    .why = WHY_SESSION,
		    .read_us = c->boot_us};

		if (c->write || c->object->state != OBJECT_HOLDS ||
		    c->task->session != s->session ||
		    c->boot_us > s->ended.boot_us ||
		    !has_room(total, c->object->size))
			continue;
		if (s->login &&
		    is_in(SERVERS, ARRAY_LEN(SERVERS), c->task->program)) {
			f.grade = 2;
			f.why = WHY_SERVED;
		}
		doubt(e, s, c->task, &f);
		offer(w, &f);
	}
}

/* ---- entries ---- */

static void
write_entry(struct egress *e, const struct send *s, const struct found *f,
    const struct labels *labels, uint64_t more)
{
	const struct object *o = f->object, *g = f->derived;
	const struct raw_name raws[] = {
	    {"path", o == NULL ? "" : o->path, o == NULL ? 0 : o->path_len},
	    {"derived", g == NULL ? "" : g->path, g == NULL ? 0 : g->path_len},
	    {"exe", s->who.exe, strlen(s->who.exe)}};
	char reasons[REASONS_SIZE], grade[4];
	struct draft d;

	reasons_print(f->why, reasons);
	must(str_format(grade, sizeof grade, "N%u", f->grade % 10) == 0);
	draft_init(&d, "egress", s->ended);
	fields_actor(&d, &s->who);
	fields_tuple(&d, &s->tuple);
	draft_text(&d, "host", s->host);
	if (o != NULL) {
		fields_number(&d, "dev", o->file->dev);
		fields_number(&d, "ino", o->file->ino);
		fields_number(&d, "size", o->size);
	}
	draft_text(&d, "channel",
	    s->login          ? "ssh"
	    : is_forwarded(s) ? "tunnel"
			      : "net");
	draft_text(&d, "evidence", grade);
	draft_text(&d, "reasons", reasons);
	draft_text(&d, "classes", labels->classes);
	draft_text(&d, "detectors", labels->detectors);
	fields_number(&d, "bytes", s->bytes);
	if (more > 0)
		draft_uint(&d, "files", more);
	draft_int(&d, "began_us", s->began.wall_us);
	draft_int(&d, "ended_us", s->ended.wall_us);
	draft_uint(&d, "flow", s->flow);
	names_put(e->names, &d, raws, ARRAY_LEN(raws));
	e->counters.recorded++;
}

/* The same, of the same file to the same place, was written a while ago. */
static bool
was_told(struct egress *e, const struct send *s, const struct found *f)
{
	struct {
		uint64_t session;
		struct memo_key file;
		uint8_t dst[16];
		uint64_t port, grade, why;
	} k;
	uint64_t *when;
	struct memo_key key;

	memset(&k, 0, sizeof k);
	k.session = s->session;
	k.file = f->object->file->key;
	memcpy(k.dst, s->tuple.dst, sizeof k.dst);
	k.port = s->tuple.dport;
	k.grade = f->grade;
	k.why = f->why;
	key = memo_key(&k, sizeof k);
	when = memo_get(e->told, key);
	if (when != NULL && s->ended.boot_us - *when < TOLD_US) {
		e->counters.folded++;
		return true;
	}
	when = calloc(1, sizeof *when);
	if (when == NULL)
		return false;
	*when = s->ended.boot_us;
	if (memo_put(e->told, key, when) != 0)
		free(when);
	return false;
}

/* Something that was found in what left had been found in that file. */
static bool
has_common(const struct labels *a, const struct labels *b)
{
	char copy[sizeof a->detectors], *save = NULL;

	memcpy(copy, a->detectors, sizeof copy);
	for (char *w = strtok_r(copy, ",", &save); w != NULL;
	     w = strtok_r(NULL, ",", &save))
		if (str_listed(b->detectors, w))
			return true;
	return false;
}

/* The content itself was seen: that says more than any chain. */
static void
raise_found(const struct send *s, struct walk *w, bool *placed)
{
	unsigned grade = s->partial ? 3 : 4;

	*placed = false;
	for (size_t i = 0; i < w->nfound; i++) {
		struct found *f = &w->found[i];

		if (f->grade < 2 ||
		    !has_common(&s->carried, &f->object->labels))
			continue;
		f->grade = grade;
		f->why |= WHY_CONTENT;
		*placed = true;
	}
}

static void
join(struct egress *e, const struct send *s, uint64_t total)
{
	struct walk *w = &e->walk;
	bool placed = true;

	*w = (struct walk){.send = s};
	if (s->task != NULL && !s->login && !is_forwarded(s))
		walk_back(e, w);
	walk_session(e, w, total);
	if (s->carried.n > 0)
		raise_found(s, w, &placed);
	if (!placed) {
		const struct found f = {.grade = s->partial ? 3 : 4,
		    .why = WHY_CONTENT | (s->partial ? WHY_GAPS : 0U)};

		write_entry(e, s, &f, &s->carried, 0);
	}
	for (size_t i = 0; i < w->nfound; i++) {
		const struct found *f = &w->found[i];

		if (shown_better(e->shown, s->session, f->object->file,
			&s->tuple, f->grade, s->login)) {
			e->counters.folded++;
			continue;
		}
		shown_said(e->shown, s->session, f->object->file, f->grade);
		if (f->grade > 2 || !was_told(e, s, f))
			write_entry(e, s, f, &f->object->labels,
			    i + 1 == w->nfound ? w->more : 0);
	}
}

/* ---- connections ---- */

/* Bytes that the session has sent, with these. */
static uint64_t
add_total(struct egress *e, uint64_t session, uint64_t bytes)
{
	struct memo_key key = memo_key(&session, sizeof session);
	uint64_t *sum = memo_get(e->totals, key);

	if (sum == NULL) {
		sum = calloc(1, sizeof *sum);
		if (sum == NULL || memo_put(e->totals, key, sum) != 0) {
			free(sum);
			return bytes;
		}
	}
	*sum = plus(*sum, bytes);
	return *sum;
}

static struct send *
take_first(struct egress *e)
{
	struct send *s = e->first;

	e->first = s->next;
	if (e->first == NULL)
		e->tail = &e->first;
	e->n--;
	return s;
}

static void
end_first(struct egress *e)
{
	struct send *s = take_first(e);

	join(e, s, add_total(e, s->session, s->bytes));
	touches_leave(e->touches, s->task);
	free(s);
}

/* More connections than can be joined: the oldest is not, which is told. */
static void
drop_first(struct egress *e)
{
	struct send *s = take_first(e);

	(void)add_total(e, s->session, s->bytes);
	touches_leave(e->touches, s->task);
	free(s);
	e->untold++;
}

void
egress_sent(struct egress *e, const struct sent *x)
{
	struct family f;
	struct send *s;

	if (x->who->session[0] == '\0' || x->bytes == 0)
		return;
	if (e->n == SENDS_MAX)
		drop_first(e);
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		e->untold++;
		return;
	}
	s->who = *x->who;
	s->tuple = *x->tuple;
	s->began = x->began;
	s->ended = x->ended;
	s->session = touches_session(x->who->session);
	s->flow = x->flow;
	s->bytes = x->bytes;
	s->login = x->login;
	s->partial = x->partial || x->gap_bytes > 0;
	s->carried = *x->carried;
	(void)str_copy(s->host, sizeof s->host, x->host);
	if (who_family(e->who, x->who->pid, x->who->start_ticks, &f))
		s->task = touches_task(e->touches, x->who, &f);
	if (s->task != NULL) {
		s->task->sends++;
		s->task->bytes = plus(s->task->bytes, s->bytes);
	}
	*e->tail = s;
	e->tail = &s->next;
	e->n++;
}

/* When the earliest of what nobody has examined yet was touched. */
static uint64_t
pending_since(const struct egress *e)
{
	uint64_t since = UINT64_MAX;

	for (const struct touch *c = touches_first(e->touches); c != NULL;
	     c = c->next)
		if (c->object->state == OBJECT_PENDING && c->boot_us < since)
			since = c->boot_us;
	return since;
}

static uint64_t
tell_forgotten(struct egress *e)
{
	uint64_t n = e->untold + touches_lost(e->touches);

	e->untold = 0;
	e->counters.forgotten += n;
	return n;
}

uint64_t
egress_tick(struct egress *e)
{
	uint64_t now = clock_boot_us(), since;

	e->work = 0;
	since = e->first == NULL ? 0 : pending_since(e);
	while (e->first != NULL && e->work < WORK_MAX) {
		uint64_t ended = e->first->ended.boot_us;

		if (now < ended + SETTLE_US ||
		    (since <= ended && now < ended + EXAMINE_US))
			break;
		end_first(e);
	}
	return tell_forgotten(e);
}

uint64_t
egress_flush(struct egress *e)
{
	e->work = 0;
	while (e->first != NULL)
		if (e->work < LAST_WORK_MAX)
			end_first(e);
		else
			drop_first(e);
	return tell_forgotten(e);
}

void
egress_free(struct egress *e)
{
	if (e == NULL)
		return;
	while (e->first != NULL) {
		struct send *s = e->first;

		e->first = s->next;
		touches_leave(e->touches, s->task);
		free(s);
	}
	touches_free(e->touches);
	pipeline_free(e->pipeline);
	memo_free(e->told);
	shown_free(e->shown);
	memo_free(e->totals);
	free(e);
}
