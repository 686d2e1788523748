/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the agent of this host, as the subcommands look at it.
 *
 * Owns: the rule of where its state is, and how to tell that it runs.
 * Never: writes below the state, or talks to the agent: its log says it all.
 */
#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "agent/config.h"
#include "lib/str.h"

#include "lib/own.h"

int
host_state(const char *config, const char *state, char *out, size_t size,
    struct diag *why)
{
	struct config c;
	int r;

	if (state != NULL)
		return str_copy(out, size, state);
	if (config == NULL && access(HOST_CONFIG, F_OK) != 0)
		return str_copy(out, size, HOST_STATE);
	r = config_read(config != NULL ? config : HOST_CONFIG, &c, why);
	if (r != 0)
		return r;
	r = str_copy(out, size, c.state);
	config_done(&c);
	return r;
}

pid_t
host_pid(const char *state)
{
	char path[4096], text[32] = "";
	uint64_t pid = 0;
	ssize_t n;

	if (str_format(path, sizeof path, "%s/lock", state) != 0)
		return 0;
	OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	/* Whoever runs holds the lock; a file that was left behind does not. */
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	if (n < 2)
		return 0;
	text[n - 1] = '\0'; /* the newline */
	return str_u64(text, INT32_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

int
host_log(const char *state, char *out, size_t size)
{
	return str_format(out, size, "%s/record/log.db", state);
}

int
host_entry(struct ledger *l, uint64_t seq, struct facts *out, struct diag *why)
{
	struct entry e = {0};
	int r = ledger_read(l, seq, &e);

	if (r == 0)
		r = entry_open(e.leaf.data, e.leaf.len, e.disclosures,
		    e.ndisclosures, out, why);
	entry_done(&e);
	return r;
}
