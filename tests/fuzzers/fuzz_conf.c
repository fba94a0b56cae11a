/*
 * fuzz_conf.c - sendmail.conf: whatever it says, it is taken or refused in one line that shows no
 * password
 *
 * The first byte's lowest bit puts an account with a password in front, the next one gives the
 * password a blank that would have needed quotes.
 */
#include "config/conf.h"

#include "fuzz.h"

#define SECRET "HUSHHUSH"

static const char account[] = "account a {\n"
			      "	host = h\n"
			      "	user = u\n"
			      "	password = ";

static void check_loaded(const struct conf *c)
{
	require(c->path != NULL && c->n_accounts > 0 && c->deadline_ms > 0);
	require(c->tempfail_status > 0 && c->tempfail_status < 256);
	for (size_t i = 0; i < c->n_accounts; i++)
		require(c->accounts[i].name != NULL && c->accounts[i].file != NULL &&
			c->accounts[i].line > 0);
	for (size_t i = 0; i < c->n_dkims; i++)
		require(c->dkims[i].domain != NULL && c->dkims[i].selector != NULL);
}

static void check_refusal(const struct result *r, bool has_secret)
{
	require(r->cause == CAUSE_CONFIG || r->cause == CAUSE_PERMISSION);
	require(r->step == STEP_CONFIG && r->text != NULL && result_status(r) != 0);
	require(!has_secret || strstr(r->text, SECRET) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_file file = { .fd = -1 };
	struct result r = RESULT_OK;
	struct conf *c = NULL;
	struct buf text;

	if (size < 1)
		return 0;
	bool secret = (data[0] & 1) != 0;

	buf_init(&text, FUZZ_OUT_MAX);
	if (secret) {
		buf_adds(&text, account);
		buf_adds(&text, (data[0] & 2) != 0 ? "two " SECRET : SECRET);
	}
	buf_add(&text, data + 1, size - 1);
	secret = secret && memmem(data, size, SECRET, strlen(SECRET)) == NULL;
	fuzz_file_put(&file, buf_span(&text));
	if (conf_load(file.path, &c, &r)) {
		require(!result_failed(&r));
		check_loaded(c);
	} else {
		require(c == NULL);
		check_refusal(&r, secret);
	}
	conf_free(c);
	result_free(&r);
	buf_free(&text);
	return 0;
}
