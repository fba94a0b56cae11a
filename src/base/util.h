/*
 * util.h - memory that is there or the end, ASCII without a locale, files
 */
#ifndef MAILCHUTE_UTIL_H
#define MAILCHUTE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Allocation that cannot fail: when memory is gone the process writes one line to stderr and
 * ends with EX_TEMPFAIL, before anything was promised to anybody. Nothing else tests for NULL.
 */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
/* xrealloc for n elements, with the overflow of the product checked. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What happens when memory is gone; for allocators that are not ours. Does not return. */
_Noreturn void out_of_memory(void);
/*
 * What else is to be said then, from now on: a static string that follows "out of memory", or NULL.
 * When a message has left, the process does not end as if nothing had happened.
 */
void out_of_memory_says(const char *words);

/* Overwrites memory in a way the compiler keeps. */
void wipe(void *p, size_t len);
/* wipe() of the string, then free(); NULL is fine. */
void wipe_free(char *s);

/* ASCII only, whatever the locale, for any byte value. */
bool ascii_isalpha(char c);
bool ascii_isdigit(char c);
bool ascii_isalnum(char c);
bool ascii_isblank(char c); /* blank or tab */
bool ascii_iscntrl(char c); /* 0 to 31 and 127 */
char ascii_tolower(char c);
int ascii_casecmp(const char *a, const char *b);
int ascii_ncasecmp(const char *a, const char *b, size_t len);
void ascii_lower(char *s); /* in place */

/* True if any of the bytes is a control character (0 to 31, 127). */
bool has_control(const char *p, size_t len);
/* True if any of the bytes has its high bit set. */
bool has_8bit(const char *p, size_t len);
/* True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool is_utf8(const char *p, size_t len);

/*
 * Decimal, all of the string, no sign, no leading zero beside "0" itself (so that nobody means
 * octal), at most `max`. False if it is not that.
 */
bool parse_number(const char *s, uint64_t max, uint64_t *out);
/* "90", "90s", "5m", "2h", "5d" in milliseconds; false if it is not that or is 0. */
bool parse_duration(const char *s, int64_t *ms);

/*
 * True if a read or write that failed with this errno is to be tried again: it was interrupted,
 * or the descriptor came to us non-blocking, and now (after waiting here) it is ready.
 */
bool try_again(int error, int fd, bool for_write);
/* Writes all of it, through whatever try_again() helps with; false with errno set otherwise. */
bool write_all(int fd, const void *p, size_t len);

#endif
