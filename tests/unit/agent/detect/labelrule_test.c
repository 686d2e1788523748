/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labelrule_test - rules about labels, and labels as evidence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/rules.h"
#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

static const struct label SECRET = {
    .id = "3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11",
    .site = "9a1d0c53-7b1e-4d0b-9a52-6d2f1f0f4a10",
    .name = "Secret - Board",
    .enabled = true};

static int
parse(const char *keys, struct ruleset **out, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 64 * 1024);
	buf_printf(&b,
	    "pack: {id: t, version: 1.0.0, format: 1}\n"
	    "detectors:\n"
	    "  - id: t.one\n"
	    "    uuid: 00000000-0000-4000-8000-000000000001\n"
	    "    title: T\n    class: t\n%s",
	    keys);
	return ruleset_parse("t.yaml", b.data, b.len, out, NULL, why);
}

static struct ruleset *
rules(const char *keys)
{
	struct ruleset *r = NULL;
	struct diag why = {""};

	if (parse(keys, &r, &why) != 0)
		fail_msg("%s", why.text);
	return r;
}

static void
on_found(void *ctx, struct finding *f)
{
	enum confidence *c = ctx;

	assert_int_equal(f->count, 1);
	assert_int_equal(*c, CONFIDENCE_NONE);
	*c = f->confidence;
}

static enum confidence
ask(const char *label, const struct label *l)
{
	OWN(ruleset_freep) struct ruleset *r = NULL;
	OWN(scan_freep) struct scan *s = NULL;
	enum confidence c = CONFIDENCE_NONE, other = CONFIDENCE_NONE;
	char keys[512];

	(void)snprintf(keys, sizeof keys,
	    "    primary: {label: {scheme: mip%s}}\n"
	    "    levels:\n"
	    "      - {confidence: high, all: [{label: {scheme: mip, name: "
	    "secret*}}]}\n"
	    "      - {confidence: low, all: []}\n",
	    label);
	r = rules(keys);
	assert_int_equal(scan_new(r, &s), 0);
	assert_int_equal(scan_name(s, "/a.docx!docProps/custom.xml"), 0);
	assert_int_equal(scan_label(s, l, on_found, &c), 0);
	/* A member is no label, whatever it lies in. */
	scan_labels(s, l, 1);
	assert_int_equal(scan_file(s, "text/xml", "", on_found, &other), 0);
	assert_int_equal(other, CONFIDENCE_NONE);
	return c;
}

static void
all_that_is_named_holds(void **state)
{
	struct label l = SECRET;

	(void)state;
	assert_int_equal(ask("", &l), CONFIDENCE_HIGH);
	assert_int_equal(ask(", name: 'SECRET - *'", &l), CONFIDENCE_HIGH);
	assert_int_equal(ask(", name: [x, '*board']", &l), CONFIDENCE_HIGH);
	assert_int_equal(ask(", name: secret", &l), CONFIDENCE_NONE);
	assert_int_equal(ask(", id: 3F1E7C1A-9D55-4B5E-8A0F-0C2B7D9E6A11", &l),
	    CONFIDENCE_HIGH);
	assert_int_equal(ask(", id: 3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a12", &l),
	    CONFIDENCE_NONE);
	assert_int_equal(
	    ask(", site: 9a1d0c53-7b1e-4d0b-9a52-6d2f1f0f4a10", &l),
	    CONFIDENCE_HIGH);
	assert_int_equal(ask(", site: 3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11, "
			     "name: '*'",
			     &l),
	    CONFIDENCE_NONE);
	assert_int_equal(ask(", enabled: false", &l), CONFIDENCE_NONE);
	l.enabled = false;
	assert_int_equal(ask("", &l), CONFIDENCE_NONE);
	/* The evidence asks for one that is enabled. */
	assert_int_equal(ask(", enabled: false", &l), CONFIDENCE_LOW);
	l = SECRET;
	l.name[0] = '\0';
	assert_int_equal(ask("", &l), CONFIDENCE_LOW);
	assert_int_equal(ask(", name: '*'", &l), CONFIDENCE_NONE);
}

static enum confidence
look(const struct ruleset *r, const struct label *l, const char *text)
{
	OWN(scan_freep) struct scan *s = NULL;
	OWN(buf_done) struct buf masked = {0};
	struct content c = {(const uint8_t *)text, strlen(text)};
	enum confidence found = CONFIDENCE_NONE, name = CONFIDENCE_NONE;

	assert_int_equal(scan_new(r, &s), 0);
	scan_labels(s, l, l != NULL);
	scan_begin(s);
	assert_int_equal(scan_feed(s, c), 0);
	assert_int_equal(scan_end(s, on_found, &found, NULL), 0);
	buf_init(&masked, 4096);
	/* A name has no label. */
	assert_int_equal(scan_mask(s, c, &masked, on_found, &name), 1);
	assert_int_equal(name, CONFIDENCE_LOW);
	return found;
}

static void
evidence(void **state)
{
	OWN(ruleset_freep)
	struct ruleset *r =
	    rules("    prefilter: {keywords: [zebra]}\n"
		  "    primary: {pattern: 'zebra'}\n    decode: [base64]\n"
		  "    levels:\n"
		  "      - {confidence: high, all: [{label: {scheme: mip, id: "
		  "3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11}}]}\n"
		  "      - {confidence: low, all: []}\n");
	struct label other = SECRET;

	(void)state;
	assert_true(ruleset_labels(r));
	other.id[0] = '4';
	assert_int_equal(look(r, &SECRET, "a zebra"), CONFIDENCE_HIGH);
	assert_int_equal(look(r, &other, "a zebra"), CONFIDENCE_LOW);
	assert_int_equal(look(r, NULL, "a zebra"), CONFIDENCE_LOW);
	/* In what stands encoded, too: "the zebra runs". */
	assert_int_equal(
	    look(r, &SECRET, "dGhlIHplYnJhIHJ1bnM="), CONFIDENCE_HIGH);
}

static void
refuses(const char *primary, const char *rest, const char *sentence)
{
	struct ruleset *r = NULL;
	struct diag why = {""};
	char keys[512];

	(void)snprintf(
	    keys, sizeof keys, "    primary: {%s}\n%s", primary, rest);
	if (parse(keys, &r, &why) == 0) {
		ruleset_free(r);
		fail_msg("%s is taken", primary);
	}
	if (strstr(why.text, sentence) == NULL)
		fail_msg("%s: %s", primary, why.text);
}

static void
faults(void **state)
{
	static const char any[] = "    levels: [{confidence: high, all: []}]\n";

	(void)state;
	refuses("label: {id: x}", any, "needs \"scheme: mip\"");
	refuses("label: {scheme: titus}", any, "no other is known");
	refuses("label: {scheme: [mip]}", any, "no other is known");
	refuses("label: {scheme: mip, id: 3f1e}", any, "a GUID is written as");
	refuses("label: {scheme: mip, id: "
		"'{3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a}'}",
	    any, "a GUID is written as");
	refuses("label: {scheme: mip, site: []}", any, "must not be empty");
	refuses("label: {scheme: mip, name: {}}", any, "must be a text");
	refuses("label: {scheme: mip, enabled: maybe}", any, "enabled");
	refuses(
	    "label: {scheme: mip}, file: {magic: db}", any, "takes nothing");
	refuses("label: mip", any, "label");
	refuses("label: {scheme: mip}",
	    "    levels: [{confidence: high, all: [{count: {min: 2, within: "
	    "1KiB}}]}]\n",
	    "a rule with \"label\" takes");
	refuses("label: {scheme: mip}",
	    "    levels: [{confidence: high, all: []}]\n"
	    "    mask: {keep_first: 1}\n",
	    "a rule with \"label\" takes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_is_named_holds),
	    cmocka_unit_test(evidence),
	    cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
