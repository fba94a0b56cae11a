/*
 * idn.h - domain names as the wire wants them; idn.c is the only file that knows libidn2
 */
#ifndef MAILCHUTE_IDN_H
#define MAILCHUTE_IDN_H

/*
 * The domain in ASCII: A-labels for what is not (IDNA 2008, non-transitional, RFC 5890), an
 * address literal in brackets as it is. On success *out is the caller's and NULL is returned;
 * otherwise static words that say what is wrong with the domain. What comes out holds letters,
 * digits, '-', '_', '.' alone (RFC 5321 section 4.1.2, and '_' because real hosts have it), or
 * is a literal of brackets around letters, digits, ':' and '.'.
 */
const char *idn_to_ascii(const char *domain, char **out);

#endif
