/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relayed - from what relays read to entries in the log.
 *
 * Owns: the portions that are open or wait for their inspector's word, with
 * whose they are; how surely each left (its evidence, and the reasons).
 * Never: sees content; says that somebody got it: the peer is an address.
 *
 * A portion of what a person's process read and sends on becomes
 *   finding and skipped entries, and an egress entry that joins what was found;
 *   a transfer entry, unless a terminal showed little and nothing was found.
 *
 * It is evidence of the highest kind (content seen where it was handed to what
 * sends it) if nothing of it is missing and the process's connection, the only
 * one that it used, carried at least as many bytes as the process read meanwhile,
 * of all its sources. Lowered, it is as if the process had read the content and
 * sent something.
 *
 * What a protocol sends beside hides what is shorter, so that amounts tell nothing
 * of little. Then, and where other connections were used, it counts only of
 * programs of which it is known that they hand on what they read there.
 */
#include "agent/relayed.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/fields.h"
#include "agent/memo.h"
#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/flow.h"
#include "lib/str.h"

#include "lib/own.h"

#define PORTIONS_MAX 8192
#define LITTLE 4096 /* bytes of a terminal */
#define SHORT 1024 /* bytes; OpenSSH answers a keystroke with 36 and more */
#define LIST_MAX 1024 /* text of all classes, or detectors, of one portion */

struct portion {
	uint64_t flow;
	struct tuple tuple; /* the source is our end */
	struct actor who;
	struct stamp began, ended;
	bool closed;
	uint64_t bytes, sent, acked;
	uint64_t read, others; /* by its process */
};

struct relayeds {
	struct who *who;
	struct names *names;
	struct egress *egress;
	struct memo *portions; /* key of the number -> struct portion */
	size_t closed; /* of them */
	uint64_t forgotten; /* and not told yet */
	char rules[65];
	struct relayed_counters counters;
};

int
relayed_new(struct who *who, struct names *names, struct egress *egress,
    struct relayeds **out)
{
	struct relayeds *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -ENOMEM;
	r->who = who;
	r->names = names;
	r->egress = egress;
	if (memo_new(PORTIONS_MAX, free, &r->portions) != 0) {
		relayed_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void
relayed_free(struct relayeds *r)
{
	if (r == NULL)
		return;
	memo_free(r->portions);
	free(r);
}

const struct relayed_counters *
relayed_counters(const struct relayeds *r)
{
	return &r->counters;
}

uint64_t
relayed_forgotten(struct relayeds *r)
{
	uint64_t n = r->forgotten;

	r->forgotten = 0;
	return n;
}

size_t
relayed_waiting(const struct relayeds *r)
{
	return r->closed;
}

void
relayed_rules(struct relayeds *r, const char *digest)
{
	must(str_copy(r->rules, sizeof r->rules, digest) == 0);
}

static struct memo_key
key_of(uint64_t flow)
{
	return memo_key(&flow, sizeof flow);
}

static void
forget(struct relayeds *r, uint64_t flow)
{
	struct portion *p = memo_take(r->portions, key_of(flow));

	if (p != NULL && p->closed)
		r->closed--;
	free(p);
}

void
relayed_cut(struct relayeds *r)
{
	struct memo_key key;
	struct portion *p;

	while ((p = memo_oldest(r->portions, &key)) != NULL)
		forget(r, p->flow);
}

/* ---- what capture says ---- */

int
relayed_open(struct relayeds *r, const void *data, size_t len)
{
	struct caller caller = {.uid = ACTOR_UNSET};
	struct memo_key oldest;
	struct portion *p;
	struct tuple tuple;
	struct cur c;
	uint64_t flow, boot_us;
	char comm[16];

	cur_init(&c, data, len);
	flow = cur_u64(&c);
	(void)cur_u8(&c); /* the inspector says what it was */
	caller.pid = (pid_t)cur_u32(&c);
	caller.start_ns = cur_u64(&c);
	cur_str(&c, comm, sizeof comm);
	if (tuple_decode(&tuple, &c) != 0)
		return -EBADMSG;
	boot_us = cur_u64(&c);
	if (cur_end(&c) != 0 || (flow & FLOW_RELAY) == 0)
		return -EBADMSG;
	if (memo_get(r->portions, key_of(flow)) != NULL)
		return 0; /* told again */
	p = calloc(1, sizeof *p);
	if (p == NULL) {
		r->forgotten++;
		return 0;
	}
	caller.comm = comm;
	p->flow = flow;
	p->tuple = tuple;
	p->began = clock_at(boot_us);
	who_caller(r->who, &caller, &p->who);
	if (memo_count(r->portions) == PORTIONS_MAX) {
		const struct portion *old = memo_oldest(r->portions, &oldest);

		forget(r, old->flow);
		r->forgotten++;
	}
	r->counters.portions++;
	if (memo_put(r->portions, key_of(flow), p) != 0) {
		free(p);
		r->forgotten++;
	}
	return 0;
}

int
relayed_close(struct relayeds *r, const void *data, size_t len)
{
	struct portion *p;
	struct cur c;
	uint64_t flow, bytes, lost, sent, acked, read, others, boot_us;

	cur_init(&c, data, len);
	flow = cur_u64(&c);
	bytes = cur_u64(&c);
	lost = cur_u64(&c);
	sent = cur_u64(&c);
	acked = cur_u64(&c);
	read = cur_u64(&c);
	others = cur_u64(&c);
	(void)cur_u8(&c); /* with its process, or for now */
	boot_us = cur_u64(&c);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	p = memo_get(r->portions, key_of(flow));
	if (p == NULL || p->closed) {
		r->counters.orphans++;
		return 0;
	}
	p->closed = true;
	r->closed++;
	p->ended = clock_at(boot_us);
	p->bytes = bytes;
	p->sent = sent;
	p->acked = acked;
	p->read = read;
	p->others = others;
	r->counters.bytes += bytes;
	r->counters.lost += lost;
	return 0;
}

/* ---- how surely it left ---- */

static void
reason(char *out, size_t size, const char *text)
{
	size_t n = strlen(out);

	must(str_format(out + n, size - n, "%s%s", n > 0 ? "; " : "", text) ==
	     0);
}

/* What was lost on the way to the inspector, too. */
static uint64_t
missing(const struct portion *p, const struct transfer *t)
{
	return p->bytes > t->size ? p->bytes - t->size : 0;
}

/* OpenSSH's programs: what they read of a terminal, a pipe or their input is for
 * their peer, and other connections are what they forward. */
static bool
hands_on(const struct actor *who)
{
	static const char *const PROGRAMS[] = {"/usr/sbin/sshd",
	    "/usr/lib/openssh/sshd-session",
	    "/usr/libexec/openssh/sshd-session", "/usr/bin/ssh"};

	for (size_t i = 0; i < ARRAY_LEN(PROGRAMS); i++)
		if (str_eq(who->exe, PROGRAMS[i]))
			return true;
	return false;
}

/* Of what is whole: does it follow from the amounts, or from the program? */
static const char *
weigh_amounts(const struct portion *p, char *reasons, size_t size)
{
	bool other = p->others > 0;

	if (p->sent < p->read) {
		reason(reasons, size,
		    p->sent < p->bytes
			? "the connection carried less than was read: it was "
			  "compressed, or not all of it was sent"
			: "the connection carried less than the process read "
			  "from all its sources");
		return "N3";
	}
	if (other)
		reason(reasons, size,
		    "the process used other connections, too, or sent files "
		    "that it did not read");
	if (p->read < SHORT)
		reason(reasons, size,
		    "of so little the amount that was sent tells nothing");
	if (!other && p->read >= SHORT)
		return "N5";
	if (!hands_on(&p->who))
		return "N3";
	reason(reasons, size,
	    "the program is one that hands on to its peer what it reads there");
	return "N5";
}

static const char *
weigh(const struct portion *p, const struct transfer *t, char *reasons,
    size_t size)
{
	const char *evidence = "N3";

	reasons[0] = '\0';
	reason(reasons, size,
	    "the content was read by the process that holds the connection");
	if (!p->closed)
		reason(reasons, size, "how much there was is not known");
	else if (p->tuple.proto != 6)
		reason(reasons, size,
		    "of a datagram socket is not known how much it sent");
	else
		evidence = weigh_amounts(p, reasons, size);
	if (missing(p, t) > 0) {
		reason(reasons, size, "a part was lost before it was seen");
		evidence = "N3";
	}
	if (p->who.lost) {
		reason(reasons, size, "whose process it was is not known");
		evidence = "N3";
	}
	return evidence;
}

/* ---- entries ---- */

static void
begin(struct draft *d, const char *type, const struct portion *p)
{
	draft_init(d, type, p->closed ? p->ended : clock_now());
	fields_actor(d, &p->who);
	fields_tuple(d, &p->tuple);
	draft_uint(d, "flow", p->flow);
}

static void
put(struct relayeds *r, struct draft *d, const struct portion *p)
{
	const struct raw_name exe = {"exe", p->who.exe, strlen(p->who.exe)};

	names_put(r->names, d, &exe, 1);
}

/* With the file that it was of, if that is known. */
static void
put_with(struct relayeds *r, struct draft *d, const struct portion *p,
    const struct object *o)
{
	if (o == NULL) {
		put(r, d, p);
		return;
	}
	fields_number(d, "dev", o->file->dev);
	fields_number(d, "ino", o->file->ino);
	fields_number(d, "size", o->size);
	names_put(r->names, d,
	    (const struct raw_name[]){{"path", o->path, o->path_len},
		{"exe", p->who.exe, strlen(p->who.exe)}},
	    2);
}

/* Adds a word that is not there yet; what does not fit is left out. */
static void
add_word(char list[LIST_MAX], const char *word)
{
	size_t n = strlen(list), len = strlen(word);

	if (len == 0 || str_listed(list, word))
		return;
	if (n + len + 2 < LIST_MAX)
		must(str_format(list + n, LIST_MAX - n, "%s%s",
			 n > 0 ? "," : "", word) == 0);
}

static void
write_egress(
    struct relayeds *r, const struct portion *p, const struct transfer *t)
{
	char reasons[512], classes[LIST_MAX] = "", detectors[LIST_MAX] = "";
	const char *evidence = weigh(p, t, reasons, sizeof reasons);
	const struct shown_content shown = {.who = &p->who,
	    .tuple = &p->tuple,
	    .began_us = p->began.boot_us,
	    .ended_us = p->closed ? p->ended.boot_us : clock_boot_us(),
	    .grade = (unsigned)(evidence[1] - '0'),
	    .detectors = detectors};
	const struct object *o;
	struct draft d;

	for (size_t i = 0; i < t->nfindings; i++) {
		if (!finding_alerts(&t->findings[i]))
			continue;
		add_word(classes, t->findings[i].class_name);
		add_word(detectors, t->findings[i].detector);
	}
	if (detectors[0] == '\0')
		return;
	o = egress_shown(r->egress, &shown);
	if (o != NULL)
		reason(reasons, sizeof reasons,
		    "the login session had just read this file, and no other "
		    "in which the same was found");
	begin(&d, "egress", p);
	draft_text(&d, "channel", t->protocol);
	draft_text(&d, "evidence", evidence);
	draft_text(&d, "reasons", reasons);
	draft_text(&d, "classes", classes);
	draft_text(&d, "detectors", detectors);
	fields_number(&d, "bytes", p->bytes);
	fields_number(&d, "lost", missing(p, t));
	fields_number(&d, "acked", p->acked);
	draft_int(&d, "began_us", p->began.wall_us);
	draft_int(&d, "ended_us", p->ended.wall_us);
	put_with(r, &d, p, o);
}

static void
write_findings(
    struct relayeds *r, const struct portion *p, const struct transfer *t)
{
	struct draft d;

	for (size_t i = 0; i < t->nfindings; i++) {
		begin(&d, "finding", p);
		draft_text(&d, "channel", t->protocol);
		draft_text(&d, "op", "send");
		fields_finding(&d, &t->findings[i], r->rules);
		put(r, &d, p);
		r->counters.findings++;
	}
	for (size_t i = 0; i < t->nskips; i++) {
		begin(&d, "skipped", p);
		draft_text(&d, "op", "send");
		draft_text(&d, "reason", t->skips[i].reason);
		draft_text(&d, "member", t->skips[i].member);
		fields_number(&d, "bytes", t->skips[i].bytes);
		put(r, &d, p);
		r->counters.skipped++;
	}
}

static void
write_transfer(
    struct relayeds *r, const struct portion *p, const struct transfer *t)
{
	struct draft d;

	if (!actor_is_person(&p->who)) {
		r->counters.others++;
		return;
	}
	if (p->bytes < LITTLE && t->nfindings + t->nskips == 0 &&
	    str_eq(t->protocol, "terminal")) {
		r->counters.little++;
		return;
	}
	begin(&d, "transfer", p);
	draft_text(&d, "protocol", t->protocol);
	draft_text(&d, "direction", "out");
	fields_number(&d, "bytes", p->bytes);
	draft_int(&d, "complete", missing(p, t) == 0 ? 1 : 0);
	fields_number(&d, "examined", t->examined);
	put(r, &d, p);
	r->counters.recorded++;
}

/* ---- what inspectors say ---- */

void
relayed_transfer(struct relayeds *r, const struct transfer *t)
{
	const struct portion *p = memo_get(r->portions, key_of(t->flow));

	if (p == NULL) {
		r->counters.orphans++;
		return;
	}
	write_findings(r, p, t);
	write_egress(r, p, t);
	write_transfer(r, p, t);
}

void
relayed_examined(struct relayeds *r, uint64_t flow)
{
	forget(r, flow);
}
