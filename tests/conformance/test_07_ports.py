"""Allocate (RFC 8656 section 7.2): ports, reservations, quotas; the other rows L."""

import contextlib

import pytest
from accounts import ALICE, BOB, USERS
from client import UDP, V6_RELAY, Client
from stun import ALLOCATE, EVEN_PORT, RESERVATION_TOKEN, XOR_RELAYED_ADDRESS, new_tid
from support.server import Server, free_ports, refused

EVEN = (EVEN_PORT, b"\x00")
EVEN_PAIR = (EVEN_PORT, b"\x80")


def token(value):
    return RESERVATION_TOKEN, value


def reserve(one):
    """(even port, token) of an allocation that keeps the next port."""
    msg = one.request(ALLOCATE, [UDP, EVEN_PAIR])
    assert msg.code == 0
    one.relayed = msg.addresses(XOR_RELAYED_ADDRESS)
    return one.relayed[0][1], msg.get(RESERVATION_TOKEN)


def narrow(count):
    """Options for a server with exactly this many relayed ports, the first one even."""
    first = free_ports(count)
    return {"relay_ports": f"{first}-{first + count - 1}"}


@pytest.mark.over("udp4", "tcp4")
def test_L09_tokens_that_are_not_good(main, client):
    one, two = client(main), client(main)
    assert one.code(ALLOCATE, [UDP, token(b"\xA5" * 8)]) == 508
    _, late = reserve(one)
    main.advance(31)
    assert two.code(ALLOCATE, [UDP, token(late)]) == 508
    three, four, five = (client(main) for _ in range(3))
    _, used = reserve(three)
    four.allocate(token(used))
    assert five.code(ALLOCATE, [UDP, token(used)]) == 508
    assert four.refresh(0).code == 0
    assert five.code(ALLOCATE, [UDP, token(used)]) == 508


@pytest.mark.over("udp4", "tcp6")
def test_L10_token_form(main, client):
    one = client(main)
    for n in (0, 4, 7, 9, 16):
        assert one.code(ALLOCATE, [UDP, token(bytes(n))]) == 400
    tokens = []
    for _ in range(40):
        tokens.append(reserve(one)[1])
        assert one.refresh(0).code == 0
    assert len(set(tokens)) == 40 and all(len(t) == 8 for t in tokens)
    for at in range(8):  # every byte varies
        assert len({t[at] for t in tokens}) > 20


@pytest.mark.over("udp4", "tls6")
def test_L16_even_port_that_cannot_be_had(serve, client):
    """An odd port is free, the even one is not."""
    server = serve(narrow(2))
    holder, one = client(server), client(server)
    assert holder.allocate(EVEN)[1] == server.relay_ports[0]
    assert one.code(ALLOCATE, [UDP, EVEN]) == 508
    assert one.code(ALLOCATE, [UDP, EVEN_PAIR]) == 508
    assert one.allocate()[1] == server.relay_ports[1]


@pytest.mark.over("udp4", "tls6")
def test_L16_pair_that_cannot_be_had(serve, client):
    """Three ports, even odd even: one pair, then no other."""
    server = serve(narrow(3))
    one, two = client(server), client(server)
    port, _ = reserve(one)
    assert port == server.relay_ports[0]
    assert two.code(ALLOCATE, [UDP, EVEN_PAIR]) == 508
    assert two.allocate(EVEN)[1] == server.relay_ports[2]


def test_L16_pair_that_another_program_spoils(serve, client, peer):
    """What was taken for the pair is given back when its even port turns out to be in use."""
    server = serve(narrow(2))
    foreign = peer("127.0.0.1", server.relay_ports[0])
    one = client(server)
    for _ in range(3):
        assert one.code(ALLOCATE, [UDP, EVEN_PAIR]) == 508
    assert one.allocate()[1] == server.relay_ports[1]
    assert one.refresh(0).code == 0
    foreign.close()
    assert reserve(one)[0] == server.relay_ports[0]


def test_L17_even_ports(main, client):
    one = client(main)
    for _ in range(50):
        for family in ([], [V6_RELAY]):
            assert one.allocate(EVEN, *family)[1] % 2 == 0
            assert one.refresh(0).code == 0


@pytest.mark.over("udp4", "tcp4")
def test_L18_reserved_port(serve, client):
    """With four ports: the pair's second is nobody's for 30 s, then the token opens it."""
    server = serve(narrow(4))
    one = client(server)
    port, ticket = reserve(one)
    others = [client(server) for _ in range(2)]
    assert port + 1 not in [other.allocate()[1] for other in others]
    third = client(server)
    assert third.code(ALLOCATE, [UDP]) == 508
    server.advance(29)
    assert third.code(ALLOCATE, [UDP]) == 508
    assert client(server, BOB, host="::1").allocate(token(ticket)) == ("127.0.0.1", port + 1)


@pytest.mark.over("udp4", "tcp4")
def test_L18_reservation_ends(serve, client):
    server = serve(narrow(2))
    one, two = client(server), client(server)
    port, _ = reserve(one)
    assert two.code(ALLOCATE, [UDP]) == 508
    server.advance(32)
    assert two.allocate()[1] == port + 1


def test_L19_even_port_form(main, client):
    for value, reserved in ((b"\xFF", True), (b"\x80", True), (b"\x7F", False), (b"\x00", False)):
        one = client(main)
        msg = one.request(ALLOCATE, [UDP, (EVEN_PORT, value)])
        assert msg.code == 0 and msg.address(XOR_RELAYED_ADDRESS)[1] % 2 == 0
        assert (msg.get(RESERVATION_TOKEN) is not None) == reserved
        assert one.refresh(0).code == 0
    one = client(main)
    for value in (b"", b"\x80\0", b"\x80\0\0\0"):
        assert one.code(ALLOCATE, [UDP, (EVEN_PORT, value)]) == 400


def test_L25_quota_per_user(serve, client):
    """By name, not by address."""
    server = serve({"allocations_per_account": 2})
    hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1")
    alices = [client(server, ALICE, host=h) for h in hosts]
    codes = [one.code(ALLOCATE, [UDP]) for one in alices]
    assert codes == [0, 0, 486, 486]
    client(server, BOB).allocate()


@pytest.mark.over("udp4", "tcp4", "dtls4")
def test_L25_quota_per_prefix(serve, client):
    server = serve({"allocations_per_prefix": 2})
    codes = [client(server, who, host="127.0.0.2").code(ALLOCATE, [UDP])
             for who in (ALICE, BOB, ALICE)]
    assert codes == [0, 0, 486]
    client(server, host="127.0.0.3").allocate()
    codes = [client(server, host="::1").code(ALLOCATE, [UDP]) for _ in range(3)]
    assert codes == [0, 0, 486]


def test_L27_low_ports_are_refused():
    for ports in ("0-100", "1000-2000", "1023-1023", "80-90"):
        code, text = refused({"relay_ports": ports})
        assert code in (1, 2) and "relay_ports" in text


def test_L27_default_range(netns):
    ns = netns()
    with Server({"relay_ports": None, "users": USERS}, netns=ns) as server:
        with contextlib.closing(Client(server, ALICE, netns=ns)) as one:
            for _ in range(20):
                assert 49152 <= one.allocate()[1] <= 65535
                assert one.refresh(0).code == 0


@pytest.mark.over("udp4")
def test_L28_random_ports(serve, client):
    """In 400 ports: spread evenly, and no step from one to the next is favoured."""
    server = serve()
    one = client(server)
    ports = []
    for _ in range(400):
        ports.append(one.allocate()[1] - server.relay_ports[0])
        assert one.refresh(0).code == 0
    width = len(server.relay_ports) // 8
    buckets = [0] * 8
    for port in ports:
        buckets[min(port // width, 7)] += 1
    # 7 degrees of freedom: above 40 less than once in 10^6 runs.
    assert sum((b - 50) ** 2 / 50 for b in buckets) < 40
    steps = [(b - a) % len(server.relay_ports) for a, b in zip(ports, ports[1:])]
    assert max(steps.count(s) for s in set(steps)) < 12


def test_L33_announced_address(serve, client, peer):
    server = serve({"external_ipv4": "198.51.100.7", "external_ipv6": "2001:db8::7"})
    one, other = client(server), peer()
    host, port = one.allocate()
    assert host == "198.51.100.7"
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"from inside")
    assert other.recv() == (b"from inside", ("127.0.0.1", port))
    other.send(b"and back", ("127.0.0.1", port))
    assert one.next_data() == (other.addr, b"and back")
    assert client(server).allocate(V6_RELAY)[0] == "2001:db8::7"


@pytest.mark.over("udp4", "tls6")
def test_L34_no_port_left(serve, client):
    server = serve(narrow(10))
    clients = [client(server) for _ in range(11)]
    for one in clients[:10]:
        one.allocate()
    base = server.descriptors()
    for _ in range(20):
        assert clients[10].code(ALLOCATE, [UDP]) == 508
    assert server.descriptors() == base
    freed = clients[3].relayed[0]
    assert clients[3].refresh(0).code == 0
    assert clients[10].allocate() == freed


@pytest.mark.over("udp4", "tls6")
def test_L34_port_in_use_by_another_program(serve, client, peer):
    """A foreign socket on one of two ports: the other one is found, then there is none."""
    server = serve(narrow(2))
    for port in server.relay_ports:
        foreign = peer("127.0.0.1", port)
        one, two = client(server), client(server)
        assert one.allocate()[1] != port
        assert two.code(ALLOCATE, [UDP]) == 508
        assert one.refresh(0).code == 0
        foreign.close()


@pytest.mark.over("udp4", "tls6")
def test_L35_failure_leaves_the_flow_free(serve, client):
    server = serve(narrow(2))
    client(server).allocate()
    one, two = client(server), client(server)
    one.allocate()
    assert two.code(ALLOCATE, [UDP]) == 508
    assert one.refresh(0).code == 0
    two.allocate()
    # The same transaction id as that of a failed one is not taken for its repetition either.
    tid = new_tid()
    assert one.request(ALLOCATE, [UDP], tid).code == 508
    assert two.refresh(0).code == 0
    assert one.request(ALLOCATE, [UDP], tid).code == 0
