/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/extract */
/*
 * fuzz_label - any text as lines and as XML with labels: however it is cut,
 * the same labels come out, and each is well-formed.
 */
#include <string.h>

#include "agent/extract/label.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
run(struct labels *l, enum label_form form, struct content c, size_t step,
    struct label out[LABELS_MAX], uint64_t *over)
{
	const struct label *list;
	int n;

	labels_start(l, form);
	for (size_t at = 0; at < c.len; at += step)
		labels_feed(l, (struct content){c.data + at,
				   c.len - at < step ? c.len - at : step});
	n = labels_end(l, &list, over);
	must(n >= 0 && n <= LABELS_MAX);
	memcpy(out, list, (size_t)n * sizeof *list);
	labels_forget(l);
	return (size_t)n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct labels *l;
	struct label whole[LABELS_MAX], cut[LABELS_MAX];
	uint64_t over, over_cut;
	enum label_form form;
	size_t n;

	if (l == NULL)
		must(labels_new(&l) == 0);
	if (size < 2)
		return 0;
	form = data[0] % 2 == 0 ? LABEL_LINES : LABEL_BEGINNING;
	n = run(
	    l, form, (struct content){data + 2, size - 2}, size, whole, &over);
	must(run(l, form, (struct content){data + 2, size - 2}, 1 + data[1],
		 cut, &over_cut) == n &&
	     over == over_cut);
	for (size_t i = 0; i < n; i++) {
		must(memcmp(&whole[i], &cut[i], sizeof cut[i]) == 0);
		must(strlen(whole[i].id) == LABEL_GUID);
		must(strlen(whole[i].name) <= LABEL_NAME_MAX);
		must(whole[i].site[0] == '\0' ||
		     strlen(whole[i].site) == LABEL_GUID);
	}
	return 0;
}
