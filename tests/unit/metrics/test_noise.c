/* The noise audit: the sampler against exact probabilities, and what released windows really tell,
 * counted. Seeds are fixed, so a result is the same everywhere; once the kernel's randomness is
 * judged, too. */
#include "metrics/laplace.h"
#include "metrics/ledger.h"

#include "bed.h"

enum { DRAWS = 1000000, RUNS = 400000, BINS_MAX = 6 * 640 + 3 };

/* --- The sampler: a bin for each z from -3b to 3b, and one for each tail --- */

/* Upper quantiles of chi-square with 6b + 2 degrees of freedom. Kernel randomness differs each
 * time: at 1e-9, six such comparisons fail by chance once in 1.7e8 runs of this program, while the
 * wrong samplers that were tried are beyond 1e-100. With a fixed seed 1e-3 is enough. */
struct quantile {
    uint32_t scale;
    double fixed;  /* p = 1e-3 */
    double kernel; /* p = 1e-9 */
};

static const struct quantile quantiles[] = {
    {40, 315.718, 398.066},
    {80, 583.671, 692.119},
    {640, 4118.594, 4391.289},
};

static long double exp_minus(long double x)
{
    long double sum = 1;
    long double term = 1;
    for (int i = 1; i < 40; i++) {
        term *= -x / i;
        sum += term;
    }
    return sum;
}

static void count(struct laplace_source *s, uint32_t b, uint32_t bins[BINS_MAX])
{
    int64_t edge = 3 * (int64_t)b;
    memset(bins, 0, sizeof(*bins) * BINS_MAX);
    for (int i = 0; i < DRAWS; i++) {
        int64_t z = laplace_draw(s, b);
        z = z < -edge ? -edge - 1 : z > edge ? edge + 1 : z;
        bins[z + edge + 1]++;
    }
}

static double chi_square(uint32_t b, const uint32_t bins[BINS_MAX])
{
    int64_t edge = 3 * (int64_t)b;
    long double q = exp_minus(1.0L / b);
    long double expected = DRAWS * (1 - q) / (1 + q); /* of z = 0 */
    long double sum = 0;
    for (int64_t z = 0; z <= edge + 1; z++) {
        if (z == edge + 1)
            expected /= 1 - q; /* the whole tail */
        for (int side = z ? -1 : 1; side <= 1; side += 2) {
            long double off = (long double)bins[edge + 1 + side * z] - expected;
            sum += off * off / expected;
        }
        expected *= q;
    }
    return (double)sum;
}

static double audit(uint32_t b, void (*random)(void *, void *, size_t), uint64_t seed)
{
    static uint32_t bins[BINS_MAX];
    struct laplace_source s;
    laplace_init(&s, random, &seed);
    count(&s, b, bins);
    double x = chi_square(b, bins);
    print_message("DLap(%u): chi-square %.1f with %u degrees of freedom\n", b, x, 6 * b + 2);
    return x;
}

static void a_million_draws_fit_the_distribution(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
        assert_true(audit(quantiles[i].scale, fixed_random, 2026) < quantiles[i].fixed);
}

static void so_do_a_million_from_the_kernel(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
        assert_true(audit(quantiles[i].scale, NULL, 0) < quantiles[i].kernel);
}

/* The audit must see a scale that is off by one in 40, or it proves nothing. */
static void the_audit_sees_a_wrong_scale(void **state)
{
    (void)state;
    static uint32_t bins[BINS_MAX];
    uint64_t seed = 2026;
    struct laplace_source s;
    laplace_init(&s, fixed_random, &seed);
    memset(bins, 0, sizeof bins);
    for (int i = 0; i < DRAWS; i++) {
        int64_t z = laplace_draw(&s, 41);
        z = z < -120 ? -121 : z > 120 ? 121 : z;
        bins[z + 121]++;
    }
    assert_true(chi_square(40, bins) > quantiles[0].kernel);
}

/* --- Releases: two neighbouring histories, 400,000 windows of each --- */

/* What an attacker may bet on, at several places of the three values and of all at once. */
enum { PLACES = 9 };

struct tally {
    uint32_t is_above[METRICS_USES][PLACES];
    uint32_t is_below[METRICS_USES][PLACES];
    uint32_t all;
};

/* Of the smaller history. Refused logins lie so that the whole difference crosses a band's edge. */
static const uint64_t base[METRICS_USES] = {37, 300, 1000 - METRICS_GROUP};

static int64_t place_of(size_t use, int place)
{
    int64_t step = (int64_t)ledger[use].clip * METRICS_GROUP / 2;
    return use == METRICS_REJECTED ? 1000 : (int64_t)base[use] + step * (place - 3);
}

static void judge(const struct metrics_window *v, struct tally *t)
{
    bool all = true;
    for (size_t use = 0; use < METRICS_USES; use++) {
        for (int i = 0; i < PLACES; i++) {
            t->is_above[use][i] += v->value[use] >= place_of(use, i);
            t->is_below[use][i] += v->value[use] < place_of(use, i);
        }
        int64_t reach = (int64_t)base[use] + (int64_t)ledger[use].clip * METRICS_GROUP;
        all = all && v->value[use] >= (use == METRICS_REJECTED ? 1000 : reach);
    }
    t->all += all;
}

static void play(uint64_t seed, uint64_t allocations, struct tally *ret)
{
    struct bed b = bed_of(METRICS_STANDARD);
    b.seed = seed;
    bed_start(&b);
    for (int run = 0; run < RUNS; run++) {
        const struct metrics_window *v;
        metrics_add(b.m, base);
        for (uint64_t i = 0; i < allocations; i++)
            bed_add(&b, 1, ledger[METRICS_VOLUME].clip, 1);
        assert_true(bed_pass(&b, DAY));
        size_t n = metrics_windows(b.m, &v);
        judge(&v[n - 1], ret);
    }
    metrics_free(b.m);
}

struct bound {
    size_t use;
    double most;  /* e^(1.05 epsilon) */
    double least; /* e^(0.9 epsilon): an attack this good must be there, or the test is blind */
};

static double worst_ratio(const uint32_t *a, const uint32_t *b)
{
    double worst = 0;
    for (int i = 0; i < PLACES; i++) {
        if (a[i] < RUNS / 20 || b[i] < RUNS / 20)
            continue; /* too rare to be estimated well */
        double there = (double)a[i] / b[i];
        worst = there > worst ? there : worst;
    }
    return worst;
}

static void releases_tell_no_more_than_the_ledger_says(void **state)
{
    (void)state;
    static const struct bound bounds[] = {
        {METRICS_ALLOCATIONS, 1.52196, 1.43333}, /* 0.4 */
        {METRICS_VOLUME, 1.52196, 1.43333},      /* 0.4 */
        {METRICS_REJECTED, 1.23368, 1.19722},    /* 0.2 */
    };
    static struct tally more;
    static struct tally fewer;
    memset(&more, 0, sizeof more);
    memset(&fewer, 0, sizeof fewer);
    play(71, METRICS_GROUP, &more);
    play(72, 0, &fewer);
    for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
        size_t use = bounds[i].use;
        double up = worst_ratio(more.is_above[use], fewer.is_above[use]);
        double down = worst_ratio(fewer.is_below[use], more.is_below[use]);
        double worst = up > down ? up : down;
        print_message("%s: e^epsilon is %.4f, at most %.4f\n", ledger[use].name, worst,
                      bounds[i].most);
        assert_true(worst <= bounds[i].most);
        assert_true(worst >= bounds[i].least);
    }
    double all = (double)more.all / fewer.all;
    print_message("all together: e^epsilon is %.4f, at most 2.8577\n", all);
    assert_true(all <= 2.8577); /* e^1.05 */
    assert_true(all >= 2.4596); /* e^0.9 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_draws_fit_the_distribution),
        cmocka_unit_test(so_do_a_million_from_the_kernel),
        cmocka_unit_test(the_audit_sees_a_wrong_scale),
        cmocka_unit_test(releases_tell_no_more_than_the_ledger_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
