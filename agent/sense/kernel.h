/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel - programs in the kernel and the ring by which they tell; for this room
 * alone.
 */
#ifndef AGENT_SENSE_KERNEL_H
#define AGENT_SENSE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

/* An object file that this program carries. */
struct kernel_object {
	const char *name;
	const void *bytes;
	size_t len;
	const void *constants; /* of its .rodata, the whole of it, if any */
	size_t constants_len;
	const char *optional; /* NULL, or a section it can do without */
};

/* Called for each record, which is taken; @len is the ring's word. 0, or -EAGAIN
 * to leave the rest in the ring. */
typedef int kernel_told_fn(void *ctx, const void *record, size_t len);

struct kernel;

/*
 * kernel_open - loads and attaches every program of an object that has the maps
 * "ring" and "counts". -ENOTSUP, -EPERM, … with the reason in @why.
 */
int kernel_open(const struct kernel_object *o, kernel_told_fn *told, void *ctx,
    struct kernel **out, struct diag *why) MUST_CHECK;
void kernel_close(struct kernel *k);
/* kernel_whole - false if it had to do without what is optional. */
bool kernel_whole(const struct kernel *k);
/* kernel_fd - readable when the kernel calls; it may be told not to. */
int kernel_fd(const struct kernel *k);
/* kernel_consume - hands over what is in the ring. 0 or -errno. */
int kernel_consume(struct kernel *k) MUST_CHECK;
/* kernel_count - one of its counts, over all processors. */
int kernel_count(
    const struct kernel *k, uint32_t which, uint64_t *n) MUST_CHECK;
/* kernel_set, kernel_unset - a value in one of its maps. */
int kernel_set(const struct kernel *k, const char *map, const void *key,
    const void *value) MUST_CHECK;
int kernel_unset(
    const struct kernel *k, const char *map, const void *key) MUST_CHECK;

/* kernel_netns - the network namespace that we are in, as the kernel numbers it.
 * -ENOPROTOOPT before Linux 5.14. */
int kernel_netns(uint64_t *out, struct diag *why) MUST_CHECK;

/* KERNEL_OBJECT - the bytes of a file, as NAME_bytes and NAME_end. Who only
 * reads the source has no such file. */
#ifdef __clang_analyzer__
#define KERNEL_OBJECT(name, file) extern const char name##_bytes[], name##_end[]
#else
#define KERNEL_OBJECT(name, file) \
	__asm__(".section .rodata\n.balign 16\n" #name \
		"_bytes:\n.incbin \"" file "\"\n" #name "_end:\n.previous\n"); \
	extern const char name##_bytes[] __asm__(#name "_bytes"); \
	extern const char name##_end[] __asm__(#name "_end")
#endif

#endif
