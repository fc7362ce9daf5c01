"""Long-term credentials (RFC 8489 section 9.2): rows A1, A2, A8 to A26."""

import struct

import pytest
from accounts import ALICE, BOB, timed
from client import UDP, Credentials
from stun import (
    ALGORITHMS, ALLOCATE, ANONYMITY_BIT, CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, ERROR,
    MD5, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, NONCE, PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS, REALM, REFRESH, SHA256, USERHASH, USERNAME, XOR_PEER_ADDRESS, Mac, key_md5,
    key_sha256, new_tid, nonce_features, u16pad, userhash, xor_address)
from support.server import refused

INTEGRITIES = {MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256}
NAMES = {USERNAME, USERHASH}
MODES = ("5389", "8489")


def algorithm(number, parameters=b""):
    return struct.pack("!HH", number, len(parameters)) + parameters


def test_A01_requests_are_authenticated_indications_are_not(linked):
    one, other, _ = linked
    for method in (REFRESH, CREATE_PERMISSION, CHANNEL_BIND):
        assert one.ask(method).code == 401
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"without proof")
    one.barrier()
    assert other.pending() == [b"without proof"]


def test_A02_first_401(main, client):
    for mode in MODES:
        one = client(main, mode=mode)
        msg = one.challenge()
        assert msg.cls == ERROR and msg.code == 401
        assert {REALM, NONCE} <= set(msg.kinds())
        assert not set(msg.kinds()) & (NAMES | INTEGRITIES)
        assert msg.get(REALM).decode() == main.realm


def test_A08_incomplete_credentials(main, client):
    for mode in MODES:
        one = client(main, mode=mode)
        one.challenge()
        for gone in (NAMES, {REALM}, {NONCE}, NAMES | {REALM}, {REALM, NONCE}):
            attrs = [a for a in one.auth() if a[0] not in gone]
            msg = one.ask(ALLOCATE, [UDP, *attrs, one.mac()])
            assert msg.code == 400
            assert not set(msg.kinds()) & (NAMES | {REALM, NONCE} | INTEGRITIES)


def test_A09_old_client_with_a_new_nonce(main, client):
    """The challenge has cookie and algorithms, the client knows neither: MD5."""
    one = client(main, mode="8489")
    one.challenge()
    assert nonce_features(one.nonce) and one.algorithms
    one.mode = "5389"
    one.allocate()
    assert one.request(REFRESH).code == 0


def test_A10_one_algorithm_attribute_alone(main, client):
    one = client(main, mode="8489")
    one.challenge()
    for gone in (PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS):
        attrs = [a for a in one.auth() if a[0] != gone]
        assert one.ask(ALLOCATE, [UDP, *attrs, one.mac()]).code == 400


@pytest.mark.parametrize("echo", [
    algorithm(SHA256), algorithm(MD5), algorithm(MD5) + algorithm(SHA256),
    ALGORITHMS + algorithm(3), ALGORITHMS + ALGORITHMS,
    algorithm(SHA256, b"pppp") + algorithm(MD5), algorithm(0) + algorithm(MD5)])
def test_A11_altered_list_of_algorithms(main, client, echo):
    one = client(main, mode="8489")
    one.challenge()
    one.algorithms, one.algorithm = echo, MD5
    assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code == 400


@pytest.mark.parametrize("number", [0, 3, 0xFFFF])
def test_A12_algorithm_that_was_not_offered(main, client, number):
    one = client(main, mode="8489")
    one.challenge()
    attrs = [*one.auth()[:-1], (PASSWORD_ALGORITHM, algorithm(number)), one.mac()]
    assert one.ask(ALLOCATE, [UDP, *attrs]).code == 400


def test_A13_unknown_user(main, serve, client):
    for mode in MODES:
        one = client(main, Credentials("nobody", "knows"), mode=mode)
        msg = one.request(ALLOCATE, [UDP])
        assert msg.code == 401 and {REALM, NONCE, PASSWORD_ALGORITHMS} <= set(msg.kinds())
        assert not set(msg.kinds()) & (NAMES | INTEGRITIES)
    one = client(serve({}, None), Credentials("nobody", "knows"), mode="8489")
    one.hashed = True
    msg = one.request(ALLOCATE, [UDP])
    assert msg.code == 401 and PASSWORD_ALGORITHMS in msg.kinds()
    assert not set(msg.kinds()) & NAMES


def test_A14_wrong_password(main, client):
    for mode in MODES:
        one = client(main, Credentials("alice", "not hers"), mode=mode)
        msg = one.request(ALLOCATE, [UDP])
        assert msg.code == 401 and {REALM, NONCE, PASSWORD_ALGORITHMS} <= set(msg.kinds())
        assert not set(msg.kinds()) & (NAMES | INTEGRITIES)
        one.creds = ALICE
        one.learn(msg)
        one.allocate()  # the challenge that came with it is good


@pytest.mark.over("udp4")
def test_A15_stale_nonce(main, client):
    for mode in MODES:
        one = client(main, mode=mode)
        one.allocate()
        main.advance(3601)
        msg = one.request(REFRESH, retry=False)
        assert msg.code == 438 and {REALM, NONCE, PASSWORD_ALGORITHMS} <= set(msg.kinds())
        assert not set(msg.kinds()) & NAMES
        assert msg.get(NONCE).decode() != one.nonce
        one.learn(msg)
        one.allocate()


def test_A16_order_of_checks(main, client):
    """Pairs of faults: the earlier one is told."""
    for mode in MODES:
        one = client(main, mode=mode)
        one.challenge()
        good = one.nonce
        one.nonce = good[:-1] + ("A" if good[-1] != "A" else "B")
        assert one.ask(ALLOCATE, [UDP, *one.auth()]).code == 401  # no integrity
        attrs = [a for a in one.auth() if a[0] != REALM]
        assert one.ask(ALLOCATE, [UDP, *attrs, one.mac()]).code == 400
        assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac(flip=True)]).code == 401
        one.creds = Credentials("nobody", "knows")
        assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code == 401
        one.creds = ALICE
        assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code == 438
        one.nonce = good
    attrs = [a for a in one.auth() if a[0] != PASSWORD_ALGORITHM]
    assert one.ask(ALLOCATE, [UDP, *attrs, one.mac(flip=True)]).code == 400


def test_A17_md5_key(main, client):
    assert key_md5("user", "realm", "pass").hex() == "8493fbc53ba582fb4c044c456bdc40eb"
    one = client(main)
    one.allocate()
    assert one.key == key_md5(ALICE.user, main.realm, ALICE.password)


def test_A18_sha256_key(main, client):
    one = client(main, mode="8489")
    one.allocate()
    assert one.key == key_sha256(ALICE.user, main.realm, ALICE.password) and len(one.key) == 32
    two = client(main, mode="8489")
    two.algorithm = MD5
    two.allocate()
    assert len(two.key) == 16


def test_A19_userhash(serve, client):
    for creds in (ALICE, BOB):
        one = client(serve({}, None), creds, mode="8489")
        one.hashed = True
        one.allocate()
        assert one.refresh().code == 0
        assert dict(one.auth())[USERHASH] == userhash(creds.user, one.realm)


def test_A20_no_hidden_names_with_shared_secrets(main, serve, client):
    one = client(main, mode="8489")
    one.challenge()
    assert nonce_features(one.nonce) & ANONYMITY_BIT == 0
    one.creds, one.hashed = timed(main), True
    assert one.request(ALLOCATE, [UDP]).code == 401
    two = client(serve({}, None), mode="8489")
    two.challenge()
    assert nonce_features(two.nonce) & ANONYMITY_BIT


def test_A21_plain_name_where_hidden_ones_are_offered(serve, client):
    for mode in MODES:
        client(serve({}, None), mode=mode).allocate()


def test_A22_composed_form(serve, client):
    """u with diaeresis, in one code point and in two: the same user, the same password."""
    composed, split = "m\u00fcller", "mu\u0308ller"
    password, split_password = "pa\u00df \u00e9t\u00e9", "pa\u00df e\u0301te\u0301"
    for stored in ((composed, password), (split, split_password)):
        server = serve({"users": [{"name": stored[0], "password": stored[1]}]})
        client(server, Credentials(composed, password)).allocate()
        client(server, Credentials(composed, password), mode="8489").allocate()


def test_A22_old_clients_prepare_passwords_otherwise(serve, client):
    """The password of RFC 5769 section 2.4, which SASLprep turns into plain letters."""
    stored = "The\u00adM\u00aatr\u2168"
    server = serve({"users": [{"name": "neo", "password": stored}]})
    for mode in MODES:
        client(server, Credentials("neo", "TheMatrIX"), mode=mode).allocate()
    assert client(server, Credentials("neo", "thematrix")).request(ALLOCATE, [UDP]).code == 401


def test_A23_nonce_and_user_errors_are_not_signed(main, client):
    one = client(main)
    one.challenge()
    one.nonce = "x" * 16
    stale = one.request(ALLOCATE, [UDP], retry=False)
    one.creds = Credentials("alice", "not hers")
    wrong = one.request(ALLOCATE, [UDP])
    assert (stale.code, wrong.code) == (438, 401)
    assert not (set(stale.kinds()) | set(wrong.kinds())) & INTEGRITIES


def test_A24_realm_is_required():
    code, text = refused({"realm": ""})
    assert code in (1, 2) and "realm" in text


@pytest.mark.parametrize("mode", MODES)
def test_A25_another_user_on_the_same_flow(main, client, peer, mode):
    one, other = client(main, mode=mode), peer()
    one.allocate()
    one.creds = BOB
    tid = new_tid()
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    number = (CHANNEL_NUMBER, u16pad(0x4000))
    for method, attrs in ((REFRESH, []), (CREATE_PERMISSION, [address]),
                          (CHANNEL_BIND, [number, address])):
        assert one.request(method, attrs, tid).code == 441
    one.creds = ALICE
    assert one.permit(other.addr) == 0


def memory(pid):
    """All writable memory of a process."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "w" not in rights:
                continue
            first, last = (int(x, 16) for x in span.split("-"))
            if last - first > 1 << 30:  # a sanitizer's shadow
                continue
            mem.seek(first)
            try:
                yield mem.read(last - first)
            except OSError:
                continue


@pytest.mark.over("udp4", "tls4")
def test_A26_derived_password_does_not_stay(main, client):
    creds = timed(main, ":memory-scan")
    one = client(main, creds)
    one.allocate()
    for _ in range(3):
        one.request(REFRESH)
    assert not any(creds.password.encode() in part for part in memory(main.pid))


@pytest.mark.over("udp4")
def test_A26_static_password_does_not_stay(serve, client):
    user = Credentials("carol", "unusual-password-90210")
    server = serve({"users": [{"name": user.user, "password": user.password}]})
    client(server, user).allocate()
    assert not any(user.password.encode() in part for part in memory(server.pid))


def test_integrity_with_the_wrong_algorithm(main, client):
    """The SHA-256 key with MD5 chosen, and the other way round."""
    one = client(main, mode="8489")
    one.challenge()
    for chosen, used in ((MD5, SHA256), (SHA256, MD5)):
        one.algorithm = chosen
        mac = Mac(ALICE.key(one.realm, used), MESSAGE_INTEGRITY_SHA256)
        assert one.ask(ALLOCATE, [UDP, *one.auth(), mac]).code == 401
