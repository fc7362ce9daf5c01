"""Nonces, and what is answered to sources without proof: rows A3 to A7, A27 to A29."""

import base64
import statistics
import time

import pytest
from client import BIG, UDP, udp_socket
from stun import (
    ALGORITHMS, ALGORITHMS_BIT, ALLOCATE, ANONYMITY_BIT, BINDING, COOKIE, CREATE_PERMISSION, NONCE,
    PASSWORD_ALGORITHMS, REFRESH, REQUEST, SOFTWARE, Fingerprint, build, nonce_features)


def test_A03_nonce_cookie(main, serve, client):
    one = client(main, mode="8489")
    one.challenge()
    assert one.nonce.startswith(COOKIE + "gAAA")
    assert len(one.nonce) == 9 + 4 + 16
    two = client(serve({}, None), mode="8489")
    two.challenge()
    assert two.nonce.startswith(COOKIE + "wAAA")
    assert nonce_features(two.nonce) == ALGORITHMS_BIT | ANONYMITY_BIT
    three = client(main)
    three.challenge()
    assert len(three.nonce) == 16 and three.algorithms is None


def test_A04_list_and_bit_go_together(main, client):
    one = client(main)
    for extra in ([], [BIG], [Fingerprint()], [BIG, Fingerprint()]):
        for method in (ALLOCATE, REFRESH, CREATE_PERMISSION):
            msg = one.ask(method, [UDP, *extra])
            features = nonce_features(msg.get(NONCE).decode()) or 0
            offered = msg.get(PASSWORD_ALGORITHMS)
            assert (offered is not None) == bool(features & ALGORITHMS_BIT)
            assert offered in (None, ALGORITHMS)


@pytest.mark.over("udp4", "tcp4")
def test_A05_nonces_differ_by_source(main, client):
    nonces = set()
    for i in range(50):
        for mode in ("5389", "8489"):
            one = client(main, host=f"127.0.1.{i + 1}", mode=mode)
            one.challenge()
            nonces.add(one.nonce)
            one.nonce = ""
    assert len(nonces) == 100
    # And one source's nonce is of no use to another.
    one, two = client(main), client(main)
    one.challenge()
    two.realm, two.nonce = one.realm, one.nonce
    assert two.request(ALLOCATE, [UDP], retry=False).code == 438


@pytest.mark.parametrize("features", ["AAAA", "QAAA", "wAAA", "gAAB", "/AAA"])
def test_A06_features_cannot_be_altered(main, client, features):
    one = client(main, mode="8489")
    one.challenge()
    one.nonce = one.nonce[:9] + features + one.nonce[13:]
    one.mode = "5389"
    assert one.request(ALLOCATE, [UDP], retry=False).code == 438
    # Without the bit the choice of SHA-256 is not looked at: MD5, whose MAC is judged first.
    one.mode = "8489"
    seen = one.request(ALLOCATE, [UDP], retry=False).code
    assert seen == (401 if features in ("AAAA", "QAAA") else 438)


def test_A06_cookie_cannot_be_cut_off(main, client):
    """The 16 characters behind the cookie are no short nonce, nor the other way round."""
    one = client(main, mode="8489")
    one.challenge()
    full = one.nonce
    one.mode, one.nonce = "5389", full[13:]
    assert one.request(ALLOCATE, [UDP], retry=False).code == 438
    two = client(main)
    two.challenge()
    for features in ("AAAA", "gAAA"):
        short = two.nonce
        two.nonce = COOKIE + features + short
        assert two.request(ALLOCATE, [UDP], retry=False).code == 438
        two.nonce = short
    one.nonce = ""


@pytest.mark.over("udp4")
def test_A07_nonces_are_new_and_expire(main, client):
    one = client(main)
    nonces = set()
    for _ in range(3):
        one.challenge()
        nonces.add(one.nonce)
        main.advance(2)
    assert len(nonces) == 3
    assert one.request(REFRESH, retry=False).code == 437
    main.advance(3600)
    assert one.request(REFRESH, retry=False).code == 438


@pytest.mark.over("udp4", "tcp4")
def test_A07_nonce_lifetime_option(serve, client):
    server = serve({"nonce_lifetime": 60})
    one = client(server)
    one.challenge()
    server.advance(30)
    assert one.request(REFRESH, retry=False).code == 437
    server.advance(31)
    assert one.request(REFRESH, retry=False).code == 438


@pytest.mark.over("udp4", "tls6")
def test_A27_every_bit_of_the_nonce_counts(main, client):
    one = client(main)
    one.challenge()
    good = one.nonce
    for at, old in enumerate(good):
        for new in ("A", "b", "7", "/"):
            if new == old:
                continue
            one.nonce = good[:at] + new + good[at + 1:]
            # The last character of 12 bytes in base64 carries six bits as all the others do.
            assert one.request(REFRESH, retry=False).code == 438
    one.nonce = good
    assert one.request(REFRESH, retry=False).code == 437
    for bad in (good + "A", good[:-1], good + "=", ""):
        one.nonce = bad
        assert one.ask(REFRESH, [*one.auth(), one.mac()]).code in (400, 438)
    one.nonce = good


@pytest.mark.over("udp4", "tls6")
def test_A27_nonces_are_not_guessable(main, client):
    """Nonces of two ports of one host share no pattern: about half of their bits differ."""
    values = []
    for _ in range(40):
        one = client(main)
        one.challenge()
        values.append(int.from_bytes(base64.b64decode(one.nonce), "big"))
        one.nonce = ""
    distances = [(a ^ b).bit_count() for a, b in zip(values, values[1:])]
    # A part of the 96 bits is the time and may agree; the rest must look random.
    assert min(distances) > 16 and statistics.mean(distances) > 24


@pytest.mark.over("udp", "dtls4")
def test_A28_size_of_unproven_answers(main, client):
    one = client(main)
    small = build(REQUEST, ALLOCATE, [UDP])
    one.send(small)
    answer = one.wait(small[8:20])
    assert len(answer.raw) <= 60
    for size in range(0, 120, 4):
        raw = build(REQUEST, ALLOCATE, [UDP, (SOFTWARE, b"x" * size)])
        one.send(raw)
        answer = one.wait(raw[8:20])
        assert len(answer.raw) <= max(60, 2 * len(raw))


def test_A28_allocate_that_can_never_succeed_is_not_answered(main, client):
    one = client(main)
    for attrs in ([], [(0x0019, b"\x06\0\0\0")], [(0x0019, b"\x11\0\0")], [(0x0019, b"")]):
        one.send(build(REQUEST, ALLOCATE, [BIG, *attrs]))
    assert one.silent()


@pytest.mark.over("udp4")
def test_A28_limit_per_prefix(own, client):
    """One address is limited, its neighbour is not; the next second brings new answers."""
    server = own({"unproven_per_prefix": 50})
    start = time.monotonic()

    def answers(host):
        one = client(server, host=host)
        for _ in range(300):
            one.send(build(REQUEST, ALLOCATE, [UDP, BIG]))
        count = 0
        one.sock.settimeout(0.1)
        try:
            while one.sock.recv(2048):
                count += 1
        except TimeoutError:
            return count

    first = answers("127.0.0.2")
    assert first >= 45 and answers("127.0.0.3") >= 45
    again = answers("127.0.0.2")
    assert first + again <= 50 * (1 + time.monotonic() - start) + 5
    server.advance(2)
    assert answers("127.0.0.2") >= 45


@pytest.mark.over("udp4")
def test_A28_limit_does_not_touch_the_proven(own, client):
    server = own({"unproven_per_prefix": 10})
    one = client(server, host="127.0.0.2")
    one.allocate()
    sock = udp_socket("127.0.0.2")
    for _ in range(200):
        sock.sendto(build(REQUEST, BINDING), ("127.0.0.1", server.port))
    sock.close()
    for _ in range(50):
        assert one.refresh().code == 0


def test_A28_overall_budget(own):
    """Tiny requests from many sources: two bytes out for one in, a start's amount, a trickle."""
    server = own()
    request = build(REQUEST, REFRESH)
    received = sent = 0
    start = time.monotonic()
    for second in range(2, 62):
        sock = udp_socket(f"127.77.{second}.1")
        sock.setblocking(False)
        for _ in range(100):
            sent += sock.sendto(request, ("127.0.0.1", server.port))
        try:
            sock.settimeout(0.02)
            while True:
                received += len(sock.recv(2048))
        except (TimeoutError, BlockingIOError):
            sock.close()
    assert received <= 2 * sent + 64 * 1024 + 4096 * (time.monotonic() - start + 1)
    assert received >= sent


@pytest.mark.over("udp4")
def test_A29_flood_of_first_requests(own, client):
    server = own()
    one = client(server)
    one.challenge()
    request = build(REQUEST, ALLOCATE, [UDP, BIG])

    def flood(second):
        for third in range(1, 41):
            sock = udp_socket(f"127.{second}.{third}.9")
            for _ in range(100):
                sock.sendto(request, ("127.0.0.1", server.port))
            sock.close()

    flood(100)
    one.barrier()
    before, files = server.rss(), server.descriptors()
    for second in range(101, 106):
        flood(second)
        one.barrier()
    assert server.rss() - before < 512 * 1024 and server.descriptors() == files
