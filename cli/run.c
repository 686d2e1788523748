/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone run - a collector and an agent of this host, for a first look.
 *
 * Owns: the directory that it is given: two configurations, two states.
 * Never: touches anything outside it; keeps the password that it prints.
 *
 * Order: collector, agent, enrolment (once); at the end the agent first, so
 * that what it saw last still reaches the collector.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "cli/host.h"
#include "cli/rules.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define STATUS_US 10000000
#define START_US 30000000
#define STOP_US 30000000
#define PORTS_FROM 8443
#define PORTS_TO 8543
#define ENTRIES_EACH_LOOK 4096

struct run {
	char dir[2048]; /* absolute */
	char collector_yaml[4096], agent_yaml[4096];
	char collector_state[4096], agent_state[4096];
	char agents_address[64], people_address[64];
	pid_t collector, agent;
	int signals;
	bool stopping;
	struct ledger *log;
	uint64_t next; /* entry that is looked at next */
	uint64_t findings, accesses, flows, losses;
	uint64_t status_us;
};

/* Directories that hold people's and companies' data on most hosts. */
static const char *const DATA_DIRS[] = {"/home", "/root", "/srv", "/opt",
    "/var/www", "/data", "/mnt", "/media", "/tmp"};

static const char *const SSHD_LOGS[] = {"/var/log/auth.log", "/var/log/secure"};

/* ---- configuration ---- */

static int
write_file(const char *path, const struct buf *text)
{
	OWN_FD int fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (buf_error(text) != 0)
		return buf_error(text);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	return write(fd, text->data, text->len) == (ssize_t)text->len ? 0
								      : -EIO;
}

/* A port of 127.0.0.1 that nobody has. */
static unsigned
free_port(unsigned from)
{
	for (unsigned port = from; port < PORTS_TO; port++) {
		struct sockaddr_in a = {.sin_family = AF_INET,
		    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		    .sin_port = htons((uint16_t)port)};
		OWN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int one = 1;

		(void)setsockopt(
		    fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (fd >= 0 &&
		    bind(fd, (const struct sockaddr *)&a, sizeof a) == 0)
			return port;
	}
	return 0;
}

static int
write_collector(const struct run *r)
{
	OWN(buf_done) struct buf t = {0};
	unsigned people = free_port(PORTS_FROM);
	unsigned agents = free_port(people + 1);

	if (people == 0 || agents == 0)
		return -EADDRINUSE;
	buf_init(&t, 65536);
	buf_printf(&t,
	    "name: first-look\nstate: \"%s\"\nagents: 127.0.0.1:%u\n"
	    "people: 127.0.0.1:%u\nnames: [localhost, 127.0.0.1]\n",
	    r->collector_state, agents, people);
	return write_file(r->collector_yaml, &t);
}

/* Those that are up, each once, without the loopback. */
static void
put_interfaces(struct buf *t)
{
	struct if_nameindex *list = if_nameindex();
	OWN_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const char *sep = "";

	buf_printf(t, "interfaces: [");
	for (size_t i = 0; list != NULL && list[i].if_index != 0; i++) {
		struct ifreq q = {0};

		if (str_copy(q.ifr_name, sizeof q.ifr_name, list[i].if_name) !=
			0 ||
		    ioctl(fd, SIOCGIFFLAGS, &q) != 0 ||
		    (q.ifr_flags & IFF_UP) == 0 ||
		    (q.ifr_flags & IFF_LOOPBACK) != 0)
			continue;
		buf_printf(t, "%s\"%s\"", sep, list[i].if_name);
		sep = ", ";
	}
	if (list != NULL)
		if_freenameindex(list);
	buf_printf(t, "]\n");
}

static int
write_agent(const struct run *r)
{
	OWN(buf_done) struct buf t = {0};
	char rules[PATH_MAX];
	const char *sep = "";

	if (realpath(cli_rules_dir(), rules) == NULL)
		return -errno;
	buf_init(&t, 65536);
	buf_printf(&t, "state: \"%s\"\nwatch: [", r->agent_state);
	for (size_t i = 0; i < ARRAY_LEN(DATA_DIRS); i++) {
		struct stat st;

		if (stat(DATA_DIRS[i], &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		buf_printf(&t, "%s%s", sep, DATA_DIRS[i]);
		sep = ", ";
	}
	buf_printf(
	    &t, "]\nexclude: [\"%s\"]\nrules: [\"%s\"]\n", r->dir, rules);
	put_interfaces(&t);
	for (size_t i = 0; i < ARRAY_LEN(SSHD_LOGS); i++) {
		if (access(SSHD_LOGS[i], R_OK) != 0)
			continue;
		buf_printf(&t, "sshd_log: %s\n", SSHD_LOGS[i]);
		break;
	}
	return write_file(r->agent_yaml, &t);
}

static int
prepare(struct run *r, const char *dir)
{
	char real[PATH_MAX];
	int e;

	if ((mkdir(dir, 0711) != 0 && errno != EEXIST) ||
	    realpath(dir, real) == NULL)
		return -errno;
	if (strchr(real, '"') != NULL || strchr(real, '\\') != NULL)
		return -EINVAL;
	if (str_copy(r->dir, sizeof r->dir, real) != 0)
		return -ENAMETOOLONG;
	must(str_format(r->collector_yaml, sizeof r->collector_yaml,
		 "%s/collector.yaml", r->dir) == 0);
	must(str_format(r->agent_yaml, sizeof r->agent_yaml, "%s/agent.yaml",
		 r->dir) == 0);
	must(str_format(r->collector_state, sizeof r->collector_state,
		 "%s/collector", r->dir) == 0);
	must(str_format(r->agent_state, sizeof r->agent_state, "%s/agent",
		 r->dir) == 0);
	e = access(r->collector_yaml, F_OK) == 0 ? 0 : write_collector(r);
	if (e == 0 && access(r->agent_yaml, F_OK) != 0)
		e = write_agent(r);
	return e;
}

/* ---- processes ---- */

/* Starts a program of ours in its own group: Ctrl-C is ours alone to take. */
static pid_t
start(const char *const *argv, int *out)
{
	char path[4096];
	int pair[2] = {-1, -1};
	sigset_t none;
	pid_t pid;

	if (str_format(path, sizeof path, "%s/%s", cli_bin(), argv[0]) != 0 ||
	    (out != NULL && pipe2(pair, O_CLOEXEC) != 0))
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		if (out != NULL && dup2(pair[1], STDOUT_FILENO) < 0)
			_exit(71);
		(void)execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	own_close(&pair[1]);
	if (pid < 0)
		own_close(&pair[0]);
	else if (out != NULL)
		*out = pair[0];
	return pid;
}

/* Runs a program to its end; the first line of its output, without the end. */
static int
ask(const char *const *argv, char *line, size_t size)
{
	OWN_FD int out = -1;
	size_t n = 0;
	int status;
	ssize_t got;
	pid_t pid = start(argv, &out);

	if (pid < 0)
		return -errno;
	while (n < size - 1 && (got = read(out, line + n, size - 1 - n)) > 0)
		n += (size_t)got;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status);
}

/*
 * The collector's first line says that it serves, where, and (once) the
 * password: it goes to the terminal as it came.
 */
static int
start_collector(struct run *r)
{
	const char *argv[] = {
	    "chaperone-collector", "--config", r->collector_yaml, NULL};
	OWN_FD int out = -1;
	uint64_t began = clock_boot_us();
	struct pollfd p;
	char text[1024];
	size_t n = 0;

	r->collector = start(argv, &out);
	if (r->collector < 0)
		return -errno;
	p = (struct pollfd){.fd = out, .events = POLLIN};
	while (clock_boot_us() - began < START_US && n < sizeof text - 1) {
		ssize_t got;

		if (poll(&p, 1, 500) <= 0)
			continue;
		got = read(out, text + n, sizeof text - 1 - n);
		if (got <= 0)
			return -EIO;
		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, "\n\n") == NULL)
			continue;
		(void)fputs(text, stdout);
		(void)fflush(stdout);
		return 0;
	}
	return -ETIMEDOUT;
}

static bool
enrolled(const struct run *r)
{
	char path[4096];

	must(str_format(path, sizeof path, "%s/ship/enrolment.yaml",
		 r->agent_state) == 0);
	return access(path, F_OK) == 0;
}

/* The address in "agents: HOST:PORT" of the collector's configuration. */
static int
find_agents_address(struct run *r)
{
	FILE *f = fopen(r->collector_yaml, "re");
	char line[256];
	int e = -EBADMSG;

	if (f == NULL)
		return -errno;
	while (e != 0 && fgets(line, sizeof line, f) != NULL) {
		if (!str_starts(line, "agents: "))
			continue;
		line[strcspn(line, "\n")] = '\0';
		e = str_copy(r->agents_address, sizeof r->agents_address,
		    line + strlen("agents: "));
	}
	(void)fclose(f);
	return e;
}

static int
enrol(struct run *r)
{
	char url[128], token[512], said[512];
	const char *new_token[] = {
	    "chaperone", "token", "new", "--state", r->collector_state, NULL};
	const char *join[] = {"chaperone", "enrol", "--collector", url,
	    "--token", token, "--state", r->agent_state, NULL};
	int e;

	if (enrolled(r))
		return 0;
	e = find_agents_address(r);
	if (e != 0)
		return e;
	must(str_format(url, sizeof url, "https://%s", r->agents_address) == 0);
	e = ask(new_token, token, sizeof token);
	if (e != 0)
		return e;
	return ask(join, said, sizeof said);
}

/* ---- what is told ---- */

static const char *
text_of(const struct facts *f, const char *name, char *out, size_t size)
{
	const char *s = facts_text(f, name);

	str_escape(out, size, s == NULL ? "" : s, s == NULL ? 0 : strlen(s));
	return out;
}

static void
tell_finding(const struct facts *f)
{
	char when[CLOCK_TEXT_SIZE], detector[96], person[64], provider[64];
	char grade[16], path[512], host[256], op[16], confidence[16];
	const char *channel = facts_text(f, "channel");
	int64_t count = 0;

	clock_text(f->at.wall_us, when);
	if (facts_int(f, "count", &count) != 0)
		count = 0;
	(void)text_of(f, "path", path, sizeof path);
	(void)text_of(f, "dst", host, sizeof host);
	(void)printf("%.8s finding  %s %s x%" PRId64 "  %s%s%s%s  %s  %s/%s "
		     "(%s)\n",
	    when + 11, text_of(f, "detector", detector, sizeof detector),
	    text_of(f, "confidence", confidence, sizeof confidence), count,
	    str_eq(channel, "net") ? "to " : "",
	    str_eq(channel, "net") ? host : "",
	    str_eq(channel, "net") && path[0] != '\0' ? " " : "", path,
	    text_of(f, "op", op, sizeof op),
	    text_of(f, "provider", provider, sizeof provider),
	    text_of(f, "person", person, sizeof person),
	    text_of(f, "grade", grade, sizeof grade));
}

static void
take_entry(struct run *r, const struct facts *f)
{
	if (str_eq(f->type, "finding")) {
		r->findings++;
		tell_finding(f);
	} else if (str_eq(f->type, "file")) {
		r->accesses++;
	} else if (str_eq(f->type, "flow")) {
		r->flows++;
	} else if (str_eq(f->type, "cov.loss") ||
		   str_eq(f->type, "cov.crash")) {
		r->losses++;
	}
}

/* The log is opened anew each time: it is another process's. */
static void
look(struct run *r)
{
	char path[4096];
	struct diag why = {""};
	struct ledger *l;

	if (host_log(r->agent_state, path, sizeof path) != 0 ||
	    access(path, F_OK) != 0 || ledger_open_read(path, &l, &why) != 0)
		return;
	for (int i = 0; i < ENTRIES_EACH_LOOK && r->next < ledger_size(l);
	     i++) {
		struct facts f;

		if (host_entry(l, r->next, &f, &why) != 0)
			break;
		take_entry(r, &f);
		facts_done(&f);
		r->next++;
	}
	(void)fflush(stdout);
	ledger_close(l);
}

/* What an earlier run recorded was told then. */
static void
skip_old(struct run *r)
{
	char path[4096];
	struct diag why = {""};
	struct ledger *l;

	if (host_log(r->agent_state, path, sizeof path) != 0 ||
	    access(path, F_OK) != 0 || ledger_open_read(path, &l, &why) != 0)
		return;
	r->next = ledger_size(l);
	ledger_close(l);
}

static void
tell_status(struct run *r)
{
	char path[4096], when[CLOCK_TEXT_SIZE];
	struct diag why = {""};
	uint64_t got = 0;
	int64_t at = 0;
	struct ledger *l;

	r->status_us = clock_boot_us();
	if (host_log(r->agent_state, path, sizeof path) == 0 &&
	    ledger_open_read(path, &l, &why) == 0) {
		if (ledger_receipted(l, &got, &at) != 0)
			got = 0;
		ledger_close(l);
	}
	clock_text(clock_now().wall_us, when);
	(void)printf("%.8s status   %" PRIu64 " findings, %" PRIu64
		     " file accesses, %" PRIu64 " flows, %" PRIu64
		     " gaps; %" PRIu64 " entries, %" PRIu64
		     " at the collector\n",
	    when + 11, r->findings, r->accesses, r->flows, r->losses, r->next,
	    got);
	(void)fflush(stdout);
}

/* ---- the loop ---- */

static bool
ended(pid_t pid, const char *what)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	(void)fprintf(stderr, "chaperone run: the %s ended by itself\n", what);
	return true;
}

static void
stop(pid_t pid, const char *what)
{
	uint64_t began = clock_boot_us();
	int status;

	if (pid <= 0 || kill(pid, SIGTERM) != 0)
		return;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_boot_us() - began > STOP_US) {
			(void)fprintf(stderr,
			    "chaperone run: the %s does not end; pid %d\n",
			    what, (int)pid);
			return;
		}
		(void)poll(NULL, 0, 50);
	}
}

static void
wait_once(struct run *r)
{
	struct pollfd p = {.fd = r->signals, .events = POLLIN};
	struct signalfd_siginfo si;

	if (poll(&p, 1, 250) > 0 &&
	    read(r->signals, &si, sizeof si) == sizeof si)
		r->stopping = true;
}

static bool
wait_for_log(struct run *r)
{
	uint64_t began = clock_boot_us();
	char path[4096];

	if (host_log(r->agent_state, path, sizeof path) != 0)
		return false;
	while (!r->stopping && clock_boot_us() - began < START_US) {
		if (access(path, F_OK) == 0 && host_pid(r->agent_state) != 0)
			return true;
		if (ended(r->agent, "agent")) {
			r->agent = 0;
			return false;
		}
		wait_once(r);
	}
	return false;
}

static int
serve(struct run *r)
{
	const char *agent[] = {
	    "chaperone-agent", "--config", r->agent_yaml, NULL};
	int e;

	skip_old(r);
	e = start_collector(r);
	if (e != 0)
		return cli_error("run", CLI_NETWORK,
		    "the collector did not start; what it said stands above");
	r->agent = start(agent, NULL);
	if (r->agent < 0 || !wait_for_log(r))
		return r->stopping ? CLI_OK
				   : cli_error("run", CLI_CONFIG,
					 "the agent did not start; what it "
					 "said stands above");
	e = enrol(r);
	if (e != 0)
		return cli_error("run", e > 0 ? e : CLI_NETWORK,
		    "the agent could not be enrolled");
	tell_status(r);
	while (!r->stopping) {
		wait_once(r);
		look(r);
		if (clock_boot_us() - r->status_us >= STATUS_US)
			tell_status(r);
		if (ended(r->agent, "agent")) {
			r->agent = 0;
			return CLI_DIFFERENCE;
		}
		if (ended(r->collector, "collector")) {
			r->collector = 0;
			return CLI_DIFFERENCE;
		}
	}
	return CLI_OK;
}

static int
block_signals(struct run *r)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return r->signals < 0 ? -errno : 0;
}

static int
run(int argc, char **argv)
{
	struct run r = {.signals = -1};
	const char *dir = "run";
	int e;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--dir") && i + 1 < argc)
			dir = argv[++i];
		else
			return cli_usage("run", "\"%s\" is not known", argv[i]);
	}
	if (geteuid() != 0)
		return cli_error("run", CLI_DENIED,
		    "needs root: the agent watches the files of every user "
		    "(fanotify), reads packets, and gives its parsers users "
		    "of their own; try: sudo make run");
	e = prepare(&r, dir);
	if (e == 0)
		e = block_signals(&r);
	if (e != 0)
		return cli_error(
		    "run", CLI_CONFIG, "%s: %s", dir, strerror(-e));
	e = serve(&r);
	(void)printf("stopping\n");
	(void)fflush(stdout);
	stop(r.agent, "agent");
	look(&r);
	stop(r.collector, "collector");
	close(r.signals);
	return e;
}

static const char HELP[] =
    "Example: sudo chaperone run\n\n"
    "Usage: chaperone run [--dir DIR]\n\n"
    "Starts a collector and an agent that watches this host, both with their\n"
    "state below DIR (run), and tells what is found. Ctrl-C ends both; the\n"
    "next run goes on with the same log and identity. DIR/agent.yaml and\n"
    "DIR/collector.yaml are written once and may be edited.\n";

const struct command command_run = {
    .name = "run",
    .summary = "a collector and an agent of this host, for a first look",
    .help = HELP,
    .run = run,
};
