"""Three sentinels, a master and its replica, during calls."""

import pytest

from scene import PASSWORD, USER, Scene, acl_rule, fresh, relay_conf, server_for, wait_until_good
from stores import ADMIN, Redis, Sentinel, wait_for

NAME = "turnmaster"


class Group:
    def __init__(self, stack, password=None):
        rule = acl_rule({"redis_sentinels": ["127.0.0.1:1"], "redis_master": NAME,
                         "redis_user": USER})
        auth = [f"masterauth {ADMIN}"]
        self.one = stack.enter_context(Redis([rule], more=auth))
        self.two = stack.enter_context(
            Redis([rule], more=[*auth, f"replicaof 127.0.0.1 {self.one.port}"]))
        wait_for(lambda: self.two.admin.info("replication")["master_link_status"] == "up")
        self.sentinels = [stack.enter_context(Sentinel(NAME, self.one, password)) for _ in range(3)]
        for one in self.sentinels:
            wait_for(lambda: self.known(one), 20, one.log)

    @staticmethod
    def known(sentinel):
        state = sentinel.state()
        return state["num-other-sentinels"] == 2 and state["num-slaves"] == 1

    def master(self):
        port = self.sentinels[0].master()[1]
        return next(one for one in (self.one, self.two) if one.port == port)

    def wait_master(self, want):
        wait_for(lambda: self.master() is want and want.admin.info("replication")["role"] ==
                 "master", 20, self.sentinels[0].log)

    def wait_replica(self, want):
        wait_for(lambda: want.admin.info("replication").get("master_link_status") == "up", 20,
                 want.log)
        for one in self.sentinels:
            wait_for(lambda: one.admin.sentinel_slaves(NAME)[0]["flags"] == "slave", 20, one.log)


@pytest.fixture
def scene(request, stack):
    group = Group(stack, request.param)
    shared = [fresh()]
    group.one.put("turn", "one", shared[0])
    conf = relay_conf("", redis_master=NAME,
                      redis_sentinels=["127.0.0.1:1", *(s.address for s in group.sentinels)])
    server = stack.enter_context(server_for(conf))
    server.wait_log("redis-ready")
    made = stack.enter_context(Scene(server, group.one, shared))
    made.group = group
    yield made


@pytest.mark.parametrize("scene", [None], indirect=True, ids=["open"])
def test_failover(scene):
    """Killed; back as a replica, which nobody notices; then the master's part is handed over."""
    group = scene.group
    scene.fault("redis-new-master", group.one.kill, lambda: group.wait_master(group.two), hold=1,
                timeout=20, store=group.two)
    group.one.start()
    group.wait_replica(group.one)
    scene.fault("redis-new-master", lambda: group.sentinels[0].admin.sentinel_failover(NAME),
                lambda: group.wait_master(group.one), hold=0.5, timeout=20, store=group.one)


@pytest.mark.parametrize("scene", [PASSWORD], indirect=True, ids=["password"])
def test_without_sentinels_the_last_master_stays(scene):
    """These ones want a password, too."""
    for one in scene.group.sentinels:
        one.kill()
    scene.group.one.put("turn", "two", (secret := fresh()))
    wait_until_good(scene.server, secret)
