/* The open window: noise from its first moment, contributions, one release.
 *
 * A window is released only if it was whole. It was not when the process began within it, when the
 * clock was set meanwhile, or when nobody ticked at one of its ends. The wall clock leaves the
 * monotonic one behind when the host was suspended, too, and that is right: the server was not
 * there all the time, and what it counted would be taken for all of it. */
#include <string.h>

#include "base/mem.h"
#include "metrics/ledger.h"
#include "metrics/metrics_int.h"
#include "metrics/store.h"
#include "metrics/text.h"

enum {
    SLACK_S = 5, /* the clocks may part: leap seconds, whole seconds, small corrections */
    LATE_S = 60, /* a tick may come after a window's end; more, and both sides of it are wrong */
};

static usec_t offset_of(int64_t wall, usec_t mono)
{
    return wall * USEC_PER_SEC - mono;
}

static int64_t clamp(int64_t v)
{
    if (v > METRICS_VALUE_MAX)
        return METRICS_VALUE_MAX;
    return v < -METRICS_VALUE_MAX ? -METRICS_VALUE_MAX : v;
}

/* A clock beyond stands still here, parts from the other, and nothing is ever whole. */
static int64_t sane(int64_t wall)
{
    int64_t most = TEXT_TIME_MAX - METRICS_WINDOW_MAX;
    return wall < 0 ? 0 : wall < most ? wall : most;
}

static void open_window(struct metrics *m, int64_t wall, usec_t mono, bool is_whole)
{
    struct metrics_open *o = &m->open;
    o->begin = wall - wall % m->length;
    o->end = o->begin + m->length;
    o->offset = offset_of(wall, mono);
    o->is_whole = is_whole && m->conf.profile != METRICS_STRICT;
    for (size_t i = 0; i < METRICS_USES; i++)
        o->sum[i] = o->is_whole ? laplace_draw(&m->source, ledger[i].scale) : 0;
    metrics_alarm_begin(m);
    laplace_forget(&m->source);
}

/* Those that overlap it or come after it are of a time when the clock was ahead. */
static void make_room(struct metrics *m, const struct metrics_window *w)
{
    while (m->n && m->kept[m->n - 1].end > w->begin)
        m->n--;
    if (m->n == METRICS_WINDOWS_KEPT)
        memmove(m->kept, m->kept + 1, sizeof(*m->kept) * --m->n);
}

static void release(struct metrics *m)
{
    const struct metrics_open *o = &m->open;
    struct metrics_window w = {.begin = o->begin, .end = o->end};
    memcpy(w.value, o->sum, sizeof w.value);
    w.value[METRICS_REJECTED] = metrics_band(w.value[METRICS_REJECTED]);
    make_room(m, &w);
    m->kept[m->n++] = w;
}

static void save(struct metrics *m, struct metrics_error *err)
{
    if (m->conf.file[0] && !m->is_file_broken)
        store_write(m->conf.file, m->kept, m->n, err);
}

int64_t metrics_band(int64_t value)
{
    static const int64_t floors[] = {100000, 10000, 1000};
    for (size_t i = 0; i < sizeof(floors) / sizeof(*floors); i++) {
        if (value >= floors[i])
            return floors[i];
    }
    return 0;
}

const struct metrics_window *metrics_last(const struct metrics *m)
{
    return m->n ? &m->kept[m->n - 1] : NULL;
}

int64_t metrics_first_end(const struct metrics *m)
{
    return m->open.end + (m->open.is_whole ? 0 : m->length);
}

struct metrics *metrics_new(const struct metrics_conf *conf, int64_t wall, usec_t mono,
                            struct metrics_error *err)
{
    err->text[0] = '\0';
    wall = sane(wall);
    struct metrics *m = mem_zalloc(sizeof(*m));
    if (!m)
        return NULL;
    m->conf = *conf;
    m->length = metrics_window_of(conf);
    if (!conf->file || conf->profile == METRICS_STRICT)
        m->conf.file = "";
    laplace_init(&m->source, conf->random, conf->random_ctx);
    m->alarm.hour = wall / 3600;
    open_window(m, wall, mono, wall % m->length == 0);
    if (m->conf.file[0])
        m->is_file_broken = store_read(m->conf.file, m->kept, &m->n, err) < 0;
    return m;
}

void metrics_free(struct metrics *m)
{
    mem_free_wiped(m, sizeof(*m));
}

void metrics_add(struct metrics *m, const uint64_t more[METRICS_USES])
{
    for (size_t i = 0; i < METRICS_USES && m->open.is_whole; i++) {
        uint64_t part = more[i] < METRICS_VALUE_MAX ? more[i] : METRICS_VALUE_MAX;
        m->open.sum[i] = clamp(m->open.sum[i] + (int64_t)part);
    }
}

bool metrics_tick(struct metrics *m, int64_t wall, usec_t mono, struct metrics_error *err)
{
    err->text[0] = '\0';
    wall = sane(wall);
    usec_t apart = offset_of(wall, mono) - m->open.offset;
    if (apart > SLACK_S * USEC_PER_SEC || apart < -SLACK_S * USEC_PER_SEC) {
        open_window(m, wall, mono, false);
        return false;
    }
    if (wall < m->open.end)
        return false;
    bool is_late = wall - m->open.end > LATE_S;
    bool is_released = m->open.is_whole && !is_late;
    if (is_released)
        release(m);
    open_window(m, wall, mono, !is_late);
    if (is_released)
        save(m, err);
    return is_released;
}

size_t metrics_windows(const struct metrics *m, const struct metrics_window **ret)
{
    *ret = m->kept;
    return m->n;
}
