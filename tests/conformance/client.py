"""A TURN client for tests: right by default, wrong on demand, and a peer for the other side."""

import socket
import struct
import time
from collections import deque

from stun import (
    ADDITIONAL_ADDRESS_FAMILY, ALGORITHMS, ALLOCATE, BINDING, CHANNEL_BIND, CHANNEL_NUMBER,
    CREATE_PERMISSION, DATA, ERROR, INDICATION, LIFETIME, MD5, MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256, NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS, REALM, REFRESH,
    REQUEST, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, SEND, SHA256, SOFTWARE, SUCCESS,
    USERHASH, USERNAME, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, Fingerprint, Mac, build,
    channel_data, key_md5, key_sha256, new_tid, parse, u8pad, u16pad, u32, userhash,
    xor_address)
from transport import LINKS, udp_socket

WAIT = 2.0
UDP = (REQUESTED_TRANSPORT, u8pad(17))
TCP = (REQUESTED_TRANSPORT, u8pad(6))
V4_RELAY = (REQUESTED_ADDRESS_FAMILY, u8pad(1))
V6_RELAY = (REQUESTED_ADDRESS_FAMILY, u8pad(2))
DUAL = (ADDITIONAL_ADDRESS_FAMILY, u8pad(2))
# Makes a request large enough for the full challenge of RFC 8489.
BIG = (SOFTWARE, b"conformance suite, long enough to be answered in full")
# Answers that are never signed: no key was agreed upon when they were made.
UNSIGNED = (401, 438)


class Credentials:
    def __init__(self, user, password):
        self.user, self.password = user, password

    def key(self, realm, algorithm=MD5):
        make = key_sha256 if algorithm == SHA256 else key_md5
        return make(self.user, realm, self.password)


class Peer:
    """A plain UDP host on the far side of the relay."""

    def __init__(self, host="127.0.0.77", port=0, netns=None):
        self.sock = udp_socket(host, port, netns)
        self.addr = self.sock.getsockname()[:2]

    def send(self, data, to):
        self.sock.sendto(data, to)

    def recv(self, timeout=WAIT):
        """(data, source)."""
        self.sock.settimeout(timeout)
        data, source = self.sock.recvfrom(65536)
        return data, source[:2]

    def pending(self):
        """Everything that has arrived, without waiting."""
        self.sock.setblocking(False)
        result = []
        try:
            while True:
                result.append(self.sock.recv(65536))
        except BlockingIOError:
            return result

    def close(self):
        self.sock.close()


class Client:
    """One socket, hence one 5-tuple. mode: "5389" or "8489"; hashed sends USERHASH.

    over: the transport; more goes to it.
    """

    def __init__(self, server, creds=None, host="127.0.0.1", mode="5389", netns=None, to=None,
                 over="udp", **more):
        self.server, self.creds, self.mode = server, creds, mode
        self.hashed = False
        self.algorithm = SHA256
        self.realm, self.nonce, self.algorithms = "", "", None
        wanted = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.to = to or next(a for family, a in server.addresses() if family == wanted)
        self.host, self.over = host, over
        self.link = LINKS[over](self.to, host, netns=netns, **more)
        self.sock, self.addr = self.link.sock, self.link.addr
        self.inbox = deque()  # what came besides the answer that was waited for
        self.relayed = []
        self.barriers = set()  # their late second answers are of no interest

    @property
    def stream(self):
        return self.link.stream

    def close(self):
        """Gives the relayed port back if there is one; nobody waits for the answer."""
        if self.nonce and self.creds and not self.link.closed:
            try:
                self.send(self.signed(REFRESH, [(LIFETIME, u32(0))]))
            except OSError:
                pass  # the server of this test is gone already
        self.link.close()

    # --- Bytes ---

    def send(self, raw):
        self.link.send(raw)

    def recv(self, timeout=WAIT):
        """The next message as bytes, whatever it is; None after the time."""
        return self.link.recv(timeout)

    def wait(self, tid, timeout=WAIT):
        """The answer with this transaction id, all else goes to the inbox; None after timeout."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            raw = self.recv(left)
            if raw is None:
                return None
            if 0x40 <= raw[0] <= 0x4F:
                self.inbox.append(raw)
                continue
            msg = parse(raw)
            if msg.tid == tid and msg.cls in (SUCCESS, ERROR):
                return msg
            if msg.tid not in self.barriers:
                self.inbox.append(msg)
        return None

    def barrier(self):
        """Two turns of the server's loop: what was sent before has been dealt with."""
        for _ in range(2):
            raw = build(REQUEST, BINDING, [BIG])
            self.barriers.add(raw[8:20])
            # Again if need be: after a flood its first copy may find no room in the queue.
            assert any(self._asked(raw) for _ in range(8)), "no answer to Binding"

    def _asked(self, raw):
        self.send(raw)
        return self.wait(raw[8:20], WAIT / 4) is not None

    def silent(self, raw=None):
        """Sends raw; True when nothing but the barrier's answers came back."""
        if raw is not None:
            self.send(raw)
        self.barrier()
        came = list(self.inbox)
        self.inbox.clear()
        return not came

    def refused(self, raw):
        """Bytes that begin no message: no answer; on a stream they also end the connection."""
        if not self.stream:
            return self.silent(raw)
        link = LINKS[self.over](self.to, self.host)
        try:
            link.send(raw)
            return link.ended()
        finally:
            link.close()

    def next(self, timeout=WAIT):
        """The next message that is not an answer: a Message, or ChannelData as bytes."""
        if self.inbox:
            return self.inbox.popleft()
        raw = self.recv(timeout)
        assert raw is not None, "nothing came from the server"
        return raw if 0x40 <= raw[0] <= 0x4F else parse(raw)

    def next_data(self):
        """(peer, payload) of a Data indication."""
        msg = self.next()
        assert not isinstance(msg, bytes), "ChannelData where Data was expected"
        assert msg.kinds() == [XOR_PEER_ADDRESS, DATA]
        return msg.address(XOR_PEER_ADDRESS), msg.get(DATA)

    def next_channel(self):
        """(channel, payload) of ChannelData; padding belongs to streams, which check it."""
        raw = self.next()
        assert isinstance(raw, bytes), "Data where ChannelData was expected"
        number, length = struct.unpack("!HH", raw[:4])
        assert length == len(raw) - 4
        return number, raw[4:]

    # --- Requests ---

    def ask(self, method, attrs=(), tid=None, timeout=WAIT):
        """A request as it is, nothing added."""
        raw = build(REQUEST, method, attrs, tid)
        self.send(raw)
        return self.wait(raw[8:20], timeout)

    def challenge(self):
        """Learns realm, nonce and algorithms from the first 401."""
        attrs = [UDP, BIG] if self.mode == "8489" else [UDP]
        msg = self.ask(ALLOCATE, attrs)
        assert msg is not None and msg.code == 401, f"no challenge: {msg}"
        return self.learn(msg)

    def learn(self, msg):
        self.realm, self.nonce = msg.get(REALM).decode(), msg.get(NONCE).decode()
        self.algorithms = msg.get(PASSWORD_ALGORITHMS)
        return msg

    @property
    def key(self):
        return self.creds.key(self.realm, self.algorithm if self.mode == "8489" else MD5)

    @property
    def kind(self):
        return MESSAGE_INTEGRITY_SHA256 if self.mode == "8489" else MESSAGE_INTEGRITY

    def mac(self, **how):
        return Mac(self.key, self.kind, **how)

    def auth(self):
        """The attributes that name the user, without the integrity."""
        name = (USERNAME, self.creds.user)
        if self.hashed:
            name = (USERHASH, userhash(self.creds.user, self.realm))
        attrs = [name, (REALM, self.realm), (NONCE, self.nonce)]
        if self.mode == "8489":
            attrs.append((PASSWORD_ALGORITHMS, self.algorithms or ALGORITHMS))
            attrs.append((PASSWORD_ALGORITHM, struct.pack("!HH", self.algorithm, 0)))
        return attrs

    def signed(self, method, attrs=(), tid=None, fingerprint=False):
        """The bytes of a complete, authenticated request."""
        if not self.nonce:
            self.challenge()
        tail = [Fingerprint()] if fingerprint else []
        return build(REQUEST, method, [*attrs, *self.auth(), self.mac(), *tail], tid)

    def request(self, method, attrs=(), tid=None, fingerprint=False, retry=True):
        """An authenticated request; follows one 438; checks how the answer is signed."""
        raw = self.signed(method, attrs, tid, fingerprint)
        self.send(raw)
        msg = self.wait(raw[8:20])
        assert msg is not None, "no answer"
        if msg.code == 438 and retry:
            self.learn(msg)
            return self.request(method, attrs, None, fingerprint, retry=False)
        if msg.code not in UNSIGNED:
            assert msg.verify(self.kind, self.key), f"{msg.code} is not signed with our key"
        return msg

    def code(self, method, attrs=()):
        """The error code of an authenticated request, 0 for success."""
        return self.request(method, attrs).code

    # --- TURN ---

    def allocate(self, *attrs, lifetime=None, transport=UDP):
        """Must succeed. Returns the first relayed address; all are in self.relayed."""
        more = [] if lifetime is None else [(LIFETIME, u32(lifetime))]
        msg = self.request(ALLOCATE, [transport, *more, *attrs])
        assert msg.code == 0, f"Allocate failed with {msg.code}"
        self.relayed = msg.addresses(XOR_RELAYED_ADDRESS)
        return self.relayed[0]

    def refresh(self, lifetime=None, *attrs):
        more = [] if lifetime is None else [(LIFETIME, u32(lifetime))]
        return self.request(REFRESH, [*more, *attrs])

    def with_peer(self, method, attrs, *peers):
        """As request, with an XOR-PEER-ADDRESS per peer behind attrs."""
        tid = new_tid()
        more = [(XOR_PEER_ADDRESS, xor_address(p, tid)) for p in peers]
        msg = self.request(method, [*attrs, *more], tid)
        return msg

    def permit(self, *peers):
        """Error code of CreatePermission for these addresses; 0 for success."""
        return self.with_peer(CREATE_PERMISSION, [], *peers).code

    def bind(self, number, peer):
        """Error code of ChannelBind; 0 for success."""
        return self.with_peer(CHANNEL_BIND, [(CHANNEL_NUMBER, u16pad(number))], peer).code

    def indicate(self, peer, data, *attrs):
        tid = new_tid()
        body = [(XOR_PEER_ADDRESS, xor_address(peer, tid)), *attrs, (DATA, data)]
        self.send(build(INDICATION, SEND, body, tid))

    def channel(self, number, data, **wrong):
        padding = {"pad": -len(data) % 4} if self.stream else {}
        self.send(channel_data(number, data, **padding | wrong))


def arrives(client, peer, send, payload):
    """Sends through the relay and tells whether the payload came to the peer."""
    send(payload)
    client.barrier()
    return payload in peer.pending()


def returns(client, peer, payload, to=None):
    """Sends from the peer and tells whether the payload came to the client."""
    peer.send(payload, to or client.relayed[0])
    client.barrier()
    came = list(client.inbox)
    client.inbox.clear()
    return any((m[4:] if isinstance(m, bytes) else m.get(DATA)) == payload for m in came)
