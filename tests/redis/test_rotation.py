"""Secrets come and go by the `secret` command while 50 clients per second allocate."""

import time

import pytest

from scene import Load, admin_conf, command, outcome, wait_until_good

RATE = 50


@pytest.fixture
def secret(redis, serve):
    """secret("list"): the command in the operator's hands."""
    server = serve(redis, wait=None)

    def run(*args):
        done = command(admin_conf(server, redis), "secret", *args)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run.server = server
    return run


def assert_over_within(server, value, seconds=1.0):
    """From now on it may be good for so long, and then is good no more."""
    begin = time.monotonic()
    while (code := outcome(server, value)) == 0:
        assert time.monotonic() - begin < seconds, "the old secret is still good"
        time.sleep(0.01)
    assert code == 401
    for _ in range(10):
        assert outcome(server, value) == 401


@pytest.mark.parametrize("end", ["remove", "retire"])
def test_rotation_under_load(secret, redis, end):
    server = secret.server
    old = secret("new", "--id", "old")
    wait_until_good(server, old, 1)
    load = Load(server, [old], rate=RATE, calls=20)
    try:
        new = secret("new", "--id", "new")
        wait_until_good(server, new, 1)
        load.use(old, new)  # some platforms have the new one, some do not
        time.sleep(2)
        secret("retire", "old", "--in", "3600")
        time.sleep(1)
        load.use(new)
        time.sleep(0.1)
        secret(*([end, "old"] if end == "remove" else [end, "old", "--in", "0"]))
        assert_over_within(server, old)
        time.sleep(1)
        figures = load.take()
        assert figures["refused"] == [] and figures["lost"] == 0, figures
        assert figures["tried"] > RATE * figures["seconds"] * 0.5, figures
        load.stop()
    finally:
        load.close()
    assert redis.admin.acl_log() == []
    assert old not in server.log() and new not in server.log()


def test_retire_ends_without_another_command(secret):
    server = secret.server
    old, new = secret("new", "--id", "old"), secret("new", "--id", "new")
    wait_until_good(server, new, 1)
    secret("retire", "old", "--in", "60")
    assert outcome(server, old) == 0
    server.advance(61)
    assert_over_within(server, old)
    assert outcome(server, new) == 0


def test_a_relay_of_another_realm_does_not_care(secret, redis, serve):
    """One Redis, two realms: what is published for one is none of the other's business."""
    value = secret("new", "--id", "one")
    wait_until_good(secret.server, value, 1)
    redis.put("other", "one", "a-secret-of-another-realm")
    time.sleep(0.5)
    assert outcome(secret.server, "a-secret-of-another-realm") == 401
