/*
 * crlf.c - the one filter all of a message passes first: line ends become CRLF
 */
#include "mail/crlf.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

#define OUT_MAX (32 * 1024)

void crlf_in_init(struct crlf_in *c, struct sink to)
{
	*c = (struct crlf_in){ .to = to };
	buf_init(&c->out, OUT_MAX);
}

void crlf_in_free(struct crlf_in *c)
{
	buf_free(&c->out);
}

static bool flush(struct crlf_in *c)
{
	bool ok = sink_write(&c->to, c->out.p, c->out.len);

	buf_clear(&c->out);
	return ok;
}

static bool put(struct crlf_in *c, const char *p, size_t len)
{
	if (len > OUT_MAX - c->out.len && !flush(c))
		return false;
	if (len > OUT_MAX)
		return sink_write(&c->to, p, len);
	buf_add(&c->out, p, len);
	return true;
}

/* Text within a line: neither CR nor LF in it. */
static bool put_text(struct crlf_in *c, const char *p, size_t len)
{
	c->in_line = c->in_line || len > 0;
	return put(c, p, len);
}

static bool put_bare_cr(struct crlf_in *c)
{
	return put_text(c, c->keep_cr ? "\r" : " ", 1);
}

static bool end_line(struct crlf_in *c)
{
	c->in_line = false;
	return put(c, "\r\n", 2);
}

/* A stretch without LF: every CR in it is a bare one, but perhaps the last. */
static bool put_stretch(struct crlf_in *c, const char *p, size_t len)
{
	while (len > 0) {
		const char *cr = memchr(p, '\r', len);
		size_t n = cr != NULL ? (size_t)(cr - p) : len;

		if (c->cr && !put_bare_cr(c))
			return false;
		c->cr = cr != NULL;
		if (!put_text(c, p, n))
			return false;
		n += c->cr ? 1 : 0;
		p += n;
		len -= n;
	}
	return true;
}

bool crlf_in_feed(struct crlf_in *c, const char *p, size_t len, struct result *r)
{
	if (memchr(p, '\0', len) != NULL)
		return result_fail(r, CAUSE_DATA, STEP_INPUT,
				   "the message contains a NUL byte, which mail cannot carry "
				   "(attach binary data in base64)");
	while (len > 0) {
		const char *lf = memchr(p, '\n', len);
		size_t n = lf != NULL ? (size_t)(lf - p) : len;

		if (!put_stretch(c, p, n))
			return false;
		if (lf != NULL) {
			c->cr = false;
			if (!end_line(c))
				return false;
			n++;
		}
		p += n;
		len -= n;
	}
	return true;
}

bool crlf_in_finish(struct crlf_in *c)
{
	if (c->cr && !put_bare_cr(c))
		return false;
	c->cr = false;
	if (c->in_line && !end_line(c))
		return false;
	return flush(c);
}
