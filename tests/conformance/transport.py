"""How a client's messages travel: UDP, TCP, TLS and DTLS behind one small interface."""

import functools
import socket
import ssl
import struct
import time
from collections import deque

from OpenSSL import SSL
from support import certificates

WAIT = 5.0
KINDS = ("udp", "tcp", "tls", "dtls")
HOSTS = {"4": "127.0.0.1", "6": "::1"}


def every(*names):
    """("udp", "tcp6") gives ["udp4", "udp6", "tcp6"]."""
    return [n if n[-1] in HOSTS else n + f for n in names or KINDS for f in HOSTS if
            n[-1] not in HOSTS or n[-1] == f]


def _socket(kind, host, port, netns):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = (netns.socket if netns else socket.socket)(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(WAIT)
    sock.bind((host, port))
    return sock


def udp_socket(host, port=0, netns=None):
    return _socket(socket.SOCK_DGRAM, host, port, netns)


class Udp:
    stream, secure = False, False

    def __init__(self, to, host, port=0, netns=None):
        self.sock = udp_socket(host, port, netns)
        self.sock.connect(to)
        self.addr = self.sock.getsockname()[:2]
        self.closed = False  # by the server

    def send(self, raw):
        self.sock.send(raw)

    def recv(self, timeout):
        """One message, or None after the time or the end; never less than it was sent as."""
        self.sock.settimeout(max(timeout, 0.0001))
        try:
            return self.sock.recv(65536)
        except (TimeoutError, BlockingIOError):
            return None

    def close(self):
        self.sock.close()


def frame(buffer):
    """(length of the first message, what it takes in the stream), or None if more is to come.

    A STUN message or ChannelData, told by their first bits; anything else is an error here: the
    server may not send it.
    """
    if len(buffer) < 4:
        return None
    kind, length = struct.unpack("!HH", buffer[:4])
    assert kind < 0x8000, f"the stream is out of step: {bytes(buffer[:8]).hex()}"
    size = 20 + length if kind < 0x4000 else 4 + length
    assert kind >= 0x4000 or length % 4 == 0, "header length in a stream"
    padded = size + -size % 4
    return (size, padded) if len(buffer) >= padded else None


class Tcp:
    stream, secure = True, False

    def __init__(self, to, host, port=0, netns=None, first=b""):
        self.sock = _socket(socket.SOCK_STREAM, host, port, netns)
        self.buffer = bytearray()
        self.closed = False
        self.sock.connect(to)
        self.sock.sendall(first)
        self.addr = self.sock.getsockname()[:2]

    def send(self, raw):
        self.sock.settimeout(WAIT)
        self.sock.sendall(raw)

    def recv(self, timeout):
        end = time.monotonic() + timeout
        while (found := frame(self.buffer)) is None:
            if not self.read(end - time.monotonic()):
                return None
        size, padded = found
        raw, padding = bytes(self.buffer[:size]), self.buffer[size:padded]
        assert not any(padding), "padding is not zero"
        del self.buffer[:padded]
        return raw

    def read(self, timeout):
        """Gets some bytes into the buffer; False after the time or the end."""
        if self.closed or timeout <= 0:
            return False
        self.sock.settimeout(max(timeout, 0.0001))
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except (ConnectionError, ssl.SSLError):
            data = b""
        self.buffer += data
        self.closed = not data
        return bool(data)

    def ended(self, timeout=WAIT):
        """Whether the server closes within the time, without a byte before it."""
        before = len(self.buffer)
        self.read(timeout)
        return self.closed and len(self.buffer) == before

    def reset(self):
        """Ends it with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


@functools.lru_cache(maxsize=None)
def tls_context(alpn=(), ca=None, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca or certificates.authority())
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class Tls(Tcp):
    secure = True

    def __init__(self, to, host, port=0, netns=None, name=certificates.NAME, context=None):
        super().__init__(to, host, port, netns)
        self.sock.settimeout(WAIT)
        context = context or tls_context()
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=name)
        except BaseException:
            self.sock.close()
            raise


@functools.lru_cache(maxsize=None)
def dtls_context():
    context = SSL.Context(SSL.DTLS_METHOD)
    context.load_verify_locations(certificates.authority())
    context.set_verify(SSL.VERIFY_PEER, lambda *args: args[-1] == 1)
    return context


def records(flight):
    """The DTLS records in some bytes, one by one."""
    at = 0
    while at < len(flight):
        size = 13 + struct.unpack_from("!H", flight, at + 11)[0]
        yield flight[at:at + size]
        at += size


class Dtls(Udp):
    """OpenSSL over memory buffers; each record is sent as a datagram of its own."""

    secure = True

    def __init__(self, to, host, port=0, netns=None, name=certificates.NAME):
        super().__init__(to, host, port, netns)
        self.inbox = deque()
        self.tls = SSL.Connection(dtls_context(), None)
        self.tls.set_tlsext_host_name(name.encode())
        self.tls.set_ciphertext_mtu(1200)
        self.tls.set_connect_state()
        try:
            self._handshake()
        except BaseException:
            self.sock.close()
            raise

    def _handshake(self):
        end = time.monotonic() + 2 * WAIT
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except SSL.WantReadError:
                self.flush()
            if time.monotonic() > end:
                raise TimeoutError("no DTLS handshake")
            raw = super().recv(1.0)
            if raw is None:
                self.tls.DTLSv1_handle_timeout()
            else:
                self.tls.bio_write(raw)

    def flush(self):
        try:
            for one in records(self.tls.bio_read(1 << 17)):
                self.sock.send(one)
        except SSL.WantReadError:
            pass  # there is nothing to send

    def send(self, raw):
        if raw:  # an empty record is none of TURN's business
            self.tls.send(raw)
            self.flush()

    def recv(self, timeout):
        end = time.monotonic() + timeout
        while not self.inbox:
            left = end - time.monotonic()
            raw = super().recv(left) if left > 0 and not self.closed else None
            if raw is None:
                return None
            self._decrypt(raw)
        return self.inbox.popleft()

    def _decrypt(self, raw):
        self.tls.bio_write(raw)
        try:
            while True:
                self.inbox.append(self.tls.recv(1 << 16))
        except SSL.WantReadError:
            self.flush()
        except (SSL.ZeroReturnError, SSL.SysCallError, SSL.Error):
            self.closed = True

    def ended(self, timeout=WAIT):
        self.recv(timeout)
        return self.closed

    def close(self):
        try:
            self.tls.shutdown()
            self.flush()
        except (SSL.Error, OSError):
            pass  # the server is gone, or was never there
        self.sock.close()


LINKS = {"udp": Udp, "tcp": Tcp, "tls": Tls, "dtls": Dtls}
