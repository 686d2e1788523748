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
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "agent/config.h"
#include "cli/cli.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

/* An entry may be written this long after what it tells, folds included. */
#define SLACK_US INT64_C(3600000000)
#define CENTURY_S UINT64_C(3155760000)

int
host_state(const char *config, const char *state, char *out, size_t size,
    struct diag *why)
{
	struct config c;
	int r;

	if (state != NULL)
		return str_copy(out, size, state) != 0
			   ? diag_set(why, -ENAMETOOLONG,
				 "the directory's name is too long")
			   : 0;
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

uint64_t
host_born(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long ticks = 0;
	long rate = sysconf(_SC_CLK_TCK);
	const char *p;
	ssize_t n;

	must(str_format(path, sizeof path, "/proc/%d/stat", (int)pid) == 0);
	OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0 || rate <= 0)
		return UINT64_MAX;
	text[n] = '\0';
	/* proc_pid_stat(5): field 22; the name, field 2, may hold anything. */
	p = strrchr(text, ')');
	for (int field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL)
		return UINT64_MAX;
	ticks = strtoull(p + 1, NULL, 10);
	return (uint64_t)ticks * (1000000 / (uint64_t)rate);
}

int
host_log(const char *state, char *out, size_t size)
{
	return str_format(out, size, "%s/record/log.db", state);
}

uint32_t
host_gens(const char *path)
{
	char name[4096];
	uint32_t n = 0;

	if (access(path, F_OK) != 0)
		return 0;
	do
		n++;
	while (str_format(name, sizeof name, "%s.%u", path, n) == 0 &&
	       access(name, F_OK) == 0);
	return n;
}

int
host_since(const char *text, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t n = strlen(text);
	char number[16];
	uint64_t v;

	for (size_t i = 0; n > 1 && i < ARRAY_LEN(UNITS); i++) {
		if (text[n - 1] != UNITS[i].unit ||
		    str_copy_len(number, sizeof number, text, n - 1) != 0 ||
		    str_u64(number, CENTURY_S / (uint64_t)UNITS[i].seconds,
			&v) != 0)
			continue;
		*out = clock_now().wall_us -
		       (int64_t)v * UNITS[i].seconds * 1000000;
		return 0;
	}
	return clock_parse(text, out);
}

/*
 * True if nothing before this entry can be of the time asked for. A clock that
 * nobody disciplined (1970 after a boot) says nothing of what came before.
 */
static bool
is_before(struct ledger *l, uint64_t seq, int64_t since_us)
{
	struct entry raw = {0};
	struct facts f = {0};
	bool before = false;

	if (ledger_read(l, seq, &raw) == 0 &&
	    entry_open(raw.leaf.data, raw.leaf.len, NULL, 0, &f, NULL) == 0)
		before = f.synced && f.at.wall_us < since_us - SLACK_US;
	facts_done(&f);
	entry_done(&raw);
	return before;
}

void
host_start(const char *path, int64_t since_us, uint32_t *gen, uint64_t *seq)
{
	*gen = 0;
	*seq = 0;
	for (uint32_t g = host_gens(path); g-- > 0;) {
		struct ledger *l;

		if (ledger_open_gen(path, g, &l, NULL) != 0)
			continue;
		for (uint64_t n = ledger_size(l); n-- > 0;) {
			if (!is_before(l, n, since_us))
				continue;
			*gen = g;
			*seq = n + 1;
			ledger_close(l);
			return;
		}
		ledger_close(l);
	}
}

int
host_log_failed(
    const char *command, const char *path, int err, const struct diag *why)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return cli_error(command, CLI_CONFIG,
		    "%s: there is no log; has the agent ever run?", path);
	case -EACCES:
	case -EPERM:
		return cli_error(command, CLI_DENIED,
		    "%s: the log is closed to others; it needs root", path);
	case -EBADMSG:
		return cli_error(command, CLI_VERIFY, "%s", why->text);
	default:
		return cli_error(command, CLI_CONFIG, "%s", why->text);
	}
}

int
host_entry(struct ledger *l, uint64_t seq, struct facts *out, struct diag *why)
{
	struct entry e = {0};
	char place[40];
	int r = ledger_read(l, seq, &e);

	if (r == 0)
		r = entry_open(e.leaf.data, e.leaf.len, e.disclosures,
		    e.ndisclosures, out, why);
	else if (r != -ENOENT)
		(void)diag_set(
		    why, r, "it is missing, or not what the tree holds");
	entry_done(&e);
	must(str_format(place, sizeof place, "entry %" PRIu64, seq) == 0);
	if (r != 0)
		diag_prefix(why, place);
	return r;
}
