/*
 * cache.c - small private files that are kept from one run to the next, and may be lost
 */
#include "base/cache.h"

#include "base/clock.h"
#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

#define NAME_LENGTH_MAX 200 /* escaped; every file system has room for that */
#define TEMPORARY_SIZE  32  /* of a name that no escaped one is like: it begins with a dot */
#define READ_PIECE      4096
#define LEFT_OVER_S     3600

static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* The folder itself, whatever it is; a slash behind it would have a symbolic link followed. */
static char *without_slashes(const char *dir)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return xstrndup(dir, len);
}

/* A descriptor of the folder, made first if `make`; -1 if there is none that can be trusted. */
static int open_folder(const char *dir, bool make)
{
	char *path = without_slashes(dir);
	struct stat st;

	if (make)
		mkdir(path, S_IRWXU);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	free(path);
	if (fd >= 0 && fstat(fd, &st) == 0 && is_ours(&st))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The name as a file's; NULL if it is too long for that. The caller's. */
static char *escape(const char *name)
{
	struct buf b;
	char *escaped = NULL;

	buf_init(&b, NAME_LENGTH_MAX);
	for (const char *p = name; *p != '\0' && !buf_overflowed(&b); p++)
		if (ascii_isalnum(*p) || *p == '-' || *p == '_' || (*p == '.' && p != name))
			buf_addc(&b, *p);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*p);
	if (b.len > 0 && !buf_overflowed(&b))
		escaped = buf_detach(&b);
	buf_free(&b);
	return escaped;
}

static void name_temporary(char name[TEMPORARY_SIZE])
{
	uint64_t number;

	random_bytes(&number, sizeof number);
	snprintf(name, TEMPORARY_SIZE, ".%016llx", (unsigned long long)number);
}

/* --- reading --- */

static bool read_all(int fd, struct buf *out)
{
	char piece[READ_PIECE];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) != 0) {
		if (n > 0)
			buf_add(out, piece, (size_t)n);
		else if (errno != EINTR)
			break;
	}
	wipe(piece, sizeof piece);
	return n == 0 && !buf_overflowed(out);
}

static bool read_file(int folder, const char *name, struct buf *out)
{
	/* O_NONBLOCK: nobody waits for the other end of a pipe. */
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_ours(&st) &&
	     st.st_size <= CACHE_FILE_MAX;
	if (ok) {
		buf_reserve(out, (size_t)st.st_size); /* so that a secret is in one place */
		ok = read_all(fd, out);
	}
	close(fd);
	if (!ok)
		buf_wipe(out);
	return ok;
}

/* Read under a name of our own, which whoever comes second can no longer give it. */
static bool read_claimed(int folder, const char *name, struct buf *out)
{
	char claimed[TEMPORARY_SIZE];
	bool ok;

	name_temporary(claimed);
	if (renameat(folder, name, folder, claimed) != 0)
		return false;
	ok = read_file(folder, claimed, out);
	unlinkat(folder, claimed, 0);
	return ok;
}

static bool get(const char *dir, const char *name, bool claim, struct buf *out)
{
	char *file = escape(name);
	int folder = file != NULL ? open_folder(dir, false) : -1;
	bool ok = false;

	buf_init(out, CACHE_FILE_MAX);
	if (folder >= 0) {
		ok = claim ? read_claimed(folder, file, out) : read_file(folder, file, out);
		close(folder);
	}
	free(file);
	return ok;
}

bool cache_read(const char *dir, const char *name, struct buf *out)
{
	return get(dir, name, false, out);
}

bool cache_take(const char *dir, const char *name, struct buf *out)
{
	return get(dir, name, true, out);
}

/* --- writing --- */

static bool fill_file(int folder, const char *name, struct span contents)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			S_IRUSR | S_IWUSR);
	bool ok;

	if (fd < 0)
		return false;
	ok = write_all(fd, contents.p, contents.len);
	return close(fd) == 0 && ok;
}

/* Somebody who was killed in the middle has left it, which may be a secret. */
static bool is_left_over(int folder, const char *name)
{
	struct stat st;

	return name[0] == '.' && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_mtime < clock_now() - LEFT_OVER_S;
}

static void sweep(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (d == NULL && fd >= 0)
		close(fd);
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (is_left_over(folder, entry->d_name))
			unlinkat(folder, entry->d_name, 0);
	if (d != NULL)
		closedir(d);
}

void cache_write(const char *dir, const char *name, struct span contents)
{
	char *file = escape(name);
	char temporary[TEMPORARY_SIZE];
	int folder = -1;

	if (file != NULL && contents.len <= CACHE_FILE_MAX)
		folder = open_folder(dir, true);
	if (folder >= 0) {
		sweep(folder);
		name_temporary(temporary);
		if (!fill_file(folder, temporary, contents) ||
		    renameat(folder, temporary, folder, file) != 0)
			unlinkat(folder, temporary, 0);
		close(folder);
	}
	free(file);
}

void cache_drop(const char *dir, const char *name)
{
	char *file = escape(name);
	int folder = file != NULL ? open_folder(dir, false) : -1;

	if (folder >= 0) {
		unlinkat(folder, file, 0);
		close(folder);
	}
	free(file);
}
