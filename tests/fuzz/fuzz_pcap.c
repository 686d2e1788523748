/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/sense */
/*
 * fuzz_pcap - a capture file of any kind: read to its end, or to where it is
 * broken; each byte of each packet is there.
 */
#include <errno.h>
#include <sys/mman.h>

#include "agent/sense/sense.h"

#include "lib/own.h"

/* Takes the bytes, so that a sanitizer sees each. */
static volatile uint8_t all;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct diag why = {""};
	struct capture *c;
	struct content ip;
	struct stamp at;
	int r;

	must(fd >= 0);
	must(size == 0 || write(fd, data, size) == (ssize_t)size);
	must(lseek(fd, 0, SEEK_SET) == 0);
	if (capture_open_file(fd, &c, &why) != 0) {
		must(why.text[0] != '\0');
		return 0;
	}
	while ((r = capture_read(c, &ip, &at)) == 1)
		for (size_t i = 0; i < ip.len; i++)
			all = ip.data[i];
	must(r == -ENODATA || (r == -EBADMSG && capture_error(c)[0] != '\0'));
	capture_close(c);
	return 0;
}
