/*
 * test_header.c - fields by name, taken in, replaced, dropped
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/util.h"
#include "mail/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define OUT_MAX  (1024 * 1024)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void assert_header(const struct header *h, const char *want)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	header_write(h, &out);
	assert_string_equal(buf_str(&out), want);
	assert_int_equal(header_size(h), strlen(want));
	buf_free(&out);
}

static void assert_span(struct span got, const char *want)
{
	if (!span_eq(got, span_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", (int)got.len, got.p, want);
}

static void names(void **state)
{
	static const struct {
		const char *name;
		enum field_id id;
	} rows[] = {
		{ "From", FIELD_FROM },
		{ "from", FIELD_FROM },
		{ "FROM", FIELD_FROM },
		{ "Reply-to", FIELD_REPLY_TO },
		{ "bCC", FIELD_BCC },
		{ "Message-Id", FIELD_MESSAGE_ID },
		{ "Resent-message-id", FIELD_RESENT_MESSAGE_ID },
		{ "resent-Reply-To", FIELD_RESENT_REPLY_TO },
		/* whole words only */
		{ "", FIELD_OTHER },
		{ "Fro", FIELD_OTHER },
		{ "Froms", FIELD_OTHER },
		{ "X-From", FIELD_OTHER },
		{ "Bcc ", FIELD_OTHER },
		{ "Resent", FIELD_OTHER },
		{ "Resent-", FIELD_OTHER },
		{ "Resent-Comments", FIELD_OTHER },
		{ "Subject", FIELD_SUBJECT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(field_id_of(span_of(rows[i].name)), rows[i].id);
	for (int id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++)
		assert_int_equal(field_id_of(span_of(field_name((enum field_id)id))), id);
}

static void traits(void **state)
{
	static const struct {
		unsigned trait;
		const char *names;
	} rows[] = {
		{ TRAIT_RECIPIENT, "To Cc Bcc Resent-To Resent-Cc Resent-Bcc " },
		{ TRAIT_RESENT, "Resent-From Resent-Sender Resent-Reply-To Resent-To Resent-Cc "
				"Resent-Bcc Resent-Date Resent-Message-ID " },
		{ TRAIT_DROP, "Bcc Return-Path Content-Length Resent-Bcc " },
		{ TRAIT_ADDRESS, "From Sender Reply-To To Cc Bcc Resent-From Resent-Sender "
				 "Resent-Reply-To Resent-To Resent-Cc Resent-Bcc " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf found;

		buf_init(&found, OUT_MAX);
		for (int id = FIELD_OTHER; id < FIELD_ID_COUNT; id++)
			if ((field_traits((enum field_id)id) & rows[i].trait) != 0)
				buf_addf(&found, "%s ", field_name((enum field_id)id));
		assert_string_equal(buf_str(&found), rows[i].names);
		buf_free(&found);
	}
}

static void parts(void **state)
{
	static const struct {
		const char *field;
		const char *name;
		const char *value;
		enum field_id id;
	} rows[] = {
		{ "To: a\r\n", "To", " a", FIELD_TO },
		{ "To:a\r\n", "To", "a", FIELD_TO },
		{ "To:\r\n", "To", "", FIELD_TO },
		{ "to : a\r\n", "to", " a", FIELD_TO },
		{ "TO\t \t:a:b \r\n", "TO", "a:b ", FIELD_TO },
		{ "To: a,\r\n\tb\r\n", "To", " a,\r\n\tb", FIELD_TO },
		{ "To:\r\n a\r\n", "To", "\r\n a", FIELD_TO },
		{ "X-To: \xff\r\n", "X-To", " \xff", FIELD_OTHER },
	};
	struct header h;

	(void)state;
	header_init(&h);
	for (size_t i = 0; i < COUNT(rows); i++)
		header_append(&h, span_of(rows[i].field));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_span(header_field(&h, i), rows[i].field);
		assert_span(header_name(&h, i), rows[i].name);
		assert_span(header_value(&h, i), rows[i].value);
		assert_int_equal(h.fields[i].id, rows[i].id);
	}
	header_free(&h);
}

static void changes(void **state)
{
	struct header h;

	(void)state;
	header_init(&h);
	assert_header(&h, "");
	header_append(&h, span_of("B: 1\r\n"));
	header_insert(&h, 0, span_of("A: 1\r\n"));
	header_insert(&h, 1, span_of("Date: x\r\n"));
	header_insert_value(&h, h.n, "C", "2");
	assert_header(&h, "A: 1\r\nDate: x\r\nB: 1\r\nC: 2\r\n");
	header_replace(&h, 1, span_of("To: somebody\r\n"));
	assert_header(&h, "A: 1\r\nTo: somebody\r\nB: 1\r\nC: 2\r\n");
	assert_false(header_has(&h, FIELD_DATE));
	assert_int_equal(header_find(&h, FIELD_TO, 0), 1);
	assert_int_equal(header_find(&h, FIELD_TO, 1), 1);
	assert_int_equal(header_find(&h, FIELD_TO, 2), h.n);
	assert_int_equal(header_find(&h, FIELD_BCC, 0), h.n);
	header_drop(&h, TRAIT_RECIPIENT);
	assert_header(&h, "A: 1\r\nB: 1\r\nC: 2\r\n");
	header_freeze(&h);
	header_free(&h);
	assert_header(&h, "");
	header_append(&h, span_of("A: 1\r\n"));
	header_free(&h);
}

/* What hides a Bcc from a careless look does not save it. */
static void dropped(void **state)
{
	static const char *const gone[] = {
		"Bcc: a@b\r\n",
		"bcc: a@b\r\n",
		"BCC:a@b\r\n",
		"Bcc : a@b\r\n",
		"Bcc\t \t: a@b\r\n",
		"Bcc:\r\n",
		"Bcc:\r\n a@b\r\n",
		"Bcc: a@b,\r\n\tc@d,\r\n e@f\r\n",
		"Bcc: a@b\r\n \r\n c@d\r\n",
		"Bcc : a@b,\r\n To: c@d\r\n",
		"Resent-Bcc: a@b\r\n",
		"resent-bcc : a@b\r\n",
		"Return-Path: <a@b>\r\n",
		"return-path :\r\n <a@b>\r\n",
		"Content-Length: 5\r\n",
		"CONTENT-LENGTH\t: 5\r\n",
	};
	static const char *const kept[] = {
		"X-Bcc: a@b\r\n",          "Bccs: a@b\r\n", "Subject: x\r\n Bcc: a@b\r\n",
		"Content-Length-X: 5\r\n", "Cc: a@b\r\n",
	};
	struct header h;
	struct buf want;

	(void)state;
	header_init(&h);
	buf_init(&want, OUT_MAX);
	for (size_t i = 0; i < COUNT(gone) * COUNT(kept); i++) {
		header_append(&h, span_of(gone[i % COUNT(gone)]));
		header_append(&h, span_of(kept[i % COUNT(kept)]));
		buf_adds(&want, kept[i % COUNT(kept)]);
	}
	header_append(&h, span_of(gone[0]));
	header_drop(&h, TRAIT_DROP);
	assert_header(&h, buf_str(&want));
	header_drop(&h, TRAIT_DROP);
	assert_int_equal(h.n, COUNT(gone) * COUNT(kept));
	buf_free(&want);
	header_free(&h);
}

static void resent_blocks(void **state)
{
	static const struct {
		const char *names; /* of the fields, a blank behind each */
		size_t first;
		size_t end;
	} rows[] = {
		{ "", 0, 0 },
		{ "From To Date ", 3, 3 },
		{ "X-Resent-To Resent Resent- Resent-Comments ", 4, 4 },
		{ "Resent-To ", 0, 1 },
		{ "From resent-to RESENT-FROM To ", 1, 3 },
		{ "From To Resent-Bcc ", 2, 3 },
		{ "Resent-From Resent-Sender Resent-Reply-To Resent-To Resent-Cc Resent-Bcc "
		  "Resent-Date Resent-Message-ID From ",
		  0, 8 },
		/* the next block begins where a name comes again */
		{ "Resent-From Resent-To Resent-From Resent-To ", 0, 2 },
		{ "Resent-To Resent-To ", 0, 1 },
		{ "Resent-Date Resent-From Resent-To Resent-From ", 0, 3 },
		{ "Resent-To Resent-Reply-To Resent-Reply-To ", 0, 2 },
		/* or behind another field */
		{ "Received Resent-From Received Resent-To ", 1, 2 },
		{ "Resent-From Resent Resent-To ", 0, 1 },
		{ "Resent-From Resent- Resent-To ", 0, 1 },
		/* a name we do not know is no border, and no beginning */
		{ "Resent-From Resent-X resent-x Resent-To Resent-From ", 0, 4 },
		{ "Resent-X Resent-From From ", 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct header h;
		size_t first = 99, end = 99;

		header_init(&h);
		for (const char *p = rows[i].names; *p != '\0'; p += strcspn(p, " ") + 1) {
			char *name = xstrndup(p, strcspn(p, " "));

			header_insert_value(&h, h.n, name, "x");
			free(name);
		}
		assert_int_equal(header_resent_block(&h, &first, &end), rows[i].first < h.n);
		if (first != rows[i].first || end != rows[i].end)
			fail_msg("%s: %zu, %zu", rows[i].names, first, end);
		header_free(&h);
	}
}

/* As many fields as fit: what each costs does not grow with their number. */
static void many(void **state)
{
	const size_t n = HEADER_MAX / 4;
	struct header h;

	(void)state;
	header_init(&h);
	for (size_t i = 0; i < n; i++)
		header_append(&h, span_of(i % 2 ? "A:\r\n" : "Bcc:\r\n"));
	assert_int_equal(h.n, n);
	header_drop(&h, TRAIT_DROP);
	assert_int_equal(h.n, n / 2);
	assert_int_equal(header_size(&h), 2 * n);
	header_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),   cmocka_unit_test(traits),
		cmocka_unit_test(parts),   cmocka_unit_test(changes),
		cmocka_unit_test(dropped), cmocka_unit_test(resent_blocks),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
