"""Allocate (RFC 8656 section 7.2): what a request may ask for; rows L."""

import itertools
import os

import pytest
from accounts import ALICE, BOB
from client import DUAL, UDP, V4_RELAY, V6_RELAY, Credentials
from stun import (
    ADDITIONAL_ADDRESS_FAMILY, ADDRESS_ERROR_CODE, ALLOCATE, DONT_FRAGMENT, EVEN_PORT, LIFETIME,
    MESSAGE_INTEGRITY, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, RESERVATION_TOKEN,
    XOR_MAPPED_ADDRESS, XOR_RELAYED_ADDRESS, new_tid, parse_address_error, u8pad, u32)
from support.server import free_ports

TOKEN = (RESERVATION_TOKEN, b"\1\2\3\4\5\6\7\x08")
EVEN = (EVEN_PORT, b"\x00")
EVEN_PAIR = (EVEN_PORT, b"\x80")


def test_L01_credentials_are_required(main, client):
    one = client(main)
    assert one.ask(ALLOCATE, [UDP]).code == 401
    assert one.ask(ALLOCATE, [UDP, V6_RELAY]).code == 401


def test_L02_second_allocate(main, client):
    one = client(main)
    first = one.allocate()
    assert one.code(ALLOCATE, [UDP]) == 437
    assert one.code(ALLOCATE, [UDP, V6_RELAY]) == 437
    one.creds = BOB
    assert one.code(ALLOCATE, [UDP]) == 437
    one.creds = ALICE
    assert one.refresh().code == 0 and one.relayed == [first]


@pytest.mark.over("udp4", "tcp4")
def test_L03_repeated_allocate(main, client):
    one = client(main)
    one.challenge()
    tid = new_tid()
    raw = one.signed(ALLOCATE, [UDP, EVEN_PAIR, (LIFETIME, u32(1000))], tid)
    one.send(raw)
    first = one.wait(tid)
    main.advance(100)
    one.send(raw)
    again = one.wait(tid)
    assert first.code == again.code == 0
    for kind in (XOR_RELAYED_ADDRESS, XOR_MAPPED_ADDRESS, RESERVATION_TOKEN):
        assert first.get(kind) == again.get(kind)
    assert first.number(LIFETIME) == 1000 and 895 <= again.number(LIFETIME) <= 900
    # The same id with a false integrity is no repetition.
    assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac(flip=True)], tid).code == 401


@pytest.mark.over("udp4", "tcp4")
def test_L03_repeated_allocate_with_a_stale_nonce(main, client):
    one = client(main)
    one.challenge()
    tid = new_tid()
    raw = one.signed(ALLOCATE, [UDP, (LIFETIME, u32(3600))], tid)
    main.advance(1750)  # the nonce is good for 1800 s
    one.send(raw)
    first = one.wait(tid)
    main.advance(60)
    one.send(raw)
    again = one.wait(tid)
    assert first.code == again.code == 0
    assert first.get(XOR_RELAYED_ADDRESS) == again.get(XOR_RELAYED_ADDRESS)


def test_L04_requested_transport_is_required(main, client):
    one = client(main)
    assert one.code(ALLOCATE) == 400
    for value in (b"", b"\x11", b"\x11\0\0", b"\x11\0\0\0\0"):
        assert one.code(ALLOCATE, [(REQUESTED_TRANSPORT, value)]) == 400
    one.allocate()


def test_L05_other_transports(main, client):
    one = client(main)
    for number in (0, 1, 6, 16, 18, 132, 255):
        assert one.code(ALLOCATE, [(REQUESTED_TRANSPORT, u8pad(number))]) == 442
    one.allocate()


def test_L06_reserved_bytes_of_the_transport(main, client):
    one = client(main)
    assert one.code(ALLOCATE, [(REQUESTED_TRANSPORT, u8pad(17, b"\xFF\xFF\xFF"))]) == 0


def test_L07_dont_fragment_is_supported(main, client):
    one = client(main)
    one.allocate((DONT_FRAGMENT, b""))


@pytest.mark.parametrize("other", [EVEN, EVEN_PAIR, V4_RELAY, V6_RELAY, DUAL])
def test_L08_token_excludes_others(main, client, other):
    one = client(main)
    assert one.code(ALLOCATE, [UDP, TOKEN, other]) == 400
    assert one.code(ALLOCATE, [UDP, other, TOKEN]) == 400


def test_L11_two_family_attributes(main, client):
    one = client(main)
    for family in (V4_RELAY, V6_RELAY):
        assert one.code(ALLOCATE, [UDP, family, DUAL]) == 400
        assert one.code(ALLOCATE, [UDP, DUAL, family]) == 400


def test_L12_families_that_are_not_offered(main, serve, client):
    assert client(main).code(ALLOCATE, [UDP, (REQUESTED_ADDRESS_FAMILY, u8pad(3))]) == 440
    assert client(main).code(ALLOCATE, [UDP, (REQUESTED_ADDRESS_FAMILY, u8pad(0))]) == 440
    one = client(serve({"relay_ipv6": "off"}))
    assert one.code(ALLOCATE, [UDP, V6_RELAY]) == 440
    one.allocate(V4_RELAY)


def test_L13_ipv4_without_a_family(main, serve, client):
    for host in ("127.0.0.1", "::1"):
        assert client(main, host=host).allocate()[0] == "127.0.0.1"
    assert client(main, host="127.0.0.1").allocate(V6_RELAY)[0] == "::1"
    one = client(serve({"relay_ipv4": "off"}))
    assert one.code(ALLOCATE, [UDP]) == 440
    assert one.allocate(V6_RELAY)[0] == "::1"


def test_L14_reserved_bytes_of_the_family(main, client):
    for kind in (REQUESTED_ADDRESS_FAMILY, ADDITIONAL_ADDRESS_FAMILY):
        one = client(main)
        one.allocate((kind, u8pad(2, b"\xAB\xCD\xEF")))
        assert one.relayed[-1][0] == "::1"


def test_L15_reserved_pair_excludes_dual(main, client):
    one = client(main)
    assert one.code(ALLOCATE, [UDP, EVEN_PAIR, DUAL]) == 400
    assert one.code(ALLOCATE, [UDP, DUAL, EVEN_PAIR]) == 400
    one.allocate(EVEN, DUAL)


def test_L20_additional_family_is_ipv6(main, client):
    one = client(main)
    for family in (1, 0, 3):
        attrs = [UDP, (ADDITIONAL_ADDRESS_FAMILY, u8pad(family))]
        assert one.code(ALLOCATE, attrs) == 400
    one.allocate(DUAL)


def test_L21_one_of_two_families_fails(serve, client):
    one = client(serve({"relay_ipv6": "off"}))
    msg = one.request(ALLOCATE, [UDP, DUAL])
    assert msg.code == 0 and [a[0] for a in msg.addresses(XOR_RELAYED_ADDRESS)] == ["127.0.0.1"]
    assert parse_address_error(msg.get(ADDRESS_ERROR_CODE))[:2] == (2, 440)
    two = client(serve({"relay_ipv4": "off"}))
    msg = two.request(ALLOCATE, [UDP, DUAL])
    assert msg.code == 0 and [a[0] for a in msg.addresses(XOR_RELAYED_ADDRESS)] == ["::1"]
    assert parse_address_error(msg.get(ADDRESS_ERROR_CODE))[:2] == (1, 440)


@pytest.mark.over("udp4", "tls6")
def test_L21_ports_of_both_families_are_taken(serve, client):
    first = free_ports(4)
    server = serve({"relay_ports": f"{first}-{first + 3}"})
    holders = [client(server) for _ in range(4)]
    for one in holders:
        one.allocate(V6_RELAY)
    two = client(server)
    msg = two.request(ALLOCATE, [UDP, DUAL])
    assert msg.code == 0 and len(msg.addresses(XOR_RELAYED_ADDRESS)) == 1
    assert parse_address_error(msg.get(ADDRESS_ERROR_CODE))[:2] == (2, 508)
    more = [client(server) for _ in range(3)]
    for one in more:
        one.allocate()
    assert client(server).code(ALLOCATE, [UDP, DUAL]) == 508


def test_L22_address_error_code(serve, client):
    one = client(serve({"relay_ipv6": "off"}))
    value = one.request(ALLOCATE, [UDP, DUAL]).get(ADDRESS_ERROR_CODE)
    assert value[:4] == bytes([2, 0, 4, 40])
    assert len(value[4:].decode("utf-8")) < 128


def test_L23_dual_allocation(main, client, peer):
    one = client(main)
    one.allocate(DUAL)
    assert sorted(a[0] for a in one.relayed) == ["127.0.0.1", "::1"]
    for relayed, host in zip(sorted(one.relayed), ("127.0.0.77", "::1")):
        other = peer(host)
        assert one.permit(other.addr) == 0
        one.indicate(other.addr, b"both ways")
        assert other.recv() == (b"both ways", relayed)
        other.send(b"and back", relayed)
        assert one.next_data() == (other.addr, b"and back")


@pytest.mark.over("udp4", "tls6")
def test_L24_additional_family_is_never_unknown(main, serve, client):
    for server in (main, serve({"relay_ipv6": "off"})):
        for family in (0, 1, 2, 255):
            one = client(server)
            attrs = [UDP, (ADDITIONAL_ADDRESS_FAMILY, u8pad(family))]
            assert one.code(ALLOCATE, attrs) != 420
    assert client(main).code(ALLOCATE, [UDP, (ADDITIONAL_ADDRESS_FAMILY, b"\2")]) == 400


def test_L29_lifetimes(main, client):
    for asked, given in ((None, 600), (0, 600), (1, 600), (60, 600), (600, 600), (601, 601),
                         (1200, 1200), (3600, 3600), (3601, 3600), (2**31, 3600),
                         (2**32 - 1, 3600)):
        one = client(main)
        attrs = [UDP] if asked is None else [UDP, (LIFETIME, u32(asked))]
        assert one.request(ALLOCATE, attrs).number(LIFETIME) == given
        assert one.refresh(0).code == 0


def test_L30_default_maximum(main, serve, client):
    one = client(main)
    assert one.request(ALLOCATE, [UDP, (LIFETIME, u32(2**32 - 1))]).number(LIFETIME) <= 3600
    two = client(serve({"lifetime_max": 900}))
    assert two.request(ALLOCATE, [UDP, (LIFETIME, u32(2**32 - 1))]).number(LIFETIME) == 900


def test_L31_lifetime_of_another_length(main, client):
    one = client(main)
    for value in (b"", b"\0", b"\0\0\2", b"\0\0\0\2\0", b"\0" * 8):
        assert one.code(ALLOCATE, [UDP, (LIFETIME, value)]) == 400
    one.allocate()


def test_L32_success_form(main, client):
    one = client(main)
    msg = one.request(ALLOCATE, [UDP])
    assert sorted(msg.kinds()) == sorted(
        [XOR_RELAYED_ADDRESS, LIFETIME, XOR_MAPPED_ADDRESS, MESSAGE_INTEGRITY])
    assert msg.address(XOR_MAPPED_ADDRESS) == one.addr
    assert msg.number(LIFETIME) == 600
    assert msg.address(XOR_RELAYED_ADDRESS)[1] in main.relay_ports


# The order of RFC 8656 section 7.2, behind authentication: (name, attributes, code).
FAULTS = [
    ("integrity", [], 401), ("unknown", [(0x7FFF, b"")], 420), ("in use", [], 437),
    ("transport", [(REQUESTED_TRANSPORT, u8pad(6))], 442), ("token", [TOKEN], 508),
    ("families", [V4_RELAY, DUAL], 400),
    ("family", [(REQUESTED_ADDRESS_FAMILY, u8pad(3))], 440),
    ("pair", [EVEN_PAIR, DUAL], 400), ("second", [(ADDITIONAL_ADDRESS_FAMILY, u8pad(1))], 400)]


def expected(names, attrs):
    """What the order says for a set of faults, written down step by step."""
    kinds = {k for k, _ in attrs}
    both = {REQUESTED_ADDRESS_FAMILY, ADDITIONAL_ADDRESS_FAMILY} <= kinds
    steps = [("integrity" in names, 401), ("unknown" in names, 420), ("in use" in names, 437),
             ("transport" in names, 442)]
    if "token" in names:
        excluded = {EVEN_PORT, REQUESTED_ADDRESS_FAMILY, ADDITIONAL_ADDRESS_FAMILY}
        steps.append((kinds & excluded, 400))
        steps.append((True, 508))
    steps += [(both, 400), ("family" in names, 440), ("pair" in names, 400),
              ("second" in names, 400)]
    return next(code for broken, code in steps if broken)


@pytest.mark.parametrize("pair", itertools.combinations(range(len(FAULTS)), 2),
                         ids=lambda p: "-".join(FAULTS[i][0].replace(" ", "_") for i in p))
def test_L36_order_of_faults(main, client, pair):
    names = [FAULTS[i][0] for i in pair]
    attrs = [a for i in pair for a in FAULTS[i][1]]
    if "transport" not in names:
        attrs.append(UDP)
    one = client(main)
    one.challenge()
    if "in use" in names:
        one.allocate()
    mac = one.mac(flip="integrity" in names)
    assert one.ask(ALLOCATE, [*attrs, *one.auth(), mac]).code == expected(names, attrs)


def test_a_failed_allocate_does_not_leak(main, client):
    """A thousand refusals, then everything works as before."""
    one = client(main, Credentials("alice", ALICE.password))
    base = None
    for _ in range(200):
        for attrs in ([UDP, TOKEN], [UDP, DUAL, V4_RELAY], [], [UDP, (0x7FFF, os.urandom(3))]):
            assert one.code(ALLOCATE, attrs) in (400, 420, 508)
        base = base or main.descriptors()
    assert main.descriptors() == base
    one.allocate()
