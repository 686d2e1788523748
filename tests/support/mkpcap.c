/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkpcap - writes a capture file of one TCP conversation.
 *
 * Usage: mkpcap [OPTION]... REQUEST RESPONSE >FILE.pcap
 * The two files are the bytes of each side, "" is none. Options:
 *   --link ether|vlan|qinq|sll|sll2|raw|null   the link layer (ether)
 *   --v6          IPv6 instead of IPv4
 *   --mss N       bytes of a segment (1000)
 *   --swap        every two segments the wrong way round
 *   --twice       every segment twice
 *   --lose N      the N-th segment of the request is not captured
 *   --no-syn      the capture begins in the middle
 *   --fragment N  IPv4 fragments of N bytes (a multiple of 8)
 *   --repeat N    N conversations, each from its own port
 *
 * Owns: nothing of the product's code; what it writes is built from the
 * standards alone. Checksums are left 0, as a capturing sender leaves them.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/str.h"

#include "lib/own.h"

enum { FIN = 1, SYN = 2, ACK = 16 };

static struct options {
	const char *link;
	bool v6, swap, twice, no_syn;
	uint64_t mss, lose, fragment, repeat;
} o = {.link = "ether", .mss = 1000, .repeat = 1};

static uint64_t now_us = UINT64_C(1700000000000000);
static uint16_t ip_id;

struct bytes {
	uint8_t *data;
	size_t len;
};

/* One direction's state. */
struct side {
	bool client;
	uint32_t seq;
};

static uint8_t *
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v & 0xffff);
}

static void
out(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		exit(1);
}

/* In the machine's own byte order, which the magic number tells. */
static void
word(uint32_t v)
{
	out(&v, sizeof v);
}

static uint32_t
link_type(void)
{
	return str_eq(o.link, "sll")    ? 113
	       : str_eq(o.link, "sll2") ? 276
	       : str_eq(o.link, "raw")  ? 101
	       : str_eq(o.link, "null") ? 0
					: 1;
}

static size_t
put_link(uint8_t *p)
{
	size_t type = o.v6 ? 0x86dd : 0x0800;
	uint32_t family = o.v6 ? 10 : 2;
	uint8_t *q = p;

	memset(p, 0, 32);
	switch (link_type()) {
	case 0:
		memcpy(p, &family, sizeof family);
		return 4;
	case 101:
		return 0;
	case 113:
		(void)put16(p + 14, type);
		return 16;
	case 276:
		(void)put16(p, type);
		return 20;
	default:
		q += 12;
		if (str_eq(o.link, "qinq"))
			q = put16(put16(q, 0x88a8), 7);
		if (!str_eq(o.link, "ether"))
			q = put16(put16(q, 0x8100), 42);
		return (size_t)(put16(q, type) - p);
	}
}

static void
frame(const uint8_t *head, size_t nhead, const uint8_t *data, size_t len)
{
	uint8_t link[32];
	size_t n = put_link(link);

	now_us += 100;
	word((uint32_t)(now_us / 1000000));
	word((uint32_t)(now_us % 1000000));
	word((uint32_t)(n + nhead + len));
	word((uint32_t)(n + nhead + len));
	out(link, n);
	out(head, nhead);
	out(data, len);
}

static size_t
put_ip(uint8_t *p, bool client, size_t len, size_t flags_offset)
{
	size_t n = o.v6 ? 40 : 20, at = o.v6 ? 8 : 12, width = o.v6 ? 16 : 4;

	memset(p, 0, n);
	if (o.v6) {
		p[0] = 0x60;
		(void)put16(p + 4, len);
		p[6] = 6;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
	} else {
		p[0] = 0x45;
		(void)put16(p + 2, 20 + len);
		(void)put16(p + 4, ip_id);
		(void)put16(p + 6, flags_offset);
		p[8] = 64;
		p[9] = 6;
		p[12] = p[16] = 10;
	}
	p[at + width - 1] = client ? 1 : 2;
	p[at + 2 * width - 1] = client ? 2 : 1;
	return n;
}

static void
packet(bool client, const uint8_t *tcp, size_t len)
{
	uint8_t ip[40];
	size_t n = o.fragment > 0 ? (size_t)o.fragment : len;

	ip_id++;
	for (size_t at = 0; at < len; at += n) {
		size_t k = n < len - at ? n : len - at;
		size_t more = at + k < len ? 0x2000 : 0;
		size_t head = put_ip(ip, client, k, more | at / 8);

		frame(ip, head, tcp + at, k);
	}
}

static void
segment(const struct side *s, const struct side *peer, uint8_t flags,
    uint16_t port, const uint8_t *data, size_t len)
{
	static uint8_t p[65536];
	uint8_t *q = put16(p, s->client ? port : 80);

	q = put16(q, s->client ? 80 : port);
	q = put32(q, s->seq);
	q = put32(q, peer->seq);
	*q++ = 5 << 4;
	*q++ = flags;
	q = put16(q, 65535);
	q = put32(q, 0);
	if (len > 0)
		memcpy(q, data, len);
	packet(s->client, p, 20 + len);
}

/* The bytes of one side, and the other's acknowledgements. */
static void
say(struct side *s, struct side *peer, const struct bytes *b, uint16_t port,
    uint64_t lose)
{
	uint32_t start = s->seq;
	size_t n = (b->len + o.mss - 1) / o.mss;

	for (size_t i = 0; i < n; i++) {
		size_t k = o.swap && (i ^ 1) < n ? i ^ 1 : i;
		size_t at = k * o.mss;
		size_t len = b->len - at < o.mss ? b->len - at : o.mss;

		s->seq = start + (uint32_t)at;
		for (int twice = 0; twice <= o.twice; twice++)
			if (k + 1 != lose)
				segment(s, peer, ACK, port, b->data + at, len);
		if (i % 2 == 1) {
			s->seq = start + (uint32_t)((i + 1) * o.mss);
			segment(peer, s, ACK, port, NULL, 0);
		}
	}
	s->seq = start + (uint32_t)b->len;
	segment(peer, s, ACK, port, NULL, 0);
}

static void
conversation(
    const struct bytes *request, const struct bytes *response, uint16_t port)
{
	struct side c = {.client = true, .seq = 0xfffffff0u + port};
	struct side s = {.seq = 1000u * port}, none = {0};

	if (!o.no_syn) {
		segment(&c, &none, SYN, port, NULL, 0);
		c.seq++;
		segment(&s, &c, SYN | ACK, port, NULL, 0);
		s.seq++;
		segment(&c, &s, ACK, port, NULL, 0);
	}
	say(&c, &s, request, port, o.lose);
	say(&s, &c, response, port, 0);
	segment(&c, &s, FIN | ACK, port, NULL, 0);
	c.seq++;
	segment(&s, &c, FIN | ACK, port, NULL, 0);
	s.seq++;
	segment(&c, &s, ACK, port, NULL, 0);
}

static struct bytes
read_file(const char *path)
{
	OWN_FD int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY);
	struct bytes b = {0};
	struct stat st;

	if (path[0] == '\0')
		return b;
	if (fd < 0 || fstat(fd, &st) != 0)
		exit(2);
	b.data = malloc((size_t)st.st_size + 1);
	while (b.data != NULL && b.len < (size_t)st.st_size) {
		ssize_t n =
		    read(fd, b.data + b.len, (size_t)st.st_size - b.len);

		if (n <= 0)
			exit(2);
		b.len += (size_t)n;
	}
	return b;
}

static int
option(const char *name, const char *value)
{
	static const struct {
		const char *name;
		bool *flag;
		uint64_t *number;
	} TABLE[] = {{"--v6", &o.v6, NULL}, {"--swap", &o.swap, NULL},
	    {"--twice", &o.twice, NULL}, {"--no-syn", &o.no_syn, NULL},
	    {"--mss", NULL, &o.mss}, {"--lose", NULL, &o.lose},
	    {"--fragment", NULL, &o.fragment}, {"--repeat", NULL, &o.repeat}};

	if (str_eq(name, "--link")) {
		o.link = value;
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
		if (!str_eq(name, TABLE[i].name))
			continue;
		if (TABLE[i].flag != NULL) {
			*TABLE[i].flag = true;
			return 1;
		}
		if (str_u64(value, 60000, TABLE[i].number) != 0)
			exit(2);
		return 2;
	}
	exit(2);
}

int
main(int argc, char **argv)
{
	struct bytes request, response;
	int i = 1;

	while (i + 2 < argc)
		i += option(argv[i], argv[i + 1]);
	if (i + 2 != argc || o.mss == 0)
		return 2;
	request = read_file(argv[i]);
	response = read_file(argv[i + 1]);
	word(0xa1b2c3d4);
	word(4 << 16 | 2);
	word(0);
	word(0);
	word(262144);
	word(link_type());
	for (uint64_t k = 0; k < o.repeat; k++)
		conversation(&request, &response, (uint16_t)(5000 + k));
	free(request.data);
	free(response.data);
	return fflush(stdout) != 0;
}
