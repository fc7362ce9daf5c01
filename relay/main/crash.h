/* The last word of a process that dies of its own fault. */
#ifndef RELAY_MAIN_CRASH_H
#define RELAY_MAIN_CRASH_H

/* From now on a crash says so in one line that is the same for whatever was in memory, and ends the
 * process as it would have ended: the supervisor sees the signal. */
void crash_watch(void);

#endif
