"""The page of the statistics in a real browser: everybody can read it, without scripts, in light
and dark, on a phone, by keyboard and by ear, and it says what the numbers say."""

import re
import time
from contextlib import ExitStack

import pytest

from shown import STATES, Shown
from viewer import Viewer

LANGUAGES = ["de", "en"]
CHARTS = {"de": ["Relay-Sitzungen (Allocations)", "Vermittelte Daten in GiB",
                 "Abgewiesene Anmeldungen"],
          "en": ["Allocations", "Data relayed, in GiB", "Refused logins"]}
UNITS = [1, 64, 1]  # of what the file counts in what people count in
NAMES = ["relay_allocations", "relay_volume", "auth_rejected"]
BANDS = [0, 1000, 10_000, 100_000]


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    made = Viewer(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def server():
    """server(state): one for each, as long as the module runs."""
    made = {}
    with ExitStack() as held:
        def get(state):
            if state not in made:
                made[state] = held.enter_context(Shown(state))
            return made[state]

        yield get


@pytest.fixture
def look(viewer, server):
    """look(state, ...): the page, open, with its table unfolded."""
    def show(state, lang="de", scheme="light", width=1280, **features):
        viewer.media(prefers_color_scheme=scheme, **features)
        viewer.size(width)
        viewer.open(f"{server(state).url}?lang={lang}")
        viewer.unfold()
        return viewer

    yield show
    viewer.text_size(16)


# --- Seeing ---

def ways(state):
    if state == "usual":
        return [("de", scheme, width) for scheme in ("light", "dark")
                for width in (320, 360, 768, 1280)] + [("en", "light", 360), ("en", "dark", 1280)]
    return [("de", "light", 320), ("de", "dark", 360), ("en", "light", 768), ("de", "dark", 1280),
            ("en", "dark", 360)]


@pytest.mark.parametrize("state", STATES)
def test_everything_can_be_seen(look, state):
    """No text or bar is cut off, lies on another, leaves the page or lacks contrast."""
    found = {way: bad for way in ways(state) if (bad := look(state, *way).problems())}
    assert not found, found


@pytest.mark.parametrize("state, width", [("usual", 1280), ("extreme", 640), ("troubled", 360)])
def test_text_of_twice_the_size(look, state, width):
    for lang in LANGUAGES:
        viewer = look(state, lang, width=width)
        before = viewer.run("return document.querySelector('dd').getBoundingClientRect().height")
        viewer.text_size(32)
        after = viewer.run("return document.querySelector('dd').getBoundingClientRect().height")
        assert after >= 2 * before
        assert viewer.problems() == []
        viewer.text_size(16)


def test_colours_of_ones_own(look):
    """Where the system forces its colours, bars and bands are still there and differ."""
    viewer = look("usual", forced_colors="active")
    assert viewer.run("return matchMedia('(forced-colors: active)').matches")
    assert viewer.problems() == []


def test_pictures(look, tmp_path):
    """Light is light and dark is dark; and somebody can look at them afterwards."""
    for name, way in {"light": ("de", "light", 1280), "dark": ("en", "dark", 1280),
                      "phone": ("de", "light", 360), "night": ("en", "dark", 360)}.items():
        viewer, path = look("usual", *way), tmp_path / f"{name}.png"
        viewer.picture(path)
        assert path.stat().st_size > 20_000
        assert viewer.brightness() < 0.1 if "dark" in way else viewer.brightness() > 0.9, name


# --- Nothing but the page ---

def test_no_script_and_nothing_from_elsewhere(viewer, server):
    viewer.open("data:text/html,<title>off</title><script>document.title = 'on'</script>")
    assert viewer.driver.title == "off"
    viewer.noise()
    for state in STATES:
        for lang in LANGUAGES:
            url = f"{server(state).url}?lang={lang}"
            viewer.open(url)
            asked, complaints = viewer.noise()
            assert (asked, complaints) == ({url}, [])
            assert viewer.active() == 0


# --- Hearing ---

@pytest.mark.parametrize("lang", LANGUAGES)
def test_structure(look, lang):
    viewer = look("usual", lang)
    tree = viewer.tree()
    roles = [role for role, _, _ in tree]
    assert viewer.language() == lang
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    levels = [more["level"] for role, _, more in tree if role == "heading"]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:])), levels
    for role in ("heading", "link", "region", "navigation", "image", "columnheader", "rowheader"):
        named = [name for kind, name, _ in tree if kind == role]
        assert named and all(named), (role, named)
    links = [name for role, name, _ in tree if role == "link"]
    assert len(set(links)) == len(links)
    assert tree[0][1].startswith("Drehkreuz")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_charts_have_names(look, server, lang):
    """Each says what it is of and from when to when, and is followed by a table."""
    windows = server("usual").stats()["usage"]["windows"]
    tree = look("usual", lang).tree()
    names = [name for role, name, _ in tree if role in ("image", "img")]
    assert len(names) == len(CHARTS[lang])
    for name, of in zip(names, CHARTS[lang]):
        assert name.startswith(of + ". ")
        assert moment(windows[0]["begin"], lang) in name
        assert name.endswith(moment(windows[-1]["begin"], lang))
    roles = [role for role, _, _ in tree]
    assert roles.index("table") > roles.index("image")


# --- By keyboard ---

@pytest.mark.parametrize("state, width", [("usual", 1280), ("extreme", 360), ("empty", 1280)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_keyboard(look, state, width, scheme):
    viewer = look(state, scheme=scheme, width=width)
    expected = viewer.reachable()
    assert len(expected) >= 3
    for one in expected:
        assert viewer.tab() == [one, True, True]
    assert viewer.tab()[0] is None


def test_what_the_keys_do(viewer, server):
    """The table unfolds, and the language changes."""
    viewer.size(1280)
    viewer.open(server("usual").url + "?lang=en")
    assert viewer.tab()[0].startswith("<a ") and viewer.tab()[0].startswith("<summary")
    unfolded = "return document.querySelector('table').checkVisibility()"
    assert not viewer.run(unfolded)
    viewer.press("\n")
    assert viewer.run(unfolded)
    viewer.open(server("usual").url + "?lang=en")
    viewer.tab()
    viewer.press("\n")
    deadline = time.monotonic() + 10
    while viewer.language() != "de":
        assert time.monotonic() < deadline, "the language did not change"
    assert viewer.run("return document.body.innerText").startswith("Drehkreuz: Statistik")


# --- The numbers ---

def grouped(value, lang):
    return f"{value:,}".replace(",", "." if lang == "de" else ",")


def moment(at, lang, has_time=False):
    text = "%d.%m.%Y" if lang == "de" else "%Y-%m-%d"
    return time.strftime(text + (" %H:%M" if has_time else ""), time.gmtime(at))


def said(window, use, lang):
    """A value in words: rounded to ten, small ones not at all."""
    value, unit = window[NAMES[use]], UNITS[use]
    less, about, more = (("weniger als ", "etwa ", " oder mehr") if lang == "de" else
                         ("fewer than ", "about ", " or more"))
    if use == 2:
        return grouped(value, lang) + more if value else less + grouped(1000, lang)
    if value < 20 * unit:
        return less + "20"
    return about + grouped((value + 5 * unit) // (10 * unit) * 10, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", ["usual", "extreme", "fleet", "first"])
def test_the_table_says_the_same(look, server, state, lang):
    windows = server(state).stats()["usage"]["windows"]
    assert look(state, lang).table() == [
        [moment(w["begin"], lang, state == "fleet"), *(said(w, use, lang) for use in range(3))]
        for w in reversed(windows)]


def errors(stats):
    """By how much noise changes 95 of 100 values at most: ln 20 = 2.9957 times its scale."""
    return [-(-row["noise_scale"] * 29958 // 10_000) for row in stats["usage"]["ledger"][:3]]


def top_of(value, top):
    """What a chart of 1000 in height shows it at, counted from above."""
    return 1000 - max(0, value) * 1000 // top


@pytest.mark.parametrize("state", ["usual", "extreme", "fleet", "first"])
def test_bars_and_bands(look, server, state):
    stats = server(state).stats()
    usage = stats["usage"]
    windows, last = usage["windows"], usage["windows"][-1]
    for use, (labels, bars, bands, width) in enumerate(look(state).charts()):
        numbers = [int(text.replace(".", "")) for text in labels]
        expected_bars, expected_bands = [], []
        for w in windows:
            x = width - 10 * ((last["end"] - w["end"]) // usage["window"] + 1)
            value, error, top = w[NAMES[use]], errors(stats)[use], numbers[0] * UNITS[use]
            if use == 2:
                high = 1000 - BANDS.index(value) * 1000 // 3
                expected_bars += [[x + 2, high]] if value else []
                continue
            assert value + error <= top
            expected_bars += [[x + 2, top_of(value, top)]] if top_of(value, top) < 1000 else []
            if top_of(value + error, top) < 1000:
                expected_bands.append([x + 5, top_of(value - error, top),
                                       top_of(value + error, top)])
        assert [[x, high] for x, _, high, _, _ in bars] == expected_bars
        assert bands == expected_bands
    assert [numbers[0] / 2] == numbers[1:2] or use == 2


def test_little_room_stays_empty(look):
    """The highest end of a band is in the upper half of its chart."""
    for _, _, bands, _ in look("usual").charts()[:2]:
        assert min(high for _, _, high in bands) < 500


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_band_is_explained(look, lang):
    words = look("usual", lang).words()
    assert "95" in words and re.search(r"\b120\b", words) and re.search(r"\b30 GiB\b", words)
    assert {"de": "Der Strich auf jedem Balken", "en": "The line on each bar"}[lang] in words


# --- Words for what is not there ---

SENTENCES = {
    ("empty", "de"): "Noch ist nichts zu zeigen.",
    ("empty", "en"): "Nothing to show yet.",
    ("strict", "de"): "Auf diesem Server wird keine Nutzung gezählt: Sein Profil ist „strict“.",
    ("strict", "en"): "Usage is not counted on this server: its profile is “strict”.",
    ("troubled", "de"): "Nicht bereit: Es gilt weder ein Geheimnis noch ein Benutzer.",
    ("troubled", "en"): "Not ready: neither a secret nor a user is in force.",
}


@pytest.mark.parametrize("state, lang", SENTENCES)
def test_words(look, state, lang):
    viewer = look(state, lang)
    assert SENTENCES[state, lang] in viewer.words()
    assert bool(viewer.charts()) == (state == "troubled")


def test_when_the_first_window_comes(look, server):
    day = 86400
    began = server("empty").stats()["health"]["started"]
    first = -(-began // day) * day + day  # the first that is whole, at its end
    assert moment(first, "de", True) in look("empty").words()


def test_certificate_and_redis(look):
    words = look("troubled").words()
    assert re.search(r"Zertifikat, verbleibende Tage \d\d Redis nicht erreichbar", words)
    assert "Auslastung genug Platz" in words
