/*
 * keygen.h - --dkim-keygen: a new key, and what has to be written down because of it
 */
#ifndef MAILCHUTE_KEYGEN_H
#define MAILCHUTE_KEYGEN_H

#include "cli/options.h"
#include "cli/report.h"

/*
 * Makes a key for the domain and selector in the arguments and puts it into a new file of mode
 * 0600; a file that is there stays as it is. Shown on stdout are the DNS record, as zone file
 * text and in one line, and the section for sendmail.conf; when that fails there is no key file
 * either. Returns the exit status.
 */
int keygen(const struct options *o, struct report *rep);

#endif
