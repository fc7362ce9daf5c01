"""How the relay reaches Redis, and what it asks there: little, the same always, and no write."""

import re
import threading
import time

import pytest
import redis as library

from client import Client
from scene import (ADMIN, PASSWORD, USER, Credentials, acl_rule, admin_conf, command, credentials,
                   fresh, outcome, relay_conf, server_for, wait_until_good)
from stores import Redis, tls_lines, wait_for
from support import certificates
from support.server import ROOT, free_ports

# What the relay may say.
READS = {"auth", "select", "ping", "role", "hgetall", "smembers", "scan", "getrange",
         "subscribe"}
MINUTE = 61
PING_S = 10


class Monitor:
    """What came in by TCP, which is the relay; the tests themselves use the Unix socket."""

    def __init__(self, store):
        self.client = store.client()
        self.seen = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(5)

    def _run(self):
        try:
            with self.client.monitor() as lines:
                self.ready.set()
                for one in lines.listen():
                    if one["client_type"] == "tcp":
                        self.seen.append(" ".join(one["command"].split()))
        except Exception:  # the server has gone, or the test is over
            self.ready.set()

    def count(self, word):
        return sum(one.lower().startswith(word) for one in self.seen)

    def words(self):
        return {one.split()[0].lower() for one in self.seen}


def test_reads_only_and_nothing_is_forbidden(stack, serve):
    """A start, publications, an own minute, a reload, a lost connection: all under the shipped
    rule."""
    rule = acl_rule({"redis": "127.0.0.1:1", "redis_user": USER, "redis_users": True})
    redis = stack.enter_context(Redis([rule]))
    redis.put("turn", "one", (shared := fresh()))
    redis.admin.sadd("turn/realm/turn/secret", fresh())
    redis.admin.hset("turn:revoked:turn", "ab" * 32, 1 << 32)
    for number in range(1500):
        redis.admin.set(f"turn/realm/turn/user/user-{number}/key", "0123456789abcdef" * 2)
    monitor = Monitor(redis)
    server = serve(redis, redis_users=True)
    assert outcome(server, shared) == 0
    for number in range(3):
        redis.put("turn", "two", (shared := fresh()))
        wait_until_good(server, shared)
    reads = monitor.count("hgetall")
    server.advance(MINUTE)
    wait_for(lambda: monitor.count("hgetall") > reads)
    server.reload()
    redis.cut(USER)
    redis.put("turn", "two", (shared := fresh()))
    wait_until_good(server, shared)
    server.stop()
    assert monitor.words() <= READS, monitor.seen
    assert redis.admin.acl_log() == []
    assert not [one for one in monitor.seen if "KEYS" in one.upper().split()]
    stats = redis.admin.info("commandstats")
    assert all(one["rejected_calls"] == 0 for name, one in stats.items()
               if name.split("_")[1].split("|")[0] in READS), stats


def test_the_rule_forbids_all_else(redis):
    """With the relay's own name and password nobody can write, or look at other keys."""
    other = library.Redis(unix_socket_path=redis.path, username=USER,
                          password=PASSWORD)
    for line in (["SET", "turn:secret:turn", "x"], ["HSET", "turn:secret:turn", "a", "b"],
                 ["HGETALL", "turn:secret:other-realm"],
                 ["HSET", "turn:revoked:turn", "a", "b"], ["HGETALL", "turn:revoked:other"], ["KEYS", "*"], ["GET", "session"],
                 ["PUBLISH", "turn:secret", "turn"], ["FLUSHALL"], ["CONFIG", "GET", "*"],
                 ["DEL", "turn:secret:turn"], ["SUBSCRIBE", "else"], ["EVAL", "return 1", "0"],
                 ["SADD", "turn/realm/turn/secret", "x"]):
        with pytest.raises(library.exceptions.NoPermissionError):
            other.execute_command(*line)
    for key in ("turn:secret:turn", "turn:revoked:turn"):
        assert other.execute_command("HGETALL", key) == {}
    other.close()


def minute(server, monitor, clients):
    """The commands of one minute in which so many clients come, good ones and strangers. PING
    comes by the clock on both connections, so of that only the number is looked at."""
    begin, clock = len(monitor.seen), time.monotonic()
    server.advance(MINUTE)
    for number in range(clients):
        outcome(server, clients_of(server, number))
    # Until the minute's read is over, then a moment for what must not come.
    wait_for(lambda: len(monitor.seen) > begin)
    settled = None
    while settled != len(monitor.seen):
        settled = len(monitor.seen)
        time.sleep(0.4)
    said = monitor.seen[begin:]
    assert said.count("PING") <= 2 * (2 + (time.monotonic() - clock) / PING_S), said
    return [one for one in said if one != "PING"]


def clients_of(server, number):
    """Three in four are in order; the others have a wrong secret, or an end that is over."""
    if number % 8 == 3:
        return credentials(fresh(), f"stranger-{number}", now=server.now())
    if number % 8 == 5:
        return credentials(server.shared, f"late-{number}", ttl=-60, now=server.now())
    return credentials(server.shared, f"client-{number}", now=server.now())


def test_clients_cause_no_command(redis, serve):
    redis.put("turn", "one", (shared := fresh()))
    redis.admin.sadd("turn/realm/turn/secret", fresh())
    server = serve(redis)
    server.shared = shared
    monitor = Monitor(redis)
    quiet = [minute(server, monitor, 0) for _ in range(3)]
    busy = [minute(server, monitor, clients) for clients in (1000, 0, 1000)]
    assert quiet == [quiet[0]] * 3 and len(quiet[0]) >= 2, quiet
    assert busy == quiet


# --- Ways in ---

def test_unix_socket_and_database(stack):
    redis = stack.enter_context(Redis())
    redis.put("turn", "one", (shared := fresh()), db=5)
    redis.put("turn", "one", fresh())
    conf = {"redis": redis.path, "redis_password": ADMIN, "redis_db": 5}
    server = stack.enter_context(server_for(conf))
    server.wait_log("redis-ready")
    assert outcome(server, shared) == 0
    redis.put("turn", "two", (shared := fresh()), db=5)
    wait_until_good(server, shared, 1)


def test_password_without_a_user(stack, serve):
    redis = stack.enter_context(Redis())
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis, redis_user="", redis_password=ADMIN)
    assert outcome(server, shared) == 0
    assert ADMIN not in command(server.options, "config", "print").stdout


def test_another_realm(stack, serve):
    """A realm with the characters that patterns are made of is a name like any other."""
    realm = "r*[a]?^x"
    conf = {"redis": "127.0.0.1:1", "redis_user": USER, "redis_users": True, "realm": realm}
    redis = stack.enter_context(Redis([acl_rule(conf)]))
    redis.put(realm, "one", (shared := fresh()))
    redis.admin.set(f"turn/realm/{realm}/user/ann/key", "password of ann")
    redis.admin.set("turn/realm/rzzza?^x/user/bob/key", "password of bob")
    server = serve(redis, realm=realm, redis_users=True)
    assert outcome(server, shared) == 0
    assert outcome(server, Credentials("ann", "password of ann")) == 0
    assert outcome(server, Credentials("bob", "password of bob")) == 401
    assert redis.admin.acl_log() == []


@pytest.mark.parametrize("host, ca, good", [
    ("127.0.0.1", "", True),
    ("127.0.0.2", "", False),
    ("127.0.0.1", "system", False),
])
def test_tls(stack, host, ca, good):
    """The chain and the name have to be right."""
    port = free_ports(1)
    redis = stack.enter_context(Redis(more=[*tls_lines(port), "bind 127.0.0.1 127.0.0.2"]))
    redis.put("turn", "one", (shared := fresh()))
    conf = {"redis": f"{host}:{port}", "redis_password": ADMIN, "redis_tls": True,
            "redis_ca": "" if ca else certificates.authority()}
    server = stack.enter_context(server_for(conf))
    server.wait_log("redis-ready" if good else "redis-lost")
    assert outcome(server, shared) == (0 if good else 401)
    done = command(server.options, "secret", "list", "--json")
    assert (done.returncode == 0) == good, done.stderr


def test_cluster_of_one_node(stack, serve):
    """All keys of a realm on the node that is asked is all that it takes."""
    more = ["cluster-enabled yes", f"cluster-port {free_ports(1)}"]
    redis = stack.enter_context(Redis(more=more))
    redis.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    wait_for(lambda: redis.admin.cluster("info")["cluster_state"] == "ok")
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis, redis_user="", redis_password=ADMIN)
    assert outcome(server, shared) == 0
    redis.put("turn", "two", (shared := fresh()))
    wait_until_good(server, shared, 1)


def test_cluster_of_two_nodes(stack, serve):
    """A hash tag keeps a realm's keys together; from the other node comes but a redirection."""
    realm = "{turn}.example.org"
    one, two = (stack.enter_context(Redis(more=["cluster-enabled yes", f"cluster-port {port}"]))
                for port in (free_ports(1), free_ports(1)))
    slot = one.admin.execute_command("CLUSTER", "KEYSLOT", f"turn:secret:{realm}")
    one.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", slot, slot)
    two.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, slot - 1, slot + 1, 16383)
    bus = one.admin.config_get("cluster-port")["cluster-port"]
    two.admin.execute_command("CLUSTER", "MEET", "127.0.0.1", one.port, bus)
    for each in (one, two):
        wait_for(lambda: each.admin.cluster("info")["cluster_state"] == "ok")
    one.put(realm, "one", (shared := fresh()))
    one.admin.sadd(f"turn/realm/{realm}/secret", (second := fresh()))
    conf = {"redis_user": "", "redis_password": ADMIN, "realm": realm}
    server = serve(one, **conf)
    assert outcome(server, shared) == outcome(server, second) == 0
    one.admin.hset(f"turn:secret:{realm}", "two", f"0 0 {(third := fresh())}")
    two.publish(realm)
    wait_until_good(server, third, 2)
    other = serve(two, wait="redis-cluster", **conf)
    assert outcome(other, shared) == 401


def test_no_such_peer(stack, serve, redis):
    """Redis itself is never relayed to, whatever the peer rules allow."""
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    one = Client(server, credentials(shared))
    one.allocate()
    assert one.bind(0x4000, ("127.0.0.1", redis.port)) == 403
    assert one.bind(0x4001, ("127.0.0.1", 9)) == 0
    one.close()


def test_the_admin_needs_other_rights(redis, serve):
    """What the server may only read, the command cannot change; it says so without a value."""
    server = serve(redis, wait=None)
    done = command(server.options, "secret", "new", "--id", "one")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    done = command(admin_conf(server, redis), "secret", "new", "--id", "one")
    assert done.returncode == 0, done.stderr
    wait_until_good(server, done.stdout.strip(), 1)


def documented_admin():
    """The rule for an operator, as conf/redis.md has it."""
    text = (ROOT / "conf" / "redis.md").read_text()
    rule = re.search(r"^    (user turn-admin on .*?)\n\n", text, re.M | re.S).group(1)
    return " ".join(rule.split()).replace("PASSWORD", "password-of-the-operator")


def test_the_documented_rule_for_operators(stack, tmp_path):
    rule = acl_rule({"redis": "127.0.0.1:1", "redis_user": USER})
    redis = stack.enter_context(Redis([rule, documented_admin()]))
    server = stack.enter_context(server_for(relay_conf(redis.address)))
    password = tmp_path / "password"
    password.write_text("password-of-the-operator\n")
    password.chmod(0o600)

    def secret(*args):
        done = command(server.options, "secret", *args, "--user", "turn-admin",
                       "--password-file", str(password))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    value = secret("new", "talk")
    wait_until_good(server, value, 1)
    other = secret("new", "talk-2")
    secret("retire", "talk")
    assert "talk-2" in secret("list") and value not in secret("list", "--json")
    secret("remove", "talk")
    wait_for(lambda: outcome(server, value) == 401, 1)
    who = credentials(other, "guest")
    secret("revoke", who.user)
    wait_for(lambda: outcome(server, who) == 401, 1)
    secret("unrevoke", who.user)
    wait_for(lambda: outcome(server, who) == 0, 1)
    assert outcome(server, other) == 0
    assert redis.admin.acl_log() == []
    assert "password-of-the-operator" not in server.log()


def test_many_publications_are_few_reads(redis, serve):
    """At most one read in 200 ms, whatever is published, and how long it may be."""
    redis.put("turn", "one", (shared := fresh()))
    server = serve(redis)
    monitor = Monitor(redis)
    begin = time.monotonic()
    with redis.client() as client, client.pipeline(transaction=False) as pipe:
        for number in range(20_000):
            pipe.publish("turn:secret", f"noise {number}")
        pipe.publish("turn:secret", "x" * 500_000)
        pipe.execute()
    redis.put("turn", "two", (second := fresh()))
    wait_until_good(server, second, 2)
    time.sleep(1)
    assert monitor.count("hgetall turn:secret") <= 2 + (time.monotonic() - begin) / 0.2
    assert outcome(server, shared) == 0 and server.log().count("redis-ready:") == 1
    assert "noise" not in server.log()
