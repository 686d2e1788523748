/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub - the jailed parsers as `scan` and `replay` use them: the same programs
 * and messages as on a watched host (lib/msg.h), started and kept alive by the
 * command itself.
 *
 *   struct hub *h;
 *   hub_start(&options, &calls, &h, &why);
 *   scan:    hub_submit() for each file, hub_step() while it says -EAGAIN,
 *            then hub_step() until hub_idle().
 *   replay:  hub_replay() for a capture file, then hub_step() until
 *            hub_idle(), which is after calls.end().
 *   hub_free(h);
 */
#ifndef CLI_HUB_H
#define CLI_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/finding.h"
#include "lib/flow.h"
#include "lib/own.h"
#include "lib/why.h"

#define HUB_INSPECTORS_MAX 16

/* Texts are borrowed and hold for the call alone. */
struct hub_skip {
	const char *reason; /* "encrypted", "crashed", … */
	const char *member; /* "" is the object itself */
	uint64_t bytes; /* 0 if not known */
};

/* The last word on a job. */
struct hub_done {
	uint64_t job;
	bool crashed; /* then size to type say nothing */
	uint64_t size, examined;
	const char *type;
};

/* A decoded body, or the rest of a flow's text; findings came before. */
struct hub_object {
	uint64_t id, flow;
	const char *protocol;
	enum direction direction;
	const char *method, *uri, *host, *filename; /* masked */
	uint64_t size, examined;
	bool complete;
	uint8_t sha256[32];
};

struct hub_open {
	uint64_t flow;
	struct tuple tuple;
	bool midstream;
	uint64_t boot_us;
};

struct hub_gap {
	uint64_t flow;
	enum direction direction;
	uint64_t offset, bytes;
};

struct hub_close {
	uint64_t flow;
	uint64_t to_server, to_client, gap_bytes, boot_us;
	const char *how;
};

/* What one rule cost in one job. */
struct hub_cost {
	const char *detector;
	uint64_t places, matches, refuted, us;
};

/* Members that a command has no use for may be NULL. */
struct hub_calls {
	void *ctx;
	/* @id is a job or an object, never the same number. Takes what the
	 * finding holds: the callee calls finding_done. */
	void (*finding)(void *ctx, uint64_t id, struct finding *f);
	void (*skip)(void *ctx, uint64_t id, const struct hub_skip *s);
	/* Only with options.probe; @w is borrowed. */
	void (*why)(void *ctx, uint64_t id, const char *member, struct why *w);
	void (*cost)(void *ctx, uint64_t id, const struct hub_cost *c);
	/* Exactly once for each job. */
	void (*done)(void *ctx, const struct hub_done *d);
	void (*object)(void *ctx, const struct hub_object *o);
	void (*examined)(
	    void *ctx, uint64_t flow, uint64_t to_server, uint64_t to_client);
	void (*open)(void *ctx, const struct hub_open *o);
	void (*gap)(void *ctx, const struct hub_gap *g);
	void (*close)(void *ctx, const struct hub_close *c);
	void (*loss)(void *ctx, const char *stage, const char *reason,
	    uint64_t lost, uint64_t bytes);
	/* The capture file is read and everything in it answered for;
	 * @status: the exit code of chaperone-capture, -1 if it crashed;
	 * @error: "", or why the file could not be read to its end. */
	void (*end)(void *ctx, int status, const char *error);
};

struct hub_options {
	const char *bin; /* directory of the programs */
	const char *const *rules; /* directories of packs */
	size_t nrules;
	unsigned inspectors; /* 1..HUB_INSPECTORS_MAX */
	uint8_t probe; /* 0, or bits of enum msg_probe */
};

struct hub;

/*
 * hub_start - starts the inspectors and waits until each has its rules.
 * Returns 0, -EBADMSG (a rule is bad: @why says where), or -errno of starting.
 */
int hub_start(const struct hub_options *o, const struct hub_calls *c,
    struct hub **out, struct diag *why) MUST_CHECK;
/* hub_free - ends the processes; NULL is fine. */
void hub_free(struct hub *h);
void hub_freep(struct hub **h);
/* hub_digest, hub_rules - what the inspectors loaded. */
const char *hub_digest(const struct hub *h);
unsigned hub_rules(const struct hub *h);
/*
 * hub_submit - @fd is taken unless -EAGAIN is returned (enough is waiting:
 * step first); -1 examines the name alone. @max_bytes 0 is the default.
 */
int hub_submit(struct hub *h, uint64_t job, int fd, uint64_t max_bytes,
    const void *name, size_t name_len) MUST_CHECK;
/*
 * hub_replay - starts chaperone-capture on an open capture file (@fd stays
 * the caller's) and gives its flows to the inspectors. One at a time.
 */
int hub_replay(struct hub *h, int fd, struct diag *why) MUST_CHECK;
/*
 * hub_step - waits at most @timeout_ms (-1: until something comes), makes the
 * calls that are due, and starts again what crashed.
 * Returns 0, or -errno if the processes cannot be kept running.
 */
int hub_step(struct hub *h, int timeout_ms, struct diag *why) MUST_CHECK;
/* hub_idle - true if nothing is owed. */
bool hub_idle(const struct hub *h);

#endif
