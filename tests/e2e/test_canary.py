"""Nothing that names a person leaves the process: every way a request can go, with distinctive
addresses, ports, names and texts, then a search through all that the process wrote or shows.

    client 127.77.13.37 ──┐                            ┌── peer 127.99.66.33
    2001:db8:dead:beef::c0de ──  relay 127.0.0.1, ::1 ──  2001:db8:dead:beef::77
"""

import base64
import hashlib
import os
import signal
import socket
import struct
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "conformance"))

import canary  # noqa: E402
from client import DUAL, UDP, Client, Credentials, Peer, udp_socket  # noqa: E402
from relay import password_of  # noqa: E402
from stun import (  # noqa: E402
    ALLOCATE, BINDING, CHANNEL_NUMBER, CREATE_PERMISSION, DATA, INDICATION, LIFETIME, NONCE, REALM,
    REFRESH, REQUEST, SEND, SOFTWARE, USERNAME, XOR_PEER_ADDRESS, Mac, build, channel_data, new_tid,
    u16pad, u32, xor_address)
from support import netns  # noqa: E402
from support.server import Server  # noqa: E402

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
    "other": "CANARY-other-2b8f", "junk": "CANARY-junk-60aa",
}


class Odd(Client):
    """A client on a port of its own choice."""

    def __init__(self, server, creds, host, port):
        super().__init__(server, creds, host, netns=server.netns, port=port)


def timed(name, ttl=86400):
    user = f"{int(time.time()) + ttl}:{name}"
    return Credentials(user, password_of(user))


@pytest.fixture(scope="module")
def server():
    space = netns.Netns()
    for host in (CLIENT6, PEER6):
        space.ip("addr", "add", f"{host}/128", "dev", "lo", "nodad")
    conf = {
        "listen": ["0.0.0.0:3478", "[::]:3478"],
        "relay_ports": "50000-50007",
        "allow_peers": ["127.99.66.33/32", "2001:db8:dead:beef::77/128"],
        "allocations_per_account": 2,
        "permissions_per_allocation": 2,
        "channels_per_allocation": 2,
        "bytes_per_allocation": 20000,
        "unproven_per_prefix": 50,
    }
    one = Server(conf, netns=space).start()
    try:
        yield one
    finally:
        one.discard()
        space.close()


def errors(server, made):
    """One of each error code that a client can bring about. Returns the codes seen."""
    who = timed(NAME)
    one = Odd(server, who, CLIENT, CLIENT_PORT)
    other = Odd(server, timed(TEXTS["other"]), CLIENT, CLIENT_PORT + 1)
    made += [one, other]
    seen = {one.challenge().code}
    one.allocate(DUAL)
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


def quotas(server, made):
    """486 from the account's limit, 508 from the end of the ports."""
    seen, number = set(), 0
    for name in [NAME] * 3 + [TEXTS["other"] + str(i // 2) for i in range(12)]:
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


def reloads(server):
    conf = Path(server.path).read_text()
    Path(server.path).write_text(conf + "listen = [\n")
    os.kill(server.pid, signal.SIGHUP)
    server.wait_log("reload-refused", 1)
    os.chmod(server.secrets_path, 0o644)
    Path(server.path).write_text(conf)
    os.kill(server.pid, signal.SIGHUP)
    server.wait_log("reload-refused", 2)
    os.chmod(server.secrets_path, 0o600)
    server.reload()


def inside(pid):
    """What anybody who looks at the process can read, and what it holds open."""
    result = {}
    for name in ("cmdline", "environ", "comm", "status", "maps"):
        result[f"/proc/PID/{name}"] = Path(f"/proc/{pid}/{name}").read_bytes()
    for task in Path(f"/proc/{pid}/task").iterdir():
        result[f"thread {task.name}"] = (task / "comm").read_bytes()
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    result["open files"] = "\n".join(links).encode()
    return result, links


def files(folder):
    result = {}
    for path in Path(folder).rglob("*"):
        result[f"name of {path.name}"] = str(path).encode()
        if path.is_file():
            result[path.name] = path.read_bytes()
    return result


def strangers(sock):
    """Source and destination ports of captured UDP packets that are no part of the test."""
    own = {3478, *range(50000, 50008)}
    try:
        while True:
            frame = sock.recv(65536)
            kind = frame[12:14]
            at = {b"\x08\0": 14 + (frame[14] & 15) * 4, b"\x86\xdd": 54}.get(kind)
            proto = {b"\x08\0": frame[23], b"\x86\xdd": frame[20]}.get(kind)
            if at is None or proto in (1, 58):  # ICMP is the kernel's
                continue
            ports = struct.unpack("!HH", frame[at:at + 4])
            if proto != socket.IPPROTO_UDP or not own & set(ports):
                yield proto, ports
    except BlockingIOError:
        return


@pytest.fixture(scope="module")
def needles():
    return [
        *canary.of_address(CLIENT, CLIENT_PORT), *canary.of_address(CLIENT6, CLIENT6_PORT),
        *canary.of_address(PEER, PEER_PORT), *canary.of_address(PEER6, PEER6_PORT),
        *canary.of_address(*DENIED), str(CLOSED_PORT).encode(), b"CANARY", b"7f3a",
        *canary.of_text("CANARY"), *canary.of_text(NAME),
        *(n for text in TEXTS.values() for n in canary.of_text(text)),
    ]


def test_nothing_leaves(server, needles):
    watch = netns.capture(server.netns, "lo")
    made = []
    one, seen = errors(server, made)
    made.append(six := Odd(server, timed(NAME), CLIENT6, CLIENT6_PORT))
    six.allocate()
    assert six.refresh(600).code == 0 and six.refresh(0).code == 0
    traffic(one)
    seen |= quotas(server, made)
    assert {0, 400, 401, 403, 420, 437, 438, 441, 486, 508} <= seen, seen
    reloads(server)
    junk(server)
    time.sleep(0.5)
    users = [one.creds.user, one.creds.password, one.nonce, six.creds.password]
    needles = needles + [n for text in users for n in canary.of_text(text)]
    needles += [*canary.of_text(one.key.hex()), one.key, base64.b64encode(one.key)]
    looks, links = inside(server.pid)
    os.kill(server.pid, signal.SIGUSR1)  # drain
    server.wait_log("draining")
    assert Odd(server, timed("x"), CLIENT, CLIENT_PORT + 40).code(ALLOCATE, [UDP]) == 508
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    # The configuration names the peer, as the operator's own words; it is the test's file.
    left = {k: v for k, v in files(server.dir).items() if k != "drehkreuz.conf"}
    assert left["stderr"].count(b"\n") < 40, "something a client did is in the log"
    hits = canary.find(needles, looks | left)
    assert not hits, hits
    writable = [link for link in links if link.startswith("/") and
                not link.startswith(("/dev/null", server.dir))]
    assert not writable, f"open files: {writable}"
    assert not list(strangers(watch)), "packets that no client asked for"
    watch.close()


@pytest.mark.parametrize("text", [
    CLIENT, PEER, "7F4D0D25", "127.77.13.", NAME, "CANARY%2Dx", urllib.parse.quote(NAME), "47613",
    base64.b64encode(NAME.encode()).decode(), base64.b64encode(b"x" + NAME.encode()).decode(),
    "2001:db8:dead:beef::c0de", "2001:0db8:dead:beef:0000:0000:0000:c0de", "2135756069",
    NAME.encode("unicode_escape").decode(),
])
def test_the_search_finds_text(needles, text):
    assert canary.find(needles, {"log": f"drehkreuz: fatal: about {text} here".encode()})


@pytest.mark.parametrize("data", [
    socket.inet_aton(CLIENT), socket.inet_aton(CLIENT)[::-1],
    bytes(a ^ b for a, b in zip(socket.inet_aton(PEER), canary.MAGIC)),
    socket.inet_pton(socket.AF_INET6, CLIENT6), NAME.encode(), NAME.encode("latin-1"),
], ids=range(6))
def test_the_search_finds_bytes(needles, data):
    assert canary.find(needles, {"file": b"\0\1\2" + data + b"\3"})


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_the_search_finds_hashes(needles, name):
    for data in (NAME.encode(), CLIENT.encode(), socket.inet_aton(CLIENT), PEER6.encode()):
        digest = hashlib.new(name, data).hexdigest().encode()
        assert canary.find(needles, {"log": b"id=" + digest})
