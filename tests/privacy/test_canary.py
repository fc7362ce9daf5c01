"""T1. Nothing that names a person leaves the process: every way a request can go, then a search
through all that the process wrote or shows."""

import base64
import hashlib
import os
import signal
import socket
import time
import urllib.parse
from contextlib import closing
from pathlib import Path

import canary
import people
import pytest
from client import UDP
from outputs import WatchedServer, files
from people import CLIENT, CLIENT6, CLIENT6_PORT, CLIENT_PORT, NAME, PEER, PEER6, Odd, timed
from stores import wait_for
from stun import ALLOCATE
from support import certificates, netns
from support.server import SECRET
from trail import Trail, conf_of, store


@pytest.fixture
def redis():
    with closing(store()) as made:
        yield made


@pytest.fixture
def server(redis):
    space = people.space()
    conf = people.CONF | conf_of(redis) | {"redis": redis.path,
                                           "certificates": [certificates.shared()]}
    one = WatchedServer(conf, netns=space).start()
    try:
        yield one
    finally:
        one.discard()
        space.close()


def reloads(server):
    conf = Path(server.path).read_text()
    Path(server.path).write_text(conf + "listen = [\n")
    os.kill(server.pid, signal.SIGHUP)
    server.wait_log("reload-refused", 1)
    os.chmod(server.secrets_path, 0o644)
    Path(server.path).write_text(conf)
    os.kill(server.pid, signal.SIGHUP)
    server.wait_log("reload-refused", 2)
    os.chmod(server.secrets_path, 0o600)
    server.reload()
    assert server.order("reload") == b"reloaded\n"


def inside(pid):
    """What anybody who looks at the process can read, and what it holds open."""
    result = {}
    for name in ("cmdline", "environ", "comm", "status", "maps"):
        result[f"/proc/PID/{name}"] = Path(f"/proc/{pid}/{name}").read_bytes()
    for task in Path(f"/proc/{pid}/task").iterdir():
        result[f"thread {task.name}"] = (task / "comm").read_bytes()
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    result["open files"] = "\n".join(links).encode()
    return result, links


class Looks:
    """All that could be seen so far; the same page at several moments."""

    def __init__(self, server):
        self.server, self.seen = server, {}

    def take(self, moment):
        shown = self.server.shown()
        self.seen |= {f"{name} {moment}": data for name, data in shown.items()}
        assert len(shown) > 10 and all(shown.values())


def lose_redis(server, redis):
    redis.admin.save()
    redis.kill()
    server.wait_log("redis-lost")
    redis.start()
    server.wait_log("redis-ready", server.log().count("redis-ready") + 1, timeout=15)


def go_every_way(server, looks, made):
    """Returns the codes seen."""
    one, seen = people.errors(server, made)
    made.append(six := Odd(server, timed(NAME), CLIENT6, CLIENT6_PORT))
    six.allocate()
    assert six.refresh(600).code == 0 and six.refresh(0).code == 0
    people.traffic(one)
    looks.take("while they talk")
    assert server.order(f"kill {one.relayed[0][1] + 1}") == b"accepted\n"
    seen |= people.streams(server, made)
    return seen | people.quotas(server, made)


def crash_line(server):
    """The line in which it says that it crashed, and what else came after the order to crash."""
    before = server.log()
    os.kill(server.pid, signal.SIGSEGV)
    assert server.process.wait(10) == -signal.SIGSEGV
    return server.log()[len(before):]


def end(server, how):
    if how == "crash":
        assert crash_line(server).count("\n") == 1
        return
    os.kill(server.pid, signal.SIGUSR1)  # drain
    server.wait_log("draining")
    assert Odd(server, timed("x"), CLIENT, CLIENT_PORT + 40).code(ALLOCATE, [UDP]) == 508
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0


@pytest.mark.parametrize("how", ["end", "crash"])
def test_nothing_leaves(server, redis, how):
    watch = netns.capture(server.netns, "lo")
    trail, looks, made = Trail(redis, every=True), Looks(server), []
    looks.take("before")
    seen = go_every_way(server, looks, made)
    assert people.ALL_CODES <= seen, seen
    reloads(server)
    people.junk(server)
    redis.put("turn", "two", SECRET + "2")
    wait_for(lambda: any("HGETALL" in line for line in trail.commands()))
    lose_redis(server, redis)
    server.advance(2 * 3600)
    time.sleep(1.2)  # a tick of the clock
    looks.take("after a window")
    inner, links = inside(server.pid)
    needles = people.needles() + list(people.needles_of(*(c for c in made if c.nonce)))
    redis.admin.save()
    end(server, how)
    # The configuration names the peer, as the operator's own words; it is the test's file.
    left = {k: v for k, v in files(server.dir).items() if k != "drehkreuz.conf"}
    left |= {f"name of {name}": name.encode() for name in left}
    left |= {f"Redis' {name}": data for name, data in files(redis.dir).items()
             if not name.endswith(".conf")}
    left["Redis was told"] = "\n".join(trail.commands()).encode()
    assert "Redis' dump.rdb" in left and left["Redis was told"]
    assert left["stderr"].count(b"\n") < 60, "something a client did is in the log"
    hits = canary.find(needles, looks.seen | inner | left)
    assert not hits, hits
    writable = [link for link in links if link.startswith("/") and
                not link.startswith(("/dev/null", server.dir))]
    assert not writable, f"open files: {writable}"
    assert not list(people.strangers(watch)), "packets that no client asked for"
    watch.close()


@pytest.mark.parametrize("text", [
    CLIENT, PEER, "7F4D0D25", "127.77.13.", NAME, "CANARY%2Dx", urllib.parse.quote(NAME), "47613",
    base64.b64encode(NAME.encode()).decode(), base64.b64encode(b"x" + NAME.encode()).decode(),
    "2001:db8:dead:beef::c0de", "2001:0db8:dead:beef:0000:0000:0000:c0de", "2135756069",
    NAME.encode("unicode_escape").decode(),
])
def test_the_search_finds_text(text):
    assert canary.find(people.needles(),
                       {"log": f"drehkreuz: fatal: about {text} here".encode()})


@pytest.mark.parametrize("data", [
    socket.inet_aton(CLIENT), socket.inet_aton(CLIENT)[::-1],
    bytes(a ^ b for a, b in zip(socket.inet_aton(PEER), canary.MAGIC)),
    socket.inet_pton(socket.AF_INET6, CLIENT6), NAME.encode(), NAME.encode("latin-1"),
], ids=range(6))
def test_the_search_finds_bytes(data):
    assert canary.find(people.needles(), {"file": b"\0\1\2" + data + b"\3"})


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_the_search_finds_hashes(name):
    for data in (NAME.encode(), CLIENT.encode(), socket.inet_aton(CLIENT), PEER6.encode()):
        digest = hashlib.new(name, data).hexdigest().encode()
        assert canary.find(people.needles(), {"log": b"id=" + digest})
