"""What is in force when Redis says something, nothing, or that there is nothing."""

import time

from scene import (USER, Credentials, acl_rule, fresh, outcome, relay_conf, server_for,
                   wait_until_good)
from stores import Redis, wait_for

KEY = "turn:secret:turn"


def refused_soon(server, who, timeout=2):
    wait_for(lambda: outcome(server, who) == 401, timeout, "it is still good")


def test_an_empty_set_is_a_set(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    redis.admin.hdel(KEY, "one")
    assert redis.admin.hgetall(KEY) == {"schema": "1"}
    redis.publish("turn")
    refused_soon(server, shared)
    server.wait_log("no-credentials")


def test_a_published_removal(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    redis.admin.delete(KEY)
    redis.publish("turn")
    server.wait_log("redis-missing")
    assert outcome(server, shared) == 0
    redis.publish("removed turn")
    refused_soon(server, shared)


def test_a_removal_of_another_realm(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    redis.admin.delete(KEY)
    redis.publish("removed turn2")
    redis.publish("removed")
    redis.publish("removed " + "x" * 100000)
    time.sleep(1)
    assert outcome(server, shared) == 0


def test_a_published_removal_that_is_not_true(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    redis.publish("removed turn")
    time.sleep(1)
    assert outcome(server, shared) == 0


def test_coturns_set_removed(redis, serve):
    """Redis deletes a set with its last member, so nobody can tell; the last ones stay."""
    redis.admin.sadd("turn/realm/turn/secret", (shared := fresh()), (other := fresh()))
    server = serve(redis)
    assert outcome(server, shared) == outcome(server, other) == 0
    redis.admin.srem("turn/realm/turn/secret", other)
    redis.publish("turn")
    refused_soon(server, other)
    redis.admin.delete("turn/realm/turn/secret")
    redis.publish("turn")
    server.wait_log("redis-missing")
    assert outcome(server, shared) == 0


def test_before_redis_is_there(stack):
    """The relay starts and waits; the secrets are in force as soon as they can be read."""
    redis = Redis([acl_rule({"redis": "127.0.0.1:1", "redis_user": USER})])
    stack.callback(redis.close)
    server = stack.enter_context(server_for(relay_conf(redis.address)))
    server.wait_log("redis-lost")
    assert outcome(server, fresh()) == 401
    time.sleep(4)
    assert server.log().count("redis-lost:") == 1
    redis.start()
    redis.put("turn", "one", (shared := fresh()))
    wait_until_good(server, shared)
    assert server.log().count("redis-ready:") == 1


def test_file_users_and_redis_together(redis, serve):
    mine, ann = fresh(), Credentials("ann", "password of ann")
    redis.put("turn", "one", (shared := fresh()))
    redis.put("turn", "both", (second := fresh()))
    server = serve(redis, secrets=[("mine", 0, 0, mine), ("both", 0, 0, (first := fresh()))],
                   users=[{"name": ann.user, "password": ann.password}])
    assert [outcome(server, one) for one in (mine, ann, shared, first)] == [0, 0, 0, 0]
    assert outcome(server, second) == 401
    assert second not in server.log()


def test_more_secrets_than_there_is_room_for(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    mark = len(server.log())
    for number in range(20):
        redis.admin.hset(KEY, f"more-{number}", f"0 0 {fresh()}")
    redis.publish("turn")
    wait_for(lambda: "refused" in server.log()[mark:] or "redis-" in server.log()[mark:])
    assert outcome(server, shared) == 0


def test_times_of_a_secret(redis, serve):
    now = int(time.time())
    redis.put("turn", "one", (good := fresh()), now - 100, now + 100)
    redis.put("turn", "two", (early := fresh()), now + 100)
    redis.put("turn", "three", (late := fresh()), 0, now - 10)
    server = serve(redis)
    assert [outcome(server, one) for one in (good, early, late)] == [0, 401, 401]
    server.advance(150)
    assert [outcome(server, one) for one in (good, early)] == [401, 0]


def test_for_ever_unless_told_otherwise(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    redis.kill()
    server.wait_log("redis-lost")
    server.advance(30 * 86400)
    assert outcome(server, shared) == 0


def test_a_greatest_age(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis, redis_max_age=3600)
    redis.kill()
    server.wait_log("redis-lost")
    server.advance(3000)
    assert outcome(server, shared) == 0
    server.advance(900)
    refused_soon(server, shared, 5)
    assert server.log().count("redis-too-old:") == 1


def test_reload_to_another_redis_and_away(stack, redis, serve):
    other = stack.enter_context(Redis([acl_rule({"redis": "127.0.0.1:1", "redis_user": USER})]))
    redis.put("turn", "one", (first := fresh()))
    other.put("turn", "one", (second := fresh()))
    server = serve(redis)
    server.reload({"redis": other.address})
    wait_until_good(server, second)
    refused_soon(server, first)
    server.reload({"redis": "", "users": [{"name": "ann", "password": "password of ann"}]})
    refused_soon(server, second)
    assert outcome(server, Credentials("ann", "password of ann")) == 0
    wait_for(lambda: not [c for c in other.admin.client_list() if c["user"] == USER])
