/* The room in a mailbox by its number: what just fits is kept, what does not is dropped. */
#include "loopback.h"

#include "net/mailbox_int.h"

/* In units of 16 bytes, with what the mailbox adds to it. */
static struct span payload_of(size_t room)
{
    static uint8_t bytes[262144];
    return span_of(bytes, room - sizeof(struct mail) - TURN_HEADROOM - TURN_TAILROOM);
}

static void t_room(void **state)
{
    static const struct mail mail;
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_false(mailbox_post(&m, &mail, payload_of(262144 + 1)));
    assert_true(mailbox_post(&m, &mail, payload_of(262144)));
    assert_false(mailbox_post(&m, &mail, span_of(NULL, 0)));
    mailbox_take(&m);
    for (int i = 0; i < 3; i++)
        assert_true(mailbox_post(&m, &mail, payload_of(65536)));
    assert_false(mailbox_post(&m, &mail, payload_of(65536 + 16)));
    assert_true(mailbox_post(&m, &mail, payload_of(65536)));
    assert_false(mailbox_post(&m, &mail, span_of(NULL, 0)));
    mailbox_free(&m);
}

/* Lengths with which the sum would come round. */
static void t_no_room_for_what_cannot_be(void **state)
{
    static const struct mail mail;
    static uint8_t byte;
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    for (size_t less = 1; less < 256; less++)
        assert_false(mailbox_post(&m, &mail, span_of(&byte, 0 - less)));
    assert_true(mailbox_post(&m, &mail, payload_of(262144)));
    mailbox_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_room),
        cmocka_unit_test(t_no_room_for_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
