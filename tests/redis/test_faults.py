"""Every way in which a Redis can fail, while 100 calls run and new allocations arrive. The relay's
user has the shipped ACL."""

import time
from pathlib import Path

import pytest

from scene import PASSWORD, USER, Scene, acl_rule, fresh, relay_conf, server_for
from stores import Redis

GIGABYTE = 1 << 30
MEMBERS = 1_000_000
FROZEN = 60


@pytest.fixture(scope="module")
def scene():
    """Named secrets, secrets of coturn's and a user of coturn's, all in use or in sight."""
    shared = [fresh(), fresh()]
    rule = acl_rule({"redis": "127.0.0.1:1", "redis_user": USER, "redis_users": True})
    with Redis([rule]) as store:
        fill(store, shared)
        set_aside(store.admin)
        with server_for(relay_conf(store.address, redis_users=True)) as server:
            server.wait_log("redis-ready")
            with Scene(server, store, shared) as made:
                yield made


def set_aside(admin):
    """What takes a while to make; a test gives it the name that matters."""
    admin.config_set("proto-max-bulk-len", 2 * GIGABYTE)
    admin.setrange("large", GIGABYTE - 1, "x")
    admin.eval("for i = 1, ARGV[1] do redis.call('SADD', KEYS[1], 'member-of-the-set-' .. i) end",
               1, "many", MEMBERS)


def fill(store, shared, realm="turn"):
    """What the relay has to find, in its place and of its type."""
    store.admin.delete(f"turn:secret:{realm}")
    store.admin.unlink(f"turn/realm/{realm}/secret")
    store.admin.set(f"turn/realm/{realm}/user/ann/key", "0123456789abcdef0123456789abcdef")
    store.admin.sadd(f"turn/realm/{realm}/secret", shared[1])
    store.put(realm, "one", shared[0])


def refill(scene):
    return lambda: fill(scene.store, scene.shared)


def test_value_of_a_gigabyte(scene):
    key, admin = f"turn/realm/{scene.realm}/user/bob/key", scene.store.admin

    def grow():
        admin.rename("large", key)
        scene.store.publish("turn")

    scene.fault("redis-too-large|redis-malformed", grow, lambda: admin.unlink(key), timeout=20)


def test_a_million_members(scene):
    def grow():
        scene.store.admin.rename("many", f"turn/realm/{scene.realm}/secret")
        scene.store.publish("turn")

    scene.fault("redis-too-large", grow, refill(scene), timeout=20)


def test_killed_and_started_again(scene):
    def kill():
        scene.store.admin.save()
        scene.store.kill()

    scene.fault("redis-lost", kill, scene.store.start, hold=4)


def test_started_again_empty(scene):
    def lose():
        scene.store.kill()
        Path(scene.store.dir, "dump.rdb").unlink(missing_ok=True)
        scene.store.start()

    scene.fault("redis-missing", lose, refill(scene))


def test_flushed(scene):
    def flush():
        scene.store.admin.flushall()
        scene.store.publish("turn")

    scene.fault("redis-missing", flush, refill(scene), hold=1)


def test_password_changed(scene):
    def change():
        scene.store.admin.execute_command("ACL", "SETUSER", USER, "resetpass", ">something-else")
        scene.store.cut(USER)

    def back():
        scene.store.admin.execute_command("ACL", "SETUSER", USER, "resetpass", ">" + PASSWORD)
        scene.store.admin.acl_log_reset()

    scene.fault("redis-denied", change, back, hold=3)


def test_command_forbidden(scene):
    def forbid():
        scene.store.admin.execute_command("ACL", "SETUSER", USER, "-hgetall")
        scene.store.publish("turn")

    def allow():
        scene.store.admin.execute_command("ACL", "SETUSER", USER, "+hgetall")
        scene.store.admin.acl_log_reset()

    scene.fault("redis-noperm", forbid, allow, hold=3)


def test_wrong_type(scene):
    def replace():
        scene.store.admin.set(f"turn:secret:{scene.realm}", "not a hash")
        scene.store.publish("turn")

    scene.fault("redis-wrong-type", replace, refill(scene))


def test_value_that_is_none(scene):
    def spoil():
        scene.known.append("gibberish-without-times")
        scene.store.admin.hset(f"turn:secret:{scene.realm}", "bad", scene.known[-1])
        scene.store.publish("turn")

    scene.fault("redis-malformed", spoil, refill(scene))


def test_value_of_64_megabytes(scene):
    def grow():
        scene.store.admin.hset(f"turn:secret:{scene.realm}", "bad", "0 0 " + "x" * (64 << 20))
        scene.store.publish("turn")

    scene.fault("redis-too-large", grow, refill(scene))


def test_frozen(scene):
    """The read of each minute finds nobody at home."""
    begin = time.monotonic()

    def thaw():
        time.sleep(max(0.0, begin + FROZEN - time.monotonic()))
        scene.store.thaw()

    try:
        scene.fault("redis-lost", scene.store.freeze, thaw, hold=0, timeout=70)
    finally:
        scene.store.thaw()


def test_nothing_was_written_or_forbidden(scene):
    """But for what a test took away on purpose."""
    assert scene.store.admin.acl_log() == []
