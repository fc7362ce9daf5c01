"""The most addresses of its own that a server looks at, and the most listeners."""

import subprocess

import pytest
from accounts import ALICE
from client import Client

from support.netns import Netns
from support.server import Server, free_ports

MOST = 4095  # one less than the list has room for


@pytest.fixture
def space():
    made = Netns()
    yield made
    made.close()


def crowd(space, total):
    """Adds addresses to the namespace until it has so many; returns those added."""
    space.ip("link", "add", "many", "up", "type", "veth", "peer", "other")
    shown = subprocess.run(["ip", "-n", space.name, "-o", "addr", "show", "up"], check=True,
                           capture_output=True, text=True).stdout
    own = [f"11.79.{i // 250}.{i % 250 + 1}" for i in range(total - len(shown.splitlines()))]
    subprocess.run(["ip", "-n", space.name, "-batch", "-"], check=True, text=True,
                   input="".join(f"addr add {address}/32 dev many\n" for address in own))
    return own


def test_every_address_of_the_host_is_no_peer(space):
    own = crowd(space, MOST)
    with Server({"users": [{"name": ALICE.user, "password": ALICE.password}]},
                netns=space) as server:
        one = Client(server, ALICE, netns=space)
        one.allocate()
        for address in own[:50] + own[-50:]:
            assert one.permit((address, 9)) == 403, address
        assert one.permit(("11.79.99.99", 9)) == 0
        one.close()


def test_a_new_address_of_the_host_is_no_peer(space):
    """The kernel tells, so it does not take until the clock's next look."""
    space.ip("link", "add", "one", "up", "type", "veth", "peer", "other")
    with Server({"users": [{"name": ALICE.user, "password": ALICE.password}]},
                netns=space) as server:
        one = Client(server, ALICE, netns=space)
        one.allocate()
        assert one.permit(("11.79.1.1", 9)) == 0
        space.ip("addr", "add", "11.79.1.1/32", "dev", "one")
        server.wait_log("generation 2 is in force")
        assert one.permit(("11.79.1.1", 9)) == 403
        one.close()


def test_more_addresses_than_can_be_kept(space):
    crowd(space, MOST + 1)
    server = Server({"users": [{"name": ALICE.user, "password": ALICE.password}]}, netns=space)
    server.spawn()
    assert server.process.wait(20) == 2
    assert "more addresses than can be kept from peers" in server.log()
    server.discard()


def test_sixteen_listeners(own):
    """Each serves clients, and none is a peer."""
    first = free_ports(16)
    places = [("127.0.0.1", port) for port in range(first, first + 16)]
    server = own({"listen": [f"{host}:{port}" for host, port in places]})
    for place in places:
        one = Client(server, ALICE, to=place)
        one.allocate()
        for other in places:
            assert one.bind(0x4000, other) == 403
        one.close()
