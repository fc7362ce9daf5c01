"""Refresh (RFC 8656 section 8): rows R."""

import pytest
from accounts import timed
from client import DUAL, V4_RELAY, V6_RELAY, arrives, returns
from stun import (
    CHANNEL_BIND, CREATE_PERMISSION, LIFETIME, MESSAGE_INTEGRITY, NONCE, REALM, REFRESH,
    REQUESTED_ADDRESS_FAMILY, u8pad, u32)


def by_send(one, other):
    return lambda data: one.indicate(other.addr, data)


def test_R01_lifetime_zero_ends(linked):
    one, other, relayed = linked
    assert one.bind(0x4000, other.addr) == 0
    msg = one.refresh(0)
    assert msg.code == 0 and msg.number(LIFETIME) == 0
    assert not returns(one, other, b"late", relayed)
    assert not arrives(one, other, lambda data: one.channel(0x4000, data), b"late")
    assert one.code(REFRESH) == 437
    assert one.permit(other.addr) == 437


def test_R02_lifetimes(linked):
    one, _, _ = linked
    for asked, given in ((None, 600), (1, 600), (599, 600), (601, 601), (1200, 1200),
                         (3600, 3600), (2**32 - 1, 3600)):
        assert one.refresh(asked).number(LIFETIME) == given


@pytest.mark.over("udp4", "tcp4")
def test_R02_lifetime_is_kept(main, client):
    one = client(main)
    one.allocate()
    one.refresh(1500)
    main.advance(1495)
    assert one.refresh(1).number(LIFETIME) == 600
    main.advance(595)
    assert one.refresh().code == 0
    main.advance(601)
    assert one.code(REFRESH) == 437


def test_R03_success_form(linked):
    one, _, _ = linked
    msg = one.refresh(900)
    assert msg.kinds() == [LIFETIME, MESSAGE_INTEGRITY] and msg.number(LIFETIME) == 900


def test_R04_family_that_is_not_there(main, client):
    four, six = client(main), client(main)
    four.allocate()
    six.allocate(V6_RELAY)
    assert four.refresh(None, V6_RELAY).code == 443
    assert four.refresh(0, V6_RELAY).code == 443
    assert six.refresh(0, V4_RELAY).code == 443
    assert four.refresh(None, V4_RELAY).code == 0
    assert six.refresh(None, V6_RELAY).code == 0
    assert four.refresh(None, (REQUESTED_ADDRESS_FAMILY, u8pad(9))).code in (400, 440, 443)


def test_R05_one_family_ends_alone(main, client, peer):
    one, four, six = client(main), peer(), peer("::1")
    one.allocate(DUAL)
    relay4, relay6 = sorted(one.relayed)
    assert one.permit(four.addr, six.addr) == 0
    assert one.bind(0x4006, six.addr) == 0
    assert one.refresh(0, V4_RELAY).number(LIFETIME) == 0
    assert not returns(one, four, b"gone", relay4)
    assert not arrives(one, four, by_send(one, four), b"gone")
    assert returns(one, six, b"alive", relay6)
    assert arrives(one, six, lambda data: one.channel(0x4006, data), b"alive")
    assert one.permit(four.addr) == 443
    assert one.refresh(None, V6_RELAY).code == 0
    assert one.refresh(None, V4_RELAY).code == 443
    assert one.refresh(0, V6_RELAY).code == 0
    assert one.code(REFRESH) == 437


@pytest.mark.over("udp4", "tcp4")
def test_R05_one_family_is_refreshed_alone(main, client):
    one = client(main)
    one.allocate(DUAL)
    assert one.refresh(1800, V6_RELAY).number(LIFETIME) == 1800
    main.advance(650)
    assert one.refresh(None, V4_RELAY).code == 443
    assert one.refresh(None, V6_RELAY).code == 0


def test_R05_peers_of_the_ended_family_take_no_room(serve, client):
    one = client(serve({"permissions_per_allocation": 2, "channels_per_allocation": 2}))
    one.allocate(DUAL)
    hosts = ("127.0.0.2", "127.0.0.3")
    assert [one.bind(0x4000 + i, (host, 9)) for i, host in enumerate(hosts)] == [0, 0]
    assert one.permit(("::1", 9)) == 508
    assert one.refresh(0, V4_RELAY).code == 0
    assert [one.bind(0x4000 + i, ("::1", 9 + i)) for i in range(2)] == [0, 0]


def test_R06_both_families_without_attribute(main, client):
    one = client(main)
    one.allocate(DUAL)
    base = main.descriptors()
    assert one.refresh(0).number(LIFETIME) == 0
    assert one.code(REFRESH) == 437
    assert main.descriptors() == base - 2


def test_R07_ending_twice(linked):
    one, _, _ = linked
    raw = one.signed(REFRESH, [(LIFETIME, u32(0))])
    codes = []
    for _ in range(2):
        one.send(raw)
        codes.append(one.wait(raw[8:20]).code)
    assert codes[0] == 0 and codes[1] in (0, 437)
    assert one.code(REFRESH) == 437


@pytest.mark.over("udp4", "tcp4")
def test_R08_refresh_leaves_permissions_alone(main, client, peer):
    one, other = client(main), peer()
    one.allocate()
    assert one.permit(other.addr) == 0
    main.advance(200)
    assert one.refresh(1800).code == 0
    assert arrives(one, other, by_send(one, other), b"still")
    main.advance(101)
    assert one.refresh(1800).code == 0
    assert not arrives(one, other, by_send(one, other), b"over")
    assert not returns(one, other, b"over")


@pytest.mark.over("udp4", "tcp4")
def test_R08_refresh_leaves_channels_alone(main, client, peer):
    one, other, third = client(main), peer(), peer()
    one.allocate(lifetime=3600)
    assert one.bind(0x4000, other.addr) == 0
    main.advance(590)
    assert one.refresh(1800).code == 0
    assert one.bind(0x4000, third.addr) == 400
    main.advance(11)
    assert one.bind(0x4000, third.addr) == 0


@pytest.mark.over("udp4", "tcp4")
def test_R09_stale_nonce_in_mid_life(main, client, peer):
    one, other = client(main), peer()
    one.allocate(lifetime=3600)
    main.advance(3500)
    assert one.refresh(3600).code == 0
    main.advance(200)
    assert one.permit(other.addr) == 0  # by way of a 438, which request follows
    one.nonce = "A" * 16
    msg = one.request(REFRESH, [(LIFETIME, u32(3600))], retry=False)
    assert msg.code == 438 and {REALM, NONCE} <= set(msg.kinds())
    assert arrives(one, other, by_send(one, other), b"alive")
    one.learn(msg)
    assert one.refresh(3600).number(LIFETIME) == 3600


@pytest.mark.over("udp4", "tcp4")
def test_R10_expired_credential_on_a_living_allocation(main, client, peer):
    one, other = client(main, timed(main, ttl=100)), peer()
    one.allocate()
    main.advance(200)
    assert one.request(REFRESH).code == 0
    assert one.permit(other.addr) == 0
    assert one.bind(0x4000, other.addr) == 0
    assert one.refresh(0).code == 0
    assert one.code(0x003, [(0x0019, u8pad(17))]) == 401


@pytest.mark.over("udp4", "tcp4")
def test_R10_strict_expiry(serve, client):
    server = serve({"strict_expiry": True})
    one = client(server, timed(server, ttl=100))
    one.allocate()
    assert one.refresh().code == 0
    server.advance(200)
    for method in (REFRESH, CREATE_PERMISSION, CHANNEL_BIND):
        assert one.request(method).code == 401
    client(server, timed(server)).allocate()
