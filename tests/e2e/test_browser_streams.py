"""Browsers' calls over TCP and TLS: on the one port, and on a port 443 shared with a web page."""

import secrets

import pytest

from browser import call
from front import CLOUD, NAME
from relay import PORT, credential
from support import certificates

NO_UDP = """table inet no_udp {
    chain c { type filter hook input priority 0; iifname veth1 meta l4proto udp drop; }
}"""


def ice(*urls):
    user, password = credential()
    return [{"urls": list(urls), "username": user, "credential": password}]


@pytest.fixture(scope="module")
def relay(start):
    server = start(certificates=[certificates.shared()])
    yield server
    server.stop()


@pytest.fixture
def no_udp(world):
    """No UDP packet of b arrives, and nobody tells it."""
    world.run("srv", ["nft", "-f", "-"], input=NO_UDP, check=True)
    yield
    world.run("srv", ["nft", "delete", "table", "inet", "no_udp"], check=True)


@pytest.mark.parametrize("url, over", [
    (f"turn:10.77.0.1:{PORT}?transport=tcp", "tcp"),
    (f"turns:{NAME}:{PORT}?transport=tcp", "tls")], ids=["tcp", "tls"])
def test_call_on_the_one_port(relay, a, b, url, over):
    assert call(a, b, ice(url)) == [over, over]


@pytest.mark.parametrize("engine", ["chromium"], indirect=True, scope="module")
def test_call_over_tls_to_an_address(relay, a, b):
    """Firefox does not even connect for turns: without a name."""
    assert call(a, b, ice(f"turns:10.77.0.1:{PORT}?transport=tcp")) == ["tls", "tls"]


def test_call_between_transports(relay, a, b):
    """One by UDP, the other by TLS: the relay joins them."""
    udp, tls = (ice(f"turn:{NAME}:{PORT}?transport=udp"), ice(f"turns:{NAME}:{PORT}?transport=tcp"))
    assert call(a, b, udp, tls) == ["udp", "tls"]


def test_all_urls_of_talk(relay, a):
    """The admin page's test of each of the four forms for one host and port."""
    user, password = credential(ttl=300, name="turn-test-user")
    for scheme in ("turn", "turns"):
        for transport in ("udp", "tcp"):
            url = f"{scheme}:{NAME}:{PORT}?transport={transport}"
            result = a.js("turnTest", [url], user, password, 10000)
            assert any(" typ relay " in text for text in result["cands"]), (url, result)


def test_wrong_certificate_is_refused(start, a):
    """The browser does verify: one that it does not trust gives no candidate."""
    pair = certificates.shared("somebody.else.example")
    server = start(certificates=[pair], listen=["0.0.0.0:5555"])
    try:
        user, password = credential()
        result = a.js("turnTest", [f"turns:{NAME}:5555?transport=tcp"], user, password, 5000)
        assert not result["cands"], result
    finally:
        server.stop()


def test_fallback_when_udp_is_blocked(relay, a, b, no_udp):
    """The blocked side finds a way over TCP or TLS, the other one stays with UDP."""
    urls = [f"turn:{NAME}:{PORT}?transport=udp", f"turn:{NAME}:{PORT}?transport=tcp",
            f"turns:{NAME}:{PORT}?transport=tcp"]
    over = call(a, b, ice(*urls))
    assert over[0] == "udp" and over[1] in ("tcp", "tls")


def test_port_443_shared_with_a_page(port_443, a, b, no_udp):
    """Page and call of the same browser come over one port; UDP is blocked for one side."""
    page = f"https://{CLOUD}/?{secrets.token_hex(4)}"  # in no cache
    for each in (a, b):
        each.open(page)
        assert each.js("where") == page
    assert call(a, b, ice(f"turns:{NAME}:443?transport=tcp")) == ["tls", "tls"]
    mixed = ice(f"turn:{NAME}:443?transport=udp", f"turns:{NAME}:443?transport=tcp")
    assert call(a, b, mixed) == ["udp", "tls"]
