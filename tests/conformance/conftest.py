"""Fixtures: shared servers per configuration, fresh sockets per test."""

import signal
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from accounts import ALICE, USERS  # noqa: E402
from client import Client, Peer  # noqa: E402
from support.netns import Netns  # noqa: E402
from support.server import Server  # noqa: E402


def pytest_sessionstart(session):
    """An ended run stops its servers and deletes its namespaces too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@pytest.fixture(scope="session")
def servers():
    """serve(conf, secrets): one running server for each different configuration."""
    running = {}

    def get(conf=None, secrets="default"):
        conf = {"users": USERS} | (conf or {})
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
        started.append(Server({"users": USERS} | (conf or {}), **more).start())
        return started[-1]

    yield get
    for server in started:
        server.stop()


@pytest.fixture
def main(serve):
    """The server of most tests: static users and one secret, both families, no rate limit."""
    return serve()


@pytest.fixture
def client():
    """client(server, creds, ...): clients that are closed with the test."""
    made = []

    def get(server, creds=ALICE, **more):
        made.append(Client(server, creds, **more))
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
