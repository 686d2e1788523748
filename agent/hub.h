/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub - the inspectors as the watch process sees them: jobs in, outcomes out.
 */
#ifndef AGENT_HUB_H
#define AGENT_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/finding.h"
#include "lib/flow.h"
#include "lib/own.h"

#define HUB_INSPECTORS_MAX 16
#define HUB_QUEUE_MAX 4096 /* jobs that wait, each with a descriptor */
#define HUB_NAME_MAX 4096
#define HUB_FINDINGS_MAX 256 /* of one object; more are counted as skipped */
#define HUB_SKIPS_MAX 64

/* A part that was not examined. */
struct skip {
	char reason[96];
	char *member; /* owned */
	uint64_t bytes;
};

/* What came of one job. */
struct outcome {
	bool failed; /* the inspector died of it, or could not take it */
	char why[96]; /* then why */
	uint64_t size, examined;
	char type[80];
	char *name; /* owned: the name with every match masked */
	struct finding *findings;
	size_t nfindings;
	struct skip *skips;
	size_t nskips;
};

/* What one flow's payload held: an HTTP body, or other cleartext. */
struct transfer {
	uint64_t flow;
	char protocol[32];
	enum direction direction;
	char method[32];
	char uri[2048], host[256], filename[512]; /* masked */
	uint64_t size, examined;
	bool complete;
	struct finding *findings;
	size_t nfindings;
	struct skip *skips;
	size_t nskips;
};

struct hub_calls {
	void *ctx;
	/* One for each hub_submit, in any order; @o is the hub's. */
	void (*done)(void *ctx, uint64_t job, const struct outcome *o);
	void (*transfer)(void *ctx, const struct transfer *t);
	/* All payload of a flow has been answered for. */
	void (*examined)(
	    void *ctx, uint64_t flow, uint64_t to_server, uint64_t to_client);
	/* An inspector came up; its rules. */
	void (*rules)(void *ctx, const char *digest, unsigned count);
	void (*loss)(void *ctx, const char *stage, const char *reason,
	    uint64_t lost, uint64_t bytes);
};

struct hub;

int hub_new(const struct hub_calls *calls, struct hub **out) MUST_CHECK;
void hub_free(struct hub *h);
/* hub_link - the socket of inspector @index (owned by the caller), -1: gone.
 * Jobs that it had are given to others; the one it died of fails. */
void hub_link(struct hub *h, unsigned index, int fd);
/*
 * hub_submit - @fd is taken (also on failure), -1 examines the name alone.
 * Returns 0, -ENOBUFS if the queue is full, or -ENOMEM.
 */
int hub_submit(struct hub *h, uint64_t job, int fd, uint64_t max_bytes,
    const void *name, size_t name_len) MUST_CHECK;
/* hub_flush - sends what fits. */
void hub_flush(struct hub *h);
/* hub_message - from inspector @index: 0, or -EBADMSG (treat it as crashed). */
int hub_message(struct hub *h, unsigned index, uint32_t type, const void *data,
    size_t len) MUST_CHECK;
/* hub_key - the tag key, for every inspector now and later. */
void hub_key(struct hub *h, const uint8_t key[32]);
/* hub_waiting - jobs not yet answered. */
size_t hub_waiting(const struct hub *h);

#endif
