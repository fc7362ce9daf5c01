"""Permissions and CreatePermission (RFC 8656 sections 9 and 10): rows P."""

import pytest
from client import DUAL, V6_RELAY, arrives, returns
from stun import (
    CREATE_PERMISSION, MESSAGE_INTEGRITY, XOR_PEER_ADDRESS, new_tid, xor_address)

STRANGER = ("8.8.4.4", 9)
FORBIDDEN = [
    "10.0.0.1", "127.0.0.2", "169.254.169.254", "fe80::1", "fd00::1", "224.0.0.1",
    "::ffff:10.0.0.1", "0.0.0.0", "192.168.1.1", "172.16.0.1", "::"]


def by_send(one, other):
    return lambda data: one.indicate(other.addr, data)


@pytest.mark.over("udp4", "tcp4")
def test_P01_lifetime_of_a_permission(main, client, peer):
    one, other = client(main), peer()
    one.allocate(lifetime=3600)
    for renew in (lambda: one.permit(other.addr), lambda: one.bind(0x4000, other.addr)):
        assert renew() == 0
        main.advance(299)
        assert arrives(one, other, by_send(one, other), b"in time")
        assert returns(one, other, b"in time")
        assert renew() == 0
        main.advance(299)
        assert arrives(one, other, by_send(one, other), b"renewed")
        main.advance(2)
        assert not arrives(one, other, by_send(one, other), b"over")
        assert not returns(one, other, b"over")


@pytest.mark.over("udp4", "tcp4")
def test_P01_first_packet_after_the_end(main, client, peer):
    """The very packet that wakes the server is too late already, from either side."""
    one, other = client(main), peer()
    for send in (lambda: one.indicate(other.addr, b"late"), lambda: one.channel(0x4000, b"late"),
                 lambda: other.send(b"late", one.relayed[0])):
        one.allocate()
        assert one.bind(0x4000, other.addr) == 0
        main.warp.advance(301)
        send()
        assert one.silent()
        assert other.pending() == []
        assert one.refresh(0).code == 0


def test_P02_ports_do_not_matter(linked, peer):
    one, other, _ = linked
    third = peer()
    assert one.permit((other.addr[0], 9)) == 0
    assert returns(one, other, b"one port")
    assert returns(one, third, b"another port")
    assert arrives(one, third, by_send(one, third), b"and out")


def test_P03_strangers_are_dropped(linked, peer):
    one, other, _ = linked
    stranger = peer("127.0.0.78")
    assert not returns(one, other, b"nothing permitted")
    assert one.permit(other.addr) == 0
    assert not returns(one, stranger, b"not this one")
    assert returns(one, other, b"this one")


def test_P04_permissions_are_per_allocation(main, client, peer):
    one, two, other = client(main), client(main), peer()
    one.allocate()
    two.allocate()
    assert one.permit(other.addr) == 0
    assert returns(one, other, b"for one")
    assert not returns(two, other, b"for two")
    assert not arrives(two, other, by_send(two, other), b"from two")


def test_P05_missing_or_broken_peer(linked):
    one, other, _ = linked
    tid = new_tid()
    good = xor_address(other.addr, tid)

    def code(*values):
        attrs = [(XOR_PEER_ADDRESS, v) for v in values]
        return one.request(CREATE_PERMISSION, attrs, tid).code

    assert code() == 400
    for bad in (good[:7], good[:4], b"", good[:1] + b"\3" + good[2:], good + bytes(4), good * 2):
        assert code(bad) == 400
        assert code(good, bad) == 400
        assert code(bad, good) == 400
    assert not returns(one, other, b"nothing was installed")
    assert code(good) == 0


def test_P06_several_peers(linked, peer):
    one, _, _ = linked
    others = [peer(f"127.0.1.{i + 1}") for i in range(10)]
    assert one.permit(*(o.addr for o in others)) == 0
    for other in others:
        assert returns(one, other, b"all of them")


@pytest.mark.over("udp4", "tcp4")
@pytest.mark.parametrize("bad, code", [(("10.0.0.1", 9), 403), (("::1", 9), 443)])
def test_P07_all_or_nothing(main, client, peer, bad, code):
    one, other, third = client(main), peer(), peer("127.0.0.79")
    one.allocate()
    assert one.permit(third.addr) == 0
    for order in ((other.addr, bad), (bad, other.addr)):
        assert one.permit(*order) == code
        assert not returns(one, other, b"nothing was installed")
    # And what was there is not renewed by a request that fails.
    main.advance(200)
    assert one.permit(third.addr, bad) == code
    main.advance(101)
    assert not returns(one, third, b"not renewed")


def test_P08_other_family(main, client):
    four, six = client(main), client(main)
    four.allocate()
    six.allocate(V6_RELAY)
    assert four.permit(("::1", 9)) == 443
    assert six.permit(("127.0.0.77", 9)) == 443


def test_P09_mixed_families(main, client, peer):
    one, four, six = client(main), peer(), peer("::1")
    one.allocate(DUAL)
    assert one.permit(four.addr, six.addr) == 0
    relay4, relay6 = sorted(one.relayed)
    assert returns(one, four, b"four", relay4) and returns(one, six, b"six", relay6)


def test_P10_forbidden_addresses(serve, main, client):
    server = serve({"allow_peers": []})
    four, six = client(server), client(server)
    four.allocate()
    six.allocate(V6_RELAY)
    for host in FORBIDDEN:
        one = six if ":" in host else four
        assert one.permit((host, 4000)) == 403, host
        assert one.bind(0x4000, (host, 4000)) == 403, host
    # Its own relayed address is no peer on ports where no allocation lives.
    assert four.bind(0x4000, ("127.0.0.1", 9)) == 403
    assert six.bind(0x4000, ("::1", 9)) == 403
    assert four.permit(STRANGER) == 0
    assert six.permit(("2606:4700::1111", 9)) == 0
    # Its own listener is forbidden even where loopback is allowed.
    one, two = client(main), client(main)
    one.allocate()
    two.allocate(V6_RELAY)
    assert one.permit(main.addresses()[0][1]) == 403
    assert two.permit(main.addresses()[1][1]) == 403


def test_P11_capacity(serve, client):
    one = client(serve({"permissions_per_allocation": 3}))
    one.allocate()
    hosts = [(f"127.0.1.{i}", 9) for i in range(1, 6)]
    assert one.permit(*hosts[:3]) == 0
    assert one.permit(hosts[3]) == 508
    assert one.permit(*hosts[:3]) == 0  # renewing takes no room
    two = client(one.server)
    two.allocate()
    assert two.permit(*hosts) == 508
    assert two.permit(*hosts[2:]) == 0  # nothing had been installed


def test_P12_success_form(linked):
    one, other, _ = linked
    msg = one.with_peer(CREATE_PERMISSION, [], other.addr)
    assert msg.code == 0 and msg.kinds() == [MESSAGE_INTEGRITY]


def test_P13_any_port(linked):
    one, other, _ = linked
    for port in (0, 1, 53, 1023, 65535):
        assert one.permit((other.addr[0], port)) == 0


@pytest.mark.over("udp4", "tcp4")
def test_P14_traffic_does_not_renew(main, client, peer):
    one, other = client(main), peer()
    one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    for _ in range(3):
        main.advance(99)
        assert arrives(one, other, by_send(one, other), b"traffic")
        assert arrives(one, other, lambda data: one.channel(0x4000, data), b"more traffic")
        assert returns(one, other, b"from the other side")
    main.advance(4)
    assert not arrives(one, other, by_send(one, other), b"over")
    assert not returns(one, other, b"over")


def test_a_permission_is_not_made_by_sending(linked):
    one, other, _ = linked
    assert not arrives(one, other, by_send(one, other), b"no permission yet")
    assert not returns(one, other, b"still none")
