/*
 * conf.c - sendmail.conf as a struct, read with libconfuse
 *
 * libconfuse finds settings, sections and strings; what a value means is decided here. Each
 * value comes to on_value() as text the moment it is read, when file and line are known, and
 * goes through the table of settings.c into our struct; libconfuse itself keeps none.
 */
#include "config/conf.h"

#include "base/util.h"
#include "config/paths.h"
#include "config/scan.h"
#include "config/settings.h"
#include "config/settle.h"
#include "config/values.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define DEADLINE_DEFAULT_MS (5 * 60 * 1000)
#define TEMPFAIL_DEFAULT    75
#define INCLUDE_DEPTH_MAX   8
#define LIST_MAX            1000 /* values in one list */
#define SECTIONS_MAX        1000 /* sections of one kind */
#define SHOWN_MAX           60   /* bytes of a wrong value in an error */
#define EXPECTED_MAX        256

/* The names libconfuse knows them by. */
static const char *const section_names[SECTION_COUNT] = { "root", "account", "dkim" };

/* One run of conf_load. */
struct load {
	struct conf *conf;
	struct conf_account account; /* the section that is being read */
	struct conf_dkim dkim;
	struct place given[SETTINGS_COUNT]; /* in the global part, and in the section being read */
	cfg_t *root;
	cfg_opt_t opts[SECTION_COUNT][SETTINGS_COUNT + SECTION_COUNT + 1];
	size_t left;     /* bytes that all files together may still have */
	int depth;       /* of includes */
	int secret_line; /* of the last password */
	struct result *r;
};

/* libconfuse hands nothing of ours to its callbacks. */
static struct load *loading;

/* --- values --- */

static void *struct_of(struct load *l, enum section section)
{
	void *structs[SECTION_COUNT] = { l->conf, &l->account, &l->dkim };

	return structs[section];
}

static enum section section_of(const char *name)
{
	return strcmp(name, section_names[SECTION_ACCOUNT]) == 0 ? SECTION_ACCOUNT : SECTION_DKIM;
}

/*
 * The row of a setting that was given in `cfg`. NULL for "account|host" at top level: to
 * libconfuse that is a path to a setting of a section.
 */
static const struct setting *find_setting(struct load *l, const cfg_t *cfg, const cfg_opt_t *opt)
{
	const cfg_opt_t *own = cfg->opts;

	while (own->name != NULL && own != opt)
		own++;
	if (own->name == NULL)
		return NULL;
	return setting_find(cfg == l->root ? SECTION_GLOBAL : section_of(cfg->name), opt->name);
}

static struct place *place_of(struct load *l, enum section section, const char *name)
{
	return &l->given[setting_find(section, name) - settings];
}

/* A password is not shown. */
static bool wrong_value(struct load *l, const cfg_t *cfg, const struct setting *s, const char *text)
{
	bool secret = setting_is_secret(s);
	struct buf expected;

	buf_init(&expected, EXPECTED_MAX);
	setting_expected(s, &expected);
	result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s: \"%.*s\" is wrong, expected %s",
		    cfg->filename, cfg->line, s->name, SHOWN_MAX, secret ? "***" : text,
		    buf_str(&expected));
	buf_free(&expected);
	return false;
}

static bool take_value(struct load *l, const cfg_t *cfg, const cfg_opt_t *opt, const char *text)
{
	const struct setting *s = find_setting(l, cfg, opt);
	size_t n = opt->nvalues - 1; /* this one is counted already */
	struct place *given;

	if (s == NULL)
		return result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: %s: this setting belongs inside its section",
				   cfg->filename, cfg->line, opt->name);
	given = &l->given[s - settings];
	if (setting_is_secret(s))
		l->secret_line = cfg->line;
	if (given->file != NULL && n == 0)
		return result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: %s: given twice, first at %s:%d", cfg->filename,
				   cfg->line, s->name, given->file, given->line);
	if (n >= LIST_MAX)
		return result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s:%d: %s: more than %d values", cfg->filename, cfg->line,
				   s->name, LIST_MAX);
	if (!setting_ok(s, text))
		return wrong_value(l, cfg, s, text);
	if (given->file == NULL)
		*given = (struct place){ xstrdup(cfg->filename), cfg->line };
	setting_store(s, struct_of(l, s->section), text, n, cfg->filename);
	return true;
}

static void forget_given(struct load *l, enum section section)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		if (settings[i].section != section)
			continue;
		free(l->given[i].file);
		l->given[i] = (struct place){ NULL, 0 };
	}
}

/* --- sections --- */

static void free_account(struct conf_account *a)
{
	settings_free(SECTION_ACCOUNT, a);
	for (size_t i = 0; i < a->n_endpoints; i++) {
		free(a->endpoints[i].name);
		free(a->endpoints[i].port);
	}
	free(a->endpoints);
	free(a->name);
	free(a->file);
}

static void free_dkim(struct conf_dkim *d)
{
	settings_free(SECTION_DKIM, d);
	free(d->name);
	free(d->file);
}

static void begin_account(struct load *l)
{
	forget_given(l, SECTION_ACCOUNT);
	l->account = (struct conf_account){ .dkim = true, .repair = true };
}

static void begin_dkim(struct load *l)
{
	forget_given(l, SECTION_DKIM);
	l->dkim = (struct conf_dkim){ .header_canon = CANON_RELAXED, .body_canon = CANON_RELAXED };
}

static bool end_account(struct load *l, const char *title)
{
	struct conf *c = l->conf;
	struct conf_account *a = &l->account;

	a->name = xstrdup(title);
	a->tls_set = place_of(l, SECTION_ACCOUNT, "tls")->file != NULL;
	if (!settle_account(a, l->r))
		return false;
	c->accounts = xreallocarray(c->accounts, c->n_accounts + 1, sizeof *c->accounts);
	c->accounts[c->n_accounts++] = *a;
	begin_account(l);
	return true;
}

static bool end_dkim(struct load *l, const char *title)
{
	struct conf *c = l->conf;
	struct conf_dkim *d = &l->dkim;

	d->name = xstrdup(title);
	if (!settle_dkim(d, l->r))
		return false;
	c->dkims = xreallocarray(c->dkims, c->n_dkims + 1, sizeof *c->dkims);
	c->dkims[c->n_dkims++] = *d;
	begin_dkim(l);
	return true;
}

/* Where the section stands: told by its first value, or else by its end. */
static void note_section(struct load *l, enum section section)
{
	bool account = section == SECTION_ACCOUNT;
	char **file = account ? &l->account.file : &l->dkim.file;

	if (*file != NULL)
		return;
	*file = xstrdup(l->root->filename);
	*(account ? &l->account.line : &l->dkim.line) = l->root->line;
}

/* --- libconfuse's callbacks: 0 is success --- */

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	*(const char **)result = ""; /* what libconfuse keeps: no passwords */
	if (cfg != loading->root)
		note_section(loading, section_of(cfg->name));
	return take_value(loading, cfg, opt, text) ? 0 : -1;
}

/* The end of a section; `cfg` is what it stands in. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct load *l = loading;
	unsigned n = cfg_opt_size(opt);
	const char *title = cfg_title(cfg_opt_getnsec(opt, n - 1));

	if (n > SECTIONS_MAX)
		result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s: more than %d sections",
			    cfg->filename, cfg->line, opt->name, SECTIONS_MAX);
	else if (!kind_text.ok(title))
		result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
			    "%s:%d: %s: the section's name is wrong, expected %s", cfg->filename,
			    cfg->line, opt->name, kind_text.expected);
	if (result_failed(l->r))
		return -1;
	note_section(l, section_of(opt->name));
	if (section_of(opt->name) == SECTION_ACCOUNT)
		return end_account(l, title) ? 0 : -1;
	return end_dkim(l, title) ? 0 : -1;
}

/*
 * libconfuse's own complaints, about syntax and unknown settings. They quote the text, which
 * next to a password without quotes may be a part of it.
 */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[256] = "";

	if (result_failed(loading->r))
		return;
	if (cfg->line == loading->secret_line)
		fmt = "what follows the password is not understood; put the password in double "
		      "quotes";
	vsnprintf(text, sizeof text, fmt, ap);
	result_fail(loading->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: %s", cfg->filename, cfg->line,
		    text);
}

static bool parse_file(struct load *l, cfg_t *cfg, const char *path, const char *from);

static bool include_file(struct load *l, cfg_t *cfg, int argc, const char **argv)
{
	char *from = xasprintf("%s:%d: include: ", cfg->filename, cfg->line);
	char *path = NULL;
	bool ok = false;

	if (argc != 1 || !kind_path.ok(argv[0]))
		result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG, "%swrong name, expected %s", from,
			    kind_path.expected);
	else if (l->depth == INCLUDE_DEPTH_MAX)
		result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
			    "%smore than %d files deep; does one include itself?", from,
			    INCLUDE_DEPTH_MAX);
	else
		path = path_resolve(argv[0], cfg->filename);
	if (path != NULL) {
		l->depth++;
		ok = parse_file(l, cfg, path, from);
		l->depth--;
	}
	free(path);
	free(from);
	return ok;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)opt;
	return include_file(loading, cfg, argc, argv) ? 0 : -1;
}

/* --- files --- */

/* `from` is "" or begins the error with the place of the include(). */
static bool read_all(struct load *l, int fd, const char *path, const char *from, struct buf *text)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s%s: cannot be read: %s", from, path, strerror(errno));
		if ((size_t)n > l->left)
			return result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG,
					   "%s%s: too large: a configuration has at most %d bytes "
					   "in all its files",
					   from, path, CONF_FILE_MAX);
		l->left -= (size_t)n;
		buf_add(text, piece, (size_t)n);
	}
	wipe(piece, sizeof piece);
	return true;
}

/* Without blocking: somebody may have put a FIFO or a terminal there. */
static int open_file(struct load *l, const char *path, const char *from, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		bool permission = errno == EACCES || errno == EPERM;

		result_fail(l->r, permission ? CAUSE_PERMISSION : CAUSE_CONFIG, STEP_CONFIG,
			    "%s%s: cannot be opened: %s", from, path, strerror(errno));
		return -1;
	}
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG, "%s%s: is %s", from, path,
		    S_ISDIR(st->st_mode) ? "a directory" : "no regular file");
	close(fd);
	return -1;
}

/* Hands checked text to libconfuse as part of `cfg`: it may be in the middle of another one. */
static bool parse_text(struct load *l, cfg_t *cfg, const char *path, struct buf *text)
{
	char *outer_name = cfg->filename;
	int outer_line = cfg->line;
	FILE *f = fmemopen(text->p, text->len, "r");
	bool ok;

	if (f == NULL)
		out_of_memory();
	cfg->filename = xstrdup(path);
	ok = cfg_parse_fp(cfg, f) == CFG_SUCCESS;
	fclose(f);
	if (!ok && !result_failed(l->r))
		result_fail(l->r, CAUSE_CONFIG, STEP_CONFIG, "%s:%d: syntax error", path,
			    cfg->line);
	free(cfg->filename);
	cfg->filename = outer_name;
	cfg->line = outer_line;
	return ok;
}

static bool parse_file(struct load *l, cfg_t *cfg, const char *path, const char *from)
{
	struct stat st;
	int fd = open_file(l, path, from, &st);
	struct buf text;
	bool ok;

	if (fd < 0)
		return false;
	buf_init(&text, CONF_FILE_MAX + 1);
	buf_reserve(&text, (size_t)st.st_size + 1); /* a password in it is never moved */
	ok = read_all(l, fd, path, from, &text);
	close(fd);
	buf_addc(&text, '\n'); /* fmemopen takes nothing empty */
	ok = ok && conf_scan(path, &text, l->r) && parse_text(l, cfg, path, &text);
	buf_wipe(&text);
	return ok;
}

/* The table in libconfuse's terms: all are strings without a default. */
static void build_opts(struct load *l)
{
	static const cfg_opt_t include = { .name = "include",
					   .type = CFGT_FUNC,
					   .func = on_include };
	size_t n[SECTION_COUNT] = { 0 };

	for (const struct setting *s = settings; s < settings + SETTINGS_COUNT; s++)
		l->opts[s->section][n[s->section]++] =
			(cfg_opt_t){ .name = s->name,
				     .type = CFGT_STR,
				     .flags = CFGF_NODEFAULT | (setting_is_list(s) ? CFGF_LIST : 0),
				     .parsecb = on_value };
	for (enum section i = SECTION_GLOBAL; i < SECTION_COUNT; i++) {
		l->opts[i][n[i]++] = include;
		if (i != SECTION_GLOBAL)
			l->opts[SECTION_GLOBAL][n[SECTION_GLOBAL]++] =
				(cfg_opt_t){ .name = section_names[i],
					     .type = CFGT_SEC,
					     .flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
					     .subopts = l->opts[i],
					     .validcb = on_section };
	}
}

static bool load_into(struct load *l, const char *path)
{
	bool ok;

	begin_account(l);
	begin_dkim(l);
	build_opts(l);
	l->root = cfg_init(l->opts[SECTION_GLOBAL], CFGF_NONE);
	if (l->root == NULL)
		out_of_memory();
	cfg_set_error_function(l->root, on_error);
	loading = l;
	ok = parse_file(l, l->root, path, "") &&
	     settle_conf(l->conf, place_of(l, SECTION_GLOBAL, "log"),
			 place_of(l, SECTION_GLOBAL, "default_account"), l->r);
	loading = NULL;
	cfg_free(l->root);
	free_account(&l->account);
	free_dkim(&l->dkim);
	for (enum section i = SECTION_GLOBAL; i < SECTION_COUNT; i++)
		forget_given(l, i);
	return ok;
}

bool conf_load(const char *path, struct conf **out, struct result *r)
{
	struct load *l = xcalloc(1, sizeof *l);
	bool ok;

	l->conf = xcalloc(1, sizeof *l->conf);
	l->conf->path = xstrdup(path);
	l->conf->deadline_ms = DEADLINE_DEFAULT_MS;
	l->conf->tempfail_status = TEMPFAIL_DEFAULT;
	l->conf->cache = true;
	l->left = CONF_FILE_MAX;
	l->r = r;
	ok = load_into(l, path);
	if (ok)
		*out = l->conf;
	else
		conf_free(l->conf);
	free(l);
	return ok;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_accounts; i++)
		free_account(&c->accounts[i]);
	for (size_t i = 0; i < c->n_dkims; i++)
		free_dkim(&c->dkims[i]);
	free(c->accounts);
	free(c->dkims);
	settings_free(SECTION_GLOBAL, c);
	free(c->path);
	free(c);
}

bool conf_find_and_load(const char *option, struct conf **out, struct result *r)
{
	char *path = conf_find(option, r);
	bool ok = path != NULL && conf_load(path, out, r);

	free(path);
	return ok;
}
