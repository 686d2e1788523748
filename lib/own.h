/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own - ownership, checked results, and assertions that stay on.
 *
 * Owns: the few macros a function cannot replace.
 * Never: hides control flow other than clean-up at the end of a scope.
 *
 * Include this last: it brings lib/banned.h, which forbids calls that system
 * headers may still declare.
 */
#ifndef LIB_OWN_H
#define LIB_OWN_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

/* Runs @fn(&variable) at the end of the scope: OWN(buf_done) struct buf b; */
#define OWN(fn) __attribute__((cleanup(fn)))

static inline void
own_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
own_free(void *p)
{
	free(*(void **)p);
}

#define OWN_FD OWN(own_close)
#define OWN_MEM OWN(own_free)

/* Moves a pointer out of its owner, which then holds NULL. */
#define OWN_TAKE(p) \
	__extension__({ \
		__typeof__(*(p)) taken_ = *(p); \
		*(p) = NULL; \
		taken_; \
	})

/* Moves a descriptor out of its owner, which then holds -1. */
static inline int
own_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* A bug of ours if false: the process dies and the supervisor records it. */
#define must(cond) \
	do { \
		if (__builtin_expect(!(cond), 0)) \
			must_failed(#cond, __FILE__, __LINE__); \
	} while (0)

NORETURN void must_failed(const char *cond, const char *file, int line);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#include "lib/banned.h"

#endif
