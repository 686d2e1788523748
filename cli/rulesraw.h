/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesraw - samples that only extraction brings to text, through a jailed
 * inspector.
 */
#ifndef CLI_RULESRAW_H
#define CLI_RULESRAW_H

#include "agent/detect/detect.h"
#include "lib/diag.h"
#include "lib/own.h"

struct rulesraw;

/*
 * rulesraw_new - for packs of these directories, which stay borrowed, as does
 * @why. Nothing is started until the first sample. Returns 0 or -ENOMEM.
 */
int rulesraw_new(const char *const *dirs, size_t ndirs, struct diag *why,
    struct rulesraw **out) MUST_CHECK;
void rulesraw_free(struct rulesraw *r);
void rulesraw_freep(struct rulesraw **r);
/* rulesraw_run - a ruleset_raw_fn; its context is a struct rulesraw. */
int rulesraw_run(void *ctx, struct content raw, scan_found_fn *found,
    void *found_ctx, uint64_t *unsure) MUST_CHECK;

#endif
