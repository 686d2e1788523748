/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets - who opened a flow, as the kernel knew it at the first packet.
 *
 * Owns: libbpf; the object of bpf/sockets.bpf.c, which is part of this program;
 * its links, which end with this process.
 * Never: opens anything after sockets_open (the ring is mapped, its counts are
 * read by descriptor); trusts a length that the ring tells.
 *
 * Whether a kernel takes the programs is found out by loading them: neither its
 * version nor its list of security modules says so. The tracepoint that counts
 * bytes is left out where it alone is refused.
 */
#include "agent/sense/sense.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/sense/bpf/sockets.h"
#include "lib/str.h"

#include "lib/own.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define PROGRAMS_MAX 16
#define MOUNTS_MAX 100000
#define KEPT_MAX 4096 /* events that were taken from the ring at once */
#define CPUS_MAX 4096

/* The object, as the build made it. */
__asm__(".section .rodata\n"
	".balign 16\n"
	"sockets_object:\n"
	".incbin \"" SOCKETS_OBJECT "\"\n"
	"sockets_object_end:\n"
	".previous\n");
extern const char object_start[] __asm__("sockets_object");
extern const char object_end[] __asm__("sockets_object_end");

struct sockets {
	struct bpf_object *object;
	struct bpf_link *links[PROGRAMS_MAX];
	size_t nlinks;
	struct ring_buffer *ring;
	int counts; /* descriptor of the object's array */
	int cpus;
	uint64_t lost, told_lost;
	struct socket_event kept[KEPT_MAX];
	size_t at, n;
};

/* The last thing that libbpf had to say, for the reason of a refusal. */
static char complaint[160];

PRINTF_LIKE(2, 0)
static int
on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBBPF_WARN || complaint[0] != '\0')
		return 0;
	/* It can be as long as a program's listing: its first line will do. */
	(void)vsnprintf(complaint, sizeof complaint, fmt, ap);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

static int
refused(struct diag *why, int error, const char *what)
{
	return diag_set(why, error, "%s: %s%s%s", what, strerror(-error),
	    complaint[0] != '\0' ? "; " : "", complaint);
}

/* Where the one hierarchy of control groups is mounted. */
static int
open_groups(struct diag *why)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;
	int fd = -1;

	if (f == NULL)
		return diag_set(
		    why, -errno, "/proc/self/mounts: %s", strerror(errno));
	for (int i = 0; fd < 0 && i < MOUNTS_MAX; i++) {
		m = getmntent(f);
		if (m == NULL)
			break;
		if (str_eq(m->mnt_type, "cgroup2"))
			fd = open(
			    m->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	(void)endmntent(f);
	return fd >= 0 ? fd
		       : diag_set(why, -ENOTSUP,
			     "no control groups of version 2 are mounted");
}

/* The network namespace that we are in, as the kernel numbers it. */
static int
own_netns(uint64_t *out, struct diag *why)
{
	OWN_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *out;

	if (fd >= 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, out, &len) == 0)
		return 0;
	return diag_set(why, -errno,
	    "the kernel does not number network namespaces: %s",
	    strerror(errno));
}

static int
fill_constants(struct bpf_object *o, uint64_t netns)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, o)
	{
		if (strstr(bpf_map__name(m), ".rodata") != NULL)
			return bpf_map__set_initial_value(
			    m, &netns, sizeof netns);
	}
	return -EPROTO;
}

static bool
is_traced(const struct bpf_program *p)
{
	return strncmp(bpf_program__section_name(p), "tp_btf/", 7) == 0;
}

static int
load(bool traced, uint64_t netns, struct bpf_object **out, struct diag *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "sockets");
	struct bpf_object *o;
	struct bpf_program *p;
	int r;

	complaint[0] = '\0';
	o = bpf_object__open_mem(
	    object_start, (size_t)(object_end - object_start), &opts);
	if (o == NULL)
		return refused(why, -errno, "the kernel programs");
	bpf_object__for_each_program(p, o) if (is_traced(p))(void)
	    bpf_program__set_autoload(p, traced);
	r = fill_constants(o, netns);
	if (r == 0)
		r = bpf_object__load(o);
	if (r != 0) {
		bpf_object__close(o);
		return refused(why, r, "the kernel refuses programs");
	}
	*out = o;
	return 0;
}

static int
attach(struct sockets *s, int groups, struct diag *why)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, s->object)
	{
		struct bpf_link *l;

		if (!bpf_program__autoload(p))
			continue;
		if (s->nlinks == PROGRAMS_MAX)
			return -E2BIG;
		l = is_traced(p) ? bpf_program__attach(p)
				 : bpf_program__attach_cgroup(p, groups);
		if (l == NULL)
			return refused(why, -errno, bpf_program__name(p));
		s->links[s->nlinks++] = l;
	}
	return 0;
}

static int
on_told(void *ctx, void *data, size_t len)
{
	struct sockets *s = ctx;
	struct socket_event *e;
	struct told t;

	if (len < sizeof t || s->n == KEPT_MAX)
		return len < sizeof t ? 0 : -EAGAIN;
	memcpy(&t, data, sizeof t);
	e = &s->kept[s->n];
	*e = (struct socket_event){
	    .op = t.kind == TOLD_CLOSE ? SOCKET_CLOSE : SOCKET_OPEN,
	    .pid = (pid_t)t.pid,
	    .boot_us = t.boot_ns / 1000,
	    .start_ns = t.start_ns,
	    .sent = t.sent,
	    .tuple = {.family = t.family,
		.proto = t.proto,
		.sport = t.sport,
		.dport = t.dport}};
	memcpy(e->tuple.src, t.src, sizeof t.src);
	memcpy(e->tuple.dst, t.dst, sizeof t.dst);
	s->n++;
	/* A full house ends the round; the rest stays in the ring. */
	return s->n == KEPT_MAX ? -EAGAIN : 0;
}

static int
open_ring(struct sockets *s, struct diag *why)
{
	int ring = bpf_object__find_map_fd_by_name(s->object, "ring");

	s->counts = bpf_object__find_map_fd_by_name(s->object, "counts");
	s->cpus = libbpf_num_possible_cpus();
	if (ring < 0 || s->counts < 0 || s->cpus < 1 || s->cpus > CPUS_MAX)
		return diag_set(why, -EPROTO, "the kernel programs' maps");
	s->ring = ring_buffer__new(ring, on_told, s, NULL);
	return s->ring != NULL ? 0 : refused(why, -errno, "the ring");
}

int
sockets_open(struct sockets **out, struct diag *why)
{
	struct sockets *s = calloc(1, sizeof *s);
	OWN_FD int groups = -1;
	uint64_t netns = 0;
	int r;

	if (s == NULL)
		return -ENOMEM;
	(void)libbpf_set_print(on_print);
	groups = open_groups(why);
	r = groups < 0 ? groups : own_netns(&netns, why);
	if (r == 0 && load(true, netns, &s->object, why) != 0)
		r = load(false, netns, &s->object, why);
	if (r == 0)
		r = attach(s, groups, why);
	if (r == 0)
		r = open_ring(s, why);
	if (r != 0) {
		sockets_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void
sockets_close(struct sockets *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nlinks; i++)
		(void)bpf_link__destroy(s->links[i]);
	ring_buffer__free(s->ring);
	bpf_object__close(s->object);
	free(s);
}

int
sockets_fd(const struct sockets *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

/* What the ring had no room for, since the start. */
static int
count_lost(struct sockets *s)
{
	uint64_t each[CPUS_MAX];
	uint32_t key = COUNT_LOST;

	if (bpf_map_lookup_elem(s->counts, &key, each) != 0)
		return -errno;
	s->lost = 0;
	for (int i = 0; i < s->cpus; i++)
		s->lost += each[i];
	return 0;
}

int
sockets_read(struct sockets *s, struct socket_event *e)
{
	if (s->at == s->n) {
		int r;

		s->at = s->n = 0;
		r = ring_buffer__consume(s->ring);
		if (r < 0 && r != -EAGAIN)
			return r;
		if (s->n == 0)
			return 0;
		if (count_lost(s) == 0 && s->lost > s->told_lost) {
			*e = (struct socket_event){
			    .op = SOCKET_LOST, .sent = s->lost - s->told_lost};
			s->told_lost = s->lost;
			return 1;
		}
	}
	*e = s->kept[s->at++];
	return 1;
}
