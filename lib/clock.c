/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock - the only source of time.
 *
 * Owns: the fixed stamp of tests, one of the few mutable variables at file
 * scope.
 * Never: uses the time zone of the host; every text is UTC.
 */
#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "lib/own.h"

static struct stamp fixed;
static bool is_fixed;

static int64_t
read_us(clockid_t id)
{
	struct timespec ts = {0};

	must(clock_gettime(id, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct stamp
clock_now(void)
{
	if (is_fixed)
		return fixed;
	return (struct stamp){
	    .boot_us = (uint64_t)read_us(CLOCK_BOOTTIME),
	    .wall_us = read_us(CLOCK_REALTIME),
	};
}

uint64_t
clock_boot_us(void)
{
	return clock_now().boot_us;
}

void
clock_fix(const struct stamp *s)
{
	is_fixed = s != NULL;
	if (s != NULL)
		fixed = *s;
}

struct stamp
clock_at(uint64_t boot_us)
{
	struct stamp now = clock_now();
	uint64_t age = now.boot_us > boot_us ? now.boot_us - boot_us : 0;

	now.boot_us -= age;
	now.wall_us -= (int64_t)age;
	return now;
}

const char *
clock_boot_id(void)
{
	static char id[CLOCK_BOOT_LEN + 1];
	int fd;

	if (id[0] != '\0')
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return "";
	if (read(fd, id, CLOCK_BOOT_LEN) != CLOCK_BOOT_LEN)
		id[0] = '\0';
	close(fd);
	return id;
}

bool
clock_synced(void)
{
	struct timex tx = {0};

	return adjtimex(&tx) != TIME_ERROR;
}

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void
clock_text(int64_t wall_us, char out[CLOCK_TEXT_SIZE])
{
	int64_t us = wall_us % 1000000;
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm = {0};

	if (us < 0) {
		us += 1000000;
		s--;
	}
	if (gmtime_r(&s, &tm) == NULL || tm.tm_year + 1900 > 9999 ||
	    tm.tm_year + 1900 < 0) {
		memcpy(out, "0000-00-00T00:00:00.000000Z", CLOCK_TEXT_SIZE);
		return;
	}
	(void)snprintf(out, CLOCK_TEXT_SIZE,
	    "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
	    (unsigned)(tm.tm_year + 1900) % 10000u,
	    (unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u,
	    (unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
	    (unsigned)tm.tm_sec % 100u, (unsigned)us % 1000000u);
}

static int
digits(const char **s, unsigned n, int64_t lo, int64_t hi, int64_t *out)
{
	int64_t v = 0;

	for (unsigned i = 0; i < n; i++) {
		char c = (*s)[i];

		if (c < '0' || c > '9')
			return -EINVAL;
		v = v * 10 + (c - '0');
	}
	*s += n;
	*out = v;
	return v < lo || v > hi ? -EINVAL : 0;
}

static int
expect(const char **s, char c)
{
	if (**s != c)
		return -EINVAL;
	(*s)++;
	return 0;
}

static int
parse_fraction(const char **s, int64_t *us)
{
	int64_t scale = 100000;
	unsigned n = 0;

	*us = 0;
	if (**s != '.')
		return 0;
	for ((*s)++; **s >= '0' && **s <= '9' && n < 9; (*s)++, n++) {
		*us += (**s - '0') * scale;
		scale /= 10;
	}
	return n == 0 ? -EINVAL : 0;
}

static int
parse_offset(const char **s, int64_t *seconds)
{
	int64_t h, m, sign;

	*seconds = 0;
	if (**s == 'Z' || **s == 'z') {
		(*s)++;
		return 0;
	}
	if (**s != '+' && **s != '-')
		return -EINVAL;
	sign = **s == '-' ? -1 : 1;
	(*s)++;
	if (digits(s, 2, 0, 23, &h) != 0 || expect(s, ':') != 0 ||
	    digits(s, 2, 0, 59, &m) != 0)
		return -EINVAL;
	*seconds = sign * (h * 3600 + m * 60);
	return 0;
}

static int64_t
month_days(int64_t y, int64_t mo)
{
	static const uint8_t DAYS[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return DAYS[mo - 1] + (mo == 2 && leap ? 1 : 0);
}

int
clock_parse(const char *text, int64_t *wall_us)
{
	int64_t y, mo, d, h = 0, mi = 0, s = 0, us = 0, offset = 0;

	if (digits(&text, 4, 1970, 9999, &y) != 0 || expect(&text, '-') != 0 ||
	    digits(&text, 2, 1, 12, &mo) != 0 || expect(&text, '-') != 0 ||
	    digits(&text, 2, 1, 31, &d) != 0 || d > month_days(y, mo))
		return -EINVAL;
	if (*text == 'T' || *text == 't' || *text == ' ') {
		text++;
		if (digits(&text, 2, 0, 23, &h) != 0 ||
		    expect(&text, ':') != 0 ||
		    digits(&text, 2, 0, 59, &mi) != 0 ||
		    expect(&text, ':') != 0 ||
		    digits(&text, 2, 0, 60, &s) != 0 ||
		    parse_fraction(&text, &us) != 0 ||
		    parse_offset(&text, &offset) != 0)
			return -EINVAL;
	}
	if (*text != '\0')
		return -EINVAL;
	*wall_us =
	    ((days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset) *
		1000000) +
	    us;
	return 0;
}
