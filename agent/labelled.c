/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labelled - which classification labels hold for which members of an object.
 *
 * Owns: that a label holds for all of what the member lies in that it was
 * written in: of "a.zip!b.docx!docProps/custom.xml" for all of "a.zip!b.docx".
 * Never: finds labels, or asks rules about them.
 */
#include "agent/labelled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"

int
labelled_add(struct labelled *l, const char *member, const struct label *label)
{
	const char *last = strrchr(member, '!');

	if (l->n == LABELLED_MAX) {
		l->over = true;
		return 0;
	}
	l->within[l->n] =
	    strndup(member, last != NULL ? (size_t)(last - member) : 0);
	if (l->within[l->n] == NULL)
		return -ENOMEM;
	l->labels[l->n++] = *label;
	return 0;
}

size_t
labelled_of(struct labelled *l, const char *member)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t len = strlen(l->within[i]);

		if (len == 0 ||
		    (strncmp(member, l->within[i], len) == 0 &&
			(member[len] == '!' || member[len] == '\0')))
			l->here[n++] = l->labels[i];
	}
	return n;
}

void
labelled_reset(struct labelled *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->within[i]);
	explicit_bzero(l, sizeof *l);
}
