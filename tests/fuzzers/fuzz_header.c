/*
 * fuzz_header.c - a message apart into fields and body, in pieces, against a plain model
 *
 * The first byte cuts the rest into pieces.
 */
#include "mail/message.h"

#include "fuzz.h"

#define NAME_MAX_OCTETS 998

/* --- the model: all of the text at once, line by line --- */

static void model_line_ends(struct span in, struct buf *text)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.p[i] == '\n')
			buf_adds(text, "\r\n");
		else if (in.p[i] != '\r')
			buf_addc(text, in.p[i]);
		else if (i + 1 == in.len || in.p[i + 1] != '\n')
			buf_addc(text, ' ');
	}
	if (text->len > 0 && text->p[text->len - 1] != '\n')
		buf_adds(text, "\r\n");
}

static struct span first_line(struct span s)
{
	const char *lf = memchr(s.p, '\n', s.len);

	return (struct span){ s.p, (size_t)(lf - s.p) + 1 };
}

static bool is_field(struct span line)
{
	size_t name = 0, colon;

	while (line.p[name] > ' ' && line.p[name] < 0x7f && line.p[name] != ':')
		name++;
	for (colon = name; ascii_isblank(line.p[colon]);)
		colon++;
	return name > 0 && name <= NAME_MAX_OCTETS && colon <= NAME_MAX_OCTETS + 1 &&
	       line.p[colon] == ':';
}

static bool is_mbox_line(struct span line)
{
	static const char *const begins[] = { "From ", ">From " };

	for (size_t i = 0; i < 2; i++)
		if (line.len > strlen(begins[i]) &&
		    memcmp(line.p, begins[i], strlen(begins[i])) == 0)
			return !is_field(line);
	return false;
}

/* The header's lines go into `header`; what is left is the body. *n counts the fields. */
static struct span model(struct span text, struct buf *header, size_t *n)
{
	*n = 0;
	if (text.len > 0 && is_mbox_line(first_line(text))) {
		size_t skip = first_line(text).len;

		text = (struct span){ text.p + skip, text.len - skip };
	}
	while (text.len > 0) {
		struct span line = first_line(text);
		bool empty = line.len == 2, field = is_field(line);

		if (!empty && !field && !(*n > 0 && ascii_isblank(line.p[0])))
			break;
		text = (struct span){ text.p + line.len, text.len - line.len };
		if (empty)
			break;
		*n += field ? 1 : 0;
		buf_addspan(header, line);
	}
	return text;
}

/* --- the program --- */

static bool take(struct span in, uint8_t how, struct message *m)
{
	struct result r = RESULT_OK;
	struct message_in reader;
	struct pieces cut;
	struct span piece;
	bool ok = true;

	message_init(m);
	message_in_init(&reader, m, NULL);
	pieces_init(&cut, how, in);
	while (ok && pieces_next(&cut, &piece))
		ok = message_in_feed(&reader, piece.p, piece.len, &r);
	pieces_drop(&cut);
	ok = ok && message_in_finish(&reader, &r);
	require(ok != result_failed(&r));
	message_in_free(&reader);
	result_free(&r);
	return ok;
}

static void check_fields(const struct header *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct span field = header_field(h, i), name = header_name(h, i);
		struct span value = header_value(h, i);

		require(name.p == field.p && name.len > 0 && name.len <= NAME_MAX_OCTETS);
		require(value.p > name.p + name.len - 1 &&
			value.p + value.len + 2 == field.p + field.len);
		require(h->fields[i].id == field_id_of(name));
	}
}

static void check_drop(struct header *h)
{
	size_t first, end;

	if (header_resent_block(h, &first, &end))
		require(first < end && end <= h->n);
	else
		require(first == h->n && end == h->n);
	header_drop(h, TRAIT_DROP);
	for (size_t i = 0; i < h->n; i++)
		require((field_traits(h->fields[i].id) & TRAIT_DROP) == 0);
	require(!header_has(h, FIELD_BCC) && !header_has(h, FIELD_RETURN_PATH));
}

static void check(struct span in, uint8_t how)
{
	struct buf text, header, got, body;
	struct message m;
	size_t n;

	buf_init(&text, FUZZ_OUT_MAX);
	buf_init(&header, FUZZ_OUT_MAX);
	buf_init(&got, FUZZ_OUT_MAX);
	buf_init(&body, FUZZ_OUT_MAX);
	if (take(in, how, &m)) {
		struct sink to_body = sink_to_buf(&body);
		struct result r = RESULT_OK;

		model_line_ends(in, &text);
		struct span rest = model(buf_span(&text), &header, &n);
		header_write(&m.header, &got);
		require(span_eq(buf_span(&got), buf_span(&header)) && m.header.n == n);
		require(header_size(&m.header) == got.len);
		require(spill_replay(&m.body, &to_body, &r));
		require(span_eq(buf_span(&body), rest) && m.body.size == rest.len);
		check_fields(&m.header);
		check_drop(&m.header);
	}
	message_free(&m);
	buf_free(&text);
	buf_free(&header);
	buf_free(&got);
	buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct span in = { (const char *)data + 1, size - 1 };

	check(in, data[0]);
	return 0;
}
