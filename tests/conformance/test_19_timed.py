"""Time-limited credentials (draft-uberti-behave-turn-rest-00): rows U."""

import pytest
from accounts import ALICE, timed
from client import UDP, Credentials, arrives
from stun import ALLOCATE, timed_password
from support.server import SECRET

OTHER = "another-secret-of-the-same-length"


def code(client, server, creds):
    return client(server, creds).request(ALLOCATE, [UDP]).code


@pytest.mark.over("udp4", "tcp4")
def test_U01_expiry(main, client):
    assert code(client, main, timed(main, ttl=3)) == 0
    for ttl in (-2, -3600):
        assert code(client, main, timed(main, ttl=ttl)) == 401
    creds = timed(main, ttl=100)
    main.advance(97)
    assert code(client, main, creds) == 0
    main.advance(5)
    assert code(client, main, creds) == 401


def test_U02_password(main, client):
    """The vectors that common platforms produce, against the codec and the server."""
    vectors = {
        "2000000000:turn-test-user": "k9wg5RpEGX8AL0e/09TLBR9Oru8=",
        "2000000000:Ab3dEf6hIj9kLm2n": "OYEo95PwoKbdAb72x3UDa3nh4K4=",
        "2000000000": "caszuAaUwGYGThdUgDIEBRJFG+E=",
    }
    for user, password in vectors.items():
        assert timed_password(SECRET, user) == password
        assert code(client, main, Credentials(user, password)) == 0
        assert code(client, main, Credentials(user, password[:-1])) == 401
        assert code(client, main, Credentials(user, password.lower())) == 401


def test_U03_bare_timestamp(main, client):
    for name in ("", ":", ":someone", ":a:b:c", ":@alice:matrix.example", ": with space",
                 ":\u00fcn\u00efcode"):
        for mode in ("5389", "8489"):
            client(main, timed(main, name), mode=mode).allocate()


@pytest.mark.over("udp4", "tcp4")
def test_U04_later_requests_need_the_same_name(main, client, peer):
    one, other = client(main, timed(main, ":first", 50)), peer()
    one.allocate()
    first = one.creds
    main.advance(60)
    assert one.permit(other.addr) == 0
    one.creds = timed(main, ":second")
    assert one.permit(other.addr) == 441
    one.creds = first
    assert one.refresh().code == 0
    assert arrives(one, other, lambda data: one.indicate(other.addr, data), b"goes on")


@pytest.mark.over("udp4", "tls6")
def test_U05_several_secrets(own, client):
    server = own({}, secrets=[("old", 0, 0, SECRET), ("new", 0, 0, OTHER)])
    one = client(server, timed(server))
    one.allocate()
    assert code(client, server, timed(server, secret=OTHER)) == 0
    assert code(client, server, timed(server, secret="a-third-one-nobody-knows")) == 401
    # The old one is retired: no new allocations by it, the living go on.
    server.write_secrets([("new", 0, 0, OTHER)])
    server.reload()
    assert code(client, server, timed(server)) == 401
    assert code(client, server, timed(server, secret=OTHER)) == 0
    assert one.refresh().code == 0


@pytest.mark.over("udp4", "tcp4")
def test_U05_validity_of_secrets(own, client):
    server = own({}, secrets=[("one", 0, 0, OTHER)])
    now = server.now()
    server.write_secrets([("past", 0, now - 10, "past-secret-long-enough"),
                          ("future", now + 100, 0, "future-secret-long-enough"),
                          ("ending", 0, now + 50, "ending-secret-long-enough")])
    server.reload()
    seen = [code(client, server, timed(server, secret=f"{s}-secret-long-enough"))
            for s in ("past", "future", "ending")]
    assert seen == [401, 401, 0]
    server.advance(150)
    seen = [code(client, server, timed(server, secret=f"{s}-secret-long-enough"))
            for s in ("past", "future", "ending")]
    assert seen == [401, 0, 401]


@pytest.mark.parametrize("stamp", [
    "-2000000000", "+2000000000", " 2000000000", "2000000000 ", "0x77359400", "2e9", "",
    "99999999999999999999", "999999999999999999999", "18446744073709551616", "9223372036854775808",
    "1999999999999999999999999999", "2000000000.5", "20000_00000", "\uff12000000000"])
def test_U07_timestamps_that_are_none(main, client, stamp):
    for name in (stamp, stamp + ":someone"):
        creds = Credentials(name, timed_password(SECRET, name))
        one = client(main, creds)
        one.challenge()
        assert one.ask(ALLOCATE, [UDP, *one.auth(), one.mac()]).code in (400, 401), name


def test_U07_longest_timestamps(main, client):
    """Leading zeroes within twenty digits are digits."""
    for digits in (10, 19, 20):
        name = "2000000000".zfill(digits)
        assert code(client, main, Credentials(name, timed_password(SECRET, name))) == 0


def test_U07_expiry_far_in_the_future(serve, client):
    server = serve({"max_credential_ttl": 86400})
    assert code(client, server, timed(server, ttl=80000)) == 0
    assert code(client, server, timed(server, ttl=90000)) == 401
    assert code(client, serve(), timed(server, ttl=10 * 365 * 86400)) == 0


@pytest.mark.over("udp4", "tls6")
def test_U08_servers_of_one_realm(serve, own, client):
    """One credential, two servers with the same realm and secret; a third with another realm."""
    first, second, third = serve(), own(), serve({"realm": "other"})
    creds = timed(first)
    for server in (first, second, third):
        one = client(server, creds)
        one.allocate()
        assert one.realm == server.realm
    assert creds.key(first.realm) == creds.key(second.realm) != creds.key(third.realm)


def test_static_users_beside_secrets(main, client):
    client(main, ALICE).allocate()
    client(main, timed(main)).allocate()
