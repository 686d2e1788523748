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

/* Why a grade is what it is. */
enum {
	WHY_CONTENT = 1 << 0,
	WHY_SAME = 1 << 1,
	WHY_LINE = 1 << 2,
	WHY_BESIDE = 1 << 3,
	WHY_SESSION = 1 << 4,
	WHY_SERVED = 1 << 5,
	WHY_DERIVED = 1 << 6,
	WHY_CLOSED = 1 << 7,
	/* These lower it. */
	WHY_SIZES = 1 << 8,
	WHY_SOCKETS = 1 << 9,
	WHY_PROGRAM = 1 << 10,
	WHY_CHANGED = 1 << 11,
	WHY_LATE = 1 << 12,
	WHY_LOST = 1 << 13,
	WHY_GAPS = 1 << 14,
};

static const struct {
	unsigned bit;
	const char *text;
} REASONS[] = {
    {WHY_CONTENT, "the content was seen in the packets"},
    {WHY_SAME, "the process that sent had read it"},
    {WHY_LINE, "one of the processes that read and sent came from the other"},
    {WHY_BESIDE, "the processes that read and sent were started together or "
		 "ran side by side; what went between them was not seen"},
    {WHY_SESSION, "the login session had read it before"},
    {WHY_SERVED, "it was read by what serves copies to the client"},
    {WHY_DERIVED, "a file that was made from it was read in its stead"},
    {WHY_CLOSED, "about as many bytes left as had been read, through the only "
		 "connection"},
    {WHY_SIZES, "more or fewer bytes left than had been read"},
    {WHY_SOCKETS, "the process had several connections"},
    {WHY_PROGRAM, "the program that made the file may have put something else "
		  "into it"},
    {WHY_CHANGED, "the file was changed between"},
    {WHY_LATE, "who it was, or what it came from, was looked up late"},
    {WHY_LOST, "events were lost meanwhile"},
    {WHY_GAPS, "not every packet was seen"},
};

/* Programs whose output is their input, packed, sealed or as it was. */
static const char *const MAKERS[] = {"7z", "7za", "7zr", "age", "base32",
    "base64", "bzip2", "cat", "cp", "cpio", "dd", "gpg", "gzip", "install",
    "lz4", "mv", "openssl", "pigz", "rsync", "split", "tar", "tee", "xxd", "xz",
    "zip", "zstd"};

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
	bool same; /* each step was one process */
};

struct walk {
	const struct send *send;
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
	struct send *first, **tail;
	size_t n;
	struct memo *told; /* what was written -> when */
	struct memo *totals; /* session -> bytes that it has sent */
	uint64_t lost_us; /* when events were lost last, 0: never */
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
	if (touches_new(&e->touches) != 0 ||
	    memo_new(TOLD_MAX, free, &e->told) != 0 ||
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
		e->counters.forgotten++;
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

/* How two processes, the first of which read what the second passed on, belong
 * together: one of WHY_SAME, …, or 0. */
static unsigned
relation(const struct task *reader, const struct task *sender)
{
	const struct family *x = &reader->family, *y = &sender->family;

	if (x->id == y->id)
		return WHY_SAME;
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

/* What a process had read until then, each version once. */
static uint64_t
read_by(const struct egress *e, const struct task *task, uint64_t until_us)
{
	uint64_t sum = 0;

	for (const struct touch *c = touches_first(e->touches); c != NULL;
	     c = c->next)
		if (!c->write && c->task == task && c->boot_us <= until_us &&
		    c->object->file->writer != task)
			sum = plus(sum, c->object->size);
	return sum;
}

/* As many bytes as were read, with what a protocol adds. */
static bool
is_as_much(uint64_t sent, uint64_t read)
{
	return sent >= read - read / 50 &&
	       sent <= plus(plus(read, read / 2), PLENTY);
}

/* It may have been in there at all, packed as well as can be. */
static bool
has_room(uint64_t sent, uint64_t size)
{
	return sent > 0 && (sent >= PLENTY || sent >= size / 20);
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
close_chain(const struct egress *e, const struct send *s, struct found *f)
{
	uint64_t read = read_by(e, s->task, s->ended.boot_us);

	if (s->task->sends > 1)
		f->why |= WHY_SOCKETS;
	if (!is_as_much(s->bytes, read))
		f->why |= WHY_SIZES;
	if ((f->why & (WHY_SOCKETS | WHY_SIZES | WHY_PROGRAM)) != 0)
		return 2;
	f->why |= WHY_CLOSED;
	return 3;
}

static bool
is_maker(const struct task *k)
{
	return is_in(MAKERS, ARRAY_LEN(MAKERS), k->program);
}

/* Nothing else can have come between: one process, or tar with its gzip. */
static bool
is_one(const struct node *n, const struct touch *c, unsigned how)
{
	return n->same &&
	       (how == WHY_SAME || (how == WHY_LINE && n->derived != NULL &&
				       is_maker(n->task) && is_maker(c->task)));
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
	if (is_one(n, c, how))
		f.grade = close_chain(e, w->send, &f);
	doubt(e, w->send, c->task, &f);
	offer(w, &f);
}

/* The file that was read had been written: its writer is looked at, too. */
static void
follow(
    struct walk *w, const struct node *n, const struct touch *c, unsigned how)
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
	    .same = is_one(n, c, how)};
	if (was->size != c->object->size ||
	    was->mtime_ns != c->object->mtime_ns)
		next->why |= WHY_CHANGED;
	if (!is_maker(file->writer))
		next->why |= WHY_PROGRAM;
}

static void
walk_back(struct egress *e, struct walk *w)
{
	const struct send *s = w->send;

	w->nodes[0] = (struct node){
	    .task = s->task, .until_us = s->ended.boot_us, .same = true};
	w->nnodes = 1;
	for (size_t i = 0; i < w->nnodes; i++) {
		const struct node *n = &w->nodes[i];

		for (const struct touch *c = touches_first(e->touches);
		     c != NULL; c = c->next) {
			unsigned how = c->write || c->boot_us > n->until_us
					   ? 0
					   : relation(c->task, n->task);

			if (how == 0)
				continue;
			if (c->object->state == OBJECT_HOLDS)
				find(e, w, n, c, how);
			follow(w, n, c, how);
		}
	}
}

/* What the session had read, whichever of its processes sent. */
static void
walk_session(struct egress *e, struct walk *w, uint64_t total)
{
	const struct send *s = w->send;

	for (const struct touch *c = touches_first(e->touches); c != NULL;
	     c = c->next) {
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
print_reasons(unsigned why, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(REASONS); i++) {
		if ((why & REASONS[i].bit) == 0)
			continue;
		must(str_format(out + used, size - used, "%s%s",
			 used > 0 ? "; " : "", REASONS[i].text) == 0);
		used = strlen(out);
	}
}

static void
write_entry(struct egress *e, const struct send *s, const struct found *f,
    const struct labels *labels, uint64_t more)
{
	const struct object *o = f->object, *g = f->derived;
	const struct raw_name raws[] = {
	    {"path", o == NULL ? "" : o->path, o == NULL ? 0 : o->path_len},
	    {"derived", g == NULL ? "" : g->path, g == NULL ? 0 : g->path_len},
	    {"exe", s->who.exe, strlen(s->who.exe)}};
	char reasons[1024], grade[4];
	struct draft d;

	print_reasons(f->why, reasons, sizeof reasons);
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
		if (strstr(b->detectors, w) != NULL)
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

static void
end_first(struct egress *e)
{
	struct send *s = e->first;

	e->first = s->next;
	if (e->first == NULL)
		e->tail = &e->first;
	e->n--;
	join(e, s, add_total(e, s->session, s->bytes));
	touches_leave(e->touches, s->task);
	free(s);
}

void
egress_sent(struct egress *e, const struct sent *x)
{
	struct family f;
	struct send *s;

	if (x->who->session[0] == '\0' || x->bytes == 0)
		return;
	if (e->n == SENDS_MAX)
		end_first(e);
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		e->counters.forgotten++;
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

uint64_t
egress_tick(struct egress *e)
{
	uint64_t now = clock_boot_us(), since, lost;

	since = e->first == NULL ? 0 : pending_since(e);
	while (e->first != NULL) {
		uint64_t ended = e->first->ended.boot_us;

		if (now < ended + SETTLE_US ||
		    (since <= ended && now < ended + EXAMINE_US))
			break;
		end_first(e);
	}
	lost = touches_lost(e->touches);
	e->counters.forgotten += lost;
	return lost;
}

void
egress_flush(struct egress *e)
{
	while (e->first != NULL)
		end_first(e);
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
	memo_free(e->told);
	memo_free(e->totals);
	free(e);
}
