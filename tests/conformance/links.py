"""A small world of namespaces: clients - server - peers, with cables that can be listened to."""

import socket
import struct
from contextlib import contextmanager

from accounts import ALICE, USERS
from client import Client, Peer
from support.netns import Netns, capture, frames, veth
from support.server import Server

CLIENT4, CLIENT6 = "198.18.1.2", "fd01::2"
NEAR4, NEAR6 = "198.18.1.1", "fd01::1"  # the server's side towards the clients
FAR4, FAR6 = "198.18.2.1", "fd02::1"  # the server's side towards the peers: its relays
PEER4, PEER6 = "198.18.2.2", "fd02::2"
TEREDO, SIXTOFOUR = "2001:0:5::2", "2002:c000:204::2"
CARRIERS = (socket.IPPROTO_UDP, socket.IPPROTO_TCP)
CLIENT_EXTRA = [f"{TEREDO}/64", f"{SIXTOFOUR}/64"]
NEAR_EXTRA = ["2001:0:5::1/64", "2002:c000:204::1/64"]


class World:
    """Cables c0 (client side) and p0 (peer side), MTU 1500."""

    def __init__(self):
        self.client_ns, self.server_ns, self.peer_ns = Netns(), Netns(), Netns()
        veth(self.client_ns, self.server_ns, "c0",
             [f"{CLIENT4}/24", f"{CLIENT6}/64", *CLIENT_EXTRA],
             [f"{NEAR4}/24", f"{NEAR6}/64", *NEAR_EXTRA])
        veth(self.server_ns, self.peer_ns, "p0", [f"{FAR4}/24", f"{FAR6}/64"],
             [f"{PEER4}/24", f"{PEER6}/64"])
        for ns in (self.client_ns, self.peer_ns):
            ns.ip("route", "add", "default", "via", NEAR4 if ns is self.client_ns else FAR4)
        self.servers = {}
        self.sockets = []

    def server(self, copy_tos=False):
        if copy_tos not in self.servers:
            port = 3478 + len(self.servers)
            first = 50000 + 500 * len(self.servers)
            conf = {
                "listen": [f"{NEAR4}:{port}", f"[{NEAR6}]:{port}", f"[{NEAR_EXTRA[0][:-3]}]:{port}",
                           f"[{NEAR_EXTRA[1][:-3]}]:{port}"],
                "relay_ipv4": FAR4, "relay_ipv6": FAR6, "users": USERS, "copy_tos": copy_tos,
                "allow_peers": ["198.18.0.0/15", "fd02::/64"],
                "relay_ports": f"{first}-{first + 399}",
            }
            self.servers[copy_tos] = Server(conf, netns=self.server_ns).start()
        return self.servers[copy_tos]

    def client(self, server, host=CLIENT4, creds=ALICE, over="udp"):
        to = None
        if host in (TEREDO, SIXTOFOUR):
            to = server.addresses()[2 if host == TEREDO else 3][1]
        self.sockets.append(Client(server, creds, host, netns=self.client_ns, to=to, over=over))
        return self.sockets[-1]

    def peer(self, host=PEER4, port=0):
        self.sockets.append(Peer(host, port, netns=self.peer_ns))
        return self.sockets[-1]

    def close_sockets(self):
        while self.sockets:
            self.sockets.pop().close()

    def close(self):
        self.close_sockets()
        try:
            for server in self.servers.values():
                server.stop()
        finally:
            for ns in (self.client_ns, self.server_ns, self.peer_ns):
                ns.close()

    @contextmanager
    def watch(self, side):
        """A list that gets all IP packets of the peers' or the clients' cable, at the end."""
        ns, link = (self.peer_ns, "p0") if side == "peer" else (self.client_ns, "c0")
        sock = capture(ns, link)
        seen = []
        try:
            yield seen
            seen.extend(parsed for f in frames(sock) if (parsed := parse_ip(f[14:])))
        finally:
            sock.close()


class Packet:
    """What the tests want to know of one IP packet that carries UDP or TCP."""

    def __init__(self, version, tos, flow, ttl, dont_fragment, src, dst, payload):
        self.version, self.tos, self.flow, self.ttl = version, tos, flow, ttl
        self.dont_fragment, self.src, self.dst, self.payload = dont_fragment, src, dst, payload


def _inner(protocol, segment):
    """What UDP or TCP carries."""
    return segment[8:] if protocol == socket.IPPROTO_UDP else segment[segment[12] >> 4 << 2:]


def parse_ip(raw):
    if raw[0] >> 4 == 4 and raw[9] in CARRIERS:
        flags = struct.unpack("!H", raw[6:8])[0]
        head = (raw[0] & 15) * 4
        total = struct.unpack("!H", raw[2:4])[0]
        return Packet(4, raw[1], None, raw[8], bool(flags & 0x4000),
                      socket.inet_ntop(socket.AF_INET, raw[12:16]),
                      socket.inet_ntop(socket.AF_INET, raw[16:20]), _inner(raw[9], raw[head:total]))
    if raw[0] >> 4 == 6 and raw[6] in CARRIERS:
        word = struct.unpack("!I", raw[:4])[0]
        return Packet(6, word >> 20 & 0xFF, word & 0xFFFFF, raw[7], None,
                      socket.inet_ntop(socket.AF_INET6, raw[8:24]),
                      socket.inet_ntop(socket.AF_INET6, raw[24:40]), _inner(raw[6], raw[40:]))
    return None


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def inner4(src, dst, protocol=17, data=b"inner"):
    """The start of a packet that the server is said to have sent: IPv4 and UDP headers."""
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(data), 1, 0x4000, 63, protocol, 0)
    ip += socket.inet_aton(src[0]) + socket.inet_aton(dst[0])
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + struct.pack("!HHHH", src[1], dst[1], 8 + len(data), 0) + data


def inner6(src, dst, protocol=17, data=b"inner"):
    ip = struct.pack("!IHBB", 6 << 28, 8 + len(data), protocol, 63)
    ip += socket.inet_pton(socket.AF_INET6, src[0]) + socket.inet_pton(socket.AF_INET6, dst[0])
    return ip + struct.pack("!HHHH", src[1], dst[1], 8 + len(data), 0x1234) + data


def icmp4(kind, code, rest, inner):
    head = struct.pack("!BBHI", kind, code, 0, rest)
    return head[:2] + struct.pack("!H", checksum(head + inner)) + head[4:] + inner


def icmp6(kind, code, rest, inner):
    return struct.pack("!BBHI", kind, code, 0, rest) + inner  # the kernel sums it up


def inject(world, host, message):
    """Sends an ICMP message from the peers' side to the server's relay address."""
    six = ":" in host
    family, protocol = (socket.AF_INET6, 58) if six else (socket.AF_INET, 1)
    with world.peer_ns.inside():
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    with sock:
        sock.bind((host, 0))
        sock.sendto(message, (FAR6 if six else FAR4, 0))
