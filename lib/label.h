/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label - a classification label that a document carries (Microsoft Purview
 * Information Protection): what extraction tells and rules ask about.
 */
#ifndef LIB_LABEL_H
#define LIB_LABEL_H

#include <stdbool.h>

#include "lib/own.h"

enum {
	LABEL_GUID = 36, /* characters of a GUID, without braces */
	LABEL_NAME_MAX = 255, /* bytes; what is longer is cut */
};

struct label {
	char id[LABEL_GUID + 1]; /* in small letters */
	char site[LABEL_GUID + 1]; /* of the organisation, or "" */
	char name[LABEL_NAME_MAX + 1]; /* "" where only the id is written */
	bool enabled; /* false: it was taken off, and its remains tell so */
};

#endif
