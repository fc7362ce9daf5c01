"""config import: what coturn reads becomes a relay that serves the same clients, nothing of it is
passed over in silence, and no secret is shown."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns, sink
from support.server import Server, binary, free_ports

SECRET = "imported-secret-0123456789abcdef"
HOST = "11.0.0.1"  # no network that any of the files denies; it never leaves its namespace
DEBIAN = Path("/etc/turnserver.conf")

# As their documentation has them, with other names.
NEXTCLOUD = f"""
listening-port=3478
fingerprint
use-auth-secret
static-auth-secret={SECRET}
realm=cloud.example.org
total-quota=0
bps-capacity=0
stale-nonce
no-multicast-peers
denied-peer-ip=10.0.0.0-10.255.255.255
denied-peer-ip=172.16.0.0-172.31.255.255
denied-peer-ip=192.168.0.0-192.168.255.255
allowed-peer-ip=10.0.0.5
"""
HIGH_PERFORMANCE_BACKEND = f"""
--realm=signaling.example.org
--static-auth-secret={SECRET}
--stale-nonce=600
--use-auth-secret
--lt-cred-mech
--fingerprint
--no-software-attribute
--no-multicast-peers
"""
JITSI = f"""# jitsi-meet coturn config. Do not modify this line
use-auth-secret
keep-address-family
static-auth-secret={SECRET}
realm=meet.example.org
cert=CERTIFICATE
pkey=KEY
no-multicast-peers
no-cli
no-loopback-peers
no-tcp-relay
no-tcp
listening-port=3478
tls-listening-port=5349
no-tlsv1
no-tlsv1_1
# Mozilla's intermediate list
cipher-list=ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384
# jitsi-meet coturn relay disable config. Do not modify this line
""" + "".join(f"denied-peer-ip={r}\n" for r in (
    "0.0.0.0-0.255.255.255", "10.0.0.0-10.255.255.255", "100.64.0.0-100.127.255.255",
    "127.0.0.0-127.255.255.255", "169.254.0.0-169.254.255.255", "172.16.0.0-172.31.255.255",
    "192.0.0.0-192.0.0.255", "192.0.2.0-192.0.2.255", "192.88.99.0-192.88.99.255",
    "192.168.0.0-192.168.255.255", "198.18.0.0-198.19.255.255", "198.51.100.0-198.51.100.255",
    "203.0.113.0-203.0.113.255", "240.0.0.0-255.255.255.255")) + "syslog\n"
SYNAPSE = f"""
use-auth-secret
static-auth-secret={SECRET}
realm=turn.example.org
syslog
# VoIP is UDP
no-tcp-relay
""" + "".join(f"denied-peer-ip={r}\n" for r in (
    "10.0.0.0-10.255.255.255", "192.168.0.0-192.168.255.255", "172.16.0.0-172.31.255.255",
    "0.0.0.0-0.255.255.255", "100.64.0.0-100.127.255.255", "127.0.0.0-127.255.255.255",
    "169.254.0.0-169.254.255.255", "192.0.0.0-192.0.0.255", "192.0.2.0-192.0.2.255",
    "192.88.99.0-192.88.99.255", "198.18.0.0-198.19.255.255", "198.51.100.0-198.51.100.255",
    "203.0.113.0-203.0.113.255", "240.0.0.0-255.255.255.255", "::1",
    "64:ff9b::-64:ff9b::ffff:ffff", "::ffff:0.0.0.0-::ffff:255.255.255.255",
    "100::-100::ffff:ffff:ffff:ffff", "2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) + f"""
allowed-peer-ip={HOST}
user-quota=12
total-quota=1200
cert=CERTIFICATE
pkey=KEY
"""
ROCKETCHAT = f"""
listening-ip={HOST}
relay-ip={HOST}
min-port=50000
max-port=50100
lt-cred-mech
user=rocketchat:pass word
realm=chat.example.org
no-cli
"""
# Its documentation advises port 443, and Talk has one field of host and port for turn: and turns:.
NEXTCLOUD_443 = NEXTCLOUD.replace("port=3478", "port=443") + "cert=CERTIFICATE\npkey=KEY\n"
# What the package installs, with the three lines that every guide has people change.
EXAMPLE = re.sub("(?m)^#(use-auth-secret|static-auth-secret=|realm=)", r"\1", DEBIAN.read_text()
                 ).replace("=north\n", f"={SECRET}\n")
UDP, TCP, TLS = (3478, []), (3478, ["-t"]), (5349, ["-t", "-S"])
PLATFORMS = {
    "coturn-example": (EXAMPLE, [UDP, TCP]),
    "nextcloud": (NEXTCLOUD, [UDP, TCP]),
    "nextcloud-443": (NEXTCLOUD_443, [(443, flags) for _, flags in (UDP, TCP, TLS)]),
    "high-performance-backend": (HIGH_PERFORMANCE_BACKEND, [UDP, TCP]),
    "jitsi": (JITSI, [UDP, TLS]),
    "synapse": (SYNAPSE, [UDP, TCP, TLS]),
    "rocketchat": (ROCKETCHAT, [UDP, TCP]),
}


def with_files(text):
    pair = certificates.shared()
    return text.replace("CERTIFICATE", pair["certificate"]).replace("KEY", pair["key"])


@pytest.fixture
def read(cli, tmp_path):
    """read(text, ...): config import of that file, and its report as JSON."""
    def run(text, *args):
        path = tmp_path / "turnserver.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = cli("config", "import", path, "--json", *args)
        done.report = json.loads(done.stderr) if done.stderr.startswith("{") else None
        return done
    return run


def check(cli, tmp_path, text):
    conf = tmp_path / "imported.conf"
    conf.write_text(text)
    done = cli("config", "check", "--config", conf)
    assert done.returncode == 0, done.stderr + text


def by_hand(done):
    return [line["key"] for line in done.report["lines"] if line["by_hand"]]


# --- Running what was imported ---

@pytest.fixture
def space():
    made = Netns()
    sink(made, "out", HOST + "/24")
    made.ip("route", "add", "default", "via", "11.0.0.2")
    yield made
    made.close()


def clients(space, platform, lost):
    """One of each transport, all at once."""
    who = ["-u", "rocketchat", "-w", "pass word"] if platform == "rocketchat" else \
        ["-u", "somebody", "-W", SECRET]
    running = [subprocess.Popen(
        ["ip", "netns", "exec", space.name, "turnutils_uclient", *who, *flags, "-p", str(port),
         "-c", "-y", "-s", "-m", "2", "-n", "10", "-z", "20", "-l", "160", "-X", HOST], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for port, flags in PLATFORMS[platform][1]]
    for process in running:
        text = process.communicate(timeout=60)[0]
        assert process.returncode == 0, text[-2000:]
        assert int(re.search(r"Total lost packets (\d+)", text).group(1)) <= lost, text[-2000:]


def coturn(space, folder, text):
    """Debian's coturn with the same file, to see that it is one."""
    (folder / "turnserver.conf").write_text(text + f"\npidfile={folder}/pid\nuserdb={folder}/db\n"
                                            "log-file=stdout\nrelay-threads=1\n")
    log = open(folder / "log", "w")
    return subprocess.Popen(["ip", "netns", "exec", space.name, "turnserver", "-c",
                             folder / "turnserver.conf"], stdout=log, stderr=log)


def wait_for(space, port):
    deadline = time.monotonic() + 10
    while True:
        with space.inside():
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with probe:
            probe.settimeout(0.1)
            probe.connect((HOST, port))
            try:
                probe.send(bytes.fromhex("000100002112a442") + bytes(12))
                probe.recv(1500)
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_coturn_serves_these_clients(space, tmp_path, platform):
    """So the files are right; coturn loses a packet now and then."""
    process = coturn(space, tmp_path, with_files(PLATFORMS[platform][0]).replace("--", ""))
    try:
        wait_for(space, PLATFORMS[platform][1][0][0])
        clients(space, platform, lost=5)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_relay_it_becomes_serves_them_as_well(read, cli, space, tmp_path, platform):
    text = with_files(PLATFORMS[platform][0])
    port = PLATFORMS[platform][1][0][0]
    server = Server({"listen": [f"{HOST}:{port}"]}, secrets=None, netns=space)
    done = read(text, "--secrets-file", server.secrets_path)
    assert done.returncode == 0 and done.report["by_hand"] == 0, done.stderr
    said = {line["line"] for line in done.report["lines"]}
    assert said >= {n for n, line in enumerate(text.splitlines(), 1) if line and line[0] != "#"}
    check(cli, tmp_path, done.stdout)
    Path(server.path).write_text(done.stdout)
    with server:
        server.wait_log("started")
        clients(space, platform, lost=0)


def test_prometheus_finds_it_on_loopback_alone(read, space):
    """Whatever address coturn shows its sessions on."""
    server = Server({"listen": [f"{HOST}:3478"]}, secrets=None, netns=space)
    done = read(NEXTCLOUD + "prometheus\nprometheus-port=9700\nprometheus-address=0.0.0.0\n",
                "--secrets-file", server.secrets_path)
    assert done.report["by_hand"] == 0 and 'metrics_listen = "127.0.0.1:9700";' in done.stdout
    Path(server.path).write_text(done.stdout)
    with server, space.inside():
        with socket.create_connection(("127.0.0.1", 9700), timeout=10) as one:
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert one.recv(64).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, 9700), timeout=10)


def test_redis_of_coturn(read, tmp_path):
    """The set that coturn reads its secrets from is ours as well."""
    folder = tempfile.mkdtemp(prefix="redis")
    Path(folder, "conf").write_text(f'port 0\nunixsocket {folder}/socket\ndir {folder}\nsave ""\n')
    redis = subprocess.Popen(["redis-server", f"{folder}/conf"], stdout=subprocess.DEVNULL)
    say = ["redis-cli", "-s", f"{folder}/socket"]
    try:
        deadline = time.monotonic() + 10
        while subprocess.run([*say, "PING"], capture_output=True).stdout != b"PONG\n":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        subprocess.run([*say, "SADD", "turn/realm/r.example/secret", SECRET], check=True,
                       capture_output=True)
        port = free_ports(1)
        first = free_ports(100)
        server = Server({"listen": [f"127.0.0.1:{port}"]}, secrets=None)
        done = read(f"listening-ip=127.0.0.1\nlistening-port={port}\nuse-auth-secret\n"
                    f"redis-userdb=\"host={folder}/socket dbname=0\"\nrealm=r.example\n"
                    f"min-port={first}\nmax-port={first + 99}\n")
        assert done.returncode == 0, done.stderr
        Path(server.path).write_text(done.stdout)
        with server:
            server.wait_log("started")
            run = subprocess.run(["turnutils_uclient", "-u", "a", "-W", SECRET, "-p", str(port),
                                  "-c", "-y", "-s", "-n", "5", "-X", "127.0.0.1"], text=True,
                                 capture_output=True, timeout=60)
            assert run.returncode == 0 and "lost packets 0" in run.stdout, run.stdout[-2000:]
    finally:
        redis.kill()
        redis.wait()
        shutil.rmtree(folder, ignore_errors=True)


# --- Nothing is passed over ---

def long_options():
    text = subprocess.run(["turnserver", "--help"], text=True, capture_output=True, timeout=20)
    found = set(re.findall(r"(?m)^ *(?:-\w,? +)?--([\w-]+)", text.stdout + text.stderr))
    assert len(found) > 100
    return sorted(found)


def test_all_options_of_debians_coturn_are_known(read):
    done = read("".join(f"{name}=1\n" for name in long_options()))
    unknown = [line["line"] for line in done.report["lines"] if not line["key"]]
    assert [long_options()[n - 1] for n in unknown] == []


def test_coturns_example(cli, tmp_path):
    done = cli("config", "import", DEBIAN, "--json")
    report = json.loads(done.stderr)["lines"]
    assert done.returncode == 1
    assert [line["key"] for line in report if line["by_hand"]] == ["static-auth-secret"]
    assert [line["key"] for line in report if line["line"]] == [
        "syslog", "no-rfc5780", "no-stun-backward-compatibility",
        "response-origin-only-with-rfc5780"]
    check(cli, tmp_path, done.stdout)


def test_coturns_example_needs_nothing_but_a_secret(cli, space):
    """As its report says."""
    server = Server({"listen": [f"{HOST}:3478"]}, secrets=None, netns=space)
    done = cli("config", "import", DEBIAN)
    Path(server.path).write_text(f'{done.stdout}secrets_file = "{server.secrets_path}";\n')
    made = cli("secret", "add", "one", "--config", server.path, stdin=SECRET)
    assert made.returncode == 0, made.stderr
    with server:
        server.wait_log("started")
        clients(space, "coturn-example", lost=0)


def test_all_that_the_example_has_commented_out(read, cli, tmp_path):
    """The example of coturn with each of its options switched on."""
    text = DEBIAN.read_text()
    done = read(re.sub(r"(?m)^# ?(?=[\w-]+(?:=\S*)?$)", "", text))
    assert done.returncode == 1 and all(line["key"] for line in done.report["lines"])
    assert len(done.report["lines"]) > 100
    assert {"no-auth", "oauth", "pkey-pwd", "allow-loopback-peers"} <= set(by_hand(done))
    check(cli, tmp_path, done.stdout)


def test_text_and_json_say_the_same(read, cli, tmp_path):
    done = read(JITSI + "no-auth\nwhat-is-this=1\n")
    text = cli("config", "import", tmp_path / "turnserver.conf")
    assert text.returncode == done.returncode == 1 and text.stdout == done.stdout
    *lines, total = text.stderr.splitlines()
    assert len(lines) == len(done.report["lines"])
    for line, row in zip(lines, done.report["lines"]):
        assert line.startswith("! " if row["by_hand"] else "  ")
        assert line.endswith(row["text"]) and row["verdict"] in line
    assert total.endswith(f"{done.report['by_hand']} left to you, marked !")


# --- Secrets ---

def test_secrets_are_left_out_without_a_file_for_them(read, cli, tmp_path):
    done = read(f"static-auth-secret={SECRET}\nrealm=a\n")
    assert done.returncode == 1 and by_hand(done) == ["static-auth-secret"]
    assert "secret add" in done.report["lines"][0]["text"]
    text = cli("config", "import", tmp_path / "turnserver.conf")
    for shown in (done.stdout, done.stderr, text.stdout, text.stderr):
        assert SECRET not in shown


def test_secrets_go_to_their_file_once(read, tmp_path):
    path = tmp_path / "secrets"
    file = f"static-auth-secret={SECRET}\nstatic-auth-secret=\"{SECRET}-2\"\n"
    for _ in range(2):
        done = read(file, "--secrets-file", path)
        assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
        assert f'secrets_file = "{path}";' in done.stdout
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        rows = [line.split() for line in path.read_text().splitlines() if line[0] != "#"]
        assert rows == [["imported", "0", "0", SECRET], ["imported-2", "0", "0", SECRET + "-2"]]


def test_secrets_that_are_there_stay(read, cli, tmp_path):
    path = tmp_path / "secrets"
    assert cli("secret", "new", "imported", "--file", path).returncode == 0
    assert read(f"static-auth-secret={SECRET}\n", "--secrets-file", path).returncode == 0
    rows = json.loads(cli("secret", "list", "--json", "--file", path).stdout)["secrets"]
    assert [row["id"] for row in rows] == ["imported", "imported-2"]


def test_no_file_is_made_for_no_secret(read, tmp_path):
    path = tmp_path / "secrets"
    done = read("user=a:b\n", "--secrets-file", path)
    assert done.returncode == 0 and not path.exists() and "secrets_file" not in done.stdout


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/dev/null/x"])
def test_a_secrets_file_that_cannot_be(read, path):
    done = read(f"static-auth-secret={SECRET}\n", "--secrets-file", path)
    assert done.returncode in (1, 2) and done.stdout == "" and done.report is None
    assert SECRET not in done.stderr


def test_passwords_are_not_reported(read, cli, tmp_path):
    words = ["geheim-" + str(n) for n in range(8)]
    done = read("user=ann:{}\nredis-userdb=\"ip=127.0.0.1 password={}\"\ncli-password={}\n"
                "pkey-pwd={}\nmysql-userdb=\"host=a password={}\"\nuser=bob:0x{}\n"
                "static-auth-secrets={}\n{}\n".format(*words))
    text = cli("config", "import", tmp_path / "turnserver.conf")
    for word in words:
        assert word not in done.stderr + text.stderr
    assert [word for word in words if word in done.stdout] == words[:2]
    assert "unreadable for others" in done.stdout


# --- Hostile files ---

def test_bytes_of_any_kind(cli, tmp_path):
    path = tmp_path / "x"
    files = [os.urandom(n) for n in (1, 10, 1000, 100000)]
    files += [b"\0", b"realm=\0x\n", b"realm=" + b"\xff" * 1000 + b"\n", b"=\n", b"\"\n", b"-\n--\n",
              b"a" * 3000000, b"realm=" + b"b" * 3000000 + b"\n", b"no-cli\n" * 500000,
              b"#\n" * 1000000, b"\r\n" * 1000000, b"no-cli\n" * 1024, b"no-cli\n" * 1025,
              b"x" * (5 << 20)]
    for file in files:
        path.write_bytes(file)
        begin = time.monotonic()
        done = subprocess.run([binary(), "config", "import", path], capture_output=True, timeout=30)
        assert done.returncode in (1, 2), done.stderr
        assert time.monotonic() - begin < 10
        assert (done.stdout == b"") == (done.returncode == 2)
        if done.returncode == 2:
            assert done.stderr.count(b"\n") == 1


def test_lines_that_end_as_on_windows(read):
    done = read(NEXTCLOUD.replace("\n", "\r\n"))
    assert 'realm = "cloud.example.org";' in done.stdout
    assert by_hand(done) == ["static-auth-secret"]


@pytest.mark.parametrize("value", [
    '@include "/etc/passwd"', 'a"; users = ( ); realm = "b', "a\\", "a */ b", "a # b", "${x}"])
def test_values_that_look_like_ours(read, cli, tmp_path, value):
    """Text stays text: what is printed loads to what was read, or was refused."""
    done = read(f"user=u:{value}\n")
    check(cli, tmp_path, done.stdout)
    shown = cli("config", "print", "--config", tmp_path / "imported.conf")
    assert 'users = ( { name = "u"; password = "(set)"; } );' in shown.stdout
    assert 'realm = "turn";' in shown.stdout


@pytest.mark.parametrize("path, text", [
    ("/nowhere/at/all", "No such file"), ("/", ""), ("/dev/null/x", "Not a directory"),
    ("/dev/zero", "too large")])
def test_files_that_cannot_be_read(cli, path, text):
    done = cli("config", "import", path)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert text in done.stderr


def test_nowhere_to_print_to(tmp_path):
    path = tmp_path / "x"
    path.write_text("realm=a\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "config", "import", path], stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert done.returncode == 2 and b"could not be printed" in done.stderr
