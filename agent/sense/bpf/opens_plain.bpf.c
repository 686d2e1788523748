// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opens_plain - opens.bpf.c for kernels that cannot give a number its type.
 */
#define PLAIN 1
#include "opens.bpf.c"
