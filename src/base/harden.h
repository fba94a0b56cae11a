/*
 * harden.h - what a process that holds secrets does first
 */
#ifndef MAILCHUTE_HARDEN_H
#define MAILCHUTE_HARDEN_H

/*
 * No core file, no look into this memory by other processes of the same user (where the system
 * can forbid it), no files for others, and no death by a closed pipe or a limit on file sizes.
 */
void process_harden(void);

#endif
