"""Looks for traces of a person in bytes, in every shape they might have been written down."""

import base64
import hashlib
import ipaddress
import re
import urllib.parse

MAGIC = bytes.fromhex("2112a442")


def _base64(data):
    """What base64 makes of data at each of the three alignments, without the shared edges."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data)
        start = (shift * 8 + 5) // 6
        end = (shift + len(data)) * 8 // 6
        if end - start >= 5:
            yield text[start:end]
            yield text[start:end].translate(bytes.maketrans(b"+/", b"-_"))


def _written(data):
    """One run of bytes in hex, with separators, percent, decimal, base64."""
    yield data
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield data.hex(":").encode()
    yield data.hex(" ").encode()
    yield "".join(f"%{b:02X}" for b in data).encode()
    yield "".join(f"%{b:02x}" for b in data).encode()
    yield "".join(f"\\x{b:02x}" for b in data).encode()
    yield "".join(f"\\{b:03o}" for b in data).encode()
    yield from _base64(data)


def _hashed(data):
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, data).digest()
        yield digest
        yield digest.hex().encode()
        yield digest.hex().upper().encode()
        yield base64.b64encode(digest)[:16]


def of_text(text):
    data = text.encode()
    yield from _written(data)
    yield from _hashed(data)
    yield text.encode("latin-1", "ignore")
    yield text.encode("unicode_escape")
    yield urllib.parse.quote(text).encode()
    yield urllib.parse.quote_plus(text).encode()


def of_bytes(data):
    yield from _written(data)
    yield from _hashed(data)


def of_address(text, port):
    ip = ipaddress.ip_address(text)
    for data in (ip.packed, ip.packed[::-1]):
        yield from _written(data)
        yield str(int.from_bytes(data, "big")).encode()
    pad = (MAGIC * 4)[:4] if ip.version == 4 else MAGIC + bytes(12)
    xored = bytes(a ^ b for a, b in zip(ip.packed, pad))
    yield from _written(xored[:4] if ip.version == 6 else xored)
    for shape in {text, ip.exploded, ip.compressed}:
        yield from of_text(shape)
        for pair in (f"{shape}:{port}", f"[{shape}]:{port}", f"{shape}#{port}"):
            yield from _hashed(pair.encode())
    yield from _hashed(ip.packed)
    yield from _hashed(ip.packed + port.to_bytes(2, "big"))
    yield text.rsplit(":" if ip.version == 6 else ".", 1)[0].encode() + b"."
    yield str(port).encode()


def _is_in(needle, data):
    """Digits only as a number of their own: clocks and counters are full of them."""
    if not needle.isdigit():
        return needle in data
    return re.search(rb"(?<!\d)" + needle + rb"(?!\d)", data) is not None


def find(needles, haystacks):
    """[(needle, name of the haystack)]; haystacks: name -> bytes."""
    return [(needle, name) for name, data in haystacks.items() for needle in needles
            if needle and _is_in(needle, data)]
