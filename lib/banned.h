/* SPDX-License-Identifier: Apache-2.0 */
/*
 * banned - calls that do not compile in this project.
 *
 * Owns: the list of functions with a bounded or reentrant replacement here.
 * Never: included by hand; the Makefile includes it after every system header
 * by way of lib/own.h, which each file of the project includes last.
 *
 * A third-party header whose inline functions use such a call goes before the
 * project's own headers.
 */
#ifndef LIB_BANNED_H
#define LIB_BANNED_H

/* Declared first, so that a later include of these meets no poison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#pragma GCC poison strcat strncpy strncat stpcpy vsprintf gets
#pragma GCC poison strtok atoi atol atof gmtime localtime ctime asctime
#pragma GCC poison mktemp tmpnam system popen

#undef strcpy
#define strcpy banned_strcpy_use_str_copy
#undef sprintf
#define sprintf banned_sprintf_use_snprintf
#undef bzero
#define bzero banned_bzero_use_memset
#undef rand
#define rand banned_rand_use_rng

#endif
