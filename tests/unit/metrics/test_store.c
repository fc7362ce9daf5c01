/* The file of released windows: what is written comes back, and anything else is refused whole. */
#include "metrics/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bed.h"

#define HEAD                                                                                       \
    "drehkreuz-windows 1\nrelay_allocations clip 1 scale 40\nrelay_volume clip 16 scale 640\n"     \
    "auth_rejected clip 1 scale 80\n"
#define OTHER_NOISE                                                                                \
    "drehkreuz-windows 1\nrelay_allocations clip 1 scale 41\nrelay_volume clip 16 scale 640\n"     \
    "auth_rejected clip 1 scale 80\n"
#define ROW "1728000000 1728086400 -12 345 0\n"
#define NEXT "1728086400 1728172800 7 0 1000\n"

struct place {
    char folder[64];
    char file[80];
    char beside[80];
};

static int set_up(void **state)
{
    static struct place p;
    snprintf(p.folder, sizeof p.folder, "/tmp/drehkreuz-windows-XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    snprintf(p.file, sizeof p.file, "%s/windows", p.folder);
    snprintf(p.beside, sizeof p.beside, "%s/windows.new", p.folder);
    *state = &p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    chmod(p->folder, 0700);
    unlink(p->file);
    rmdir(p->file);
    unlink(p->beside);
    rmdir(p->beside);
    return rmdir(p->folder);
}

static void put(const struct place *p, const char *text, size_t n)
{
    unlink(p->file); /* truncating it may wait for the disk */
    FILE *f = fopen(p->file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static size_t get(const struct place *p, char *ret, size_t cap)
{
    FILE *f = fopen(p->file, "r");
    assert_non_null(f);
    size_t n = fread(ret, 1, cap, f);
    fclose(f);
    return n;
}

static int read_back(const struct place *p, struct metrics_window *kept, size_t *n)
{
    struct metrics_error err = {""};
    int r = store_read(p->file, kept, n, &err);
    assert_int_equal(r < 0, err.text[0] != '\0');
    assert_true(r == 0 || strstr(err.text, "windows"));
    return r;
}

static void what_is_written_comes_back(void **state)
{
    const struct place *p = *state;
    struct metrics_window all[METRICS_WINDOWS_KEPT];
    struct metrics_window back[METRICS_WINDOWS_KEPT];
    struct metrics_error err = {""};
    size_t n = 0;
    int64_t last = INT64_C(253402214400); /* the widest numbers there are: year 9999 */
    for (int64_t i = 0; i < METRICS_WINDOWS_KEPT; i++) {
        int64_t begin = last - (METRICS_WINDOWS_KEPT - i) * DAY;
        all[i] = (struct metrics_window){
            begin, begin + DAY, {-METRICS_VALUE_MAX, METRICS_VALUE_MAX - i, 100000}};
    }
    assert_int_equal(store_write(p->file, all, METRICS_WINDOWS_KEPT, &err), 0);
    assert_int_equal(read_back(p, back, &n), 0);
    assert_int_equal(n, METRICS_WINDOWS_KEPT);
    assert_memory_equal(all, back, sizeof all);
}

static void it_is_plain_text_with_its_parameters(void **state)
{
    const struct place *p = *state;
    struct metrics_error err;
    const struct metrics_window two[] = {{1728000000, 1728086400, {-12, 345, 0}},
                                         {1728086400, 1728172800, {7, 0, 1000}}};
    char text[1024];
    static const char expected[] = HEAD ROW NEXT "end\n";
    assert_int_equal(store_write(p->file, two, 2, &err), 0);
    assert_int_equal(get(p, text, sizeof text), sizeof expected - 1);
    assert_memory_equal(text, expected, sizeof expected - 1);
    struct stat st;
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(access(p->beside, F_OK), -1);
}

static void no_file_is_no_windows(void **state)
{
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
    size_t n = 0;
    assert_int_equal(read_back(*state, kept, &n), 0);
    assert_int_equal(n, 0);
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "drehkreuz-windows 2\n",
        HEAD,
        HEAD ROW,
        HEAD ROW "end",
        HEAD ROW "end\n\n",
        HEAD ROW "end\nend\n",
        HEAD ROW ROW "end\n",
        HEAD NEXT ROW "end\n",
        HEAD "\n" ROW "end\n",
        HEAD "1728000000 1728086400 -12 345\nend\n",
        HEAD "1728000000 1728086400 -12 345 0 0\nend\n",
        HEAD "1728000000 1728086400 -12 345 0 \nend\n",
        HEAD "1728000000  1728086400 -12 345 0\nend\n",
        HEAD "1728000000\t1728086400 -12 345 0\nend\n",
        HEAD "1728000000 1728086400 -12 345 0\r\nend\n",
        HEAD "1728000000 1728086400 -0 345 0\nend\n",
        HEAD "1728000000 1728086400 +1 345 0\nend\n",
        HEAD "1728000000 1728086400 012 345 0\nend\n",
        HEAD "1728000000 1728086400 0x1 345 0\nend\n",
        HEAD "1728000000 1728086400 1.5 345 0\nend\n",
        HEAD "1728000000 1728086400 - 345 0\nend\n",
        HEAD "1728000000 1728086400 100000000001 345 0\nend\n",
        HEAD "1728000000 1728086400 -100000000001 345 0\nend\n",
        HEAD "1728000000 1728086400 99999999999999999999999999 345 0\nend\n",
        HEAD "1728000000 1728086400 -12 345 7\nend\n",
        HEAD "1728000000 1728086400 -12 345 -1\nend\n",
        HEAD "1728000001 1728086401 -12 345 0\nend\n",
        HEAD "1728000000 1728000000 -12 345 0\nend\n",
        HEAD "1728086400 1728000000 -12 345 0\nend\n",
        HEAD "1728000000 1728003599 -12 345 0\nend\n",
        HEAD "1727913600 1728518401 -12 345 0\nend\n",
        HEAD "-86400 0 -12 345 0\nend\n",
        HEAD "999999907200 999999993600 -12 345 0\nend\n",
        OTHER_NOISE "end\n",
    };
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t n = 99;
        put(*state, texts[i], strlen(texts[i]));
        assert_int_equal(read_back(*state, kept, &n), -EBADMSG);
        assert_int_equal(n, 99);
    }
    size_t n = 0;
    put(*state, HEAD "end\n\0", sizeof HEAD + 4); /* a zero byte behind it */
    assert_int_equal(read_back(*state, kept, &n), -EBADMSG);
    put(*state, HEAD ROW NEXT "end\n", sizeof(HEAD ROW NEXT "end\n") - 1);
    assert_int_equal(read_back(*state, kept, &n), 0); /* the frame of these rows is right */
    assert_int_equal(n, 2);
}

/* Every single byte that is lost or changed is noticed, or gives another good file. */
static void a_changed_byte_never_gives_a_bad_window(void **state)
{
    static const char good[] = HEAD ROW NEXT "end\n";
    static const char others[] = "\n -+0178x";
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
    char text[sizeof good];
    for (size_t i = 0; i < (sizeof good - 1) * (sizeof others - 1); i++) {
        size_t n = 0;
        memcpy(text, good, sizeof good);
        text[i / (sizeof others - 1)] = others[i % (sizeof others - 1)];
        put(*state, text, sizeof good - 1);
        if (read_back(*state, kept, &n) < 0)
            continue;
        assert_int_equal(n, 2);
        assert_true(kept[0].begin < kept[0].end && kept[0].end <= kept[1].begin);
        assert_int_equal(kept[0].begin % (kept[0].end - kept[0].begin), 0);
    }
    for (size_t n = 0; n < sizeof good - 1; n++) {
        size_t count = 0;
        put(*state, good, n);
        assert_int_equal(read_back(*state, kept, &count), -EBADMSG);
    }
}

static void too_many_or_too_long_is_refused(void **state)
{
    static char text[20000];
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
    size_t n = 0;
    size_t at = (size_t)snprintf(text, sizeof text, "%s", HEAD);
    for (int64_t i = 0; i <= METRICS_WINDOWS_KEPT; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%lld %lld 1 1 0\n",
                               (long long)(MIDNIGHT + i * DAY),
                               (long long)(MIDNIGHT + (i + 1) * DAY));
    at += (size_t)snprintf(text + at, sizeof text - at, "end\n");
    put(*state, text, at);
    assert_int_equal(read_back(*state, kept, &n), -EBADMSG);
    memset(text, '\n', sizeof text);
    put(*state, text, sizeof text);
    assert_int_equal(read_back(*state, kept, &n), -EFBIG);
}

static void only_a_plain_file_is_read(void **state)
{
    const struct place *p = *state;
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
    size_t n = 0;
    assert_int_equal(mkdir(p->file, 0700), 0);
    assert_int_equal(read_back(p, kept, &n), -EINVAL);
    assert_int_equal(rmdir(p->file), 0);
    assert_int_equal(mkfifo(p->file, 0600), 0);
    assert_int_equal(read_back(p, kept, &n), -EINVAL); /* and does not wait */
    assert_int_equal(unlink(p->file), 0);
    assert_int_equal(symlink("/dev/null", p->file), 0);
    assert_int_equal(read_back(p, kept, &n), -ELOOP);
}

static void what_a_crash_left_is_in_nobodys_way(void **state)
{
    const struct place *p = *state;
    struct metrics_error err = {""};
    int fd = open(p->beside, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(store_write(p->file, NULL, 0, &err), 0);
    struct stat st;
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    const struct place *p = *state;
    struct metrics_error err = {""};
    char text[1024];
    put(p, HEAD ROW "end\n", sizeof(HEAD ROW "end\n") - 1);
    assert_int_equal(mkdir(p->beside, 0700), 0); /* root may write anywhere, but not over this */
    assert_true(store_write(p->file, NULL, 0, &err) < 0);
    assert_non_null(strstr(err.text, "windows: "));
    assert_int_equal(get(p, text, sizeof text), sizeof(HEAD ROW "end\n") - 1);
}

static void a_missing_folder_and_long_names_are_told(void **state)
{
    (void)state;
    struct metrics_error err = {""};
    char name[600];
    assert_int_equal(store_write("/nowhere-at-all/windows", NULL, 0, &err), -ENOENT);
    assert_string_equal(err.text, "/nowhere-at-all/windows: No such file or directory");
    memset(name, 'x', sizeof name - 1);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    assert_int_equal(store_write(name, NULL, 0, &err), -ENAMETOOLONG);
    assert_int_equal(memcmp(err.text, "...x", 4), 0);
    assert_non_null(strstr(err.text, ": File name too long"));
}

/* --- With the windows --- */

static void released_windows_survive_a_restart_and_nothing_else(void **state)
{
    const struct place *p = *state;
    struct bed b = bed_of(METRICS_STANDARD);
    b.conf.file = p->file;
    bed_start(&b);
    bed_add(&b, 5000, 9000, 0);
    assert_true(bed_pass(&b, DAY));
    struct metrics_window first = *metrics_last(b.m);
    bed_add(&b, 1000000, 1000000, 1000000);
    bed_pass(&b, DAY / 2);
    metrics_free(b.m);
    bed_start(&b);
    assert_string_equal(b.err.text, "");
    assert_int_equal(bed_count(&b), 1);
    assert_memory_equal(metrics_last(b.m), &first, sizeof first);
    assert_false(bed_pass(&b, DAY / 2));
    assert_true(bed_pass(&b, DAY));
    assert_int_equal(bed_count(&b), 2);
    assert_true(bed_last(&b, METRICS_ALLOCATIONS) < 5000);
    metrics_free(b.m);
    bed_start(&b);
    assert_int_equal(bed_count(&b), 2);
    metrics_free(b.m);
}

static void a_broken_file_is_left_alone(void **state)
{
    const struct place *p = *state;
    struct bed b = bed_of(METRICS_STANDARD);
    char text[64];
    put(p, "mine\n", 5);
    b.conf.file = p->file;
    bed_start(&b);
    assert_non_null(strstr(b.err.text, "broken"));
    assert_true(bed_pass(&b, DAY));
    assert_string_equal(b.err.text, "");
    assert_int_equal(bed_count(&b), 1);
    metrics_free(b.m);
    assert_int_equal(get(p, text, sizeof text), 5);
    assert_memory_equal(text, "mine\n", 5);
}

static void a_file_that_cannot_be_written_is_told_each_time(void **state)
{
    const struct place *p = *state;
    struct bed b = bed_of(METRICS_STANDARD);
    b.conf.file = p->file;
    bed_start(&b);
    assert_int_equal(mkdir(p->beside, 0700), 0);
    for (int i = 1; i <= 2; i++) {
        assert_true(bed_pass(&b, DAY));
        assert_true(b.err.text[0]);
        assert_int_equal(bed_count(&b), i);
    }
    assert_int_equal(rmdir(p->beside), 0);
    assert_true(bed_pass(&b, DAY));
    assert_string_equal(b.err.text, "");
    metrics_free(b.m);
    bed_start(&b);
    assert_int_equal(bed_count(&b), 3);
    metrics_free(b.m);
}

static void strict_touches_no_file(void **state)
{
    const struct place *p = *state;
    struct bed b = bed_of(METRICS_STRICT);
    b.conf.file = p->file;
    put(p, HEAD ROW "end\n", sizeof(HEAD ROW "end\n") - 1);
    bed_start(&b);
    assert_int_equal(bed_count(&b), 0);
    bed_pass(&b, DAY);
    bed_pass(&b, DAY);
    metrics_free(b.m);
    char text[1024];
    assert_int_equal(get(p, text, sizeof text), sizeof(HEAD ROW "end\n") - 1);
}

/* Windows from a time when the clock was ahead wait until the first release shows them wrong. */
static void windows_of_the_future_go_with_the_next_release(void **state)
{
    const struct place *p = *state;
    struct bed b = bed_of(METRICS_STANDARD);
    b.conf.file = p->file;
    b.wall += 1000 * DAY;
    bed_start(&b);
    assert_true(bed_pass(&b, DAY));
    metrics_free(b.m);
    b.wall = MIDNIGHT;
    bed_start(&b);
    assert_int_equal(bed_count(&b), 1);
    assert_true(bed_pass(&b, DAY));
    assert_int_equal(bed_count(&b), 1);
    assert_int_equal(metrics_last(b.m)->begin, MIDNIGHT);
    metrics_free(b.m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_comes_back),
        TEST(it_is_plain_text_with_its_parameters),
        TEST(no_file_is_no_windows),
        TEST(anything_else_is_refused),
        TEST(a_changed_byte_never_gives_a_bad_window),
        TEST(too_many_or_too_long_is_refused),
        TEST(only_a_plain_file_is_read),
        TEST(what_a_crash_left_is_in_nobodys_way),
        TEST(a_failed_write_leaves_the_old_file),
        TEST(a_missing_folder_and_long_names_are_told),
        TEST(released_windows_survive_a_restart_and_nothing_else),
        TEST(a_broken_file_is_left_alone),
        TEST(a_file_that_cannot_be_written_is_told_each_time),
        TEST(strict_touches_no_file),
        TEST(windows_of_the_future_go_with_the_next_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
