"""STUN header and message processing (RFC 8489 sections 5, 6, 12): rows H."""

import struct

import pytest
from client import BIG, UDP, udp_socket
from stun import (
    ALLOCATE, BINDING, CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, DATA, DATA_METHOD, ERROR,
    ERROR_CODE, HEADER, INDICATION, LIFETIME, MAGIC, NONCE, REFRESH, REQUEST, SEND, SOFTWARE,
    SUCCESS, XOR_MAPPED_ADDRESS, XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, Fingerprint, build,
    message_type, new_tid, parse, split_type, tlv, u16pad, u32, xor_address)
from support.server import free_ports

METHODS = (BINDING, ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND)


def test_H01_first_two_bits(main, client):
    one = client(main)
    # On a stream 0x4001 begins ChannelData of the claimed length, which test_X05 is about.
    for bits in (0x8000, 0xC000) if one.stream else (0x4000, 0x8000, 0xC000):
        assert one.refused(build(REQUEST, BINDING, [BIG], type=bits | BINDING))


@pytest.mark.over("udp4", "tcp4")
def test_H02_class_and_method_bits(main, client):
    """All 16384 types: the server must answer exactly the requests of its five methods.

    On a stream only the 1024 types of methods below 0x100: the others' first byte begins nothing.
    """
    assert all(split_type(message_type(c, m)) == (c, m) for c in range(4) for m in range(4096))
    one = client(main)
    answered = {}
    for base in range(0, 0x400 if one.stream else 0x4000, 128):
        sent = {}
        for kind in range(base, base + 128):
            raw = build(REQUEST, 0, [UDP, BIG], type=kind)
            sent[raw[8:20]] = kind
            one.send(raw)
        one.barrier()
        while one.inbox:
            msg = one.inbox.popleft()
            answered[sent[msg.tid]] = (msg.cls, msg.method)
    # The barrier leaves foreign answers in the inbox, so none of them is lost.
    expected = {message_type(REQUEST, m): (SUCCESS if m == BINDING else ERROR, m) for m in METHODS}
    assert answered == expected


def test_H03_magic_cookie(main, client):
    one = client(main)
    for bit in range(32):
        assert one.refused(build(REQUEST, BINDING, [BIG], cookie=MAGIC ^ 1 << bit))


def test_H04_length_in_fours(main, client):
    one = client(main)
    for more in (1, 2, 3):
        assert one.refused(build(REQUEST, BINDING, [BIG, bytes(more)]))


@pytest.mark.over("udp", "dtls")
def test_H05_length_fits_the_datagram(main, client):
    one = client(main)
    good = build(REQUEST, BINDING, [BIG])
    for wrong in (-4, 4, 8, 0xFF00):
        one.send(build(REQUEST, BINDING, [BIG], length=len(good) - HEADER + wrong))
    one.send(good + b"tail")
    one.send(good[:-4])
    for n in range(HEADER):
        one.send(good[:n])
    assert one.silent()


def test_H06_attributes_end_with_the_message(main, client):
    one = client(main)
    for over in (1, 2, 3, 4, 5, 60000):
        one.send(build(REQUEST, BINDING, [BIG, tlv(SOFTWARE, b"four", length=4 + over)]))
    one.send(build(REQUEST, BINDING, [tlv(SOFTWARE, b"", length=1)]))
    assert one.silent()


def test_H07_unknown_methods(main, client):
    one = client(main)
    methods = [0x000, 0x002, 0x005, 0x00A, 0x00B, 0x00C, 0x080, 0x0FF]
    # The types of methods from 0x100 on begin no message in a stream.
    for method in methods if one.stream else [*methods, 0x100, 0xFFF]:
        one.send(build(REQUEST, method, [UDP, BIG]))
    assert one.silent()


def test_H08_class_must_suit_the_method(main, client):
    one = client(main)
    one.allocate()
    for method in (SEND, DATA_METHOD):
        one.send(one.signed(method, [UDP]))
    for method in (ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND, DATA_METHOD):
        one.send(build(INDICATION, method, [UDP, BIG]))
    assert one.silent()
    assert one.refresh().code == 0


def test_H09_responses_are_dropped(main, client):
    one = client(main)
    for cls in (SUCCESS, ERROR):
        for method in (*METHODS, SEND, DATA_METHOD):
            one.send(build(cls, method, [UDP, BIG]))
    assert one.silent()
    assert one.code(REFRESH) == 437  # nothing came of them


@pytest.mark.over("udp4", "tcp4", "dtls6")
def test_H10_transaction_id_is_repeated(main, client):
    one = client(main)
    for _ in range(1000):
        tid = new_tid()
        one.send(build(REQUEST, BINDING, [BIG], tid))
        msg = parse(one.recv())
        assert msg.tid == tid


@pytest.mark.over("udp4", "tcp4")
def test_H11_own_transaction_ids_are_random(linked):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    ids = set()
    for _ in range(40):
        for _ in range(50):
            other.send(b"x", relayed)
        ids.update(one.next().tid for _ in range(50))
    assert len(ids) == 2000
    counts = [0] * 256
    for byte in b"".join(ids):
        counts[byte] += 1
    mean = 2000 * 12 / 256
    # 255 degrees of freedom: below 400 in all but one of 10^8 runs.
    assert sum((c - mean) ** 2 / mean for c in counts) < 400


@pytest.mark.over("udp4", "tls6")
@pytest.mark.parametrize("types", [[0x7FFF], [0x7FFE, 0x0002], [0x0003, 0x0024, 0x0001 + 0x7000,
                                   0x0005, 0x7777, 0x0033, 0x0100]])
def test_H12_unknown_attributes_are_listed(main, client, types):
    one = client(main)
    msg = one.request(ALLOCATE, [UDP, *[(t, b"abc") for t in types]])
    assert msg.code == 420 and msg.unknown() == types
    msg = one.ask(BINDING, [(t, b"") for t in types])
    assert msg.code == 420 and msg.unknown() == types


def test_H13_authentication_before_unknown_attributes(main, client):
    one = client(main)
    assert one.ask(ALLOCATE, [UDP, (0x7FFF, b"")]).code == 401
    assert one.ask(ALLOCATE, [(0x7FFF, b""), UDP]).code == 401
    assert one.code(ALLOCATE, [UDP, (0x7FFF, b"")]) == 420


def test_H14_optional_unknown_attributes_are_ignored(main, client):
    one = client(main)
    one.allocate((0x8ABC, b"12345"), (0xC057, b"\0\0\0\1"), (0xFFFF, b""))


def test_H15_known_attributes_in_the_wrong_place(main, client):
    one = client(main)
    msg = one.ask(BINDING, [(LIFETIME, u32(600)), (DATA, b"data"), UDP])
    assert msg.code == 0 and msg.address(XOR_MAPPED_ADDRESS) == one.addr
    one.allocate((DATA, b"data"), (CHANNEL_NUMBER, u16pad(0x4000)))


def test_H16_indications(linked):
    one, other, _ = linked
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"spoilt", (0x7FFF, b""))
    one.indicate(other.addr, b"fine", (0x8FFF, b""))
    one.send(build(INDICATION, SEND, []))
    one.send(build(INDICATION, BINDING, []))
    assert one.silent()
    assert other.pending() == [b"fine"]


def test_H17_error_form(main, client):
    """Class, method and code of an error of every method."""
    one = client(main)
    for method in METHODS[1:]:
        msg = one.ask(method, [UDP, BIG])
        assert (msg.cls, msg.method, msg.code) == (ERROR, method, 401)
    for method in METHODS[2:]:
        msg = one.request(method)
        assert (msg.cls, msg.method, msg.code) == (ERROR, method, 437)
    msg = one.ask(BINDING, [(0x7FFF, b"")])
    assert (msg.cls, msg.method, msg.code) == (ERROR, BINDING, 420)


def test_H18_reason_phrase(main, client):
    """Short UTF-8 in all errors (the parser insists); ours are empty, to stay small."""
    one = client(main)
    answers = [one.ask(ALLOCATE, [UDP]), one.request(REFRESH), one.ask(BINDING, [(0x7FFF, b"")])]
    assert [len(a.get(ERROR_CODE)) for a in answers] == [4, 4, 4]


@pytest.mark.over("udp4")
def test_H19_answers_come_from_where_they_were_asked(own, client):
    port = free_ports(1)
    server = own({"listen": [f"0.0.0.0:{port}", f"[::]:{port}"]})
    for host, target in (("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.9"),
                         ("127.0.0.5", "127.3.2.1"), ("::1", "::1")):
        sock = udp_socket(host)
        raw = build(REQUEST, BINDING, [BIG])
        sock.sendto(raw, (target, port))
        sock.settimeout(2)
        answer, source = sock.recvfrom(2048)
        sock.close()
        assert parse(answer).tid == raw[8:20] and source[:2] == (target, port)
        one = client(server, host=host, to=(target, port))
        one.allocate()  # a connected socket hears only the address it asked


def test_H20_repeated_requests(main, client, peer):
    one, other = client(main), peer()
    one.challenge()
    tid = new_tid()
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    steps = [one.signed(ALLOCATE, [UDP], tid), one.signed(CREATE_PERMISSION, [address], tid),
             one.signed(CHANNEL_BIND, [(CHANNEL_NUMBER, u16pad(0x4001)), address], tid),
             one.signed(REFRESH, [(LIFETIME, u32(900))], tid), build(REQUEST, BINDING, [BIG], tid)]
    for raw in steps:
        answers = []
        for _ in range(3):
            one.send(raw)
            answers.append(one.wait(tid))
        assert [a.code for a in answers] == [0, 0, 0]
        assert len({tuple(a.addresses(XOR_RELAYED_ADDRESS)) for a in answers}) == 1
    one.channel(0x4001, b"through")
    one.barrier()
    assert other.pending() == [b"through"]


@pytest.mark.over("udp4")
def test_H21_no_memory_for_unproven_requests(own, client):
    server = own()
    asks = [build(REQUEST, BINDING), build(REQUEST, ALLOCATE, [UDP, BIG]), build(REQUEST, REFRESH)]

    def flood(second):
        for third in range(40):
            sock = udp_socket(f"127.{second}.{third}.1")
            for port in range(100):
                sock.sendto(asks[port % 3], ("127.0.0.1", server.port))
            sock.close()
        client(server).barrier()

    flood(1)
    before = server.rss()
    for second in range(2, 8):
        flood(second)
    assert server.rss() - before < 512 * 1024


def test_H22_software(serve, client):
    """Off: never there. On: in whatever is proven; the first 401 may stay short without it."""
    for on in (False, True):
        one = client(serve({"software": on}))
        for method in (BINDING, ALLOCATE):
            assert on or one.ask(method, [UDP, BIG]).get(SOFTWARE) is None
        found = one.request(ALLOCATE, [UDP]).get(SOFTWARE)
        assert found.startswith(b"Drehkreuz") if on else found is None


def test_H23_answers_are_small(serve, client):
    """The largest answers: a 401 and a 438 in full, a 420 with many types, a dual success."""
    one = client(serve({"software": True, "realm": "x" * 100}), mode="8489")
    sizes = [len(one.ask(ALLOCATE, [UDP, (SOFTWARE, b"x" * 200)]).raw)]
    one.learn(one.ask(ALLOCATE, [UDP, (SOFTWARE, b"x" * 400)]))
    sizes.append(len(one.request(ALLOCATE, [UDP, *[(0x7000 + i, b"") for i in range(40)]]).raw))
    assert max(sizes) <= 548


def test_H24_mapped_address(main, client):
    for host in ("127.0.0.1", "127.9.8.7", "::1"):
        one = client(main, host=host)
        msg = one.ask(BINDING, [BIG])
        assert (msg.cls, msg.address(XOR_MAPPED_ADDRESS)) == (SUCCESS, one.addr)
        assert msg.kinds() == [XOR_MAPPED_ADDRESS]


def test_H25_binding_over_every_transport(main, client):
    for _ in range(3):
        assert client(main).ask(BINDING).cls == SUCCESS


def test_H26_binding_without_credentials(main, serve, client):
    one = client(main)
    assert one.ask(BINDING).code == 0
    assert NONCE not in one.ask(BINDING).kinds()
    two = client(serve({"binding": False}))
    raw = build(REQUEST, BINDING, [BIG])
    two.send(raw)
    two.allocate()  # a full round trip later there is still no answer to it
    assert two.wait(raw[8:20], 0.05) is None and not two.inbox


def test_H27_fingerprint_is_optional(main, client):
    one = client(main)
    assert one.ask(BINDING, []).cls == SUCCESS
    assert one.ask(BINDING, [Fingerprint()]).cls == SUCCESS


def test_H28_classic_stun_is_dropped(main, client):
    one = client(main)
    assert one.refused(struct.pack("!HH", 1, 0) + b"\x01" * 16)
    assert one.refused(struct.pack("!HH", 1, 8) + b"\x01" * 16 + tlv(0x0003, bytes(4)))


def test_H30_first_of_repeated_attributes(linked, peer):
    one, other, _ = linked
    msg = one.request(REFRESH, [(LIFETIME, u32(1200)), (LIFETIME, u32(1800))])
    assert msg.number(LIFETIME) == 1200
    third = peer()
    assert one.permit(other.addr) == 0
    tid = new_tid()
    two = [(XOR_PEER_ADDRESS, xor_address(p.addr, tid)) for p in (other, third)]
    one.send(build(INDICATION, SEND, [*two, (DATA, b"first"), (DATA, b"second")], tid))
    one.barrier()
    assert other.pending() == [b"first"] and third.pending() == []


def test_N02_change_request_is_unknown(main, client):
    msg = client(main).ask(BINDING, [(0x0003, u32(6))])
    assert msg.code == 420 and msg.unknown() == [0x0003]


def test_N06_response_port_is_unknown(main, client, peer):
    other = peer("127.0.0.1")
    msg = client(main).ask(BINDING, [(0x0027, u16pad(other.addr[1]))])
    assert msg.code == 420 and msg.unknown() == [0x0027]
    assert other.pending() == []
