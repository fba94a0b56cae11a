/*
 * secret.c - reads files that hold keys and passwords, if only the right people can
 */
#include "config/secret.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define QUOTED_MAX (64 * 1024)
#define TARGET_MAX 4096
#define WAY_MAX    (4 * TARGET_MAX)
#define LINKS_MAX  40
#define BLANKS     " \t\n"
#define MAP_MAX    (16 * 1024) /* the kernel has 340 lines at most */

/* A directory that is only passed need not be readable, where that can be said. */
#if defined O_PATH
#define PASS_ONLY O_PATH
#elif defined O_SEARCH
#define PASS_ONLY O_SEARCH
#else
#define PASS_ONLY O_RDONLY
#endif
#define PASS_FLAGS (PASS_ONLY | O_DIRECTORY | O_CLOEXEC)

/*
 * The way to a file, gone from one open directory to the next: what has been judged cannot be
 * replaced by something else before it is passed.
 */
struct way {
	const char *path; /* the file's, and what it is for: for errors */
	const char *what;
	int at;          /* the directory reached, or -1 */
	struct buf here; /* its path, ends in a slash */
	struct buf rest; /* what is still to go */
	int links;
};

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

/* `problem`, and the command that mends it when it is applied to `target`. */
static bool fail_permission(const char *path, const char *what, const char *problem,
			    const char *command, const char *target, struct result *r)
{
	struct buf quoted;

	buf_init(&quoted, QUOTED_MAX);
	shell_quote(target, &quoted);
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

/* A small text file of the system, empty if there is none; `out` is a buffer to be freed. */
static void read_system_file(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[1024];
	ssize_t n;

	buf_init(out, max);
	while (fd >= 0 && ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)))
		buf_add(out, piece, n > 0 ? (size_t)n : 0);
	if (fd >= 0)
		close(fd);
}

/* Takes the next number off the front; `none` without one. */
static uint64_t next_number(const char **p, uint64_t none)
{
	char digits[24];
	uint64_t number = none;
	size_t len;

	*p += strspn(*p, BLANKS);
	len = strcspn(*p, BLANKS);
	if (len > 0 && len < sizeof digits) {
		memcpy(digits, *p, len);
		digits[len] = '\0';
		if (!parse_number(digits, UINT32_MAX, &number))
			number = none;
	}
	*p += len;
	return number;
}

bool secret_hides_root(const char *map, const char *overflow, uid_t uid)
{
	bool has_lines = false;

	if (next_number(&overflow, UINT64_MAX) != uid)
		return false;
	for (; map[strspn(map, BLANKS)] != '\0'; has_lines = true) {
		uint64_t inside = next_number(&map, UINT64_MAX);
		uint64_t outside = next_number(&map, UINT64_MAX);
		uint64_t n = next_number(&map, UINT64_MAX);

		if (inside == UINT64_MAX || outside == UINT64_MAX || n == UINT64_MAX)
			return false;
		if (inside == 0 || (uid >= inside && uid - inside < n))
			return false;
	}
	return has_lines;
}

/*
 * In a user namespace that does not know root (bwrap, systemd's PrivateUsers=), files of root, and
 * of all others that it does not know, show one uid that is nobody's.
 */
static bool may_be_root(uid_t uid)
{
	struct buf map, overflow;
	bool hidden;

	read_system_file("/proc/self/uid_map", MAP_MAX, &map);
	read_system_file("/proc/sys/fs/overflowuid", MAP_MAX, &overflow);
	hidden = !buf_overflowed(&map) && secret_hides_root(buf_str(&map), buf_str(&overflow), uid);
	buf_free(&map);
	buf_free(&overflow);
	return hidden;
}

/* The file is another's. */
static bool fail_owner(const char *path, const char *what, uid_t owner, struct result *r)
{
	char *command;

	if (!may_be_root(owner))
		return fail_permission(path, what, "belongs to another user", "chown root", path,
				       r);
	command = xasprintf("chown %ld", (long)geteuid());
	fail_permission(path, what,
			"its owner, root or another, is unknown in this user namespace, and only "
			"the caller's own files can be trusted here",
			command, path, r);
	free(command);
	return false;
}

/* What secret.h demands, of the file that is open. */
static bool check_access(int fd, const char *path, const char *what, struct result *r)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: is no regular file", what,
				   path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail_owner(path, what, st.st_uid, r);
	if ((st.st_mode & S_IRWXO) != 0)
		return fail_permission(path, what, "others have access to it", "chmod 0600", path,
				       r);
	if ((st.st_mode & S_IWGRP) != 0)
		return fail_permission(path, what, "its group can write to it", "chmod 0640", path,
				       r);
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

/*
 * Root's or the caller's: a directory of this mode, or a link in one. Where root has no uid, what
 * nobody but the owner can write to is taken for root's.
 */
static bool is_ours(uid_t uid, mode_t mode)
{
	return uid == 0 || uid == geteuid() ||
	       ((mode & (S_IWGRP | S_IWOTH)) == 0 && may_be_root(uid));
}

/* Root's group, and the one that many systems make for each user, of the same name and alone. */
static bool is_private_group(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	const struct group *group = getgrgid(gid);

	if (gid == 0)
		return true;
	if (user == NULL || group == NULL || user->pw_gid != gid ||
	    strcmp(user->pw_name, group->gr_name) != 0)
		return false;
	for (char **member = group->gr_mem; *member != NULL; member++)
		if (strcmp(*member, user->pw_name) != 0)
			return false;
	return true;
}

/* Who may put another file, or directory, in the place of one that is in this directory? */
static bool check_directory(const struct way *w, struct result *r)
{
	const char *name = buf_str(&w->here);
	const char *problem = NULL;
	const char *command = NULL;
	struct stat st;
	char *sentence;

	if (fstat(w->at, &st) != 0)
		return fail_open(w->path, w->what, r);
	if (!is_ours(st.st_uid, st.st_mode)) {
		problem = "belongs to another user (if it must, move the file)";
		command = "chown root";
	} else if (st.st_mode & S_ISVTX) {
		return true; /* there, only the owner of a file can remove it */
	} else if (st.st_mode & S_IWOTH) {
		problem = "can be written to by others";
		command = "chmod go-w";
	} else if ((st.st_mode & S_IWGRP) && !is_private_group(st.st_gid)) {
		problem = "can be written to by its group";
		command = "chmod g-w";
	}
	if (problem == NULL)
		return true;
	sentence = xasprintf("the directory %s %s", name, problem);
	fail_permission(w->path, w->what, sentence, command, name, r);
	free(sentence);
	return false;
}

/* Goes on to the directory `fd`, an error's -1 included. */
static bool pass(struct way *w, int fd, const char *name, struct result *r)
{
	if (fd < 0)
		return fail_open(w->path, w->what, r);
	if (w->at >= 0)
		close(w->at);
	w->at = fd;
	buf_adds(&w->here, name);
	return check_directory(w, r);
}

/* At the root. */
static bool begin(struct way *w, struct result *r)
{
	buf_clear(&w->here);
	return pass(w, open("/", PASS_FLAGS), "/", r);
}

/*
 * What is to go for a relative path: to the working directory, and on. Those above it count too:
 * who can replace one decides what the path leads to the next time.
 */
static bool add_working_directory(struct way *w, struct result *r)
{
	char here[TARGET_MAX];

	/* Linux has a path that begins otherwise for one that cannot be reached from our root. */
	if (getcwd(here, sizeof here) == NULL || here[0] != '/')
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: %s: the working directory has no path; name the file with "
				   "one that begins with /",
				   w->what, w->path);
	buf_adds(&w->rest, here);
	buf_addc(&w->rest, '/');
	return true;
}

/* `name` is no directory that opens, for `error`; if it is a link, then the way leads there. */
static bool follow(struct way *w, const char *name, int error, struct result *r)
{
	char target[TARGET_MAX];
	ssize_t len = readlinkat(w->at, name, target, sizeof target - 1);
	struct stat st, directory;
	struct buf rest;

	if (len <= 0 || fstatat(w->at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstat(w->at, &directory) != 0) {
		errno = error;
		return fail_open(w->path, w->what, r);
	}
	if (++w->links > LINKS_MAX)
		return result_fail(r, CAUSE_CONFIG, STEP_CONFIG,
				   "%s: %s: there are too many symbolic links on the way", w->what,
				   w->path);
	if (!is_ours(st.st_uid, directory.st_mode))
		return result_fail(r, CAUSE_PERMISSION, STEP_CONFIG,
				   "%s: %s: the symbolic link %s%s belongs to another user",
				   w->what, w->path, buf_str(&w->here), name);
	buf_init(&rest, WAY_MAX);
	buf_add(&rest, target, (size_t)len);
	buf_addspan(&rest, buf_span(&w->rest));
	buf_free(&w->rest);
	w->rest = rest;
	return target[0] != '/' || begin(w, r);
}

/* Into the next directory of what is to go. */
static bool advance(struct way *w, struct result *r)
{
	const char *p = buf_str(&w->rest);
	size_t start = strspn(p, "/");
	size_t len = strcspn(p + start, "/");
	char *name = xstrndup(p + start, len);
	bool ok = true;
	int fd;

	buf_consume(&w->rest, start + len);
	if (len > 0 && strcmp(name, ".") != 0) {
		fd = openat(w->at, name, PASS_FLAGS | O_NOFOLLOW);
		if (fd < 0)
			ok = follow(w, name, errno, r);
		else
			ok = pass(w, fd, name, r);
		if (ok && fd >= 0)
			buf_addc(&w->here, '/');
	}
	free(name);
	return ok;
}

/* Opens the file at the end of the way; -1 when the result says why not. */
static int go(struct way *w, struct result *r)
{
	const char *slash = strrchr(w->path, '/');
	const char *name = slash != NULL ? slash + 1 : w->path;
	bool ok;
	int fd;

	ok = w->path[0] == '/' || add_working_directory(w, r);
	buf_add(&w->rest, w->path, (size_t)(name - w->path));
	ok = ok && begin(w, r);
	while (ok && w->rest.len > 0 && !buf_overflowed(&w->rest) && !buf_overflowed(&w->here))
		ok = advance(w, r);
	if (!ok)
		return -1;
	if (buf_overflowed(&w->rest) || buf_overflowed(&w->here)) {
		errno = ENAMETOOLONG;
		fd = -1;
	} else {
		fd = openat(w->at, name[0] != '\0' ? name : ".",
			    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	if (fd < 0)
		fail_open(w->path, w->what, r);
	return fd;
}

static int open_judged(const char *path, const char *what, struct result *r)
{
	struct way w = { .path = path, .what = what, .at = -1 };
	int fd;

	buf_init(&w.here, WAY_MAX);
	buf_init(&w.rest, WAY_MAX);
	fd = go(&w, r);
	if (w.at >= 0)
		close(w.at);
	buf_free(&w.here);
	buf_free(&w.rest);
	return fd;
}

bool secret_read_file(const char *path, const char *what, struct buf *out, struct result *r)
{
	int fd = open_judged(path, what, r);
	bool ok;

	buf_init(out, SECRET_FILE_MAX);
	if (fd < 0)
		return false;
	ok = check_access(fd, path, what, r) && read_all(fd, path, what, out, r);
	close(fd);
	if (!ok)
		buf_wipe(out);
	return ok;
}

bool secret_read_public(const char *path, const char *what, struct buf *out, struct result *r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	bool ok;

	buf_init(out, SECRET_FILE_MAX);
	if (fd < 0)
		return fail_open(path, what, r);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		ok = result_fail(r, CAUSE_CONFIG, STEP_CONFIG, "%s: %s: is no regular file", what,
				 path);
	else
		ok = read_all(fd, path, what, out, r);
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
