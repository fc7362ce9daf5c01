"""Test vectors of RFC 5769 and of RFC 8489 appendix B: rows K. First held against the codec, which
vouches for the codec, then sent to the server."""

import pytest
from client import UDP, Credentials
from stun import (
    ALLOCATE, FINGERPRINT, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, NONCE, REALM, REFRESH,
    SOFTWARE, USERHASH, USERNAME, XOR_MAPPED_ADDRESS, Malformed, key_md5, key_sha256, parse_address,
    userhash, walk)

SHORT_TERM = b"VOkJxbRl1RmTxUk/WvJxBt"

REQUEST = bytes.fromhex("""
    00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
    00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014
    9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf""")
IPV4 = bytes.fromhex("""
    0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008
    0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96""")
IPV6 = bytes.fromhex("""
    01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014
    0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275
    bfe3ed41 80280004 c8fb0b4c""")
LONG_TERM = bytes.fromhex("""
    00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383 e382afe3
    82b90000 0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341 0014000b
    6578616d 706c652e 6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666""")
# As corrected by erratum 6268: the printed one has a wrong length and no PASSWORD-ALGORITHM.
HASHED = bytes.fromhex("""
    00010090 2112a442 78ad3433 c6ad72c0 29da412e 001e0020 4a3cf38f ef6992bd a952c678 0417da0f
    24819415 569e60b2 05c46e41 407f1704 00150029 6f624d61 744a6f73 32414141 43662f2f 3439396b
    39353464 364f4c33 346f4c39 46535476 79363473 41000000 0014000b 6578616d 706c652e 6f726700
    001d0004 00020000 001c0020 b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c
    c6518e65""")

MATRIX = Credentials("\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "TheMatrIX")
MATRIX_REALM = "example.org"


def flips(raw):
    """Every copy with one bit changed."""
    for bit in range(len(raw) * 8):
        at = bit // 8
        yield raw[:at] + bytes([raw[at] ^ 0x80 >> bit % 8]) + raw[at + 1:]


def matrix(serve):
    user = {"name": MATRIX.user, "password": MATRIX.password}
    return serve({"realm": MATRIX_REALM, "users": [user]}, None)


def test_K01_short_term_request(main, client):
    msg = walk(REQUEST, strict=False)  # its padding is of spaces
    assert msg.get(SOFTWARE) == b"STUN test client" and msg.get(USERNAME) == b"evtj:h6vY"
    assert msg.verify(MESSAGE_INTEGRITY, SHORT_TERM) and msg.fingerprint_ok()
    with pytest.raises(Malformed):
        walk(REQUEST)
    # The server reads it to the end and misses only what belongs to ICE: PRIORITY.
    one = client(main)
    one.send(REQUEST)
    answer = one.wait(REQUEST[8:20])
    assert answer.code == 420 and answer.unknown() == [0x0024] and answer.fingerprint_ok()


def test_K02_ipv4_response(main, client):
    msg = walk(IPV4, strict=False)
    assert msg.address(XOR_MAPPED_ADDRESS) == ("192.0.2.1", 32853)
    assert msg.get(SOFTWARE) == b"test vector"
    assert msg.verify(MESSAGE_INTEGRITY, SHORT_TERM) and msg.fingerprint_ok()
    assert client(main).silent(IPV4)


def test_K03_ipv6_response(main, client):
    msg = walk(IPV6, strict=False)
    value = msg.get(XOR_MAPPED_ADDRESS)
    expected = ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert parse_address(value, msg.tid) == expected
    assert msg.verify(MESSAGE_INTEGRITY, SHORT_TERM) and msg.fingerprint_ok()
    assert client(main).silent(IPV6)


def test_K04_long_term_request(serve, client):
    msg = walk(LONG_TERM)
    assert msg.get(USERNAME).decode() == MATRIX.user
    assert msg.get(REALM).decode() == MATRIX_REALM
    assert msg.get(NONCE) == b"f//499k954d6OL34oL9FSTvy64sA"
    key = key_md5(MATRIX.user, MATRIX_REALM, MATRIX.password)
    assert msg.verify(MESSAGE_INTEGRITY, key)
    # The same user at the server, with a nonce of its own.
    server = matrix(serve)
    client(server, MATRIX).allocate()
    # And the vector's attributes: right but for the nonce.
    one = client(server, MATRIX)
    one.realm, one.nonce = MATRIX_REALM, msg.get(NONCE).decode()
    assert one.request(REFRESH, retry=False).code == 438


def test_K05_hashed_name_and_sha256(serve, client):
    assert userhash(MATRIX.user, MATRIX_REALM).hex() == (
        "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704")
    msg = walk(HASHED)
    assert msg.get(USERHASH) == userhash(MATRIX.user, MATRIX_REALM)
    key = key_sha256(MATRIX.user, MATRIX_REALM, MATRIX.password)
    assert msg.verify(MESSAGE_INTEGRITY_SHA256, key)
    one = client(matrix(serve), MATRIX, mode="8489")
    one.hashed = True
    one.allocate()
    assert one.refresh().code == 0 and one.key == key


def test_K06_every_flipped_bit_is_found(main, client):
    """By the codec in every vector; by the server in the one that it answers."""
    keys = [(REQUEST, MESSAGE_INTEGRITY, SHORT_TERM), (IPV4, MESSAGE_INTEGRITY, SHORT_TERM),
            (IPV6, MESSAGE_INTEGRITY, SHORT_TERM),
            (LONG_TERM, MESSAGE_INTEGRITY, key_md5(MATRIX.user, MATRIX_REALM, MATRIX.password)),
            (HASHED, MESSAGE_INTEGRITY_SHA256,
             key_sha256(MATRIX.user, MATRIX_REALM, MATRIX.password))]
    for raw, kind, key in keys:
        for bad in flips(raw):
            assert not accepted(bad, kind, key)
    one = client(main)
    for bad in flips(REQUEST):
        if has_fingerprint(bad):  # some flips turn it into another attribute, or a part of one
            one.send(bad)
    assert one.silent()


def has_fingerprint(raw):
    try:
        return FINGERPRINT in walk(raw, strict=False).kinds()
    except Malformed:
        return True


def accepted(raw, kind, key):
    try:
        msg = walk(raw, strict=False)
        fine = FINGERPRINT not in msg.kinds() or msg.fingerprint_ok()
        # What follows the integrity is not covered by it, save FINGERPRINT, which covers itself.
        return fine and msg.verify(kind, key) and msg.kinds() == walk_kinds(kind, msg)
    except (Malformed, StopIteration):
        return False


def walk_kinds(kind, msg):
    """The attributes as they must be: the integrity, then nothing but FINGERPRINT."""
    kinds = msg.kinds()
    at = kinds.index(kind)
    return kinds[:at + 1] + [FINGERPRINT] * (len(kinds) - at - 1)


@pytest.mark.parametrize("mode", ["5389", "8489"])
def test_K06_every_flipped_bit_of_a_request_is_found(main, client, mode):
    """A request that would succeed; with any bit changed it must change nothing."""
    one = client(main, mode=mode)
    raw = one.signed(ALLOCATE, [UDP])
    for bad in flips(raw):
        one.send(bad)
    one.barrier()
    one.inbox.clear()
    assert one.code(REFRESH) == 437
    one.send(raw)
    assert one.wait(raw[8:20]).code == 0
