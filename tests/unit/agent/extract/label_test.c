/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_test - labels in lines and in XML, wherever the text is cut; what was
 * taken off, what is damaged, and what is too much.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/extract/label.h"
#include "lib/buf.h"

#include "lib/own.h"

#define ID "3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11"
#define TWO "4f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6a11"
#define KEY "MSIP_Label_" ID "_"
#define SITE "9a1d0c53-7b1e-4d0b-9a52-6d2f1f0f4a10"
#define CUSTOM \
	"<Properties xmlns=\"http://schemas.openxmlformats.org/" \
	"officeDocument/2006/custom-properties\">"
#define PROPERTY(key, value) \
	"<property name=\"" key "\"><vt:lpwstr>" value "</vt:lpwstr>" \
	"</property>"
#define INFO \
	"<?xml version=\"1.0\"?><c:labelList xmlns:c=\"http://schemas." \
	"microsoft.com/office/2020/mipLabelMetadata\">"

static struct labels *labels;

/* "id/name/site/enabled|" of each, and the bytes that were left out. */
static const char *
read_cut(enum label_form form, const char *text, size_t len, size_t step,
    uint64_t *over)
{
	static char out[4096];
	OWN(buf_done) struct buf b = {0};
	const struct label *list;
	int n;

	labels_start(labels, form);
	for (size_t at = 0; at < len; at += step)
		labels_feed(labels, (struct content){(const uint8_t *)text + at,
					len - at < step ? len - at : step});
	n = labels_end(labels, &list, over);
	assert_true(n >= 0);
	buf_init(&b, sizeof out);
	for (int i = 0; i < n; i++)
		buf_printf(&b, "%.1s/%s/%.2s/%d|", list[i].id, list[i].name,
		    list[i].site, list[i].enabled);
	assert_true(b.len < sizeof out);
	memcpy(out, b.data != NULL ? b.data : (const uint8_t *)"", b.len);
	out[b.len] = '\0';
	labels_forget(labels);
	return out;
}

static void
gives(enum label_form form, const char *text, const char *want)
{
	static const size_t steps[] = {1, 7, 100000};
	uint64_t over;

	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(
		    read_cut(form, text, strlen(text), steps[i], &over), want);
		assert_int_equal(over, 0);
	}
}

static void
fields(void **state)
{
	(void)state;
	gives(LABEL_LINES,
	    "From: a\nmsip_labels: " KEY "Enabled=True; " KEY
	    "SetDate=2026-03-02T10:00:00Z;" KEY "Name= AMD = Use ;" KEY
	    "SiteId=" SITE ";" KEY "ContentBits=8\nmsip_x: 1\n",
	    "3/AMD = Use/9a/1|");
	gives(LABEL_LINES, "MSIP_LABELS:" KEY "Enabled=true", "3///1|");
	gives(LABEL_LINES,
	    "Title: x\r\n" KEY "Enabled: true\r\n" KEY "Name: S\r\nB: \r\n",
	    "3/S//1|");
	gives(LABEL_LINES,
	    "msip_labels: " KEY "Enabled=false;MSIP_Label_" TWO "_Enabled=1",
	    "3///0|4///1|");
	/* A second one that denies it hides nothing. */
	gives(LABEL_LINES,
	    "msip_labels: " KEY "Enabled=true\nmsip_labels: " KEY
	    "Enabled=false\n",
	    "3///1|");
}

static void
no_fields(void **state)
{
	(void)state;
	/* Enabled is mandatory. */
	gives(LABEL_LINES, "msip_labels: " KEY "Name=Secret", "");
	gives(LABEL_LINES, "Subject: " KEY "Enabled=true", "");
	gives(LABEL_LINES, "X-msip_labels: " KEY "Enabled=true", "");
	gives(LABEL_LINES, "msip_labels: MSIP_Label_3f1e7c1a_Enabled=true", "");
	gives(LABEL_LINES,
	    "msip_labels: MSIP_Label_3f1e7c1a-9d55-4b5e-8a0f-0c2b7d9e6aXX_"
	    "Enabled=true",
	    "");
	gives(LABEL_LINES, "msip_labels: " KEY "=true;=;;\nmsip_label", "");
	gives(LABEL_NOWHERE, "msip_labels: " KEY "Enabled=true", "");
	gives(LABEL_BEGINNING, "msip_labels: " KEY "Enabled=true", "");
}

static void
properties(void **state)
{
	(void)state;
	gives(LABEL_BEGINNING,
	    CUSTOM PROPERTY("Other", "x") PROPERTY(KEY "Enabled", "true")
		PROPERTY(KEY "Name", "A &amp; B&#233;&#x6A5F;&no;")
		    PROPERTY(KEY "SiteId", SITE) "</Properties>",
	    "3/A & B\xc3\xa9\xe6\xa9\x9f&no;/9a/1|");
	gives(LABEL_BEGINNING,
	    "\xef\xbb\xbf\r\n" CUSTOM "<!-- <property name=\"" KEY
	    "Enabled\">true</property> -->" PROPERTY(KEY "Enabled", "false"),
	    "3///0|");
	gives(LABEL_BEGINNING,
	    "<office:document-meta><meta:user-defined meta:name='" KEY
	    "Enabled' meta:value-type='string'>true</meta:user-defined>",
	    "3///1|");
	gives(LABEL_BEGINNING,
	    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description pdfx:" KEY
	    "Enabled=\"true\" pdfx:" KEY "Name='&lt;X&gt;'/>",
	    "3/<X>//1|");
	gives(LABEL_BEGINNING,
	    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><pdfx:" KEY
	    "Enabled>True</pdfx:" KEY "Enabled>",
	    "3///1|");
	/* XML that says nothing of the kind is none of these. */
	gives(
	    LABEL_BEGINNING, "<a>" PROPERTY(KEY "Enabled", "true") "</a>", "");
}

static void
a_list(void **state)
{
	(void)state;
	gives(LABEL_BEGINNING,
	    INFO "<c:label id=\"{" ID "}\" enabled=\"1\" method=\"Standard\" "
		 "siteId=\"{" SITE "}\" removed=\"0\"/><c:label id='" TWO
		 "' enabled='0' removed='1'/></c:labelList>",
	    "3//9a/1|4///0|");
	gives(LABEL_BEGINNING,
	    INFO "<c:label id=\"{" ID "}\" enabled=\"1\" removed=\"true\"/>",
	    "3///0|");
	gives(LABEL_BEGINNING, INFO "<c:label id=\"x\" enabled=\"1\"/>", "");
	gives(LABEL_BEGINNING, INFO "<c:label enabled=\"1\"/><label/><", "");
	gives(LABEL_BEGINNING, INFO "<c:label id=\"{" ID "}\" enabled=", "");
}

static void
long_names_are_cut_at_a_character(void **state)
{
	OWN(buf_done) struct buf b = {0};
	const struct label *list;
	uint64_t over;

	(void)state;
	buf_init(&b, 4096);
	buf_printf(&b, "msip_labels: " KEY "Enabled=true;" KEY "Name=a");
	for (size_t i = 0; i < 200; i++)
		buf_printf(&b, "\xe6\xa9\x9f");
	labels_start(labels, LABEL_LINES);
	labels_feed(labels, (struct content){b.data, b.len});
	assert_int_equal(labels_end(labels, &list, &over), 1);
	/* One and 84 of three bytes are 253; half of the next is not kept. */
	assert_int_equal(strlen(list[0].name), 253);
	assert_memory_equal(list[0].name + 250, "\xe6\xa9\x9f", 4);
	labels_forget(labels);
}

static void
too_much_is_told(void **state)
{
	OWN(buf_done) struct buf b = {0};
	const struct label *list;
	uint64_t over;

	(void)state;
	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < LABELS_MAX + 2; i++)
		buf_printf(&b,
		    "MSIP_Label_%08x-9d55-4b5e-8a0f-0c2b7d9e6a11_Enabled:true\n",
		    i);
	labels_start(labels, LABEL_LINES);
	labels_feed(labels, (struct content){b.data, b.len});
	assert_int_equal(labels_end(labels, &list, &over), LABELS_MAX);
	assert_int_equal(over, 2 * (sizeof KEY "Enabled" - 1 + 4));

	buf_reset(&b);
	buf_printf(&b, CUSTOM PROPERTY(KEY "Enabled", "true"));
	while (b.len < LABELS_TEXT)
		buf_printf(&b, PROPERTY("Other", "value"));
	buf_printf(&b, PROPERTY("Last", "value"));
	labels_start(labels, LABEL_BEGINNING);
	labels_feed(labels, (struct content){b.data, b.len});
	assert_int_equal(labels_end(labels, &list, &over), 1);
	assert_int_equal(over, b.len - LABELS_TEXT);

	/* Nothing is looked for in a long text that cannot have any. */
	b.data[1] = 'Q';
	memset(b.data + 1, 'x', sizeof CUSTOM);
	labels_start(labels, LABEL_BEGINNING);
	labels_feed(labels, (struct content){b.data, b.len});
	assert_int_equal(labels_end(labels, &list, &over), 0);
	assert_int_equal(over, 0);
}

static int
setup(void **state)
{
	(void)state;
	return labels_new(&labels);
}

static int
teardown(void **state)
{
	(void)state;
	labels_free(labels);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields),
	    cmocka_unit_test(no_fields),
	    cmocka_unit_test(properties),
	    cmocka_unit_test(a_list),
	    cmocka_unit_test(long_names_are_cut_at_a_character),
	    cmocka_unit_test(too_much_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
