/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox_test - drafts until they are durable, against a record of our own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/outbox.h"
#include "lib/ipc.h"
#include "lib/msg.h"
#include "lib/str.h"

#include "lib/own.h"

static struct outbox *box;
static int link_fd[2]; /* the outbox's end, ours */
static struct ipc_in in;

static void
new_link(void)
{
	own_close(&link_fd[0]);
	own_close(&link_fd[1]);
	assert_int_equal(ipc_pair(link_fd), 0);
	outbox_link(box, link_fd[0]);
}

static int
setup(void **state UNUSED)
{
	link_fd[0] = link_fd[1] = -1;
	return outbox_new("watch", &box);
}

static int
teardown(void **state UNUSED)
{
	outbox_free(box);
	own_close(&link_fd[0]);
	own_close(&link_fd[1]);
	return 0;
}

static void
put(uint64_t i)
{
	struct draft d;

	draft_init(&d, "file", (struct stamp){.boot_us = i, .wall_us = 1});
	draft_text(&d, "op", "open");
	outbox_put(box, &d);
	assert_int_equal(d.nfields, 0); /* it was cleared */
}

/* Their hello; returns the epoch. */
static uint64_t
get_hello(void)
{
	char source[32];
	uint64_t epoch;
	struct cur c;

	assert_int_equal(ipc_recv(link_fd[1], &in), 1);
	assert_int_equal(in.type, MESSAGE_HELLO);
	cur_init(&c, in.data, in.len);
	cur_str(&c, source, sizeof source);
	epoch = cur_u64(&c);
	assert_int_equal(cur_end(&c), 0);
	assert_string_equal(source, "watch");
	assert_true(epoch <= (UINT64_C(1) << 53));
	return epoch;
}

static int
say_hello(uint64_t number, uint8_t key)
{
	uint8_t m[8 + OUTBOX_TAG_KEY] = {0};

	m[7] = (uint8_t)number;
	memset(m + 8, key, OUTBOX_TAG_KEY);
	return outbox_message(box, MESSAGE_HELLO, m, sizeof m);
}

static int
say_appended(uint64_t number)
{
	uint8_t m[8] = {0};

	m[7] = (uint8_t)number;
	return outbox_message(box, MESSAGE_APPENDED, m, sizeof m);
}

/* The next draft on the link: its number, and what it says in @boot. */
static uint64_t
get_append(uint64_t *boot)
{
	struct draft d;
	uint64_t number;
	struct cur c;

	assert_int_equal(ipc_recv(link_fd[1], &in), 1);
	assert_int_equal(in.type, MESSAGE_APPEND);
	cur_init(&c, in.data, in.len);
	number = cur_u64(&c);
	assert_int_equal(draft_decode(&d, &c), 0);
	assert_int_equal(cur_end(&c), 0);
	*boot = d.at.boot_us;
	draft_done(&d);
	return number;
}

static void
test_order(void **state UNUSED)
{
	uint64_t boot = 0;

	assert_true(outbox_empty(box));
	put(10);
	assert_false(outbox_flush(box)); /* no link: nothing to poll for */
	new_link();
	(void)get_hello();
	put(20);
	assert_false(outbox_flush(box));
	/* Nothing goes out before the answer. */
	assert_int_equal(ipc_recv(link_fd[1], &in), -EAGAIN);
	assert_int_equal(say_hello(0, 1), 0);
	assert_false(outbox_flush(box));
	assert_int_equal(get_append(&boot), 1);
	assert_int_equal(boot, 10);
	assert_int_equal(get_append(&boot), 2);
	assert_int_equal(boot, 20);
	assert_int_equal(ipc_recv(link_fd[1], &in), -EAGAIN);
	assert_int_equal(say_appended(1), 0);
	assert_false(outbox_empty(box));
	assert_int_equal(say_appended(2), 0);
	assert_true(outbox_empty(box));
}

/* A record that comes back gets what was not durable, under the same numbers. */
static void
test_again(void **state UNUSED)
{
	uint64_t epoch, boot = 0;

	new_link();
	epoch = get_hello();
	assert_int_equal(say_hello(0, 1), 0);
	for (uint64_t i = 1; i <= 5; i++)
		put(i);
	assert_false(outbox_flush(box));
	for (uint64_t i = 1; i <= 5; i++)
		assert_int_equal(get_append(&boot), i);
	assert_int_equal(say_appended(2), 0);
	outbox_link(box, -1);
	assert_false(outbox_flush(box));
	put(6);
	new_link();
	assert_true(get_hello() == epoch);
	/* It had kept one more than it came to say. */
	assert_int_equal(say_hello(3, 1), 0);
	assert_false(outbox_flush(box));
	for (uint64_t i = 4; i <= 6; i++) {
		assert_int_equal(get_append(&boot), i);
		assert_int_equal(boot, i);
	}
	assert_int_equal(ipc_recv(link_fd[1], &in), -EAGAIN);
	assert_int_equal(say_appended(6), 0);
	assert_true(outbox_empty(box));
}

static void
test_key(void **state UNUSED)
{
	const uint8_t *key;
	unsigned version = 9, second = 0;

	assert_null(outbox_tag_key(box, &version));
	assert_int_equal(version, 0);
	new_link();
	assert_int_equal(say_hello(0, 7), 0);
	key = outbox_tag_key(box, &version);
	assert_non_null(key);
	assert_int_equal(key[0], 7);
	/* The same key again is no news; the next day's is. */
	assert_int_equal(say_hello(0, 7), 0);
	(void)outbox_tag_key(box, &second);
	assert_int_equal(second, version);
	assert_int_equal(say_hello(0, 8), 0);
	key = outbox_tag_key(box, &second);
	assert_int_equal(key[OUTBOX_TAG_KEY - 1], 8);
	assert_true(second > version);
}

static void
test_bad_messages(void **state UNUSED)
{
	static const uint8_t SHORT[4];

	new_link();
	put(1);
	assert_int_equal(say_appended(2), -EBADMSG); /* it never had a 2 */
	assert_int_equal(say_hello(2, 1), -EBADMSG);
	assert_int_equal(
	    outbox_message(box, MESSAGE_APPENDED, SHORT, sizeof SHORT),
	    -EBADMSG);
	assert_int_equal(
	    outbox_message(box, MESSAGE_HELLO, SHORT, sizeof SHORT), -EBADMSG);
	assert_int_equal(
	    outbox_message(box, MESSAGE_WANT, SHORT, sizeof SHORT), -EBADMSG);
	assert_false(outbox_empty(box));
}

/* Takes what lies in @in; the numbers have no hole. What a cov.loss tells. */
static uint64_t
take(uint64_t *last)
{
	struct draft d;
	uint64_t lost = 0;
	struct cur c;

	cur_init(&c, in.data, in.len);
	assert_int_equal(cur_u64(&c), ++*last);
	assert_int_equal(draft_decode(&d, &c), 0);
	for (size_t i = 0; i < d.nfields; i++)
		if (str_eq(d.fields[i].name, "lost"))
			lost = (uint64_t)d.fields[i].num;
	assert_int_equal(lost > 0, str_eq(d.type, "cov.loss"));
	draft_done(&d);
	return lost;
}

static int
say_last(uint64_t number)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 8);
	buf_put_u64(&m, number);
	return outbox_message(box, MESSAGE_APPENDED, m.data, m.len);
}

/* What does not fit is counted, and the count is an entry once there is room. */
static void
test_loss(void **state UNUSED)
{
	uint64_t n = 0, last = 0, told = 0;
	struct draft d;

	new_link();
	(void)get_hello();
	assert_int_equal(say_hello(0, 1), 0);
	while (outbox_lost(box) == 0)
		put(++n);
	put(++n);
	assert_int_equal(outbox_lost(box), 2);
	/* A draft with an error counts, too. */
	draft_init(&d, "file", (struct stamp){0});
	draft_text(&d, "nonsense", "x");
	outbox_put(box, &d);
	assert_int_equal(outbox_lost(box), 3);
	/* Take everything, as a record that keeps up does. */
	while (!outbox_empty(box)) {
		(void)outbox_flush(box);
		while (ipc_recv(link_fd[1], &in) == 1)
			told += take(&last);
		assert_int_equal(say_last(last), 0);
	}
	assert_int_equal(told, 3);
	assert_int_equal(last, n - 2 + 1);
	assert_int_equal(outbox_lost(box), 3);
}

/* A full queue asks for a poll, and goes on where it stopped. */
static void
test_full_queue(void **state UNUSED)
{
	uint64_t n = 0, next = 1;

	new_link();
	(void)get_hello();
	assert_int_equal(say_hello(0, 1), 0);
	while (n < 30000 && !outbox_flush(box))
		put(++n);
	assert_true(n < 30000);
	while (next <= n) {
		for (int i = 0; i < 100 && next <= n; i++, next++) {
			if (ipc_recv(link_fd[1], &in) != 1)
				break;
			assert_int_equal(in.type, MESSAGE_APPEND);
			assert_int_equal(in.data[7], next & 255);
		}
		(void)outbox_flush(box);
	}
	assert_int_equal(ipc_recv(link_fd[1], &in), -EAGAIN);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_order),
	    T(test_again),
	    T(test_key),
	    T(test_bad_messages),
	    T(test_loss),
	    T(test_full_queue),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
