/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - feeds the files of a corpus to a fuzz target, without a fuzzer.
 *
 * Owns: a main for tests/fuzz/fuzz_*.c that any compiler links.
 * Never: judges; a target that crashes ends the plan early, and that is seen.
 * Hands over: TAP, one line a file; the empty input comes first.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/own.h"

#define FILE_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
feed(int dir, const char *name)
{
	OWN_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	OWN_MEM uint8_t *data = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > FILE_MAX)
		return -1;
	/* Exactly as large as the input, so that a sanitizer sees its end. */
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (data == NULL)
		return -1;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, data + len, (size_t)st.st_size - len);

		if (n <= 0)
			return -1;
		len += (size_t)n;
	}
	return LLVMFuzzerTestOneInput(data, len);
}

static int
is_input(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int bad = 0;
	int dir;
	int n;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = dir < 0 ? 0 : scandir(argv[1], &names, is_input, alphasort);
	if (n < 0)
		n = 0;
	(void)printf("1..%d\n", n + 1);
	(void)fflush(stdout);
	bad += LLVMFuzzerTestOneInput((const uint8_t *)"", 0) != 0;
	(void)printf("%s 1 - empty\n", bad ? "not ok" : "ok");
	for (int i = 0; i < n; i++) {
		int rc;

		(void)printf("# %s\n", names[i]->d_name);
		(void)fflush(stdout);
		rc = feed(dir, names[i]->d_name);
		bad += rc != 0;
		(void)printf("%s %d - %s\n", rc == 0 ? "ok" : "not ok", i + 2,
		    names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return bad != 0;
}
