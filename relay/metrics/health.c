/* What is true at any moment, whoever calls. */
#include "metrics/metrics.h"

bool metrics_ready(const struct metrics_health *h)
{
    return h->has_credentials && h->has_relay_address && !h->is_draining;
}
