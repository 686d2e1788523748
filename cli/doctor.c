/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone doctor - what this host can and cannot show, in plain words.
 *
 * Owns: the table of checks, each with its consequence and its fix, and the
 * live probe: a file with a synthetic card number that is read, and must come
 * back as a finding in the log.
 * Never: changes the host; leaves the probe's file behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "agent/config.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "lib/buf.h"
#include "lib/card.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define PROBE_US 10000000
#define SPACE_MIN (UINT64_C(512) << 20)

enum result { RESULT_OK, RESULT_WARN, RESULT_FAIL };

static const char *const RESULTS[] = {"ok", "warn", "fail"};

struct doctor {
	char state[2048];
	struct config config;
	bool has_config;
	bool json;
	enum result worst;
	char found[512]; /* by the check under way */
};

struct check {
	const char *name;
	enum result (*run)(struct doctor *d);
	const char *consequence; /* of a result that is not ok */
	const char *fix;
};

PRINTF_LIKE(3, 4)
static enum result
say(struct doctor *d, enum result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(d->found, sizeof d->found, fmt, ap);
	va_end(ap);
	return r;
}

/* ---- checks ---- */

static enum result
check_root(struct doctor *d)
{
	return geteuid() == 0 ? say(d, RESULT_OK, "runs as root")
			      : say(d, RESULT_FAIL, "runs without root");
}

static enum result
check_config(struct doctor *d)
{
	return d->has_config ? say(d, RESULT_OK, "is good")
			     : RESULT_FAIL; /* the reader said why */
}

static enum result
check_fanotify(struct doctor *d)
{
	int pidfd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | 0x80, 0);
	int plain = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, 0);
	enum result r;

	if (plain < 0)
		r = say(d, RESULT_FAIL, "%s", strerror(errno));
	else if (pidfd < 0)
		r = say(d, RESULT_WARN, "events come without a pidfd");
	else
		r = say(d, RESULT_OK, "events come with a pidfd");
	own_close(&pidfd);
	own_close(&plain);
	return r;
}

static enum result
check_watched(struct doctor *d)
{
	size_t missing = 0;

	for (size_t i = 0; i < d->config.watch.n; i++) {
		struct stat st;

		if (stat(d->config.watch.items[i], &st) != 0)
			missing++;
	}
	return say(d, missing > 0 ? RESULT_WARN : RESULT_OK,
	    "%zu of %zu watched paths exist", d->config.watch.n - missing,
	    d->config.watch.n);
}

/* File systems whose changes elsewhere this kernel does not see. */
static enum result
check_remote(struct doctor *d)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} REMOTE[] = {{0x6969, "nfs"}, {0xff534d42, "cifs"},
	    {0xfe534d42, "smb2"}, {0x65735546, "fuse"}, {0x01021997, "9p"},
	    {0xc36400, "ceph"}};

	for (size_t i = 0; i < d->config.watch.n; i++) {
		struct statfs f;

		if (statfs(d->config.watch.items[i], &f) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(REMOTE); k++)
			if ((unsigned long)f.f_type == REMOTE[k].magic)
				return say(d, RESULT_WARN, "%s is %s",
				    d->config.watch.items[i], REMOTE[k].name);
	}
	return say(d, RESULT_OK, "all watched paths are local");
}

static enum result
check_interfaces(struct doctor *d)
{
	size_t missing = 0;

	if (d->config.interfaces.n == 0)
		return say(d, RESULT_WARN, "none is configured");
	for (size_t i = 0; i < d->config.interfaces.n; i++)
		if (if_nametoindex(d->config.interfaces.items[i]) == 0)
			missing++;
	return say(d, missing > 0 ? RESULT_WARN : RESULT_OK,
	    "%zu of %zu configured interfaces exist",
	    d->config.interfaces.n - missing, d->config.interfaces.n);
}

static enum result
check_loginuid(struct doctor *d)
{
	OWN_FD int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? say(d, RESULT_OK, "the kernel keeps login uids")
		       : say(d, RESULT_WARN, "the kernel keeps no login uids");
}

/*
 * pam_chaperone.so in sshd's session stack: behind pam_loginuid.so, and before a
 * pam_env.so that takes words from people's own files.
 */
static enum result
check_pam(struct doctor *d)
{
	FILE *f = fopen("/etc/pam.d/sshd", "re");
	bool loginuid = false, ours = false, order = false, forged = false;
	bool readenv = false;
	char line[512];

	if (f == NULL)
		return say(d, RESULT_WARN, "/etc/pam.d/sshd cannot be read");
	for (int i = 0; i < 1000 && fgets(line, sizeof line, f) != NULL; i++) {
		if (line[strspn(line, " \t")] == '#')
			continue;
		loginuid |= strstr(line, "pam_loginuid.so") != NULL;
		readenv |= strstr(line, "pam_env.so") != NULL &&
			   strstr(line, "user_readenv=1") != NULL;
		if (strstr(line, "pam_chaperone.so") != NULL) {
			ours = true;
			order = loginuid;
			forged = readenv;
		}
	}
	(void)fclose(f);
	if (!ours)
		return say(d, RESULT_WARN,
		    "pam_chaperone.so is not in /etc/pam.d/sshd");
	if (forged)
		return say(d, RESULT_FAIL,
		    "pam_chaperone.so stands behind pam_env.so with "
		    "user_readenv=1: people can name a key that is not theirs");
	if (!order)
		return say(d, RESULT_WARN,
		    "pam_chaperone.so stands before pam_loginuid.so");
	return say(d, RESULT_OK, "pam_chaperone.so follows pam_loginuid.so");
}

static enum result
check_sessions(struct doctor *d)
{
	struct stat st;

	if (stat(d->config.sessions, &st) != 0)
		return say(d, RESULT_WARN, "%s: %s", d->config.sessions,
		    strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return say(d, RESULT_FAIL, "%s can be written by others",
		    d->config.sessions);
	return say(d, RESULT_OK, "%s is root's alone", d->config.sessions);
}

static enum result
check_roster(struct doctor *d)
{
	if (d->config.roster == NULL)
		return say(d, RESULT_WARN, "none is configured");
	return access(d->config.roster, R_OK) == 0
		   ? say(d, RESULT_OK, "%s is there", d->config.roster)
		   : say(d, RESULT_FAIL, "%s: %s", d->config.roster,
			 strerror(errno));
}

static enum result
check_landlock(struct doctor *d)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? say(d, RESULT_OK, "Landlock ABI %ld", abi)
		       : say(d, RESULT_WARN, "the kernel has no Landlock");
}

static enum result
check_clock(struct doctor *d)
{
	return clock_synced() ? say(d, RESULT_OK, "is disciplined")
			      : say(d, RESULT_WARN, "is not disciplined");
}

static enum result
check_space(struct doctor *d)
{
	struct statvfs v;
	uint64_t left;

	if (statvfs(d->state, &v) != 0)
		return say(d, RESULT_WARN, "%s: %s", d->state, strerror(errno));
	left = (uint64_t)v.f_bavail * v.f_frsize;
	return say(d, left < SPACE_MIN ? RESULT_WARN : RESULT_OK,
	    "%" PRIu64 " MiB are left for the log", left >> 20);
}

static enum result
check_agent(struct doctor *d)
{
	pid_t pid = host_pid(d->state);

	return pid != 0 ? say(d, RESULT_OK, "runs (pid %d)", (int)pid)
			: say(d, RESULT_FAIL, "does not run");
}

static enum result
check_receipts(struct doctor *d)
{
	char path[4096];
	struct diag why = {""};
	struct ledger *l;
	uint64_t size, got = 0;
	int64_t at;
	int r;

	must(host_log(d->state, path, sizeof path) == 0);
	r = ledger_open_read(path, &l, &why);
	if (r != 0)
		return say(d, RESULT_WARN, "%s", why.text);
	size = ledger_size(l);
	r = ledger_receipted(l, &got, &at);
	ledger_close(l);
	if (r != 0)
		return say(d, RESULT_WARN, "no receipt yet");
	return say(
	    d, RESULT_OK, "%" PRIu64 " of %" PRIu64 " entries", got, size);
}

/* ---- the live probe ---- */

static bool
is_probe(const struct facts *f, const char *name)
{
	const char *path = facts_text(f, "path");

	return str_eq(f->type, "finding") && path != NULL &&
	       strstr(path, name) != NULL;
}

/* Waits until the log has a finding in the file of this name. */
static bool
wait_probe(const struct doctor *d, const char *name, uint64_t from)
{
	uint64_t began = clock_boot_us();
	char path[4096];
	struct diag why = {""};
	struct ledger *l;

	must(host_log(d->state, path, sizeof path) == 0);
	while (clock_boot_us() - began < PROBE_US) {
		if (ledger_open_read(path, &l, &why) == 0) {
			bool found = false;

			for (; !found && from < ledger_size(l); from++) {
				struct facts f;

				if (host_entry(l, from, &f, &why) != 0)
					break;
				found = is_probe(&f, name);
				facts_done(&f);
			}
			ledger_close(l);
			if (found)
				return true;
		}
		(void)poll(NULL, 0, 100);
	}
	return false;
}

static uint64_t
log_size(const struct doctor *d)
{
	char path[4096];
	struct diag why = {""};
	struct ledger *l;
	uint64_t n;

	must(host_log(d->state, path, sizeof path) == 0);
	if (ledger_open_read(path, &l, &why) != 0)
		return 0;
	n = ledger_size(l);
	ledger_close(l);
	return n;
}

static int
write_probe(const char *path)
{
	char text[128], number[20];
	OWN_FD int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int n;

	if (fd < 0)
		return -errno;
	card_make_up(number);
	n = snprintf(text, sizeof text,
	    "credit card number: %s\nexpiry 12/29, cvv follows\n", number);
	return write(fd, text, (size_t)n) == n ? 0 : -EIO;
}

static enum result
check_probe(struct doctor *d)
{
	char name[64], path[4096], byte;
	uint64_t id, began, from;
	enum result r;
	ssize_t got;

	if (d->config.watch.n == 0)
		return say(d, RESULT_WARN, "no directory is watched");
	if (host_pid(d->state) == 0)
		return say(d, RESULT_FAIL, "the agent does not run");
	rng_fill(&id, sizeof id);
	must(str_format(
		 name, sizeof name, ".chaperone-probe-%016" PRIx64, id) == 0);
	if (str_format(path, sizeof path, "%s/%s", d->config.watch.items[0],
		name) != 0)
		return say(d, RESULT_WARN, "the watched path is too long");
	from = log_size(d);
	if (write_probe(path) != 0)
		return say(d, RESULT_WARN, "%s: %s", path, strerror(errno));
	began = clock_boot_us();
	{
		OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

		got = fd < 0 ? -1 : read(fd, &byte, 1);
	}
	if (got != 1)
		r = say(d, RESULT_WARN, "%s could not be read back", path);
	else if (wait_probe(d, name, from))
		r = say(d, RESULT_OK,
		    "a planted card number was in the log after %" PRIu64 " ms",
		    (clock_boot_us() - began) / 1000);
	else
		r = say(d, RESULT_FAIL,
		    "a planted card number in %s was not found in 10 s",
		    d->config.watch.items[0]);
	(void)unlink(path);
	return r;
}

static const struct check CHECKS[] = {
    {"root", check_root, "most checks and the agent itself need it",
	"run it with sudo"},
    {"configuration", check_config, "the agent keeps the last good one",
	"correct the place that is named, then reload"},
    {"file events", check_fanotify,
	"without fanotify no file access is seen; without a pidfd the process "
	"of a short event may be taken for another, so it stays unknown",
	"a kernel from 5.15 on, and CAP_SYS_ADMIN for the agent"},
    {"watched paths", check_watched, "what lies there later is not seen",
	"create them or correct watch: in the configuration, then reload"},
    {"remote file systems", check_remote,
	"accesses by other machines are invisible here",
	"run an agent on the server that holds the files"},
    {"interfaces", check_interfaces, "what leaves by the others is not seen",
	"name them under interfaces: in the configuration"},
    {"login uids", check_loginuid,
	"a process can be tied to its login only by descent",
	"a kernel with CONFIG_AUDIT, and pam_loginuid.so in the session stacks"},
    {"PAM module", check_pam,
	"people on a shared account cannot be told apart by their keys, or not "
	"surely",
	"add to /etc/pam.d/sshd, right behind pam_loginuid.so: "
	"session optional pam_chaperone.so"},
    {"session files", check_sessions,
	"who logged in is known from sshd's log alone; if others can write "
	"there, sessions can be forged",
	"mkdir -m 0755 as root; nobody else may write"},
    {"roster", check_roster,
	"everybody who is not in the group chaperone-staff counts as provider "
	"\"unassigned\"",
	"write one (man chaperone-roster) and name it under roster:"},
    {"Landlock", check_landlock,
	"the parsers' jail rests on their own users and seccomp alone",
	"a kernel from 5.13 on with lsm=landlock"},
    {"clock", check_clock,
	"times in the log are this host's word; the order is not affected",
	"run a time service (chrony, systemd-timesyncd)"},
    {"space", check_space, "a full disk ends the log, with a gap",
	"make room where the state lies"},
    {"agent", check_agent, "nothing is observed", "start chaperone-agent"},
    {"receipts", check_receipts,
	"until the collector has it, the only copy of the log is here",
	"chaperone enrol, and look at the collector's address"},
    {"live probe", check_probe,
	"what the agent says of this host is not to be relied on",
	"chaperone status, and the agent's messages, say what is missing"},
};

static void
print(struct doctor *d, const struct check *c, enum result r)
{
	if (d->json) {
		OWN(buf_done) struct buf out = {0};
		struct json j;

		buf_init(&out, 65536);
		json_init(&j, &out);
		json_begin_object(&j, NULL);
		json_str(&j, "check", c->name);
		json_str(&j, "result", RESULTS[r]);
		json_str(&j, "found", d->found);
		if (r != RESULT_OK) {
			json_str(&j, "consequence", c->consequence);
			json_str(&j, "fix", c->fix);
		}
		json_end_object(&j);
		cli_line(&out);
		return;
	}
	(void)printf("%-4s  %-20s %s\n", RESULTS[r], c->name, d->found);
	if (r != RESULT_OK)
		(void)printf("      %-20s means: %s\n      %-20s fix:   %s\n",
		    "", c->consequence, "", c->fix);
	(void)fflush(stdout);
}

static int
examine(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++) {
		enum result r;

		/* Without a configuration the others have no ground. */
		if (i > 1 && !d->has_config)
			break;
		r = CHECKS[i].run(d);
		print(d, &CHECKS[i], r);
		if (r > d->worst)
			d->worst = r;
	}
	return d->worst == RESULT_OK     ? CLI_OK
	       : d->worst == RESULT_WARN ? CLI_INCOMPLETE
					 : CLI_DIFFERENCE;
}

static int
run(int argc, char **argv)
{
	struct doctor *d = calloc(1, sizeof *d);
	const char *config = NULL, *state = NULL;
	char path[4096];
	struct diag why = {""};
	int r;

	must(d != NULL);
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			d->json = true;
		else if (str_eq(argv[i], "--config") && i + 1 < argc)
			config = argv[++i];
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else
			return cli_usage(
			    "doctor", "\"%s\" is not known", argv[i]);
	}
	r = str_copy(path, sizeof path, config != NULL ? config : HOST_CONFIG);
	if (state != NULL)
		r = str_format(
		    path, sizeof path, "%s/active/agent.yaml", state);
	if (r == 0)
		r = config_read(path, &d->config, &why);
	if (r == 0)
		r = str_copy(d->state, sizeof d->state, d->config.state);
	d->has_config = r == 0;
	if (r != 0)
		(void)str_copy(d->found, sizeof d->found, why.text);
	r = examine(d);
	config_done(&d->config);
	free(d);
	return r;
}

static const char HELP[] =
    "Example: sudo chaperone doctor\n\n"
    "Usage: chaperone doctor [--config FILE | --state DIR] [--json]\n\n"
    "Checks what this host can show and what it cannot, names the consequence\n"
    "and the fix, and ends with a live probe: a file with a synthetic card\n"
    "number is planted in the first watched directory and read, and must come\n"
    "back as a finding in the log.\n"
    "Exit: 0 all is well, 1 something fails, 8 something is not covered.\n";

const struct command command_doctor = {
    .name = "doctor",
    .summary = "checks this host and says what it cannot show",
    .help = HELP,
    .run = run,
};
