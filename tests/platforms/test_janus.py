"""Janus, the media server of Talk's high-performance backend, as a client of the relay: it offers
its relayed address, which is the only way to it here."""

import secrets
import time

import pytest

from front import NAME
from janus import PORTS, Janus, relayed
from relay import PORT, password_of

DAY = 86400
KEY = "key of the issuer of 16 bytes and more"
PEOPLE = ["10.77.0.2/32", "fd77::2/128"]  # who would have public addresses elsewhere
# Janus beside the relay could be reached at its own ports.
CLOSED = f"""table inet closed {{
    chain c {{ type filter hook input priority 0; iifname != "lo" udp dport {PORTS} drop; }}
}}"""


@pytest.fixture
def janus(world, tmp_path):
    """janus(where, nat): a running one."""
    running = []

    def start(name, nat, env=None):
        running.append(Janus(world, name, tmp_path, nat, env))
        return running[-1]

    yield start
    for one in running:
        one.close()


def all_in_one(secret, begin):
    """How Nextcloud All-in-One sets it up when its container starts: ninety days for everything."""
    user = f"{begin + 90 * DAY}:0123456789abcdef0123456789abcdef"
    return {"turn_server": NAME, "turn_port": PORT, "turn_type": "udp", "turn_user": user,
            "turn_pwd": password_of(user, secret)}


@pytest.fixture(scope="module")
def offer(a):
    """One that nobody follows."""
    assert a.js("setup", [], True)
    sdp = a.js("offer")
    assert a.js("hangUp")
    return sdp


def at_the_relay(server, sdp):
    """Janus offers a relayed address of that server."""
    found = relayed(sdp)
    return bool(found) and all(address in ("10.77.0.1", "fd77::1") and port in server.relay_ports
                               for address, port in found)


def begin(a, one):
    """A call to the echo test; what Janus answered."""
    assert a.js("setup", [], True)
    answer = one.echo(a.js("offer"))
    assert a.js("accept", answer) and a.js("connected", 15000), one.log()
    return answer


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def echoes(a):
    """Sound and pictures go there and come back without a loss, and so does a word."""
    wait_for(lambda: a.js("stats")["frames"])
    before = a.js("stats")
    wait_for(lambda: a.js("stats")["frames"] >= before["frames"] + 30)
    after = a.js("stats")
    assert after["remote"] == "relay" and after["local"] != "relay", after
    assert after["audioPackets"] >= before["audioPackets"] + 20
    assert [after[key] - before[key] for key in ("videoLost", "audioLost")] == [0, 0]
    word = secrets.token_hex(4)
    assert a.js("say", word)
    wait_for(lambda: any(word in text for text in a.js("hear", 5000)))


def test_ninety_days(start, setup, janus, a, offer):
    """Until they are over; then calls that have begun outlive them, with a permission (5 minutes)
    and an allocation (10) that Janus renews, but there is none for a new call."""
    server = start(certificates=None, allow_peers=PEOPLE)
    secret = setup(server, "nextcloud")["secret"]
    begun = server.now()
    server.advance(90 * DAY - 200)
    one = janus("b", all_in_one(secret, begun), server.warp.environment())
    answer = begin(a, one)
    assert at_the_relay(server, answer), answer
    assert at_the_relay(server, one.echo(offer))
    echoes(a)
    for seconds in (250, 250, 70, 250):  # one clock for both; no lifetime may pass in a jump
        server.advance(seconds)
        assert not relayed(one.echo(offer))
        echoes(a)
    server.stop()


@pytest.mark.parametrize("limit, taken", [(None, True), (90 * DAY + 60, True), (30 * DAY, False)])
def test_what_the_longest_credential_may_be(start, setup, janus, offer, limit, taken):
    """`setup` warns of a limit that keeps Janus out, and only of such a one."""
    server = start(certificates=None, max_credential_ttl=limit)
    shown = setup(server, "nextcloud")
    warned = [one for one in shown["notes"] if "All-in-One" in one["text"]]
    assert bool(warned) != taken
    one = janus("b", all_in_one(shown["secret"], server.now()))
    assert bool(relayed(one.echo(offer))) == taken
    server.stop()


def test_credentials_from_the_issuer(start, world, janus, a):
    """Janus asks for new ones with each call, on the relay's own host."""
    server = start(allow_peers=PEOPLE, issuer_listen="127.0.0.1:8087", issuer_key=KEY)
    world.run("srv", ["nft", "-f", "-"], input=CLOSED, check=True)
    try:
        one = janus("srv", {"turn_rest_api": "http://127.0.0.1:8087/", "turn_rest_api_key": KEY,
                            "turn_rest_api_method": "GET"})
        assert at_the_relay(server, begin(a, one))
        echoes(a)
    finally:
        world.run("srv", ["nft", "delete", "table", "inet", "closed"], check=True)
    server.stop()
