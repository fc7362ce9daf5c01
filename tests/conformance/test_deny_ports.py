"""The ports that are no peers unless the operator says otherwise: each of them, and its
neighbours."""

from accounts import ALICE
from client import Client

DENIED = [0, 53, 67, 68, 69, 111, 123, 137, 138, 139, 161, 389, 1900, 5353, 11211]
BESIDE = sorted({p + d for p in DENIED for d in (-1, 1)} - set(DENIED) - {-1}) + [65535]


def codes(server, ports):
    """What ChannelBind says of each port of an allowed host."""
    one = Client(server, ALICE)
    one.allocate()
    got = {port: one.bind(0x4000 + i, ("127.0.0.77", port)) for i, port in enumerate(ports)}
    one.close()
    return got


def test_ports_denied_by_default(main):
    assert codes(main, DENIED) == dict.fromkeys(DENIED, 403)


def test_their_neighbours_are_not(main):
    assert codes(main, BESIDE) == dict.fromkeys(BESIDE, 0)


def test_an_empty_list_leaves_port_0(serve):
    server = serve({"deny_peer_ports": []})
    assert codes(server, DENIED) == {port: 0 if port else 403 for port in DENIED}


def test_a_list_of_ones_own_counts_alone(serve):
    server = serve({"deny_peer_ports": ["1000-1002", "65535"]})
    ports = [53, 999, 1000, 1001, 1002, 1003, 65534, 65535]
    assert codes(server, ports) == {
        53: 0, 999: 0, 1000: 403, 1001: 403, 1002: 403, 1003: 0, 65534: 0, 65535: 403}
