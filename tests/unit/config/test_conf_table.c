/* Every row of the option table: its default loads, its bounds hold, wrong types are refused. */
#include <errno.h>

#include "unit/config/conf_file.h"

static struct conf conf;
static struct conf_error err;

#define FOR_ROWS(o) for (size_t i = 0; (o = conf_option_at(i)); i++)

static int try_value(const struct conf_option *o, const char *value)
{
    static char text[65536];
    int n = snprintf(text, sizeof(text), "%s = %s;\n", o->name, value);
    assert_in_range(n, 1, sizeof(text) - 1);
    return conf_try(text, &conf, &err);
}

static void t_default_loads_and_equals_the_default(void **state)
{
    (void)state;
    static struct conf want;
    const struct conf_option *o;
    conf_defaults(&want);
    FOR_ROWS(o)
    {
        assert_int_equal(try_value(o, o->fallback), 0);
        assert_memory_equal(&conf, &want, offsetof(struct conf, files));
    }
}

static void t_rows_are_well_formed(void **state)
{
    (void)state;
    const struct conf_option *o;
    FOR_ROWS(o)
    {
        size_t n = strlen(o->sentence);
        assert_true(n > 10 && o->sentence[n - 1] == '.');
        assert_ptr_equal(conf_option_find(o->name), o);
        assert_ptr_equal(conf_option_nearest(o->name), o);
        assert_true(o->min <= o->max);
        assert_true(strlen(o->name) < 40);
        assert_true(i > 0 || o->group);
    }
}

/* The value that is v long: a number, a text of v bytes, a list of v entries. */
static void make_value(const struct conf_option *o, int64_t v, char *buf, size_t n)
{
    static const char *const entries[CONF_KINDS] = {
        [CONF_ADDRS] = "\"192.0.2.1\"",
        [CONF_CIDRS] = "\"10.0.0.0/8\"",
        [CONF_PORTS] = "\"53\"",
        [CONF_USERS] = "{ name = \"a\"; password = \"b\"; }",
        [CONF_NAMES] = "\"turn.example.org\"",
        [CONF_PAIRS] = "{ certificate = \"/a\"; key = \"/b\"; }",
        [CONF_HOSTS] = "\"redis.example.org:26379\"",
        [CONF_URIS] = "\"turn:turn.example.org\"",
    };
    size_t len = 0;
    if (o->kind == CONF_INT)
        snprintf(buf, n, "%lld", (long long)v);
    else if (o->kind == CONF_RANGE)
        snprintf(buf, n, "\"%lld-%lld\"", (long long)(v <= o->min ? v : o->min),
                 (long long)(v <= o->min ? o->max : v));
    else if (o->kind == CONF_TEXT || o->kind == CONF_SECRET)
        snprintf(
            buf, n, "\"%.*s\"", (int)v,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    else {
        len += (size_t)snprintf(buf, n, "(");
        for (int64_t i = 0; i < v; i++)
            len += (size_t)snprintf(buf + len, n - len, "%s%s", i ? "," : "", entries[o->kind]);
        snprintf(buf + len, n - len, ")");
    }
}

static void t_bounds(void **state)
{
    (void)state;
    char value[8192];
    const struct conf_option *o;
    FOR_ROWS(o)
    {
        if (o->kind == CONF_BOOL)
            continue;
        make_value(o, o->min, value, sizeof(value));
        assert_int_equal(try_value(o, value), 0);
        make_value(o, o->max, value, sizeof(value));
        assert_int_equal(try_value(o, value), 0);
        make_value(o, o->max + 1, value, sizeof(value));
        assert_int_equal(try_value(o, value), -EINVAL);
        assert_non_null(strstr(err.text, o->name));
        if (o->min == 0 && o->kind != CONF_INT)
            continue; /* nothing is shorter than empty */
        make_value(o, o->min - 1, value, sizeof(value));
        assert_int_equal(try_value(o, value), -EINVAL);
        assert_non_null(strstr(err.text, o->name));
    }
}

static void t_wrong_types(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned kinds; /* that take it */
    } values[] = {
        {"true", 1U << CONF_BOOL},
        {"700", 1U << CONF_INT},
        {"1.5", 0},
        {"\"2000-3000\"", 1U << CONF_TEXT | 1U << CONF_RANGE | 1U << CONF_SECRET},
        {"{ }", 0},
        {"[ true ]", 0},
        {"[ \"nonsense\" ]", 1U << CONF_NAMES},
        {"[ \"no sense\" ]", 0},
        {"[ \"http://turn.example.org\" ]", 0},
        {"[ \"turn:a b\" ]", 0},
        {"[ \"redis.example.org\" ]", 1U << CONF_NAMES},
        {"[ \"redis.example.org:70000\" ]", 0},
        {"( { certificate = \"a\"; key = \"/b\"; } )", 0},
        {"( { certificate = \"/a\"; } )", 0},
        {"( { certificate = \"/a\"; key = \"/b\"; name = \"c\"; } )", 0},
        {"[ \"/a\", \"/b\" ]", 0},
        {"[ \"192.0.2.1x:5\" ]", 1U << CONF_HOSTS},
        {"( ( ) )", 0},
        {"{ name = \"a\"; password = \"b\"; }", 0},
    };
    const struct conf_option *o;
    FOR_ROWS(o)
    {
        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            if (values[j].kinds >> o->kind & 1)
                continue;
            assert_int_equal(try_value(o, values[j].value), -EINVAL);
            assert_non_null(strstr(err.text, o->name));
            assert_non_null(strstr(err.text, ": expected "));
            assert_non_null(strstr(err.text, ", e.g. "));
        }
    }
}

/* The example in a message must itself be right. */
static void t_examples_load(void **state)
{
    (void)state;
    char text[CONF_ERROR_TEXT];
    const struct conf_option *o;
    FOR_ROWS(o)
    {
        assert_int_equal(try_value(o, "{ }"), -EINVAL);
        const char *example = strstr(err.text, ", e.g. ");
        assert_non_null(example);
        snprintf(text, sizeof(text), "%s", example + strlen(", e.g. "));
        assert_int_equal(conf_try(text, &conf, &err), 0);
    }
}

static void t_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        const char *meant; /* NULL = none */
    } rows[] = {
        {"relam", "realm"},
        {"relay_port", "relay_ports"},
        {"external_ip4", "external_ipv4"},
        {"allocation_per_acount", "allocations_per_account"},
        {"", NULL},
        {"xyzxyzxyz", NULL},
        {"a_very_long_name_that_is_longer_than_any_option_there_is", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct conf_option *o = conf_option_nearest(rows[i].typed);
        assert_string_equal(o ? o->name : "", rows[i].meant ? rows[i].meant : "");
    }
}

/* Changes one option by hand: exactly those marked so ask for a restart, and by their name. */
static void t_needs_restart(void **state)
{
    (void)state;
    static struct conf a;
    static struct conf b;
    const struct conf_option *o;
    conf_defaults(&a);
    conf_defaults(&b);
    assert_null(conf_needs_restart(&a, &b));
    FOR_ROWS(o)
    {
        unsigned char *field = (unsigned char *)&b + o->offset;
        *field ^= 1;
        const char *name = conf_needs_restart(&a, &b);
        assert_string_equal(name ? name : "", o->restart ? o->name : "");
        conf_keep_fixed(&a, &b); /* and exactly those stay */
        assert_int_equal(memcmp(&a, &b, offsetof(struct conf, files)) != 0, !o->restart);
        *field ^= o->restart ? 0 : 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_default_loads_and_equals_the_default),
        cmocka_unit_test(t_rows_are_well_formed),
        cmocka_unit_test(t_bounds),
        cmocka_unit_test(t_wrong_types),
        cmocka_unit_test(t_examples_load),
        cmocka_unit_test(t_nearest),
        cmocka_unit_test(t_needs_restart),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
