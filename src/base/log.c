/*
 * log.c - one line per message for the administrator
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/banned.h"

/* Traditional syslog cuts lines at 1,024 bytes or a little more; a file may have it all. */
#define SYSLOG_VALUE_MAX 400
#define SYSLOG_WAIT_S    2 /* for a daemon that does not read */
#define FILE_VALUE_MAX   (16 * 1024)

static void add_quoted(struct buf *b, const char *value, size_t len)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (ascii_iscntrl(value[i]))
			buf_addf(b, "\\u%04x", c);
		else
			buf_addc(b, value[i]);
	}
	buf_addc(b, '"');
}

/* The value's length, cut between characters of UTF-8 where it must be. */
static size_t cut(const char *value, size_t max)
{
	size_t len = strlen(value);

	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void add_text(struct buf *b, const struct log_pair *p, size_t max)
{
	size_t len = cut(p->value, max);

	buf_addf(b, "%s%s=", b->len > 0 ? " " : "", p->key);
	if (len > 0 && strpbrk(p->value, " \"\\=") == NULL && !has_control(p->value, len))
		buf_add(b, p->value, len);
	else
		add_quoted(b, p->value, len);
	if (p->value[len] != '\0')
		buf_adds(b, "...");
}

static void add_json(struct buf *b, const struct log_pair *p, size_t max)
{
	size_t len = cut(p->value, max);

	buf_addf(b, "%s\"%s\":", b->len > 0 ? "," : "{", p->key);
	/* JSON is UTF-8 (RFC 8259 section 8.1); what is not is left out rather than invented. */
	add_quoted(b, p->value, is_utf8(p->value, len) ? len : 0);
}

static void add_pairs(const struct log_target *to, struct buf *b, const struct log_pair *pairs,
		      size_t n, size_t max)
{
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].value == NULL)
			continue;
		if (to->format == FORMAT_JSON)
			add_json(b, &pairs[i], max);
		else
			add_text(b, &pairs[i], max);
	}
	if (to->format == FORMAT_JSON)
		buf_adds(b, "}");
}

static void write_file(const struct log_target *to, const struct log_pair *pairs, size_t n)
{
	time_t now = clock_now();
	struct tm tm;
	char stamp[40] = "";
	struct log_pair time_pair = { "time", stamp };
	struct buf line;
	int fd = open(to->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0)
		return;
	if (localtime_r(&now, &tm) != NULL)
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S%z", &tm);
	buf_init(&line, 1024 * 1024);
	if (to->format == FORMAT_JSON)
		add_json(&line, &time_pair, sizeof stamp);
	else
		buf_addf(&line, "%s %s:", stamp, to->tag);
	add_pairs(to, &line, pairs, n, FILE_VALUE_MAX);
	buf_addc(&line, '\n');
	write_all(fd, line.p, line.len);
	buf_free(&line);
	close(fd);
}

/* One line for syslog(3), which waits for as long as the daemon likes. */
struct syslog_job {
	char *line;
	char *tag;
	int priority;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
};

static void *syslog_thread(void *arg)
{
	struct syslog_job *job = arg;

	openlog(job->tag, LOG_PID, LOG_MAIL);
	syslog(job->priority, "%s", job->line);
	closelog();
	pthread_mutex_lock(&job->lock);
	job->done = true;
	pthread_cond_signal(&job->done_cond);
	pthread_mutex_unlock(&job->lock);
	return NULL;
}

/* Starts it with all signals left to the rest of the process. */
static bool start_thread(struct syslog_job *job)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool ok = pthread_create(&thread, NULL, syslog_thread, job) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ok)
		pthread_detach(thread);
	return ok;
}

/* False: it still runs, and the job is its own from now on. */
static bool wait_for(struct syslog_job *job)
{
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SYSLOG_WAIT_S;
	pthread_mutex_lock(&job->lock);
	while (!job->done && waited == 0)
		waited = pthread_cond_timedwait(&job->done_cond, &job->lock, &until);
	bool done = job->done;
	pthread_mutex_unlock(&job->lock);
	return done;
}

static void write_syslog(const struct log_target *to, bool failed, const struct log_pair *pairs,
			 size_t n)
{
	static bool given_up; /* it hung once; a session of many messages does not wait again */
	struct syslog_job *job;
	struct buf line;

	if (given_up)
		return;
	job = xcalloc(1, sizeof *job);

	buf_init(&line, 64 * 1024);
	add_pairs(to, &line, pairs, n, SYSLOG_VALUE_MAX);
	job->line = buf_detach(&line);
	job->tag = xstrdup(to->tag);
	job->priority = failed ? LOG_ERR : LOG_INFO;
	pthread_mutex_init(&job->lock, NULL);
	pthread_cond_init(&job->done_cond, NULL);
	given_up = start_thread(job) && !wait_for(job);
	if (given_up)
		return;
	pthread_cond_destroy(&job->done_cond);
	pthread_mutex_destroy(&job->lock);
	free(job->line);
	free(job->tag);
	free(job);
}

void log_write(const struct log_target *to, bool failed, const struct log_pair *pairs, size_t n)
{
	if (to->kind == LOG_TO_FILE)
		write_file(to, pairs, n);
	else if (to->kind == LOG_TO_SYSLOG)
		write_syslog(to, failed, pairs, n);
}
