/*
 * buf.c - the one growable buffer
 */
#include "base/buf.h"

#include "base/sink.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_free(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		wipe(b->p, b->cap);
	buf_free(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflowed = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

/* Room for `len` bytes and the NUL behind them; the caller has kept to the ceiling. */
static void grow(struct buf *b, size_t len)
{
	size_t cap = b->cap > 0 ? b->cap : 64;

	if (len < b->cap)
		return;
	while (cap <= len)
		cap = cap <= SIZE_MAX / 2 ? cap * 2 : len + 1;
	if (cap > b->max)
		cap = b->max + 1;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
}

void buf_reserve(struct buf *b, size_t len)
{
	grow(b, len < b->max ? len : b->max);
	b->p[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t len)
{
	if (len == 0)
		return;
	if (b->overflowed || len > b->max - b->len) {
		b->overflowed = true;
		return;
	}
	grow(b, b->len + len);
	memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addspan(struct buf *b, struct span s)
{
	buf_add(b, s.p, s.len);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	if ((size_t)n < sizeof small) {
		buf_add(b, small, (size_t)n);
		return;
	}
	char *large = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	n = vsnprintf(large, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_add(b, large, (size_t)n);
	free(large);
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
	} else {
		memmove(b->p, b->p + len, b->len - len);
		b->len -= len;
	}
	if (b->p != NULL)
		b->p[b->len] = '\0';
}

bool buf_overflowed(const struct buf *b)
{
	return b->overflowed;
}

const char *buf_str(const struct buf *b)
{
	return b->p != NULL ? b->p : "";
}

char *buf_detach(struct buf *b)
{
	char *s = b->p != NULL ? b->p : xstrdup("");

	buf_init(b, b->max);
	return s;
}

struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}

struct span span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool span_ieq(struct span a, const char *s)
{
	return a.len == strlen(s) && ascii_ncasecmp(a.p, s, a.len) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span s)
{
	while (s.len > 0 && is_space(s.p[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	return s;
}

static bool write_to_buf(void *ctx, const char *p, size_t len)
{
	struct buf *b = ctx;

	buf_add(b, p, len);
	return !b->overflowed;
}

struct sink sink_to_buf(struct buf *b)
{
	return (struct sink){ write_to_buf, b };
}
