"""T2. A million packets that are none, and clients who do everything wrong: the log has no line
that the catalogue does not know, and not one line more or less than when nobody comes."""

import random
import socket

import pytest
from client import UDP, Client, Credentials
from load import junk, size
from outputs import Stand, grammar, outside_grammar
from stun import (ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, REQUEST, Mac, build,
                  timed_password)
from support import certificates
from support.server import SECRET

PACKETS = size(1_000_000, 50_000)
SIGNED = size(4000, 300)
CONNECTIONS = size(1500, 100)
HOUR = 3600


def credentials(server):
    user = f"{int(server.now()) + 86400}:CANARY"
    return Credentials(user, timed_password(SECRET, user))


def signed_nonsense(server):
    """Requests of somebody who may ask, with attributes that make no sense."""
    rng = random.Random(5)
    one = Client(server, credentials(server))
    one.allocate()
    for _ in range(SIGNED):
        attrs = [(rng.choice([rng.randrange(0x40), 0x8000 | rng.randrange(0x60)]),
                  rng.randbytes(rng.randrange(40))) for _ in range(rng.randrange(5))]
        method = rng.choice([ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND])
        one.ask(method, [*attrs, *one.auth(), one.mac()], timeout=0.0005)
        if rng.randrange(50) == 0:
            one.barrier()
            one.inbox.clear()
    one.barrier()
    one.close()


def streams_of_nonsense(server):
    rng = random.Random(6)
    good = build(REQUEST, ALLOCATE, [UDP, Mac(bytes(16))])
    for _ in range(CONNECTIONS):
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            sock.sendall(rng.choice([
                rng.randbytes(200), good[:9], good + rng.randbytes(99),
                b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + rng.randbytes(80)]))


def said(attack):
    """The lines of a server's life of two windows, without what differs by its nature: its folder,
    its ports, the noise."""
    with Stand({"certificates": [certificates.shared()]}) as server:
        attack(server)
        for _ in range(4):
            server.advance(HOUR / 2)
        text = server.log()
        server.stop()
        return text


@pytest.fixture(scope="module")
def quiet():
    return said(lambda server: None)


def judge(text, quiet):
    assert not outside_grammar(text)
    names = [[line.split(": ")[1] for line in one.splitlines()] for one in (text, quiet)]
    assert names[0] == names[1], text
    assert "CANARY" not in text


def test_a_million_packets(quiet):
    def attack(server):
        lost = junk(server, PACKETS, seed=20)
        assert lost <= PACKETS // 1000, f"{lost} packets were never read"

    judge(said(attack), quiet)


def test_signed_nonsense(quiet):
    judge(said(signed_nonsense), quiet)


def test_streams_of_nonsense(quiet):
    judge(said(streams_of_nonsense), quiet)


@pytest.mark.parametrize("line", [
    "turn: 401 for somebody", "drehkreuz: about 127.0.0.1", "drehkreuz: started: serves it",
    "drehkreuz: stopping: stop requested, closing now", "drehkreuz: fatal: a\x1b[2Jb", "",
])
def test_the_grammar_knows_what_it_does_not_know(line):
    assert not grammar().fullmatch(line)
