"""Equal datagrams in a row, which a kernel may hand over as one: each of them is what it was.

The first rounds make the server try trains; what it does in any of them is the same.
"""

import contextlib
import os
import signal
import socket

import pytest
from client import V6_RELAY
from stun import BINDING, REQUEST, build, channel_data, new_tid, parse

SOL_UDP, UDP_SEGMENT = 17, 103
SO_RCVBUFFORCE = 33
ROUNDS = 12
NUMBER = 0x4000


def send_train(sock, parts, to):
    """One send; the kernel cuts it where the first one ends."""
    sock.setsockopt(SOL_UDP, UDP_SEGMENT, len(parts[0]))
    sock.sendto(b"".join(parts), to)
    sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)


def payloads(size, last, count=40):
    """The last one may be shorter."""
    return [os.urandom(size) for _ in range(count - 1)] + [os.urandom(last)]


@contextlib.contextmanager
def held(server):
    """What is sent meanwhile is read in one go."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def heard(client, count):
    return [client.next_channel() for _ in range(count)]


@pytest.mark.over("udp4", "udp6")
@pytest.mark.parametrize("size, last", [(160, 160), (160, 7), (1100, 40), (8, 0)])
def test_from_client_to_peer(linked, size, last):
    one, other, relayed = linked
    assert one.bind(NUMBER, other.addr) == 0
    for _ in range(ROUNDS):
        sent = payloads(size, last)
        send_train(one.sock, [channel_data(NUMBER, data) for data in sent], one.to)
        assert [other.recv() for _ in sent] == [(data, relayed) for data in sent]


@pytest.mark.over("udp4", "udp6")
@pytest.mark.parametrize("size, last", [(160, 160), (160, 7), (1100, 40), (8, 1)])
def test_from_peer_to_client(linked, size, last):
    one, other, relayed = linked
    assert one.bind(NUMBER, other.addr) == 0
    for _ in range(ROUNDS):
        sent = payloads(size, last)
        send_train(other.sock, sent, relayed)
        assert heard(one, len(sent)) == [(NUMBER, data) for data in sent]


@pytest.mark.over("tcp4", "tls4", "dtls4")
def test_from_peer_to_a_client_that_is_no_datagram_socket(linked):
    """There the engine also writes behind the data."""
    one, other, relayed = linked
    assert one.bind(NUMBER, other.addr) == 0
    for _ in range(ROUNDS):
        sent = payloads(161, 7)
        send_train(other.sock, sent, relayed)
        assert heard(one, len(sent)) == [(NUMBER, data) for data in sent]


def test_from_peer_as_indications(linked):
    """Longer in front than a neighbour is long."""
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    for _ in range(ROUNDS):
        sent = payloads(8, 3)
        send_train(other.sock, sent, relayed)
        assert [one.next_data() for _ in sent] == [(other.addr, data) for data in sent]


def send_trains(client, parts, count=6):
    for _ in range(count):
        send_train(client.sock, [channel_data(NUMBER, data) for data in parts], client.to)


def test_from_client_to_client(linked, client, main):
    """Both are ours; what one gets is written where the other's data lies, between neighbours."""
    one, _, mine = linked
    two = client(main)
    theirs = two.allocate()
    assert one.bind(NUMBER, theirs) == 0 and two.permit(mine) == 0
    for _ in range(ROUNDS):
        sent = payloads(160, 7)
        with held(main):
            send_trains(one, sent)
        assert [two.next_data() for _ in 6 * sent] == 6 * [(mine, data) for data in sent]
    assert two.bind(NUMBER + 1, mine) == 0
    send_trains(one, sent, 1)
    assert heard(two, len(sent)) == [(NUMBER + 1, data) for data in sent]


def test_more_at_once_than_there_is_room_for(linked, main):
    one, other, relayed = linked
    one.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    assert one.bind(NUMBER, other.addr) == 0
    for count in [2] * ROUNDS + [8] * ROUNDS:
        sent = payloads(160, 160, 60)
        with held(main):
            for _ in range(count):
                send_train(other.sock, sent, relayed)
        assert heard(one, count * len(sent)) == count * [(NUMBER, data) for data in sent]


def test_between_families(client, main, peer):
    one, other = client(main), peer("::1")
    relayed = one.allocate(V6_RELAY)
    assert one.bind(NUMBER, other.addr) == 0
    for _ in range(ROUNDS):
        sent = payloads(160, 160)
        send_train(one.sock, [channel_data(NUMBER, data) for data in sent], one.to)
        assert [other.recv() for _ in sent] == [(data, relayed) for data in sent]


def test_requests_in_a_row_are_all_answered(linked, client, main):
    """More of them than there is room for answers at a time; and those behind them are, too."""
    one, two = linked[0], client(main)
    for count in [1] * ROUNDS + [6] * ROUNDS:
        tids = [[new_tid() for _ in range(50)] for _ in range(count)]
        last = new_tid()
        with held(main):
            for some in tids:
                send_train(one.sock, [build(REQUEST, BINDING, (), tid) for tid in some], one.to)
            two.send(build(REQUEST, BINDING, (), last))
        assert [parse(one.recv()).tid for _ in range(50 * count)] == sum(tids, [])
        assert parse(two.recv()).tid == last


def test_a_train_ends_with_its_allocation(linked):
    """What comes behind the last datagram of an allocation is nobody's."""
    one, other, relayed = linked
    assert one.bind(NUMBER, other.addr) == 0
    for _ in range(ROUNDS):
        send_train(other.sock, payloads(20, 20), relayed)
    assert one.refresh(0).code == 0
    send_train(other.sock, payloads(20, 20), relayed)
    one.inbox.clear()
    assert one.silent()
