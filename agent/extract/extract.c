/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract - an object's bytes in, the text of its members out.
 *
 * Owns: the walk through containers in containers, the names of members, the
 * budgets, and the word for everything that is not examined.
 * Never: decides by a name; opens anything after extract_new.
 * Hands over: members to the sink, in the order in which they lie.
 *
 * The walk is a stack of layers, each reading the stream of the member that it
 * lies in; it is as deep as the budget at most, and nothing recurses.
 */
#include "agent/extract/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/extract/filter.h"
#include "agent/extract/kind.h"
#include "agent/extract/label.h"
#include "agent/extract/layer.h"
#include "agent/extract/mail.h"
#include "agent/extract/sniff.h"
#include "agent/extract/source.h"
#include "agent/extract/text.h"
#include "lib/finding.h"
#include "lib/str.h"

#include "lib/own.h"

#ifndef SAN
#define SAN 0 /* the sanitizers keep what was freed */
#endif

#define LEVELS_MAX 16
#define RATIO_FROM (UINT64_C(1) << 20)

/* The object itself, as the lowest layer. */
struct object {
	int fd; /* -1: the bytes are in memory */
	struct content memory;
	uint64_t at;
	uint64_t max;
	uint64_t high; /* how far it was read */
	bool given;
};

struct level {
	const struct layer_ops *ops;
	void *state;
	struct stream out; /* of the current member */
	struct extract *x;
	struct member member;
	bool open; /* a member is being read */
	size_t base; /* what of the name is the container's own */
	uint64_t below_start; /* bytes of the level below before this one */
	uint64_t given; /* bytes of all members so far */
	enum container inside; /* which container the current member is */
	const char *kind; /* of the current member, or "" */
};

struct extract {
	struct sniff *sniff;
	struct text *text;
	struct filter *filter;
	struct labels *labels;
	bool filtering; /* the text of the member goes through it */
	struct level levels[LEVELS_MAX + 1];
	size_t nlevels;
	struct object object;
	const struct extract_limits *lim;
	const struct extract_sink *sink;
	char name[FINDING_MEMBER_MAX + 1];
	uint64_t size; /* of the object */
	uint64_t output; /* decoded bytes of all members */
	uint64_t cpu_start;
	uint64_t hidden; /* bytes of the object that were passed over */
	const char *kind; /* of the member that is given */
	unsigned entries;
	int statm; /* of /proc, opened before the jail */
	uint64_t resident_start;
	int stop; /* a budget that ends the object */
	int failed; /* of the sink or of a read: ends at once */
	char type[80];
};

/*
 * Of 64 MiB for the process, what is touched between two looks is left free
 * (a decoder gives a block of 128 KiB, PPMd touches some 2 MiB for it).
 */
#define RESIDENT_MAX (UINT64_C(60) << 20)
#define DECODER_LEAST (UINT64_C(16) << 20)

static const struct extract_limits DEFAULTS = {
    .bytes_max = UINT64_C(256) << 20,
    .output_max = UINT64_C(1) << 30,
    .ratio_max = 250,
    .entries_max = 10000,
    .depth_max = 5,
    .cpu_us_max = 60000000,
    .memory_max = UINT64_C(40) << 20,
};

struct extract_limits
extract_limits_default(void)
{
	return DEFAULTS;
}

/* ---- words --------------------------------------------------------------- */

enum {
	OVER_OUTPUT = -EDQUOT,
	OVER_RATIO = -EFBIG,
	OVER_CPU = -ETIME,
	OVER_ENTRIES = -ENFILE,
	OVER_DEPTH = -ELOOP,
	OVER_MEMORY = -ENOBUFS,
};

static const char *
word(int err)
{
	static const struct {
		int err;
		const char *word;
	} WORDS[] = {
	    {-EBADMSG, "corrupt"},
	    {-ENODATA, "truncated"},
	    {-EACCES, "encrypted"},
	    {-ENOTSUP, "unknown compression method"},
	    {-ESPIPE, "out of order in its container"},
	    {-EPROTONOSUPPORT, "unknown transfer encoding"},
	    {-EOVERFLOW, "too large to be looked into where it lies"},
	    {-ENOMSG, "pictures of text are not read"},
	    {-EILSEQ, "text without a character map"},
	    {-EMFILE, "more parts than are kept"},
	    {OVER_OUTPUT, "over the budget of decoded bytes"},
	    {OVER_RATIO, "over the budget of the compression ratio"},
	    {OVER_CPU, "over the budget of CPU time"},
	    {OVER_ENTRIES, "over the budget of entries"},
	    {OVER_DEPTH, "over the budget of depth"},
	    {OVER_MEMORY, "over the budget of memory"},
	};

	for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
		if (WORDS[i].err == err)
			return WORDS[i].word;
	return "unreadable";
}

static void
tell_skip(struct extract *x, const char *reason, uint64_t bytes)
{
	x->sink->skip(x->sink->ctx, x->name, reason, bytes);
}

/* ---- streams ------------------------------------------------------------- */

/* What is in the block stays if nothing comes, so that it can be given back. */
static void
stream_pull(struct stream *s, size_t keep)
{
	size_t got = 0;
	int r = s->pull(s->ctx, s->block + keep, STREAM_BLOCK - keep, &got);

	if (got > 0) {
		if (keep == 0)
			s->pos = 0;
		s->len = keep + got;
		s->total += got;
	}
	if (r < 0 || got == 0) {
		s->end = true;
		s->err = r;
	}
}

void
stream_fill(struct stream *s, size_t want)
{
	must(want <= STREAM_BLOCK);
	if (s->pos == s->len && want > 0 && !s->end)
		stream_pull(s, 0);
	if (s->pos > 0 && !s->end && s->len - s->pos < want) {
		memmove(s->block, s->block + s->pos, s->len - s->pos);
		s->len -= s->pos;
		s->pos = 0;
	}
	while (!s->end && s->len - s->pos < want)
		stream_pull(s, s->len);
}

uint64_t
stream_used(const struct stream *s)
{
	return s->total - (s->len - s->pos);
}

void
stream_seek(struct stream *s, uint64_t offset)
{
	must(s->seek != NULL);
	/* Within the block there is nothing to read again. */
	if (offset <= s->total && s->total - offset <= s->len) {
		s->pos = s->len - (size_t)(s->total - offset);
		return;
	}
	s->seek(s->ctx, offset);
	s->pos = s->len = 0;
	s->total = offset;
	s->end = false;
	s->err = 0;
}

/* ---- the object as a layer ----------------------------------------------- */

static int
object_next(void *state, struct member *m)
{
	struct object *o = state;

	*m = (struct member){0};
	if (o->given)
		return 0;
	o->given = true;
	return 1;
}

static int
object_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct object *o = state;
	ssize_t n;

	*got = 0;
	if (max > o->max - o->at)
		max = (size_t)(o->max - o->at);
	if (max == 0)
		return 0;
	if (o->fd < 0) {
		memcpy(out, o->memory.data + o->at, max);
		n = (ssize_t)max;
	} else {
		do
			n = pread(o->fd, out, max, (off_t)o->at);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return errno == EACCES ? -EIO : -errno;
	}
	*got = (size_t)n;
	o->at += (uint64_t)n;
	if (o->high < o->at)
		o->high = o->at;
	return 0;
}

static void
object_seek(struct object *o, uint64_t offset)
{
	o->at = offset < o->max ? offset : o->max;
}

static void
object_close(void *state)
{
	(void)state;
}

static const struct layer_ops OBJECT = {
    .next = object_next, .pull = object_pull, .close = object_close};

/* ---- budgets ------------------------------------------------------------- */

static uint64_t
cpu_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Pages that are resident now, 0 if that cannot be told. */
static uint64_t
resident(const struct extract *x)
{
	char text[128];
	ssize_t n =
	    x->statm < 0 ? -1 : pread(x->statm, text, sizeof text - 1, 0);
	unsigned long pages = 0;
	char *second;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	second = strchr(text, ' ');
	if (second != NULL)
		pages = strtoul(second, NULL, 10);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * What decoders keep (a dictionary of 64 MiB is the format's right) is theirs;
 * that the process does not outgrow its host is ours. Untouched pages cost
 * nothing, so a large dictionary alone is no reason. What was there before
 * (rules, bodies of flows) is counted, but leaves a decoder its least.
 */
static bool
outgrown(const struct extract *x)
{
	uint64_t now = SAN ? 0 : resident(x);
	uint64_t least = x->resident_start + DECODER_LEAST;
	uint64_t most = x->resident_start + x->lim->memory_max;

	if (most > RESIDENT_MAX)
		most = least > RESIDENT_MAX ? least : RESIDENT_MAX;
	return now > most;
}

static int
check_budget(struct extract *x, const struct level *l)
{
	uint64_t in = 1;

	if (cpu_us() - x->cpu_start > x->lim->cpu_us_max)
		return OVER_CPU;
	if (l == x->levels)
		return 0;
	if (x->output > x->lim->output_max)
		return OVER_OUTPUT;
	if (outgrown(x))
		return OVER_MEMORY;
	/* An object that is sought in was read as far as it ever was. */
	in += l - 1 == x->levels ? x->object.high
				 : (l - 1)->out.total - l->below_start;
	if (l->given > RATIO_FROM && l->given / in > x->lim->ratio_max)
		return OVER_RATIO;
	return 0;
}

int
stream_turn(struct stream *s)
{
	const struct level *l = s->ctx;
	struct extract *x = l->x;

	if (x->stop == 0 && cpu_us() - x->cpu_start > x->lim->cpu_us_max)
		x->stop = OVER_CPU;
	if (x->stop == 0 && outgrown(x))
		x->stop = OVER_MEMORY;
	return x->failed != 0 ? x->failed : x->stop;
}

/* The pull of every level's stream: the layer's bytes, counted. */
static int
level_pull(void *ctx, uint8_t *out, size_t max, size_t *got)
{
	struct level *l = ctx;
	struct extract *x = l->x;
	int r, over;

	*got = 0;
	if (x->stop != 0)
		return x->stop;
	r = l->ops->pull(l->state, out, max, got);
	if (l != x->levels) {
		x->output += *got;
		l->given += *got;
	} else if (r < 0) {
		x->failed = r;
	}
	over = check_budget(x, l);
	if (over != 0)
		x->stop = over;
	return r;
}

static void
level_seek(void *ctx, uint64_t offset)
{
	struct level *l = ctx;

	object_seek(l->state, offset);
}

/* ---- names --------------------------------------------------------------- */

/* Puts the name of the level's current member behind the container's. */
static void
set_name(struct extract *x, const struct level *l)
{
	const char *name = l->member.name;
	size_t at = l->base;

	x->name[at] = '\0';
	if (l == x->levels)
		return;
	if (name[0] == '\0')
		name = l->ops->wrapper ? "data" : "unnamed";
	(void)snprintf(
	    x->name + at, sizeof x->name - at, "%s%s", at > 0 ? "!" : "", name);
}

/* ---- members ------------------------------------------------------------- */

static void
give_text(struct extract *x, struct content c)
{
	if (c.len > 0 && x->failed == 0)
		x->failed = x->sink->text(x->sink->ctx, c);
}

static void
give_filtered(struct extract *x, struct content c)
{
	while (c.len > 0 && x->failed == 0) {
		struct content out;
		size_t n = filter_feed(x->filter, c, &out);

		give_text(x, out);
		c.data += n;
		c.len -= n;
	}
}

static void
feed_member(struct extract *x, struct stream *s)
{
	while (x->failed == 0) {
		struct content c;
		size_t left, n;

		if (s->pos == s->len)
			stream_fill(s, 1);
		left = s->len - s->pos;
		if (left == 0)
			return;
		n = text_feed(x->text, s->block + s->pos, left, s->end, &c);
		s->pos += n;
		labels_feed(x->labels, c);
		if (x->filtering)
			give_filtered(x, c);
		else
			give_text(x, c);
		/* A character is not whole. */
		if (n == 0)
			stream_fill(s, left + 1);
	}
}

/* What the filter kept aside of the member: a member beside it. */
static void
give_aside(struct extract *x)
{
	struct content c;
	size_t at = strlen(x->name);

	filter_aside(x->filter, &c);
	if (c.len > 0) {
		(void)snprintf(x->name + at, sizeof x->name - at,
		    "%sattributes", at > 0 ? "!" : "");
		x->failed = x->sink->begin(x->sink->ctx, x->name, "text/plain");
		give_text(x, c);
		if (x->failed == 0)
			x->failed = x->sink->end(x->sink->ctx);
		x->name[at] = '\0';
	}
	for (size_t i = 0; x->failed == 0 && i < x->filter->nlost; i++)
		tell_skip(x, x->filter->lost[i].why, x->filter->lost[i].bytes);
}

/* The labels that stood in the member's text. */
static void
give_labels(struct extract *x)
{
	const struct label *list;
	uint64_t over = 0;
	int n = labels_end(x->labels, &list, &over);

	if (n < 0)
		x->failed = n;
	for (int i = 0; i < n && x->failed == 0 && x->sink->label != NULL; i++)
		x->failed = x->sink->label(x->sink->ctx, x->name, &list[i]);
	if (over > 0 && x->failed == 0)
		tell_skip(x, "more labels than are looked for", over);
	labels_forget(x->labels);
}

static void
give_text_of(struct extract *x, struct stream *s)
{
	struct content c = {0};

	feed_member(x, s);
	if (x->filtering && x->failed == 0) {
		filter_end(x->filter, &c);
		give_text(x, c);
	}
	if (x->failed == 0)
		x->failed = x->sink->end(x->sink->ctx);
	if (x->filtering && x->failed == 0)
		give_aside(x);
	if (x->filtering)
		filter_forget(x->filter);
	if (x->failed == 0)
		give_labels(x);
}

static void
tell_kind(struct extract *x, const struct level *l, const char *type)
{
	if (x->sink->kind != NULL && x->failed == 0)
		x->failed = x->sink->kind(x->sink->ctx, x->name, type, l->kind);
}

/*
 * @form: where its labels are; @why: a reason beside the content's own, or
 * NULL.
 */
static void
give_member(struct extract *x, struct level *l, const char *type,
    enum label_form form, const char *why)
{
	struct stream *s = &l->out;

	x->kind = l->kind;
	labels_start(x->labels, form);
	x->failed = x->sink->begin(x->sink->ctx, x->name, type);
	if (x->failed == 0)
		give_text_of(x, s);
	x->filtering = false;
	if (x->failed != 0)
		return;
	if (why != NULL)
		tell_skip(x, why, s->total);
	if (s->err != 0 && x->stop == 0)
		tell_skip(x, word(s->err),
		    l->member.size > s->total ? l->member.size - s->total : 0);
}

/* Text with a structure that stands in the way of reading it. */
static const char *
start_filter(struct extract *x, const uint8_t *p, size_t len)
{
	enum filter_kind kind = filter_sniff(p, len);

	x->filtering = kind != FILTER_NONE;
	if (x->filtering)
		filter_start(x->filter, kind);
	return filter_type(kind);
}

static bool
start_text(struct extract *x, const struct level *l)
{
	const uint8_t *p = l->out.block + l->out.pos;
	size_t n = l->out.len - l->out.pos;

	/* Its bytes are counted, and in charsets of its own. */
	if (l->inside == CONTAINER_NONE && filter_wants_bytes(p, n)) {
		text_start_raw(x->text, 0);
		return true;
	}
	return text_start(x->text, p, n, l->member.charset);
}

/* A member that is no container of ours, or lies too deep to be one. */
static void
plain_member(struct extract *x, struct level *l)
{
	struct stream *s = &l->out;
	size_t n = s->len - s->pos;
	bool is_text = start_text(x, l);
	const char *type = "text/plain", *why = NULL;
	enum label_form form = !is_text           ? LABEL_NOWHERE
			       : l->member.fields ? LABEL_LINES
						  : LABEL_BEGINNING;

	if (l->inside != CONTAINER_NONE) {
		type = sniff_container_type(l->inside);
		why = word(OVER_DEPTH);
	} else if (n == 0) {
		type = "inode/x-empty";
	} else if (!is_text) {
		type = sniff_type(x->sniff, s->block + s->pos, n);
		why = sniff_sealed(s->block + s->pos, n)
			  ? word(-EACCES)
			  : "unknown binary format";
	} else if (l->member.type != NULL) {
		type = l->member.type;
	} else {
		type = start_filter(x, s->block + s->pos, n);
		if (sniff_sealed_text(s->block + s->pos, n))
			why = word(-EACCES);
		if (!x->filtering && l->kind[0] == '\0')
			l->kind = source_kind(s->block + s->pos, n);
	}
	if (l == x->levels)
		(void)str_copy(x->type, sizeof x->type, type);
	tell_kind(x, l, type);
	if (x->failed == 0)
		give_member(x, l, type, form, why);
}

/*
 * What a container leaves unread in the member that it lies in (a zip's
 * directory and comment, bytes behind a damage) is looked at as it is.
 */
static void
rest_of_member(struct extract *x, struct level *l)
{
	struct stream *s = &l->out;

	set_name(x, l);
	for (;;) {
		if (s->pos == s->len)
			stream_fill(s, 1);
		if (s->pos == s->len)
			return;
		while (s->pos < s->len && s->block[s->pos] == 0)
			s->pos++;
		if (s->pos < s->len)
			break;
	}
	text_start_raw(x->text, stream_used(s));
	give_member(x, l, sniff_container_type(l->inside), LABEL_NOWHERE, NULL);
}

/* ---- the walk ------------------------------------------------------------ */

static int
push(struct extract *x, const struct layer_ops *ops, void *object)
{
	struct level *l = &x->levels[x->nlevels];
	uint8_t *block = l->out.block;
	struct level *below = x->nlevels > 0 ? l - 1 : NULL;
	int r = 0;

	must(x->nlevels <= LEVELS_MAX);
	if (block == NULL)
		block = malloc(STREAM_BLOCK);
	if (block == NULL)
		return -ENOMEM;
	*l = (struct level){.ops = ops, .x = x, .state = object};
	l->out.block = block;
	if (below != NULL) {
		/* A wrapper gives the container within it its own name. */
		l->base = below->ops->wrapper ? below->base : strlen(x->name);
		l->below_start = stream_used(&below->out);
		must(ops->open != NULL);
		r = ops->open(&below->out, below->inside, &l->state);
	}
	if (r == 0)
		x->nlevels++;
	return r;
}

static void
pop(struct extract *x)
{
	struct level *l = &x->levels[--x->nlevels];

	l->ops->close(l->state);
	explicit_bzero(l->out.block,
	    l->out.total < STREAM_BLOCK ? (size_t)l->out.total : STREAM_BLOCK);
	if (x->nlevels == 0)
		return;
	l--;
	if (x->stop == 0 && x->failed == 0)
		rest_of_member(x, l);
	l->open = false;
}

static void
open_member(struct extract *x, struct level *l)
{
	uint8_t *block = l->out.block;

	l->out = (struct stream){
	    .block = block, .pull = level_pull, .ctx = l, .text = x->text};
	if (l == x->levels) {
		l->out.seek = level_seek;
		l->out.size = x->size < x->object.max ? x->size : x->object.max;
	}
	l->inside = CONTAINER_NONE;
	l->kind = "";
	set_name(x, l);
	if (l != x->levels && ++x->entries > x->lim->entries_max) {
		x->stop = OVER_ENTRIES;
		return;
	}
	if (l->member.err != 0) {
		x->hidden += l->member.size;
		tell_skip(x, word(l->member.err), l->member.size);
		return;
	}
	l->open = true;
}

static void
next_member(struct extract *x, struct level *l)
{
	int r = l->ops->next(l->state, &l->member);

	if (r == 1) {
		open_member(x, l);
		return;
	}
	if (r < 0 && x->stop == 0) {
		/* Of the container, whose name is that of its member. */
		set_name(x, l - 1);
		tell_skip(x, word(r), 0);
	}
	pop(x);
}

static enum container
look_inside(const struct level *l)
{
	const uint8_t *p = l->out.block + l->out.pos;
	size_t len = l->out.len - l->out.pos;
	enum container c;

	/* Fields that a layer made a text of are no message. */
	if (l->member.type != NULL)
		return CONTAINER_NONE;
	c = sniff_container(p, len);
	return c == CONTAINER_NONE && l->member.kind == CONTAINER_MAIL &&
		       header_sniff(p, len, true)
		   ? CONTAINER_MAIL
		   : c;
}

static void
read_member(struct extract *x, struct level *l)
{
	static const struct layer_ops *const LAYERS[CONTAINERS] = {
	    [CONTAINER_GZIP] = &gunzip_layer,
	    [CONTAINER_MAIL] = &mime_layer,
	    [CONTAINER_MBOX] = &mbox_layer,
	    [CONTAINER_ZIP] = &archive_layer,
	    [CONTAINER_TAR] = &archive_layer,
	    [CONTAINER_7ZIP] = &archive_layer,
	    [CONTAINER_CPIO] = &archive_layer,
	    [CONTAINER_AR] = &archive_layer,
	    [CONTAINER_CAB] = &archive_layer,
	    [CONTAINER_RAR] = &archive_layer,
	    [CONTAINER_RAR5] = &archive_layer,
	    [CONTAINER_ISO9660] = &archive_layer,
	    [CONTAINER_BZIP2] = &archive_stream_layer,
	    [CONTAINER_XZ] = &archive_stream_layer,
	    [CONTAINER_ZSTD] = &archive_stream_layer,
	    [CONTAINER_LZ4] = &archive_stream_layer,
	    [CONTAINER_LZIP] = &archive_stream_layer,
	    [CONTAINER_COMPRESS] = &archive_stream_layer,
	    [CONTAINER_RPM] = &archive_stream_layer,
	    [CONTAINER_SQLITE] = &sqlite_layer,
	    [CONTAINER_PDF] = &pdf_layer,
	};
	struct stream *s = &l->out;
	const char *type;
	int r;

	stream_fill(s, SNIFF_WANT);
	if (x->failed != 0)
		return;
	l->inside = look_inside(l);
	/* Fields that a layer made a text of are nothing by themselves. */
	if (l->member.type == NULL)
		l->kind = kind_sniff(s->block + s->pos, s->len - s->pos);
	if (l->inside == CONTAINER_NONE || x->nlevels > LEVELS_MAX ||
	    x->nlevels > x->lim->depth_max) {
		plain_member(x, l);
		l->open = false;
		return;
	}
	type = l->inside == CONTAINER_ZIP
		   ? sniff_zip_type(s->block + s->pos, s->len - s->pos)
		   : sniff_container_type(l->inside);
	if (l == x->levels)
		(void)str_copy(x->type, sizeof x->type, type);
	r = push(x, LAYERS[l->inside], NULL);
	if (r == -ENOMEM) {
		x->failed = r;
	} else if (r == 0) {
		tell_kind(x, l, type);
	} else {
		tell_skip(x, word(r), 0);
		plain_member(x, l);
		l->open = false;
	}
}

static void
walk(struct extract *x)
{
	while (x->nlevels > 0 && x->failed == 0 && x->stop == 0) {
		struct level *l = &x->levels[x->nlevels - 1];

		if (l->open)
			read_member(x, l);
		else
			next_member(x, l);
	}
}

static int
extract_object(struct extract *x, uint64_t *examined, char *type)
{
	uint64_t left;

	x->cpu_start = cpu_us();
	x->resident_start = resident(x);
	x->output = x->hidden = x->entries = 0;
	x->stop = x->failed = 0;
	x->filtering = false;
	x->kind = "";
	x->name[0] = x->type[0] = '\0';
	x->failed = push(x, &OBJECT, &x->object);
	if (x->failed == 0)
		walk(x);
	left = x->size > x->object.high ? x->size - x->object.high : 0;
	if (x->stop != 0 && x->failed == 0)
		tell_skip(x, word(x->stop), left);
	x->name[0] = '\0';
	if (x->stop == 0 && x->failed == 0 && x->size > x->object.max)
		tell_skip(x, "over the budget of bytes", left);
	*examined = x->object.high > x->hidden ? x->object.high - x->hidden : 0;
	while (x->nlevels > 0)
		pop(x);
	(void)str_copy(type, sizeof x->type, x->type);
	explicit_bzero(x->name, sizeof x->name);
	return x->failed;
}

int
extract_file(struct extract *x, int fd, const struct extract_limits *lim,
    const struct extract_sink *sink, uint64_t *examined, char *type)
{
	struct stat st;

	*examined = 0;
	type[0] = '\0';
	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	x->lim = lim;
	x->sink = sink;
	x->size = (uint64_t)st.st_size;
	x->object = (struct object){.fd = fd, .max = lim->bytes_max};
	return extract_object(x, examined, type);
}

int
extract_bytes(struct extract *x, struct content c,
    const struct extract_limits *lim, const struct extract_sink *sink,
    uint64_t *examined, char *type)
{
	*examined = 0;
	type[0] = '\0';
	x->lim = lim;
	x->sink = sink;
	x->size = c.len;
	x->object = (struct object){.fd = -1,
	    .memory = c,
	    .max = c.len < lim->bytes_max ? c.len : lim->bytes_max};
	return extract_object(x, examined, type);
}

const char *
extract_kind(const struct extract *x)
{
	return x->kind;
}

uint64_t
extract_raw(const struct extract *x, uint64_t text_offset)
{
	if (x->filtering)
		text_offset = filter_raw(x->filter, text_offset);
	return text_raw(x->text, text_offset);
}

uint64_t
extract_raw_end(const struct extract *x, uint64_t text_offset)
{
	if (x->filtering)
		text_offset = filter_raw_end(x->filter, text_offset);
	return text_raw_end(x->text, text_offset);
}

/* ---- life ---------------------------------------------------------------- */

int
extract_new(struct extract **out, struct diag *why)
{
	struct extract *x = calloc(1, sizeof *x);
	int r;

	if (x == NULL)
		return -ENOMEM;
	/* Without it only the jail's limit holds. */
	x->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	/* For the names of archives' entries; it opens files, so now. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	if ((r = sniff_new(&x->sniff, why)) != 0 ||
	    (r = text_new(&x->text, why)) != 0 ||
	    (r = filter_new(&x->filter, x->text)) != 0 ||
	    (r = labels_new(&x->labels)) != 0) {
		extract_free(x);
		return r;
	}
	*out = x;
	return 0;
}

void
extract_free(struct extract *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(x->levels); i++)
		free(x->levels[i].out.block);
	own_close(&x->statm);
	sniff_free(x->sniff);
	text_free(x->text);
	filter_free(x->filter);
	labels_free(x->labels);
	free(x);
}
