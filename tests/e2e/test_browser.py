"""Chromium and Firefox: the test button of Nextcloud Talk's admin page, then a call over UDP."""

import pytest

from browser import call
from relay import OTHER_SECRET, PORT, credential

pytestmark = pytest.mark.usefixtures("relay", "a", "b")  # both browsers start at once
URL = f"turn:10.77.0.1:{PORT}?transport=udp"


def talk_credential(**kw):
    """The admin page signs `<now + 300>:turn-test-user` in the browser."""
    return credential(**{"ttl": 300, "name": "turn-test-user", **kw})


def turn_test(browser, who, url=URL, ms=10000):
    return browser.js("turnTest", [url], who[0], who[1], ms)


def relayed(result):
    return [text for text in result["cands"] if text.split()[7] == "relay"]


def test_talk_admin_test_succeeds(a):
    result = turn_test(a, talk_credential())
    assert relayed(result), result
    assert all(text.split()[4] == "10.77.0.1" for text in relayed(result))
    assert result["how"] == "complete" and not result["errs"], result


@pytest.mark.parametrize("who", [
    pytest.param({"secret": OTHER_SECRET}, id="wrong-secret"),
    pytest.param({"ttl": -30}, id="expired"),
])
def test_talk_admin_test_is_refused(a, engine, who):
    """Firefox 140 has no event that tells a page why there is no candidate."""
    result = turn_test(a, talk_credential(**who))
    assert not relayed(result) and result["how"] == "complete"
    assert result["tells"] or engine == "firefox"
    if result["tells"]:
        assert 401 in [code for code, _ in result["errs"]], result


def test_talk_admin_test_on_a_dead_port(a):
    result = turn_test(a, talk_credential(), url="turn:10.77.0.1:3999?transport=udp", ms=4000)
    assert not relayed(result), result


def test_name_of_a_timestamp_alone(a):
    assert relayed(turn_test(a, credential(name="")))


def test_call_with_audio_video_and_data(a, b):
    """Relay to relay on the same server, for at least five seconds."""
    user, password = credential()
    ice = [{"urls": [URL], "username": user, "credential": password}]
    assert call(a, b, ice) == ["udp", "udp"]
