"""A relay and real Redis servers, all on loopback."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("", "conformance", "e2e")]

from scene import acl_rule, relay_conf, server_for, stop_on_sigterm  # noqa: E402
from stores import Redis  # noqa: E402


def pytest_sessionstart(session):
    stop_on_sigterm()


@pytest.fixture
def stack():
    """Whatever a test starts ends with it."""
    with ExitStack() as held:
        yield held


@pytest.fixture
def redis(stack):
    """One Redis under the shipped ACL."""
    return stack.enter_context(Redis([acl_rule({"redis": "127.0.0.1:1", "redis_user": "relay"})]))


@pytest.fixture
def serve(stack):
    """serve(redis, ...): a running relay that reads there and must end cleanly."""
    def start(store, wait="redis-ready", secrets=None, **conf):
        server = server_for(relay_conf(store.address) | conf, secrets=secrets)
        stack.enter_context(server)
        if wait:
            server.wait_log(wait)
        return server

    return start
