"""A running call while strangers send more than the server can read."""

import select
import time

import pytest
from stun import BINDING, REQUEST, build
from test_trains import held
from transport import udp_socket

NUMBER = 0x4000
BACKLOG = 600   # more than half of the queue, each takes 768 bytes of it or more
LOOK = 200      # and these fit into it
SOON = 0.8      # less than the second for which a filter stays
TRIES = 8


@pytest.fixture
def crowded(own, client, peer):
    """(server, a client with a channel, its peer, a stranger); threads as few as can be."""
    server = own({"socket_bytes": 262144, "threads": 1, "unproven_per_prefix": 0})
    one, other = client(server), peer()
    one.allocate()
    assert one.bind(NUMBER, other.addr) == 0
    stranger = udp_socket(one.host)
    yield server, one, other, stranger
    stranger.close()


def ask(stranger, to, count):
    for _ in range(count):
        stranger.sendto(build(REQUEST, BINDING), to)


def answers(stranger, within):
    """How many came until it was quiet for that long."""
    count = 0
    while select.select([stranger], [], [], within)[0]:
        stranger.recv(2048)
        count += 1
    return count


def flood(server, one, stranger):
    """A queue more than half full when the server looks; when it has been read."""
    with held(server):
        ask(stranger, one.to, BACKLOG)
    begun = time.monotonic()
    assert one.refresh().code == 0
    answers(stranger, 0.02)
    return begun


def media(one, other, count):
    sent = [b"%d" % number for number in range(count)]
    for data in sent:
        one.channel(NUMBER, data)
    return [other.recv()[0] for _ in sent] == sent


@pytest.mark.over("udp4", "udp6")
def test_media_goes_on_and_strangers_wait(crowded):
    server, one, other, stranger = crowded
    for _ in range(TRIES):
        begun = flood(server, one, stranger)
        ask(stranger, one.to, LOOK)
        assert media(one, other, 100)
        came = answers(stranger, 0.1)
        if time.monotonic() < begun + SOON:
            break
    else:
        pytest.fail("this machine is too slow to look while it lasts")
    assert came < LOOK / 4
    end = time.monotonic() + 30
    while came < LOOK and time.monotonic() < end:
        ask(stranger, one.to, LOOK)
        came = answers(stranger, 0.1)
    assert came == LOOK, "who comes after the flood is kept waiting"
