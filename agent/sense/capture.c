/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - packets of an interface or of a capture file, down to their IP
 * header.
 *
 * Owns: libpcap; the link layers that we know; the boot time of a packet.
 * Never: opens a path; looks behind the IP header's first byte.
 *
 * A live source is a socket of libpcap's "any" device that is then bound to
 * one interface: it brings a cooked header instead of the link layer's, works
 * for every kind of interface, and can be bound again without privilege when
 * the interface comes back with another index. Between opening and binding
 * packets of other interfaces may come in; the index in the cooked header
 * tells them apart. On the loopback interface libpcap leaves out the outgoing
 * copy of each packet.
 *
 * Sizes: a packet may be 64 KiB long and more (segments that the card will
 * cut, or that it put together), so the snapshot length is libpcap's largest.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <pcap/pcap.h>
#include <pcap/sll.h>

#include "agent/sense/sense.h"
#include "lib/str.h"

#include "lib/own.h"

#define SNAPLEN 262144
#define RING_BYTES (8 << 20)
#define TIMEOUT_MS 10
/* The early source: headers of a SYN alone, and at once. */
#define SYN_SNAPLEN 192
#define SYN_RING_BYTES (512 << 10)
#define TAGS_MAX 4 /* VLAN tags of one frame */
#define WALL_MAX (INT64_C(1) << 40) /* seconds of a file's time */

struct capture {
	pcap_t *pcap;
	bool live;
	int link;
	int index; /* of the interface it is bound to; 0: none */
	uint64_t packets, bytes;
	char error[96];
};

/* ---- link layers ---- */

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Behind an Ethernet type: VLAN tags, then IP. False: something else. */
static bool
skip_tags(uint16_t type, struct content *c)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		if (type != ETH_P_8021Q && type != ETH_P_8021AD &&
		    type != ETH_P_QINQ1)
			break;
		if (c->len < 4)
			return false;
		type = be16(c->data + 2);
		c->data += 4;
		c->len -= 4;
	}
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6;
}

/* A header of @head bytes with an Ethernet type at @at. */
static bool
skip_typed(struct content *c, size_t at, size_t head)
{
	uint16_t type;

	if (c->len < head)
		return false;
	type = be16(c->data + at);
	c->data += head;
	c->len -= head;
	return skip_tags(type, c);
}

/* The family of BSD loopback, in the byte order of whoever wrote it: AF_INET
 * is 2 everywhere, AF_INET6 is not. */
static bool
skip_loopback(struct content *c)
{
	uint8_t family;

	if (c->len < 4)
		return false;
	family = c->data[0] != 0 ? c->data[0] : c->data[3];
	c->data += 4;
	c->len -= 4;
	return family == 2 || family == 10 || family == 24 || family == 28 ||
	       family == 30;
}

/* PPP (RFC 1661): address and control may be there, protocols 0021 and 0057. */
static bool
skip_ppp(struct content *c)
{
	uint16_t type;

	if (c->len >= 2 && c->data[0] == 0xff && c->data[1] == 3) {
		c->data += 2;
		c->len -= 2;
	}
	if (c->len < 2)
		return false;
	type = be16(c->data);
	c->data += 2;
	c->len -= 2;
	return type == 0x0021 || type == 0x0057;
}

static bool
is_known(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_PPP:
		return true;
	default:
		return false;
	}
}

/* From a frame to its IP packet; false if it holds none. */
static bool
strip(int link, struct content *c)
{
	switch (link) {
	case DLT_EN10MB:
		return skip_typed(c, 12, 14);
	case DLT_LINUX_SLL:
		return skip_typed(c, 14, SLL_HDR_LEN);
	case DLT_LINUX_SLL2:
		return skip_typed(c, 0, SLL2_HDR_LEN);
	case DLT_NULL:
	case DLT_LOOP:
		return skip_loopback(c);
	case DLT_PPP:
		return skip_ppp(c);
	default: /* DLT_RAW, DLT_IPV4, DLT_IPV6 */
		return c->len > 0;
	}
}

/* ---- opening ---- */

void
capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->pcap != NULL)
		pcap_close(c->pcap);
	free(c);
}

/* libpcap's own words, as far as they are there. */
static int
refuse(struct diag *why, int err, const char *what, const char *words)
{
	char text[256];

	str_escape(text, sizeof text, words, strlen(words));
	return diag_set(why, err, "%s: %s", what, text);
}

static int
activate(struct capture *c, bool syn_only, struct diag *why)
{
	char words[PCAP_ERRBUF_SIZE] = "";
	int r;

	c->pcap = pcap_create("any", words);
	if (c->pcap == NULL)
		return refuse(why, -EIO, "libpcap", words);
	(void)pcap_set_promisc(c->pcap, 0);
	(void)pcap_set_snaplen(c->pcap, syn_only ? SYN_SNAPLEN : SNAPLEN);
	(void)pcap_set_buffer_size(
	    c->pcap, syn_only ? SYN_RING_BYTES : RING_BYTES);
	(void)pcap_set_timeout(c->pcap, TIMEOUT_MS);
	/* Immediate mode wakes us up for every packet. */
	(void)pcap_set_immediate_mode(c->pcap, syn_only ? 1 : 0);
	r = pcap_activate(c->pcap);
	if (r == PCAP_ERROR_PERM_DENIED)
		return diag_set(why, -EPERM,
		    "capturing packets needs CAP_NET_RAW; start it as root");
	if (r < 0)
		return refuse(why, -EIO, "libpcap", pcap_geterr(c->pcap));
	/* The cooked header that names the interface. */
	if (pcap_set_datalink(c->pcap, DLT_LINUX_SLL2) != 0 ||
	    pcap_setnonblock(c->pcap, 1, words) != 0)
		return refuse(why, -EIO, "libpcap", pcap_geterr(c->pcap));
	c->link = DLT_LINUX_SLL2;
	return 0;
}

/* SYN without ACK, IPv4 and IPv6 without extension headers. */
static int
filter_syn(struct capture *c, struct diag *why)
{
	static const char SYN[] = "(tcp[13] & 18 = 2) or "
				  "(ip6[6] = 6 and ip6[53] & 18 = 2)";
	struct bpf_program program;
	int r;

	if (pcap_compile(c->pcap, &program, SYN, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return refuse(why, -EIO, "filter", pcap_geterr(c->pcap));
	r = pcap_setfilter(c->pcap, &program);
	pcap_freecode(&program);
	return r != 0 ? refuse(why, -EIO, "filter", pcap_geterr(c->pcap)) : 0;
}

int
capture_bind(struct capture *c, unsigned index)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_protocol = index > 0 ? htons(ETH_P_ALL) : 0,
	    .sll_ifindex = (int)index};

	must(c->live);
	if (bind(pcap_fileno(c->pcap), (const struct sockaddr *)&to,
		sizeof to) != 0)
		return -errno;
	c->index = (int)index;
	return 0;
}

int
capture_open_live(const char *interface, bool syn_only, struct capture **out,
    struct diag *why)
{
	struct capture *c = calloc(1, sizeof *c);
	unsigned index = if_nametoindex(interface);
	int r;

	if (c == NULL)
		return diag_set(why, -ENOMEM, "out of memory");
	c->live = true;
	r = activate(c, syn_only, why);
	if (r == 0 && syn_only)
		r = filter_syn(c, why);
	if (r == 0) {
		r = capture_bind(c, index);
		if (r == -ENODEV) /* it went in between */
			r = capture_bind(c, 0);
		if (r != 0)
			(void)diag_set(why, r, "interface %s: %s", interface,
			    strerror(-r));
	}
	if (r != 0) {
		capture_close(c);
		return r;
	}
	*out = c;
	return 0;
}

int
capture_open_file(int fd, struct capture **out, struct diag *why)
{
	char words[PCAP_ERRBUF_SIZE] = "";
	struct capture *c = calloc(1, sizeof *c);
	FILE *file;

	file = fdopen(fd, "r");
	if (c == NULL || file == NULL) {
		int r = errno != 0 ? -errno : -ENOMEM;

		close(fd);
		free(c);
		return diag_set(why, r, "capture file: %s", strerror(-r));
	}
	c->pcap = pcap_fopen_offline(file, words);
	if (c->pcap == NULL) {
		(void)fclose(file);
		free(c);
		return refuse(why, -EBADMSG, "not a capture file", words);
	}
	c->link = pcap_datalink(c->pcap);
	if (!is_known(c->link)) {
		const char *name = pcap_datalink_val_to_name(c->link);
		int link = c->link;

		capture_close(c);
		return diag_set(why, -EBADMSG,
		    "the link layer %s (%d) of the capture file is not "
		    "supported; Ethernet, Linux cooked, loopback, PPP and raw "
		    "IP are",
		    name != NULL ? name : "without a name", link);
	}
	*out = c;
	return 0;
}

int
capture_fd(const struct capture *c)
{
	return c->live ? pcap_get_selectable_fd(c->pcap)
		       : fileno(pcap_file(c->pcap));
}

unsigned
capture_index(const struct capture *c)
{
	return (unsigned)c->index;
}

const char *
capture_error(const struct capture *c)
{
	return c->error;
}

/* ---- reading ---- */

/* A file's clock is its packets'; a live one is set back to the packet. */
static struct stamp
stamp_of(const struct capture *c, const struct pcap_pkthdr *h)
{
	int64_t sec = h->ts.tv_sec;
	struct stamp now, at;

	if (sec < 0 || sec > WALL_MAX)
		sec = 0;
	at.wall_us = sec * 1000000 + h->ts.tv_usec;
	at.boot_us = (uint64_t)at.wall_us;
	if (!c->live)
		return at;
	now = clock_now();
	at.boot_us = now.boot_us;
	/* Unless the clock was set meanwhile. */
	if (at.wall_us <= now.wall_us && now.wall_us - at.wall_us < 60000000 &&
	    (uint64_t)(now.wall_us - at.wall_us) < now.boot_us)
		at.boot_us -= (uint64_t)(now.wall_us - at.wall_us);
	return at;
}

/* Of the interface that we are bound to? */
static bool
is_ours(const struct capture *c, const uint8_t *data, size_t len)
{
	uint32_t index;

	if (!c->live)
		return true;
	if (len < SLL2_HDR_LEN || c->index == 0)
		return false;
	memcpy(&index, data + 4, sizeof index);
	return ntohl(index) == (uint32_t)c->index;
}

int
capture_read(struct capture *c, struct content *ip, struct stamp *at)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;

	for (;;) {
		int r = pcap_next_ex(c->pcap, &h, &data);

		if (r == 0)
			return 0;
		if (r == PCAP_ERROR_BREAK)
			return c->live ? 0 : -ENODATA;
		if (r != 1) {
			str_escape(c->error, sizeof c->error,
			    pcap_geterr(c->pcap), strlen(pcap_geterr(c->pcap)));
			return c->live ? -EIO : -EBADMSG;
		}
		*ip = (struct content){.data = data, .len = h->caplen};
		if (!is_ours(c, data, h->caplen))
			continue;
		c->packets++;
		c->bytes += h->len;
		if (!strip(c->link, ip))
			continue;
		*at = stamp_of(c, h);
		return 1;
	}
}

int
capture_counters(struct capture *c, struct capture_counters *out)
{
	struct pcap_stat st;

	*out =
	    (struct capture_counters){.packets = c->packets, .bytes = c->bytes};
	if (!c->live)
		return 0;
	if (pcap_stats(c->pcap, &st) != 0)
		return -EIO;
	out->dropped = st.ps_drop;
	out->if_dropped = st.ps_ifdrop;
	return 0;
}
