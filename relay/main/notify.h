/* Tells the service manager how we are (sd_notify(3)); silent when there is none. */
#ifndef RELAY_MAIN_NOTIFY_H
#define RELAY_MAIN_NOTIFY_H

/* E.g. "READY=1". */
void notify_send(const char *state);

#endif
