/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub - the jailed parsers as `scan` and `replay` use them.
 *
 * Owns: the inspectors and the capture process as children, their links, which
 * inspector has which job.
 * Never: looks into an object; believes an inspector about an object that it
 * was not given.
 *
 * An inspector answers in the order in which it was asked, so the first job
 * that it holds is the one that it died of: that one is told as crashed, the
 * others are asked again of its successor.
 */
#include "cli/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/roles.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define GIVEN_MAX 4 /* jobs that an inspector holds */
#define FILE_FD 4 /* where chaperone-capture finds its file */
#define ARGS_MAX 80
#define HEAR_MAX 65536 /* more than its socket holds */
#define BURST 256 /* messages of one link in a row */
#define SILENT_US 300000000 /* a job without a word for this long is stuck */
#define FAILS_MAX 3 /* starts that failed, one after the other */

struct job {
	struct job *next;
	uint64_t id, max_bytes;
	int fd; /* kept until the answer */
	size_t name_len;
	uint8_t name[];
};

struct child {
	uint32_t role, index;
	pid_t pid; /* 0: not running */
	int ctl, link;
	bool ruled; /* its rules came: it serves */
	bool ended; /* it told the end of the capture file */
	unsigned fails;
	struct job *given;
	size_t ngiven;
	uint64_t heard_us; /* when it last said something */
	char error[512]; /* why it did not start */
};

struct hub {
	struct hub_options options;
	struct hub_calls calls;
	struct child inspectors[HUB_INSPECTORS_MAX];
	struct child capture;
	bool replaying;
	int capture_status;
	struct job *head, **tail;
	size_t queued;
	char digest[65];
	char cache[4096];
	uint32_t rules;
	struct ipc_in in;
	struct ipc_in heard; /* what capture said before that */
};

/* ---- processes ----------------------------------------------------------- */

/* Where an inspector keeps what it compiles; "" if there is no such place. */
static void
find_cache(char *out, size_t size)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int r = -ENOENT;

	/* XDG Base Directory Specification: a relative path is ignored. */
	if (cache != NULL && cache[0] == '/')
		r = str_format(out, size, "%s/chaperone", cache);
	else if (home != NULL && home[0] == '/')
		r = str_format(out, size, "%s/.cache/chaperone", home);
	if (r != 0)
		out[0] = '\0';
}

static size_t
arguments(const struct hub *h, const struct child *c, const char **argv,
    const char *path, char numbers[2][16])
{
	size_t n = 0;

	(void)snprintf(numbers[0], 16, "%u", c->index);
	(void)snprintf(numbers[1], 16, "%u", h->options.inspectors);
	argv[n++] = path;
	argv[n++] = "--index";
	argv[n++] = numbers[0];
	if (c->role == ROLE_CAPTURE) {
		argv[n++] = "--file";
		argv[n++] = "--inspectors";
		argv[n++] = numbers[1];
	}
	if (c->role == ROLE_INSPECT && h->cache[0] != '\0') {
		argv[n++] = "--state";
		argv[n++] = h->cache;
	}
	for (size_t i = 0; c->role == ROLE_INSPECT && i < h->options.nrules &&
			   n + 3 < ARGS_MAX;
	     i++) {
		argv[n++] = "--rules";
		argv[n++] = h->options.rules[i];
	}
	argv[n] = NULL;
	return n;
}

/* Between fork and exec. @file: -1, or the descriptor to stand at FILE_FD. */
NORETURN static void
become(const char *path, const char *const *argv, int ctl, int file)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0)
		_exit(71);
	/* Both out of the way before either takes its place. */
	ctl = fcntl(ctl, F_DUPFD, 16);
	file = file >= 0 ? fcntl(file, F_DUPFD, 16) : -1;
	if (ctl < 0 || dup2(ctl, PROC_CTL) < 0 ||
	    (file >= 0 && dup2(file, FILE_FD) < 0))
		_exit(71);
	if (syscall(SYS_close_range, file >= 0 ? FILE_FD + 1 : PROC_CTL + 1,
		~0u, 0) != 0)
		_exit(71);
	(void)execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int
send_peer(const struct child *to, uint32_t role, uint32_t index, int fd)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 64);
	buf_put_u32(&m, role);
	buf_put_u32(&m, index);
	return ipc_send_buf(to->ctl, MESSAGE_PEER, &m, fd);
}

/* A fresh link between us and a child. */
static int
link_hub(struct child *c)
{
	int pair[2];
	int r = ipc_pair(pair);

	if (r != 0)
		return r;
	r = send_peer(c, ROLE_WATCH, 0, pair[0]);
	close(pair[0]);
	c->link = pair[1];
	return r;
}

/* A fresh link between capture and an inspector. */
static int
link_flows(const struct hub *h, const struct child *c)
{
	int pair[2];
	int r = ipc_pair(pair);

	if (r != 0)
		return r;
	r = send_peer(c, ROLE_CAPTURE, 0, pair[0]);
	if (r == 0)
		r = send_peer(&h->capture, ROLE_INSPECT, c->index, pair[1]);
	close(pair[0]);
	close(pair[1]);
	return r;
}

static int
start(struct hub *h, struct child *c, int file, struct diag *why)
{
	const struct role *role = role_find(AGENT_ROLES, c->role);
	const char *argv[ARGS_MAX];
	char path[4096], numbers[2][16];
	int pair[2], r;
	pid_t pid;

	(void)snprintf(
	    path, sizeof path, "%s/%s", h->options.bin, role->program);
	(void)arguments(h, c, argv, path, numbers);
	r = ipc_pair(pair);
	if (r != 0)
		return diag_set(why, r, "socket pair: %s", strerror(-r));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(path, argv, pair[1], file);
	close(pair[1]);
	if (pid < 0) {
		r = -errno;
		close(pair[0]);
		return diag_set(why, r, "fork: %s", strerror(-r));
	}
	c->pid = pid;
	c->ctl = pair[0];
	c->link = -1;
	c->ruled = c->ended = false;
	c->error[0] = '\0';
	c->heard_us = clock_boot_us();
	r = link_hub(c);
	/* Behind the link that it is about, and before any job. */
	if (r == 0 && c->role == ROLE_INSPECT && h->options.probe != 0)
		r = ipc_send(c->link, MESSAGE_PROBE, &h->options.probe, 1, -1);
	return r != 0 ? diag_set(why, r, "link: %s", strerror(-r)) : 0;
}

/* Ends a child and returns its exit code, -1 if a signal ended it. */
static int
reap(struct child *c, bool kill_it)
{
	int status = 0;
	pid_t r;

	if (c->pid == 0)
		return -1;
	if (kill_it)
		(void)kill(c->pid, SIGKILL);
	do
		r = waitpid(c->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	c->pid = 0;
	own_close(&c->ctl);
	own_close(&c->link);
	c->ctl = c->link = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- jobs ---------------------------------------------------------------- */

static void
job_free(struct job *j)
{
	own_close(&j->fd);
	free(j);
}

static void
push(struct hub *h, struct job *j, bool front)
{
	if (front) {
		j->next = h->head;
		h->head = j;
		if (h->tail == &h->head)
			h->tail = &j->next;
	} else {
		j->next = NULL;
		*h->tail = j;
		h->tail = &j->next;
	}
	h->queued++;
}

int
hub_submit(struct hub *h, uint64_t job, int fd, uint64_t max_bytes,
    const void *name, size_t name_len)
{
	struct job *j;

	must(job >> 63 == 0);
	if (h->queued >= (size_t)h->options.inspectors * GIVEN_MAX)
		return -EAGAIN;
	j = calloc(1, sizeof *j + name_len);
	if (j == NULL) {
		own_close(&fd);
		return -ENOMEM;
	}
	*j = (struct job){
	    .id = job, .max_bytes = max_bytes, .fd = fd, .name_len = name_len};
	if (name_len > 0)
		memcpy(j->name, name, name_len);
	push(h, j, false);
	return 0;
}

static int
send_job(const struct child *c, const struct job *j)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, j->id);
	buf_put_u64(&m, j->max_bytes);
	buf_put_blob(&m, j->name, j->name_len);
	return ipc_send_buf(c->link, MESSAGE_JOB, &m, j->fd);
}

static bool
all_ruled(const struct hub *h)
{
	for (unsigned i = 0; i < h->options.inspectors; i++)
		if (!h->inspectors[i].ruled)
			return false;
	return true;
}

/* Until all serve, each has one job: the others wait for who is to come. */
static struct child *
least_busy(struct hub *h)
{
	size_t most = all_ruled(h) ? GIVEN_MAX : 1;
	struct child *best = NULL;

	for (unsigned i = 0; i < h->options.inspectors; i++) {
		struct child *c = &h->inspectors[i];

		if (c->ruled && c->ngiven < most &&
		    (best == NULL || c->ngiven < best->ngiven))
			best = c;
	}
	return best;
}

static void
hand_out(struct hub *h)
{
	while (h->head != NULL) {
		struct child *c = least_busy(h);
		struct job *j = h->head, **end;

		if (c == NULL || send_job(c, j) != 0)
			return;
		h->head = j->next;
		if (h->head == NULL)
			h->tail = &h->head;
		h->queued--;
		j->next = NULL;
		if (c->given == NULL)
			c->heard_us = clock_boot_us();
		for (end = &c->given; *end != NULL; end = &(*end)->next)
			;
		*end = j;
		c->ngiven++;
	}
}

static void
tell_crashed(struct hub *h, struct job *j, const char *reason)
{
	struct hub_skip s = {.reason = reason, .member = ""};
	struct hub_done d = {.job = j->id, .crashed = true, .type = ""};

	if (h->calls.skip != NULL)
		h->calls.skip(h->calls.ctx, j->id, &s);
	if (h->calls.done != NULL)
		h->calls.done(h->calls.ctx, &d);
	job_free(j);
}

/* What a dead inspector held: the first is lost, the rest is asked again. */
static void
take_back(struct hub *h, struct child *c, const char *reason)
{
	struct job *list[GIVEN_MAX];
	size_t n = 0;

	while (c->given != NULL) {
		must(n < GIVEN_MAX);
		list[n++] = c->given;
		c->given = c->given->next;
	}
	c->ngiven = 0;
	for (size_t k = n; k-- > 1;)
		push(h, list[k], true);
	if (n > 0)
		tell_crashed(h, list[0], reason);
}

/* ---- messages of inspectors ---------------------------------------------- */

/* An id that this inspector may speak of: its first job, or an object. */
static bool
its_own(const struct child *c, uint64_t id)
{
	return id >> 63 != 0 || (c->given != NULL && c->given->id == id);
}

static int
take_finding(struct hub *h, struct child *c, struct cur *cur)
{
	uint64_t id = cur_u64(cur);
	struct finding f;
	int r = finding_decode(&f, cur);

	if (r != 0)
		return r;
	if (cur_end(cur) != 0 || !its_own(c, id)) {
		finding_done(&f);
		return -EBADMSG;
	}
	if (h->calls.finding != NULL)
		h->calls.finding(h->calls.ctx, id, &f);
	else
		finding_done(&f);
	return 0;
}

static int
take_skip(struct hub *h, struct child *c, struct cur *cur)
{
	uint64_t id = cur_u64(cur);
	char reason[96], member[FINDING_MEMBER_MAX + 1];
	struct hub_skip s = {.reason = reason, .member = member};

	cur_str(cur, reason, sizeof reason);
	cur_str(cur, member, sizeof member);
	s.bytes = cur_u64(cur);
	if (cur_end(cur) != 0 || !its_own(c, id))
		return -EBADMSG;
	if (h->calls.skip != NULL)
		h->calls.skip(h->calls.ctx, id, &s);
	return 0;
}

static int
take_why(struct hub *h, struct child *c, struct cur *cur)
{
	OWN(why_done) struct why w = {0};
	uint64_t id = cur_u64(cur);
	char member[FINDING_MEMBER_MAX + 1];
	int r;

	cur_str(cur, member, sizeof member);
	r = why_decode(&w, cur);
	if (r != 0)
		return r;
	if (cur_end(cur) != 0 || !its_own(c, id))
		return -EBADMSG;
	if (h->calls.why != NULL)
		h->calls.why(h->calls.ctx, id, member, &w);
	return 0;
}

static int
take_cost(struct hub *h, struct child *c, struct cur *cur)
{
	uint64_t id = cur_u64(cur);
	char detector[96];
	struct hub_cost k = {.detector = detector};

	cur_str(cur, detector, sizeof detector);
	k.places = cur_u64(cur);
	k.matches = cur_u64(cur);
	k.refuted = cur_u64(cur);
	k.us = cur_u64(cur);
	if (cur_end(cur) != 0 || !its_own(c, id))
		return -EBADMSG;
	if (h->calls.cost != NULL)
		h->calls.cost(h->calls.ctx, id, &k);
	return 0;
}

static int
take_done(struct hub *h, struct child *c, struct cur *cur)
{
	struct job *j = c->given;
	char type[80];
	struct hub_done d = {.job = cur_u64(cur), .type = type};
	size_t len;

	d.size = cur_u64(cur);
	d.examined = cur_u64(cur);
	cur_str(cur, type, sizeof type);
	(void)cur_blob(cur, &len);
	if (cur_end(cur) != 0 || j == NULL || j->id != d.job)
		return -EBADMSG;
	c->given = j->next;
	c->ngiven--;
	if (h->calls.done != NULL)
		h->calls.done(h->calls.ctx, &d);
	job_free(j);
	return 0;
}

static int
take_object(struct hub *h, struct child *c, struct cur *cur)
{
	char protocol[32], method[32], uri[2048], host[256], filename[512];
	struct hub_object o = {.id = cur_u64(cur),
	    .protocol = protocol,
	    .method = method,
	    .uri = uri,
	    .host = host,
	    .filename = filename};
	const uint8_t *digest;
	uint8_t d;

	(void)c;
	o.flow = cur_u64(cur);
	cur_str(cur, protocol, sizeof protocol);
	d = cur_u8(cur);
	cur_str(cur, method, sizeof method);
	cur_str(cur, uri, sizeof uri);
	cur_str(cur, host, sizeof host);
	cur_str(cur, filename, sizeof filename);
	o.size = cur_u64(cur);
	o.complete = cur_u8(cur) != 0;
	digest = cur_bytes(cur, sizeof o.sha256);
	o.examined = cur_u64(cur);
	if (cur_end(cur) != 0 || d > TO_CLIENT || o.id >> 63 == 0)
		return -EBADMSG;
	o.direction = (enum direction)d;
	memcpy(o.sha256, digest, sizeof o.sha256);
	if (h->calls.object != NULL)
		h->calls.object(h->calls.ctx, &o);
	return 0;
}

static int
take_examined(struct hub *h, struct child *c, struct cur *cur)
{
	uint64_t flow = cur_u64(cur);
	uint64_t to_server = cur_u64(cur);
	uint64_t to_client = cur_u64(cur);

	(void)c;
	if (cur_end(cur) != 0)
		return -EBADMSG;
	if (h->calls.examined != NULL)
		h->calls.examined(h->calls.ctx, flow, to_server, to_client);
	return 0;
}

static int
take_rules(struct hub *h, struct child *c, struct cur *cur)
{
	char digest[sizeof h->digest];

	cur_str(cur, digest, sizeof digest);
	h->rules = cur_u32(cur);
	if (cur_end(cur) != 0 || strlen(digest) != 64)
		return -EBADMSG;
	/* One that starts later may find others: then nothing would tell which
	 * set found what. */
	if (h->digest[0] != '\0' && !str_eq(h->digest, digest)) {
		(void)str_copy(c->error, sizeof c->error,
		    "the rules have changed since the first one started");
		return -EBADMSG;
	}
	memcpy(h->digest, digest, sizeof digest);
	c->ruled = true;
	c->fails = 0;
	return 0;
}

static int
take_loss(struct hub *h, struct child *c, struct cur *cur)
{
	char stage[32], reason[96];
	uint64_t lost, bytes;

	(void)c;
	cur_str(cur, stage, sizeof stage);
	cur_str(cur, reason, sizeof reason);
	lost = cur_u64(cur);
	bytes = cur_u64(cur);
	if (cur_end(cur) != 0)
		return -EBADMSG;
	if (h->calls.loss != NULL)
		h->calls.loss(h->calls.ctx, stage, reason, lost, bytes);
	return 0;
}

static int
take_end(struct hub *h, struct child *c, struct cur *cur)
{
	(void)h;
	c->ended = true;
	return cur_end(cur);
}

/* ---- messages of capture ------------------------------------------------- */

static int
take_open(struct hub *h, struct child *c, struct cur *cur)
{
	struct hub_open o = {.flow = cur_u64(cur)};
	int r = tuple_decode(&o.tuple, cur);

	(void)c;
	o.midstream = cur_u8(cur) != 0;
	o.boot_us = cur_u64(cur);
	if (r != 0 || cur_end(cur) != 0)
		return -EBADMSG;
	if (h->calls.open != NULL)
		h->calls.open(h->calls.ctx, &o);
	return 0;
}

static int
take_gap(struct hub *h, struct child *c, struct cur *cur)
{
	struct hub_gap g = {.flow = cur_u64(cur)};
	uint8_t d = cur_u8(cur);

	(void)c;
	g.offset = cur_u64(cur);
	g.bytes = cur_u64(cur);
	if (cur_end(cur) != 0 || d > TO_CLIENT)
		return -EBADMSG;
	g.direction = (enum direction)d;
	if (h->calls.gap != NULL)
		h->calls.gap(h->calls.ctx, &g);
	return 0;
}

static int
take_close(struct hub *h, struct child *c, struct cur *cur)
{
	char how[64];
	struct hub_close x = {.flow = cur_u64(cur), .how = how};

	(void)c;
	x.to_server = cur_u64(cur);
	x.to_client = cur_u64(cur);
	x.gap_bytes = cur_u64(cur);
	x.boot_us = cur_u64(cur);
	cur_str(cur, how, sizeof how);
	if (cur_end(cur) != 0)
		return -EBADMSG;
	if (h->calls.close != NULL)
		h->calls.close(h->calls.ctx, &x);
	return 0;
}

/* Totals since start are for a host's record. */
static int
take_counters(struct hub *h, struct child *c, struct cur *cur)
{
	(void)h;
	(void)c;
	(void)cur;
	return 0;
}

struct handler {
	uint32_t role;
	uint32_t type;
	int (*take)(struct hub *h, struct child *c, struct cur *cur);
};

static const struct handler HANDLERS[] = {
    {ROLE_INSPECT, MESSAGE_FINDING, take_finding},
    {ROLE_INSPECT, MESSAGE_SKIP, take_skip},
    {ROLE_INSPECT, MESSAGE_WHY, take_why},
    {ROLE_INSPECT, MESSAGE_COST, take_cost},
    {ROLE_INSPECT, MESSAGE_DONE, take_done},
    {ROLE_INSPECT, MESSAGE_OBJECT, take_object},
    {ROLE_INSPECT, MESSAGE_EXAMINED, take_examined},
    {ROLE_INSPECT, MESSAGE_RULES, take_rules},
    {ROLE_INSPECT, MESSAGE_LOSS, take_loss},
    {ROLE_INSPECT, MESSAGE_END, take_end},
    {ROLE_CAPTURE, MESSAGE_FLOW_OPEN, take_open},
    {ROLE_CAPTURE, MESSAGE_FLOW_GAP, take_gap},
    {ROLE_CAPTURE, MESSAGE_FLOW_CLOSE, take_close},
    {ROLE_CAPTURE, MESSAGE_LOSS, take_loss},
    {ROLE_CAPTURE, MESSAGE_COUNTERS, take_counters},
    {ROLE_CAPTURE, MESSAGE_END, take_end},
};

static int
take(struct hub *h, struct child *c, struct ipc_in *in)
{
	struct cur cur;

	own_close(&in->fd);
	cur_init(&cur, in->data, in->len);
	for (size_t i = 0; i < ARRAY_LEN(HANDLERS); i++)
		if (HANDLERS[i].role == c->role && HANDLERS[i].type == in->type)
			return HANDLERS[i].take(h, c, &cur);
	return -EBADMSG;
}

/*
 * Capture tells of a flow before it gives an inspector any of it, so whatever
 * an inspector has said, what capture said before is waiting. Its end, or a
 * message that is none, is left to whoever looks after it.
 */
static void
hear_capture(struct hub *h)
{
	struct child *c = &h->capture;

	for (int n = 0; n < HEAR_MAX && c->link >= 0; n++) {
		if (ipc_recv(c->link, &h->heard) != 1 ||
		    take(h, c, &h->heard) != 0)
			return;
		c->heard_us = clock_boot_us();
	}
}

/* Returns 0 while the link lives, else why it does not. */
static int
read_link(struct hub *h, struct child *c)
{
	for (int n = 0; n < BURST; n++) {
		int r = ipc_recv(c->link, &h->in);

		if (r == -EAGAIN)
			return 0;
		if (r == 1 && c->role == ROLE_INSPECT)
			hear_capture(h);
		if (r == 1)
			r = take(h, c, &h->in);
		else if (r == 0)
			r = -EPIPE;
		if (r != 0)
			return r;
		c->heard_us = clock_boot_us();
	}
	return 0;
}

/* Its own words: only why it could not start is of interest. */
static int
read_ctl(struct hub *h, struct child *c)
{
	char key[64];
	struct cur cur;

	for (int n = 0; n < BURST; n++) {
		int r = ipc_recv(c->ctl, &h->in);

		if (r != 1)
			return r == -EAGAIN ? 0 : -EPIPE;
		own_close(&h->in.fd);
		if (h->in.type != MESSAGE_NOTE)
			continue;
		cur_init(&cur, h->in.data, h->in.len);
		cur_str(&cur, key, sizeof key);
		if (str_eq(key, "error"))
			cur_str(&cur, c->error, sizeof c->error);
	}
	return 0;
}

/* ---- life and death ------------------------------------------------------ */

/* An inspector that is gone: a new one, unless it cannot even start. */
static int
replace(struct hub *h, struct child *c, const char *reason, struct diag *why)
{
	bool served = c->ruled;
	int status;

	(void)read_ctl(h, c);
	/* One that is on its way out keeps its exit code. */
	status = reap(c, true);
	if (!served && status == 3)
		return diag_set(why, -EBADMSG, "%s", c->error);
	if (!served && ++c->fails >= FAILS_MAX)
		return diag_set(why, -EIO, "%s does not start%s%s",
		    role_find(AGENT_ROLES, ROLE_INSPECT)->program,
		    c->error[0] != '\0' ? ": " : "", c->error);
	take_back(h, c, reason);
	if (h->replaying && h->calls.loss != NULL)
		h->calls.loss(h->calls.ctx, "inspect", reason, 1, 0);
	status = start(h, c, -1, why);
	if (status != 0 || !h->replaying)
		return status;
	/* Without capture there is no flow to be answered for. */
	if (h->capture.pid == 0 || h->capture.ended || link_flows(h, c) != 0)
		c->ended = true;
	return 0;
}

static void
capture_gone(struct hub *h, bool kill_it)
{
	h->capture_status = reap(&h->capture, kill_it);
	if (!h->capture.ended && h->capture_status == 0)
		h->capture_status = -1;
	h->capture.ended = true;
}

/* Its link may end before it does: it is gone when its control socket is. */
static void
look_after_capture(struct hub *h)
{
	struct child *c = &h->capture;
	int r = c->link >= 0 ? read_link(h, c) : 0;

	if (r == -EPIPE) {
		own_close(&c->link);
		c->link = -1;
	} else if (r != 0) {
		capture_gone(h, true);
		return;
	}
	/* Not before the last word on its link was read. */
	if (read_ctl(h, c) != 0 && c->link < 0)
		capture_gone(h, false);
}

/* Capture is through and everything is answered: the end. */
static void
finish_replay(struct hub *h)
{
	if (!h->replaying || h->capture.pid != 0)
		return;
	for (unsigned i = 0; i < h->options.inspectors; i++)
		if (!h->inspectors[i].ended)
			return;
	h->replaying = false;
	if (h->calls.end != NULL)
		h->calls.end(h->calls.ctx, h->capture_status, h->capture.error);
}

static int
look_after(struct hub *h, struct child *c, bool readable, struct diag *why)
{
	int r = 0;

	if (readable) {
		r = read_link(h, c);
		if (r == 0)
			r = read_ctl(h, c);
	}
	if (r != 0)
		return replace(h, c, "crashed", why);
	if (c->given != NULL && clock_boot_us() - c->heard_us > SILENT_US)
		return replace(h, c, "took too long", why);
	return 0;
}

/* One more inspector for jobs that wait: to start one takes a while. */
static int
start_more(struct hub *h, struct diag *why)
{
	if (h->head == NULL)
		return 0;
	for (unsigned i = 0; i < h->options.inspectors; i++)
		if (h->inspectors[i].pid == 0)
			return start(h, &h->inspectors[i], -1, why);
	return 0;
}

int
hub_step(struct hub *h, int timeout_ms, struct diag *why)
{
	struct pollfd p[2 * (HUB_INSPECTORS_MAX + 1)];
	unsigned n = h->options.inspectors;
	int e;

	hand_out(h);
	e = start_more(h, why);
	if (e != 0)
		return e;
	for (unsigned i = 0; i <= n; i++) {
		const struct child *c = i < n ? &h->inspectors[i] : &h->capture;

		p[2 * i] = (struct pollfd){.fd = c->link, .events = POLLIN};
		p[2 * i + 1] = (struct pollfd){.fd = c->ctl, .events = POLLIN};
	}
	/* Now and then also for what says nothing any more. */
	if (timeout_ms < 0 || timeout_ms > 1000)
		timeout_ms = 1000;
	if (poll(p, 2 * (n + 1), timeout_ms) < 0 && errno != EINTR)
		return diag_set(why, -errno, "poll: %s", strerror(errno));
	for (unsigned i = 0; i < n; i++) {
		int r = look_after(h, &h->inspectors[i],
		    (p[2 * i].revents | p[2 * i + 1].revents) != 0, why);

		if (r != 0)
			return r;
	}
	if (h->capture.pid != 0 &&
	    (p[2 * n].revents | p[2 * n + 1].revents) != 0)
		look_after_capture(h);
	finish_replay(h);
	hand_out(h);
	return 0;
}

bool
hub_idle(const struct hub *h)
{
	if (h->replaying || h->head != NULL)
		return false;
	for (unsigned i = 0; i < h->options.inspectors; i++)
		if (h->inspectors[i].given != NULL)
			return false;
	return true;
}

/* Starts those that do not run yet, and waits for all. */
static int
start_all(struct hub *h, struct diag *why)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < h->options.inspectors; i++)
		if (h->inspectors[i].pid == 0)
			r = start(h, &h->inspectors[i], -1, why);
	while (r == 0 && !all_ruled(h))
		r = hub_step(h, -1, why);
	return r;
}

int
hub_replay(struct hub *h, int fd, struct diag *why)
{
	int r;

	must(!h->replaying);
	h->capture_status = 0;
	r = start_all(h, why);
	if (r != 0)
		return r;
	r = start(h, &h->capture, fd, why);
	for (unsigned i = 0; r == 0 && i < h->options.inspectors; i++) {
		h->inspectors[i].ended = false;
		r = link_flows(h, &h->inspectors[i]);
		if (r != 0)
			(void)diag_set(why, r, "link: %s", strerror(-r));
	}
	h->replaying = r == 0;
	return r;
}

const char *
hub_digest(const struct hub *h)
{
	return h->digest;
}

unsigned
hub_rules(const struct hub *h)
{
	return h->rules;
}

int
hub_start(const struct hub_options *o, const struct hub_calls *c,
    struct hub **out, struct diag *why)
{
	struct hub *h = calloc(1, sizeof *h);
	int r = 0;

	must(o->inspectors >= 1 && o->inspectors <= HUB_INSPECTORS_MAX);
	if (h == NULL)
		return -ENOMEM;
	h->options = *o;
	h->calls = *c;
	h->tail = &h->head;
	find_cache(h->cache, sizeof h->cache);
	h->capture = (struct child){
	    .role = ROLE_CAPTURE, .ctl = -1, .link = -1, .ended = true};
	for (unsigned i = 0; i < HUB_INSPECTORS_MAX; i++)
		h->inspectors[i] = (struct child){
		    .role = ROLE_INSPECT, .index = i, .ctl = -1, .link = -1};
	/* The others when there is work for them. */
	r = start(h, &h->inspectors[0], -1, why);
	while (r == 0 && !h->inspectors[0].ruled)
		r = hub_step(h, -1, why);
	if (r != 0) {
		hub_free(h);
		return r;
	}
	*out = h;
	return 0;
}

void
hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	(void)reap(&h->capture, true);
	for (unsigned i = 0; i < HUB_INSPECTORS_MAX; i++) {
		struct child *c = &h->inspectors[i];

		(void)reap(c, true);
		while (c->given != NULL) {
			struct job *j = c->given;

			c->given = j->next;
			job_free(j);
		}
	}
	while (h->head != NULL) {
		struct job *j = h->head;

		h->head = j->next;
		job_free(j);
	}
	free(h);
}

void
hub_freep(struct hub **h)
{
	hub_free(*h);
	*h = NULL;
}
