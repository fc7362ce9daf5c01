"""FINGERPRINT, MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.5 to 14.7)."""

import struct

import pytest
from client import BIG, UDP
from stun import (
    ALGORITHMS, ALLOCATE, BINDING, FINGERPRINT, LIFETIME, MD5, MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256, NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS, REALM, REFRESH,
    REQUEST, SHA256, SOFTWARE, USERNAME, Fingerprint, Mac, build, tlv, u32)

MACS = (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256)


def test_I01_fingerprint(main, client):
    one = client(main)
    assert one.ask(BINDING, [BIG, Fingerprint()]).fingerprint_ok()
    good = build(REQUEST, BINDING, [BIG, Fingerprint()])
    # Behind it, the type would become another attribute's; a stream needs its cookie.
    for at in range(8 if one.stream else 4, len(good) - 8):
        one.send(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1:])
    assert one.silent()


def test_I02_nothing_after_fingerprint(main, client):
    one = client(main)
    one.send(build(REQUEST, BINDING, [Fingerprint(), BIG]))
    one.send(build(REQUEST, BINDING, [BIG, Fingerprint(), Fingerprint()]))
    one.send(build(REQUEST, ALLOCATE, [UDP, Fingerprint(), BIG]))
    assert one.silent()


def test_I03_wrong_fingerprint(main, client):
    one = client(main)
    for flip in (1, 0x80000000, 0x5354554E, 0xFFFFFFFF):
        one.send(build(REQUEST, BINDING, [BIG, Fingerprint(flip)]))
    one.send(build(REQUEST, BINDING, [BIG, tlv(FINGERPRINT, b"123")]))
    one.challenge()
    raw = one.signed(ALLOCATE, [UDP])
    one.send(build(REQUEST, ALLOCATE, [raw[20:], Fingerprint(1)]))
    assert one.silent()


def test_I04_fingerprint_is_mirrored(main, client):
    one = client(main)
    for method, attrs in ((BINDING, []), (ALLOCATE, [UDP]), (REFRESH, [])):
        assert FINGERPRINT not in one.ask(method, [BIG, *attrs]).kinds()
        assert FINGERPRINT in one.ask(method, [BIG, *attrs, Fingerprint()]).kinds()
    one.challenge()
    for fingerprint in (True, False):
        msg = one.request(REFRESH, fingerprint=fingerprint)
        assert (FINGERPRINT in msg.kinds()) == fingerprint
    assert one.request(ALLOCATE, [UDP], fingerprint=True).fingerprint_ok()


def test_I05_message_integrity(main, client):
    one = client(main)
    one.challenge()
    for tail in ([], [Fingerprint()]):
        attrs = [*one.auth(), one.mac(), *tail]
        assert one.ask(REFRESH, attrs).verify(MESSAGE_INTEGRITY, one.key)
    assert one.ask(REFRESH, [*one.auth(), one.mac(flip=True)]).code == 401
    # The length as it stands on the wire, FINGERPRINT included, is not what the MAC covers.
    wrong = build(REQUEST, REFRESH, [*one.auth(), Mac(one.key), Fingerprint()])
    bad = build(REQUEST, REFRESH, [*one.auth(), tlv(MESSAGE_INTEGRITY, wrong[-28:-8][::-1])])
    one.send(bad)
    assert one.wait(bad[8:20]).code == 401


def test_I06_sha256_covers_what_is_before_it(main, client):
    one = client(main, mode="8489")
    one.challenge()
    sha1 = Mac(one.key, MESSAGE_INTEGRITY)
    msg = one.ask(ALLOCATE, [UDP, *one.auth(), sha1, one.mac()])
    assert msg.code == 0 and msg.verify(MESSAGE_INTEGRITY_SHA256, one.key)
    raw = bytearray(build(REQUEST, REFRESH, [*one.auth(), sha1, one.mac()]))
    raw[-37] ^= 1  # last byte of the SHA-1 value
    one.send(bytes(raw))
    assert one.wait(bytes(raw[8:20])).code == 401


@pytest.mark.parametrize("size", [1, 15, 16, 20, 24, 28, 31, 33, 36, 40])
def test_I07_truncated_sha256(main, client, size):
    one = client(main, mode="8489")
    one.challenge()
    msg = one.ask(ALLOCATE, [UDP, *one.auth(), one.mac(size=size)])
    assert msg is None or msg.code in (400, 401)
    assert one.code(REFRESH) == 437  # nothing was allocated


def test_I08_ignored_after_message_integrity(main, client):
    one = client(main)
    one.challenge()
    late = [(LIFETIME, u32(3000)), (0x7FFF, b"late"), (0x0017, b"\x02\0\0\0")]
    msg = one.ask(ALLOCATE, [UDP, *one.auth(), one.mac(), *late])
    assert msg.code == 0 and msg.number(LIFETIME) == 600
    msg = one.ask(REFRESH, [*one.auth(), one.mac(), *late, Fingerprint()])
    assert msg.code == 0 and msg.number(LIFETIME) == 600 and msg.fingerprint_ok()
    # A user that is named only behind the integrity is not named.
    name, realm, nonce = one.auth()
    assert one.ask(REFRESH, [realm, nonce, one.mac(), name]).code == 400


def test_I09_ignored_after_sha256(main, client):
    one = client(main, mode="8489")
    one.challenge()
    late = [(LIFETIME, u32(3000)), (0x7FFF, b"late"), Mac(bytes(16), MESSAGE_INTEGRITY)]
    msg = one.ask(ALLOCATE, [UDP, *one.auth(), one.mac(), *late])
    assert msg.code == 0 and msg.number(LIFETIME) == 600
    assert one.ask(REFRESH, [*one.auth(), one.mac(), *late, Fingerprint()]).code == 0


def test_I10_sha256_decides(main, client):
    one = client(main, mode="8489")
    one.challenge()
    good, bad = Mac(one.key, MESSAGE_INTEGRITY), Mac(one.key, MESSAGE_INTEGRITY, flip=True)
    assert one.ask(ALLOCATE, [UDP, *one.auth(), good, one.mac(flip=True)]).code == 401
    assert one.ask(ALLOCATE, [UDP, *one.auth(), bad, one.mac()]).code == 0


def test_I11_kind_of_integrity_in_answers(main, client):
    """Both integrities in requests, with each choice of algorithm, cookie or none."""
    one = client(main, mode="8489")
    one.challenge()
    lists = (PASSWORD_ALGORITHMS, ALGORITHMS)
    plain = [(USERNAME, one.creds.user), (REALM, one.realm), (NONCE, one.nonce)]
    shapes = [(plain, MD5, kind, MESSAGE_INTEGRITY) for kind in MACS]
    for algorithm in (MD5, SHA256):
        choice = (PASSWORD_ALGORITHM, struct.pack("!HH", algorithm, 0))
        shapes += [([*plain, lists, choice], algorithm, k, MESSAGE_INTEGRITY_SHA256) for k in MACS]
    for attrs, algorithm, kind, expected in shapes:
        key = one.creds.key(one.realm, algorithm)
        msg = one.ask(REFRESH, [*attrs, Mac(key, kind)])
        assert msg.code == 437 and msg.verify(expected, key), (algorithm, kind)


def test_I12_one_integrity_in_answers(main, client):
    for mode in ("5389", "8489"):
        one = client(main, mode=mode)
        one.challenge()
        both = [Mac(one.key, MESSAGE_INTEGRITY), Mac(one.key, MESSAGE_INTEGRITY_SHA256)]
        for method, attrs in ((ALLOCATE, [UDP]), (REFRESH, []), (ALLOCATE, [UDP])):
            msg = one.ask(method, [*attrs, *one.auth(), *both])
            assert len([k for k in msg.kinds() if k in MACS]) == 1


def test_I14_verification_leaves_the_message_alone(main, client):
    """All three are verified in one buffer, whatever order they are looked at in; many at once."""
    clients = [client(main, mode=m) for m in ("5389", "8489") * 8]
    for one in clients:
        one.challenge()
    sent = []
    for one in clients:
        both = [Mac(one.key, MESSAGE_INTEGRITY), Mac(one.key, MESSAGE_INTEGRITY_SHA256)]
        raw = build(REQUEST, ALLOCATE, [UDP, *one.auth(), *both, Fingerprint()])
        one.send(raw)
        sent.append((one, raw[8:20]))
    for one, tid in sent:
        msg = one.wait(tid)
        assert msg.code == 0 and msg.verify(one.kind, one.key) and msg.fingerprint_ok()


def test_software_after_integrity_changes_nothing(main, client):
    one = client(main)
    one.challenge()
    assert one.ask(REFRESH, [*one.auth(), one.mac(), (SOFTWARE, b"late")]).code == 437
