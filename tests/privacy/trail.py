"""What a Redis is asked, seen from there."""

import threading
from contextlib import suppress

import redis
from scene import PASSWORD, USER, acl_rule
from stores import Redis, wait_for
from support.server import SECRET

READS = {"auth", "select", "ping", "role", "hgetall", "smembers", "scan", "getrange",
         "subscribe"}
ENDS = "the-test-has-seen-enough"


def store():
    """A Redis under the shipped rule, with the secret that the clients have and a user."""
    made = Redis([acl_rule({"redis": "127.0.0.1:1", "redis_user": USER, "redis_users": True})])
    made.start()
    made.put("turn", "one", SECRET)
    made.admin.set("turn/realm/turn/user/ann/key", "0123456789abcdef" * 2)
    return made


def conf_of(made):
    return {"redis": made.address, "redis_user": USER, "redis_password": PASSWORD,
            "redis_users": True}


class Trail:
    """Every command that came by TCP, which is the relay's way: for each connection (step,
    command) in their order. every: whatever way it came."""

    def __init__(self, store, every=False):
        self.every, self.store, self.seen, self.mark, self.step = every, store, {}, 0, 0
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(5)

    def _run(self, ready):
        with suppress(redis.ConnectionError), self.store.client() as client, \
                client.monitor() as lines:
            ready.set()
            for one in lines.listen():
                if self.every or one["client_type"] == "tcp":
                    trail = self.seen.setdefault(one["client_port"], [])
                    trail.append((self.step, " ".join(one["command"].split())))
                elif ENDS in one["command"]:
                    self.mark += 1

    def next_step(self):
        """All that belongs to this one has come: MONITOR shows our own word behind it."""
        mark = self.mark
        self.store.admin.echo(ENDS)
        wait_for(lambda: self.mark > mark)
        self.step += 1

    def commands(self):
        return [command for one in self.seen.values() for _, command in one]


def wait_for_answers(server, made):
    """What the relay asked is answered, and what that made it ask."""
    for _ in range(3):
        made.admin.ping()
        server.stage.settle()
