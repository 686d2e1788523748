/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/ship */
/*
 * fuzz_answer - a collector's answers, as the agent reads them.
 */
#include <errno.h>

#include "agent/ship/ship.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One byte says what was asked, one which status came; the rest is the body. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned STATUSES[] = {200, 409, 422, 503};
	struct ship_answer a = {0};
	struct diag why = {""};
	enum ship_what what;
	unsigned status;
	int r;

	if (size < 2)
		return 0;
	what = (enum ship_what)(data[0] % (SHIP_BATCH + 1));
	status = STATUSES[data[1] % ARRAY_LEN(STATUSES)];
	r = ship_answer_parse(what, status, data + 2, size - 2, &a, &why);
	must(r == 0 || r == -EBADMSG || r == -ENOMEM);
	must(r != -EBADMSG || why.text[0] != '\0');
	/* What a caller may rely on. */
	if (r == 0 && status == 200 && what != SHIP_CA)
		must(a.placed != (a.agent[0] != '\0'));
	must(a.receipt.len <= NOTE_MAX && a.pem.len <= PKI_PEM_MAX);
	ship_answer_done(&a);
	return 0;
}
