/* The answers, apart from the sockets: bytes in, bytes out. */
#ifndef RELAY_ISSUER_ISSUER_INT_H
#define RELAY_ISSUER_ISSUER_INT_H

#include "base/writer.h"
#include "issuer/issuer.h"

/* The largest answer: every URI at its longest, a name with every byte escaped. */
enum { ANSWER_MAX = 1024 + ISSUER_URIS_MAX * (ISSUER_TEXT_MAX + 3) + 2 * AUTH_NAME_MAX };

/* request: from the first byte up to and including the empty line. */
void answer_http(const struct issuer_conf *conf, struct span request, int64_t now,
                 struct writer *out);
/* A request that does not fit. */
void answer_http_too_long(struct writer *out);

/* line: without its end. Writes nothing when there is no credential to give. */
void answer_line(const struct issuer_conf *conf, struct span line, int64_t now, struct writer *out);

#endif
