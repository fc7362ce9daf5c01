"""Prometheus, which most operators have, understands what /metrics says."""

import json
import re
import subprocess
import textwrap
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager

import pytest

from shown import STATES, Asked, Shown
from stores import die_with_parent, wait_for
from support.server import ROOT, free_ports
from trail import conf_of, store

OPEN = "Accept: application/openmetrics-text; version=1.0.0\r\n"
NAME = r"drehkreuz_[a-z0-9]+(?:_[a-z0-9]+)*"
SAMPLE = re.compile(rf'({NAME})(?:\{{([a-z]+)="((?:[^"\\\n]|\\["\\n])*)"\}})? (-?\d+(?:\.\d+)?)')
UNITS = ("seconds", "bytes")


def promtool(*args, text=None):
    done = subprocess.run(["promtool", *map(str, args)], input=text, text=True,
                          capture_output=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


@contextmanager
def running(state):
    """A server in one of STATES, or with a Redis that answers."""
    if state in STATES:
        with Shown(state) as server:
            yield server
        return
    with closing(store()) as redis, Asked(conf_of(redis), secrets=None) as server:
        server.wait_log("redis-ready")
        yield server


def samples(text):
    """(name, label, value of it) -> number, as text; every line is one that is known."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        row = SAMPLE.fullmatch(line)
        assert row, line
        assert row.group(1, 2, 3) not in found, line
        found[row.group(1, 2, 3)] = row.group(4)
    return found


def families(text):
    """Of OpenMetrics, strictly: name -> (type, unit). Each is whole, in order, and there once."""
    assert text.endswith("\n# EOF\n") and "\r" not in text
    found, lines = {}, iter(text.splitlines()[:-1])
    name = kind = unit = None
    for line in lines:
        if line.startswith("# HELP "):
            name, kind, unit = line.split(" ")[2], None, None
            assert re.fullmatch(NAME, name) and name not in found, line
            assert len(line.split(" ", 3)[3]) > 10, line
        elif line.startswith("# TYPE "):
            kind = line.removeprefix(f"# TYPE {name} ")
            assert kind in ("gauge", "info"), line
            found[name] = (kind, None)
        elif line.startswith("# UNIT "):
            unit = line.removeprefix(f"# UNIT {name} ")
            assert unit in UNITS and name.endswith("_" + unit) and kind, line
            found[name] = (kind, unit)
        else:
            row = SAMPLE.fullmatch(line)
            assert row and kind, line
            assert row[1] == name + ("_info" if kind == "info" else ""), line
            assert kind != "info" or row[4] == "1", line
    assert all(unit == (name.rsplit("_", 1)[1] if name.endswith(UNITS) else None)
               for name, (_, unit) in found.items()), found
    return found


def value(found, name):
    return next((number for (one, _, _), number in found.items() if one == name), None)


@pytest.mark.parametrize("state", [*STATES, "redis"])
def test_both_forms(state):
    """promtool finds nothing to say; OpenMetrics is well-formed and says the same."""
    with running(state) as server:
        plain, opened = server.text("/metrics"), server.text("/metrics", OPEN)
        stats = server.stats()
    assert promtool("check", "metrics", text=plain) == (0, "")
    found = samples(plain)
    ages = {"drehkreuz_redis_age_seconds"}
    assert {k: v for k, v in found.items() if k[0] not in ages} == {
        k: v for k, v in samples(opened).items() if k[0] not in ages}
    assert families(opened)
    names = {name for name, _, _ in found}
    assert ("drehkreuz_redis_up" in names) == (state in ("redis", "troubled"))
    assert ("drehkreuz_certificate_remaining_seconds" in names) == (state == "troubled")
    assert ("drehkreuz_capacity_alarm" in names) == (state == "troubled")
    assert ("drehkreuz_privacy_epsilon_overall" in names) == (state != "strict")
    has_window = state not in ("empty", "strict", "redis")
    assert ("drehkreuz_relay_allocations" in names) == has_window
    if has_window:
        last = stats["usage"]["windows"][-1]
        assert int(value(found, "drehkreuz_relay_allocations")) == last["relay_allocations"]
        assert int(value(found, "drehkreuz_relay_volume_bytes")) == last["relay_volume"] << 24
        assert int(value(found, "drehkreuz_auth_rejected")) == last["auth_rejected"]


@pytest.mark.parametrize("text", [
    "drehkreuz_calls_total 1\n",  # no type, no help
    "# HELP drehkreuz_a_total Text.\n# TYPE drehkreuz_a_total gauge\ndrehkreuz_a_total 1\n"])
def test_promtool_would_say_something(text):
    assert promtool("check", "metrics", text=text)[0] != 0


# --- A Prometheus of our own ---

def rules():
    """The file of rules that the manual gives."""
    manual = (ROOT / "conf/statistics.md").read_text()
    block = re.search(r"^    groups:\n(?:    .*\n)+", manual, re.M)
    assert block, "there are no rules"
    return textwrap.dedent(block[0])


class Prometheus:
    """Looks every second; keeps what it sees in a folder of its own."""

    def __init__(self, folder, target):
        self.port = free_ports(1)
        (folder / "rules.yml").write_text(rules())
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            "rule_files: [rules.yml]\n"
            "scrape_configs:\n"
            f'  - {{job_name: drehkreuz, static_configs: [{{targets: ["{target}"]}}]}}\n')
        assert promtool("check", "config", folder / "prometheus.yml")[0] == 0
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/tsdb", "--storage.tsdb.retention.size=64MB",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]

    def series(self, query):
        """(name, other labels) -> number, as text."""
        found = {}
        for row in self.ask("query", query=query)["result"]:
            labels = row["metric"]
            own = {k: v for k, v in labels.items() if k not in ("__name__", "instance", "job")}
            found[labels.get("__name__"), *(next(iter(own.items()), (None, None)))] = \
                row["value"][1]
        return found

    def alarms(self):
        return {rule["name"]: rule for group in self.ask("rules")["groups"]
                for rule in group["rules"]}


def test_prometheus_sees_it(tmp_path):
    """Every number arrives as it is; the alarms that should are raised, and no others."""
    with running("troubled") as server, \
            closing(Prometheus(tmp_path, server.options["metrics_listen"])) as prometheus:
        own = '{job="drehkreuz", __name__=~"drehkreuz_.*"}'
        seen = wait_for(lambda: prometheus.series(own), 30)
        shown = samples(server.text("/metrics"))
        assert {k: float(v) for k, v in seen.items()} == {k: float(v) for k, v in shown.items()}
        assert prometheus.series('up{job="drehkreuz"}') == {("up", None, None): "1"}
        help_texts = prometheus.ask("metadata")
        assert all(help_texts[name][0]["help"] for name, (kind, _) in families(
            server.text("/metrics", OPEN)).items() if kind == "gauge")
        wanted = {"RelayNotReady", "RelayRedisDown"}
        wait_for(lambda: wanted <= {name for name, rule in prometheus.alarms().items()
                                    if rule["state"] != "inactive"}, 30)
        alarms = prometheus.alarms()
        assert {name for name, rule in alarms.items() if rule["state"] != "inactive"} == wanted
        assert all(rule["health"] == "ok" for rule in alarms.values()), alarms


def test_the_manual_s_alarms(tmp_path):
    """Well-formed, and about names that there are."""
    path = tmp_path / "rules.yml"
    path.write_text(rules())
    code, text = promtool("check", "rules", path)
    assert code == 0 and "5 rules found" in text, text
    with running("troubled") as server:
        names = {name for name, _, _ in samples(server.text("/metrics"))}
    assert set(re.findall(NAME, rules())) <= names | {"drehkreuz"}


# When each is raised, and when not: series of a minute's steps.
CASES = {
    "RelayDown": ('up{job="drehkreuz"}', 0, 1),
    "RelayNotReady": ("drehkreuz_ready", 0, 1),
    "RelayCertificateEnds": ("drehkreuz_certificate_remaining_seconds", 13 * 86400, 14 * 86400),
    "RelayRedisDown": ("drehkreuz_redis_up", 0, 1),
    "RelayLoginsRefused": ("drehkreuz_auth_rejected", 10_000, 1000),
}


def test_when_alarms_are_raised(tmp_path):
    (tmp_path / "rules.yml").write_text(rules())
    groups = []
    for name, (series, bad, good) in CASES.items():
        for number, raised in ((bad, True), (good, False)):
            labels = {"job": "drehkreuz"} if "{" in series else {}
            groups.append({
                "interval": "1m", "input_series": [{"series": series, "values": f"{number}x30"}],
                "alert_rule_test": [{"eval_time": "20m", "alertname": name,
                                     "exp_alerts": [{"exp_labels": labels}] if raised else []}]})
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": groups}
    (tmp_path / "test.yml").write_text(json.dumps(test))
    assert promtool("test", "rules", tmp_path / "test.yml")[0] == 0, promtool(
        "test", "rules", tmp_path / "test.yml")
