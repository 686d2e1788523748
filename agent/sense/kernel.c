/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel - loads programs into the kernel, and hears what they tell.
 *
 * Owns: libbpf; the objects' links, which end with this process.
 * Never: opens anything after kernel_open (the ring is mapped, maps are reached
 * by descriptor); knows what a record means.
 *
 * Whether a kernel takes the programs is found out by loading them: neither its
 * version nor its list of security modules says so. A program that is optional
 * is left out where the object is refused with it.
 */
#include "agent/sense/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/str.h"

#include "lib/own.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define PROGRAMS_MAX 16
#define MOUNTS_MAX 100000
#define CPUS_MAX 4096

struct kernel {
	struct bpf_object *object;
	struct bpf_link *links[PROGRAMS_MAX];
	size_t nlinks;
	struct ring_buffer *ring;
	kernel_told_fn *told;
	void *ctx;
	int counts; /* descriptor of that array */
	int cpus;
	bool whole; /* with what is optional */
};

/* The first thing that libbpf complains of, for the reason of a refusal. */
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

static int
fill_constants(struct bpf_object *o, const struct kernel_object *from)
{
	struct bpf_map *m;

	if (from->constants_len == 0)
		return 0;
	bpf_object__for_each_map(m, o)
	{
		if (strstr(bpf_map__name(m), ".rodata") != NULL)
			return bpf_map__set_initial_value(
			    m, from->constants, from->constants_len);
	}
	return -EPROTO;
}

static int
load(const struct kernel_object *from, bool whole, struct bpf_object **out,
    struct diag *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = from->name);
	struct bpf_object *o;
	struct bpf_program *p;
	int r;

	complaint[0] = '\0';
	o = bpf_object__open_mem(from->bytes, from->len, &opts);
	if (o == NULL)
		return refused(why, -errno, "the kernel programs");
	bpf_object__for_each_program(p, o)
	{
		if (from->optional != NULL &&
		    str_eq(bpf_program__section_name(p), from->optional))
			(void)bpf_program__set_autoload(p, whole);
	}
	r = fill_constants(o, from);
	if (r == 0)
		r = bpf_object__load(o);
	if (r != 0) {
		bpf_object__close(o);
		return refused(why, r, "the kernel refuses programs");
	}
	*out = o;
	return 0;
}

static struct bpf_link *
attach_one(struct bpf_program *p, int *groups, struct diag *why)
{
	if (strncmp(bpf_program__section_name(p), "cgroup", 6) != 0)
		return bpf_program__attach(p);
	if (*groups < 0)
		*groups = open_groups(why);
	if (*groups < 0) {
		errno = -*groups;
		return NULL;
	}
	return bpf_program__attach_cgroup(p, *groups);
}

static int
attach(struct kernel *k, struct diag *why)
{
	OWN_FD int groups = -1;
	struct bpf_program *p;

	complaint[0] = '\0';
	bpf_object__for_each_program(p, k->object)
	{
		struct bpf_link *l;

		if (!bpf_program__autoload(p))
			continue;
		if (k->nlinks == PROGRAMS_MAX)
			return -E2BIG;
		l = attach_one(p, &groups, why);
		if (l == NULL && groups < -1)
			return groups;
		if (l == NULL)
			return refused(why, -errno, bpf_program__name(p));
		k->links[k->nlinks++] = l;
	}
	return 0;
}

static int
on_told(void *ctx, void *data, size_t len)
{
	struct kernel *k = ctx;

	return k->told(k->ctx, data, len);
}

static int
open_ring(struct kernel *k, struct diag *why)
{
	int ring = bpf_object__find_map_fd_by_name(k->object, "ring");

	k->counts = bpf_object__find_map_fd_by_name(k->object, "counts");
	k->cpus = libbpf_num_possible_cpus();
	if (ring < 0 || k->counts < 0 || k->cpus < 1 || k->cpus > CPUS_MAX)
		return diag_set(why, -EPROTO, "the kernel programs' maps");
	k->ring = ring_buffer__new(ring, on_told, k, NULL);
	return k->ring != NULL ? 0 : refused(why, -errno, "the ring");
}

int
kernel_open(const struct kernel_object *o, kernel_told_fn *told, void *ctx,
    struct kernel **out, struct diag *why)
{
	struct kernel *k = calloc(1, sizeof *k);
	int r;

	if (k == NULL)
		return -ENOMEM;
	k->told = told;
	k->ctx = ctx;
	(void)libbpf_set_print(on_print);
	r = load(o, true, &k->object, why);
	k->whole = r == 0;
	if (r != 0 && o->optional != NULL)
		r = load(o, false, &k->object, why);
	if (r == 0)
		r = attach(k, why);
	if (r == 0)
		r = open_ring(k, why);
	if (r != 0) {
		kernel_close(k);
		return r;
	}
	*out = k;
	return 0;
}

void
kernel_close(struct kernel *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->nlinks; i++)
		(void)bpf_link__destroy(k->links[i]);
	ring_buffer__free(k->ring);
	bpf_object__close(k->object);
	free(k);
}

bool
kernel_whole(const struct kernel *k)
{
	return k->whole;
}

int
kernel_fd(const struct kernel *k)
{
	return ring_buffer__epoll_fd(k->ring);
}

int
kernel_consume(struct kernel *k)
{
	int r = ring_buffer__consume(k->ring);

	return r < 0 && r != -EAGAIN ? r : 0;
}

int
kernel_count(const struct kernel *k, uint32_t which, uint64_t *n)
{
	uint64_t each[CPUS_MAX];

	if (bpf_map_lookup_elem(k->counts, &which, each) != 0)
		return -errno;
	*n = 0;
	for (int i = 0; i < k->cpus; i++)
		*n += each[i];
	return 0;
}

int
kernel_set(
    const struct kernel *k, const char *map, const void *key, const void *value)
{
	int fd = bpf_object__find_map_fd_by_name(k->object, map);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, key, value, BPF_ANY) == 0 ? 0 : -errno;
}

int
kernel_unset(const struct kernel *k, const char *map, const void *key)
{
	int fd = bpf_object__find_map_fd_by_name(k->object, map);

	if (fd < 0)
		return fd;
	return bpf_map_delete_elem(fd, key) == 0 ? 0 : -errno;
}

int
kernel_netns(uint64_t *out, struct diag *why)
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
