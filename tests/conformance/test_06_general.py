"""TURN in general (RFC 8656 sections 5 and 6): rows G."""

import pytest
from accounts import ALICE, BOB
from client import UDP, V6_RELAY, arrives, returns, udp_socket
from stun import (
    ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, INDICATION, REFRESH, SEND, SOFTWARE,
    XOR_RELAYED_ADDRESS, build, new_tid)


def test_G01_no_allocation(main, client, peer):
    one, other = client(main), peer()
    for method in (REFRESH, CREATE_PERMISSION, CHANNEL_BIND):
        assert one.ask(method).code == 401
    assert one.code(REFRESH) == 437
    assert one.permit(other.addr) == 437
    assert one.bind(0x4000, other.addr) == 437


def test_G02_indications_without_allocation(main, client, peer):
    one, other = client(main), peer()
    one.indicate(other.addr, b"lost")
    one.channel(0x4000, b"lost")
    one.send(build(INDICATION, SEND))
    assert one.silent()
    assert other.pending() == []


def test_G03_software_when_switched_on(serve, client):
    for on in (True, False):
        one = client(serve({"software": on}))
        for msg in (one.request(ALLOCATE, [UDP]), one.request(REFRESH)):
            assert (msg.get(SOFTWARE) or b"").startswith(b"Drehkreuz") == on


def test_G04_limit_of_allocations_per_user(serve, client):
    server = serve({"allocations_per_account": 2})
    one, two, three = (client(server) for _ in range(3))
    one.allocate()
    two.allocate()
    assert three.code(ALLOCATE, [UDP]) == 486
    assert one.refresh(0).code == 0
    three.allocate()
    client(server, BOB).allocate()


def test_G05_same_transaction_again(main, client):
    one = client(main)
    one.challenge()
    tid = new_tid()
    raw = one.signed(ALLOCATE, [UDP], tid)
    seen = []
    for _ in range(5):
        one.send(raw)
        msg = one.wait(tid)
        seen.append((msg.code, msg.address(XOR_RELAYED_ADDRESS)))
    assert len(set(seen)) == 1 and seen[0][0] == 0


@pytest.mark.over("udp4", "tls6")
def test_G06_relayed_addresses_are_unique(serve, client):
    server = serve({"software": False, "max_allocations": 0, "lifetime_max": 3600})
    clients = [client(server) for _ in range(300)]
    addresses = [one.allocate() for one in clients]
    assert len(set(addresses)) == 300
    assert all(a[0] == "127.0.0.1" and a[1] in server.relay_ports for a in addresses)
    # A port that is given back is not the next one out, save by chance.
    repeats = 0
    for one in clients[:40]:
        before = one.relayed[0]
        assert one.refresh(0).code == 0
        repeats += one.allocate() == before
    assert repeats < 10


@pytest.mark.over("udp4", "tcp4")
def test_G07_traffic_does_not_prolong(main, client, peer):
    one, other = client(main), peer()
    one.allocate()
    for _ in range(6):
        assert one.bind(0x4000, other.addr) == 0
        assert arrives(one, other, lambda data: one.channel(0x4000, data), b"alive")
        assert returns(one, other, b"alive")
        main.advance(99)
    assert one.code(REFRESH) == 0  # 594 s; and Refresh prolongs
    assert one.request(REFRESH, []).code == 0
    main.advance(590)
    one.channel(0x4000, b"still here?")
    assert one.permit(other.addr) == 0
    main.advance(11)
    assert not returns(one, other, b"too late")
    assert one.code(REFRESH) == 437


@pytest.mark.over("udp4")
def test_G08_sockets_are_given_back(main, client):
    first = client(main)
    first.barrier()
    base = main.descriptors()
    clients = [client(main) for _ in range(50)]
    for one in clients:
        one.allocate()
    assert main.descriptors() >= base + 50
    main.advance(601)
    first.barrier()
    assert main.descriptors() <= base
    # The ports themselves can be had again by anybody.
    for one in clients:
        udp_socket(*one.relayed[0]).close()


def test_G08_sockets_of_both_families_are_given_back(main, client):
    one = client(main)
    one.barrier()
    base = main.descriptors()
    for _ in range(20):
        one.allocate(V6_RELAY)
        assert one.refresh(0).code == 0
    one.barrier()
    assert main.descriptors() <= base


def test_users_with_equal_names_but_other_realms(main, client):
    """The key depends on the realm: a key for another one is worth nothing."""
    one = client(main, ALICE)
    one.challenge()
    one.realm = "elsewhere"
    assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code in (400, 401)
