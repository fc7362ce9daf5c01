"""Many idle and hostile connections while calls run: no call loses a packet, memory is bounded."""

import os

import pytest

from relay import PORT, credential
from support import certificates
from test_uclient import assert_no_loss, uclient
from world import Agent

IDLE = int(os.environ.get("CROWD_IDLE", "5000"))
SLOW, CALLS = 200, 50
PER_CONNECTION = 96 * 1024  # what an idle TLS client may cost
MORE = 48 << 20  # and everything else together


@pytest.fixture
def relay(start):
    server = start(certificates=[certificates.shared()], connections_per_prefix=0,
                   allow_peers=["10.77.0.2/32", "10.77.1.2/32"], idle_timeout=300)
    yield server
    server.stop()


def calls(world):
    """Fifty clients of uclient over UDP, relay to relay, at b."""
    args = ["-y", "-m", str(CALLS), "-n", "100", "-z", "40", "-l", "160", "-X"]
    assert_no_loss(uclient(world, args, name="b", server="10.77.1.1"), CALLS * 100)


def test_calls_beside_a_crowd(world, relay, record_property, capsys):
    calls(world)
    before = relay.rss()
    crowd = Agent(world, "a", "crowd_agent.py", timeout=120)
    try:
        source = "10.77.0.2"
        assert crowd.call("idle", count=IDLE, port=PORT, authority=certificates.authority(),
                          source=source) == IDLE
        idle = relay.rss()
        crowd.call("slow", count=SLOW, port=PORT, source=source)
        user, password = credential()
        crowd.call("deaf", port=PORT, user=user, password=password, source=source)
        calls(world)
        after = relay.rss()
        assert crowd.call("alive") == IDLE
        crowd.call("stop")
    finally:
        crowd.close()
    figures = {"before": before, "idle": idle, "after": after,
               "per_idle_connection": (idle - before) // IDLE}
    for name, value in figures.items():
        record_property(name, value)
    with capsys.disabled():
        print(f"\n{IDLE} idle TLS clients, {SLOW} slow ones, a deaf one, {CALLS} calls: "
              + ", ".join(f"{k} {v // 1024} KiB" for k, v in figures.items()))
    assert after - before < IDLE * PER_CONNECTION + MORE
