/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/config.c */
/*
 * fuzz_agent_config - any bytes as the agent's configuration.
 *
 * It is read from a file, since links and anything but regular files are
 * refused.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[256];

static void
remove_file(void)
{
	(void)unlink(path);
}

static int
open_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	(void)snprintf(path, sizeof path, "%s/fuzz-config.XXXXXX",
	    dir != NULL ? dir : "/tmp");
	fd = mkstemp(path);
	must(fd >= 0 && atexit(remove_file) == 0);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct config c = {0};
	struct diag why = {""};
	int r;

	if (fd < 0)
		fd = open_file();
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, data, size, 0) == (ssize_t)size);
	r = config_read(path, &c, &why);
	if (r != 0) {
		must(r < 0 && why.text[0] != '\0');
		return 0;
	}
	must(c.state != NULL && c.state[0] == '/');
	config_done(&c);
	return 0;
}
