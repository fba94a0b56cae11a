/*
 * canon.c - canonicalization of header fields and of the body, RFC 6376 section 3.4
 *
 * A body of any size passes through here while it is read, so what is already canonical goes on
 * in as few and as long pieces as possible. Both kinds end in hold_breaks(), which keeps line
 * breaks back until text follows; relaxed puts squeeze() in front, which cuts its input only
 * where white space really changes.
 */
#include "dkim/canon.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

#define BLOCK 64

const char *canon_name(enum canon kind)
{
	static const char *const names[CANON_COUNT] = {
		[CANON_SIMPLE] = "simple",
		[CANON_RELAXED] = "relaxed",
	};

	return names[kind];
}

static bool at_crlf(const char *p, const char *end)
{
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}

static bool push_breaks(struct canon_body *c)
{
	static const char crlfs[] =
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	const uint64_t most = (sizeof crlfs - 1) / 2;

	while (c->breaks > 0) {
		uint64_t n = c->breaks < most ? c->breaks : most;

		if (!sink_write(&c->to, crlfs, (size_t)n * 2))
			return false;
		c->breaks -= n;
	}
	return true;
}

/* Line breaks at the end of the text so far may be the end of the body, which keeps only one. */
static bool hold_breaks(struct canon_body *c, const char *p, size_t len)
{
	size_t text = len;

	while (text >= 2 && at_crlf(p + text - 2, p + text))
		text -= 2;
	if (text > 0) {
		if (!push_breaks(c) || !sink_write(&c->to, p, text))
			return false;
		c->any = true;
	}
	c->breaks += (len - text) / 2;
	return true;
}

/*
 * True if white space among the BLOCK bytes at p may have to change; the byte behind them is
 * looked at too. Errs towards yes. There is no branch in the loop, so that compilers turn it
 * into vector instructions: ordinary text is passed over at the speed of memory.
 */
static bool block_has_edge(const char *p)
{
	unsigned char hit = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		unsigned char here = (unsigned char)p[i];
		unsigned char next = (unsigned char)p[i + 1];

		hit |= (here == '\t') | ((here == ' ') & (next <= ' '));
	}
	return hit != 0;
}

/* Is there white space at p other than one blank inside a line? The last byte cannot be sure. */
static bool is_edge(const char *p, const char *end)
{
	if (*p != ' ')
		return *p == '\t';
	return p + 1 == end || ascii_isblank(p[1]) || at_crlf(p + 1, end);
}

static const char *find_edge(const char *p, const char *end)
{
	while (p < end) {
		const char *stop;

		while (end - p > BLOCK && !block_has_edge(p))
			p += BLOCK;
		stop = end - p > BLOCK ? p + BLOCK : end;
		for (; p < stop; p++)
			if (is_edge(p, end))
				return p;
	}
	return end;
}

/* White space becomes one blank, and nothing at the end of a line. */
static bool squeeze(struct canon_body *c, const char *p, size_t len)
{
	const char *end = p + len;
	const char *edge;

	while (p < end) {
		if (c->blank) {
			const char *space = p;

			while (p < end && ascii_isblank(*p))
				p++;
			if (p == end)
				return true;
			c->blank = false;
			/* A blank of the input's own saves a write. */
			if (!at_crlf(p, end) && p > space && p[-1] == ' ')
				p--;
			else if (!at_crlf(p, end) && !hold_breaks(c, " ", 1))
				return false;
		}
		edge = find_edge(p, end);
		if (!hold_breaks(c, p, (size_t)(edge - p)))
			return false;
		c->blank = edge < end;
		p = edge;
	}
	return true;
}

/* Takes a piece that does not end between CR and LF. */
static bool pass(struct canon_body *c, const char *p, size_t len)
{
	return c->kind == CANON_RELAXED ? squeeze(c, p, len) : hold_breaks(c, p, len);
}

void canon_body_init(struct canon_body *c, enum canon kind, struct sink to)
{
	*c = (struct canon_body){ .kind = kind, .to = to };
}

bool canon_body_feed(struct canon_body *c, const char *p, size_t len)
{
	if (len == 0)
		return true;
	if (c->cr) {
		bool lf = *p == '\n';

		c->cr = false;
		if (!pass(c, "\r\n", lf ? 2 : 1))
			return false;
		p += lf;
		len -= lf;
	}
	c->cr = len > 0 && p[len - 1] == '\r';
	return pass(c, p, len - c->cr);
}

bool canon_body_finish(struct canon_body *c)
{
	bool cr = c->cr;

	c->cr = false;
	if (cr && !pass(c, "\r", 1))
		return false;
	if (c->kind == CANON_RELAXED && !c->any)
		return true;
	return sink_write(&c->to, "\r\n", 2);
}

static void relaxed_value(struct span value, struct buf *out)
{
	const char *p = value.p;
	const char *end = p + value.len;
	bool blank = false;
	bool any = false;

	while (p < end) {
		const char *word = p;

		while (p < end && !ascii_isblank(*p) && !at_crlf(p, end))
			p++;
		if (p > word) {
			if (blank && any)
				buf_addc(out, ' ');
			buf_add(out, word, (size_t)(p - word));
			blank = false;
			any = true;
		} else if (ascii_isblank(*p)) {
			blank = true;
			p++;
		} else {
			p += 2; /* a fold is the white space behind it */
		}
	}
}

static void relaxed_field(struct span field, struct buf *out)
{
	const char *colon = memchr(field.p, ':', field.len);
	size_t name_len = colon != NULL ? (size_t)(colon - field.p) : field.len;
	struct span name = span_trim((struct span){ field.p, name_len });

	for (size_t i = 0; i < name.len; i++)
		buf_addc(out, ascii_tolower(name.p[i]));
	if (colon == NULL)
		return;
	buf_addc(out, ':');
	relaxed_value((struct span){ colon + 1, field.len - name_len - 1 }, out);
}

void canon_field(enum canon kind, struct span field, bool last, struct buf *out)
{
	if (field.len >= 2 && at_crlf(field.p + field.len - 2, field.p + field.len))
		field.len -= 2;
	if (kind == CANON_RELAXED)
		relaxed_field(field, out);
	else
		buf_addspan(out, field);
	if (!last)
		buf_adds(out, "\r\n");
}

static bool write_digest(void *ctx, const char *p, size_t len)
{
	digest_update(ctx, p, len);
	return true;
}

static bool write_body(void *ctx, const char *p, size_t len)
{
	struct body_hash *b = ctx;

	for (int kind = 0; kind < CANON_COUNT; kind++)
		if (b->digest[kind] != NULL && !canon_body_feed(&b->canon[kind], p, len))
			return false;
	return true;
}

void body_hash_init(struct body_hash *b, bool simple, bool relaxed)
{
	*b = (struct body_hash){
		.wanted = { [CANON_SIMPLE] = simple, [CANON_RELAXED] = relaxed },
	};
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		if (!b->wanted[kind])
			continue;
		b->digest[kind] = digest_begin();
		canon_body_init(&b->canon[kind], (enum canon)kind,
				(struct sink){ write_digest, b->digest[kind] });
	}
}

struct sink body_hash_sink(struct body_hash *b)
{
	return (struct sink){ write_body, b };
}

void body_hash_finish(struct body_hash *b)
{
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		if (b->digest[kind] == NULL)
			continue;
		canon_body_finish(&b->canon[kind]);
		digest_end(b->digest[kind], b->hash[kind]);
		b->digest[kind] = NULL;
	}
}

void body_hash_free(struct body_hash *b)
{
	for (int kind = 0; kind < CANON_COUNT; kind++) {
		digest_drop(b->digest[kind]);
		b->digest[kind] = NULL;
	}
}
