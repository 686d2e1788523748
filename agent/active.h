/* SPDX-License-Identifier: Apache-2.0 */
/*
 * active - the configuration in force: a checked copy below the state.
 */
#ifndef AGENT_ACTIVE_H
#define AGENT_ACTIVE_H

#include "agent/config.h"
#include "lib/diag.h"
#include "lib/own.h"

/* Of STATE/active, the file that every process reads. */
#define ACTIVE_CONFIG "active/agent.yaml"

/*
 * active_install - copies the configuration at @path, its roster and its rules
 * below the state that it names, has the copy checked by the programs in @bin
 * (chaperone rules check and, where the configuration has a vkey, verify;
 * chaperone-watch --check), and only then puts it in the place of the one before,
 * in one step.
 * @out: what is in force now, its paths those of the copy.
 * Returns 0, or negative errno with a sentence; then what was in force still
 * is, and @out is untouched.
 */
int active_install(const char *path, const char *bin, struct config *out,
    struct diag *why) MUST_CHECK;

#endif
