"""Fixtures: shared servers per configuration, fresh sockets per test."""

import re
import signal
import sys
from pathlib import Path

import pytest

# Rows of the protocol itself: the same over every transport.
EVERYWHERE = re.compile(r"test_[HFIAGLRPDCU]\d\d_")

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from accounts import ALICE, USERS  # noqa: E402
from client import Client, Peer  # noqa: E402
from tcp_relay import Relays  # noqa: E402
from transport import HOSTS, every  # noqa: E402
from support import certificates  # noqa: E402
from support.netns import Netns  # noqa: E402
from support.server import Server  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "over(*names): the transports of a test, as in udp or tcp4")


def pytest_generate_tests(metafunc):
    """A client speaks all of UDP, TCP, TLS, DTLS over IPv4 and IPv6, or what the test is over."""
    if "via" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("over")
    usual = every() if EVERYWHERE.match(metafunc.function.__name__) else ["udp4"]
    metafunc.parametrize("via", every(*mark.args) if mark else usual)


def options(conf):
    """What the tests' servers share: two users, every transport, no limit that is in the way."""
    return {
        "users": USERS, "certificates": [certificates.shared()], "connections_per_prefix": 0,
        "connections": 4096, "handshake_timeout": 60, "idle_timeout": 3600,
    } | (conf or {})


def pytest_sessionstart(session):
    """An ended run stops its servers and deletes its namespaces too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@pytest.fixture(scope="session")
def servers():
    """serve(conf, secrets): one running server for each different configuration."""
    running = {}

    def get(conf=None, secrets="default"):
        conf = options(conf)
        more = {} if secrets == "default" else {"secrets": secrets}
        key = repr((sorted(conf.items(), key=lambda kv: kv[0]), secrets))
        if key not in running or not running[key].alive():
            running[key] = Server(conf, **more).start()
        return running[key]

    yield get
    failures = []
    for server in running.values():
        try:
            server.stop()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n".join(failures)


@pytest.fixture
def serve(servers):
    """Shared servers; the test fails if one of them died meanwhile."""
    used = []

    def get(conf=None, secrets="default"):
        used.append(servers(conf, secrets))
        return used[-1]

    yield get
    assert all(s.alive() for s in used), "the server died"


@pytest.fixture
def own():
    """own(conf, ...): a server of this test's own, stopped and judged at its end."""
    started = []

    def get(conf=None, **more):
        started.append(Server(options(conf), **more).start())
        return started[-1]

    yield get
    for server in started:
        server.stop()


@pytest.fixture
def lean(own, monkeypatch):
    """As own, for tests that measure memory: a sanitizer does not keep what has been freed."""
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=1:"
                       "quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
    return own


@pytest.fixture
def main(serve):
    """The server of most tests: static users and one secret, both families, no rate limit."""
    return serve()


@pytest.fixture
def client(via):
    """client(server, creds, ...): clients of the test's transport, closed with the test."""
    made = []

    def get(server, creds=ALICE, **more):
        usual = {"over": via[:-1], "host": HOSTS[via[-1]]}
        made.append(Client(server, creds, **usual | more))
        return made[-1]

    yield get
    for one in made:
        one.close()


@pytest.fixture
def peer():
    """peer(host): peers that are closed with the test."""
    made = []

    def get(host="127.0.0.77", port=0, **more):
        made.append(Peer(host, port, **more))
        return made[-1]

    yield get
    for one in made:
        one.close()


@pytest.fixture
def tcp(client, via):
    """TCP allocations of this test's clients, their peers and data connections."""
    made = Relays(client, via)
    yield made
    made.close()


@pytest.fixture
def linked(main, client, peer):
    """(client with an allocation, peer, relayed address), nothing permitted yet."""
    one = client(main)
    relayed = one.allocate()
    return one, peer(), relayed


@pytest.fixture
def netns():
    """netns(): namespaces that are deleted with the test."""
    made = []

    def get():
        made.append(Netns())
        return made[-1]

    yield get
    for one in made:
        one.close()
