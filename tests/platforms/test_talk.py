"""The test button of Nextcloud Talk's admin page, as a whole: the entry is the one that `setup`
prints, the browser signs the credential and looks for a relayed candidate, and with turns: PHP looks
at the certificate of the same host and port."""

import json
import shlex
import sys

import pytest

from browser import Browser
from conftest import HERE
from front import NAME, NAMES
from relay import OTHER_SECRET, PORT
from support import certificates
from world import HERE as E2E

SCHEMES = ["turn", "turns", "turn,turns"]
PROTOCOLS = ["udp", "tcp", "udp,tcp"]


@pytest.fixture(scope="module")
def admin(world):
    browser = Browser(world, "a", "chromium", page=HERE / "talk.html")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def entry(relay, setup):
    """The row of Talk's list that the printed command makes."""
    stun, turn = setup(relay, "nextcloud")["occ"]
    assert shlex.split(stun) == ["occ", "talk:stun:add", f"{NAME}:{PORT}"]
    *command, secret, _, schemes, server, protocols = shlex.split(turn)
    assert command == ["occ", "talk:turn:add", "--secret"]
    return {"schemes": schemes, "server": server, "secret": secret, "protocols": protocols}


def days_left(world, server):
    """What Nextcloud's own host finds out of the certificate; None if nothing."""
    done = world.run("b", [sys.executable, str(E2E / "names.py"),
                           json.dumps(NAMES | {NAME: "10.77.1.1"}), "php",
                           str(E2E / "certificate_probe.php"), server], timeout=40)
    assert done.returncode == 0, done
    seen = json.loads(done.stdout)
    return seen and seen["days"]


def press(world, admin, entry, ahead=0):
    """(green?, why); ahead: seconds that the admin's clock is wrong by"""
    seen = admin.js("testServer", entry, ahead)
    assert len(seen["urls"]) == len(entry["schemes"].split(",")) * \
        len(entry["protocols"].split(","))
    if seen["green"] and "turns" in entry["schemes"]:
        days = days_left(world, entry["server"])
        return days is not None, f"{days} days"
    return seen["green"], seen["why"]


def test_as_it_is_printed(world, admin, entry):
    assert (entry["schemes"], entry["protocols"]) == ("turn,turns", "udp,tcp")
    green, why = press(world, admin, entry)
    assert green and why in ("89 days", "90 days")


@pytest.mark.parametrize("protocols", PROTOCOLS)
@pytest.mark.parametrize("schemes", SCHEMES)
def test_each_choice_of_the_panel(world, admin, entry, schemes, protocols):
    green, why = press(world, admin, entry | {"schemes": schemes, "protocols": protocols})
    assert green, why
    if schemes == "turn":
        assert why.split()[4] in ("10.77.0.1", "fd77::1")


def test_a_wrong_secret_is_red(world, admin, entry):
    assert press(world, admin, entry | {"secret": OTHER_SECRET}) == (False, "complete")


@pytest.mark.parametrize("ahead, green", [(-290, True), (-310, False), (86400, True)])
def test_the_clock_of_the_admins_computer(world, admin, entry, ahead, green):
    """Five minutes behind, and the button is red though calls work: conf/nextcloud.md says so."""
    assert press(world, admin, entry, ahead=ahead)[0] == green


def test_turns_needs_a_certificate_on_that_port(start, setup, world, admin):
    """Without one `setup` leaves it out; entered all the same it is red, though media would pass."""
    bare = start(listen=["0.0.0.0:3479"], certificates=None, turn_names=None)
    line = setup(bare, "nextcloud", "--host", NAME)["occ"][1].split()
    assert line[5:] == ["turn", f"{NAME}:3479", "udp,tcp"]
    entry = {"schemes": line[5], "server": line[6], "secret": line[3], "protocols": line[7]}
    assert press(world, admin, entry)[0]
    assert press(world, admin, entry | {"schemes": "turn,turns"}) == (False, "None days")
    bare.stop()
