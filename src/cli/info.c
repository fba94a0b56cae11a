/*
 * info.c - the modes that only say something
 */
#include "cli/info.h"

#include "config.h"

#include <string.h>

#include "base/banned.h"

static int say(struct report *rep, const char *text)
{
	sink_write(&rep->out, text, strlen(text));
	return 0;
}

int info_version(const struct options *o, struct report *rep)
{
	(void)o;
	return say(rep, PACKAGE_STRING "\n");
}

int info_help(const struct options *o, struct report *rep)
{
	(void)o;
	options_help(&rep->out);
	return 0;
}

int info_queue(const struct options *o, struct report *rep)
{
	(void)o;
	return say(rep, "Mail queue is empty\n");
}

int info_queue_run(const struct options *o, struct report *rep)
{
	(void)o, (void)rep;
	return 0;
}
