"""drehkreuz check --host on hosts made to measure: namespaces in which /proc is as the test says."""

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from support.netns import Netns, veth
from support.server import binary, config_text

STEPS = ["cores", "swap", "locked", "conntrack", "exporters", "accounting"]
HEAD = "Filename Type Size Used Priority\n"
PAGE = Path(__file__).resolve().parents[2] / "conf" / "privacy.md"


@pytest.fixture
def host(tmp_path):
    """host({...}, "--json"): the finished process. beside: a line run in the background before."""
    def run(conf, *args, swaps=HEAD, pattern="core\n", tracked=None, beside=""):
        path = tmp_path / "c.conf"
        path.write_text(config_text({"realm": "turn", "secrets_file": str(tmp_path / "s")} | conf))
        (tmp_path / "swaps").write_text(swaps)
        (tmp_path / "pattern").write_text(pattern)
        (tmp_path / "count").write_text(f"{tracked}\n")
        script = f"""set -e
            ip link set lo up
            mount --bind {tmp_path}/swaps /proc/swaps
            mount --bind {tmp_path}/pattern /proc/sys/kernel/core_pattern
            mount -t tmpfs none /proc/sys/net/netfilter
            [ {tracked} = None ] || cp {tmp_path}/count /proc/sys/net/netfilter/nf_conntrack_count
            {beside}
            exec "$@" """
        return subprocess.run(["unshare", "-mnpf", "--mount-proc", "--kill-child", "sh", "-c",
                               script, "-", binary(), "check", "--host", "--config", str(path),
                               *args], text=True, capture_output=True, timeout=60)
    return run


@pytest.fixture
def named(tmp_path):
    """named("netdata", "--arg"): a line that runs a program of this name in the background."""
    def line(name, *args):
        program = tmp_path / name
        shutil.copy("/usr/bin/perl", program)
        quoted = " ".join(args)
        return (f"{program} -e 'sleep 60' -- {quoted} >/dev/null 2>&1 & "
                f"until grep -qx {name} /proc/$!/comm; do :; done")
    return line


def steps(done):
    parsed = json.loads(done.stdout)
    assert [row["step"] for row in parsed["steps"]] == STEPS and done.stderr == ""
    assert parsed["ok"] == (done.returncode == 0)
    for row in parsed["steps"]:
        assert row["ok"] == (row["mark"] != "fail")
        assert ("cause" in row) == ("remedy" in row) == (row["mark"] != "ok")
    return {row["step"]: row for row in parsed["steps"]}


def test_a_quiet_host(host):
    done = host({})
    assert done.returncode == 0 and done.stdout.endswith("\nnothing on this host undoes the "
                                                         "promise\n")
    assert len(re.findall("^ok   ", done.stdout, re.M)) == len(STEPS)
    assert {row["mark"] for row in steps(host({}, "--json")).values()} == {"ok"}


@pytest.mark.parametrize("swaps, mark", [
    (HEAD + "/dev/sda2 partition 1 0 -2\n", "fail"), (HEAD + "/dev/zram0 partition 1 0 9\n", "ok")])
def test_swap(host, swaps, mark):
    done = host({}, "--json", swaps=swaps)
    assert steps(done)["swap"]["mark"] == mark and done.returncode == (mark == "fail")


def test_failures_say_why_and_what_to_do(host):
    done = host({}, swaps=HEAD + "/swapfile file 1 0 -2\n")
    assert done.returncode == 1 and done.stdout.endswith("undoes the promise\n")
    assert re.search(r"^FAIL  .*\n      why: .*\n      do:  .*MemorySwapMax=0", done.stdout, re.M)


def test_a_collector_of_cores_is_noted(host):
    row = steps(host({}, "--json", pattern="|/usr/lib/systemd/systemd-coredump %P\n"))["cores"]
    assert row["mark"] == "ok" and "core_pattern" in row["note"]


def test_a_running_server_excludes_itself(host, tmp_path):
    conf = {"listen": ["127.0.0.1:3478"], "relay_ipv4": "127.0.0.1", "relay_ipv6": "off",
            "user": "nobody", "threads": 1, "users": [
                {"name": "ann", "password": "pass of ann"}]}
    start = (f"{binary()} run --config {tmp_path}/c.conf >{tmp_path}/log 2>&1 & "
             f"until grep -q started {tmp_path}/log; do kill -0 $!; done")
    row = steps(host(conf, "--json", pattern="|/usr/bin/collect %P\n", beside=start))["cores"]
    assert row["mark"] == "ok" and "note" not in row


@pytest.mark.parametrize("name, args, mark", [
    ("node_exporter", [], "fail"), ("netdata", [], "fail"), ("telegraf", [], "warn"),
    ("node_exporter", ["--no-collector.netdev", "--no-collector.netstat",
                       "--no-collector.sockstat"], "ok"),
    ("something", [], "ok")])
def test_programs_that_count(host, named, name, args, mark):
    done = host({}, "--json", beside=named(name, *args))
    row = steps(done)["exporters"]
    assert row["mark"] == mark and done.returncode == (mark == "fail")
    assert mark == "ok" or name in row["cause"]


def nft_takes(rules):
    space = Netns()
    try:
        done = subprocess.run(["ip", "netns", "exec", space.name, "nft", "-c", "-f", "-"],
                              input=rules, text=True, capture_output=True)
    finally:
        space.close()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("conf, udp, tcp", [
    ({}, "3478, 49152-65535", "3478"),
    ({"listen": ["0.0.0.0:3499"], "listen_tls": ["0.0.0.0:443"], "relay_ports": "20000-20999",
      "certificates": [{"certificate": "/c.pem", "key": "/k.pem"}]},
     "3499, 20000-20999", "3499, 443"),
    ({"listen": ["0.0.0.0:3499", "[::]:3499"], "tcp_allocations": True}, "3499, 49152-65535",
     "3499, 49152-65535"),
    ({"listen": [], "listen_udp": ["0.0.0.0:3499"]}, "3499, 49152-65535", None),
])
def test_conntrack_rules_are_ready_to_paste(host, conf, udp, tcp):
    hidden = "mount -t tmpfs none /proc/$$/net && mount --bind /proc/$$/net /proc/1/net"
    row = steps(host(conf, "--json", tracked=5, beside=hidden))["conntrack"]
    assert row["mark"] == "warn"  # without the kernel's table there is no telling
    assert f"udp dport {{ {udp} }} notrack" in row["paste"]
    assert f"tcp dport {{ {tcp} }} notrack" in row["paste"] if tcp else "tcp" not in row["paste"]
    nft_takes(row["paste"])


# --- A real table ---

@pytest.fixture
def cable():
    """Two hosts; the second one tracks connections."""
    here, there = Netns(), Netns()
    try:
        veth(here, there, "cable", ["192.0.2.2/24"], ["192.0.2.1/24"])
        load(there, "table inet t {\nchain c {\ntype filter hook input priority 0\n"
                    "ct state new counter\n}\n}\n")
        yield here, there
    finally:
        here.close()
        there.close()


def load(space, rules):
    subprocess.run(["ip", "netns", "exec", space.name, "nft", "-f", "-"], input=rules, text=True,
                   check=True)


def ask(here, server):
    """Some datagrams to the server, as a caller sends them."""
    with here.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(bytes.fromhex("000100002112a442") + b"t" * 12, ("192.0.2.1", server.port))
        assert sock.recv(2048)


@pytest.mark.parametrize("has_rules", [False, True])
def test_the_kernels_table(cable, cli, serve, has_rules):
    here, there = cable
    server = serve({"listen": ["192.0.2.1:3478"], "relay_ipv4": "192.0.2.1", "relay_ipv6": "off"},
                   netns=there)
    if has_rules:
        load(there, re.search(r"^    table inet .*?^    }\n", PAGE.read_text(), re.M | re.S).group(0))
    ask(here, server)
    done = subprocess.run(["ip", "netns", "exec", there.name, "unshare", "-pf", "--mount-proc",
                           binary(), "check", "--host", "--json", "--config", server.path],
                          text=True, capture_output=True, timeout=60)
    row = steps(done)["conntrack"]
    assert row["mark"] == ("ok" if has_rules else "fail"), row
    assert "192.0.2." not in done.stdout


def test_rules_of_the_page_are_those_of_the_command():
    rules = re.search(r"^    table inet .*?^    }\n", PAGE.read_text(), re.M | re.S).group(0)
    nft_takes(rules)


@pytest.mark.parametrize("args", [["--server", "x"], ["--quick"], ["--transport", "udp"],
                                  ["--user", "a"]])
def test_nothing_else_goes_with_it(cli, args):
    done = cli("check", "--host", *args)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1


def test_help(cli):
    assert "--host " in cli("check", "--help").stdout
