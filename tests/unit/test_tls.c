/*
 * test_tls.c - TLS with a server in a thread: whom it believes, tickets, bindings, flights
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/util.h"
#include "net/conn.h"
#include "net/tls.h"
#include "tlsserver.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/banned.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define LONG_MS  60000
#define MUCH     (2 * 1024 * 1024)
#define TEXT_MAX (4 * 1024 * 1024)

static struct authority world;
static gnutls_datum_t ticket_key;
static char ca_path[] = "/tmp/test_tls.XXXXXX";

static int set_up_world(void **state)
{
	FILE *f = NULL;
	int fd = mkstemp(ca_path);

	(void)state;
	authority_init(&world);
	assert_true(fd >= 0 && (f = fdopen(fd, "w")) != NULL);
	authority_write(f, authority_get(&world, "A0<A0"));
	authority_write(f, authority_get(&world, "B0<B0"));
	fclose(f);
	return gnutls_session_ticket_key_generate(&ticket_key);
}

static int tear_down_world(void **state)
{
	(void)state;
	unlink(ca_path);
	authority_free(&world);
	gnutls_free(ticket_key.data);
	return 0;
}

/* --- the client --- */

struct client {
	struct server server;
	struct conn conn;
	struct tls *tls;
	struct result r;
};

static struct tls_settings believing(void)
{
	return (struct tls_settings){ .ca_file = ca_path };
}

static struct tls_setup *setup_of(const struct tls_settings *s)
{
	struct result r = RESULT_OK;
	struct tls_setup *setup = NULL;

	if (!tls_setup_load(s, &setup, &r))
		fail_msg("%s", r.text);
	return setup;
}

static struct tls_setup *usual_setup(void)
{
	struct tls_settings s = believing();

	return setup_of(&s);
}

/* Certificates are made here: the authority is not for several threads. */
static void client_connect(struct client *c, struct server server)
{
	gnutls_x509_crt_t chain[32];
	int fds[2];

	c->server = server;
	c->server.world = &world;
	c->server.ticket_key = &ticket_key;
	c->tls = NULL;
	c->r = RESULT_OK;
	authority_list(&world, server.chain, chain, COUNT(chain));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	c->server.fd = fds[1];
	conn_init(&c->conn, fds[0], clock_mono_ms() + LONG_MS);
	conn_begin_step(&c->conn, STEP_TLS, LONG_MS);
	assert_int_equal(pthread_create(&c->server.thread, NULL, server_run, &c->server), 0);
}

static bool client_start(struct client *c, const struct tls_setup *setup, const char *name,
			 struct span ticket)
{
	return tls_start(&c->conn, setup, name, ticket, &c->tls, &c->r);
}

/* Says something and takes the answer. */
static void client_talk(struct client *c, size_t answer)
{
	struct span line;
	size_t len = answer < 60000 ? answer : 0;

	assert_true(conn_write(&c->conn, "EHLO\r\n", 6, &c->r));
	assert_true(conn_flush(&c->conn, &c->r));
	if (answer > 0 && len == 0)
		return;
	if (!conn_read_line(&c->conn, &line, &c->r))
		fail_msg("%s", c->r.text);
	assert_int_equal(line.len, len);
}

static void client_end(struct client *c)
{
	if (c->tls != NULL)
		tls_bye(c->tls);
	tls_free(c->tls);
	conn_close(&c->conn);
	pthread_join(c->server.thread, NULL);
	result_free(&c->r);
}

/* --- whom it believes --- */

static void pin_of(const char *spec, char *pin, size_t size)
{
	unsigned char id[32];
	size_t len = sizeof id;

	assert_int_equal(gnutls_x509_crt_get_key_id(authority_get(&world, spec),
						    GNUTLS_KEYID_USE_SHA256, id, &len),
			 0);
	snprintf(pin, size, "sha256:");
	for (size_t i = 0; i < len; i++)
		snprintf(pin + 7 + 2 * i, size - 7 - 2 * i, "%02X", id[i]);
}

static const struct belief {
	const char *chain;
	const char *name;
	const char *pin; /* of this certificate; NULL: none */
	bool only;
	const char *words; /* NULL: good */
	gnutls_alert_description_t alert;
} beliefs_held[] = {
	{ "x0<A0", "localhost", NULL, false, NULL, 0 },
	{ "x0<A0", "LocalHost", NULL, false, NULL, 0 },
	{ "x0<A0", "127.0.0.1", NULL, false, NULL, 0 },
	{ "x0<C0 C0<A0", "mail.example.test", NULL, false, NULL, 0 },
	{ "x0<C0 C0<A0 A0<A0", "mail.example.test", NULL, false, NULL, 0 },
	{ "x0<A0", "localhost", "x0<A0", false, NULL, 0 },
	{ "x0-<D0", "elsewhere", "x0<A0", true, NULL, 0 },
	{ "x0<x0", "elsewhere", "x0<A0", true, NULL, 0 },
	{ "x0<A0", "localhost", "x1<A0", false, "its key is none of those that tls_pin lists",
	  GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<A0", "localhost", "x1<A0", true, "its key is none of those that tls_pin lists",
	  GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<D0", "localhost", "x0<A0", false, "its issuer is not known: nobody here trusts",
	  GNUTLS_A_UNKNOWN_CA },
	{ "x0<A0", "elsewhere", NULL, false,
	  "it is for localhost, mail.example.test, 127.0.0.1 (set host or tls_host to a "
	  "name",
	  GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<A0", "127.0.0.2", NULL, false, "it is for localhost, ", GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<D0", "localhost", NULL, false, "nobody here trusts \"CN=D,O=Example\" (set tls_ca",
	  GNUTLS_A_UNKNOWN_CA },
	{ "x0<D0 D0<D0", "localhost", NULL, false, "its chain ends with the self-signed \"",
	  GNUTLS_A_UNKNOWN_CA },
	{ "x0<x0", "localhost", NULL, false, "it is self-signed (set tls_ca_file to a copy",
	  GNUTLS_A_UNKNOWN_CA },
	{ "x0-<A0", "localhost", NULL, false, "it expired on 20", GNUTLS_A_CERTIFICATE_EXPIRED },
	{ "x0+<A0", "localhost", NULL, false, "it is not valid before 20",
	  GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<C0 C0-<A0", "localhost", NULL, false, "its chain's \"CN=C,O=Example\" expired on ",
	  GNUTLS_A_CERTIFICATE_EXPIRED },
	{ "x0-<D0", "localhost", NULL, false, ", and it expired on ", GNUTLS_A_UNKNOWN_CA },
	{ "x0<A1", "localhost", NULL, false, "signature", GNUTLS_A_BAD_CERTIFICATE },
	{ "x0<x1", "localhost", NULL, false, "", 0 },
	{ "n0<A0", "localhost", NULL, false, "it has no subjectAltName", GNUTLS_A_BAD_CERTIFICATE },
};

static void beliefs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(beliefs_held); i++) {
		const struct belief *row = &beliefs_held[i];
		char pin[80] = "";
		char other[] = "sha256:00";
		char *pins[] = { other, pin, NULL };
		struct tls_settings s = believing();
		struct client c;

		s.pins_only = row->only;
		if (row->pin != NULL) {
			pin_of(row->pin, pin, sizeof pin);
			s.pins = pins;
		}
		struct tls_setup *setup = setup_of(&s);
		client_connect(&c, (struct server){ .chain = row->chain });
		bool ok = client_start(&c, setup, row->name, (struct span){ "", 0 });
		if (ok != (row->words == NULL))
			fail_msg("%s for %s: %s", row->chain, row->name,
				 ok ? "believed" : c.r.text);
		if (ok) {
			client_talk(&c, 0);
		} else {
			if (strstr(c.r.text, row->words) == NULL)
				fail_msg("%s: %s", row->words, c.r.text);
			assert_non_null(strstr(c.r.text, "the certificate for "));
			assert_non_null(strstr(c.r.text, ", pin sha256:"));
			assert_int_equal(c.r.cause, CAUSE_CONFIG);
		}
		gnutls_alert_description_t alert = row->alert;
		client_end(&c);
		if (c.server.rc == GNUTLS_E_FATAL_ALERT_RECEIVED && alert != 0)
			assert_int_equal(c.server.alert, alert);
		tls_setup_free(setup);
	}
}

/* --- tickets --- */

static bool resume(const struct tls_setup *setup, const char *priority, const char *name,
		   const char *chain, struct span ticket, struct buf *next, struct result *r)
{
	struct client c;
	time_t until = 0;
	bool resumed = false;

	client_connect(&c, (struct server){ .chain = chain, .priority = priority });
	if (client_start(&c, setup, name, ticket)) {
		client_talk(&c, 0);
		resumed = tls_resumed(c.tls);
		/* with TLS 1.2 a server need not renew it */
		if (tls_ticket(c.tls, next, &until))
			assert_true(until > time(NULL) && until <= time(NULL) + DAY);
		else
			assert_true(resumed && strcmp(tls_version(c.tls), "TLS1.2") == 0);
	} else {
		result_move(r, &c.r);
	}
	client_end(&c);
	assert_int_equal(resumed, r->cause == CAUSE_NONE && c.server.resumed);
	return resumed;
}

static void tickets(void **state)
{
	static const char *const priorities[] = { NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.2" };
	struct tls_settings s = believing();
	struct tls_setup *setup = setup_of(&s);

	(void)state;
	for (size_t i = 0; i < COUNT(priorities); i++) {
		struct buf first, second, third;
		struct result r = RESULT_OK;

		buf_init(&first, TEXT_MAX);
		buf_init(&second, TEXT_MAX);
		buf_init(&third, TEXT_MAX);
		assert_false(resume(setup, priorities[i], "localhost", "x0<C0 C0<A0",
				    (struct span){ "", 0 }, &first, &r));
		assert_int_equal(r.cause, CAUSE_NONE);
		/* name, dates and pins are checked again */
		assert_false(resume(setup, priorities[i], "elsewhere", "x0<C0 C0<A0",
				    buf_span(&first), &second, &r));
		assert_int_equal(r.cause, CAUSE_CONFIG);
		assert_non_null(strstr(r.text, "it is for localhost"));
		result_free(&r);
		assert_true(resume(setup, priorities[i], "localhost", "x0<C0 C0<A0",
				   buf_span(&first), &second, &r));
		/* the first verification's end is handed on */
		if (second.len > 0) {
			assert_true(resume(setup, priorities[i], "localhost", "x0<C0 C0<A0",
					   buf_span(&second), &third, &r));
			assert_int_equal(memcmp(first.p, third.p, 10), 0);
		}
		/* garbage and what has ended is a full handshake */
		buf_clear(&third);
		assert_false(resume(setup, priorities[i], "localhost", "x0<A0",
				    span_of("99999999999\nrubbish"), &third, &r));
		first.p[0] = '0';
		assert_false(resume(setup, priorities[i], "localhost", "x0<A0", buf_span(&first),
				    &third, &r));
		buf_free(&first);
		buf_free(&second);
		buf_free(&third);
	}
	tls_setup_free(setup);
}

/* A pin that came into force since. */
static void ticket_and_pin(void **state)
{
	char pin[] = "sha256:00";
	char *pins[] = { pin, NULL };
	struct tls_settings s = believing();
	struct tls_setup *setup = setup_of(&s), *pinned;
	struct result r = RESULT_OK;
	struct buf ticket, next;

	(void)state;
	s.pins = pins;
	pinned = setup_of(&s);
	buf_init(&ticket, TEXT_MAX);
	buf_init(&next, TEXT_MAX);
	assert_false(
		resume(setup, NULL, "localhost", "x0<A0", (struct span){ "", 0 }, &ticket, &r));
	assert_false(resume(pinned, NULL, "localhost", "x0<A0", buf_span(&ticket), &next, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(r.text, "tls_pin"));
	result_free(&r);
	buf_free(&ticket);
	buf_free(&next);
	tls_setup_free(setup);
	tls_setup_free(pinned);
}

/* --- bindings, flights, what TLS does on its own --- */

static void bindings(void **state)
{
	struct tls_settings s = believing();
	struct tls_setup *setup = setup_of(&s);
	struct client c;
	struct buf binding;

	(void)state;
	buf_init(&binding, TEXT_MAX);
	client_connect(&c, (struct server){ .chain = "x0<A0" });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_string_equal(tls_version(c.tls), "TLS1.3");
	assert_string_equal(tls_channel_binding(c.tls, &binding), "tls-exporter");
	client_talk(&c, 0);
	client_end(&c);
	assert_int_equal(binding.len, sizeof c.server.exporter);
	assert_memory_equal(binding.p, c.server.exporter, binding.len);

	buf_clear(&binding);
	client_connect(&c, (struct server){ .chain = "x0<A0",
					    .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_string_equal(tls_version(c.tls), "TLS1.2");
	assert_string_equal(tls_channel_binding(c.tls, &binding), "tls-unique");
	assert_int_equal(binding.len, 12);
	client_talk(&c, 0);
	client_end(&c);

	buf_clear(&binding);
	client_connect(&c, (struct server){
				   .chain = "x0<A0",
				   .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH" });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_string_equal(tls_channel_binding(c.tls, &binding), "tls-server-end-point");
	assert_int_equal(binding.len, 32);
	client_talk(&c, 0);
	client_end(&c);
	buf_free(&binding);
	tls_setup_free(setup);
}

/* The client's Finished leaves with what is said next, or when there is nothing to say. */
static void flights(void **state)
{
	struct tls_setup *setup = usual_setup();

	(void)state;
	for (int alone = 0; alone < 2; alone++) {
		struct client c;

		client_connect(&c, (struct server){ .chain = "x0<A0" });
		assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
		if (alone != 0)
			assert_true(conn_flush(&c.conn, &c.r));
		client_talk(&c, 0);
		client_end(&c);
		assert_int_equal(c.server.n_heard, 6);
		/* hello; Finished and EHLO; and the good-bye */
		if (alone == 0)
			assert_int_equal(c.server.reads, 3);
	}
	tls_setup_free(setup);
}

/* Key updates, tickets and much to read, while there is much to write. */
static void traffic(void **state)
{
	struct tls_setup *setup = usual_setup();
	char *text = xmalloc(MUCH);

	(void)state;
	memset(text, 'y', MUCH);
	for (int rekey = 0; rekey < 2; rekey++) {
		struct client c;

		client_connect(&c, (struct server){
					   .chain = "x0<A0", .rekey = rekey != 0, .send = 50000 });
		assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
		client_talk(&c, 50000);
		assert_true(conn_write(&c.conn, text, MUCH, &c.r));
		assert_true(conn_flush(&c.conn, &c.r));
		client_end(&c);
	}
	free(text);
	tls_setup_free(setup);
}

/* A server that reads nothing: the deadline ends it. */
static void stuck(void **state)
{
	struct tls_setup *setup = usual_setup();
	char *text = xmalloc(MUCH);
	struct client c;

	(void)state;
	memset(text, 'y', MUCH);
	client_connect(&c, (struct server){ .chain = "x0<A0", .send = MUCH });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	client_talk(&c, MUCH);
	conn_begin_step(&c.conn, STEP_BODY, 200);
	assert_false(conn_write(&c.conn, text, MUCH, &c.r) && conn_flush(&c.conn, &c.r));
	assert_int_equal(c.r.cause, CAUSE_TEMPORARY);
	client_end(&c);
	free(text);
	tls_setup_free(setup);
}

/* What never left is told, though nothing of it can be sent any more. */
static void unsent(void **state)
{
	struct tls_setup *setup = usual_setup();
	char text[1000];
	struct client c;

	(void)state;
	memset(text, 'z', sizeof text);
	client_connect(&c, (struct server){ .chain = "x0<A0" });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	client_talk(&c, 0);
	assert_int_equal(conn_unsent(&c.conn), 0);
	assert_int_equal(shutdown(c.conn.fd, SHUT_WR), 0);
	assert_true(conn_write(&c.conn, text, sizeof text, &c.r));
	assert_int_equal(conn_unsent(&c.conn), sizeof text);
	assert_false(conn_flush(&c.conn, &c.r));
	assert_true(conn_unsent(&c.conn) >= sizeof text);
	client_end(&c);
	tls_setup_free(setup);
}

/* --- asking what is there --- */

static void speaks(void **state)
{
	static const struct {
		const char *text; /* in place of a TLS server; NULL: there is one */
		bool yes;
	} rows[] = {
		{ NULL, true },
		{ "220 mail.example.test ESMTP\r\n", false },
		{ "\x15\x03\x03\x02\x02\x28", true },
		{ "\x16", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct client c;

		if (rows[i].text == NULL) {
			client_connect(&c, (struct server){ .chain = "x0<A0" });
			assert_true(tls_speaks(&c.conn));
			client_end(&c);
		} else {
			int fds[2];
			struct conn conn;

			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
			assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
			conn_init(&conn, fds[0], clock_mono_ms() + LONG_MS);
			assert_true(write_all(fds[1], rows[i].text, strlen(rows[i].text)));
			shutdown(fds[1], SHUT_WR);
			assert_int_equal(tls_speaks(&conn), rows[i].yes);
			conn_close(&conn);
			close(fds[1]);
		}
	}
}

static void speaks_in_time(void **state)
{
	int fds[2];
	struct conn conn;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	conn_init(&conn, fds[0], clock_mono_ms() + LONG_MS);
	conn_begin_step(&conn, STEP_TLS, 50);
	assert_false(tls_speaks(&conn));
	conn_close(&conn);
	close(fds[1]);
}

/* --- the setup --- */

static struct span pem_of(const char *spec, bool key, struct buf *out)
{
	gnutls_datum_t text;

	if (key)
		assert_int_equal(gnutls_x509_privkey_export2(authority_key(&world, spec),
							     GNUTLS_X509_FMT_PEM, &text),
				 0);
	else
		assert_int_equal(gnutls_x509_crt_export2(authority_get(&world, spec),
							 GNUTLS_X509_FMT_PEM, &text),
				 0);
	buf_init(out, TEXT_MAX);
	buf_add(out, text.data, text.size);
	gnutls_free(text.data);
	return buf_span(out);
}

static void client_certificates(void **state)
{
	struct buf cert, key, other, identity;
	struct tls_settings s = believing();
	struct result r = RESULT_OK;
	struct tls_setup *setup = NULL;
	struct client c;

	(void)state;
	s.cert = pem_of("y0<A0", false, &cert);
	s.key = pem_of("y0", true, &key);
	pem_of("y1", true, &other);
	setup = setup_of(&s);
	buf_init(&identity, TEXT_MAX);
	tls_setup_identity(setup, &identity);
	client_connect(&c, (struct server){ .chain = "x0<A0", .wants_client = true });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	client_talk(&c, 0);
	client_end(&c);
	assert_true(c.server.client_cert);
	tls_setup_free(setup);
	setup = NULL;

	struct tls_settings bad = s;
	bad.key = buf_span(&other);
	assert_false(tls_setup_load(&bad, &setup, &r));
	assert_string_equal(r.text, "tls_key_file: not the key of tls_cert_file");
	result_free(&r);
	bad.key = span_of("nothing");
	assert_false(tls_setup_load(&bad, &setup, &r));
	assert_non_null(strstr(r.text, "tls_key_file: "));
	result_free(&r);
	bad = s;
	bad.cert = span_of("nothing");
	assert_false(tls_setup_load(&bad, &setup, &r));
	assert_non_null(strstr(r.text, "tls_cert_file: "));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	result_free(&r);
	bad = s;
	bad.key_url = "pkcs11:token=none;object=none";
	assert_false(tls_setup_load(&bad, &setup, &r));
	assert_non_null(strstr(r.text, "tls_key_file: "));
	result_free(&r);
	buf_free(&cert);
	buf_wipe(&key);
	buf_wipe(&other);
	buf_free(&identity);
}

static void priorities(void **state)
{
	struct tls_settings s = believing();
	struct result r = RESULT_OK;
	struct tls_setup *setup = NULL;

	(void)state;
	s.priority = "NORMAL:-VERS-TLS1.9";
	assert_false(tls_setup_load(&s, &setup, &r));
	assert_int_equal(r.cause, CAUSE_CONFIG);
	assert_non_null(strstr(r.text, "tls_priority: "));
	assert_non_null(strstr(r.text, "TLS1.9"));
	result_free(&r);
	s.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	setup = setup_of(&s);

	struct client c;
	client_connect(&c, (struct server){ .chain = "x0<A0" });
	assert_true(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_string_equal(tls_version(c.tls), "TLS1.2");
	client_talk(&c, 0);
	client_end(&c);
	tls_setup_free(setup);

	s.priority = NULL;
	setup = setup_of(&s);
	client_connect(&c, (struct server){ .chain = "x0<A0",
					    .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1" });
	assert_false(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_int_equal(c.r.cause, CAUSE_PROTOCOL);
	client_end(&c);
	tls_setup_free(setup);
}

static void identities(void **state)
{
	char one[] = "sha256:01", two[] = "sha256:02";
	char *pins[] = { one, NULL }, *both[] = { one, two, NULL };
	struct buf cert, key;
	struct tls_settings rows[] = {
		believing(),
		{ .ca_file = ca_path, .pins = pins },
		{ .ca_file = ca_path, .pins = both },
		{ .pins_only = true, .pins = pins },
		{ .ca_file = ca_path, .priority = "NORMAL" },
		{ .ca_file = ca_path,
		  .cert = pem_of("y0<A0", false, &cert),
		  .key = pem_of("y0", true, &key) },
	};
	struct buf text[COUNT(rows)];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct tls_setup *setup = setup_of(&rows[i]);

		buf_init(&text[i], TEXT_MAX);
		tls_setup_identity(setup, &text[i]);
		tls_setup_free(setup);
		for (size_t j = 0; j < i; j++)
			assert_false(span_eq(buf_span(&text[i]), buf_span(&text[j])));
	}
	for (size_t i = 0; i < COUNT(rows); i++)
		buf_free(&text[i]);
	buf_free(&cert);
	buf_wipe(&key);
}

/* A chain that is longer than anybody's. */
static void long_chain(void **state)
{
	struct tls_setup *setup = usual_setup();
	struct client c;

	(void)state;
	client_connect(&c, (struct server){ .chain = "x0<A0 A0<A0 A0<A0 A0<A0 A0<A0 A0<A0 A0<A0 "
						     "A0<A0 A0<A0 A0<A0 A0<A0 A0<A0 A0<A0 A0<A0 "
						     "A0<A0 A0<A0 A0<A0 A0<A0" });
	assert_false(client_start(&c, setup, "localhost", (struct span){ "", 0 }));
	assert_int_equal(c.r.cause, CAUSE_CONFIG);
	client_end(&c);
	tls_setup_free(setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beliefs),
		cmocka_unit_test(tickets),
		cmocka_unit_test(ticket_and_pin),
		cmocka_unit_test(bindings),
		cmocka_unit_test(flights),
		cmocka_unit_test(traffic),
		cmocka_unit_test(stuck),
		cmocka_unit_test(unsent),
		cmocka_unit_test(speaks),
		cmocka_unit_test(speaks_in_time),
		cmocka_unit_test(client_certificates),
		cmocka_unit_test(priorities),
		cmocka_unit_test(identities),
		cmocka_unit_test(long_chain),
	};

	return cmocka_run_group_tests(tests, set_up_world, tear_down_world);
}
