/*
 * fuzz_alias.c - an alias file: read, each name found again, and followed to its end
 */
#include "mail/recipients.h"

#include "fuzz.h"

static char localhost[] = "localhost";
static char *const local_domains[] = { localhost, NULL };

static void check_list(const struct aliases *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct alias *alias = &a->list[i], *found = aliases_find(a, alias->name);

		require(alias->name[0] != '\0' && alias->line > 0);
		require(found != NULL && strcmp(found->name, alias->name) == 0 &&
			found->line <= alias->line);
		require(alias->n > 0 && alias->targets[alias->n] == NULL);
		for (size_t k = 0; k < alias->n; k++)
			require(alias->targets[k][0] != '\0');
	}
}

static void check_envelope(const struct envelope *to)
{
	for (size_t i = 0; i < to->n; i++) {
		const char *address = to->recipients[i], *at = strrchr(address, '@');

		require(!has_control(address, strlen(address)));
		require(at != NULL && at != address && at[1] != '\0');
	}
}

static void follow(const char *path)
{
	struct result r = RESULT_OK;
	struct recipients rc;
	struct envelope to;

	envelope_init(&to);
	recipients_init(&rc, &to, "example.org", path, local_domains);
	require(recipients_load_aliases(&rc, &r));
	for (size_t i = 0; i < rc.aliases->n && i < 64; i++) {
		bool ok = recipients_try_alias(&rc, &rc.aliases->list[i], &r);

		require(ok != result_failed(&r));
		require(ok || r.text != NULL);
		require(rc.steps <= ALIAS_STEPS_MAX + 1);
		check_envelope(&to);
		envelope_free(&to);
		result_free(&r);
	}
	recipients_free(&rc);
	envelope_free(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_file file = { .fd = -1 };
	struct result r = RESULT_OK;
	struct aliases *a = NULL;

	fuzz_file_put(&file, (struct span){ (const char *)data, size });
	if (aliases_load(file.path, &a, &r)) {
		check_list(a);
		follow(file.path);
	} else {
		require(r.cause == CAUSE_CONFIG && r.text != NULL);
		require(!has_control(r.text, strlen(r.text)));
	}
	aliases_free(a);
	result_free(&r);
	return 0;
}
