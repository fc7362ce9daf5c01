"""STUN and TURN messages (RFC 8489, RFC 8656, RFC 6062), written for the tests alone.

It shares no code with the server. The builder can produce any wrong message; the parser is strict
about everything the server sends: framing, zero padding, order, value formats, FINGERPRINT.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import struct
import zlib
from dataclasses import dataclass, field

MAGIC = 0x2112A442
HEADER = 20

REQUEST, INDICATION, SUCCESS, ERROR = range(4)

BINDING, ALLOCATE, REFRESH, SEND, DATA_METHOD = 0x001, 0x003, 0x004, 0x006, 0x007
CREATE_PERMISSION, CHANNEL_BIND = 0x008, 0x009
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 0x00A, 0x00B, 0x00C  # RFC 6062

MAPPED_ADDRESS = 0x0001
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
CHANNEL_NUMBER = 0x000C
LIFETIME = 0x000D
XOR_PEER_ADDRESS = 0x0012
DATA = 0x0013
REALM = 0x0014
NONCE = 0x0015
XOR_RELAYED_ADDRESS = 0x0016
REQUESTED_ADDRESS_FAMILY = 0x0017
EVEN_PORT = 0x0018
REQUESTED_TRANSPORT = 0x0019
DONT_FRAGMENT = 0x001A
MESSAGE_INTEGRITY_SHA256 = 0x001C
PASSWORD_ALGORITHM = 0x001D
USERHASH = 0x001E
XOR_MAPPED_ADDRESS = 0x0020
RESERVATION_TOKEN = 0x0022
CONNECTION_ID = 0x002A
ADDITIONAL_ADDRESS_FAMILY = 0x8000
ADDRESS_ERROR_CODE = 0x8001
PASSWORD_ALGORITHMS = 0x8002
ICMP = 0x8004
SOFTWARE = 0x8022
FINGERPRINT = 0x8028

MD5, SHA256 = 0x0001, 0x0002
ALGORITHMS = struct.pack("!HHHH", SHA256, 0, MD5, 0)
COOKIE = "obMatJos2"
ANONYMITY_BIT, ALGORITHMS_BIT = 0x400000, 0x800000


class Malformed(AssertionError):
    """The server sent something that RFC 8489 or RFC 8656 does not allow."""


def need(condition, what):
    if not condition:
        raise Malformed(what)


def message_type(cls, method):
    """Figure 3 of RFC 8489: M11..M7 C1 M6..M4 C0 M3..M0."""
    low, mid, high = method & 0xF, method >> 4 & 0x7, method >> 7
    return high << 9 | (cls >> 1) << 8 | mid << 5 | (cls & 1) << 4 | low


def split_type(value):
    cls = (value >> 8 & 1) << 1 | value >> 4 & 1
    return cls, value & 0xF | (value >> 5 & 0x7) << 4 | (value >> 9 & 0x1F) << 7


def new_tid():
    return os.urandom(12)


# --- Values ---


def u32(value):
    return struct.pack("!I", value)


def u8pad(value, rest=b"\0\0\0"):
    return bytes([value]) + rest


def u16pad(value, rest=b"\0\0"):
    return struct.pack("!H", value) + rest


def _xor(data, key):
    return bytes(a ^ b for a, b in zip(data, key))


def _pad_key(tid):
    return struct.pack("!I", MAGIC) + tid


def address(addr, first=0, family=None):
    """MAPPED-ADDRESS layout; addr is (host, port)."""
    ip = ipaddress.ip_address(addr[0])
    code = family if family is not None else (1 if ip.version == 4 else 2)
    return struct.pack("!BBH", first, code, addr[1]) + ip.packed


def xor_address(addr, tid, first=0, family=None):
    plain = address(addr, first, family)
    port = struct.unpack("!H", plain[2:4])[0] ^ MAGIC >> 16
    return plain[:2] + struct.pack("!H", port) + _xor(plain[4:], _pad_key(tid))


def parse_address(value, tid=None):
    """(host, port); XORed when a transaction id is given."""
    need(len(value) in (8, 20), f"address of {len(value)} bytes")
    zero, family, port = struct.unpack("!BBH", value[:4])
    need(zero == 0, "first byte of an address is not zero")
    need(family == (1 if len(value) == 8 else 2), f"family {family} in {len(value)} bytes")
    ip = value[4:]
    if tid is not None:
        port ^= MAGIC >> 16
        ip = _xor(ip, _pad_key(tid))
    return str(ipaddress.ip_address(ip)), port


def parse_error(value):
    """(code, reason phrase)."""
    need(len(value) >= 4, "ERROR-CODE is too short")
    reserved, number = value[0] << 16 | value[1] << 8 | value[2] & 0xF8, value[3]
    need(reserved == 0, "reserved bits of ERROR-CODE")
    cls = value[2] & 7
    need(3 <= cls <= 6 and number <= 99, f"error class {cls}, number {number}")
    reason = value[4:].decode("utf-8")
    need(len(reason) < 128, "reason phrase of 128 characters or more")
    return cls * 100 + number, reason


def parse_address_error(value):
    """(family, code, reason phrase), RFC 8656 section 18.12."""
    need(len(value) >= 4, "ADDRESS-ERROR-CODE is too short")
    need(value[0] in (1, 2), "family of ADDRESS-ERROR-CODE")
    need(value[1] == 0 and value[2] & 0xF8 == 0, "reserved bits of ADDRESS-ERROR-CODE")
    return value[0], (value[2] & 7) * 100 + value[3], value[4:].decode("utf-8")


def parse_algorithms(value):
    """List of (number, parameters)."""
    result, at = [], 0
    while at < len(value):
        number, length = struct.unpack_from("!HH", value, at)
        result.append((number, value[at + 4:at + 4 + length]))
        need(at + 4 + length <= len(value), "algorithm parameters overrun")
        at += 4 + length + -length % 4
    return result


def parse_icmp(value):
    """(type, code, error data), by the widths of the figure in RFC 8656 section 18.13."""
    need(len(value) == 8, "ICMP is not 8 bytes")
    need(value[:2] == b"\0\0", "reserved bytes of ICMP")
    both, data = struct.unpack("!HI", value[2:])
    return both >> 9, both & 0x1FF, data


# --- Long-term credentials ---


def key_md5(user, realm, password):
    return hashlib.md5(f"{user}:{realm}:{password}".encode()).digest()


def key_sha256(user, realm, password):
    return hashlib.sha256(f"{user}:{realm}:{password}".encode()).digest()


def userhash(user, realm):
    return hashlib.sha256(f"{user}:{realm}".encode()).digest()


def timed_password(secret, user):
    """draft-uberti-behave-turn-rest-00 section 2.2."""
    mac = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return base64.b64encode(mac).decode()


def nonce_features(nonce):
    """The 24 security feature bits of a nonce cookie (RFC 8489 section 9.2), or None."""
    if not nonce.startswith(COOKIE):
        return None
    return int.from_bytes(base64.b64decode(nonce[9:13]), "big")


# --- Building, right or wrong ---


def tlv(kind, value=b"", length=None, pad=b"\0"):
    """One attribute; length lies if given, pad fills the padding (None = leave it out)."""
    if isinstance(value, str):
        value = value.encode()
    fill = b"" if pad is None else (pad * 3)[:-len(value) % 4]
    return struct.pack("!HH", kind, len(value) if length is None else length) + value + fill


def crc(data):
    return zlib.crc32(data) & 0xFFFFFFFF


def _covered(head, body, size):
    """The message so far, its header length counted up to the end of an attribute to come."""
    return head[:2] + struct.pack("!H", len(body) + 4 + size) + head[4:] + body


@dataclass
class Mac:
    """MESSAGE-INTEGRITY or its SHA-256 sibling over everything before it."""

    key: bytes
    kind: int = MESSAGE_INTEGRITY
    size: int = 0  # bytes of the value, 0 = all
    flip: bool = False

    def append(self, head, body):
        digest = hashlib.sha1 if self.kind == MESSAGE_INTEGRITY else hashlib.sha256
        full = digest().digest_size
        size = self.size or full
        mac = hmac.new(self.key, _covered(head, body, size), digest).digest()
        mac = (mac + bytes(size))[:size]
        if self.flip:
            mac = bytes([mac[0] ^ 1]) + mac[1:]
        return tlv(self.kind, mac)


@dataclass
class Fingerprint:
    flip: int = 0

    def append(self, head, body):
        return tlv(FINGERPRINT, u32(crc(_covered(head, body, 4)) ^ 0x5354554E ^ self.flip))


def build(cls, method, attrs=(), tid=None, **wrong):
    """attrs: (kind, value) pairs, raw bytes, Mac, Fingerprint. wrong: type, length, cookie."""
    tid = new_tid() if tid is None else tid
    kind = wrong.get("type", message_type(cls, method))
    head = struct.pack("!HHI", kind, 0, wrong.get("cookie", MAGIC)) + tid
    body = b""
    for one in attrs:
        if isinstance(one, (Mac, Fingerprint)):
            body += one.append(head, body)
        else:
            body += one if isinstance(one, bytes) else tlv(*one)
    length = wrong.get("length", len(body))
    return head[:2] + struct.pack("!H", length & 0xFFFF) + head[4:] + body


def channel_data(number, data, length=None, pad=0):
    return struct.pack("!HH", number, len(data) if length is None else length) + data + bytes(pad)


# --- Parsing, strict ---


@dataclass
class Message:
    raw: bytes
    cls: int
    method: int
    tid: bytes
    attrs: list = field(default_factory=list)  # (kind, value, offset of its header)

    def all(self, kind):
        return [value for k, value, _ in self.attrs if k == kind]

    def get(self, kind):
        values = self.all(kind)
        need(len(values) <= 1, f"attribute {kind:#06x} appears {len(values)} times")
        return values[0] if values else None

    def kinds(self):
        return [k for k, _, _ in self.attrs]

    @property
    def code(self):
        """The error code, 0 for a success."""
        value = self.get(ERROR_CODE)
        return parse_error(value)[0] if value is not None else 0

    def address(self, kind):
        value = self.get(kind)
        return None if value is None else parse_address(value, self.tid)

    def addresses(self, kind):
        return [parse_address(value, self.tid) for value in self.all(kind)]

    def number(self, kind):
        value = self.get(kind)
        return None if value is None else struct.unpack("!I", value)[0]

    def unknown(self):
        value = self.get(UNKNOWN_ATTRIBUTES)
        need(value is not None and len(value) % 2 == 0, "UNKNOWN-ATTRIBUTES")
        return list(struct.unpack(f"!{len(value) // 2}H", value))

    def offset(self, kind):
        return next(at for k, _, at in self.attrs if k == kind)

    def verify(self, kind, key):
        """Whether the MAC of this kind is present, of full length, and right."""
        value = self.get(kind)
        if value is None:
            return False
        at = self.offset(kind)
        digest = hashlib.sha1 if kind == MESSAGE_INTEGRITY else hashlib.sha256
        covered = _covered(self.raw[:HEADER], self.raw[HEADER:at], len(value))
        return hmac.compare_digest(hmac.new(key, covered, digest).digest(), value)

    def fingerprint_ok(self):
        at = self.offset(FINGERPRINT)
        covered = _covered(self.raw[:HEADER], self.raw[HEADER:at], 4)
        return self.number(FINGERPRINT) == crc(covered) ^ 0x5354554E


def walk(raw, strict=True):
    """Framing alone: a Message, with zero padding required when strict."""
    need(len(raw) >= HEADER, "shorter than a header")
    kind, length, cookie = struct.unpack("!HHI", raw[:8])
    need(kind < 0x4000, "first two bits are not zero")
    need(cookie == MAGIC, "magic cookie")
    need(length % 4 == 0 and length == len(raw) - HEADER, "header length")
    cls, method = split_type(kind)
    msg = Message(raw, cls, method, raw[8:20])
    at = HEADER
    while at < len(raw):
        need(at + 4 <= len(raw), "attribute header overruns")
        kind, size = struct.unpack_from("!HH", raw, at)
        need(at + 4 + size <= len(raw), "attribute overruns")
        end = at + 4 + size + -size % 4
        padding = raw[at + 4 + size:end]
        need(not strict or not any(padding), "padding is not zero")
        msg.attrs.append((kind, raw[at + 4:at + 4 + size], at))
        at = end
    return msg


# What the server may send, and how long each value may be.
EMITTED = {
    ERROR_CODE: range(4, 512), UNKNOWN_ATTRIBUTES: range(2, 512, 2), LIFETIME: (4,),
    XOR_PEER_ADDRESS: (8, 20), DATA: range(0, 65536), REALM: range(1, 509), NONCE: range(1, 128),
    XOR_RELAYED_ADDRESS: (8, 20), XOR_MAPPED_ADDRESS: (8, 20), RESERVATION_TOKEN: (8,),
    MESSAGE_INTEGRITY: (20,), MESSAGE_INTEGRITY_SHA256: (32,), ADDRESS_ERROR_CODE: range(4, 512),
    PASSWORD_ALGORITHMS: (8,), ICMP: (8,), SOFTWARE: range(1, 128), FINGERPRINT: (4,),
    CONNECTION_ID: (4,),
}
TAIL = [MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT]


def _check_values(msg):
    for kind, value, _ in msg.attrs:
        need(kind in EMITTED, f"attribute {kind:#06x} is nothing a server sends")
        need(len(value) in EMITTED[kind], f"attribute {kind:#06x} has {len(value)} bytes")
        if kind in (XOR_PEER_ADDRESS, XOR_MAPPED_ADDRESS, XOR_RELAYED_ADDRESS):
            parse_address(value, msg.tid)
        if kind in (REALM, NONCE, SOFTWARE):
            value.decode("utf-8")


def _check_shape(msg):
    kinds = msg.kinds()
    tail = [k for k in kinds if k in TAIL]
    need(kinds[len(kinds) - len(tail):] == tail, "integrity attributes are not last")
    need(tail == [k for k in TAIL if k in tail], "order of integrity attributes")
    need(not (MESSAGE_INTEGRITY in tail and MESSAGE_INTEGRITY_SHA256 in tail), "two integrities")
    need((msg.cls == ERROR) == (ERROR_CODE in kinds), "ERROR-CODE and class do not agree")
    need(FINGERPRINT not in kinds or msg.fingerprint_ok(), "FINGERPRINT is wrong")
    need((msg.code == 420) == (UNKNOWN_ATTRIBUTES in kinds), "UNKNOWN-ATTRIBUTES without 420")
    if msg.cls == INDICATION:
        need(msg.method in (DATA_METHOD, CONNECTION_ATTEMPT), "an indication of no server")
        need(not set(tail) & set(TAIL[:2]), "integrity in an indication")


def parse(raw):
    """A message as the server may send it, or Malformed."""
    msg = walk(raw)
    need(msg.cls != REQUEST, "the server sent a request")
    _check_values(msg)
    _check_shape(msg)
    return msg
