"""Security considerations (RFC 8656 section 21): rows S."""

import time

import pytest
from accounts import ALICE, BOB, timed
from client import UDP, V6_RELAY, arrives, returns
from links import CLIENT6, FAR4, SIXTOFOUR, TEREDO, World
from stun import ALLOCATE, BINDING, LIFETIME, REFRESH, u32

TUNNELS = ("2001:0:102:304::1", "2001:0:ffff::1", "2002:c000:204::1", "2002::1")


@pytest.fixture(scope="module")
def world():
    one = World()
    yield one
    one.close()


def test_S01_tunnels_as_peers(main, client):
    one = client(main)
    one.allocate(V6_RELAY)
    for host in TUNNELS:
        assert one.permit((host, 9)) == 403
        assert one.bind(0x4000, (host, 9)) == 403


def test_S01_tunnels_as_peers_cannot_be_allowed(serve, client):
    server = serve({"allow_peers": ["::/0", "127.0.0.0/8"]})
    one = client(server)
    one.allocate(V6_RELAY)
    for host in TUNNELS:
        assert one.permit((host, 9)) == 403
        assert one.bind(0x4000, (host, 9)) == 403


def test_S01_tunnels_as_clients(world):
    server = world.server()
    for host in (TEREDO, SIXTOFOUR):
        one = world.client(server, host)
        assert one.code(ALLOCATE, [UDP]) == 403
    one = world.client(server, CLIENT6)
    assert one.allocate()[0] == FAR4
    world.close_sockets()


def test_S02_other_tunnels_as_peers(serve, client):
    """NAT64 and ISATAP addresses stand for an IPv4 address inside."""
    server = serve({"allow_peers": []})
    one = client(server)
    one.allocate(V6_RELAY)
    for host in ("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1",
                 "::7f00:1", "::ffff:0:7f00:1", "2606:4700::5efe:7f00:1",
                 "2606:4700::200:5efe:a00:1", "2001:20::1", "2001:1::2"):
        assert one.permit((host, 9)) == 403, host
        assert one.bind(0x4000, (host, 9)) == 403, host


def test_S03_relay_to_relay(main, client):
    """Both users are relayed by the same server: Send and channels, both directions."""
    one, two = client(main), client(main, BOB)
    first, second = one.allocate(), two.allocate()
    assert one.permit(second) == 0 and two.permit(first) == 0
    one.indicate(second, b"to the other relay")
    assert two.next_data() == (first, b"to the other relay")
    assert one.bind(0x4001, second) == 0 and two.bind(0x4002, first) == 0
    one.channel(0x4001, b"by channel")
    assert two.next_channel() == (0x4002, b"by channel")
    two.channel(0x4002, b"and back")
    assert one.next_channel() == (0x4001, b"and back")
    for payload in (b"", b"1", b"12", b"123", bytes(1400)):
        two.indicate(first, payload)
        assert one.next_channel() == (0x4001, payload)
        one.channel(0x4001, payload, pad=2)
        assert two.next_channel() == (0x4002, payload)


def test_S03_relay_to_relay_without_any_allowed_peer(serve, client):
    server = serve({"allow_peers": []})
    for family in ([], [V6_RELAY]):
        one, two = client(server), client(server, BOB)
        first, second = one.allocate(*family), two.allocate(*family)
        assert one.permit(second) == 0 and two.permit(first) == 0
        assert one.bind(0x4001, second) == 0
        one.channel(0x4001, b"inside")
        assert two.next_data() == (first, b"inside")
        # The other one must have permitted as well.
        three = client(server)
        third = three.allocate(*family)
        assert three.permit(second) == 0
        three.indicate(second, b"another port of the same host")
        assert two.next_data() == (third, b"another port of the same host")
        four = client(server)
        assert one.permit(four.allocate(*family)) == 0
        one.indicate(four.relayed[0], b"not wanted there")
        assert four.silent()


def test_S03_relay_to_relay_across_workers(serve, client):
    """With two workers a pair is often split between them: every one reaches every other."""
    server = serve({"threads": 2})
    clients = [client(server) for _ in range(12)]
    addresses = [one.allocate() for one in clients]
    for one in clients:
        assert one.permit(addresses[0]) == 0
    for one, relayed in zip(clients[1:], addresses[1:]):
        one.indicate(addresses[0], b"to the first")
        assert clients[0].next_data() == (relayed, b"to the first")
        clients[0].indicate(relayed, b"and back")
        assert one.next_data() == (addresses[0], b"and back")


def test_S03_ended_relays_are_no_peers(serve, client):
    server = serve({"allow_peers": []})
    one, two = client(server), client(server, BOB)
    one.allocate()
    second = two.allocate()
    assert one.bind(0x4001, second) == 0
    assert two.refresh(0).code == 0
    assert one.bind(0x4001, second) == 403
    one.channel(0x4001, b"to nobody")
    one.indicate(second, b"to nobody")
    assert one.silent()


def test_S03_relay_to_itself(main, client):
    one = client(main)
    relayed = one.allocate()
    assert one.permit(relayed) == 0
    one.indicate(relayed, b"to myself")
    assert one.next_data() == (relayed, b"to myself")


def test_S03_announced_addresses_are_known(serve, client):
    """Behind 1:1 NAT the peers know the outer addresses; they still mean the relays in here."""
    server = serve({"external_ipv4": "198.51.100.7", "allow_peers": []})
    one, two = client(server), client(server, BOB)
    first, second = one.allocate(), two.allocate()
    assert one.permit(second) == 0 and two.permit(first) == 0
    one.indicate(second, b"by the outer address")
    assert two.next_data() == (first, b"by the outer address")


def test_S03_own_listeners_are_no_peers(main, client):
    one, six = client(main), client(main)
    one.allocate()
    six.allocate(V6_RELAY)
    assert one.permit(main.addresses()[0][1]) == 403
    assert one.bind(0x4000, main.addresses()[0][1]) == 403
    assert six.bind(0x4000, main.addresses()[1][1]) == 403
    # The host is permitted by way of another port; the listener still cannot be reached.
    assert one.permit(("127.0.0.1", 9)) == 0
    loop = client(main)
    one.indicate(main.addresses()[0][1], b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12))
    assert one.silent() and loop.silent()


def test_S03_own_web_server_is_no_peer(own, client, peer):
    """The server that shares port 443: closed as a peer although its host is allowed."""
    hidden = peer("127.0.0.1")
    one = client(own({"web_server": f"127.0.0.1:{hidden.addr[1]}"}))
    one.allocate()
    assert one.bind(0x4000, hidden.addr) == 403
    assert one.permit(("127.0.0.1", 9)) == 0
    one.indicate(hidden.addr, b"to the web server")
    assert one.silent() and hidden.pending() == []


def test_S04_another_socket_or_user(main, client, peer):
    one, other = client(main), peer()
    one.allocate()
    assert one.permit(other.addr) == 0
    thief = client(main)
    raw = one.signed(REFRESH, [(LIFETIME, u32(0))])
    thief.send(raw)  # a nonce of another socket
    assert thief.wait(raw[8:20]).code in (437, 438)
    assert thief.refresh(0).code == 437
    assert thief.permit(other.addr) == 437
    one.creds = BOB
    assert one.refresh(0).code == 441
    one.creds = ALICE
    assert returns(one, other, b"still there")


def test_S06_nothing_about_clients_is_logged(own, client, peer):
    """Good calls, failed ones, floods: the log is that of an idle server."""
    server = own()
    before = server.log()
    one, other = client(server, timed(server, ":secret-name"), host="127.0.7.7"), peer("127.0.8.8")
    one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    assert arrives(one, other, lambda data: one.channel(0x4000, data), b"hello")
    for creds in (timed(server, ":late", ttl=-10), timed(server, ":wrong", secret="x" * 30)):
        assert client(server, creds, host="127.0.7.8").request(ALLOCATE, [UDP]).code == 401
    assert one.permit(("10.0.0.1", 9)) == 403
    for junk in (b"", b"\0" * 19, b"\xFF" * 100, b"%s%n", bytes(1400)):
        one.send(junk)
    assert one.ask(BINDING).code == 0
    assert one.refresh(0).code == 0
    assert server.log() == before


def test_S07_bandwidth_per_user(own, client, peer):
    """Two allocations of one user share the cap; more than it is dropped, nothing is closed."""
    server = own({"bytes_per_account": 100000})
    pairs = []
    for creds in (ALICE, ALICE, BOB):
        one, other = client(server, creds), peer()
        one.allocate()
        assert one.bind(0x4000, other.addr) == 0
        pairs.append((one, other))

    start = time.monotonic()

    def flood(one, other, count=300):
        for i in range(count):
            one.channel(0x4000, bytes(1000))
            if i % 50 == 49:
                one.barrier()
        one.barrier()
        return len(other.pending()) * 1000

    passed = flood(*pairs[0]) + flood(*pairs[1])
    assert 50000 <= passed <= 100000 * (1.5 + time.monotonic() - start)
    assert flood(*pairs[2], count=40) >= 30000  # another user is not touched
    server.advance(3)
    assert flood(*pairs[0], count=40) >= 30000
    assert all(one.refresh().code == 0 for one, _ in pairs)
