"""Attribute encoding (RFC 8489 section 14): rows F."""

import struct

import pytest
from accounts import ALICE
from client import BIG, UDP, Client, Credentials
from stun import (
    ALGORITHMS, ALLOCATE, BINDING, COOKIE, CREATE_PERMISSION, DATA, ERROR_CODE, INDICATION,
    LIFETIME, MD5, NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS, REALM, REFRESH, REQUEST, SEND,
    SHA256, SOFTWARE, UNKNOWN_ATTRIBUTES, USERHASH, USERNAME, XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS,
    Mac, build, new_tid, parse_algorithms, parse_error, tlv, userhash, xor_address)


def test_F01_lengths_without_padding(linked):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    for n in range(10):
        payload = b"\xA5" * n
        one.indicate(other.addr, payload)
        one.barrier()
        assert other.pending() == [payload]
        other.send(payload, relayed)
        assert one.next_data() == (other.addr, payload)


def test_F01_user_names_of_all_lengths(serve, client):
    users = [Credentials("abcdefghi"[:n], "a password of some length") for n in range(1, 10)]
    server = serve({"users": [{"name": u.user, "password": u.password} for u in users]})
    for user in users:
        client(server, user).allocate()


@pytest.mark.parametrize("pad", [b"\x20", b"\xFF", b"\0"])
def test_F02_padding(main, client, peer, pad):
    """Received padding may be anything, also under integrity; sent padding is scanned by parse."""
    one, other = client(main), peer()
    one.challenge()
    names = [tlv(k, v, pad=pad) for k, v in one.auth()]
    raw = build(REQUEST, ALLOCATE, [UDP, tlv(SOFTWARE, b"x", pad=pad), *names, one.mac()])
    one.send(raw)
    msg = one.wait(raw[8:20])
    assert msg.code == 0
    one.relayed = [msg.address(0x0016)]
    assert one.permit(other.addr) == 0
    tid = new_tid()
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    one.send(build(INDICATION, SEND, [address, tlv(DATA, b"abc", pad=pad)], tid))
    one.barrier()
    assert other.pending() == [b"abc"]
    other.send(b"12345", one.relayed[0])
    assert one.next_data() == (other.addr, b"12345")


def test_F03_address_layout(linked):
    """Seen in XOR-PEER-ADDRESS, which has the layout of MAPPED-ADDRESS."""
    one, other, _ = linked
    tid = new_tid()

    def code(value):
        return one.request(CREATE_PERMISSION, [(XOR_PEER_ADDRESS, value)], tid).code

    right = xor_address(other.addr, tid)
    assert code(b"\xFF" + right[1:]) == 0
    assert code(right[:1] + b"\x03" + right[2:]) == 400
    assert code(right[:1] + b"\x00" + right[2:]) == 400
    assert code(right[:1] + b"\x02" + right[2:]) == 400  # IPv6 in 8 bytes
    long = xor_address(("2001:db8::1", 1), tid)
    assert code(long[:1] + b"\x01" + long[2:]) == 400  # IPv4 in 20 bytes
    for n in (0, 4, 7, 9, 12):
        assert code((right + bytes(8))[:n]) == 400


def test_F04_xor_addresses(main, client):
    """IPv4 and IPv6, decoded by the codec that test_21 holds against the vectors of RFC 5769."""
    for host in ("127.0.0.1", "::1"):
        one = client(main, host=host)
        for _ in range(20):
            assert one.ask(BINDING).address(XOR_MAPPED_ADDRESS) == one.addr


@pytest.mark.parametrize("length", [0, 1, 508, 509, 512, 513, 763, 764, 1200])
def test_F05_user_name_lengths(main, client, length):
    one = client(main, Credentials("u" * length, "whatever it may be"))
    one.challenge()
    msg = one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()])
    assert msg.code == (400 if length > 763 else 401) or (length == 0 and msg.code == 400)
    assert USERNAME not in msg.kinds()


def test_F05_user_name_bytes(main, client):
    one = client(main)
    one.challenge()
    for name in (b"\xFF\xFE", b"\xC0\x80", b"\xED\xA0\x80", b"ali\0ce", b"\xF5\x80\x80\x80",
                 b"alice\xC3", b"%n%s%x", b"\r\nalice"):
        attrs = [UDP, (USERNAME, name), *one.auth()[1:], one.mac()]
        msg = one.ask(ALLOCATE, attrs)
        assert msg.code in (400, 401)
        assert name not in msg.raw


def test_F05_long_user_name_works(serve, client):
    user = Credentials("n" * 250, "a password of some length")
    client(serve({"users": [{"name": user.user, "password": user.password}]}), user).allocate()


@pytest.mark.parametrize("length", [0, 127, 128, 508, 763, 764, 1000])
def test_F06_realm_and_nonce_lengths(main, client, length):
    one = client(main)
    one.challenge()
    assert len(one.realm) < 128 and len(one.nonce) < 128
    # The key already decides about the realm, so its text may be ignored; not so the nonce's.
    for kind, codes in ((NONCE, (400, 438)), (REALM, (0, 400, 401))):
        attrs = [(k, b"x" * length if k == kind else v) for k, v in one.auth()]
        assert one.ask(ALLOCATE, [UDP, *attrs, one.mac()]).code in codes
    assert one.refresh().code in (0, 437)


def test_F07_error_codes(main, client):
    """400, 401, 420, 437, 438, 440, 442, 443, 403, 508 all decode with zero reserved bits."""
    one = client(main)
    seen = {one.ask(ALLOCATE, [UDP]).code, one.ask(BINDING, [(0x7FFF, b"")]).code}
    seen |= {one.code(ALLOCATE), one.code(REFRESH), one.code(ALLOCATE, [(0x0019, b"\x06\0\0\0")]),
             one.code(ALLOCATE, [UDP, (0x0017, b"\x03\0\0\0")]),
             one.code(ALLOCATE, [UDP, (0x0022, bytes(8))])}
    one.allocate()
    seen |= {one.permit((main.addresses()[0][1])), one.permit(("::1", 9))}
    one.nonce = "x" * 16
    msg = one.request(REFRESH, retry=False)
    seen.add(msg.code)
    assert seen == {400, 401, 403, 420, 437, 438, 440, 442, 443, 508}
    assert parse_error(msg.get(ERROR_CODE)) == (438, "")


def test_F08_algorithm_lists(main, client):
    one = client(main, mode="8489")
    value = one.challenge().get(PASSWORD_ALGORITHMS)
    assert value == ALGORITHMS
    assert parse_algorithms(value) == [(SHA256, b""), (MD5, b"")]
    # An odd parameter length, padded to four: readable, but not what we offered.
    odd = struct.pack("!HH", SHA256, 1) + b"p\0\0\0" + struct.pack("!HH", MD5, 0)
    one.algorithms = odd
    assert ask_400(one)
    for broken in (value[:5], value[:7], struct.pack("!HH", SHA256, 60000), b""):
        one.algorithms = broken or bytes(4)
        assert ask_400(one)


def ask_400(one: Client):
    return one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code == 400


def test_F09_password_algorithm_is_not_sent(main, client):
    one = client(main, mode="8489")
    answers = [one.challenge(), one.request(ALLOCATE, [UDP]), one.refresh(0), one.request(REFRESH)]
    assert not any(PASSWORD_ALGORITHM in a.kinds() for a in answers)


@pytest.mark.over("udp4", "tls6")
def test_F10_odd_number_of_unknown_attributes(main, client):
    one = client(main)
    for types in ([0x7001], [0x7001, 0x7002, 0x7003]):
        msg = one.ask(BINDING, [(t, b"") for t in types])
        value = msg.get(UNKNOWN_ATTRIBUTES)
        assert len(value) == 2 * len(types) and msg.unknown() == types


def test_F11_software_is_short(serve, client):
    one = client(serve({"software": True}))
    value = one.request(ALLOCATE, [UDP]).get(SOFTWARE)
    assert value and len(value.decode("utf-8")) < 128


def test_F12_userhash_length(serve, client):
    one = client(serve({}, None), ALICE, mode="8489")
    one.challenge()
    right = userhash(ALICE.user, one.realm)
    for value in (right[:31], right + b"x", b"", right[:16]):
        attrs = [UDP, (USERHASH, value), *one.auth()[1:], one.mac()]
        assert one.ask(ALLOCATE, attrs).code == 400
    assert one.ask(ALLOCATE, [UDP, (USERHASH, right), *one.auth()[1:], one.mac()]).code == 0


def test_attribute_values_at_their_bounds(main, client):
    """Zero and oversized values of every number-like attribute must not be taken for numbers."""
    one = client(main)
    one.allocate()
    for size in (0, 1, 2, 3, 5, 8):
        assert one.code(REFRESH, [(LIFETIME, b"\1" * size)]) == 400
    assert one.silent(build(REQUEST, BINDING, [BIG, tlv(0x8028, b"1234567")]))
    assert one.ask(ALLOCATE, [UDP, (0x8022, b""), *one.auth(), Mac(one.key)]).code == 437
    assert not one.nonce.startswith(COOKIE)
