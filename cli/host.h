/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the agent of this host, as the subcommands look at it.
 */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/diag.h"
#include "lib/entry.h"
#include "lib/ledger.h"
#include "lib/own.h"

#define HOST_CONFIG "/etc/chaperone/agent.yaml"
#define HOST_STATE "/var/lib/chaperone-agent"

/*
 * host_state - where the agent's state is: @state if given, else what the
 * configuration @config (HOST_CONFIG if NULL) says, else HOST_STATE.
 * Returns 0, or the configuration's error.
 */
int host_state(const char *config, const char *state, char *out, size_t size,
    struct diag *why) MUST_CHECK;
/* host_pid - the agent that runs with this state, 0 if none does. */
pid_t host_pid(const char *state);
/*
 * host_born - when a process started, in microseconds since boot (to 10 ms,
 * never too late); UINT64_MAX if it is gone.
 */
uint64_t host_born(pid_t pid);
/* host_log - the path of the log's database below a state. */
int host_log(const char *state, char *out, size_t size) MUST_CHECK;
/* host_gens - one more than the newest generation of the log; 0 if none is
 * there or readable. */
uint32_t host_gens(const char *path);
/*
 * host_since - "90s", "10m", "2h" or "1d" before now, or a time as clock_parse
 * reads it, in microseconds since 1970. Returns 0 or -EINVAL.
 */
int host_since(const char *text, int64_t *out) MUST_CHECK;
/*
 * host_start - goes back from the end of the log to the entry from which on it
 * can tell of @since_us: an hour more, since an entry is written after what it
 * tells. 0 and 0 if all of it can.
 */
void host_start(
    const char *path, int64_t since_us, uint32_t *gen, uint64_t *seq);
/* host_log_failed - says why the log could not be read; the exit code. */
int host_log_failed(
    const char *command, const char *path, int err, const struct diag *why);
/* host_entry - one entry of the log, opened; -ENOENT behind the end. */
int host_entry(struct ledger *l, uint64_t seq, struct facts *out,
    struct diag *why) MUST_CHECK;

#endif
