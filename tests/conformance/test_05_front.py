"""What stands before or behind the relay on port 443: PROXY headers, and the web server that shares
the port."""

import ipaddress
import socket
import ssl
import struct
import threading
import time

import pytest
from accounts import ALICE
from client import BIG, UDP, Client
from stun import ALLOCATE, BINDING, REQUEST, XOR_MAPPED_ADDRESS, build, parse
from support import certificates
from transport import Tcp, Tls, tls_context

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FROM = {"4": ("203.0.113.9", 4711), "6": ("2001:db8::9", 4711)}


def packed(address):
    return ipaddress.ip_address(address[0]).packed


def v1(source, to):
    family = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {family} {source[0]} {to[0]} {source[1]} {to[1]}\r\n".encode()


def v2(source, to, more=b""):
    family = 0x21 if ":" in source[0] else 0x11
    body = packed(source) + packed(to) + struct.pack("!HH", source[1], to[1]) + more
    return SIGNATURE + bytes([0x21, family]) + struct.pack("!H", len(body)) + body


HEADERS = {"v1": v1, "v2": v2, "v2-tlv": lambda s, t: v2(s, t, b"\x04\0\3abc")}


def opened(server, header, host="127.0.0.1", pieces=()):
    """A TCP connection on which the header has been sent, cut at these places."""
    to = next(a for f, a in server.addresses() if (f == socket.AF_INET6) == (":" in host))
    link = Tcp(to, host)
    for first, last in zip((0, *pieces), (*pieces, len(header))):
        link.send(header[first:last])
        if pieces:
            time.sleep(0.02)
    return link


def mapped(link):
    """What Binding says about the source."""
    raw = build(REQUEST, BINDING, [BIG])
    link.send(raw)
    answer = link.recv(3)
    assert answer is not None, "no answer"
    return parse(answer).address(XOR_MAPPED_ADDRESS)


@pytest.fixture(scope="module")
def balanced(servers):
    return servers({"proxy_from": ["127.0.0.0/8", "::1/128"]})


@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("kind", sorted(HEADERS))
def test_proxy_header_names_the_client(balanced, kind, family):
    """Also cut into pieces, and in one write with what follows."""
    to = ("192.0.2.1", 443) if family == "4" else ("2001:db8::1", 443)
    header = HEADERS[kind](FROM[family], to)
    for pieces in ((), (1,), (5, 12), (14, len(header) - 1)):
        link = opened(balanced, header, pieces=pieces)
        assert mapped(link) == FROM[family]
        link.close()
    raw = build(REQUEST, BINDING, [BIG])
    link = opened(balanced, header + raw)
    assert link.recv(3)[8:20] == raw[8:20]
    link.close()


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\x03abc"],
    ids=["v1-unknown", "v1-unknown-more", "v2-local", "v2-unspec"])
def test_proxy_header_without_a_client(balanced, header):
    """Health checks of the balancer itself: the connection's own address counts."""
    link = opened(balanced, header)
    assert mapped(link) == link.addr
    link.close()


def test_proxy_before_tls(balanced):
    header = v1(FROM["4"], ("192.0.2.1", 443))
    link = opened(balanced, header)
    link.sock.settimeout(5)
    link.sock = tls_context().wrap_socket(link.sock, server_hostname=certificates.NAME)
    assert mapped(link) == FROM["4"]
    link.close()


@pytest.mark.parametrize("junk", [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n", b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n", b"PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2" + b" " * 100, b"GET / HTTP/1.1\r\n\r\n",
    SIGNATURE + b"\x31\x11\0\x0c" + bytes(12), SIGNATURE + b"\x21\x11\0\x04" + bytes(4),
    SIGNATURE + b"\x22\x11\0\x0c" + bytes(12), b"\r\n\r\n\0\r\nQUIT\x0b" + bytes(20),
    build(REQUEST, BINDING, [BIG])], ids=range(11))
def test_proxy_header_that_is_none(balanced, junk):
    """From a balancer the header must come; anything else ends the connection."""
    link = opened(balanced, junk)
    assert link.ended()
    link.close()


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_proxy_header_from_a_stranger(main, serve, kind):
    """Nobody may choose an address: not without balancers, and not beside them."""
    for server in (main, serve({"proxy_from": ["192.0.2.0/24"]})):
        link = opened(server, HEADERS[kind](FROM["4"], ("192.0.2.1", 443)))
        assert link.ended()
        link.close()


def test_limits_are_the_clients(serve):
    """Quotas and connection limits judge the address in the header, not the balancer's."""
    server = serve({"proxy_from": ["127.0.0.0/8"], "allocations_per_prefix": 1,
                    "connections_per_prefix": 3})
    to = ("192.0.2.1", 443)

    def allocate(source):
        one = Client(server, ALICE, over="tcp", first=v2((source, 4000), to))
        return one, one.code(ALLOCATE, [UDP])

    made = [allocate("203.0.113.1"), allocate("203.0.113.1"), allocate("203.0.113.2")]
    assert [code for _, code in made] == [0, 486, 0]
    more = [opened(server, v2(("203.0.113.1", 5000 + i), to)) for i in range(2)]
    assert mapped(more[0])[0] == "203.0.113.1"
    assert more[1].ended()
    for one, _ in made:
        one.close()
    for link in more:
        link.close()


# --- The web server on the same port ---


class Web:
    """Accepts one connection after the other and keeps what it read; answers with `reply`."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                self.accepted.append(self.listener.accept()[0])
            except OSError:
                return

    def next(self):
        end = time.monotonic() + 5
        while not self.accepted:
            assert time.monotonic() < end, "nothing came to the web server"
            time.sleep(0.01)
        sock = self.accepted.pop(0)
        sock.settimeout(5)
        return sock

    def close(self):
        self.listener.close()
        for sock in self.accepted:
            sock.close()


@pytest.fixture
def web():
    one = Web()
    yield one
    one.close()


def client_hello(name, alpn):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    context.check_hostname = name is not None
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def exactly(sock, count):
    data = b""
    while len(data) < count and (part := sock.recv(count - len(data))):
        data += part
    return data


OURS = certificates.NAME
# (turn_names, server name, ALPN, whether it is the web server's)
SHARES = [
    ([], None, [], False), ([], "cloud.test.example", [], False),
    ([], OURS, ["stun.turn"], False), ([], "cloud.test.example", ["h2", "http/1.1"], True),
    ([], "cloud.test.example", ["h2", "stun.turn"], False),
    ([OURS], OURS, [], False), ([OURS], "cloud.test.example", [], True), ([OURS], None, [], True),
    ([OURS], "cloud.test.example", ["stun.turn"], False),
    ([OURS], "cloud.test.example", ["h2"], True), ([OURS], OURS.upper(), [], False),
]


@pytest.mark.parametrize("row", SHARES, ids=lambda r: "-".join(map(str, r)).replace(" ", ""))
def test_whose_connection_it_is(own, web, row):
    names, name, alpn, passed = row
    server = own({"web_server": f"127.0.0.1:{web.port}", "turn_names": names})
    hello = client_hello(name, alpn)
    for pieces in ((), (1,), (5, 60), (len(hello) - 1,)):
        link = opened(server, hello, pieces=pieces)
        if passed:
            with web.next() as behind:
                assert exactly(behind, len(hello)) == hello  # untouched
                behind.sendall(b"\x15any bytes back" * 1000)
                assert exactly(link.sock, 15000) == b"\x15any bytes back" * 1000
                link.send(b"and more" * 10000)
                assert exactly(behind, 80000) == b"and more" * 10000
                link.sock.shutdown(socket.SHUT_WR)
                assert behind.recv(10) == b""
        else:
            assert link.read(5) and link.buffer[0] == 0x16  # our ServerHello
            assert not web.accepted
        link.close()


def test_web_server_learns_the_address(own, web):
    server = own({"web_server": f"127.0.0.1:{web.port}", "web_proxy": True})
    hello = client_hello("cloud.test.example", ["h2"])
    link = opened(server, hello)
    with web.next() as behind:
        expected = v2(link.addr, ("127.0.0.1", server.port))
        assert exactly(behind, len(expected) + len(hello)) == expected + hello
        behind.close()
        assert link.ended()
    link.close()


def test_web_server_that_is_away(own, client):
    """Its connections end; the relay's own go on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = own({"web_server": f"127.0.0.1:{port}"})
    for _ in range(20):
        link = opened(server, client_hello("cloud.test.example", ["h2"]))
        assert link.ended()
        link.close()
    one = client(server, over="tls")
    one.allocate()


def test_web_connections_stay_open(own, web):
    """An idle browser is the web server's business: idle_timeout is not for it."""
    server = own({"web_server": f"127.0.0.1:{web.port}", "idle_timeout": 10})
    hello = client_hello("cloud.test.example", ["h2"])
    link = opened(server, hello)
    with web.next() as behind:
        assert exactly(behind, len(hello)) == hello
        server.advance(9)
        behind.sendall(b"still open")
        assert exactly(link.sock, 10) == b"still open"
    assert link.ended()
    link.close()


def test_tls_beside_the_web_server(own, web):
    """Plain TURN, STUN over UDP and TLS on the port that is shared."""
    server = own({"web_server": f"127.0.0.1:{web.port}"})
    for over in ("udp", "tcp", "tls", "dtls"):
        one = Client(server, ALICE, over=over)
        one.allocate()
        one.close()
    one = Tls(("127.0.0.1", server.port), "127.0.0.1", context=tls_context(("stun.turn",)))
    assert one.sock.selected_alpn_protocol() == "stun.turn"
    one.close()
