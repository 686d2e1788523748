/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposure - what is held of one provider in one period, and how much of that
 * period was observed.
 *
 * Born in collector/store/query.c, its coverage is worked out in
 * lib/coverage.c, and it dies in a report. A text that is NULL is
 * unknown; a number that can be unknown has a flag beside it.
 */
#ifndef LIB_EXPOSURE_H
#define LIB_EXPOSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

/* Rows of one list; what is beyond is counted in .more of the exposure. */
#define EXPOSURE_ROWS_MAX 5000

/* From best to worst; an hour that is two of them is the worse. */
enum coverage {
	COVERAGE_UNKNOWN, /* nobody says anything about it */
	COVERAGE_OBSERVED,
	COVERAGE_DEGRADED, /* something of it was lost, and that is told */
	COVERAGE_BLIND, /* the host was not being watched */
	COVERAGE_STATES
};

/* A word of a host's log about itself, in the log's order. */
struct exposure_mark {
	enum { MARK_START, MARK_BEAT, MARK_STOP } kind;
	bool rules; /* rules were in force */
	uint32_t gen;
	char boot[40];
	uint64_t boot_us;
	int64_t wall_us;
};

/* A loss, or the death of a process; ordered by from_us. */
struct exposure_harm {
	const char *role; /* of the process, NULL for a loss */
	const char *reason; /* of a loss */
	int64_t from_us, to_us;
};

/* A stretch of the period on one host. */
struct exposure_span {
	int64_t from_us, to_us;
	enum coverage state;
	const char *why; /* of all states but observed */
};

struct exposure_host {
	const char *agent, *name, *state, *vkey;
	int64_t enrolled_us, revoked_us, seen_us; /* 0: never */
	uint32_t gen;
	uint64_t entries; /* held, of all generations */
	uint64_t receipted; /* of the newest one: entries before this index */
	uint64_t next; /* of the newest one: entries held */
	uint64_t of_provider; /* entries of this provider in the period */
	struct exposure_harm *harms;
	size_t nharms;
	struct exposure_span *spans; /* the whole period, without a hole */
	size_t nspans;
	int64_t us[COVERAGE_STATES]; /* their sum is the period */
	int64_t word_us; /* its last word, 0 if there is none */
	int64_t
	    waiting_us; /* of its unknown end: its next word is not due yet */
};

/* What a value belongs to: an account, a key, an address, a reason. */
enum exposure_trait_kind {
	TRAIT_ACCOUNT,
	TRAIT_KEY,
	TRAIT_ADDRESS,
	TRAIT_WHY,
	TRAIT_KINDS
};

struct exposure_trait {
	const char *person;
	enum exposure_trait_kind kind;
	const char *value;
};

struct exposure_person {
	const char *name;
	uint64_t entries, sessions, hosts;
	uint64_t by_grade[5]; /* enum grade */
	int64_t first_us, last_us;
	const struct exposure_trait *traits;
	size_t ntraits;
};

/* Records: distinct values; low counts high confidence alone. */
struct exposure_class {
	const char *name, *sensitivity;
	uint64_t files, read, written;
	uint64_t low, high;
	bool capped; /* there are more than were counted */
	uint64_t samples; /* of high: known sample values */
	uint64_t people;
	bool unknown; /* somebody unknown, too */
	int64_t first_us, last_us;
};

struct exposure_detector {
	const char *class_name, *name, *version, *channel;
	uint64_t objects, entries;
	uint64_t high, medium, low; /* distinct values by confidence */
};

/* One detector in one object, by one person. */
struct exposure_finding {
	const char *host, *person, *grade, *account, *channel, *op, *path;
	const char *member, *src, *dst, *server, *class_name, *detector;
	const char *version, *confidence, *sensitivity, *mask;
	int64_t dport; /* -1: unknown */
	uint64_t records, entries;
	bool capped, sample;
	const char *allow, *allow_until; /* NULL: it raises an alert */
	const char *flags; /* marks beside that of a sample */
	/* Exact data match; NULL: it is none. With a confirmed value the
	 * confidence is high, whatever the host said (told). */
	const char *exact; /* confirmed refuted pending missing closed */
	const char *told;
	uint64_t candidates, confirmed;
	int64_t first_us, last_us;
};

/* Values of an index for exact data match, by one person. */
struct exposure_exact {
	const char *index, *person; /* index NULL: it is told by nobody */
	char id[33]; /* of the index; hexadecimal */
	int64_t made_us; /* when it was made */
	uint64_t confirmed; /* distinct values that stand in its table */
	uint64_t refuted; /* candidates that do not, summed over objects */
	/* Findings that are not judged: not yet, without that table, and what
	 * its key does not open. */
	uint64_t pending, missing, closed;
	uint64_t waiting; /* candidates in these */
	int64_t first_us, last_us;
};

/* A canary that somebody touched: a value that nobody has a reason to. */
struct exposure_canary {
	const char *set; /* whose it is; NULL: nobody can tell */
	uint32_t copy; /* 0: not confirmed; then @kind is NULL */
	const char *kind;
	const char *exact; /* confirmed pending missing closed */
	const char *host, *person, *grade, *account, *channel, *op, *path;
	const char *member, *server, *dst, *detector;
	uint64_t entries;
	int64_t first_us, last_us;
};

/* What an allow kept from raising alerts, in all that was found. */
struct exposure_allow {
	const char *id, *until, *detector;
	uint64_t entries, records, people;
	bool unknown; /* somebody unknown, too */
	int64_t first_us, last_us;
};

/* Where connections went, or came from. */
struct exposure_place {
	const char *host, *remote, *server, *direction, *proto;
	int64_t port; /* -1: unknown */
	bool loopback; /* did not leave the host */
	uint64_t flows, people;
	bool unknown; /* nobody is known to own some of them */
	uint64_t out, in, examined, gap;
	uint64_t unsized; /* flows whose bytes are unknown */
	uint64_t unexamined; /* bytes out of flows that nobody answered for */
	uint64_t findings;
	int64_t first_us, last_us;
};

/* Findings in what was sent. */
struct exposure_sent {
	const char *remote, *server, *class_name;
	int64_t port;
	uint64_t entries, low, high, people;
	bool capped, unknown;
	int64_t first_us, last_us;
};

struct exposure_transfer {
	const char *host, *person, *grade, *protocol, *direction, *method;
	const char *uri, *filename, *server, *dst;
	int64_t dport, bytes, examined; /* -1: unknown */
	bool complete;
	int64_t at_us;
};

/* What left, or may have, and how surely. */
struct exposure_egress {
	const char *host, *person, *grade; /* the person's */
	const char *path, *derived, *channel, *dst, *server;
	const char *evidence, *reasons, *classes;
	int64_t dport, bytes, size; /* -1: unknown */
	uint64_t files; /* more of them, that have no row */
	int64_t at_us;
};

struct exposure_gap {
	const char *host, *kind, *where, *reason;
	bool own; /* tied to this provider */
	uint64_t count, lost, bytes;
	int64_t first_us, last_us;
};

struct exposure_alarm {
	const char *host, *kind, *detail;
	int64_t at_us;
};

struct exposure_rules {
	const char *host, *version, *digest, *why;
	int64_t at_us;
};

struct exposure_day {
	int64_t day_us; /* its first microsecond, UTC */
	uint64_t findings, accesses, out;
};

/* A row of the index: one provider that entries name. */
struct exposure_provider {
	const char *id;
	uint64_t entries, findings, people, hosts, out;
	int64_t first_us, last_us;
};

/* A finding as policies weigh it; borrowed texts, NULL is unknown. */
struct exposure_event {
	const char *agent, *host, *person, *channel, *op, *path, *member;
	const char *flow, *dst, *server, *detector, *class_name, *confidence;
	const char *tag;
	uint64_t unique; /* distinct values */
	bool capped;
	int64_t at_us;
};

/* A policy that findings were held against. */
struct exposure_policy {
	const char *id, *title, *level, *then;
	bool applies; /* its scope is about this provider */
	bool cut; /* a person has more findings than were weighed */
	uint64_t people; /* who met it */
};

/* Somebody who met a policy. */
struct exposure_hit {
	size_t policy; /* its place in the list */
	const char *person;
	int64_t first_us, last_us; /* when it was met, by findings */
	uint64_t times; /* that it began to be met */
	size_t condition, nconditions; /* of the list of conditions */
	size_t behind, nbehind; /* of the list of what is behind it */
	uint64_t more; /* findings behind it that are not in the list */
};

struct exposure_condition {
	const char *subject; /* "detector pci.pan" */
	uint64_t wanted, unique; /* the most while the policy was met */
	int64_t window_us; /* 0: the whole period */
	bool capped;
};

/* An object whose findings are behind a hit. */
struct exposure_behind {
	const char *host, *channel, *op, *path, *member, *dst, *server;
	const char *detector, *class_name, *confidence;
	uint64_t records, entries;
	bool capped;
	int64_t first_us, last_us;
};

/* Lists that can be cut, by their place in exposure.more. */
enum exposure_list {
	LIST_PEOPLE,
	LIST_FINDINGS,
	LIST_PLACES,
	LIST_TRANSFERS,
	LIST_EGRESS,
	LIST_GAPS,
	LIST_ALARMS,
	LIST_EXACTS,
	LIST_CANARIES,
	LIST_OTHERS,
	LIST_COUNT
};

struct exposure {
	/* The question. */
	const char *provider; /* NULL: the index */
	const char *user, *via;
	int64_t from_us, to_us; /* of coverage */
	bool open_from, open_to; /* entries of any time before, after */
	int64_t now_us;
	/* The answer. */
	bool known; /* entries of it are held, of any time */
	int64_t first_us, last_us; /* of its entries in the period, or 0 */
	uint64_t entries;
	uint64_t by_type[5]; /* access finding flow transfer session */
	uint64_t by_grade[5];
	uint64_t no_grade;
	uint64_t nobodys; /* entries of the period that name no provider */
	struct exposure_host *hosts;
	struct exposure_person *people;
	struct exposure_trait *traits;
	struct exposure_class *classes;
	struct exposure_detector *detectors;
	struct exposure_finding *findings;
	struct exposure_allow *allows;
	struct exposure_exact *exacts;
	struct exposure_canary *canaries;
	struct exposure_place *places;
	struct exposure_sent *sent;
	struct exposure_transfer *transfers;
	struct exposure_egress *egress; /* the surest first */
	struct exposure_gap *gaps;
	struct exposure_alarm *alarms;
	struct exposure_rules *rules;
	struct exposure_day *days;
	struct exposure_provider *providers;
	size_t nhosts, npeople, ntraits, nclasses, ndetectors, nfindings;
	size_t nplaces, nsent, ntransfers, negress, ngaps, nalarms, nrules,
	    ndays;
	size_t nproviders, nallows, nexacts, ncanaries;
	const char *view, *view_title,
	    *view_law; /* NULL: everything is shown */
	const char *shown; /* what the view shows, for the query */
	uint64_t others,
	    other_kinds; /* findings that it does not show, and of how
				    many detectors */
	bool weighed; /* there are policies to be told of */
	struct exposure_policy *policies;
	struct exposure_hit *hits; /* by person, then by policy */
	struct exposure_condition *conditions;
	struct exposure_behind *behind;
	size_t npolicies, nhits, nconditions, nbehind;
	bool cut[LIST_COUNT]; /* there is more than EXPOSURE_ROWS_MAX */
	uint64_t files_touched; /* distinct files with a finding */
	int64_t us[COVERAGE_STATES]; /* of all hosts */
	bool complete; /* the whole period was observed, as far as due */
	struct exposure_texts *texts;
};

/* exposure_done - frees what it points to; zeroes it. */
void exposure_done(struct exposure *e);
/* exposure_text - a copy that lives as long as @e; NULL is NULL, or no memory
 * (then e->texts is marked, and exposure_error tells). */
const char *exposure_text(struct exposure *e, const char *s);
/* exposure_error - 0, or -ENOMEM if a text was lost. */
int exposure_error(const struct exposure *e) MUST_CHECK;
/*
 * exposure_add - one more zeroed element at the end of a list.
 * @list: the address of the pointer to its elements; @n: how many there are;
 * @size: of one. Returns it, or NULL without memory.
 */
void *exposure_add(void *list, size_t *n, size_t size) MUST_CHECK;
/* coverage_name - "observed", "degraded", "blind", "unknown". */
const char *coverage_name(enum coverage c);

#endif
