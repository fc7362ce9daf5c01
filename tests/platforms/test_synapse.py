"""Matrix: a real Synapse with the lines of `setup matrix`, whose answer to a client's question for
TURN servers carries a call between two browsers."""

import time

import pytest

from browser import call
from front import NAME
from relay import PORT
from support.server import binary
from synapse import NAME as MATRIX, Synapse

DAY = 86400


@pytest.fixture(scope="module")
def synapse(world, relay, setup):
    lines = setup(relay, "matrix", "--host", NAME)["synapse"]
    homeserver = Synapse(world, lines)
    yield homeserver
    homeserver.close()


@pytest.fixture(scope="module")
def alice(synapse):
    return synapse.turn_server(synapse.user("alice"))


@pytest.fixture(scope="module")
def guest(synapse):
    return synapse.turn_server(synapse.guest())


def ice(answer, scheme="turn"):
    """As clients hand it to the browser; scheme: what the URLs must begin with."""
    urls = [uri for uri in answer["uris"] if uri.startswith(scheme)]
    return [{"urls": urls, "username": answer["username"], "credential": answer["password"]}]


def test_the_answer_says_what_setup_printed(alice, guest):
    for answer, user in ((alice, f"@alice:{MATRIX}"), (guest, f":{MATRIX}")):
        assert answer["ttl"] == DAY
        expiry, _, name = answer["username"].partition(":")
        assert abs(int(expiry) - time.time() - DAY) < 300 and name.endswith(user)
        assert answer["uris"] == [f"turn:{NAME}:{PORT}?transport=udp",
                                  f"turn:{NAME}:{PORT}?transport=tcp",
                                  f"turns:{NAME}:{PORT}?transport=tcp"]


def test_nobody_without_a_token_gets_one(synapse):
    status, answer = synapse.ask("GET", "client/v3/voip/turnServer")
    assert status == 401 and "password" not in answer


def test_a_call_between_a_user_and_a_guest(alice, guest, a, b):
    assert alice["username"] != guest["username"]
    assert call(a, b, ice(alice), ice(guest), pace=0.2) == ["udp", "udp"]


def test_a_call_over_tls(alice, guest, a, b):
    over = call(a, b, ice(alice, "turns:"), ice(guest, "turns:"), pace=0.2)
    assert over == ["tls", "tls"]


def test_what_the_page_says_to_try(world, alice, tmp_path):
    """conf/matrix.md: name and password of the answer, by `check` from elsewhere."""
    password = tmp_path / "password.txt"
    password.write_text(alice["password"] + "\n")
    argv = [binary(), "check", "--server", f"10.77.0.1:{PORT}", "--user", alice["username"],
            "--password-file", password]
    done = world.run("a", argv, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    password.write_text(alice["password"][::-1] + "\n")
    assert world.run("a", argv, timeout=60).returncode == 1
