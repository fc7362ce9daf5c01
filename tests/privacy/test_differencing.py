"""T8. Somebody who reads all statistics, knows exactly what everybody else did, and wants to know
whether one call took place. Played against the running server, window after window, on a clock
that the test moves."""

import os
import random
import re
from concurrent.futures import ProcessPoolExecutor

import pytest
from attack import FIGURES, accuracy, guess_window, likelihood
from load import Calls, size
from outputs import Stand
from support.server import binary
from variants import built

WINDOWS = size(4500, 240)
WATCHED = size(12, 2)  # windows that are looked at every 15 seconds; the rest two or three times
HOUR, SCRAPE = 3600, 15
UNIT = 16 << 20
CALL = 16  # allocations
FULL = 256  # bytes that are a full contribution where a unit is 16 bytes
LIMITS = {1: 0.60, CALL: 0.731}
ABSENT = 0


class Reader:
    """Of what stands in /metrics."""

    def __init__(self, server):
        self.server = server

    def page(self):
        return self.server.get("/metrics")[1]

    def value(self, page, name):
        return int(re.search(rb"^drehkreuz_" + name.encode() + rb" (-?\d+)$", page, re.M)[1])

    def released(self, page):
        """(end of the window, allocations, units of volume)."""
        return (self.value(page, "window_end_timestamp_seconds"),
                self.value(page, "relay_allocations"),
                self.value(page, "relay_volume_bytes") // UNIT)


def other_people(users, rng):
    """Their allocations of an hour: about a call a day each, in ten hours, of 4 to 12."""
    calls = sum(rng.random() < 0.05 for _ in range(users))
    return min(sum(rng.randint(4, 12) for _ in range(calls)), 200)


def watch(reader, before):
    """One window with a look every 15 seconds: all alike."""
    for _ in range(HOUR // SCRAPE - 1):
        assert reader.page() == before, "something changed inside a window"
        reader.server.advance(SCRAPE)
    assert reader.page() == before, "something changed inside a window"
    reader.server.advance(SCRAPE)


def pass_hour(reader, before, mode):
    if mode == "all":
        watch(reader, before)
        return
    reader.server.advance(HOUR / 2)
    if mode == "middle":
        assert reader.page() == before, "something changed inside a window"
    reader.server.advance(HOUR / 2)


def play(users, volume=0, seed=7):
    """[(what the suspects did, surplus of allocations, surplus of volume, what one sees at once)]
    of each window: surplus is what is left when all that others did is taken away."""
    rng = random.Random(seed)
    kinds = [ABSENT, 1, CALL] * (WINDOWS // 3)
    rng.shuffle(kinds)
    modes = ["all"] * WATCHED + ["middle", "", "", ""] * (len(kinds) // 4)
    rng.shuffle(modes)
    seen = []
    with Stand({"metrics_file": ""}) as server, Calls(server) as calls:
        reader = Reader(server)
        for _ in range(2):
            server.advance(HOUR)
        page = reader.page()
        end = reader.released(page)[0]
        for kind, mode in zip(kinds, modes):
            others = other_people(users, rng)
            calls.allocate(others + kind, volume)
            after = reader.page()
            at_once = reader.released(after)[1] - reader.released(page)[1]
            pass_hour(reader, after, mode)
            end += HOUR
            page = reader.page()
            at, births, units = reader.released(page)
            assert at == end, "a window was not released at its end"
            seen.append((kind, births - others, units - others * (16 if volume else 0), at_once))
        server.stop()
    return seen


def play_with(program, *args):
    """In a process of its own."""
    os.environ["DREHKREUZ_BIN"] = program
    return play(*args)


@pytest.fixture(scope="module")
def games(request, tmp_path_factory):
    """name of a test -> what its game showed; all begin at once, two at a time."""
    begun, folder = {}, tmp_path_factory.mktemp("variants")
    with ProcessPoolExecutor(2) as pool:
        for item in request.session.items:
            if item.module is not request.module or "games" not in item.fixturenames:
                continue
            users = item.callspec.params["users"] if hasattr(item, "callspec") else None
            game = (binary(), users) if users else (built("small_volume", folder), 2, FULL)
            begun[item.name] = pool.submit(play_with, *game)
        yield {name: future.result for name, future in begun.items()}


def judge(users, seen, what, of_row):
    for kind, limit in LIMITS.items():
        absent = [of_row(row, kind) for row in seen if row[0] == ABSENT]
        present = [of_row(row, kind) for row in seen if row[0] == kind]
        right, most = accuracy(absent, present)
        FIGURES.append(f"N={users}, {kind} allocations, {what}: {right:.1%} right, 99 % surely at "
                       f"most {most:.1%} (limit {limit:.1%}), {len(seen)} windows")
        assert most <= limit, f"{what} of {kind} allocations can be told: {right:.1%}"


@pytest.mark.parametrize("users", [2, 20, 200])
def test_presence_and_time_of_a_call(users, games, request):
    seen = games[request.node.name]()
    judge(users, seen, "count of a window", lambda row, kind: row[1])
    judge(users, seen, "around the moment", lambda row, kind: row[3])
    absent, calls = ([row[1] for row in seen if row[0] == kind] for kind in (ABSENT, CALL))
    hour = guess_window(absent, calls, random.Random(3))
    FIGURES.append(f"N={users}, hour of a known call among ten: {hour:.1%} right (chance 10 %)")
    assert hour <= 0.25


def test_count_and_volume_together(games, request):
    """The best use of both sums, each at its clip. A unit of volume is 16 bytes in this build, so
    that an allocation fills its 16 units with one datagram."""
    seen = games[request.node.name]()

    def evidence(row, kind):
        return likelihood(40, kind)(row[1]) + likelihood(640, 16 * kind)(row[2])

    judge(2, seen, "volume of a window", lambda row, kind: row[2])
    judge(2, seen, "both together", evidence)
    surplus = [row[2] - row[0] * 16 for row in seen]
    assert abs(sum(surplus) / len(surplus)) < 5 * 906 / len(surplus) ** 0.5, "volume is not counted"


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_restart_shows_nothing(end):
    """A server that dies in the middle of a window gives nothing of it away, neither then nor
    later, and what was released before stays as it was."""
    with Stand() as server:
        reader = Reader(server)
        for _ in range(3):
            server.advance(HOUR)
        shown = reader.released(reader.page())
        kept = open(server.options["metrics_file"], "rb").read()
        assert kept
        with Calls(server) as calls:
            calls.allocate(100)
            server.advance(HOUR / 2)
        getattr(server.process, end)()
        server.process.wait(10)
        assert open(server.options["metrics_file"], "rb").read() == kept
        server.start()
        for _ in range(3):  # to ten seconds before the end of the window
            assert reader.released(reader.page()) == shown
            server.advance((HOUR / 2 - 20) / 3)
        server.advance(20)  # the rest of the broken window is none
        assert reader.released(reader.page()) == shown
        assert open(server.options["metrics_file"], "rb").read() == kept
        server.advance(HOUR)
        assert reader.released(reader.page())[0] == shown[0] + 2 * HOUR
        server.stop()
