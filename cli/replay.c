/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - `chaperone replay`: what went over the wire in a capture file.
 *
 * Owns: the lines of a stream until its end is told, the small numbers that
 * stand for streams and objects, the exit code.
 * Never: reads a packet itself: chaperone-capture and the inspectors do, as on
 * a watched host; passes over anything unsaid.
 *
 * JSON lines; a stream's line comes first, and then what belongs to it:
 *   {"kind":"stream","id","src","sport","dst","dport","bytes_to_server",
 *    "bytes_to_client","gaps":[{"direction","offset","bytes"}],"midstream",
 *    "end"}
 *   {"kind":"gap","stream","direction","offset","bytes","reason"}
 *   {"kind":"object","id","stream","protocol","direction","method","uri",
 *    "host","filename","size","sha256","complete"}
 *   {"kind":"finding","stream","object","direction","detector","class",
 *    "confidence","count","unique","member","spans","sealed"}
 *   {"kind":"gap","stream","object","reason","member","bytes"}: not examined
 *   {"kind":"gap","stage","reason","lost","bytes"}: belongs to no stream
 *   {"kind":"datagrams", as "stream"}: a UDP conversation; its payload is not
 *    looked into
 * Numbers begin at 1 and go on from file to file. A direction is "to_server"
 * or "to_client". The digest is of the decoded body, for comparison with a
 * file; it is printed here and kept nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/hub.h"
#include "cli/rules.h"
#include "lib/finding.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { DIRS_MAX = 32, GAPS_MAX = 1000, SHOWN_MAX = 4096 };

#define BUCKETS 65536
#define LINE_BYTES ((size_t)8 << 20)
#define LINES_ENOUGH ((size_t)1 << 20) /* then they are printed early */

struct gap {
	enum direction d;
	uint64_t offset, bytes;
};

/* A flow, until its inspector has said its last word. */
struct stream {
	struct stream *chain;
	uint64_t flow, id;
	struct tuple tuple;
	bool opened, midstream, closed, answered;
	uint64_t to_server, to_client;
	char how[64];
	struct gap *gaps; /* owned, GAPS_MAX at most */
	size_t ngaps;
	uint64_t more_gaps, more_bytes;
	struct buf lines;
};

/* What was said of an object that is not named yet. */
struct part {
	struct part *next;
	uint64_t id;
	bool is_finding;
	struct finding finding;
	char reason[96], *member; /* of a skip; the member is owned */
	uint64_t bytes;
};

struct replay {
	struct hub *hub;
	enum confidence least;
	bool json, colour;
	const char *path;
	struct stream *buckets[BUCKETS];
	struct part *parts, **parts_end;
	/* Flow numbers are given in order; these make small ones of them. */
	uint64_t first_flow, before;
	bool begun;
	uint64_t streams, objects, findings, gaps, broken;
	int refused;
	struct diag why;
};

static const char *
direction_name(enum direction d)
{
	return d == TO_SERVER ? "to_server" : "to_client";
}

/* ---- lines ---- */

static void
begin(struct json *j, struct buf *out, const char *kind)
{
	json_init(j, out);
	json_begin_object(j, NULL);
	json_str(j, "kind", kind);
}

static void
end(struct json *j, struct buf *out)
{
	json_end_object(j);
	buf_put_u8(out, '\n');
}

/* Prints whole lines; the last line's end is cli_line's. */
static void
print(struct buf *b)
{
	if (b->len == 0 && buf_error(b) == 0)
		return;
	if (b->len > 0)
		b->len--;
	cli_line(b);
}

/* A word of the table, coloured. */
static void
put_word(const struct replay *r, struct buf *out, const char *word, int colour)
{
	if (r->colour)
		buf_printf(out, "\033[%dm%-9s\033[0m ", colour, word);
	else
		buf_printf(out, "%-9s ", word);
}

static void
put_text(struct buf *out, const char *before, const char *s)
{
	char shown[SHOWN_MAX];

	if (s[0] == '\0')
		return;
	str_escape(shown, sizeof shown, s, strlen(s));
	buf_printf(out, "%s%s", before, shown);
}

static void
put_loss(struct replay *r, struct buf *out, const char *stage,
    const char *reason, uint64_t lost, uint64_t bytes)
{
	struct json j;

	if (!r->json) {
		put_word(r, out, "gap", 33);
		buf_printf(out, "%s: %s", stage, reason);
		if (lost > 0)
			buf_printf(out, " (%" PRIu64 ")", lost);
		buf_put_u8(out, '\n');
		return;
	}
	begin(&j, out, "gap");
	json_str(&j, "stage", stage);
	json_str(&j, "reason", reason);
	json_uint(&j, "lost", lost);
	json_uint(&j, "bytes", bytes);
	end(&j, out);
}

static void
put_stream_json(struct buf *out, const struct stream *s)
{
	char src[64], dst[64];
	struct json j;

	tuple_addr(s->tuple.family, s->tuple.src, src, sizeof src);
	tuple_addr(s->tuple.family, s->tuple.dst, dst, sizeof dst);
	begin(&j, out, s->tuple.proto == 6 ? "stream" : "datagrams");
	json_uint(&j, "id", s->id);
	json_str(&j, "src", src);
	json_uint(&j, "sport", s->tuple.sport);
	json_str(&j, "dst", dst);
	json_uint(&j, "dport", s->tuple.dport);
	json_uint(&j, "bytes_to_server", s->to_server);
	json_uint(&j, "bytes_to_client", s->to_client);
	json_begin_array(&j, "gaps");
	for (size_t i = 0; i < s->ngaps; i++) {
		json_begin_object(&j, NULL);
		json_str(&j, "direction", direction_name(s->gaps[i].d));
		json_uint(&j, "offset", s->gaps[i].offset);
		json_uint(&j, "bytes", s->gaps[i].bytes);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_bool(&j, "midstream", s->midstream);
	json_str(&j, "end", s->how);
	end(&j, out);
}

static void
put_gap_json(struct buf *out, const struct stream *s, const struct gap *g)
{
	struct json j;

	begin(&j, out, "gap");
	json_uint(&j, "stream", s->id);
	json_str(&j, "direction", direction_name(g->d));
	json_uint(&j, "offset", g->offset);
	json_uint(&j, "bytes", g->bytes);
	json_str(&j, "reason", "not captured");
	end(&j, out);
}

static void
put_stream_text(const struct replay *r, struct buf *out, const struct stream *s)
{
	char src[64], dst[64];

	tuple_addr(s->tuple.family, s->tuple.src, src, sizeof src);
	tuple_addr(s->tuple.family, s->tuple.dst, dst, sizeof dst);
	put_word(r, out, s->tuple.proto == 6 ? "stream" : "datagrams", 36);
	buf_printf(out,
	    "%" PRIu64 "  %s port %u -> %s port %u  %" PRIu64
	    " bytes to the server, %" PRIu64 " to the client%s (%s)\n",
	    s->id, src, s->tuple.sport, dst, s->tuple.dport, s->to_server,
	    s->to_client, s->midstream ? ", joined midway" : "", s->how);
	for (size_t i = 0; i < s->ngaps; i++) {
		put_word(r, out, "gap", 33);
		buf_printf(out,
		    "%" PRIu64 " bytes %s at %" PRIu64 " not captured\n",
		    s->gaps[i].bytes,
		    s->gaps[i].d == TO_SERVER ? "to the server"
					      : "to the client",
		    s->gaps[i].offset);
	}
}

static void
put_object(
    struct replay *r, struct stream *s, uint64_t id, const struct hub_object *o)
{
	struct buf *out = &s->lines;
	char hex[65];
	struct json j;

	if (!r->json) {
		put_word(r, out, "object", 36);
		put_text(out, "", o->protocol);
		put_text(out, " ", o->method);
		put_text(out, " ", o->host);
		put_text(out, "", o->uri);
		put_text(out, "  ", o->filename);
		buf_printf(out, "  %" PRIu64 " bytes %s%s\n", o->size,
		    o->direction == TO_SERVER ? "to the server"
					      : "to the client",
		    o->complete ? "" : ", not complete");
		return;
	}
	str_hex(hex, o->sha256, sizeof o->sha256);
	begin(&j, out, "object");
	json_uint(&j, "id", id);
	json_uint(&j, "stream", s->id);
	json_str(&j, "protocol", o->protocol);
	json_str(&j, "direction", direction_name(o->direction));
	json_str(&j, "method", o->method);
	json_str(&j, "uri", o->uri);
	json_str(&j, "host", o->host);
	json_str(&j, "filename", o->filename);
	json_uint(&j, "size", o->size);
	json_str(&j, "sha256", hex);
	json_bool(&j, "complete", o->complete);
	end(&j, out);
}

static void
put_finding(struct replay *r, struct stream *s, uint64_t object,
    enum direction d, const struct finding *f)
{
	struct buf *out = &s->lines;
	struct json j;

	if (!r->json) {
		put_word(r, out, confidence_name(f->confidence), 31);
		buf_printf(out, "%" PRIu64 "  %s", f->count, f->detector);
		put_text(out, "  ", f->member);
		buf_put_u8(out, '\n');
		return;
	}
	begin(&j, out, "finding");
	json_uint(&j, "stream", s->id);
	json_uint(&j, "object", object);
	json_str(&j, "direction", direction_name(d));
	json_str(&j, "detector", f->detector);
	json_str(&j, "class", f->class_name);
	json_str(&j, "confidence", confidence_name(f->confidence));
	json_uint(&j, "count", f->count);
	json_uint(&j, "unique", f->unique);
	json_str(&j, "member", f->member);
	if (f->sealed != NULL)
		json_str(&j, "sealed", f->sealed);
	if (f->decode[0] != '\0')
		json_str(&j, "decode", f->decode);
	json_begin_array(&j, "spans");
	for (size_t i = 0; i < f->nspans; i++) {
		json_begin_array(&j, NULL);
		json_uint(&j, NULL, f->spans[i].from);
		json_uint(&j, NULL, f->spans[i].to);
		json_end_array(&j);
	}
	json_end_array(&j);
	end(&j, out);
}

static void
put_skip(
    struct replay *r, struct stream *s, uint64_t object, const struct part *p)
{
	struct buf *out = &s->lines;
	struct json j;

	if (!r->json) {
		put_word(r, out, "gap", 33);
		buf_printf(out, "not examined: %s", p->reason);
		put_text(out, "  ", p->member);
		buf_put_u8(out, '\n');
		return;
	}
	begin(&j, out, "gap");
	json_uint(&j, "stream", s->id);
	json_uint(&j, "object", object);
	json_str(&j, "reason", p->reason);
	json_str(&j, "member", p->member);
	json_uint(&j, "bytes", p->bytes);
	end(&j, out);
}

/* ---- streams ---- */

static struct stream **
stream_find(struct replay *r, uint64_t flow)
{
	struct stream **p = &r->buckets[flow % BUCKETS];

	while (*p != NULL && (*p)->flow != flow)
		p = &(*p)->chain;
	return p;
}

/* What an inspector says may come before what capture says. */
static struct stream *
stream_get(struct replay *r, uint64_t flow)
{
	struct stream **at = stream_find(r, flow);
	struct stream *s = *at;

	if (s != NULL)
		return s;
	s = calloc(1, sizeof *s);
	must(s != NULL);
	if (!r->begun)
		r->first_flow = flow;
	r->begun = true;
	s->flow = flow;
	s->id = r->before + (flow - r->first_flow) + 1;
	buf_init(&s->lines, LINES_ENOUGH + LINE_BYTES);
	*at = s;
	if (s->id > r->streams)
		r->streams = s->id;
	return s;
}

static void
stream_print(struct replay *r, struct stream *s)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, LINE_BYTES);
	if (r->json) {
		put_stream_json(&b, s);
		for (size_t i = 0; i < s->ngaps; i++)
			put_gap_json(&b, s, &s->gaps[i]);
	} else {
		put_stream_text(r, &b, s);
	}
	if (s->more_gaps > 0)
		put_loss(r, &b, "reassembly",
		    "more gaps in one stream than are listed", s->more_gaps,
		    s->more_bytes);
	print(&b);
	print(&s->lines);
}

static void
stream_done(struct replay *r, struct stream **at)
{
	struct stream *s = *at;

	if (s->opened)
		stream_print(r, s);
	*at = s->chain;
	free(s->gaps);
	buf_done(&s->lines);
	free(s);
}

/* Streams whose inspector is gone have no last word. */
static void
streams_finish(struct replay *r)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (r->buckets[i] != NULL)
			stream_done(r, &r->buckets[i]);
}

static void
on_open(void *ctx, const struct hub_open *o)
{
	struct stream *s = stream_get(ctx, o->flow);

	s->opened = true;
	s->tuple = o->tuple;
	s->midstream = o->midstream;
}

static void
on_gap(void *ctx, const struct hub_gap *g)
{
	struct replay *r = ctx;
	struct stream *s = stream_get(r, g->flow);
	struct gap *more;

	r->gaps++;
	if (s->ngaps == GAPS_MAX) {
		s->more_gaps++;
		s->more_bytes += g->bytes;
		return;
	}
	if ((s->ngaps & (s->ngaps - 1)) == 0) {
		size_t cap = s->ngaps == 0 ? 1 : s->ngaps * 2;

		more = reallocarray(s->gaps, cap, sizeof *more);
		must(more != NULL);
		s->gaps = more;
	}
	s->gaps[s->ngaps++] =
	    (struct gap){.d = g->direction, .offset = g->offset, g->bytes};
}

static void
stream_check(struct replay *r, uint64_t flow)
{
	struct stream **at = stream_find(r, flow);

	if (*at != NULL && (*at)->opened && (*at)->closed && (*at)->answered)
		stream_done(r, at);
}

static void
on_close(void *ctx, const struct hub_close *c)
{
	struct replay *r = ctx;
	struct stream *s = stream_get(r, c->flow);

	s->closed = true;
	s->to_server = c->to_server;
	s->to_client = c->to_client;
	(void)str_copy(s->how, sizeof s->how, c->how);
	stream_check(r, c->flow);
}

static void
on_examined(void *ctx, uint64_t flow, uint64_t to_server UNUSED,
    uint64_t to_client UNUSED)
{
	stream_get(ctx, flow)->answered = true;
	stream_check(ctx, flow);
}

/* ---- objects ---- */

static void
part_add(struct replay *r, struct part *p)
{
	*r->parts_end = p;
	r->parts_end = &p->next;
}

static void
part_free(struct part *p)
{
	finding_done(&p->finding);
	free(p->member);
	free(p);
}

static void
on_finding(void *ctx, uint64_t id, struct finding *f)
{
	struct replay *r = ctx;
	struct part *p;

	if (f->confidence < r->least) {
		finding_done(f);
		return;
	}
	p = calloc(1, sizeof *p);
	must(p != NULL);
	p->id = id;
	p->is_finding = true;
	p->finding = *f;
	r->findings++;
	part_add(r, p);
}

static void
on_skip(void *ctx, uint64_t id, const struct hub_skip *k)
{
	struct replay *r = ctx;
	struct part *p = calloc(1, sizeof *p);

	must(p != NULL);
	p->id = id;
	(void)str_copy(p->reason, sizeof p->reason, k->reason);
	p->member = strdup(k->member);
	must(p->member != NULL);
	p->bytes = k->bytes;
	r->gaps++;
	part_add(r, p);
}

static void
on_object(void *ctx, const struct hub_object *o)
{
	struct replay *r = ctx;
	struct stream *s = stream_get(r, o->flow);
	uint64_t id = ++r->objects;

	put_object(r, s, id, o);
	for (struct part **at = &r->parts; *at != NULL;) {
		struct part *p = *at;

		if (p->id != o->id) {
			at = &p->next;
			continue;
		}
		if (p->is_finding)
			put_finding(r, s, id, o->direction, &p->finding);
		else
			put_skip(r, s, id, p);
		*at = p->next;
		if (*at == NULL)
			r->parts_end = at;
		part_free(p);
	}
	if (s->lines.len > LINES_ENOUGH)
		print(&s->lines);
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	struct replay *r = ctx;
	OWN(buf_done) struct buf b = {0};

	r->gaps++;
	buf_init(&b, LINE_BYTES);
	put_loss(r, &b, stage, reason, lost, bytes);
	print(&b);
}

static void
on_end(void *ctx, int status, const char *error)
{
	struct replay *r = ctx;
	char path[SHOWN_MAX];

	streams_finish(r);
	r->before = r->streams;
	r->begun = false;
	if (status == 0)
		return;
	r->broken++;
	if (error[0] == '\0')
		error = "chaperone-capture ended early";
	str_escape(path, sizeof path, r->path, strlen(r->path));
	on_loss(r, "file", error, 0, 0);
	(void)cli_error("replay", 0, "%s: %s", path, error);
}

/* ---- the command ---- */

struct replay_args {
	const char *rules[DIRS_MAX];
	size_t nrules;
	uint64_t jobs;
	char **paths;
	int npaths;
};

static int
option(struct replay *r, struct replay_args *a, const char *name,
    const char *value)
{
	if (str_eq(name, "--rules")) {
		if (a->nrules == DIRS_MAX)
			return cli_usage(
			    "replay", "more than %d --rules", (int)DIRS_MAX);
		a->rules[a->nrules++] = value;
		return 0;
	}
	if (str_eq(name, "--min-confidence")) {
		if (confidence_parse(value, &r->least) != 0)
			return cli_usage("replay",
			    "--min-confidence is low, medium or high, not "
			    "\"%s\"",
			    value);
		return 0;
	}
	if (!str_eq(name, "--jobs"))
		return cli_usage("replay", "option \"%s\" is not known", name);
	if (str_u64(value, HUB_INSPECTORS_MAX, &a->jobs) != 0 || a->jobs == 0)
		return cli_usage("replay", "--jobs is a number from 1 to %d",
		    HUB_INSPECTORS_MAX);
	return 0;
}

static int
parse(struct replay *r, struct replay_args *a, int argc, char **argv)
{
	bool options = true;

	a->paths = argv;
	for (int i = 1; i < argc; i++) {
		int e;

		if (!options || argv[i][0] != '-') {
			a->paths[a->npaths++] = argv[i];
		} else if (str_eq(argv[i], "--")) {
			options = false;
		} else if (str_eq(argv[i], "--json")) {
			r->json = true;
		} else {
			e = option(
			    r, a, argv[i], i + 1 < argc ? argv[i + 1] : "");
			if (e != 0)
				return e;
			i++;
		}
	}
	return a->npaths == 0 ? cli_usage("replay", "no file is given") : 0;
}

/* A file that could not be begun: told, and the others are still read. */
static void
refuse(struct replay *r, int err)
{
	char shown[SHOWN_MAX];
	int code = err == -EACCES || err == -EPERM ? CLI_DENIED : CLI_USAGE;

	str_escape(shown, sizeof shown, r->path, strlen(r->path));
	(void)cli_error("replay", code, "%s: %s", shown, strerror(-err));
	if (r->refused == 0)
		r->refused = code;
}

static int
replay_one(struct replay *r)
{
	OWN_FD int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int e;

	if (fd < 0 || fstat(fd, &st) != 0) {
		refuse(r, -errno);
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		refuse(r, -EISDIR);
		return 0;
	}
	e = hub_replay(r->hub, fd, &r->why);
	while (e == 0 && !hub_idle(r->hub))
		e = hub_step(r->hub, -1, &r->why);
	return e;
}

static int
verdict(const struct replay *r)
{
	if (!r->json)
		(void)fprintf(stderr,
		    "%" PRIu64 " streams, %" PRIu64 " objects, %" PRIu64
		    " findings, %" PRIu64 " gaps\n",
		    r->streams, r->objects, r->findings, r->gaps);
	if (r->refused != 0)
		return r->refused;
	if (r->broken > 0)
		return CLI_INCOMPLETE;
	if (r->findings > 0)
		return CLI_DIFFERENCE;
	return r->gaps > 0 ? CLI_INCOMPLETE : CLI_OK;
}

static void
replay_free(struct replay *r)
{
	hub_free(r->hub);
	while (r->parts != NULL) {
		struct part *p = r->parts;

		r->parts = p->next;
		part_free(p);
	}
	for (size_t i = 0; i < BUCKETS; i++)
		while (r->buckets[i] != NULL) {
			struct stream *s = r->buckets[i];

			r->buckets[i] = s->chain;
			free(s->gaps);
			buf_done(&s->lines);
			free(s);
		}
	free(r);
}

static int
run(int argc, char **argv)
{
	struct replay *r = calloc(1, sizeof *r);
	struct replay_args a = {.jobs = 1};
	const struct hub_calls calls = {.ctx = r,
	    .finding = on_finding,
	    .skip = on_skip,
	    .object = on_object,
	    .examined = on_examined,
	    .open = on_open,
	    .gap = on_gap,
	    .close = on_close,
	    .loss = on_loss,
	    .end = on_end};
	struct hub_options o = {.bin = cli_bin(), .rules = a.rules};
	int e;

	must(r != NULL);
	r->least = CONFIDENCE_LOW;
	r->parts_end = &r->parts;
	e = parse(r, &a, argc, argv);
	if (e != 0) {
		replay_free(r);
		return e;
	}
	r->colour = !r->json && cli_tty(STDOUT_FILENO);
	if (a.nrules == 0)
		a.rules[a.nrules++] = cli_rules_dir();
	o.nrules = a.nrules;
	o.inspectors = (unsigned)a.jobs;
	e = hub_start(&o, &calls, &r->hub, &r->why);
	for (int i = 0; e == 0 && i < a.npaths; i++) {
		r->path = a.paths[i];
		e = replay_one(r);
	}
	if (e != 0)
		e = cli_error("replay", cli_exit_for(e), "%s", r->why.text);
	else
		e = verdict(r);
	replay_free(r);
	return e;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "say what went over the wire in a capture file",
    .help =
	"Example: chaperone replay --json in.pcap | jq 'select(.kind!=\"gap\")'\n"
	"\n"
	"Usage: chaperone replay [--rules DIR]... [--min-confidence LEVEL]\n"
	"                        [--jobs N] [--json] FILE...\n"
	"\n"
	"Reads pcap and pcapng files with the programs that watch a host:\n"
	"connections, the HTTP bodies in them, what sensitive data they hold,\n"
	"and what is missing.\n"
	"\n"
	"  --rules DIR             rule packs; default: the shipped ones\n"
	"  --min-confidence LEVEL  low (the default), medium or high\n"
	"  --jobs N                processes that look into content; default: 1\n"
	"  --json                  one object a line\n"
	"\n"
	"Exit: 0 nothing found, 1 something found, 2 usage or no such file,\n"
	"3 bad rules, 4 not permitted, 8 a file is broken, or nothing was\n"
	"found but something is missing.\n",
    .run = run,
};
