/* The catalogue of events: id, level (syslog's number), name, sentence. One row per thing the
 * process can say; the generated documentation and the output tests read this table. */
#ifndef RELAY_BASE_EVENTS_H
#define RELAY_BASE_EVENTS_H

#include <stdint.h>

#define EVENTS(X)                                                                                  \
    X(EVENT_STARTED, 6, "started", "version %1 serves %2 listeners with %3 workers")               \
    X(EVENT_LISTENING, 6, "listening", "listener %1 speaks %2")                                    \
    X(EVENT_RELAY_ADDRESS, 6, "relay-address", "relays on %1, announced as %2, ports %3 to %4")    \
    X(EVENT_STOPPING, 6, "stopping", "stop requested, closing")                                    \
    X(EVENT_STOPPED, 6, "stopped", "stopped cleanly")                                              \
    X(EVENT_RELOADED, 6, "reloaded", "configuration generation %1 is in force")                    \
    X(EVENT_RELOAD_REFUSED, 4, "reload-refused", "kept the old configuration: %1")                 \
    X(EVENT_RELOAD_NEEDS_RESTART, 4, "restart-needed", "%1 changes only with a restart")           \
    X(EVENT_SECRETS_LOADED, 6, "secrets-loaded", "%1 shared secrets and %2 users are in force")    \
    X(EVENT_SECRETS_REFUSED, 4, "secrets-refused", "kept the secrets in force: %1")                \
    X(EVENT_CERTIFICATES_LOADED, 6, "certificates-loaded",                                         \
      "%1 certificates are in force, the first to end has %2 days left")                           \
    X(EVENT_CERTIFICATES_REFUSED, 4, "certificates-refused", "kept the certificates in force: %1") \
    X(EVENT_CERTIFICATE_CLOSED, 4, "certificate-closed",                                           \
      "%1 is closed to user %2, so a renewed certificate could not be read: chgrp %3 %1 && chmod " \
      "%4 %1, or use LoadCredential= of systemd")                                                  \
    X(EVENT_CERTIFICATE_ENDS, 4, "certificate-ends", "a certificate has %1 days left, renew it")   \
    X(EVENT_CERTIFICATE_ENDED, 3, "certificate-ended",                                             \
      "a certificate has ended, so TLS clients turn away; renew it")                               \
    X(EVENT_ADDRESS_CHANGED, 5, "address-changed", "the announced relay address is now %1")        \
    X(EVENT_ADDRESS_UNKNOWN, 4, "address-unknown", "%1 gave no address, the last one is kept")     \
    X(EVENT_ADDRESSES_TOO_MANY, 3, "addresses-too-many",                                           \
      "this host has %1 addresses or more, the newest are not kept from peers")                    \
    X(EVENT_FD_LIMIT, 4, "fd-limit", "room for %1 open files, the relay range could use %2")       \
    X(EVENT_RELAY_LOOPBACK, 4, "relay-loopback",                                                   \
      "this host has no address but loopback, so only programs on it can be relayed")              \
    X(EVENT_RELAY_FOREIGN, 4, "relay-foreign",                                                     \
      "%1 is not an address of this host, so allocations will fail")                               \
    X(EVENT_NO_CREDENTIALS, 4, "no-credentials",                                                   \
      "neither secrets nor users are left, so new allocations are refused")                        \
    X(EVENT_DRAINING, 5, "draining", "no new allocations, the living ones go on")                  \
    X(EVENT_FATAL, 3, "fatal", "%1")

#endif
