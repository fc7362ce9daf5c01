"""A reload during a call: nothing is lost, and what was changed holds."""

import re
import subprocess
import time

import pytest

from relay import OTHER_SECRET, SECRET, credential


@pytest.fixture
def server(start):
    one = start()
    yield one
    one.stop()


def start_call(world, who, seconds):
    """uclient in a, between two of its own allocations, at 50 packets per second each."""
    argv = ["turnutils_uclient", "-u", who[0], "-w", who[1], "-c", "-y", "-m", "2", "-X", "-n",
            str(seconds * 50), "-z", "20", "10.77.0.1"]
    return world.popen("a", argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(call):
    text = call.communicate(timeout=60)[0]
    assert call.returncode == 0, text[-2000:]
    lost = re.search(r"Total lost packets (\d+)", text)
    assert lost and lost.group(1) == "0", text[-2000:]


def test_reloads_lose_nothing(world, server):
    call = start_call(world, credential(), 8)
    time.sleep(4)
    for number in range(10):
        server.reload({"lifetime_max": 3600 + number, "deny_peers": ["192.0.2.0/24"]})
        time.sleep(0.2)
    finish(call)


def test_rotated_secret(world, server):
    """The old secret's calls go on, new ones need the new secret."""
    call = start_call(world, credential(), 8)
    time.sleep(4)
    server.write_secrets([("two", 0, 0, OTHER_SECRET)])
    server.reload()
    finish(call)
    late = start_call(world, credential(SECRET), 1)
    assert "Cannot complete Allocation" in late.communicate(timeout=60)[0]
    finish(start_call(world, credential(OTHER_SECRET), 1))


def test_refused_reload_changes_nothing(world, server):
    call = start_call(world, credential(), 6)
    time.sleep(3)
    server.reload({"lifetime_max": 1}, event="reload-refused")
    finish(call)
    finish(start_call(world, credential(), 1))
