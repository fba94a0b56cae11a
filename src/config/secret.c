/*
 * secret.c - reads files that hold keys and passwords, if only the right people can
 */
#include "config/secret.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define QUOTED_MAX 4096

/* `path` as one word for a shell: in single quotes, each of its own as '\''. */
static void shell_quote(const char *path, struct buf *out)
{
	buf_addc(out, '\'');
	for (; *path != '\0'; path++) {
		if (*path == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *path);
	}
	buf_addc(out, '\'');
}

/* `problem`, and the command that mends it. */
static bool fail_permission(const char *path, const char *what, const char *problem,
			    const char *command, struct result *r)
{
	struct buf quoted;

	buf_init(&quoted, QUOTED_MAX);
	shell_quote(path, &quoted);
	result_fail(r, CAUSE_PERMISSION, STEP_CONFIG, "%s: %s: %s; mend it with: %s %s", what, path,
		    problem, command, buf_str(&quoted));
	buf_free(&quoted);
	return false;
}

static bool fail_open(const char *path, const char *what, struct result *r)
{
	if (errno == ELOOP)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: %s: is a symbolic link; name the file itself", what, path);
	if (errno == EACCES || errno == EPERM)
		return result_fail(r, CAUSE_PERMISSION, STEP_CONFIG,
				   "%s: %s: user %ld may not read it", what, path, (long)geteuid());
	return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: cannot be opened: %s", what, path,
			   strerror(errno));
}

/* What secret.h demands, of the file that is open. */
static bool check_access(int fd, const char *path, const char *what, struct result *r)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: is no regular file", what,
				   path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail_permission(path, what, "belongs to another user", "chown root", r);
	if ((st.st_mode & S_IRWXO) != 0)
		return fail_permission(path, what, "others have access to it", "chmod 0600", r);
	if ((st.st_mode & S_IWGRP) != 0)
		return fail_permission(path, what, "its group can write to it", "chmod 0640", r);
	return true;
}

static bool read_all(int fd, const char *path, const char *what, struct buf *out, struct result *r)
{
	char piece[4096];
	ssize_t n;

	buf_reserve(out, SECRET_FILE_MAX);
	do {
		n = read(fd, piece, sizeof piece);
		if (n > 0)
			buf_add(out, piece, (size_t)n);
	} while ((n > 0 && !buf_overflowed(out)) || (n < 0 && errno == EINTR));
	if (n < 0)
		result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: cannot be read: %s", what, path,
			    strerror(errno));
	else if (n > 0)
		result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: is larger than %d bytes", what,
			    path, SECRET_FILE_MAX);
	wipe(piece, sizeof piece);
	return n == 0;
}

bool secret_read_file(const char *path, const char *what, struct buf *out, struct result *r)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool ok;

	buf_init(out, SECRET_FILE_MAX);
	if (fd < 0)
		return fail_open(path, what, r);
	ok = check_access(fd, path, what, r) && read_all(fd, path, what, out, r);
	close(fd);
	if (!ok)
		buf_wipe(out);
	return ok;
}

bool secret_read_credential(const char *name, const char *what, struct buf *out, struct result *r)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *path;
	bool ok;

	buf_init(out, SECRET_FILE_MAX);
	if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: \"%s\" is not the name of a credential", what, name);
	if (dir == NULL || dir[0] != '/')
		return result_fail(
			r, CAUSE_CONFIG, STEP_CONFIG,
			"%s: no $CREDENTIALS_DIRECTORY for \"%s\"; systemd sets it for a "
			"service with LoadCredential=%s:FILE",
			what, name, name);
	path = xasprintf("%s/%s", dir, name);
	ok = secret_read_file(path, what, out, r);
	free(path);
	return ok;
}

bool secret_first_line(struct buf *text, const char *path, const char *what, struct result *r)
{
	const char *end = text->len > 0 ? memchr(text->p, '\n', text->len) : NULL;
	size_t len = end != NULL ? (size_t)(end - text->p) : text->len;

	if (len > 0 && text->p[len - 1] == '\r')
		len--;
	if (len == 0)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: its first line is empty",
				   what, path);
	if (memchr(text->p, '\0', len) != NULL)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: holds a NUL byte", what,
				   path);
	wipe(text->p + len, text->len - len); /* also puts the NUL behind what stays */
	text->len = len;
	return true;
}
