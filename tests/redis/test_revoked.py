"""Names that are locked out by way of Redis."""

import hashlib
import time

from client import Client
from scene import (RECOVERY, admin_conf, command, credentials, fresh, outcome, wait_until_good)
from stores import wait_for

DAY = 86400
KEY = "turn:revoked:turn"


def digest(who):
    return hashlib.sha256(who.user.encode()).hexdigest()


def revoke(redis, who, until=None):
    """What `secret revoke` writes."""
    redis.admin.hset(KEY, digest(who), int(until or time.time() + DAY))
    redis.publish("turn")


def wait_outcome(server, who, code):
    wait_for(lambda: outcome(server, who) == code, RECOVERY, server.log)


def test_by_the_command(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    admin = admin_conf(server, redis)
    ann, bob = credentials(shared, "ann"), credentials(shared, "bob")
    calls = [Client(server, who) for who in (ann, bob)]
    for one in calls:
        one.allocate()
    done = command(admin, "secret", "revoke", "-", stdin=ann.user)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: outcome(server, ann) == 401, 1)
    assert [one.refresh().code for one in calls] == [401, 0]
    assert outcome(server, credentials(shared, "carol")) == 0
    assert '"revoked": 1' in command(admin, "secret", "list", "--json").stdout
    done = command(admin, "secret", "unrevoke", "-", stdin=ann.user)
    assert done.returncode == 0, done.stderr
    assert not redis.admin.exists(KEY)
    wait_for(lambda: outcome(server, ann) == 0, 1)
    assert redis.admin.acl_log() == []
    for one in calls:
        one.close()


def test_both_lists_count(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis, secrets=[])
    ann, bob = credentials(shared, "ann"), credentials(shared, "bob")
    revoke(redis, ann)
    wait_outcome(server, ann, 401)
    assert outcome(server, bob) == 0
    with open(server.secrets_path, "a") as file:
        file.write(f"!{digest(bob)} {int(time.time()) + DAY}\n")
    wait_outcome(server, bob, 401)
    redis.admin.delete(KEY)  # a missing key locks nobody out
    redis.publish("turn")
    wait_outcome(server, ann, 0)
    assert outcome(server, bob) == 401


def test_it_ends(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    ann = credentials(shared, "ann", 7 * DAY)
    revoke(redis, credentials(shared, "bob"), time.time() + DAY)
    revoke(redis, ann, time.time() + 600)
    wait_outcome(server, ann, 401)
    server.advance(590)
    assert outcome(server, ann) == 401
    server.advance(20)
    assert outcome(server, ann) == 0


def test_troubles_change_nothing(redis, serve):
    """Each has its event, what is in force stays, and new secrets count after it."""
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    ann = credentials(shared, "ann")
    revoke(redis, ann)
    wait_outcome(server, ann, 401)

    def trouble(event, make):
        redis.admin.delete(KEY)
        make()
        redis.publish("turn")
        server.wait_log(event)
        assert outcome(server, ann) == 401 and outcome(server, shared) == 0
        redis.admin.delete(KEY)
        revoke(redis, ann)
        redis.put("turn", "two", (second := fresh()))
        wait_until_good(server, second)
        assert outcome(server, ann) == 401

    trouble("redis-wrong-type", lambda: redis.admin.set(KEY, "x"))
    trouble("redis-too-large", lambda: redis.admin.hset(
        KEY, mapping={f"{n:064x}": 1 << 32 for n in range(4097)}))
    trouble("redis-malformed", lambda: redis.admin.hset(KEY, mapping={digest(ann): "soon"}))


def test_a_full_list(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    ann = credentials(shared, "ann")
    redis.admin.hset(KEY, mapping={f"{n:064x}": 1 << 32 for n in range(4095)})
    revoke(redis, ann)
    wait_outcome(server, ann, 401)
    assert outcome(server, shared) == 0
    assert "redis-too-large" not in server.log()


def test_they_stay_when_redis_loses_all(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    ann = credentials(shared, "ann")
    revoke(redis, ann)
    wait_outcome(server, ann, 401)
    redis.admin.flushall()
    redis.publish("turn")
    server.wait_log("redis-missing")
    assert outcome(server, ann) == 401 and outcome(server, shared) == 0
