"""Clients and peers with distinctive addresses, ports, names and texts, who go every way a request
can go; and what of them must be found nowhere.

    client 127.77.13.37 ──┐                            ┌── peer 127.99.66.33
    2001:db8:dead:beef::c0de ──  relay 127.0.0.1, ::1 ──  2001:db8:dead:beef::77
"""

import contextlib
import socket
import ssl
import struct
import time

import canary
from client import DUAL, TCP, UDP, Client, Credentials, Peer, udp_socket
from relay import password_of
from stun import (
    ALLOCATE, BINDING, CONNECT, CONNECTION_BIND, CONNECTION_ID, CREATE_PERMISSION, DATA, INDICATION,
    NONCE, REALM, REFRESH, REQUEST, SEND, SOFTWARE, USERNAME, XOR_PEER_ADDRESS, Mac, build,
    channel_data, new_tid, xor_address)
from support import netns
from transport import Tcp, Tls, tls_context

CLIENT, CLIENT_PORT = "127.77.13.37", 47613
CLIENT6, CLIENT6_PORT = "2001:db8:dead:beef::c0de", 47617
PEER, PEER_PORT = "127.99.66.33", 58379
PEER6, PEER6_PORT = "2001:db8:dead:beef::77", 58391
CLOSED_PORT = 58403
DENIED = ("10.99.66.33", 58411)
NAME = "CANARY-\u00fcmlaut-7f3a"
TEXTS = {
    "software": "CANARY-software-51c9", "realm": "CANARY-realm-be02", "nonce": "CANARY-nonce-9d41",
    "unknown": "CANARY-unknown-c377", "payload": "CANARY-payload-d06e",
    "other": "CANARY-other-2b8f", "junk": "CANARY-junk-60aa", "origin": "CANARY-origin-a91c",
    "sni": "canary-sni-1c55.example", "alpn": "canary-alpn-77e0",
}
ORIGIN = 0x802F
ALL_CODES = {0, 400, 401, 403, 420, 437, 438, 441, 447, 486, 508}
# What the server of these people is like: every limit is near.
CONF = {
    "listen": ["0.0.0.0:3478", "[::]:3478"],
    "relay_ports": "50000-50011",
    "allow_peers": ["127.99.66.33/32", "2001:db8:dead:beef::77/128"],
    "allocations_per_account": 2,
    "permissions_per_allocation": 2,
    "channels_per_allocation": 2,
    "bytes_per_allocation": 20000,
    "unproven_per_prefix": 50,
    "tcp_allocations": True,
}


def space():
    """The network namespace in which they live."""
    made = netns.Netns()
    for host in (CLIENT6, PEER6):
        made.ip("addr", "add", f"{host}/128", "dev", "lo", "nodad")
    return made


class Odd(Client):
    """A client on a port of its own choice."""

    def __init__(self, server, creds, host, port, **more):
        super().__init__(server, creds, host, netns=server.netns, port=port, **more)


def timed(name, ttl=86400):
    user = f"{int(time.time()) + ttl}:{name}"
    return Credentials(user, password_of(user))


def needles():
    """In every shape."""
    return [
        *canary.of_address(CLIENT, CLIENT_PORT), *canary.of_address(CLIENT6, CLIENT6_PORT),
        *canary.of_address(PEER, PEER_PORT), *canary.of_address(PEER6, PEER6_PORT),
        *canary.of_address(*DENIED), str(CLOSED_PORT).encode(), b"CANARY", b"7f3a",
        *canary.of_text("CANARY"), *canary.of_text(NAME),
        *(n for text in TEXTS.values() for n in canary.of_text(text)),
    ]


def needles_of(*clients):
    """Their credentials, nonces and keys."""
    for one in clients:
        for text in (one.creds.user, one.creds.password, one.nonce, one.key.hex()):
            yield from canary.of_text(text)
        yield from canary.of_bytes(one.key)


def errors(server, made):
    """One of each error code that a client can bring about. Returns the client and the codes."""
    who = timed(NAME)
    one = Odd(server, who, CLIENT, CLIENT_PORT)
    other = Odd(server, timed(TEXTS["other"]), CLIENT, CLIENT_PORT + 1)
    made += [one, other]
    seen = {one.challenge().code}
    one.allocate(DUAL, (ORIGIN, TEXTS["origin"]))
    peer = (PEER, PEER_PORT)
    seen.add(one.code(ALLOCATE, [UDP]))                                           # 437
    seen.add(one.permit(DENIED))                                                  # 403
    seen.add(one.bind(0x3000, peer))                                              # 400
    seen.add(one.code(REFRESH, [(0x7777, TEXTS["unknown"])]))                     # 420
    seen.add(one.code(ALLOCATE, [(0x19, b"\x06\0\0\0")]))                         # 442 or 437
    own, one.creds = one.creds, other.creds
    seen.add(one.request(REFRESH).code)                                           # 441
    one.creds = own
    wrong = Odd(server, Credentials(timed(NAME).user, "wrong"), CLIENT, CLIENT_PORT + 2)
    expired = Odd(server, timed(NAME, -100), CLIENT, CLIENT_PORT + 3)
    made += [wrong, expired]
    seen |= {wrong.code(ALLOCATE, [UDP]), expired.code(ALLOCATE, [UDP])}          # 401
    stale = [UDP, (USERNAME, own.user), (REALM, one.realm), (NONCE, TEXTS["nonce"]), one.mac()]
    seen.add(other.ask(ALLOCATE, stale).code)                                     # 438
    foreign = [UDP, (USERNAME, own.user), (REALM, TEXTS["realm"]), (NONCE, one.nonce),
               Mac(own.key(TEXTS["realm"]))]
    seen.add(other.ask(ALLOCATE, foreign).code)
    return one, seen


def streams(server, made):
    """Over TLS and DTLS; a TCP allocation whose peer refuses; what fails before it begins. Returns
    the codes seen."""
    seen = set()
    for number, over in enumerate(("tls", "dtls")):
        one = Odd(server, timed(f"{NAME}-{over}"), CLIENT, CLIENT_PORT + 60 + number, over=over)
        one.allocate()
        assert one.permit((PEER, PEER_PORT)) == 0
        one.indicate((PEER, PEER_PORT), TEXTS["payload"].encode())
        seen.add(one.refresh(0).code)
        made.append(one)
    one = Odd(server, timed(f"{NAME}-tcp"), CLIENT, CLIENT_PORT + 62, over="tcp")
    made.append(one)
    one.allocate(transport=TCP)
    assert one.permit((PEER, CLOSED_PORT)) == 0
    seen.add(one.with_peer(CONNECT, [], (PEER, CLOSED_PORT)).code)                # 447
    seen.add(one.code(CONNECTION_BIND, [(CONNECTION_ID, b"\x01\x02\x03\x04")]))   # 400
    bad_handshakes(server)
    return seen


def bad_handshakes(server):
    to, port = ("127.0.0.1", 3478), CLIENT_PORT + 70
    contexts = [tls_context(alpn=(TEXTS["alpn"],)), tls_context(version=ssl.TLSVersion.TLSv1_2),
                ssl.create_default_context()]
    for number, context in enumerate(contexts):
        with contextlib.suppress(OSError):
            Tls(to, CLIENT, port + number, server.netns, TEXTS["sni"], context).close()
    junk = TEXTS["junk"].encode()
    for number, raw in enumerate((b"\x16\x03\x01\x00\xff\x01" + junk, b"\x16\x03\x01" + junk,
                                  b"GET /" + junk + b" HTTP/1.1\r\n\r\n", junk)):
        with contextlib.suppress(OSError):
            link = Tcp(to, CLIENT, port + 10 + number, server.netns)
            link.send(raw)
            link.close()


def quotas(server, made):
    """486 from the account's limit, 508 from the end of the ports."""
    seen, number = set(), 0
    for name in [NAME] * 3 + [TEXTS["other"] + str(i // 2) for i in range(16)]:
        number += 1
        one = Odd(server, timed(name), CLIENT, CLIENT_PORT + 10 + number)
        made.append(one)
        seen.add(one.code(ALLOCATE, [UDP]))
    return seen


def traffic(one, closed=(PEER, CLOSED_PORT)):
    """Data both ways, an ICMP error, more than the rate, and what must be dropped."""
    peers = [Peer(PEER, PEER_PORT, one.server.netns), Peer(PEER6, PEER6_PORT, one.server.netns)]
    payload = TEXTS["payload"].encode()
    assert one.bind(0x4001, peers[0].addr) == 0 and one.permit(peers[0].addr) == 0
    one.channel(0x4001, payload)
    assert peers[0].recv()[0] == payload
    peers[0].send(payload, one.relayed[0])
    assert one.next_channel() == (0x4001, payload)
    assert one.permit(peers[1].addr) == 0
    one.indicate(peers[1].addr, payload)
    assert peers[1].recv()[0] == payload
    peers[1].send(payload, one.relayed[1])
    assert one.next_data() == (peers[1].addr, payload)
    one.indicate(closed, payload)
    one.next()  # the Data indication that reports the ICMP error
    one.indicate(DENIED, payload)
    one.channel(0x4002, payload)
    for _ in range(60):
        one.channel(0x4001, payload * 40)
    assert one.permit((PEER, 1), (PEER6, 1), ("127.99.66.34", 1)) in (403, 486, 508)
    for peer in peers:
        peer.close()


def junk(server):
    """Nothing of this is an answerable message."""
    text = TEXTS["junk"].encode()
    tid = new_tid()
    sock = udp_socket(CLIENT, CLIENT_PORT + 5, server.netns)
    good = build(REQUEST, ALLOCATE, [UDP, (USERNAME, NAME), (SOFTWARE, TEXTS["software"])])
    for raw in (text, b"\0\1" + text, good[:-5], good + text, channel_data(0x4001, text),
                channel_data(0x4001, text, length=900), b"\x16\xfe\xfd" + text, bytes([255]) * 99,
                build(INDICATION, SEND, [(XOR_PEER_ADDRESS, xor_address((PEER, 9), tid)),
                                         (DATA, text)], tid),
                build(REQUEST, CREATE_PERMISSION, [(USERNAME, NAME + "\0" + NAME)]),
                build(REQUEST, 0x0AB, [(SOFTWARE, TEXTS["software"])]),
                build(REQUEST, BINDING, [(USERNAME, b"\xff\xfe" + text)])):
        sock.sendto(raw, ("127.0.0.1", 3478))
    for _ in range(100):  # more than an unproven source is answered
        sock.sendto(good, ("127.0.0.1", 3478))
    sock.close()


def strangers(sock):
    """Source and destination ports of captured UDP packets that are no part of the test."""
    first, last = map(int, CONF["relay_ports"].split("-"))
    own = {3478, *range(first, last + 1)}
    for frame in netns.frames(sock):
        kind = frame[12:14]
        at = {b"\x08\0": 14 + (frame[14] & 15) * 4, b"\x86\xdd": 54}.get(kind)
        proto = {b"\x08\0": frame[23], b"\x86\xdd": frame[20]}.get(kind)
        if at is None or proto != socket.IPPROTO_UDP:  # ICMP is the kernel's
            continue
        ports = struct.unpack("!HH", frame[at:at + 4])
        if not own & set(ports):
            yield proto, ports


def in_short(server):
    """A little of everything, whatever the configuration forbids of it; some seconds at most. For
    tests of what the server says, not of whether it serves."""
    made = []
    for port, who in enumerate((timed(NAME), Credentials(timed(NAME).user, "wrong"))):
        one = Odd(server, who, CLIENT, CLIENT_PORT + port)
        made.append(one)
        answer = one.ask(ALLOCATE, [UDP, (SOFTWARE, TEXTS["software"])], timeout=0.3)
        if answer is None or not answer.get(NONCE):
            continue
        one.learn(answer)
        tid = new_tid()
        for method, attrs in ((ALLOCATE, [UDP]),
                              (CREATE_PERMISSION, [(XOR_PEER_ADDRESS, xor_address(DENIED, tid))]),
                              (CREATE_PERMISSION,
                               [(XOR_PEER_ADDRESS, xor_address((PEER, PEER_PORT), tid))]),
                              (REFRESH, [(0x7777, TEXTS["unknown"])])):
            one.ask(method, [*attrs, *one.auth(), one.mac()], tid, timeout=0.3)
            tid = new_tid()
        one.indicate((PEER, CLOSED_PORT), TEXTS["payload"].encode())
        one.indicate(DENIED, TEXTS["payload"].encode())
    junk(server)
    for one in made:
        one.close()
    return made
