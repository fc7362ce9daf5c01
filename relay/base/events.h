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
    X(EVENT_SECRETS_TOO_MANY, 4, "secrets-too-many",                                               \
      "kept the secrets in force: the file and Redis hold more than %1 together; remove some")     \
    X(EVENT_SECRETS_TWICE, 4, "secrets-twice",                                                     \
      "%1 ids are in the secrets file and in Redis, and the file's count; remove one of each")     \
    X(EVENT_REVOKED_TOO_MANY, 4, "revoked-too-many",                                               \
      "kept the revoked names as they were: the file and Redis hold more than %1 together; take "  \
      "out some with drehkreuz secret unrevoke")                                                   \
    X(EVENT_REDIS_READY, 6, "redis-ready", "connected to Redis, its secrets are read")             \
    X(EVENT_REDIS_WAITING, 4, "redis-waiting",                                                     \
      "no secret and no user is known yet, so calls are refused until Redis gives some")           \
    X(EVENT_REDIS_LOST, 4, "redis-lost",                                                           \
      "Redis does not answer, what is in force stays and it is tried again; see that it runs and " \
      "can be reached (%1)")                                                                       \
    X(EVENT_REDIS_DENIED, 3, "redis-denied",                                                       \
      "Redis refuses the login, what is in force stays; set redis_user and redis_password (%1)")   \
    X(EVENT_REDIS_NOPERM, 3, "redis-noperm",                                                       \
      "Redis forbids its user to read, what is in force stays; apply the rule that drehkreuz "     \
      "config redis-acl prints (%1)")                                                              \
    X(EVENT_REDIS_LOADING, 4, "redis-loading",                                                     \
      "Redis is not ready yet, what is in force stays and it is tried again (%1)")                 \
    X(EVENT_REDIS_WRONG_TYPE, 3, "redis-wrong-type",                                               \
      "a key that should hold secrets or users holds something else, what is in force stays; see " \
      "conf/redis.md for the schema (%1)")                                                         \
    X(EVENT_REDIS_TOO_LARGE, 3, "redis-too-large",                                                 \
      "Redis holds more than can be taken, what is in force stays; remove what is not needed "     \
      "(%1)")                                                                                      \
    X(EVENT_REDIS_MALFORMED, 3, "redis-malformed",                                                 \
      "Redis gave what is no secret or user, what is in force stays; write secrets with "          \
      "drehkreuz secret (%1)")                                                                     \
    X(EVENT_REDIS_MISSING, 4, "redis-missing",                                                     \
      "the secrets are gone from Redis though nobody removed them, what is in force stays; write " \
      "them again, and let Redis persist and not evict them (%1)")                                 \
    X(EVENT_REDIS_CLUSTER, 3, "redis-cluster",                                                     \
      "this node of a Redis Cluster does not hold our keys, what is in force stays; name the one " \
      "that does, see conf/redis.md (%1)")                                                         \
    X(EVENT_REDIS_NO_MASTER, 4, "redis-no-master",                                                 \
      "no sentinel names a master, what is in force stays and they are asked again; see "          \
      "redis_sentinels and redis_master (%1)")                                                     \
    X(EVENT_REDIS_NEW_MASTER, 5, "redis-new-master", "another Redis is the master now (%1)")       \
    X(EVENT_REDIS_TOO_OLD, 3, "redis-too-old",                                                     \
      "Redis could not be read for %1 seconds (redis_max_age), so its secrets and users are out "  \
      "of force until it can")                                                                     \
    X(EVENT_ISSUER_READY, 6, "issuer-ready", "credentials are given out at %1")                    \
    X(EVENT_ISSUER_REFUSED, 3, "issuer-refused", "no credentials are given out: %1")               \
    X(EVENT_USAGE, 6, "usage", "%1")                                                               \
    X(EVENT_WINDOWS_REFUSED, 4, "windows-refused", "sums of usage are kept in memory only: %1")    \
    X(EVENT_METRICS_READY, 6, "metrics-ready", "statistics and health are shown at %1")            \
    X(EVENT_METRICS_REFUSED, 3, "metrics-refused", "statistics and health are not shown: %1")      \
    X(EVENT_CAPACITY_SMALL, 4, "capacity-small",                                                   \
      "no alarm for capacity: there is room for %1 allocations, and below %2 it would be chance")  \
    X(EVENT_CAPACITY_NEAR, 4, "capacity-near",                                                     \
      "about four fifths of all possible allocations are in use; see relay_ports and limits")      \
    X(EVENT_CAPACITY_FREE, 6, "capacity-free", "there is room for allocations again")              \
    X(EVENT_CONTROL_READY, 6, "control-ready", "commands are taken at %1")                         \
    X(EVENT_CONTROL_REFUSED, 3, "control-refused", "no commands are taken: %1")                    \
    X(EVENT_TRACE_STARTED, 5, "trace-started",                                                     \
      "a consented trace has begun, for %1 minutes at most; it tells its own user's requests to "  \
      "the terminal that asked, and nobody else's")                                                \
    X(EVENT_TRACE_ENDED, 5, "trace-ended", "the consented trace is over")                          \
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
    X(EVENT_SANDBOX_ON, 6, "sandbox-on", "from here on there is no more than serving needs of %1") \
    X(EVENT_SANDBOX_MISSING, 4, "sandbox-missing",                                                 \
      "this system has no %1 for us (%2), so a break-in would reach what our user may; a newer "   \
      "kernel, or a container's own filter, is in the way")                                        \
    X(EVENT_SANDBOX_OFF, 4, "sandbox-off",                                                         \
      "sandbox = false, so a break-in would reach whatever our user may")                          \
    X(EVENT_SANDBOX_OUTSIDE, 4, "sandbox-outside",                                                 \
      "%1 cannot be read: it is outside of the folders that were named at the start; restart "     \
      "the server")                                                                                \
    X(EVENT_FD_LIMIT, 4, "fd-limit", "room for %1 open files, the relay range could use %2")       \
    X(EVENT_RELAY_LOOPBACK, 4, "relay-loopback",                                                   \
      "this host has no address but loopback, so only programs on it can be relayed")              \
    X(EVENT_RELAY_FOREIGN, 4, "relay-foreign",                                                     \
      "%1 is not an address of this host, so allocations will fail")                               \
    X(EVENT_NO_CREDENTIALS, 4, "no-credentials",                                                   \
      "neither secrets nor users are left, so new allocations are refused")                        \
    X(EVENT_DRAINING, 5, "draining", "no new allocations, the living ones go on")                  \
    X(EVENT_CRASH, 2, "crash", "signal %1, version %2")                                            \
    X(EVENT_FATAL, 3, "fatal", "%1")

#endif
