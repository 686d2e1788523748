/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone report - a provider's exposure, from the collector of this machine.
 *
 * Owns: the caller's side of STATE/report.sock, and what an exit status says
 * about a report.
 * Never: opens the database: the collector reads it, and records that first.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/str.h"

#include "lib/own.h"

#define ID 1
/* Longer than the collector waits for its own log. */
#define TIMEOUT_US 120000000

struct ask {
	const char *state, *user, *provider, *format, *view;
	int64_t from_us, to_us; /* 0 is open */
};

struct answer {
	uint32_t status;
	char type[128], error[WIRE_ERROR_MAX];
	uint8_t flags;
	int body;
};

static int
dial(const char *state, struct diag *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int r;

	if (str_format(
		at.sun_path, sizeof at.sun_path, "%s/report.sock", state) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: too long", state);
	OWN_FD int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return diag_set(why, -errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
		return own_take_fd(&fd);
	r = -errno;
	if (r == -ENOENT || r == -ECONNREFUSED || r == -EAGAIN)
		return diag_set(why, -ECONNREFUSED,
		    "%s: no collector answers there; does it run, and with "
		    "this state (--state DIR)?",
		    at.sun_path);
	return diag_set(why, r, "%s: %s%s", at.sun_path, strerror(-r),
	    r == -EACCES ? "; it needs root" : "");
}

static int
send_ask(int fd, const struct ask *a)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, ID);
	buf_put_str(&m, a->user);
	buf_put_str(&m, "cli");
	buf_put_str(&m, "report");
	buf_put_str(&m, a->provider);
	buf_put_u64(&m, (uint64_t)a->from_us);
	buf_put_u64(&m, (uint64_t)a->to_us);
	buf_put_str(&m, a->format);
	buf_put_str(&m, a->view);
	return ipc_send_buf(fd, WIRE_ASK, &m, -1);
}

static int
read_answer(struct ipc_in *in, struct answer *out)
{
	struct cur c;
	uint64_t id;

	cur_init(&c, in->data, in->len);
	id = cur_u64(&c);
	out->status = cur_u32(&c);
	cur_str(&c, out->type, sizeof out->type);
	cur_str(&c, out->error, sizeof out->error);
	out->flags = cur_u8(&c);
	out->body = own_take_fd(&in->fd);
	if (cur_end(&c) != 0 || in->type != WIRE_ANSWER || id != ID ||
	    (out->status == 200) != (out->body >= 0))
		return -EBADMSG;
	return 0;
}

static int
wait_answer(int fd, struct answer *out)
{
	OWN_MEM struct ipc_in *in = calloc(1, sizeof *in);
	uint64_t until = clock_boot_us() + TIMEOUT_US;

	if (in == NULL)
		return -ENOMEM;
	while (clock_boot_us() < until) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r = ipc_recv(fd, in);

		if (r == 1)
			return read_answer(in, out);
		if (r != -EAGAIN)
			return r == 0 ? -ECONNRESET : r;
		if (poll(&p, 1, 1000) < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

static int
ask(const struct ask *a, struct answer *out, struct diag *why)
{
	OWN_FD int fd = dial(a->state, why);
	int r;

	if (fd < 0)
		return fd;
	r = send_ask(fd, a);
	if (r == 0)
		r = wait_answer(fd, out);
	if (r == -EPIPE || r == -ECONNRESET)
		return diag_set(why, -ECONNREFUSED,
		    "the collector hung up; it may be starting or stopping: "
		    "try again");
	return r == 0 ? 0 : diag_set(why, r, "the collector: %s", strerror(-r));
}

static int
copy_body(int fd)
{
	char part[65536];

	for (;;) {
		ssize_t n = read(fd, part, sizeof part);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (fwrite(part, 1, (size_t)n, stdout) != (size_t)n)
			return -errno;
	}
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int
verdict(const struct answer *a)
{
	if ((a->flags & WIRE_KNOWN) == 0)
		return cli_error("report", CLI_DIFFERENCE,
		    "nothing is recorded of this provider, of any time; a "
		    "mistyped name looks the same");
	if ((a->flags & WIRE_COMPLETE) == 0)
		return cli_error("report", CLI_INCOMPLETE,
		    "the period was not observed completely; the report says "
		    "when and why");
	return CLI_OK;
}

static int
refusal(const struct answer *a)
{
	char text[2 * WIRE_ERROR_MAX];

	str_escape(text, sizeof text, a->error, strlen(a->error));
	return cli_error("report", a->status == 400 ? CLI_USAGE : CLI_NETWORK,
	    "%s", text[0] != '\0' ? text : "the collector refuses");
}

/* Who is behind sudo, or else whose id this is. */
static const char *
default_user(void)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw;

	if (sudo != NULL && sudo[0] != '\0')
		return sudo;
	pw = getpwuid(getuid());
	return pw != NULL ? pw->pw_name : "unknown";
}

static int
take_time(const char *option, const char *text, int64_t *out)
{
	if (clock_parse(text, out) == 0 && *out > 0)
		return 0;
	return cli_usage("report",
	    "%s: is no date (as 2026-01-31) and no time (as "
	    "2026-01-31T12:00:00Z)",
	    option);
}

/* CLI_OK, or an exit code after its sentence. */
static int
take_arguments(int argc, char **argv, struct ask *a)
{
	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		int r = CLI_OK;

		/* As every command has it; alone without a value. */
		if (str_eq(argv[i], "--json")) {
			a->format = "json";
			i--;
			continue;
		}
		if (value == NULL)
			return cli_usage("report",
			    "\"%s\" is not known, or lacks its value", argv[i]);
		if (str_eq(argv[i], "--provider"))
			a->provider = value;
		else if (str_eq(argv[i], "--format"))
			a->format = value;
		else if (str_eq(argv[i], "--view"))
			a->view = value;
		else if (str_eq(argv[i], "--state"))
			a->state = value;
		else if (str_eq(argv[i], "--user"))
			a->user = value;
		else if (str_eq(argv[i], "--from"))
			r = take_time(argv[i], value, &a->from_us);
		else if (str_eq(argv[i], "--to"))
			r = take_time(argv[i], value, &a->to_us);
		else
			r = cli_usage("report", "\"%s\" is not known", argv[i]);
		if (r != CLI_OK)
			return r;
	}
	if (a->provider == NULL || a->provider[0] == '\0')
		return cli_usage("report", "--provider: which one?");
	if (!str_eq(a->format, "html") && !str_eq(a->format, "json") &&
	    !str_eq(a->format, "csv"))
		return cli_usage("report", "--format: html, json or csv");
	if (strlen(a->view) >= WIRE_VIEW_MAX)
		return cli_usage("report", "--view: is too long");
	if (a->to_us != 0 && a->to_us <= a->from_us)
		return cli_usage("report", "--to: lies before --from");
	return CLI_OK;
}

static int
run(int argc, char **argv)
{
	struct ask a = {.state = CONTROL_STATE,
	    .format = "json",
	    .view = "",
	    .user = default_user()};
	struct answer out = {.body = -1};
	struct diag why = {""};
	int r = take_arguments(argc, argv, &a);

	if (r != CLI_OK)
		return r;
	r = ask(&a, &out, &why);
	OWN_FD int body = out.body;
	if (r != 0)
		return cli_error("report",
		    r == -EBADMSG ? CLI_VERIFY : cli_exit_for(r), "%s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	if (out.status != 200)
		return refusal(&out);
	r = copy_body(body);
	if (r != 0)
		return cli_error("report", r == -EPIPE ? 141 : CLI_DIFFERENCE,
		    "standard output: %s", strerror(-r));
	return verdict(&out);
}

static const char HELP[] =
    "Example: sudo chaperone report --provider acme --format html > acme.html\n"
    "\n"
    "Usage: chaperone report --provider P [--from T] [--to T]\n"
    "       [--format html|json|csv] [--view VIEW] [--user NAME] [--state DIR]\n"
    "\n"
    "Writes what the collector of this machine holds of a provider: who, what,\n"
    "where to, how surely, and how much of the time was observed. That it was\n"
    "read, and by whom (--user, or who is behind sudo), is recorded first.\n\n"
    "  --from T   a date (2026-01-31: its first second, UTC) or a time\n"
    "             (2026-01-31T12:00:00Z); left out: since the first agent\n"
    "             began to watch\n"
    "  --to T     the same, not included; left out: until now\n"
    "  --format   json, if it is left out (or --json); the keys: man\n"
    "             chaperone-report\n"
    "  --view     what a regulation asks about, as hipaa: a view of the rules\n"
    "             that the collector is configured with; other findings are\n"
    "             counted\n"
    "  --state    the collector's, /var/lib/chaperone-collector if left out\n"
    "\n"
    "unassigned, staff and unknown are providers, too.\n\n"
    "Exit: 0 ok, 8 ok but the period was not observed completely, 1 nothing\n"
    "is recorded of this provider (the report is written all the same), 2\n"
    "usage, 4 not permitted, 6 no collector answers or it cannot record the\n"
    "reading.\n";

const struct command command_report = {
    .name = "report",
    .summary = "what a provider was exposed to, and how surely",
    .help = HELP,
    .run = run,
};
