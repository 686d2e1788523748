/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - the outside of the test world: HTTP, HTTPS and TCP servers that keep
 * what they got.
 *
 * Owns: DIR/NNNN.body for each request or connection, one line a body in
 * DIR/index.jsonl, and DIR/ready once it listens (ports 80, 443 and 9000).
 * Never: is part of the product.
 *
 * Usage: sink DIR CERTIFICATE KEY
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define BODY_MAX (64 * 1024 * 1024)
#define TCP_PORT 9000

static const char *dir;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned number;

static void
keep(const char *protocol, const char *method, const char *url,
    const struct buf *body)
{
	OWN(buf_done) struct buf line = {0};
	uint8_t digest[SEAL_HASH];
	char path[4096], name[32], hex[2 * SEAL_HASH + 1];
	struct json j;
	FILE *f;

	must(pthread_mutex_lock(&lock) == 0);
	(void)snprintf(name, sizeof name, "%04u.body", ++number);
	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	f = fopen(path, "we");
	must(f != NULL);
	must(fwrite(body->data, 1, body->len, f) == body->len || !body->len);
	must(fclose(f) == 0);
	seal_sha256(body->data, body->len, digest);
	str_hex(hex, digest, sizeof digest);
	buf_init(&line, 65536);
	json_init(&j, &line);
	json_begin_object(&j, NULL);
	json_str(&j, "protocol", protocol);
	json_str(&j, "method", method);
	json_str(&j, "url", url);
	json_uint(&j, "bytes", body->len);
	json_str(&j, "sha256", hex);
	json_str(&j, "file", name);
	json_end_object(&j);
	buf_put_u8(&line, '\n');
	must(str_format(path, sizeof path, "%s/index.jsonl", dir) == 0);
	f = fopen(path, "ae");
	must(f != NULL && buf_error(&line) == 0);
	must(fwrite(line.data, 1, line.len, f) == line.len);
	must(fclose(f) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static enum MHD_Result
on_request(void *protocol, struct MHD_Connection *c, const char *url,
    const char *method, const char *version UNUSED, const char *data,
    size_t *len, void **state)
{
	struct MHD_Response *r;
	struct buf *body = *state;
	static char yes[] = "ok\n";
	enum MHD_Result sent;

	if (body == NULL) {
		body = calloc(1, sizeof *body);
		must(body != NULL);
		buf_init(body, BODY_MAX);
		*state = body;
		return MHD_YES;
	}
	if (*len > 0) {
		buf_put(body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	keep(protocol, method, url, body);
	r = MHD_create_response_from_buffer(
	    sizeof yes - 1, yes, MHD_RESPMEM_PERSISTENT);
	must(r != NULL);
	sent = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return sent;
}

static void
on_end(void *ctx UNUSED, struct MHD_Connection *c UNUSED, void **state,
    enum MHD_RequestTerminationCode how UNUSED)
{
	struct buf *body = *state;

	if (body == NULL)
		return;
	buf_done(body);
	free(body);
	*state = NULL;
}

static void
take_tcp(int fd)
{
	OWN(buf_done) struct buf body = {0};
	char block[65536];
	ssize_t n;

	buf_init(&body, BODY_MAX);
	while ((n = read(fd, block, sizeof block)) > 0)
		buf_put(&body, block, (size_t)n);
	close(fd);
	keep("tcp", "", "", &body);
}

static int
listen_tcp(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
	    .sin6_port = htons(TCP_PORT),
	    .sin6_addr = IN6ADDR_ANY_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, no = 0;

	must(fd >= 0);
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
	must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) == 0);
	must(bind(fd, (const struct sockaddr *)&a, sizeof a) == 0);
	must(listen(fd, 64) == 0);
	return fd;
}

static void
serve(const char *protocol, unsigned flags, uint16_t port, const char *crt,
    const char *key)
{
	struct MHD_Daemon *d = MHD_start_daemon(
	    flags | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_DUAL_STACK, port,
	    NULL, NULL, on_request, (void *)(uintptr_t)protocol,
	    MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
	    (flags & MHD_USE_TLS) != 0 ? MHD_OPTION_HTTPS_MEM_CERT
				       : MHD_OPTION_END,
	    crt, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);

	if (d == NULL) {
		(void)fprintf(stderr, "sink: no %s on port %u\n", protocol,
		    (unsigned)port);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	OWN(buf_done) struct buf crt = {0}, key = {0};
	char path[4096];
	int tcp, ready;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: sink DIR CERTIFICATE KEY\n");
		return 2;
	}
	dir = argv[1];
	buf_init(&crt, 65536);
	buf_init(&key, 65536);
	must(file_read(argv[2], &crt, NULL) == 0);
	must(file_read(argv[3], &key, NULL) == 0);
	serve("http", 0, 80, NULL, NULL);
	serve("https", MHD_USE_TLS, 443, buf_text(&crt), buf_text(&key));
	tcp = listen_tcp();
	must(str_format(path, sizeof path, "%s/ready", dir) == 0);
	ready = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	must(ready >= 0);
	close(ready);
	for (;;) {
		int fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			take_tcp(fd);
		else if (errno != EINTR && errno != ECONNABORTED)
			return 1;
	}
}
