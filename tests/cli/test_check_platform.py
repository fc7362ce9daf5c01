"""check --platform nextcloud: Talk's settings beside ours, and the causes that it tells apart."""

import json
import socket

import pytest

from support import certificates
from support.occ import Occ
from support.server import SECRET, Server, free_ports

NAME = "localhost"
OTHER = "another-secret-0123456789abcdef"


@pytest.fixture(scope="module")
def occ():
    made = Occ()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("pair") / "good", (NAME, "127.0.0.1"))


@pytest.fixture
def relay(serve, pair):
    """relay(conf, ...): a server with a certificate that this machine trusts."""
    def start(conf=None, **more):
        return serve({"certificates": [pair]} | (conf or {}), **more)
    return start


@pytest.fixture(scope="module")
def one(pair):
    """A relay of which nothing is changed."""
    with Server({"certificates": [pair]}) as server:
        yield server


@pytest.fixture
def ask(cli, occ, monkeypatch):
    """ask(server): {step: row} of a check."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority())

    def run(server, *args, code=None):
        done = cli("check", "--platform", "nextcloud", "--occ", occ.path, "--json", "--config",
                   server.path, *args)
        assert done.returncode in ((0, 1) if code is None else (code,)), done.stdout + done.stderr
        parsed = json.loads(done.stdout)
        assert parsed["ok"] == (done.returncode == 0) == all(s["ok"] for s in parsed["steps"])
        assert SECRET not in done.stdout and OTHER not in done.stdout
        assert all(s["remedy"] for s in parsed["steps"] if s["mark"] != "ok")
        return {s["step"]: s for s in parsed["steps"]}
    return run


def entry(server, secret=SECRET, schemes="turn,turns", protocols="udp,tcp", host=NAME, port=None):
    return schemes, f"{host}:{port or server.port}", secret, protocols


def good(server):
    return {"turn": [entry(server)], "stun": [f"{NAME}:{server.port}"]}


def marks(steps):
    """What is not well; the clock is the machine's own."""
    return {name: step["mark"] for name, step in steps.items()
            if step["mark"] != "ok" and name != "talk-clock"}


def test_all_is_well(relay, occ, ask, cli):
    server = relay()
    occ.set(**good(server))
    steps = ask(server, code=0)
    assert not marks(steps)
    assert [name for name in steps if name.startswith("talk-")] == [
        "talk-listed", "talk-secret", "talk-lifetime", "talk-fit", "talk-stun", "talk-others",
        "talk-media", "talk-clock", "talk-reach"]
    assert {"allocate", "tcp-allocate", "tls-allocate", "tls-certificate"} <= set(steps)
    text = cli("check", "--platform", "nextcloud", "--occ", occ.path, "--config", server.path)
    assert text.returncode == 0 and "Talk lists this server\n" in text.stdout
    assert {tuple(words) for _, _, words in occ.calls()} == {
        ("--no-warnings", f"talk:{one}:list", "--output=json")
        for one in ("turn", "stun", "signaling")}


# Each: what Talk is given, what is not well, and words of the cause of the first of these.
FAULTS = {
    "nothing listed": (lambda s: {"turn": []},
                       {"talk-listed": "fail"}, "Talk has no TURN server"),
    "another server": (lambda s: {"turn": [entry(s, host="192.0.2.7")]},
                       {"talk-listed": "fail", "talk-others": "warn"}, "192.0.2.7"),
    "other secret": (lambda s: {"turn": [entry(s, OTHER)]},
                     {"talk-secret": "fail", "allocate": "fail"}, "none of ours"),
    "line end": (lambda s: {"turn": [entry(s, SECRET + "\n")]},
                 {"talk-secret": "fail", "allocate": "fail"}, "blank or line end"),
    "wrong port": (lambda s: {"turn": [entry(s, port=9), entry(s)]},
                   {"talk-fit": "fail", "binding": "fail", "tcp-connect": "fail",
                    "tls-connect": "fail", "talk-reach": "fail"}, "nothing of ours listens"),
    "no port": (lambda s: {"turn": [("turn", NAME, SECRET, "udp,tcp"), entry(s)]},
                {"talk-fit": "fail"}, "has no port"),
    "address": (lambda s: {"turn": [entry(s, host="127.0.0.1")]},
                {"talk-fit": "fail"}, "a certificate is for a name"),
    "without turns": (lambda s: {"turn": [entry(s, schemes="turn")]},
                      {"talk-fit": "warn"}, "does not offer turns:"),
    "without UDP": (lambda s: {"turn": [entry(s, protocols="tcp")]},
                    {"talk-fit": "warn"}, "does not offer UDP"),
    "no STUN": (lambda s: {"stun": []},
                {"talk-stun": "warn"}, "not among Talk's STUN servers"),
    "STUN elsewhere": (lambda s: {"stun": ["192.0.2.7:443"]},
                       {"talk-stun": "warn"}, "192.0.2.7:443"),
    "STUN at a wrong port": (lambda s: {"stun": [f"{NAME}:9"]},
                             {"talk-stun": "fail"}, "do not listen on UDP"),
    "two servers": (lambda s: {"turn": [entry(s), entry(s, host="192.0.2.7")]},
                    {"talk-others": "warn"}, "1 other TURN server"),
    "denied backend": (lambda s: {"signaling": ["https://10.1.2.3/standalone-signaling"]},
                       {"talk-media": "fail"}, "denied as a peer"),
    "backend on this host": (lambda s: {"signaling": ["wss://127.0.0.1:8081/"]},
                             {}, ""),  # the tests' configuration allows it
    "backend without address": (lambda s: {"signaling": ["https://hpb.invalid"]},
                                {"talk-media": "warn"}, "gives no address"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_talks(one, occ, ask, name):
    change, expected, words = FAULTS[name]
    occ.set(**(good(one) | change(one)))
    steps = ask(one)
    # Families of this machine differ; the first one's steps are alike everywhere.
    seen = {k: v for k, v in marks(steps).items() if not k.startswith("ipv6-")}
    assert seen == expected
    if expected:
        assert words in steps[next(iter(expected))]["cause"]


def test_the_denied_backend_gets_its_line(relay, occ, ask):
    server = relay()
    occ.set(**good(server), signaling=["https://10.1.2.3/standalone-signaling"])
    assert 'allow_peers = ["10.1.2.3"];' in ask(server)["talk-media"]["remedy"]
    server.options["allow_peers"] = ["127.0.0.0/8", "::1/128", "10.1.2.3"]
    server.write_conf()
    assert ask(server, code=0)["talk-media"]["mark"] == "ok"


def test_turns_without_tls(serve, occ, ask):
    server = serve()
    occ.set(**good(server))
    steps = ask(server, code=1)
    assert steps["talk-fit"]["mark"] == "fail" and "no TLS" in steps["talk-fit"]["cause"]
    assert not steps["tls-handshake"]["ok"] and steps["tcp-allocate"]["ok"]


@pytest.mark.parametrize("times, mark, words", [
    ((0, 1000000000), "fail", "ended"), ((2000000000, 0), "fail", "is not in force yet")])
def test_a_secret_out_of_force(relay, occ, ask, times, mark, words):
    server = relay(secrets=(("one", 0, 0, OTHER), ("old", *times, SECRET)))
    occ.set(**good(server))
    step = ask(server, code=1)["talk-secret"]
    assert step["mark"] == mark and f'"old" {words}' in step["cause"]


def test_a_secret_that_ends_soon(relay, occ, ask):
    server = relay()
    server.write_secrets((("one", 0, server.now() + 3600, SECRET),))
    occ.set(**good(server))
    assert ask(server)["talk-secret"]["mark"] == "warn"


def test_a_lifetime_too_short(relay, occ, ask):
    server = relay({"max_credential_ttl": 3600})
    occ.set(**good(server))
    assert "max_credential_ttl" in ask(server, code=1)["talk-lifetime"]["cause"]


def test_without_binding(relay, occ, ask):
    server = relay({"binding": False})
    turn = [entry(server, schemes="turn", protocols="udp", host="127.0.0.1")]
    occ.set(turn=turn, stun=[f"{NAME}:{server.port}"])
    assert "binding = false" in ask(server, code=1)["talk-stun"]["cause"]
    occ.set(turn=turn)
    assert ask(server)["talk-stun"]["mark"] == "ok"


def test_a_wrong_certificate(relay, occ, ask, tmp_path):
    server = relay({"certificates": [certificates.make(tmp_path / "x", ("other.example",))]})
    occ.set(**good(server))
    steps = ask(server, code=1)
    assert "for another name" in steps["tls-certificate"]["cause"] and steps["talk-reach"]["ok"]


def test_nobody_answers(relay, occ, ask):
    """As behind a router that does not lead back to its own address."""
    server = relay()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as quiet:
        quiet.bind(("127.0.0.1", free_ports(1)))
        port = quiet.getsockname()[1]
        server.options["listen"] = [f"127.0.0.1:{port}"]
        server.write_conf()
        occ.set(turn=[entry(server, port=port, host="127.0.0.1", schemes="turn")])
        steps = ask(server, code=1)
    assert steps["talk-fit"]["mark"] == "warn" and not steps["talk-reach"]["ok"]
    assert "hairpin" in steps["talk-reach"]["remedy"]


def test_the_relay_on_another_host(one, occ, ask, cli):
    """Where the usual configuration is missing, what Talk lists first is tried."""
    occ.set(**good(one))
    done = cli("check", "--platform", "nextcloud", "--occ", occ.path, "--json")
    steps = {s["step"]: s for s in json.loads(done.stdout)["steps"]}
    assert done.returncode == 0 and steps["tls-allocate"]["ok"]
    for name in ("talk-secret", "talk-lifetime", "talk-stun"):
        assert "not on this host" in steps[name]["note"]


def test_what_php_says_before_the_list(one, occ, ask):
    occ.set(**good(one), noise="[debug] Deprecated: it is {old} in x.php\n\n")
    assert not marks(ask(one, code=0))


def test_hostile_lists(one, occ, cli):
    """Settings come from another program; whatever stands there is text at most."""
    server = one
    long = "x" * 2000
    occ.set(turn=[entry(server), ("\x1b[2J", "\x1b]0;x\x07:1", long, long), (1, None, [], {})] +
            [entry(server, port=9)] * 40, stun=[f"{NAME}:{server.port}", long, 5, "a\n"])
    done = cli("check", "--platform", "nextcloud", "--occ", occ.path, "--config", server.path)
    assert done.returncode == 1 and "\x1b" not in done.stdout and "\x07" not in done.stdout


def test_nothing_listed_is_nothing_tried(one, occ, ask, cli):
    occ.set()
    steps = ask(one, code=1)
    assert all(name.startswith("talk-") for name in steps) and "talk-reach" not in steps
    assert all("nothing to compare" in steps[name]["note"] for name in ("talk-secret", "talk-fit"))
    done = cli("check", "--platform", "nextcloud", "--occ", occ.path, "--config", one.path)
    assert "checking" not in done.stdout


def test_a_name_that_leads_nowhere(relay, occ, ask):
    server = relay({"turn_names": ["turn.invalid"]})
    occ.set(turn=[entry(server, host="turn.invalid")])
    steps = ask(server, code=1)
    assert not steps["resolve"]["ok"] and "talk-reach" not in steps


# --- Mistakes ---

@pytest.mark.parametrize("args, words", [
    (["--platform", "jitsi"], "knows nextcloud alone"),
    (["--platform", "nextcloud", "--server", "x"], "goes with"),
    (["--platform", "nextcloud", "--host"], "goes with"),
    (["--occ", "/nowhere"], "--platform"),
])
def test_wrong_options(cli, args, words):
    done = cli("check", *args)
    assert done.returncode == 2 and done.stdout == "" and words in done.stderr


def test_no_occ(cli, one):
    done = cli("check", "--platform", "nextcloud", "--config", one.path, "--occ", "/nowhere")
    assert done.returncode == 1 and done.stdout == "" and "no occ on this host" in done.stderr


def test_an_occ_that_fails(cli, one, occ):
    occ.set(fail="talk:stun:list")
    done = cli("check", "--platform", "nextcloud", "--config", one.path, "--occ", occ.path)
    assert done.returncode == 1 and done.stdout == "" and "talk:stun:list failed" in done.stderr
