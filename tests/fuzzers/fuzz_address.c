/*
 * fuzz_address.c - an address list is read within bounds, and what is written is read the same
 */
#include "mail/addr.h"

#include "base/util.h"
#include "mail/word.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* No line break, no NUL, and every quote has its other one. */
static void expect_safe(struct span s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		expect(!ascii_iscntrl(s.p[i]));
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
	}
	expect(!quoted);
}

static void expect_read_again(struct span text, const struct mailbox *m)
{
	struct mailbox again;

	expect(addr_parse_one(text, true, &again) == NULL);
	expect(same(m->local, again.local) && same(m->domain, again.domain));
	if (m->name != NULL && !has_8bit(m->name, strlen(m->name)))
		expect(same(m->name, again.name));
	else
		expect((m->name == NULL) == (again.name == NULL));
	mailbox_free(&again);
}

static void check(const struct mailbox *m, size_t size)
{
	struct buf out;

	buf_init(&out, 100 * size + 1000);
	addr_write(m, &out);
	expect_safe(buf_span(&out));
	if (m->name == NULL)
		expect_read_again(buf_span(&out), m);
	buf_clear(&out);
	addr_write_phrase(m->name != NULL ? m->name : "", &out);
	expect(!has_8bit(out.p, out.len));
	expect_safe(buf_span(&out));
	buf_adds(&out, " <");
	addr_write(m, &out);
	buf_adds(&out, ">");
	expect(!buf_overflowed(&out));
	expect_read_again(buf_span(&out), m);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr_list list;
	struct mailbox m;
	enum addr_next got;
	size_t before = 0;

	addr_list_init(&list, (struct span){ (const char *)data, size });
	while ((got = addr_next(&list, &m)) == ADDR_MAILBOX) {
		expect(list.pos > before && list.pos <= size && m.local_end <= size);
		before = list.pos;
		check(&m, size);
		mailbox_free(&m);
	}
	if (got == ADDR_BAD)
		expect(list.error != NULL && list.at <= size);
	expect(addr_next(&list, &m) == got);
	return 0;
}
