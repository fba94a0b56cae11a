/*
 * paths.h - where files are that a configuration names
 *
 * conf_find, conf_cache_dir and conf_world_readable of conf.h are here too.
 */
#ifndef MAILCHUTE_PATHS_H
#define MAILCHUTE_PATHS_H

/*
 * A path as the file `from` means it: "~/x" is in the caller's home ($HOME, else the password
 * database), a relative one is next to `from`. The string is the caller's; NULL when there is
 * no home to be found.
 */
char *path_resolve(const char *text, const char *from);

#endif
