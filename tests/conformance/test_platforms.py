"""What the platforms that use a relay rely on: credentials, rotation, shared names, peers."""

import pytest
from accounts import ALICE, USERS, timed
from client import BIG, UDP, Credentials
from stun import ALLOCATE, BINDING, key_md5, timed_password
from support.server import SECRET

REALM = "turn.test.example"
# (user name, password, key in hex) for SECRET and REALM above.
VECTORS = [
    ("2000000000:turn-test-user", "k9wg5RpEGX8AL0e/09TLBR9Oru8=",
     "e267dc12273da4b71b3d02fc4a96cc55"),
    ("2000000000:Ab3dEf6hIj9kLm2n", "OYEo95PwoKbdAb72x3UDa3nh4K4=",
     "9b5c0eff2213eaffc362a7beff45d3e8"),
    ("2000000000", "caszuAaUwGYGThdUgDIEBRJFG+E=", "8083d8a10fd1e7f0cce160d89fd290c8"),
    ("2000000000:@alice:matrix.example", "2yW6MpUnX8gnqYpmpOi2vXQcMnk=",
     "d5433ab4a59fdae8a88c647cff047b02"),
    ("2000000000:jitsi", "acr9Yj2jfrm97rlho/aPZ9zNtI0=", "03b48a7cfa88165ec1122ba30f743a8f"),
    ("2000000000:", "rvMWzmtX/YoI4ep9TV0IJ9RX2r8=", "1b654e6782987de66ba8f9562ba7619c"),
    ("2000000000:\u00fcn\u00efcode", "cvZekmVFiXiOJ/1yMVWpo9HpqC0=",
     "7ba900fd13e179def5717131eee5afed"),
]


@pytest.mark.parametrize("user, password, key", VECTORS, ids=[v[0] for v in VECTORS])
def test_platform_r01_r02_r03_vectors(serve, client, user, password, key):
    assert timed_password(SECRET, user) == password
    assert key_md5(user, REALM, password).hex() == key
    server = serve({"realm": REALM})
    for mode in ("5389", "8489"):
        one = client(server, Credentials(user, password), mode=mode)
        one.allocate()
        assert one.refresh().code == 0


def test_platform_r01_name_before_the_timestamp(serve, client):
    """Ambiguous, hence not taken: the digits must come first."""
    creds = Credentials("alice:2000000000", "LfNmi5EfFOASptTqzTFiZ2zxtD8=")
    assert timed_password(SECRET, creds.user) == creds.password
    assert client(serve({"realm": REALM}), creds).request(ALLOCATE, [UDP]).code == 401


def test_platform_r04_one_secret_per_platform(serve, client):
    secrets = tuple((f"platform-{i}", 0, 0, f"secret-of-platform-number-{i}") for i in range(16))
    server = serve({}, secrets)
    for _, _, _, secret in secrets:
        client(server, timed(server, secret=secret)).allocate()


def test_platform_r05_static_users_beside_the_secret(main, client):
    client(main, ALICE).allocate()
    client(main, timed(main)).allocate()


def test_platform_r05_static_user_named_like_a_timestamp(serve, client):
    user = {"name": "1000000000", "password": "static after all"}
    creds = Credentials(user["name"], user["password"])
    client(serve({"users": [*USERS, user]}), creds).allocate()


@pytest.mark.parametrize("name", [":jitsi", ""])
def test_platform_r10_many_clients_of_one_name(serve, client, name):
    """A conference of two hundred under one name, with the limits as they come."""
    server = serve({"allocations_per_account": None, "allocations_per_prefix": 0})
    creds = timed(server, name)
    clients = [client(server, creds) for _ in range(200)]
    assert len({one.allocate() for one in clients}) == 200


def test_platform_r12_media_server_in_a_private_range(serve, client):
    """Everything is denied but the one machine that is meant."""
    server = serve({"allow_peers": ["10.1.2.3/32"], "deny_peers": ["0.0.0.0/0"]})
    one = client(server)
    one.allocate()
    assert one.permit(("10.1.2.3", 10000)) == 0
    for host in ("10.1.2.2", "10.1.2.4", "8.8.8.8", "1.1.1.1"):
        assert one.permit((host, 10000)) == 403


def test_platform_r13_calls_outlive_their_credential(main, client, peer):
    """300 seconds of validity, an hour of talking."""
    one, other = client(main, timed(main, ttl=300)), peer()
    relayed = one.allocate()
    for _ in range(12):
        main.advance(290)
        assert one.refresh().code == 0
        assert one.bind(0x4000, other.addr) == 0
    other.send(b"still talking", relayed)
    assert one.next_channel() == (0x4000, b"still talking")


def test_platform_r14_expiry_far_away(main, client):
    for ttl in (90 * 86400, 5 * 365 * 86400):
        client(main, timed(main, ttl=ttl)).allocate()


def test_platform_r16_stun_on_the_same_port(main, client):
    one = client(main)
    one.allocate()
    assert one.ask(BINDING).code == 0
    assert client(main).ask(BINDING, [BIG]).code == 0
