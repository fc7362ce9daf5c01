/* The sandbox: from the configuration to what stays open, and what a reload must not ask for. */
#ifndef RELAY_MAIN_CONFINE_H
#define RELAY_MAIN_CONFINE_H

#include "auth/auth.h"
#include "config/conf.h"
#include "sandbox/sandbox.h"

/* While we may look everywhere. NULL = none, as the configuration or the lack of memory has it. */
struct sandbox *confine_prepare(const struct conf *c);

/* Once privileges are given up, and before anything comes from outside. Says what it is worth.
 * Whether it holds in all its parts. */
bool confine_enter(struct sandbox *s);

/* False with *err filled when the new configuration needs what the one at the start did not. */
bool confine_permits(const struct sandbox *s, const struct conf *fresh, struct auth_error *err);

/* To an error of n bytes, which may have its cause here. */
void confine_explain(const struct sandbox *s, char *text, size_t n);

/* If a certificate or the secrets are out of reach, the log says which. */
void confine_report(const struct sandbox *s, const struct conf *c);

#endif
