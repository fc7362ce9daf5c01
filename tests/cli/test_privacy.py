"""drehkreuz privacy: papers from the configuration, in two languages, refusing what does not hold.

The host is made to measure: a mount and a PID namespace in which /proc shows nothing but what the
test puts there."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.server import binary, config_text

FILLED = {
    "operator_name": "Town of Sample, 1 Market Square",
    "privacy_officer": "dpo@sample.example",
    "privacy_authority": "The Authority",
    "privacy_platform": "Nextcloud Talk",
    "privacy_basis": "e",
    "turn_names": ["turn.sample.example"],
}


@pytest.fixture
def papers(tmp_path):
    """papers({...}, "--lang", "de"): the finished process on a host with nothing to find."""
    def run(conf, *args, swaps="Filename\n", tls=True):
        options = {"realm": "turn", "secrets_file": str(tmp_path / "secrets")} | conf
        if tls:
            options["certificates"] = [{"certificate": "/tls/c.pem", "key": "/tls/k.pem"}]
        path = tmp_path / "c.conf"
        path.write_text(config_text(options))
        (tmp_path / "swaps").write_text(swaps)
        script = (f"mount --bind {tmp_path}/swaps /proc/swaps && "
                  "mount -t tmpfs none /proc/sys/net/netfilter && exec \"$@\"")
        return subprocess.run(["unshare", "-mpf", "--mount-proc", "sh", "-c", script, "-", binary(),
                               "privacy", *args, "--config", str(path)], text=True, capture_output=True, timeout=60)
    return run


def facts(papers, conf, **more):
    done = papers(conf, "--json", **more)
    return json.loads(done.stdout)


@pytest.mark.parametrize("lang, title, parts", [
    ("de", "# Datenschutzunterlagen", ["Art. 30 Abs. 1 DS-GVO", "Art. 13 DS-GVO", "§ 3 TDDDG",
                                       "Art. 33 Abs. 1 DS-GVO", "Buchst. e"]),
    ("en", "# Data protection papers", ["Art. 30(1) GDPR", "Art. 13 GDPR", "TDDDG",
                                        "Art. 33(1) GDPR", "point (e)"])])
def test_complete_papers(papers, lang, title, parts):
    done = papers(FILLED, "--lang", lang)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(title) and len(re.findall("^## ", done.stdout, re.M)) == 6
    for value in [*parts, *(v for v in FILLED.values() if len(v) > 1 and isinstance(v, str)),
                  "turn.sample.example"]:
        assert value in done.stdout.replace("\n", " "), value
    assert "operator_name" not in done.stdout and "[" not in done.stdout.replace("[::]", "")


def test_languages_have_one_structure(papers):
    def shape(lang):
        text = papers(FILLED, "--lang", lang).stdout
        return ([len(h) for h in re.findall("^#+", text, re.M)], text.count("\n| "),
                text.count("\n- "), text.count("\n\n"))
    assert shape("de") == shape("en")


def test_english_is_the_default(papers):
    assert papers(FILLED).stdout == papers(FILLED, "--lang", "en").stdout


def test_what_is_missing_is_named(papers):
    for lang, mark in ("de", "[noch einzutragen: operator_name]"), \
                      ("en", "[to be filled in: operator_name]"):
        done = papers({}, "--lang", lang)
        assert done.returncode == 0 and mark in done.stdout.replace("\n", " ")
        for name in FILLED:
            assert name == "turn_names" or f"\n- {name}: " in done.stdout


@pytest.mark.parametrize("conf, de, en, key, value", [
    ({"metrics_window": 10800}, "über 3 Stunden", "over 3 hours", "window_seconds", 10800),
    ({"metrics_profile": "fleet"}, "über 1 Stunde ", "over 1 hour ", "window_seconds", 3600),
    ({"lifetime_max": 5400}, "90 Minuten", "90 minutes", "lifetime_max_seconds", 5400),
    ({"max_credential_ttl": 86399}, "86399 Sekunden", "86399 seconds", "credential_seconds",
     86399),
    ({"capacity_alarm": True}, "1,25", "1.25", "epsilon_milli", 1250),
    ({"capacity_alarm": True}, "wird dagegen stündlich", "anew every hour", "epsilon_milli", 1250),
    ({"privacy_provider": "The Hoster"}, "The Hoster", "The Hoster", "provider", "The Hoster"),
    ({"listen": ["192.0.2.7:3499"]}, "192.0.2.7:3499 (UDP, TCP, TLS, DTLS)", "192.0.2.7:3499 (UDP",
     "listen", "192.0.2.7:3499 (UDP, TCP, TLS, DTLS)"),
    ({"redis": "127.0.0.1:6399"}, "127.0.0.1:6399", "127.0.0.1:6399", "redis", "127.0.0.1:6399"),
    ({"privacy_basis": "f"}, "UAbs. 1 Buchst. f", "point (f) of", "basis", "f"),
])
def test_numbers_and_names_are_the_configurations(papers, conf, de, en, key, value):
    before = papers(FILLED, "--lang", "de").stdout
    after = {lang: papers(FILLED | conf, "--lang", lang).stdout.replace("\n", " ")
             for lang in ("de", "en")}
    assert de not in before.replace("\n", " ") and de in after["de"] and en in after["en"]
    assert facts(papers, FILLED)[key] != value
    assert facts(papers, FILLED | conf)[key] == value


def test_json_is_the_ledger(papers):
    found = facts(papers, FILLED)
    assert found["released"] == [
        {"name": "relay_allocations", "clip": 1, "scale": 40, "epsilon_milli": 400},
        {"name": "relay_volume", "clip": 16, "scale": 640, "epsilon_milli": 400},
        {"name": "auth_rejected", "clip": 1, "scale": 80, "epsilon_milli": 200}]
    for row in found["released"]:
        assert row["epsilon_milli"] * row["scale"] == 1000 * found["group"] * row["clip"]
    assert found["epsilon_milli"] == sum(row["epsilon_milli"] for row in found["released"]) == 1000
    assert found["holds"] and not any(found["warnings"].values())
    text = papers(FILLED).stdout
    for row in found["released"]:
        assert re.search(rf"\| {row['name']} .*\| {row['clip']} .*\| {row['scale']} ", text)


def test_strict_releases_nothing(papers):
    found = facts(papers, FILLED | {"metrics_profile": "strict"})
    assert found["released"] == [] and found["epsilon_milli"] == 0 and not found["publishes"]
    done = papers(FILLED | {"metrics_profile": "strict"}, "--lang", "de")
    assert done.returncode == 0 and "Nutzungsstatistiken führen wir nicht" in done.stdout
    assert "„strict“" in done.stdout and "Rauschmaß" not in done.stdout


# --- What does not hold ---

def test_no_tls_is_an_exception(papers):
    done = papers(FILLED, "--lang", "de", tls=False)
    assert done.returncode == 1 and done.stderr.startswith("drehkreuz: no-tls: ")
    assert done.stderr.count("\n") == 1
    assert "weder TLS noch DTLS" in done.stdout and "werden angeboten" not in done.stdout
    found = facts(papers, FILLED, tls=False)
    assert not found["holds"] and found["warnings"]["no-tls"] and not found["tls"]


def test_swap_is_an_exception(papers):
    swaps = "Filename Type\n/dev/sda2 partition 1 0 -2\n"
    done = papers(FILLED, "--lang", "en", swaps=swaps)
    claim = "held in memory only and overwritten"
    assert done.returncode == 1 and done.stderr.startswith("drehkreuz: swap: ")
    assert claim in papers(FILLED).stdout.replace("\n", " ").replace("  ", " ")
    assert claim not in done.stdout.replace("\n", " ").replace("  ", " ")
    assert facts(papers, FILLED, swaps=swaps)["warnings"]["swap"]


@pytest.mark.parametrize("conf, is_clear", [
    ({"redis": "redis.sample.example:6379"}, True),
    ({"redis": "redis.sample.example:6379", "redis_tls": True}, False),
    ({"redis": "localhost:6379"}, False),
    ({"redis": "localhost.sample.example:6379"}, True),
    ({"redis": "[::1]:6379"}, False),
    ({"redis": "/run/redis/redis.sock"}, False),
    ({"redis_sentinels": ["192.0.2.3:26379"], "redis_master": "m"}, True),
])
def test_redis_in_the_clear_is_an_exception(papers, conf, is_clear):
    done = papers(FILLED | conf, "--lang", "de")
    assert (done.returncode == 1) == is_clear == ("redis-clear" in done.stderr)
    assert ("Klartext" in done.stdout) == is_clear


def test_every_exception_is_named(papers):
    done = papers(FILLED | {"redis": "192.0.2.3:6379"}, tls=False,
                  swaps="Filename\n/swapfile file 1 0 -2\n")
    names = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert done.returncode == 1 and names == ["swap", "no-tls", "redis-clear"]


def test_fixed_accounts_are_told(papers):
    done = papers(FILLED | {"users": [{"name": "ann-of-sample", "password": "pass of ann"}]})
    assert "fixed accounts" in done.stdout
    assert "ann-of-sample" not in done.stdout and "pass of ann" not in done.stdout


# --- The line ---

@pytest.mark.parametrize("args", [["--lang", "fr"], ["--lang"], ["--lang", ""], ["--server", "x"],
                                  ["--config", "/nowhere"], ["now"]])
def test_a_wrong_line_is_exit_2(cli, args):
    done = cli("privacy", *args)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


def test_help(cli):
    done = cli("privacy", "--help")
    assert done.returncode == 0 and "--lang LANG" in done.stdout and "--json" in done.stdout


def test_the_page_on_privacy_knows_every_step():
    page = Path(__file__).resolve().parents[2].joinpath("conf", "privacy.md").read_text()
    for word in ("conntrack", "node_exporter", "core_pattern", "swap", "IPAccounting", "NetFlow"):
        assert word in page
