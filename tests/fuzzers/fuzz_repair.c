/*
 * fuzz_repair.c - whole messages through reading, surveying and repairing
 *
 * The first byte says what the server takes; the rest is the message. What comes out must be what
 * that server takes, and right: repairing it once more changes nothing.
 */
#include "base/util.h"
#include "mail/message.h"
#include "repair/repair.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_OCTETS 998

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* A message, as the program reads it. */
struct input {
	struct message m;
	struct survey survey;
};

static bool take(struct input *in, const char *p, size_t len, size_t piece)
{
	struct result r = RESULT_OK;
	struct message_in reader;
	struct sink tap;
	bool ok = true;

	message_init(&in->m);
	survey_init(&in->survey, &in->m.header);
	tap = survey_sink(&in->survey);
	message_in_init(&reader, &in->m, &tap);
	for (size_t at = 0; ok && at < len; at += piece)
		ok = message_in_feed(&reader, p + at, len - at < piece ? len - at : piece, &r);
	ok = ok && message_in_finish(&reader, &r);
	message_in_free(&reader);
	survey_finish(&in->survey);
	result_free(&r);
	return ok;
}

static void drop(struct input *in)
{
	survey_free(&in->survey);
	message_free(&in->m);
}

static void require(bool fact)
{
	if (!fact)
		abort();
}

/* Lines of at most 998 octets, CRLF and nothing else for their ends. */
static void check_lines(struct span text, bool eight_bit)
{
	size_t line = 0;

	require(text.len == 0 || (text.len >= 2 && text.p[text.len - 1] == '\n'));
	for (size_t i = 0; i < text.len; i++) {
		require(eight_bit || (text.p[i] & 0x80) == 0);
		if (text.p[i] == '\n') {
			require(i > 0 && text.p[i - 1] == '\r' && line <= LINE_MAX_OCTETS + 1);
			line = 0;
			continue;
		}
		require(text.p[i] != '\r' || (i + 1 < text.len && text.p[i + 1] == '\n'));
		line++;
	}
}

static void write_whole(const struct message *m, const struct repaired *out, struct buf *whole)
{
	const struct sink to = sink_to_buf(whole);
	struct result r = RESULT_OK;

	header_write(&out->header, whole);
	buf_adds(whole, "\r\n");
	require(spill_replay(out->changed_body ? &out->body : &m->body, &to, &r));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct result r = RESULT_OK;
	struct repaired out, again;
	struct input in, second;
	struct buf whole, twice;

	if (size < 2)
		return 0;
	const struct repair_terms terms = {
		.eight_bit = (data[0] & 1) != 0,
		.utf8 = (data[0] & 3) == 3,
		.utf8_preferred = (data[0] & 4) != 0,
		.may_change = (data[0] & 8) == 0,
		.charset = "unknown-8bit",
	};
	buf_init(&whole, 64 * 1024 * 1024);
	buf_init(&twice, 64 * 1024 * 1024);
	repaired_init(&out);
	if (take(&in, (const char *)data + 1, size - 1, 1 + (size_t)(data[0] >> 4) * 37) &&
	    repair_message(&in.m, &in.survey, &terms, NULL, &out, &r)) {
		write_whole(&in.m, &out, &whole);
		check_lines(buf_span(&whole), terms.eight_bit);
		require(take(&second, whole.p, whole.len, 4096));
		repaired_init(&again);
		require(repair_message(&second.m, &second.survey, &terms, NULL, &again, &r));
		require(!again.changed_body);
		write_whole(&second.m, &again, &twice);
		require(span_eq(buf_span(&whole), buf_span(&twice)));
		repaired_free(&again);
		drop(&second);
	}
	result_free(&r);
	repaired_free(&out);
	drop(&in);
	buf_free(&whole);
	buf_free(&twice);
	return 0;
}
