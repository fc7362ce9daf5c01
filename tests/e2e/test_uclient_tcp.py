"""coturn's load client with TCP allocations (RFC 6062): two clients talk to each other through two
relays, one connects and the other is told of the attempt; nothing may be lost.

More than one pair in a process is no test: its clients repeat a Connect that was answered by 438
to another peer than before. Nor are messages of which two do not fit into a segment: TCP may deliver
such a one in two parts, and the client gives up on it where the second is not there at once. That
nothing is lost of a stream however it is cut is for tests/conformance to show.
"""

import subprocess

import pytest

from relay import PORT, credential
from support import certificates
from test_uclient import FAMILY, SERVERS, assert_no_loss

OVER = {"tcp": [], "tls": ["-S", "-p", str(PORT)]}
PAIRS = 12  # so that data connections arrive at both workers


@pytest.fixture(scope="module")
def relay(start):
    server = start(certificates=[certificates.shared()], tcp_allocations=True)
    yield server
    server.stop()


def at_once(world, args, server):
    """Some pairs, each in a process of its own."""
    runs = []
    for _ in range(PAIRS):
        user, password = credential()
        argv = ["turnutils_uclient", "-T", "-u", user, "-w", password, "-m", "2", *args, server]
        runs.append(world.popen("a", argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True))
    try:
        texts = [run.communicate(timeout=60)[0] for run in runs]
    finally:
        for run in runs:
            run.kill()
    return [subprocess.CompletedProcess(r.args, r.returncode, t, "") for r, t in zip(runs, texts)]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("over", sorted(OVER))
def test_client_to_client(world, relay, over, family):
    args = [*OVER[over], "-n", "50", "-z", "20", "-l", "160", FAMILY[family]]
    for run in at_once(world, args, SERVERS[family]):
        assert_no_loss(run, 2 * 50)


@pytest.mark.parametrize("over", sorted(OVER))
def test_large_messages(world, relay, over):
    args = [*OVER[over], "-n", "20", "-z", "20", "-l", "700", "-X"]
    for run in at_once(world, args, SERVERS["ipv4"]):
        assert_no_loss(run, 2 * 20)
