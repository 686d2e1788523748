/* SPDX-License-Identifier: Apache-2.0 */
/* links: collector/intake */
/*
 * fuzz_enrol - what anybody may send to the collector: the JSON of an
 * enrolment, and the request for a certificate in it.
 */
#include <errno.h>

#include "collector/intake/intake.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake_enrol e = {0};
	struct diag why = {""};
	int r = intake_enrol_parse(data, size, &e, &why);

	must(r == 0 || r == -EBADMSG);
	must((r == 0) == (why.text[0] == '\0'));
	intake_enrol_done(&e);
	return 0;
}
