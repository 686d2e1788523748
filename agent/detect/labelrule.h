/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labelrule - what a rule asks of a document's classification label.
 */
#ifndef AGENT_DETECT_LABELRULE_H
#define AGENT_DETECT_LABELRULE_H

#include <stdbool.h>

#include "lib/diag.h"
#include "lib/label.h"
#include "lib/yaml.h"

#include "lib/own.h"

/* Each is a text or a list, of which one must fit; NULL: not asked. */
struct labelrule {
	const struct yaml *at; /* NULL: the rule asks for no label */
	const struct yaml *ids, *sites; /* GUIDs */
	const struct yaml *names; /* globs, whatever their case */
	bool enabled; /* what the label must be */
};

/* labelrule_parse - reads the map; -EBADMSG with the sentence in @why. */
int labelrule_parse(
    const struct yaml *y, struct labelrule *out, struct diag *why) MUST_CHECK;
/* labelrule_fits - whether all that it asks holds of one label. */
bool labelrule_fits(const struct labelrule *r, const struct label *l);

#endif
