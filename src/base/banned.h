/*
 * banned.h - functions that have no safe use here; the last #include of every .c file
 *
 * The linker never gets to see them: naming one is a compile error that says what it is.
 */
#ifndef MAILCHUTE_BANNED_H
#define MAILCHUTE_BANNED_H

/* With clang, glibc's _FORTIFY_SOURCE makes macros of these. */
#undef sprintf
#undef asprintf

#pragma GCC poison strcpy strncpy strcat strncat stpcpy
#pragma GCC poison sprintf vsprintf gets scanf fscanf sscanf
#pragma GCC poison strtok atoi atol atof strtol strtoul
#pragma GCC poison malloc calloc realloc strdup strndup asprintf vasprintf
#pragma GCC poison system popen tmpnam tempnam mktemp getwd
#pragma GCC poison isalpha isdigit isalnum isspace iscntrl isprint tolower toupper
#pragma GCC poison strcasecmp strncasecmp
#pragma GCC poison rand srand random srandom
#pragma GCC poison gmtime localtime ctime asctime

#endif
