"""TLS and DTLS listeners: policy, cookies, ALPN, certificates; rows X9 to X12 and Z."""

import hashlib
import os
import socket
import ssl
import time

import pytest
from client import udp_socket
from OpenSSL import SSL
from stun import BINDING, REFRESH, XOR_RELAYED_ADDRESS
from support import certificates
from transport import Dtls, Tcp, Tls, dtls_context, tls_context


def target(server, host="127.0.0.1"):
    return host, server.port


def handshake(server, **how):
    """The connection, which is closed by its end of life in the test; or ssl.SSLError."""
    return Tls(target(server), "127.0.0.1", **how)


def context(ciphers=None, low=None, high=None):
    """A client that would also take what is weak."""
    one = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    one.load_verify_locations(certificates.authority())
    one.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    if low:
        one.minimum_version, one.maximum_version = low, high or low
    return one


def test_X09_forward_secrecy_only(main):
    v12 = ssl.TLSVersion.TLSv1_2
    for weak in ("kRSA", "AES128-SHA", "AES256-GCM-SHA384", "ADH", "AECDH", "eNULL", "PSK"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(main, context=context(weak, v12))
    one = handshake(main, context=context("ECDHE", v12))
    assert one.sock.version() == "TLSv1.2" and one.sock.cipher()[0].startswith("ECDHE-")
    assert one.sock.compression() is None
    one.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_X09_old_versions(main):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(main, context=context(None, version))


@pytest.mark.parametrize("key, suite", [("rsa", "ECDHE-RSA-AES128-GCM-SHA256"),
                                        ("ec", "ECDHE-ECDSA-AES128-GCM-SHA256")])
def test_X10_mandatory_suite(serve, key, suite):
    server = serve({"certificates": [certificates.shared(key=key)]})
    one = handshake(server, context=context(suite, ssl.TLSVersion.TLSv1_2))
    assert one.sock.cipher()[0] == suite
    one.close()


def test_X11_tls13(main):
    one = handshake(main)
    assert one.sock.version() == "TLSv1.3"
    assert one.sock.cipher()[0] in ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")
    one.close()


def test_no_resumption(main, client):
    """Tickets and caches would link the connections of one person."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        plain = tls_context(version=version)
        one = client(main, over="tls", context=plain)
        one.barrier()  # whatever tickets there are have arrived
        session = one.sock.session
        assert session is None or not session.has_ticket
        if version == ssl.TLSVersion.TLSv1_2:
            again = plain.wrap_socket(socket.create_connection(target(main)),
                                      server_hostname=certificates.NAME, session=session)
            assert not again.session_reused
            again.close()


# --- DTLS ---


def hello():
    """A ClientHello in one record, without a cookie; and its sender's library."""
    tls = SSL.Connection(dtls_context(), None)
    tls.set_ciphertext_mtu(1200)
    tls.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        tls.do_handshake()
    return tls, tls.bio_read(1 << 14)


HELLO_VERIFY_REQUEST = 3


def test_X12_cookie_before_state(lean, client):
    """A flood of first flights from many sources: each a small answer, no memory, no session."""
    server = lean()
    client(server, over="dtls").barrier()
    _, raw = hello()

    def burst(second):
        answers = 0
        for third in range(1, 41):
            sock = udp_socket(f"127.{second}.{third}.9")
            sock.connect(target(server))
            for _ in range(50):
                sock.send(raw)
            sock.settimeout(0.02)
            try:
                while answer := sock.recv(2048):
                    assert answer[0] == 22 and answer[13] == HELLO_VERIFY_REQUEST
                    assert len(answer) <= len(raw)
                    answers += 1
            except TimeoutError:
                pass
            finally:
                sock.close()
        return answers

    assert burst(100) > 500
    before, files = server.rss(), server.descriptors()
    for second in range(101, 106):
        burst(second)
    # A session is kilobytes, and these would be 10,000.
    limit = 2 << 20 if server.is_sanitized() else 512 * 1024
    assert server.rss() - before < limit and server.descriptors() == files
    client(server, over="dtls").barrier()


def test_X12_cookie_of_another_address(main):
    """A cookie is good for the address that asked for it, and every bit of it counts."""
    tls, first = hello()
    one, two = udp_socket("127.0.0.1"), udp_socket("127.0.0.2")
    one.sendto(first, target(main))
    one.settimeout(2)
    tls.bio_write(one.recv(2048))
    with pytest.raises(SSL.WantReadError):
        tls.do_handshake()
    second = tls.bio_read(1 << 14)
    cookie = 13 + 12 + 2 + 32 + 1 + second[13 + 12 + 2 + 32]
    assert second[cookie] > 0
    for at in (cookie + 1, cookie + second[cookie]):
        wrong = bytearray(second)
        wrong[at] ^= 1
        one.sendto(bytes(wrong), target(main))
        answer = one.recv(2048)
        assert answer[13] == HELLO_VERIFY_REQUEST
    two.sendto(second, target(main))
    two.settimeout(2)
    assert two.recv(2048)[13] == HELLO_VERIFY_REQUEST
    one.sendto(second, target(main))
    assert one.recv(2048)[13] == 2  # ServerHello
    for sock in (one, two):
        sock.close()


@pytest.mark.over("dtls")
def test_Z03_dtls_listener(main, client, peer):
    one, other = client(main), peer()
    assert one.link.tls.get_protocol_version_name() == "DTLSv1.2"
    relayed = one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    for size in (0, 1, 5, 1100):
        one.channel(0x4000, b"d" * size)
        assert other.recv() == (b"d" * size, relayed)
        other.send(b"e" * size, relayed)
        assert one.next_channel() == (0x4000, b"e" * size)


def test_Z03_dtls_version(main):
    """DTLS 1.0 is not spoken: no ServerHello to it, whatever the cookie."""
    _, raw = hello()
    old = bytearray(raw)
    at = 13 + 12
    assert old[at:at + 2] == b"\xfe\xfd"
    old[at:at + 2] = b"\xfe\xff"
    sock = udp_socket("127.0.0.1")
    sock.connect(target(main))
    sock.send(bytes(old))
    sock.settimeout(0.3)
    try:
        answer = sock.recv(2048)
        assert answer[0] == 21 or answer[13] == HELLO_VERIFY_REQUEST
    except TimeoutError:
        pass
    sock.close()


@pytest.mark.over("dtls4", "tls4")
def test_Z04_close_notify_ends_the_allocation(serve, client, peer):
    server = serve({"allocations_per_account": 1})
    one, other = client(server), peer()
    host, port = one.allocate()
    if one.stream:
        one.sock.unwrap()
    else:
        one.link.tls.shutdown()
        one.link.flush()
    end = time.monotonic() + 3
    again = client(server)
    while (made := again.request(3, [(0x0019, b"\x11\0\0\0")])).code == 486:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert made.code == 0
    if (host, port) not in made.addresses(XOR_RELAYED_ADDRESS):
        udp_socket(host, port).close()  # the relayed port is free
    one.link.closed = True


@pytest.mark.over("dtls")
def test_junk_in_a_session(main, client):
    """Records that cannot be decrypted are dropped, the session goes on (RFC 6347 4.1.2.7)."""
    one = client(main)
    one.allocate()
    for junk in (b"\x17\xfe\xfd" + bytes(40), b"\x16\xfe\xfd" + os.urandom(60), b"\x14" * 30,
                 b"\x17\xfe\xfd\0\1\0\0\0\0\0\x7f\0\x30" + os.urandom(48), b"\x3f"):
        one.sock.send(junk)
    assert one.refresh().code == 0


@pytest.mark.over("dtls")
def test_a_new_session_from_the_same_port(main, client):
    """A client that lost its state starts anew (RFC 6347 section 4.2.8)."""
    one = client(main)
    one.allocate()
    port = one.addr[1]
    one.sock.close()  # without a word
    one.link.closed = True
    two = client(main, port=port)
    assert two.addr == one.addr
    assert two.code(REFRESH) in (0, 437)
    two.refresh(0)


# --- ALPN, names, certificates ---


def test_Z01_alpn(main):
    for name in ("stun.turn", "stun.nat-discovery"):
        for offer in ((name,), ("h2", name), (name, "http/1.1")):
            one = handshake(main, context=tls_context(offer))
            assert one.sock.selected_alpn_protocol() == name
            one.close()


def test_Z02_foreign_alpn(main):
    """No common name is a fatal alert; no ALPN at all is fine (browsers send none)."""
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        handshake(main, context=tls_context(("h2", "http/1.1")))
    one = handshake(main)
    assert one.sock.selected_alpn_protocol() is None
    one.close()


@pytest.mark.parametrize("name", [certificates.NAME, "127.0.0.1", None], ids=["name", "ip", "none"])
def test_platform_r07_handshake_and_nothing_else(main, client, name):
    """Nextcloud Talk's certificate check: connect, look at the certificate, close."""
    for _ in range(20):
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        plain.load_verify_locations(certificates.authority())
        plain.check_hostname = name is not None
        one = handshake(main, name=name, context=plain)
        assert one.sock.getpeercert()["notAfter"]
        one.close()
    client(main, over="tls").barrier()


def test_platform_r08_client_hello_in_pieces(main):
    """Browsers' hellos fill two segments; each is to be waited for."""
    for size in (1, 5, 6, 43, 100, 200):
        link = Tcp(target(main), "127.0.0.1")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = tls_context(("stun.turn",)).wrap_bio(incoming, outgoing,
                                                   server_hostname=certificates.NAME)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                data = outgoing.read()
                for part in (data[:size], data[size:]):
                    link.send(part)
                    time.sleep(0.01)
                assert link.read(2)
                incoming.write(bytes(link.buffer))
                link.buffer.clear()
        assert tls.version() == "TLSv1.3"
        link.close()


def shown(server, name=certificates.NAME, over=Tls):
    """SHA-256 of the certificate that a client of this name gets to see."""
    one = over(target(server), "127.0.0.1", name=name)
    try:
        if over is Tls:
            return hashlib.sha256(one.sock.getpeercert(True)).hexdigest()
        return one.tls.get_peer_certificate().digest("sha256").decode().replace(":", "").lower()
    finally:
        one.close()


def test_certificate_by_name(serve):
    first, second = certificates.shared(), certificates.shared("other.test.example")
    server = serve({"certificates": [first, second]})
    for pair, name in ((first, certificates.NAME), (second, "other.test.example")):
        for over in (Tls, Dtls):
            assert shown(server, name, over) == certificates.fingerprint(pair["certificate"])


@pytest.mark.over("tls4", "dtls4")
def test_certificate_renewed_by_rename(own, client, peer, tmp_path):
    """Living connections go on, new ones see the new certificate, a broken pair changes nothing."""
    pair = certificates.make(tmp_path / "served")
    server = own({"certificates": [pair]})
    one, other = client(server), peer()
    over = type(one.link)
    one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    old = certificates.fingerprint(pair["certificate"])
    assert shown(server, over=over) == old
    fresh = certificates.make(tmp_path / "fresh")
    new = certificates.fingerprint(fresh["certificate"])
    os.rename(fresh["certificate"], pair["certificate"])  # does not match the key yet
    time.sleep(2.5)  # looked at once a second
    assert shown(server, over=over) == old
    os.rename(fresh["key"], pair["key"])
    end = time.monotonic() + 10
    while shown(server, over=over) != new:
        assert time.monotonic() < end, "the new certificate is not served"
        time.sleep(0.1)
    one.channel(0x4000, b"still here")
    assert other.recv()[0] == b"still here"
    assert one.refresh().code == 0
    (tmp_path / "served.pem").write_text("not a certificate")
    time.sleep(2.5)  # looked at once a second
    assert shown(server, over=over) == new
    assert one.ask(BINDING).code == 0
