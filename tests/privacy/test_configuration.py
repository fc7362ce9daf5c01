"""T11. There is no configuration in which the server tells of people: what it does not know it
refuses, keys of other servers among it, and with every value that it takes, alone and together,
what people do is found nowhere."""

import random
import re
import subprocess
import time

import canary
import people
import pytest
from load import size
from outputs import ROOT, WatchedServer, files, outside_grammar
from scene import command
from support import certificates
from support.server import SECRET, binary, config_text

ROUNDS = size(4, 0)  # of values drawn at random, besides those that try each once
HOSTILE = {
    "log_level": 9, "loglevel": "debug", "log": True, "log_file": "/dev/shm/log", "logfile": "x",
    "log_min_level": "debug", "log_binding": True, "verbose": True, "Verbose": True,
    "extra_verbose": True, "very_verbose": 1, "debug": True, "trace": True, "syslog": True,
    "simple_log": True, "new_log_timestamp": True, "log_ip": True, "access_log": "/dev/shm/access",
    "redis_statsdb": "ip=127.0.0.1 dbname=1", "redis_log": True, "userdb": "/dev/shm/db",
    "mysql_userdb": "host=127.0.0.1", "prometheus": True, "prometheus_username_labels": True,
    "metrics_labels": ["user"], "metrics_exact": True, "metrics_epsilon": 1000, "epsilon": 1000,
    "noise": False, "metrics_noise": False, "metrics_scale": 0, "influxdb": True,
    "mod_log_stun": True, "cli_port": 5766, "web_admin": True, "core": True, "dump": True,
    "dumpable": True, "keylog": "/dev/shm/keys", "sslkeylogfile": "/dev/shm/keys",
    "report_usage": True, "capture": "/dev/shm/pcap", "hash_addresses": True,
}
OTHER_SYNTAX = ["verbose\n", "log-file=/dev/shm/log\n", "--verbose;\n", "log_level : 9;\n",
                "@include \"/etc/passwd\"\n", "Verbose = \"yes\";\n"]
TEXTS = ["", "verbose", "debug", "exact", "../../log", "%s%n%x", "/proc/self/fd/2", "syslog:all"]
# Whose values have a form of their own.
FORMS = {
    "relay_ipv4": ["127.0.0.1", "off"], "relay_ipv6": ["::1", "off"],
    "external_ipv4": ["192.0.2.7", "auto", "localhost"], "external_ipv6": ["2001:db8::7", "auto"],
    "relay_ports": ["1024-1024", "65535-65535", "50000-50063"],
    "listen_udp": [["127.0.0.1:3480"], []], "listen_tcp": [["127.0.0.1:3481"], []],
    "listen_tls": [["127.0.0.1:5349"], []], "listen_dtls": [["127.0.0.1:5349"], []],
    "proxy_from": [["127.0.0.0/8"], ["0.0.0.0/0", "::/0"], []],
    "web_server": ["127.0.0.1:9"], "turn_names": [["turn.test.example"], []],
    "redis": ["127.0.0.1:1"], "redis_sentinels": [["127.0.0.1:1"], []], "redis_master": ["m"],
    "issuer_listen": ["127.0.0.1:9641"], "issuer_key": ["0123456789abcdef0123"],
    "issuer_uris": [["turn:turn.test.example"], []],
    "metrics_profile": ["strict", "standard", "fleet"], "metrics_window": [0, 3600, 604800],
    "metrics_listen": ["127.0.0.1:9640", ""], "privacy_basis": ["b", "e", "f", ""],
    "allow_peers": [["127.99.66.33/32"], ["0.0.0.0/0", "::/0"], []],
    "deny_peers": [["0.0.0.0/0", "::/0"], []], "tcp_ports": [[80], []],
    "user": ["", "nobody"], "users": [[{"name": "ann", "password": "0123456789"}], []],
}
LEFT_OUT = {"listen", "secrets_file", "certificates"}  # without them nobody could come
COMMON = {"listen": ["0.0.0.0:3478", "[::]:3478"], "relay_ports": "50000-50031",
          "allow_peers": ["127.99.66.33/32"]}


def options():
    """(name, kind, least, most) of each row of the table."""
    text = (ROOT / "relay/config/conf_table.c").read_text()
    rows = re.findall(r"\bROW\((\w+), CONF_(\w+), (-?\w+), (\w+),", text)
    limits = {"COUNT_MAX": 10_000_000, "BYTES_MAX": 10 ** 12, "CONF_LIST_MAX": 256}
    numbers = [(name, kind, int(limits.get(a, a)), int(limits.get(b, b)))
               for name, kind, a, b in rows]
    return numbers + [(name, "ADDRS", 0, 16) for name in re.findall(r"\bLISTEN\((\w+),", text)]


def good_and_bad(name, kind, least, most):
    """(values that may be taken, values that may not)."""
    if kind == "INT":
        return FORMS.get(name, [least, most]), [least - 1, most + 1, "9"]
    if kind == "BOOL":
        return [True, False], [2, "true", "verbose"]
    if kind in ("TEXT", "SECRET"):
        texts = [text for text in [*TEXTS, "x" * most] if least <= len(text) <= most]
        return FORMS.get(name, []) + texts, ["x" * (most + 1), 7]
    return FORMS.get(name, []), ["verbose\n", 7]


def accepted(conf):
    return command(conf, "config", "check").returncode == 0


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The options of a server that works."""
    folder = tmp_path_factory.mktemp("base")
    secrets = folder / "secrets"
    secrets.write_text(f"one 0 0 {SECRET}\n")
    secrets.chmod(0o600)
    return COMMON | {"realm": "turn", "relay_ipv4": "127.0.0.1", "relay_ipv6": "::1",
                     "secrets_file": str(secrets), "certificates": [certificates.shared()]}


@pytest.fixture(scope="module")
def values(base):
    """name -> values that are taken, at least next to the usual ones."""
    result = {}
    for name, *row in options():
        if name in LEFT_OUT:
            continue
        good, bad = good_and_bad(name, *row)
        result[name] = [value for value in good if accepted(base | {name: value})]
        for value in bad:
            assert not accepted(base | {name: value}), f"{name} = {value!r} is taken"
    assert len(result) > 60 and sum(map(len, result.values())) > 120, result
    return result


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_unknown_keys_are_refused(base, name):
    done = command(base | {name: HOSTILE[name]}, "config", "check")
    assert done.returncode == 2 and name in done.stderr, done.stderr
    assert command(base | {name: HOSTILE[name]}, "run").returncode == 2


@pytest.mark.parametrize("text", OTHER_SYNTAX)
def test_other_syntax_is_refused(base, tmp_path, text):
    path = tmp_path / "conf"
    path.write_text(config_text(base) + text)
    done = subprocess.run([binary(), "config", "check", "--config", path], capture_output=True)
    assert done.returncode == 2, done.stdout


def rounds(values, rng):
    """Configurations in which every value occurs once, then some that are drawn."""
    longest = max(map(len, values.values()))
    for number in range(longest):
        yield {name: ways[number] for name, ways in values.items() if number < len(ways)}
    for _ in range(ROUNDS):
        yield {name: rng.choice(ways) for name, ways in values.items() if ways}


def serve(conf, space):
    """None when it served, and what people did there is found nowhere; else why it did not start,
    which tells of nobody either."""
    usual = {"metrics_window": 0, "metrics_file": None}
    server = WatchedServer(usual | conf, netns=space)
    server.spawn()
    try:
        while "started:" not in server.log():
            if server.process.poll() is not None:
                assert not canary.find(people.needles(), {"log": server.log().encode()})
                return server.log()
            time.sleep(0.01)
        look(server, people.in_short(server), conf)
        return None
    finally:
        server.discard()


def look(server, made, conf):
    says = server.log()
    shown = server.shown() if "metrics-ready" in says and "control-ready" in says else {}
    server.process.terminate()
    server.process.wait(15)
    left = {k: v for k, v in files(server.dir).items() if k != "drehkreuz.conf"}
    needles = people.needles() + list(people.needles_of(*(c for c in made if c.nonce)))
    assert not canary.find(needles, shown | left), conf
    assert not outside_grammar(server.log()), conf


def serve_together(base, wanted, space):
    """All of it, but for what does not go with the rest, which goes alone. Whether it served."""
    together, alone = dict(wanted), []
    while (why := serve(base | together, space)) and together:
        named = [name for name in together if re.search(rf"\b{name}\b", why)]
        name = named[0] if named else next(iter(together))
        alone.append({name: together.pop(name)})
    for one in alone:
        serve(base | one, space)
    return why is None and len(together) > len(wanted) / 2


def test_no_value_makes_it_tell(base, values):
    rng = random.Random(20)
    space = people.space()
    try:
        served = [serve_together(base, wanted, space) for wanted in rounds(values, rng)]
        assert sum(served) >= 2, served
    finally:
        space.close()
