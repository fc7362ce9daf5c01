"""drehkreuz check must name the cause. Each test breaks one thing.

      here  11.77.0.2 ──── 11.77.0.1, 11.77.0.9  srv     (public in the peer policy's eyes)
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns, veth
from support.server import SECRET, Server
from support.warp import compiled

BEFORE = ["secrets", "ports"]
CALL = ["binding", "challenge", "allocate", "second", "relay", "reach", "release"]
FAR = ["binding", "challenge", "allocate", "clock", "second", "relay", "reach", "nat", "release"]
OWN = BEFORE + ["binding", "challenge", "allocate", "clock", "second", "relay", "reach", "hairpin",
                "release"]
TCP = ["tcp-connect"] + [f"tcp-{step}" for step in CALL if step != "reach"]


def secret_file(folder, value=SECRET):
    path = Path(folder, "secret")
    path.write_text(value + "\n")
    return path


def report(cli, *args, **more):
    """(exit code, {step: row}) of check --json."""
    done = cli("check", *args, "--json", **more)
    parsed = json.loads(done.stdout)
    assert parsed["ok"] == (done.returncode == 0) == all(s["ok"] for s in parsed["steps"])
    assert all(s["ok"] == (s["mark"] != "fail") for s in parsed["steps"])
    return done.returncode, {s["step"]: s for s in parsed["steps"]}


def cause(cli, step, *args, **more):
    """The cause given for the one step that failed; a remedy must stand beside it."""
    code, steps = report(cli, *args, **more)
    assert code == 1 and list(steps)[-1] == step, steps
    assert steps[step]["remedy"]
    return steps[step]["cause"]


# --- On one host ---

def test_all_is_well_on_loopback(cli, serve):
    server = serve({"allow_peers": None})
    code, steps = report(cli, "--config", server.path)
    assert code == 0 and list(steps) == OWN + TCP + [f"ipv6-{step}" for step in CALL + TCP]
    assert [steps[step]["family"] for step in ("reach", "ipv6-reach")] == ["ipv4", "ipv6"]


def test_all_is_well_over_a_slow_line(cli, serve):
    """A user name has an end in it; that of a living allocation stays the same."""
    server = serve()
    env = {**os.environ, "LD_PRELOAD": compiled("slowly.c")}
    done = cli("check", "--config", server.path, env=env)
    assert done.returncode == 0, done.stdout


def test_the_whole_is_on_one_screen(cli, serve, tmp_path):
    """The first transport step by step, a line for each of the seven others."""
    server = serve({"certificates": [certificates.make(tmp_path / "x")]})
    done = cli("check", "--config", server.path, env=os.environ | {
        "SSL_CERT_FILE": certificates.authority()})
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines[-1] == "all is well" and len(lines) < 30
    assert lines[0] == f"checking 127.0.0.1, UDP port {server.port}"
    assert len([line for line in lines if line.startswith("ok ")]) == len(OWN) + 7
    assert f"ok    DTLS port {server.port}, IPv6: answers, allocates, relays" in lines


def test_ipv6(cli, serve):
    server = serve()
    code, steps = report(cli, "--server", f"[::1]:{server.port}", "--secret-file",
                         secret_file(server.dir))
    assert code == 0 and list(steps) == FAR


def test_ipv6_relay_only(cli, serve):
    server = serve({"relay_ipv4": "off", "external_ipv6": "auto"})
    assert report(cli, "--config", server.path)[0] == 0


def test_quick_is_four_questions(cli, serve):
    server = serve()
    code, steps = report(cli, "--config", server.path, "--quick")
    assert code == 0 and list(steps) == [
        "secrets", "binding", "challenge", "allocate", "release"]


def test_nothing_is_left_behind(cli, serve):
    server = serve({"relay_ports": "12000-12003", "max_allocations": 2})
    for _ in range(3):
        assert cli("check", "--config", server.path).returncode == 0


def test_a_secrets_file_and_names_are_taken(cli, serve):
    server = serve({"users": [{"name": "ann", "password": "pass of ann"}]})
    named = f"turn:localhost:{server.port}"
    assert report(cli, "--server", named, "--secret-file", server.secrets_path)[0] == 0
    cli("secret", "new", "--config", server.path)
    Path(server.secrets_path).chmod(0o644)
    done = cli("check", "--server", named, "--secret-file", server.secrets_path)
    assert done.returncode == 2 and "chmod 600" in done.stderr
    password = Path(server.dir, "password")
    password.write_text("pass of ann\n")
    assert report(cli, "--server", named, "--user", "ann", "--password-file", password)[0] == 0


def test_nothing_is_left_behind_by_a_failure(cli, serve):
    server = serve({"external_ipv4": "192.0.2.1", "max_allocations": 2})
    for _ in range(2):
        cause(cli, "reach", "--config", server.path)


def test_no_answer(cli, serve):
    server = serve()
    server.stop()
    code, steps = report(cli, "--server", f"127.0.0.1:{server.port}", "--user", "a",
                         "--password-file", __file__)
    assert code == 1
    assert steps["binding"]["cause"] == (f"no answer from 127.0.0.1:{server.port} over UDP: not "
                                         "running, firewalled, or wrong port")


def test_wrong_secret(cli, serve):
    server = serve()
    wrong = secret_file(server.dir, "not-the-secret-of-this-server")
    found = cause(cli, "allocate", "--server", f"127.0.0.1:{server.port}", "--secret-file", wrong)
    assert found == "wrong secret: the server does not know it"


def test_wrong_password(cli, serve):
    server = serve({"users": [{"name": "ann", "password": "pass of ann"}]})
    found = cause(cli, "allocate", "--server", f"127.0.0.1:{server.port}", "--user", "ann",
                  "--password-file", secret_file(server.dir))
    assert found == "the server does not accept this user name and password"


@pytest.mark.parametrize("ahead, says", [
    (1800, "30 min"), (7200, "2 h"), (86400 * 2, "2 days"), (86400 * 400, "400 days")])
def test_clocks_apart(cli, serve, ahead, says):
    server = serve()
    server.advance(ahead)
    found = cause(cli, "allocate", "--config", server.path)
    assert "the secret is right" in found and f"ahead of this machine's by about {says}," in found


def test_wrong_external_address_seen_from_the_host(cli, serve):
    server = serve({"external_ipv4": "192.0.2.1"})
    assert cause(cli, "reach", "--config", server.path).startswith("wrong external address")


def test_a_relay_address_of_another_host(cli, serve):
    server = serve({"relay_ipv4": "192.0.2.77"})
    assert cause(cli, "allocate", "--config", server.path) == (
        "the server has no relayed port to give")


def test_quota(cli, serve):
    server = serve({"allocations_per_prefix": 1})
    assert "quota" in cause(cli, "second", "--config", server.path)


def test_binding_switched_off(cli, serve):
    server = Server({"binding": False})
    server.spawn()
    server.wait_log("started")
    code, steps = report(cli, "--config", server.path)
    server.stop()
    assert code == 1 and not steps["binding"]["ok"]


def test_no_address_but_the_servers_is_printed(cli, serve):
    server = serve({"external_ipv4": "192.0.2.1"})
    done = cli("check", "--server", f"localhost:{server.port}", "--secret-file",
               server.secrets_path)
    assert "192.0.2.1" not in done.stdout + done.stderr
    assert "127.0.0.1" not in done.stdout + done.stderr


# --- From another host ---

SRV = "11.77.0.1"
SECOND = "11.77.0.9"


@pytest.fixture
def hosts():
    made = {"here": Netns(), "srv": Netns()}
    veth(made["here"], made["srv"], "cable", ["11.77.0.2/24"], [f"{SRV}/24", f"{SECOND}/24"])
    yield made
    for space in made.values():
        space.close()


def firewall(space, rules):
    subprocess.run(["ip", "netns", "exec", space.name, "nft", "-f", "-"], text=True, check=True,
                   input=f"table ip t {{\n chain c {{\n {rules}\n }}\n}}\n")


@pytest.fixture
def far(hosts, serve):
    """far(conf): the cause found from the other host, or None if all is well."""
    def ask(cli, conf=None, rules=""):
        server = serve({"listen": [f"{SRV}:3478"], "relay_ipv4": SRV, "relay_ipv6": "off",
                        "allow_peers": None} | (conf or {}), netns=hosts["srv"])
        if rules:
            firewall(hosts["srv"], rules)
        args = ["--server", SRV, "--secret-file", server.secrets_path]
        code, steps = report(cli, *args, inside=hosts["here"])
        if code == 0:
            assert list(steps) == FAR and "note" not in steps["reach"]
            assert steps["nat"]["note"] == "no NAT"
            return None
        assert list(steps)[-1] == "reach", steps
        return steps["reach"]["cause"]
    return ask


def test_all_is_well_from_elsewhere(cli, far):
    assert far(cli) is None


def test_relay_range_blocked(cli, far):
    rule = "type filter hook input priority 0; udp dport 50000-60000 drop"
    assert far(cli, rules=rule).startswith("relay range blocked")


def test_relay_may_not_send(cli, far):
    rule = "type filter hook output priority 0; udp sport 50000-60000 drop"
    assert far(cli, rules=rule) == "the relay receives, but what it sends does not arrive here"


def test_wrong_external_address_seen_from_elsewhere(cli, far):
    assert far(cli, {"external_ipv4": "192.0.2.1"}).startswith("wrong external address")


def test_announced_is_the_servers_other_address(cli, far):
    conf = {"relay_ipv4": SECOND, "external_ipv4": SRV}
    assert far(cli, conf).startswith("wrong external address")


def test_peers_in_this_network_denied_leaves_a_note(cli, hosts, serve):
    server = serve({"listen": [f"{SRV}:3478"], "relay_ipv4": SRV, "relay_ipv6": "off",
                    "allow_peers": None, "deny_peers": ["11.0.0.0/8"]}, netns=hosts["srv"])
    code, steps = report(cli, "--server", SRV, "--secret-file", server.secrets_path,
                         inside=hosts["here"])
    assert code == 0 and "note" in steps["reach"]


def test_port_closed_by_a_firewall(cli, hosts, serve):
    server = serve({"listen": [f"{SRV}:3478"], "relay_ipv4": SRV, "relay_ipv6": "off"},
                   netns=hosts["srv"])
    firewall(hosts["srv"], "type filter hook input priority 0; udp dport 3478 drop")
    found = cause(cli, "binding", "--server", SRV, "--secret-file", server.secrets_path,
                  inside=hosts["here"])
    assert found == (f"UDP blocked: {SRV} answers on TCP port 3478, but nothing comes back over "
                     "UDP")
