"""Rocket.Chat: the string of `setup rocketchat`, read by a browser as the platform describes it, is
a fixed user's beside the shared secret."""

import json
from urllib.parse import quote

import pytest

from browser import call
from front import NAME
from relay import PORT, credential
from support.server import binary

# Cut at commas, then at a single @, then at the colon; name and password are decoded. Two @ drop
# the credentials without a word.
READ = """(async text => text.split(',').map(part => part.trim()).filter(part => part).map(part => {
  const sides = part.split('@')
  if (sides.length !== 2) return {urls: sides[sides.length - 1]}
  const [username, credential] = sides[0].split(':').map(decodeURIComponent)
  return {urls: sides[1], username, credential}
}))"""

# The offer is sent when every server has answered. How long that took, and which of them gave a
# relayed address.
GATHER = """(async servers => {
  const pc = new RTCPeerConnection({iceServers: servers, iceTransportPolicy: 'relay'})
  const begin = performance.now(), from = new Set()
  const done = new Promise(ready => pc.onicecandidate = e =>
    e.candidate ? e.candidate.candidate && from.add(e.candidate.url) : ready())
  pc.createDataChannel('voice')
  await pc.setLocalDescription(await pc.createOffer())
  await done
  pc.close()
  return {from: [...from].sort(), ms: performance.now() - begin}
})"""
PATIENCE = 5000  # VoIP_TeamCollab_Ice_Gathering_Timeout, milliseconds
AWKWARD = "p@ss: w\u00f6rd,100%/+="


@pytest.fixture(scope="module")
def shown(relay, setup):
    """What is printed, and has been entered on our side."""
    return setup(relay, "rocketchat", "--host", NAME)


@pytest.fixture(scope="module")
def servers(a, shown):
    (line,) = shown["rocketchat"]
    return a.js(READ, line)


def timed():
    user, password = credential()
    return [{"urls": [f"turn:{NAME}:{PORT}?transport=udp"], "username": user,
             "credential": password}]


def test_the_string_is_what_a_browser_takes(shown, servers):
    assert [one["urls"] for one in servers] == [
        f"stun:{NAME}:{PORT}", f"turn:{NAME}:{PORT}?transport=udp",
        f"turns:{NAME}:{PORT}?transport=tcp"]
    assert "username" not in servers[0]
    for one in servers[1:]:
        assert (one["username"], one["credential"]) == ("rocketchat", shown["password"])


def relayed(browser, servers):
    """The URLs of servers that relay for the browser."""
    return browser.js(GATHER, servers)["from"]


def turn_urls(servers):
    return [one["urls"] for one in servers if one["urls"].startswith("turn")]


def test_every_server_answers_before_the_platform_gives_up(a, servers):
    result = a.js(GATHER, servers)
    assert result["from"] == turn_urls(servers) and result["ms"] < PATIENCE, result


def test_a_fixed_user_calls_one_with_a_timed_credential(servers, a, b):
    """Both are clients of one relay at the same time."""
    assert call(a, b, servers, timed(), pace=0.2) == ["udp", "udp"]


def test_a_wrong_password_gets_nothing(servers, a):
    wrong = [one | {"credential": "x" + one["credential"]} for one in servers[1:]]
    assert relayed(a, wrong) == []


def test_a_password_that_has_to_be_encoded(start, setup, a):
    server = start(listen=[f"10.77.0.1:{PORT + 1}"], relay_ports="51000-51099",
                   users=[{"name": "rocketchat", "password": AWKWARD}])
    (line,) = setup(server, "rocketchat")["rocketchat"]
    servers = a.js(READ, line)
    assert {one.get("credential") for one in servers} == {None, AWKWARD}
    assert relayed(a, servers) == turn_urls(servers)
    server.stop()


def test_a_timed_credential_as_the_string(world, relay, a):
    """conf/rocketchat.md: what `drehkreuz credential` makes can stand there, encoded."""
    done = world.run("srv", [binary(), "credential", "rocketchat", "--ttl", "7776000", "--json",
                             "--config", relay.path])
    made = json.loads(done.stdout)
    who = ":".join(quote(made[word], safe="") for word in ("username", "password"))
    servers = a.js(READ, f"{who}@turn:{NAME}:{PORT}?transport=udp")
    assert relayed(a, servers) == turn_urls(servers)
