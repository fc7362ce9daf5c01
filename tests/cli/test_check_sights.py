"""What drehkreuz check sees where nothing is broken, or not at the server: NAT, families, SRV, time;
and what it shows while it waits."""

import json
import os
import pty
import re
import subprocess
from contextlib import closing

import pytest

from scene import NAME, SRV4, SRV6, Scene
from support import pki
from support.netns import Netns, veth
from support.resolver import A, AAAA, SRV
from support.server import binary
from support.warp import Warp


@pytest.fixture
def scene(tmp_path):
    with Scene(tmp_path) as scene:
        yield scene


def nat(space, rules):
    space.sysctl("net.ipv4.ip_forward=1")
    subprocess.run(["ip", "netns", "exec", space.name, "nft", "-f", "-"], text=True, check=True,
                   input=f"table ip nat {{\n{rules}\n}}\n")


# --- NAT and hairpin ---

@pytest.mark.parametrize("how, says", [
    ("", "a NAT that keeps one port"), ("fully-random", "a NAT with another port for each")])
def test_the_nat_before_this_machine(scene, how, says):
    scene.start()
    inner = scene.enter_context(closing(Netns()))
    veth(scene.here, inner, "inside", ["192.168.5.1/24"], ["192.168.5.2/24"])
    inner.ip("route", "add", "default", "via", "192.168.5.1")
    nat(scene.here, "chain p { type nat hook postrouting priority 100; "
                    f"ip saddr 192.168.5.0/24 masquerade {how}; }}")
    file = scene.folder / "secret"
    file.write_text(scene.secret + "\n")
    scene.args = lambda: [inner, "--server", SRV4, "--secret-file", file]
    found = scene.check()
    assert found.ok and found.steps["nat"]["note"].startswith(says), found.steps
    assert "note" not in found.steps["reach"]


@pytest.mark.parametrize("leads_back", [False, True])
def test_a_router_that_leads_tcp_back_or_not(scene, leads_back):
    """The server is behind here's address; UDP to it comes back in any case."""
    scene.start(external_ipv4="11.77.0.2", relay_ipv6="off", listen=[f"{SRV4}:3478"])
    kinds = "{ tcp, udp }" if leads_back else "udp"
    nat(scene.here, "chain i { type nat hook prerouting priority -100; ip daddr 11.77.0.2 "
                    f"meta l4proto {kinds} th dport 3478 dnat to {SRV4}; }}\n"
                    f"chain o {{ type nat hook postrouting priority 100; ip daddr {SRV4} "
                    "masquerade; }")
    scene.own()
    found = scene.check()
    assert found.ok
    if leads_back:
        assert found.rows == []
    else:
        assert [row["step"] for row in found.rows] == ["hairpin"]
        assert "does not reach the server's external address" in found.rows[0]["cause"]


# --- Names ---

def test_a_machine_without_ipv6_is_not_the_servers_fault(scene):
    scene.start()
    scene.dns.records[NAME, AAAA] = [SRV6]
    scene.shared("tcp,udp")
    assert "ipv6-tcp-relay" in scene.check().steps
    scene.here.ip("-6", "addr", "flush", "dev", "cable")
    found = scene.check()
    assert found.ok and found.steps["ipv6-binding"]["note"] == (
        "not tested: this machine has no IPv6")
    assert not any(step.startswith("ipv6-tcp") for step in found.steps)
    space, *args = scene.args()
    assert scene.run(space, binary(), "check", *args).stdout.endswith(
        "ok    UDP port 3478, IPv6: not tested: this machine has no IPv6\nall is well\n")
    del scene.dns.records[NAME, A]
    assert not scene.check().ok


def test_udp_blocked_over_ipv6_alone_is_no_dead_ipv6(scene):
    scene.start()
    scene.dns.records[NAME, AAAA] = [SRV6]
    scene.shared("udp,tcp")
    scene.firewall(scene.srv, "input", "meta nfproto ipv6 udp dport 3478 drop")
    found = scene.check()
    assert [row["step"] for row in found.rows] == ["ipv6-binding"]
    assert found.rows[0]["cause"].startswith("UDP blocked") and "ipv6-tcp-relay" in found.steps


def test_srv_records(scene):
    scene.start()
    scene.shared("udp,tcp")
    found = scene.check()
    assert found.steps["srv"]["note"].startswith("there are none")
    assert found.steps["resolve"]["note"] == "IPv4 alone"
    scene.dns.records |= {(f"_stun._udp.{NAME}", SRV): [(3478, NAME)],
                          (f"_turn._udp.{NAME}", SRV): [(9, "elsewhere.example"), (3478, NAME)],
                          (f"_turns._tcp.{NAME}", SRV): [(0, ".")]}
    found = scene.check()
    assert found.ok and "note" not in found.steps["srv"]
    scene.dns.records[f"_turn._tcp.{NAME}", SRV] = [(3479, NAME)]
    found = scene.check()
    assert found.ok and "tcp-relay" in found.steps
    assert found.steps["srv"]["cause"] == (
        f"the SRV record _turn._tcp.{NAME} names port 3479 of this server, not 3478")
    scene.dns.records[f"_turn._tcp.{NAME}", SRV] = [(3478, "elsewhere.example")]
    found = scene.check()
    assert [row["cause"] for row in found.rows] == [
        f"the SRV record _turn._tcp.{NAME} points elsewhere, to elsewhere.example port 3478"]


@pytest.mark.parametrize("data", [
    b"", b"\0" * 6, b"\0\0\0\0\x0d\x96", b"\0\0\0\0\x0d\x96\xc0", b"\0\0\0\0\x0d\x96\xff\xff",
    b"\0\0\0\0\x0d\x96\x3fshort", b"\0\0\0\0\x0d\x96" + b"\x01a" * 200 + b"\0"])
def test_answers_that_are_none(scene, data):
    """As if there were no record."""
    scene.start()
    scene.shared("udp")
    scene.dns.records[f"_stun._udp.{NAME}", SRV] = [data] * 3
    found = scene.check()
    assert found.ok and found.steps["srv"]["note"].startswith("there are none")


# --- Certificates and other servers ---

def test_a_redis_that_is_away_is_a_warning_where_there_are_users(scene):
    scene.start(secrets=None, users=[{"name": "ann", "password": "pass of ann"}],
                redis="127.0.0.1:6379")
    scene.own("--transport", "udp")
    found = scene.check()
    assert found.ok and [(row["step"], row["mark"]) for row in found.rows] == [("secrets", "warn")]
    space, *args = scene.args()
    assert scene.run(space, binary(), "check", *args).stdout.endswith(
        "\nall is well, but for what is marked\n")


def test_a_chain_with_an_authority_between(scene):
    between = pki.Authority("authority between", by=pki.root())
    scene.start(certificates=[pki.make(scene.folder / "x", [NAME], by=between, sent=[between])])
    scene.shared("tls,dtls")
    assert scene.check().ok


def test_a_web_server_that_answers_at_once(scene):
    scene.start(listen=[f"{SRV4}:3479"], listen_udp=[f"{SRV4}:3478"])
    scene.web_server(3478, is_patient=False)
    scene.shared("tcp")
    assert scene.check().rows[0]["cause"].startswith("a web server answers on port 3478")


# --- Time ---

def everything_swallowed(scene):
    scene.start()
    scene.dns.records[NAME, AAAA] = [SRV6]
    scene.firewall(scene.srv, "input", """tcp dport 3478 tcp flags syn counter drop
                                          udp dport 3478 drop""")
    scene.shared("udp,tcp,tls,dtls")


def begun(scene):
    space, *args = scene.args()
    with space.inside():
        return subprocess.Popen(
            ["ip", "netns", "exec", space.name, binary(), "check", *map(str, args), "--json"],
            stdout=subprocess.PIPE, text=True, env=os.environ | scene.env)


def test_time_is_bounded(scene):
    everything_swallowed(scene)
    warp = Warp(scene.folder)
    scene.env |= warp.environment()
    process = begun(scene)
    said = ""
    while '"srv"' not in said:
        said += process.stdout.read(1)
    warp.advance(60)  # while it waits for an answer over UDP
    rows = json.loads(said + process.stdout.read())["steps"]
    assert process.wait(10) == 1
    assert rows[-1]["cause"] == "the check has taken too long and was ended here"


def test_a_port_that_swallows_is_waited_for_once(scene):
    """UDP and DTLS, and TCP and TLS, are one port each: so one connection for each family, which
    the kernel tries to make twice until it is given up."""
    everything_swallowed(scene)
    found = scene.check()
    rules = scene.run(scene.srv, "nft", "list", "ruleset").stdout
    assert 2 <= int(re.search(r"counter packets (\d+)", rules).group(1)) < 8, rules
    causes = [row["cause"] for row in found.rows]
    assert len(causes) == 8 and len(set(causes)) == 3, causes


def test_a_terminal_shows_what_is_waited_for(scene):
    scene.start()
    scene.own()
    space, *args = scene.args()
    ours, theirs = pty.openpty()
    with space.inside():
        process = subprocess.Popen([binary(), "check", *args], stdout=theirs,
                                   env=os.environ | scene.env)
    os.close(theirs)
    shown = b""
    try:
        while more := os.read(ours, 4096):
            shown += more
    except OSError:  # closed at the other end
        pass
    os.close(ours)
    assert process.wait(10) == 0
    text = shown.decode().replace("\r\n", "\n")
    assert "\r\x1b[K...   TCP port 3478, IPv6: the port can be reached" in text
    left = re.sub(r"\r\x1b\[K\.\.\.   [^\r]*", "", text).replace("\r\x1b[K", "")
    assert left == scene.run(space, binary(), "check", *args).stdout
