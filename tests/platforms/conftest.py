"""The platforms themselves: each is given the lines that `drehkreuz setup` prints for it, and what
it hands out or does itself has to work. The topology is that of e2e/conftest.py: people live in a
and b, which reach srv alone, and the relay is there."""

import json
import signal
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "e2e"), str(HERE)]

from browser import Browser  # noqa: E402
from front import NAME  # noqa: E402
from relay import PORT  # noqa: E402
from support import certificates  # noqa: E402
from support.server import Server, binary, config_text  # noqa: E402
from world import two_sides, unwind_on_sigterm  # noqa: E402


def pytest_sessionstart(session):
    unwind_on_sigterm()


@pytest.fixture(scope="session")
def world():
    with two_sides() as made:
        yield made


@pytest.fixture(scope="module")
def start(world):
    """start(conf): a relay in srv with a certificate and the limits that it comes with. Whoever
    starts it stops it; what is left ends with the file."""
    running = []

    def get(**conf):
        options = {
            "listen": [f"0.0.0.0:{PORT}", f"[::]:{PORT}"],
            "relay_ipv4": "10.77.0.1",
            "relay_ipv6": "fd77:0::1",
            "certificates": [certificates.shared()],
            "turn_names": [NAME],
            "allow_peers": None,
            "allocations_per_account": None,
            "allocations_per_prefix": None,
            "unproven_per_prefix": None,
        }
        running.append(Server(options | conf, netns=world["srv"]))
        server = running[-1].start()
        server.wait_log("started")
        return server

    yield get
    for server in running:
        server.discard()


@pytest.fixture(scope="module")
def relay(start):
    """One server for a test file."""
    server = start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def setup(world):
    """setup(server, platform, ...): does what `setup` says for our side, and returns what it says
    for the other one: {key: lines}, with `secret` or `user` and `password` beside them."""
    def run(server, platform, *args):
        done = world.run("srv", [binary(), "setup", platform, "--config", server.path, "--json",
                                 *args], timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = json.loads(done.stdout)
        lines = {one["key"]: one["lines"] for one in shown.pop("sections")}
        _take_over(server, "\n".join(lines.get("relay", [])))
        return shown | lines

    return run


def _take_over(server, lines):
    Path(server.path).write_text(config_text(server.options) + lines + "\n")
    before = server.log().count("is in force")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("is in force", before + 1)


@pytest.fixture(scope="module")
def a(world):
    browser = Browser(world, "a", "chromium")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def b(world):
    browser = Browser(world, "b", "chromium")
    yield browser
    browser.close()
