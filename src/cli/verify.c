/*
 * verify.c - --verify: are the DKIM signatures of a message good?
 */
#include "cli/verify.h"

#include "base/clock.h"
#include "base/util.h"
#include "dkim/record.h"
#include "dkim/verify.h"
#include "mail/message.h"
#include "net/txt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define READ_PIECE   (64 * 1024)
#define VALUE_MAX    320 /* octets of a tag's value that are shown: an address has no more */
#define LINE_MAX_LEN (16 * 1024)

struct run {
	const struct txt_source *keys;
	struct report *rep;
	bool several;        /* files: each line begins with one */
	struct result total; /* of all files so far */
};

/* A message on its way in; its verification begins when the header is complete. */
struct reading {
	struct message m;
	struct verifier *v;
};

static bool tap_body(void *ctx, const char *p, size_t len)
{
	struct reading *reading = ctx;
	struct sink body;

	if (reading->v == NULL)
		reading->v = verify_begin(&reading->m.header);
	body = verify_body(reading->v);
	return sink_write(&body, p, len);
}

static bool feed_file(int fd, struct message_in *in, struct result *r)
{
	char *piece = xmalloc(READ_PIECE);
	bool any = false, ok = true;
	ssize_t n;

	do {
		n = read(fd, piece, READ_PIECE);
		if (n > 0)
			ok = message_in_feed(in, piece, (size_t)n, r);
		else if (n < 0 && !try_again(errno, fd, false))
			ok = result_fail(r, CAUSE_READ, STEP_INPUT, "cannot be read: %s",
					 strerror(errno));
		any = any || n > 0;
	} while (ok && n != 0);
	free(piece);
	if (ok && !any)
		ok = result_fail(r, CAUSE_NO_INPUT, STEP_INPUT, "is empty");
	return ok;
}

/* The bytes are judged as they are: what sending would change must not be mended first. */
static bool read_message(int fd, struct reading *reading, struct result *r)
{
	struct sink tap = { tap_body, reading };
	struct message_in in;
	bool ok;

	message_in_init(&in, &reading->m, &tap);
	in.crlf.keep_cr = true;
	ok = feed_file(fd, &in, r) && message_in_finish(&in, r);
	message_in_free(&in);
	/* A message that went in circles may be signed all the same. */
	if (!ok && r->cause == CAUSE_LOOP) {
		result_free(r);
		ok = true;
	}
	if (ok && reading->v == NULL)
		reading->v = verify_begin(&reading->m.header);
	return ok;
}

/* Which of the records wants to be a key, and how many do. */
static size_t choose_record(const struct txt *txt, size_t *keys)
{
	size_t chosen = 0;

	*keys = 0;
	for (size_t i = 0; i < txt->n; i++) {
		struct dkim_record rec;

		if (record_read(buf_span(&txt->records[i]), &rec) != RECORD_NOT_DKIM) {
			chosen = i;
			++*keys;
		}
		record_free(&rec);
	}
	return chosen;
}

/* Several keys at one name are nobody's intention; RFC 6376 section 3.6.2.2 forbids them. */
static enum key_answer find_key(void *ctx, const char *name, struct buf *record)
{
	const struct run *run = ctx;
	enum key_answer answer = KEY_NONE;
	size_t chosen, keys;
	struct txt txt;

	txt_find(run->keys, name, &txt);
	if (txt.answer == TXT_UNAVAILABLE)
		answer = KEY_UNAVAILABLE;
	if (txt.answer == TXT_FOUND && txt.n > 0) {
		chosen = choose_record(&txt, &keys);
		answer = keys > 1 ? KEY_SEVERAL : KEY_FOUND;
		buf_addspan(record, buf_span(&txt.records[chosen]));
	}
	txt_free(&txt);
	return answer;
}

/* What a hostile message says does no harm to a terminal, and stays one word. */
static void add_value(struct buf *line, const char *tag, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(line, " %s=", tag);
	for (size_t i = 0; value[i] != '\0' && i < VALUE_MAX; i++)
		buf_addc(line, value[i] > ' ' && value[i] <= '~' ? value[i] : '?');
}

static void add_comments(struct buf *line, const struct verification *v)
{
	const char *const comments[] = {
		v->why,
		v->testing ? "the key is for testing" : NULL,
		v->partial ? "l= leaves a part of the body unsigned" : NULL,
	};
	const char *before = " (";

	for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++) {
		if (comments[i] == NULL)
			continue;
		buf_addf(line, "%s%s", before, comments[i]);
		before = "; ";
	}
	if (before[0] == ';')
		buf_addc(line, ')');
}

static void tell(const struct run *run, const char *name, const struct verification *v)
{
	struct buf line;

	buf_init(&line, LINE_MAX_LEN);
	if (run->several)
		buf_addf(&line, "%s: ", name);
	buf_adds(&line, v != NULL ? verdict_name(v->verdict) : "none");
	if (v != NULL) {
		add_comments(&line, v);
		add_value(&line, "d", v->domain);
		add_value(&line, "s", v->selector);
		add_value(&line, "a", v->algorithm);
		add_value(&line, "i", v->identity);
	}
	buf_addc(&line, '\n');
	sink_write(&run->rep->out, line.p, line.len);
	buf_free(&line);
}

static bool judge(struct run *run, const char *name, struct verifier *v, struct result *r)
{
	struct verification *list;
	size_t n = verify_end(v, find_key, run, clock_now(), &list);
	size_t passed = 0, temporary = 0;

	if (n == 0)
		tell(run, name, NULL);
	for (size_t i = 0; i < n; i++) {
		tell(run, name, &list[i]);
		passed += list[i].verdict == VERDICT_PASS;
		temporary += list[i].verdict == VERDICT_TEMPERROR;
	}
	verification_free(list, n);
	if (passed > 0)
		return true;
	if (n > 0 && temporary == n)
		return result_fail(r, CAUSE_TEMPORARY, STEP_RESOLVE, "no key could be looked up");
	return result_fail(r, CAUSE_UNVERIFIED, STEP_NONE, "no signature verifies");
}

static int open_file(const char *file, struct result *r)
{
	int fd = open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		result_fail(r, errno == EACCES ? CAUSE_PERMISSION : CAUSE_NO_INPUT, STEP_INPUT,
			    "cannot be opened: %s", strerror(errno));
	return fd;
}

/* A file's name is its owner's to choose; it stays on its line. */
static char *shown_name(const char *file)
{
	char *name = xstrdup(strcmp(file, "-") == 0 ? "standard input" : file);

	for (char *p = name; *p != '\0'; p++)
		if (ascii_iscntrl(*p))
			*p = '?';
	return name;
}

static void tell_failure(const struct run *run, const char *name, const struct result *r)
{
	char *words = report_words(NULL, r);

	report_line(run->rep, "%s: %s", name, words);
	free(words);
}

/* A failure for good counts more than one that may pass; else the first. */
static void note(struct run *run, struct result *r)
{
	if (result_failed(r) && (!result_failed(&run->total) ||
				 (result_temporary(&run->total) && !result_temporary(r))))
		result_move(&run->total, r);
	result_free(r);
}

static void verify_file(struct run *run, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	struct reading reading = { .v = NULL };
	struct result r = RESULT_OK;
	char *name = shown_name(file);
	int fd = is_stdin ? STDIN_FILENO : open_file(file, &r);

	message_init(&reading.m);
	if (fd >= 0 && read_message(fd, &reading, &r)) {
		judge(run, name, reading.v, &r);
	} else {
		verify_drop(reading.v);
		tell_failure(run, name, &r);
	}
	message_free(&reading.m);
	if (fd >= 0 && !is_stdin)
		close(fd);
	free(name);
	note(run, &r);
}

int verify_signatures(const struct options *o, struct report *rep)
{
	struct run run = { .rep = rep, .several = o->n_recipients > 1, .total = RESULT_OK };
	struct txt_source *keys = NULL;
	int status;

	if (txt_open(o->records, &keys, &run.total)) {
		run.keys = keys;
		for (size_t i = 0; i < o->n_recipients; i++)
			verify_file(&run, o->recipients[i]);
		if (o->n_recipients == 0)
			verify_file(&run, "-");
		txt_close(keys);
	} else {
		report_failure(rep, NULL, NULL, &run.total);
	}
	status = result_status(&run.total);
	result_free(&run.total);
	return status;
}
