"""What went wrong in other servers, by the names it went wrong under."""

import ipaddress
import os
import struct

import pytest
from accounts import BOB
from client import BIG, UDP, V6_RELAY, Credentials, arrives, returns
from stun import (
    ALLOCATE, BINDING, CREATE_PERMISSION, EVEN_PORT, LIFETIME, REALM, REFRESH, REQUEST, USERNAME,
    XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, build, new_tid, tlv, u32, xor_address)
from support.server import free_ports


def denied(one, *hosts):
    for host in hosts:
        for port in (1, 80, 65535):
            assert one.permit((host, port)) in (403, 443), host
            assert one.bind(0x4000, (host, port)) in (403, 443), host


@pytest.fixture
def both(serve, client):
    """Clients with an IPv4 and an IPv6 relay on a server that allows no special peers."""
    server = serve({"allow_peers": []})
    four, six = client(server), client(server)
    four.allocate()
    six.allocate(V6_RELAY)
    return four, six


def open_sockets(pid):
    """(protocol, local port) of a process's internet sockets."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        target = os.readlink(f"/proc/{pid}/fd/{fd}")
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with open(f"/proc/{pid}/net/{name}") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[9] in inodes:
                    found.append((name, int(fields[1].rsplit(":", 1)[1], 16)))
    return sorted(found)


def test_cve_2018_4056_and_4059_no_administration_ports(own):
    """Nothing listens but what was configured: no web, no telnet, no raw sockets."""
    server = own()
    kinds = ("tcp", "tcp6", "udp", "udp6")
    assert open_sockets(server.pid) == [(kind, server.port) for kind in kinds]


def test_cve_2018_4058_loopback_peers(both):
    four, six = both
    denied(four, "127.0.0.2", "127.255.255.254", "127.1.2.3")
    # The relays' own addresses are peers only where one of our relays lives.
    for one, host in ((four, "127.0.0.1"), (six, "::1")):
        for port in (1, 80, 65535):
            assert one.bind(0x4000, (host, port)) == 403


def test_cve_2020_6061_and_6062_http_is_not_spoken(main, client):
    one = client(main)
    for text in (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                 b"POST " + b"A" * 1300, b"\r\n\r\n"):
        one.send(text)
    assert one.silent()


def test_cve_2020_4067_padding_is_zero(serve, client):
    """Realms of all remainders, after requests that fill every buffer with ones."""
    for realm in ("a", "ab", "abc", "abcd", "abcde"):
        one = client(serve({"realm": realm, "software": True}))
        for size in (100, 600, 1200):
            one.send(build(REQUEST, BINDING, [tlv(0x8FFF, b"\xFF" * size)]))
            one.barrier()
            # Every answer is parsed strictly: padding that is not zero would raise.
            one.ask(ALLOCATE, [UDP, BIG])
            one.ask(BINDING, [(0x7FFF, b"\xFF" * size)])
        one.allocate()


def test_cve_2020_26262_unspecified_and_loopback(both):
    four, six = both
    denied(four, "0.0.0.0", "0.0.0.1", "0.255.255.255")
    denied(six, "::", "::2", "::ffff:127.0.0.1", "::127.0.0.1")
    assert six.bind(0x4000, ("::1", 80)) == 403


def test_coturn_600_and_601_traffic_across_the_end(main, client, peer):
    """Data from both sides in the same instant in which the allocation is ended."""
    one, other = client(main), peer()
    for _ in range(20):
        relayed = one.allocate()
        assert one.bind(0x4000, other.addr) == 0
        end = one.signed(REFRESH, [(LIFETIME, u32(0))])
        for _ in range(5):
            other.send(b"before", relayed)
            one.channel(0x4000, b"before")
        one.send(end)
        for _ in range(5):
            other.send(b"after", relayed)
            one.channel(0x4000, b"after")
        assert one.wait(end[8:20]).code == 0
        one.barrier()
        one.inbox.clear()
        other.pending()
    assert one.code(REFRESH) == 437


def test_cve_2025_69217_ports_and_nonces_do_not_repeat(serve, client):
    """Two equal servers: a weak generator with an equal seed would tell the same story twice."""
    first = free_ports(400)
    stories = []
    for lifetime in (900, 901):
        server = serve({"relay_ports": f"{first}-{first + 399}", "lifetime_max": lifetime})
        one = client(server)
        ports = []
        for _ in range(12):
            ports.append(one.allocate()[1])
            assert one.refresh(0).code == 0
        stories.append(ports)
    assert stories[0] != stories[1]
    assert len(set(stories[0])) > 6


def test_cve_2026_27624_mapped_addresses(both):
    _, six = both
    denied(six, "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "::ffff:0.0.0.0",
           "::ffff:192.168.0.1", "::ffff:a00:1")


def test_cve_2026_40613_odd_offsets(main, client):
    """Attributes behind values of every length, datagrams of every length."""
    one = client(main)
    for size in range(40):
        msg = one.ask(BINDING, [tlv(0x8ABC, b"x" * size), (0x7FFF, b"y" * size)])
        assert msg.code == 420
        one.send(os.urandom(size))
        one.send(build(REQUEST, BINDING, [bytes(size)]))
    one.barrier()
    one.inbox.clear()
    one.allocate()


def test_cve_2026_43994_access_tokens(main, client):
    """ACCESS-TOKEN with lengths inside that lie: unknown here, and nothing of it is read."""
    one = client(main)
    for inner in (0, 1, 12, 255, 65535):
        value = struct.pack("!H", inner) + os.urandom(200)
        msg = one.ask(ALLOCATE, [UDP, (0x001B, value)])
        assert msg.code == 401
        msg = one.request(ALLOCATE, [UDP, (0x001B, value)])
        assert msg.code == 420 and msg.unknown() == [0x001B]


def test_coturn_1844_and_1964_length_that_wraps(main, client):
    one = client(main)
    for length in range(0xFFE8, 0x10000):
        one.send(build(REQUEST, BINDING, [BIG], length=length))
        one.send(build(REQUEST, BINDING, [tlv(0x8022, b"x" * 8, length=length)]))
    for number in (0x4000, 0x4FFF):
        for length in range(0xFFF8, 0x10000):
            one.channel(number, b"x" * 40, length=length)
    assert one.silent()


def test_coturn_1871_nothing_is_fixed_before_proof(main, client):
    """Failed attempts of one name leave nothing that would hinder, or help, another."""
    one = client(main)
    one.challenge()
    for name in ("bob", "mallory", "alice"):
        attrs = [(USERNAME, name), *one.auth()[1:], one.mac(flip=True)]
        assert one.ask(ALLOCATE, [UDP, *attrs]).code == 401
    one.creds = BOB
    one.allocate()


@pytest.mark.parametrize("text", [
    "%s%s%s%n", "%1$n", "' OR '1'='1", "'; DROP TABLE users; --", "a\"; FLUSHALL; \"", "*", "$(id)",
    "../../etc/passwd", "alice\nbob", "{}", "\\u0000"])
def test_ghsa_4g7c_and_v8hj_names_are_only_names(main, client, text):
    """Format strings, SQL and the like in USERNAME and REALM: 401, as for any stranger."""
    one = client(main, Credentials(text, text))
    one.challenge()
    assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code == 401
    attrs = [(k, text if k == REALM else v) for k, v in one.auth()]
    assert one.ask(ALLOCATE, [UDP, *attrs, one.mac()]).code == 401


def test_ghsa_w4hf_mapped_loopback(both):
    _, six = both
    denied(six, "::ffff:127.0.0.1", "::ffff:127.0.0.2", "::ffff:127.255.255.255", "::ffff:7f00:1")


def test_coturn_1945_to_1947_inner_addresses_and_metadata(both):
    four, six = both
    denied(four, "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16",
           "192.0.0.192")
    denied(six, "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
           "::10.0.0.1", "fd00:ec2::254", "fe80::a9fe:a9fe", "fc00::1", "2001::f5ff:fffe")


def test_coturn_1969_ghsa_hpq3_and_f6hc_mobility(main, client):
    """Tickets are nothing here: they move no allocation and make none."""
    one, thief = client(main), client(main)
    msg = one.request(ALLOCATE, [UDP, (0x8030, b"")])
    assert msg.code == 0 and 0x8030 not in msg.kinds()
    base = main.descriptors()
    for size in (0, 8, 64):
        assert thief.code(REFRESH, [(0x8030, os.urandom(size))]) == 437
    assert one.refresh().code == 0 and main.descriptors() == base


def test_coturn_ab762f33_attributes_behind_the_integrity(main, client, peer):
    """Neither LIFETIME nor a further peer that somebody appended on the way counts."""
    one, other, third = client(main), peer(), peer("127.0.0.79")
    one.allocate()
    tid = new_tid()
    good = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    late = (XOR_PEER_ADDRESS, xor_address(third.addr, tid))
    assert one.ask(CREATE_PERMISSION, [good, *one.auth(), one.mac(), late], tid).code == 0
    assert returns(one, other, b"signed for")
    assert not returns(one, third, b"appended")
    msg = one.ask(REFRESH, [*one.auth(), one.mac(), (LIFETIME, u32(0))])
    assert msg.number(LIFETIME) == 600
    assert one.refresh().code == 0


@pytest.mark.parametrize("text", ["2606:4700:ff80::/41", "2a00:1450:4001:800::/55",
                                  "2606:4700::/127", "8.8.128.0/17", "9.9.9.8/30"])
def test_coturn_6c13608c_ranges_between_byte_boundaries(serve, client, text):
    """Inside is denied, both neighbours are not."""
    net = ipaddress.ip_network(text)
    one = client(serve({"deny_peers": [text], "allow_peers": []}))
    one.allocate(*([V6_RELAY] if net.version == 6 else []))
    for i in (0, 1, net.num_addresses // 2, net.num_addresses - 1):
        assert one.permit((str(net[i]), 9)) == 403
    for outside in (int(net[0]) - 1, int(net[-1]) + 1):
        assert one.permit((str(type(net[0])(outside)), 9)) == 0


def test_ghsa_847g_even_port_reserves_nothing(serve, client):
    """EVEN-PORT without its bit, again and again, in a range of four ports."""
    first = free_ports(4)
    server = serve({"relay_ports": f"{first}-{first + 3}"})
    one = client(server)
    for _ in range(50):
        assert one.allocate((EVEN_PORT, b"\x00"))[1] % 2 == 0
        assert one.refresh(0).code == 0
    clients = [client(server) for _ in range(4)]
    assert len({c.allocate() for c in clients}) == 4


def test_ghsa_5x2p_dtls_hellos(lean, client):
    """Nothing is kept of ClientHellos, and nothing is answered."""
    server = lean()
    one = client(server)
    hello = bytes.fromhex("16fefd0000000000000000") + struct.pack("!H", 180) + b"\x01" + bytes(179)
    for _ in range(200):
        one.send(hello)
    assert one.silent()
    before = server.rss()
    for _ in range(3000):
        one.send(hello)
    one.barrier()
    assert server.rss() - before < 256 * 1024


def test_coturn_1568_ports_and_quota_come_back(serve, client):
    """However an allocation ends, what it held is free again: ports and quota alike."""
    first = free_ports(2)
    server = serve({"relay_ports": f"{first}-{first + 1}", "allocations_per_account": 2})
    one, two, three = (client(server) for _ in range(3))
    for turn in range(12):
        assert [c.code(ALLOCATE, [UDP]) for c in (one, two, three)] in ([0, 0, 486], [0, 0, 508])
        if turn % 2:
            assert [c.refresh(0).code for c in (one, two)] == [0, 0]
        else:
            server.advance(601)


def test_eturnal_23_icmp_does_not_stop_a_listener(own, client):
    """Clients that are gone by the time of their answer."""
    server = own()
    for _ in range(20):
        gone = client(server)
        gone.send(build(REQUEST, BINDING, [BIG]))
        gone.sock.close()
        gone.close = lambda: None
    assert client(server).ask(BINDING).code == 0


def test_libjuice_288_permissions_hold_on_every_path(main, client, peer):
    """Send, ChannelData, peer to client: each of them asks."""
    one, two, other = client(main), client(main), peer()
    one.allocate()
    two.allocate()
    assert two.bind(0x4000, other.addr) == 0
    assert not arrives(one, other, lambda data: one.indicate(other.addr, data), b"Send")
    assert not arrives(one, other, lambda data: one.channel(0x4000, data), b"ChannelData")
    assert not returns(one, other, b"from the peer")
    assert two.request(ALLOCATE, [UDP]).get(XOR_RELAYED_ADDRESS) is None
