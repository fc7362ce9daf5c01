"""coturn's load client with credentials as Nextcloud Talk makes them: nothing may be lost."""

import re
import subprocess
import time

import pytest

from relay import OTHER_SECRET, credential

SERVERS = {"ipv4": "10.77.0.1", "ipv6": "fd77:0::1"}
PEERS = {"ipv4": "10.77.1.2", "ipv6": "fd77:1::2"}
FAMILY = {"ipv4": "-X", "ipv6": "-x"}


def uclient(world, args, who=None, name="a", server="10.77.0.1"):
    user, password = who or credential()
    argv = ["turnutils_uclient", "-u", user, "-w", password, "-c", *args, server]
    return world.run(name, argv, timeout=90)


def assert_no_loss(run, messages):
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-2000:]
    lost = re.search(r"Total lost packets (\d+)", text)
    sent = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", text)
    assert lost and sent, text[-2000:]
    assert lost.group(1) == "0", text[-2000:]
    assert sent[-1] == (str(messages), str(messages)), text[-2000:]


@pytest.fixture(scope="module", params=["ipv4", "ipv6"])
def echo(request, world):
    """turnutils_peer at b: sends back what it gets."""
    address = PEERS[request.param]
    process = world.popen("b", ["turnutils_peer", "-L", address, "-p", "3480"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    yield request.param, address
    process.kill()
    process.wait()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_client_to_client(world, relay, family):
    args = ["-y", "-m", "4", "-n", "50", "-z", "20", "-l", "160", FAMILY[family]]
    assert_no_loss(uclient(world, args, server=SERVERS[family]), 4 * 50)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_client_to_client_with_send_indications(world, relay, family):
    args = ["-y", "-s", "-m", "4", "-n", "50", "-z", "20", "-l", "160", FAMILY[family]]
    assert_no_loss(uclient(world, args, server=SERVERS[family]), 4 * 50)


@pytest.mark.parametrize("send", [[], ["-s"], ["-g"]], ids=["channel", "send", "dont-fragment"])
def test_client_to_peer(world, relay, echo, send):
    family, address = echo
    args = [*send, "-e", address, "-r", "3480", "-m", "4", "-n", "50", "-z", "20", FAMILY[family]]
    assert_no_loss(uclient(world, args, server=SERVERS[family]), 4 * 50)


def test_full_size_packets(world, relay):
    args = ["-y", "-m", "2", "-n", "50", "-l", "1200", "-X"]
    assert_no_loss(uclient(world, args), 2 * 50)


def test_client_of_the_other_network(world, relay):
    """b reaches the relay by the address of a's network: the answer must come from there."""
    args = ["-y", "-m", "2", "-n", "20", "-X"]
    assert_no_loss(uclient(world, args, name="b", server="10.77.0.1"), 2 * 20)


@pytest.mark.parametrize("who", [
    pytest.param(credential(OTHER_SECRET), id="wrong-secret"),
    pytest.param(credential(ttl=-60), id="expired"),
    pytest.param((credential()[0], "wrong"), id="wrong-password"),
])
def test_refused_credentials(world, relay, who):
    run = uclient(world, ["-y", "-m", "2", "-n", "5", "-X"], who=who)
    assert run.returncode != 0, run.stdout + run.stderr
    assert "Cannot complete Allocation" in run.stdout + run.stderr
