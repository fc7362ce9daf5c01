"""T5 and T6 of the model: what is left of a person in the server's memory, 10 ms after an answer
and a second after the end. The server runs as it does in the field; the reader is root."""

import base64
import hashlib
import hmac
import re
import socket
import time
import urllib.parse
import urllib.request
from contextlib import closing, suppress

import pytest
from client import BIG, UDP, Client, Credentials, Peer
from memory import areas, of_address, scan, stopped
from OpenSSL import SSL
from stun import ALLOCATE, BINDING, REFRESH, REQUEST, build, key_md5
from support import certificates
from support.server import SECRET, Server, free_ports
from transport import WAIT, Tcp, Udp, dtls_context

CLIENT, PEER = "127.77.13.37", "127.99.66.33"
PAYLOAD = b"PAYLOAD-CANARY-c4f1e7-"
NAME = "CANARY-ümlaut-7f3a"
TRANSPORTS = ["udp", "tcp", "tls", "dtls"]
EACH = 125  # allocations per transport and way to end: 1000 together
CROWD = 25  # at a time
LATE = 0.010


@pytest.fixture(scope="module")
def server():
    first = free_ports(900)
    conf = {"certificates": [certificates.shared()], "connections_per_prefix": 0,
            "relay_ports": f"{first}-{first + 899}", "idle_timeout": 60}
    with Server(conf) as running:
        yield running


def person(server, number=0):
    user = f"{server.now() + 86400}:{NAME}-{number}"
    mac = hmac.new(SECRET.encode(), user.encode(), hashlib.sha1).digest()
    return Credentials(user, base64.b64encode(mac).decode())


def traces(*people):
    """What must not be there of whoever used the server."""
    found = {"user name": NAME.encode(), "payload": PAYLOAD, **of_address(CLIENT),
             **of_address(PEER)}
    for who in people:
        found[f"password of {who.user}"] = who.password.encode()
    return found


@pytest.mark.parametrize("over", TRANSPORTS)
def test_t5_name_and_password_are_gone(server, over):
    """After each kind of request; the key stays, in guarded memory only."""
    who = person(server)
    client = Client(server, who, CLIENT, over=over)
    needles = {"user name": NAME.encode(), "password": who.password.encode(),
               "bytes of the password": base64.b64decode(who.password)}
    requests = [lambda: client.request(ALLOCATE, [UDP]),
                lambda: client.permit((PEER, 9)), lambda: client.bind(0x4001, (PEER, 9)),
                lambda: client.refresh(600), lambda: client.refresh(0),
                lambda: client.request(REFRESH)]
    client.challenge()
    for request in requests:
        for _ in range(20):
            request()
            answered = time.monotonic()
            time.sleep(LATE / 2)
            with stopped(server.pid) as when:
                hits = scan(server.pid, needles)
            if when - answered <= LATE:
                break
        else:
            pytest.fail("the machine is too busy to look in time")
        assert not hits, hits
    client.close()


def test_t5_keys_are_in_guarded_memory_only(server):
    who = person(server)
    client = Client(server, who, CLIENT)
    client.allocate()
    time.sleep(LATE)
    with stopped(server.pid):
        hits = scan(server.pid, {"key": key_md5(who.user, server.realm, who.password),
                                 "secret": SECRET.encode()})
    assert hits, "a living allocation has its key"
    for hit in hits:
        assert {"dd", "wf"} <= set(hit.area.flags), hit  # neither in dumps nor in children
    client.close()


def talk(client, peer, number):
    """Everything that tells the server who and with whom."""
    client.allocate()
    assert client.permit(peer.addr) == 0
    client.indicate(peer.addr, PAYLOAD + b"%d" % number)
    assert peer.recv()[0].startswith(PAYLOAD)
    assert client.bind(0x4000, peer.addr) == 0
    client.channel(0x4000, PAYLOAD * 20)
    data, relayed = peer.recv()
    assert data.startswith(PAYLOAD)
    peer.send(PAYLOAD * 30, relayed)
    assert client.next_channel()[1].startswith(PAYLOAD)


def crowds(server, over, end):
    """EACH clients come, talk, and end in that way; returns who they were."""
    people = [person(server, n) for n in range(EACH)]
    peer = Peer(PEER)
    for first in range(0, EACH, CROWD):
        clients = [Client(server, who, CLIENT, over=over) for who in people[first:first + CROWD]]
        for number, client in enumerate(clients):
            talk(client, peer, number)
        for client in clients:
            end(client)
    peer.close()
    return people


def by_refresh(client):
    assert client.refresh(0).code == 0
    client.barrier()  # the last answers tell it its own address
    client.link.close()


def by_close(client):
    client.link.close()


def nothing_is_left(server, people):
    time.sleep(1.1)
    with stopped(server.pid):
        hits = scan(server.pid, traces(*people[:3], *people[-3:]))
    assert not hits, f"{len(hits)}: {hits[:12]}"


@pytest.mark.parametrize("over", TRANSPORTS)
def test_t6_nothing_is_left_after_refresh(server, over):
    nothing_is_left(server, crowds(server, over, by_refresh))


@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_t6_nothing_is_left_after_close(server, over):
    nothing_is_left(server, crowds(server, over, by_close))


@pytest.mark.parametrize("over", ["udp", "dtls"])
def test_t6_nothing_is_left_after_expiry(server, over):
    held = []  # or the next would come from a port whose allocation still lives
    people = crowds(server, over, held.append)
    for client in held:
        client.link.close()
    server.advance(700)
    server.advance(700)
    nothing_is_left(server, people)


def first_flight():
    hello = SSL.Connection(dtls_context(), None)
    hello.set_connect_state()
    with suppress(SSL.WantReadError):
        hello.do_handshake()
    return hello.bio_read(1 << 16)


def test_t6_nothing_is_left_of_strangers(server):
    """Who asked without a name, or began something and went away."""
    to = server.addresses()[0][1]
    with closing(Udp(to, CLIENT)) as link:
        for raw in (build(REQUEST, ALLOCATE, [UDP]), build(REQUEST, BINDING, [BIG]), b"\x7f" * 90):
            link.send(raw)
            link.recv(0.2)
        link.send(first_flight())
        assert link.recv(WAIT), "no cookie"
    for first in (b"", b"\0\x03\0", b"\x16\x03\x01\x00", b"GET / HTTP/1.1\r\n\r\n",
                  build(REQUEST, ALLOCATE, [UDP])):
        Tcp(to, CLIENT, first=first).close()
    nothing_is_left(server, [person(server)])


def test_t6_nothing_is_left_of_who_was_issued_a_credential(tmp_path):
    """The main thread forgets as the workers do."""
    line, key, port = str(tmp_path / "line"), "key of the issuer of 16 bytes", free_ports(1)
    conf = {"issuer_listen": f"127.0.0.1:{port}", "issuer_key": key, "issuer_socket": line}
    with Server(conf) as server:
        server.wait_log("issuer-ready", 2)
        made = []
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(line)
                sock.sendall(f"{NAME}\n".encode())
                made.append(sock.makefile().read())
            query = urllib.parse.urlencode({"service": "turn", "key": key, "username": NAME})
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/?{query}", timeout=5) as got:
                made.append(got.read().decode())
        passwords = {word for text in made for word in re.findall(r"[\w+/]{27}=", text)}
        assert passwords, made[:2]
        time.sleep(1.1)
        needles = {p: p.encode() for p in passwords} | {
            "user name": NAME.encode(), "user name, quoted": urllib.parse.quote(NAME).encode()}
        with stopped(server.pid):
            hits = scan(server.pid, needles)
        assert not hits, hits


def test_t6_traces_are_found_while_they_are_used(server):
    """The reader reads: a living allocation's addresses are there."""
    client = Client(server, person(server), CLIENT)
    client.allocate()
    assert client.permit((PEER, 9)) == 0
    with stopped(server.pid):
        hits = {hit.what for hit in scan(server.pid, traces())}
    assert f"{CLIENT} packed" in hits and f"{PEER} packed" in hits
    client.close()


def test_all_memory_of_ours_is_guarded(server):
    """Whatever else is anonymous and writable holds no more than stacks and the C library's own."""
    with stopped(server.pid):
        guarded = [a for a in areas(server.pid) if {"dd", "wf"} <= set(a.flags)]
    assert sum(a.last - a.first for a in guarded) > 1 << 24
