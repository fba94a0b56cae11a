/*
 * base64.c - base64 of RFC 4648 section 4, unfolded
 */
#include "base/base64.h"

#include "base/util.h"

#include <string.h>

#include "base/banned.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(const void *p, size_t len, struct buf *out)
{
	const unsigned char *in = p;

	for (; len > 0; in += 3) {
		size_t n = len < 3 ? len : 3;
		unsigned v = (unsigned)in[0] << 16;
		char quad[4];

		v |= n > 1 ? (unsigned)in[1] << 8 : 0;
		v |= n > 2 ? (unsigned)in[2] : 0;
		quad[0] = alphabet[v >> 18];
		quad[1] = alphabet[v >> 12 & 63];
		quad[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		quad[3] = n > 2 ? alphabet[v & 63] : '=';
		buf_add(out, quad, sizeof quad);
		len -= n;
	}
}

static int digit(char c)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

bool base64_read(struct span text, struct buf *out)
{
	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		const char *quad = text.p + i;
		bool last = i + 4 == text.len;
		int pad = last && quad[3] == '=' ? (quad[2] == '=' ? 2 : 1) : 0;
		unsigned v = 0;

		for (int k = 0; k < 4; k++) {
			int d = k < 4 - pad ? digit(quad[k]) : 0;

			if (d < 0)
				return false;
			v = v << 6 | (unsigned)d;
		}
		const unsigned char bytes[3] = { (unsigned char)(v >> 16), (unsigned char)(v >> 8),
						 (unsigned char)v };
		buf_add(out, bytes, (size_t)(3 - pad));
	}
	return true;
}

void base64_unfold(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_isblank(text.p[i]) && text.p[i] != '\r' && text.p[i] != '\n')
			buf_addc(out, text.p[i]);
}
