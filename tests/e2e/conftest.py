"""The whole server with the clients people use: coturn's uclient, aioice, Chromium and
Firefox.

                       srv (the relay, ip_forward = 0)
        10.77.0.2  10.77.0.1             10.77.1.1  10.77.1.2
      a ──────────── veth0 ┐             ┌ veth1 ──────────── b
        fd77:0::2  fd77:0::1             fd77:1::1  fd77:1::2

a and b have their default routes to srv, which does not forward: what they exchange went through
the relay, on relayed addresses of 10.77.0.1 and fd77:0::1.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from browser import Browser  # noqa: E402
from front import CLOUD, NAME, web_server  # noqa: E402
from relay import KINDS, PORT  # noqa: E402
from support import certificates  # noqa: E402
from support.server import binary  # noqa: E402
from world import two_sides, unwind_on_sigterm  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--against", default="drehkreuz", choices=sorted(KINDS))


def pytest_sessionstart(session):
    unwind_on_sigterm()


@pytest.fixture(scope="session")
def world():
    with two_sides() as made:
        yield made


@pytest.fixture(scope="session")
def servers():
    """All that were started."""
    return []


@pytest.fixture(autouse=True)
def no_server_left(servers):
    """A test that failed before it stopped its server does not leave it to the next ones."""
    before = len(servers)
    yield
    for server in servers[before:]:
        server.discard()
    del servers[before:]


@pytest.fixture(scope="session")
def start(request, world, servers):
    """start(conf): a server in srv; b itself is allowed as a peer, which uclient needs."""
    kind = KINDS[request.config.getoption("against")]
    assert kind.__name__ != "Server" or os.access(binary(), os.X_OK), f"no server at {binary()}"

    def get(**conf):
        options = {
            "listen": [f"0.0.0.0:{PORT}", f"[::]:{PORT}"],
            "relay_ipv4": "10.77.0.1",
            "relay_ipv6": "fd77:0::1",
            "allow_peers": ["10.77.1.2/32", "fd77:1::2/128"],
            "threads": 2,
            "rfc5766_channels": True,  # uclient takes its channels from that range
        }
        servers.append(kind(options | conf, netns=world["srv"]))
        return servers[-1].start()

    return get


@pytest.fixture(scope="module")
def relay(start):
    """One server for a test file."""
    server = start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["chromium", "firefox"])
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def a(world, engine):
    browser = Browser(world, "a", engine)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def b(world, engine):
    browser = Browser(world, "b", engine)
    yield browser
    browser.close()


@pytest.fixture(params=[False, True], ids=["bare", "web-proxy"])
def port_443(request, world, start, tmp_path):
    """The relay by NAME, and nginx behind it, by CLOUD, with the page that browsers load."""
    tmp_path.chmod(0o755)
    shutil.copy(HERE / "page.html", tmp_path / "index.html")
    nginx = web_server(world, certificates.shared(CLOUD), tmp_path, CLOUD, proxied=request.param)
    server = start(listen=["0.0.0.0:443", "[::]:443"], certificates=[certificates.shared()],
                   web_server="127.0.0.1:8443", web_proxy=request.param, turn_names=[NAME])
    yield server
    server.stop()
    nginx.close()
