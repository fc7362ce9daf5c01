"""Chromium's calls over TCP and TLS: on the one port, and on a port 443 shared with a web page."""

import shutil
import urllib.parse

import pytest

from browser import Browser, call
from front import web_server
from relay import PORT, credential
from support import certificates
from world import HERE

NAME, CLOUD = certificates.NAME, "cloud.test.example"
# Chromium resolves the name with a dot at its end for UDP.
RESOLVE = f"--host-resolver-rules=MAP {NAME}* 10.77.0.1, MAP {CLOUD} 10.77.0.1"
BLOCKED = "--webrtc-ip-handling-policy=disable_non_proxied_udp"


def ice(*urls):
    user, password = credential()
    return [{"urls": list(urls), "username": user, "credential": password}]


def browser(world, name, *flags, page=None):
    args = ["--authority", certificates.authority(), *(["--page", page] if page else [])]
    return Browser(world, name, *args, "--", RESOLVE, *flags)


@pytest.fixture(scope="module")
def relay(start):
    server = start(certificates=[certificates.shared()])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def a(world):
    one = browser(world, "a")
    yield one
    one.close()


@pytest.fixture(scope="module")
def b(world):
    one = browser(world, "b")
    yield one
    one.close()


@pytest.mark.parametrize("url, over", [
    (f"turn:10.77.0.1:{PORT}?transport=tcp", "tcp"),
    (f"turns:{NAME}:{PORT}?transport=tcp", "tls"),
    (f"turns:10.77.0.1:{PORT}?transport=tcp", "tls")], ids=["tcp", "tls-name", "tls-address"])
def test_call_on_the_one_port(relay, a, b, url, over):
    assert call(a, b, ice(url)) == [over, over]


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


def test_wrong_certificate_is_refused(start, world):
    """The browser does verify: one that it does not trust gives no candidate."""
    pair = certificates.shared("somebody.else.example")
    server = start(certificates=[pair], listen=["0.0.0.0:5555"])
    one = browser(world, "a")
    try:
        user, password = credential()
        result = one.js("turnTest", [f"turns:{NAME}:5555?transport=tcp"], user, password, 5000)
        assert not result["cands"], result
    finally:
        one.close()
        server.stop()


def test_fallback_when_udp_is_blocked(relay, world, a):
    """The blocked side finds a way over TCP or TLS, the other one stays with UDP."""
    blocked = browser(world, "b", BLOCKED)
    urls = [f"turn:{NAME}:{PORT}?transport=udp", f"turn:{NAME}:{PORT}?transport=tcp",
            f"turns:{NAME}:{PORT}?transport=tcp"]
    try:
        over = call(a, blocked, ice(*urls))
        assert over[0] == "udp" and over[1] in ("tcp", "tls")
    finally:
        blocked.close()


@pytest.fixture(scope="module", params=[False, True], ids=["bare", "web-proxy"])
def shared(request, world, start, tmp_path_factory):
    """The relay on 443, and nginx behind it with the page that the browsers load."""
    root = tmp_path_factory.mktemp("root")
    root.chmod(0o755)
    shutil.copy(HERE / "page.html", root / "index.html")
    nginx = web_server(world, certificates.shared(CLOUD), root, CLOUD, proxied=request.param)
    server = start(listen=["0.0.0.0:443", "[::]:443"], certificates=[certificates.shared()],
                   web_server="127.0.0.1:8443", web_proxy=request.param, turn_names=[NAME])
    yield server
    server.stop()
    nginx.close()


def test_port_443_shared_with_a_page(shared, world):
    """Page and call of the same browser come over one port; UDP is blocked for one side."""
    page = f"https://{CLOUD}/"
    one, two = browser(world, "a", page=page), browser(world, "b", BLOCKED, page=page)
    try:
        for each in (one, two):
            assert each.js("where") == urllib.parse.urljoin(page, "/")
        assert call(one, two, ice(f"turns:{NAME}:443?transport=tcp")) == ["tls", "tls"]
        mixed = ice(f"turn:{NAME}:443?transport=udp", f"turns:{NAME}:443?transport=tcp")
        assert call(one, two, mixed) == ["udp", "tls"]
    finally:
        one.close()
        two.close()
