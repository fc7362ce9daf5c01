"""Jitsi Meet's way to a relay: Prosody with the very lines that `setup jitsi` prints tells people
who log in of the relay (XEP-0215), and their browsers use what they were told."""

import time
from collections import Counter

import pytest

from browser import call
from front import NAME
from relay import PORT
from support.prosody import Prosody

HOST = "meet.example.org"
HOSTS = f"""
VirtualHost "{HOST}"
  modules_enabled = {{ "external_services" }}
"""
WAYS = [("turn", "udp", "udp"), ("turn", "tcp", "tcp"), ("turns", "tcp", "tls")]
pytestmark = pytest.mark.usefixtures("a", "b")  # both browsers start at once


@pytest.fixture(scope="module")
def prosody(relay, setup, world, tmp_path_factory):
    lines = "\n".join(setup(relay, "jitsi")["prosody"])
    made = Prosody(tmp_path_factory.mktemp("prosody"), 5222, lines + HOSTS, netns=world["srv"])
    yield made
    made.close()


@pytest.fixture(scope="module")
def offered(prosody):
    return prosody.services(HOST)


def server_of(service):
    """A browser's ICE server, as Jitsi's client makes it: UDP goes without saying."""
    over = service["transport"]
    url = f"{service['type']}:{service['host']}:{service['port']}"
    return {"urls": [url + (f"?transport={over}" if over != "udp" else "")],
            "username": service["username"], "credential": service["password"]}


def pick(offered, kind, over):
    """The only one of them."""
    (one,) = [each for each in offered if (each["type"], each["transport"]) == (kind, over)]
    return server_of(one)


def test_all_are_offered_with_credentials(offered, prosody):
    assert Counter((one["type"], one["transport"]) for one in offered) == Counter(
        [("stun", "udp"), *((kind, over) for kind, over, _ in WAYS)])
    assert {(one["host"], one["port"]) for one in offered} == {(NAME, str(PORT))}
    for one in offered:
        if one["type"] != "stun":
            assert abs(int(one["username"]) - time.time() - 86400) < 120 and one["password"]
    assert "warn" not in prosody.log()


@pytest.mark.parametrize("kind, over", [way[:2] for way in WAYS])
def test_each_gives_a_relayed_candidate(a, offered, kind, over):
    one = pick(offered, kind, over)
    seen = a.js("turnTest", one["urls"], one["username"], one["credential"], 10000)
    assert any(" typ relay " in text for text in seen["cands"]), seen


def test_another_password_gives_none(a, offered):
    one = pick(offered, "turn", "udp")
    seen = a.js("turnTest", one["urls"], one["username"], one["credential"][::-1], 10000)
    assert not seen["cands"] and 401 in [code for code, _ in seen["errs"]], seen


def test_a_call_of_two(a, b, prosody):
    """One by UDP, one by TLS, each with credentials of their own login."""
    one, two = (pick(prosody.services(HOST), *way[:2]) for way in (WAYS[0], WAYS[2]))
    assert call(a, b, [one], [two]) == ["udp", "tls"]


def test_a_call_as_the_videobridges_users_would(a, b, offered):
    """From three people on, Jitsi's client keeps what goes over TCP alone."""
    kept = [server_of(one) for one in offered
            if one["type"].startswith("turn") and one["transport"] == "tcp"]
    assert len(kept) == 2
    assert set(call(a, b, kept)) <= {"tcp", "tls"}
