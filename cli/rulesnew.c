/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesnew - `chaperone rules new ID`: a pack to begin from.
 *
 * Owns: the skeleton. It loads, passes check without a warning, and its
 * comments say what each part is for (tests/net/rules_write.sh holds this).
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/json.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

enum { ID_MAX = 95, TEXT_MAX = 65536 };

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

/* RFC 9562 section 5.4. */
static void
uuid4(char out[37])
{
	uint8_t b[16];
	char hex[33];

	rng_fill(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	str_hex(hex, b, sizeof b);
	(void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
	    hex + 12, hex + 16, hex + 20);
}

/* @pack: what stands before the first point of @id. */
static void
skeleton(struct buf *b, const char *id, const char *pack, const char *uuid)
{
	buf_printf(b,
	    "# A rule pack. Check it with `chaperone rules check DIR`, run its\n"
	    "# tests with `chaperone rules test DIR`, and see why something is\n"
	    "# found, or not, with `chaperone rules explain --rules DIR FILE`.\n"
	    "pack:\n"
	    "  id: %s\n"
	    "  version: 0.1.0          # goes up with every change\n"
	    "  format: 1\n"
	    "  license: Apache-2.0     # of these rules\n"
	    "\n"
	    "lists:\n"
	    "  kw_badge:               # words that make a match more likely\n"
	    "    match: word           # not inside a longer word\n"
	    "    case: fold\n"
	    "    terms: [badge, \"staff card\"]\n"
	    "\n"
	    "detectors:\n"
	    "  - id: %s\n"
	    "    uuid: %s   # never changes\n",
	    pack, id, uuid);
	buf_printf(b,
	    "    title: Badge number\n"
	    "    status: experimental  # then test, then stable\n"
	    "    class: pii.employee   # secret.*, pii.*, financial.*, ip.*, "
	    "...\n"
	    "    sensitivity: medium   # how bad a leak is, not how sure a "
	    "match is\n"
	    "    references: [the badge office's list of formats]\n"
	    "    prefilter: {keywords: [\"BDG-\"]}   # every match holds one of "
	    "these\n"
	    "    primary:\n"
	    "      pattern: 'BDG-\\d{6}'  # bounded; no look-around, no anchors\n"
	    "      boundary: alnum     # not inside a longer word or number\n"
	    "      # validators: [luhn]   refute what only looks like it\n"
	    "    levels:               # the first one that holds counts\n"
	    "      - confidence: medium\n"
	    "        all: [{near: {list: kw_badge, before: 40, after: 20}}]\n"
	    "      - {confidence: low, all: []}\n"
	    "    mask: {keep_first: 4, keep_last: 0}   # what a report may "
	    "show\n"
	    "    tests:                # at least one of each kind\n"
	    "      - {text: \"badge BDG-123456\", expect: medium}\n"
	    "      - {text: \"BDG-123456\", expect: low}\n"
	    "      - {text: \"badge BDG-12345\", expect: none, why: five "
	    "digits}\n"
	    "      - {text: \"xBDG-123456\", expect: none, why: part of a "
	    "longer word}\n");
}

static int
run(int argc, char **argv)
{
	OWN(buf_done) struct buf text = {0};
	const char *id = NULL;
	bool as_json = false;
	char pack[ID_MAX + 1], uuid[37];
	size_t len;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			as_json = true;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else if (id == NULL)
			id = argv[i];
		else
			return cli_usage("rules", "one id at a time");
	}
	if (id == NULL)
		return cli_usage("rules", "new needs an id, as in acme.badge");
	len = strlen(id);
	if (len == 0 || len > ID_MAX || strspn(id, LETTERS) != len ||
	    id[0] == '.' || id[len - 1] == '.')
		return cli_usage("rules",
		    "an id is small letters, digits, \"_\", \"-\" and \".\", "
		    "as in acme.badge");
	(void)str_copy_len(pack, sizeof pack, id, strcspn(id, "."));
	uuid4(uuid);
	buf_init(&text, TEXT_MAX);
	skeleton(&text, id, pack, uuid);
	if (as_json) {
		OWN(buf_done) struct buf line = {0};
		struct json j;

		buf_init(&line, 2 * TEXT_MAX);
		json_init(&j, &line);
		json_begin_object(&j, NULL);
		json_str(&j, "kind", "skeleton");
		json_str(&j, "id", id);
		json_str(&j, "uuid", uuid);
		json_str(&j, "text", buf_text(&text));
		json_end_object(&j);
		cli_line(&line);
		return CLI_OK;
	}
	text.len--; /* cli_line brings the last line's end */
	cli_line(&text);
	return CLI_OK;
}

const struct rules_verb rulesnew_verb = {
    .name = "new",
    .summary = "writes a commented pack to begin from",
    .help = "Example: chaperone rules new acme.badge > rules/acme.yaml\n\n"
	    "Usage: chaperone rules new [--json] ID\n\n"
	    "The pack holds one detector that works, with its tests; change\n"
	    "what it looks for. The uuid in it is fresh.\n\n"
	    "Exit: 0, 2 usage.\n",
    .run = run,
};
