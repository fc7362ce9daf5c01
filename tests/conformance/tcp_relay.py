"""TCP allocations (RFC 6062) for tests: peers that listen and connect, data connections, and the
way from one to the other."""

import contextlib
import select
import socket
import ssl
import time

from accounts import ALICE
from client import BIG, TCP, V4_RELAY, V6_RELAY, WAIT, Client
from stun import (
    CONNECT, CONNECTION_ATTEMPT, CONNECTION_BIND, CONNECTION_ID, INDICATION, MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256, XOR_PEER_ADDRESS, new_tid, u32,
    xor_address)
from transport import Tcp

# One thread, for a jump of the clock is then known to all of it; and two.
TIMED = {"tcp_allocations": True, "bytes_per_allocation": 0}
ON = TIMED | {"threads": 2}
PEERS = {"4": "127.0.0.77", "6": "::1"}
ELSEWHERE = {"4": ("8.8.4.4", 9), "6": ("2606:4700:4700::1111", 9)}  # allowed, never sent to
FAMILY = {"4": V4_RELAY, "6": V6_RELAY}
NOBODY = u32(0x1234567)  # a CONNECTION-ID that stands for nothing
PIECE = 65536
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stream(Tcp):
    """Bare bytes over a connection that stands already."""

    def __init__(self, sock):
        self.sock, self.buffer, self.closed = sock, bytearray(), False
        self.addr, self.far = sock.getsockname()[:2], sock.getpeername()[:2]


class TcpPeer:
    """A plain TCP host: listens on addr, and connects from other ports."""

    def __init__(self, host, netns=None, backlog=16):
        self.host, self.family = host, socket.AF_INET6 if ":" in host else socket.AF_INET
        self.make = netns.socket if netns else socket.socket
        self.listener = self._socket()
        self.listener.bind((host, 0))
        self.listener.listen(backlog)
        self.addr = self.listener.getsockname()[:2]
        self.made = []

    def _socket(self):
        sock = self.make(self.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    def _keep(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.made.append(Stream(sock))
        return self.made[-1]

    def accept(self, timeout=WAIT):
        self.listener.settimeout(timeout)
        return self._keep(self.listener.accept()[0])

    def connect(self, to, port=0):
        """A connection of the peer's own to the relayed address."""
        sock = self._socket()
        sock.settimeout(WAIT)
        sock.bind((self.host, port))
        sock.connect(to)
        return self._keep(sock)

    def fill(self):
        """From now on the peer is deaf: its queue is full and the kernel drops every SYN."""
        while True:
            sock = self._socket()
            self.made.append(sock)
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect(self.addr)
            if not select.select([], [sock], [], 0.2)[1]:
                sock.close()
                return self

    def drain(self):
        """And now it hears again; what had come before is gone."""
        self.listener.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            while True:
                self.listener.accept()[0].close()

    def close(self):
        for one in [*self.made, self.listener]:
            one.close()


def begin(one, peer, tid=None):
    """Sends a Connect and does not wait; its transaction id."""
    tid = tid or new_tid()
    one.send(one.signed(CONNECT, [(XOR_PEER_ADDRESS, xor_address(peer, tid))], tid))
    return tid


def connect(one, peer):
    """Error code of Connect, 0 for success."""
    return one.with_peer(CONNECT, [], peer).code


def connected(one, peer):
    """Must succeed. Returns the CONNECTION-ID."""
    msg = one.with_peer(CONNECT, [], peer)
    assert msg.code == 0, f"Connect failed with {msg.code}"
    assert msg.kinds() in ([CONNECTION_ID, k] for k in (MESSAGE_INTEGRITY,
                                                        MESSAGE_INTEGRITY_SHA256))
    return msg.get(CONNECTION_ID)


def attempt(one):
    """(peer, CONNECTION-ID) of the ConnectionAttempt that must come next."""
    msg = one.next()
    assert (msg.cls, msg.method) == (INDICATION, CONNECTION_ATTEMPT)
    assert sorted(msg.kinds()) == [XOR_PEER_ADDRESS, CONNECTION_ID]
    return msg.address(XOR_PEER_ADDRESS), msg.get(CONNECTION_ID)


def eventually(condition, timeout=WAIT):
    """Whether it becomes true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# --- Bare bytes ---


def drain(link):
    """What has come so far."""
    data = bytes(link.buffer)
    link.buffer.clear()
    return data


def take(link, count, timeout=5):
    """So many bytes from a connection; fewer when it ends or the time is over."""
    end = time.monotonic() + timeout
    while len(link.buffer) < count and link.read(end - time.monotonic()):
        pass
    data = bytes(link.buffer[:count])
    del link.buffer[:count]
    return data


def push(link, data, at=0):
    """Sends some of data from at on; where it got to."""
    link.sock.setblocking(False)
    with contextlib.suppress(*NOT_NOW):
        return at + link.sock.send(data[at:at + PIECE])
    return at


def pull(link):
    link.sock.setblocking(False)
    with contextlib.suppress(*NOT_NOW):
        data = link.sock.recv(PIECE)
        link.buffer += data
        link.closed = link.closed or not data


def exchange(near, end, up, down, sent_down=0, timeout=30):
    """Both ways at once: (what came of up at end, what came of down at near)."""
    over, sent_up = time.monotonic() + timeout, 0
    up, down = memoryview(up), memoryview(down)
    while len(near.buffer) < len(down) or len(end.buffer) < len(up):
        assert time.monotonic() < over, (len(end.buffer), len(near.buffer))
        assert not near.closed and not end.closed, (len(end.buffer), len(near.buffer))
        select.select([near.sock, end.sock], [], [], 0.001)
        sent_up, sent_down = push(near, up, sent_up), push(end, down, sent_down)
        pull(near)
        pull(end)
    return drain(end), drain(near)


def stuff(link, data, quiet=0.4):
    """Sends until nothing has been taken for a while; how much that was."""
    at, last = 0, time.monotonic()
    data = memoryview(data)
    while at < len(data) and time.monotonic() - last < quiet:
        now = push(link, data, at)
        if now == at:
            time.sleep(0.005)
            continue
        at, last = now, time.monotonic()
    return at


def passes(near, end, data=b"still open"):
    """Whether bytes get through both ways."""
    near.send(data)
    end.send(data[::-1])
    return take(end, len(data)) == data and take(near, len(data)) == data[::-1]


class Relays:
    """What a test has of TCP relays; the family of a relay is that of the client."""

    def __init__(self, client, via):
        self.client, self.version = client, via[-1]
        self.made = []

    def close(self):
        for one in self.made:
            one.close()

    def _keep(self, one):
        self.made.append(one)
        return one

    def control(self, server, creds=ALICE, lifetime=None, **more):
        """A client with a TCP allocation."""
        one = self.client(server, creds, **more)
        one.allocate(FAMILY[self.version], lifetime=lifetime, transport=TCP)
        return one

    def peer(self, host=None, **more):
        return self._keep(TcpPeer(host or PEERS[self.version], **more))

    def opened(self, one, number, creds=None):
        """A data connection that knows its nonce, from a first ConnectionBind without proof."""
        data = Client(one.server, creds or one.creds, one.host, mode=one.mode, over=one.over,
                      to=one.to)
        self._keep(data.link)
        msg = data.ask(CONNECTION_BIND, [(CONNECTION_ID, number), BIG])
        assert msg is not None and msg.code == 401
        data.learn(msg)
        return data

    def join(self, one, number, behind=b""):
        """The bare connection behind a ConnectionBind that succeeds; behind: sent at once."""
        data = self.opened(one, number)
        raw = data.signed(CONNECTION_BIND, [(CONNECTION_ID, number)])
        data.send(raw + behind)
        msg = data.wait(raw[8:20])
        assert msg is not None, "no answer to ConnectionBind"
        assert msg.code == 0, f"ConnectionBind failed with {msg.code}"
        assert msg.kinds() == [data.kind] and msg.verify(data.kind, data.key)
        return data.link

    def bind_code(self, one, number, creds=None):
        """Error code of a ConnectionBind on a new connection."""
        return self.opened(one, number, creds).code(CONNECTION_BIND, [(CONNECTION_ID, number)])

    def outgoing(self, one, far):
        """(the client's data connection, the peer's end) after a Connect."""
        number = connected(one, far.addr)
        end = far.accept()
        return self.join(one, number), end

    def incoming(self, one, far):
        """(CONNECTION-ID, the peer's end) of a connection that a permitted peer has made."""
        assert one.permit(far.addr) == 0
        end = far.connect(one.relayed[0])
        who, number = attempt(one)
        assert who == end.addr
        return number, end

    def pair(self, one, far, way):
        if way == "connect":
            return self.outgoing(one, far)
        number, end = self.incoming(one, far)
        return self.join(one, number), end
