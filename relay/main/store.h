/* The secrets file a command works on. */
#ifndef RELAY_MAIN_STORE_H
#define RELAY_MAIN_STORE_H

#include "main/settings.h"

struct store {
    conf_text path;
    conf_text user; /* who is to own a new file; "" = whoever makes it */
    struct auth_secrets secrets;
};

/* --file, else the configured file. NULL after saying what is wrong. Give back with store_close,
 * which wipes. */
struct store *store_open(const struct args *a);
void store_close(struct store *s);

/* Writes the file. An exit code. */
int store_save(struct store *s);

#endif
