/* The ring: order, removing twice, removing while walking. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 5 };

struct item {
    int value;
    struct list link;
};

static void fill(struct list *head, struct item items[N])
{
    list_init(head);
    for (int i = 0; i < N; i++) {
        items[i].value = i;
        list_push(head, &items[i].link);
    }
}

static void test_order(void **state)
{
    (void)state;
    struct list head;
    struct item items[N];
    fill(&head, items);
    int want = 0;
    LIST_FOR (it, &head)
        assert_int_equal(container_of(it, struct item, link)->value, want++);
    assert_int_equal(want, N);
}

static void test_remove(void **state)
{
    (void)state;
    struct list head;
    struct item items[N];
    fill(&head, items);
    list_remove(&items[2].link);
    list_remove(&items[2].link);
    int n = 0;
    LIST_FOR_SAFE (it, &head) {
        assert_ptr_not_equal(it, &items[2].link);
        list_remove(it);
        n++;
    }
    assert_int_equal(n, N - 1);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
