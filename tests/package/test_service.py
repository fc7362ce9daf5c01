"""The unit under the systemd of a Debian 12: what it starts, tells, allows, limits, and ends."""

import time
from pathlib import Path

import pytest

from client import UDP, Client, Credentials
from machine import ADDRESS
from stun import ALLOCATE
from support import certificates

CONF = "/etc/drehkreuz/drehkreuz.conf"
HOST = "turn.example.org"
# Run where the service is, as it is, and by root outside; each line must be refused to the one
# and done for the other.
PROBES = {
    "NoNewPrivileges, no capability": "chown root /run/drehkreuz/probe",
    "ProtectSystem": "touch /usr/probe",
    "ProtectSystem, its configuration": "touch /etc/drehkreuz/probe",
    "ProtectSystem, the rest": "touch /var/lib/probe",
    "ProtectHome": "ls /home",
    "PrivateTmp": "test -e /tmp/mark",
    "PrivateDevices": "test -e /dev/mark",
    "ProtectProc": "test -d /proc/1",
    "ProcSubset": "cat /proc/meminfo",
    "RestrictNamespaces": "unshare --uts true",
    "RestrictSUIDSGID": "chmod u+s /run/drehkreuz/probe",
    "SystemCallFilter": "mount -t tmpfs probe /mnt",
}
LEFT = {"StateDirectory": "touch /var/lib/drehkreuz/probe",
        "RuntimeDirectory": "touch /run/drehkreuz/probe",
        "its own processes": "test -d /proc/self"}


@pytest.fixture(scope="module")
def service(machine, package):
    """Installed, with a secret, running."""
    machine.sh(f"apt-get -qy install ./{package.name} && drehkreuz secret new one && "
               "systemctl start drehkreuz", timeout=120)
    return machine


@pytest.fixture
def as_shipped(service):
    """Takes configuration and drop-ins back after a test."""
    text = Path(f"{service.root}{CONF}").read_text()
    yield service
    Path(f"{service.root}{CONF}").write_text(text)
    service.drop_out()


def checked(machine, *words):
    done = machine.sh(f"drehkreuz check {' '.join(words)}", check=False)
    assert done.returncode == 0, done.stdout + machine.journal()


def test_it_is_ready_when_it_says_so(service):
    """Type=notify: the start has waited for it."""
    assert service.show("ActiveState", "SubState", "NRestarts") == ["active", "running", "0"]
    assert service.show("StatusText") == "ready: generation 1, 2 listeners, in its sandbox"
    assert service.show("NotifyAccess", "Type") == ["main", "notify"]
    checked(service)


def test_it_comes_up_with_the_host(service):
    service.halt()
    service.boot()
    service.wait("systemctl is-active drehkreuz", "active")
    checked(service, "--quick")


def test_who_it_is_and_what_it_may(service):
    """Nothing of root's, none of the limits of systemd's defaults."""
    status = dict(line.split(":\t", 1) for line in service.out(
        f"cat /proc/{service.pid()}/status").splitlines() if ":\t" in line)
    uid, gid = service.out("id -u drehkreuz; id -g drehkreuz").split()
    assert status["Uid"].split() == [uid] * 4 and status["Gid"].split() == [gid] * 4
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    limits = service.out(f"cat /proc/{service.pid()}/limits")
    core, = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    assert service.show("MemorySwapMax", "TasksMax", "IPAccounting") == ["0", "128", "no"]
    # As much as this host lets systemd give.
    files, = [line.split()[3:5] for line in limits.splitlines() if "open files" in line]
    assert files[1] == "524288" or files[1] == service.out("grep 'open files' /proc/1/limits"
                                                           ).split()[4]


def tried(machine, lines, out):
    text = "".join(f"if {line} >/dev/null 2>&1; then echo '{name}'; fi\n"
                   for name, line in lines.items())
    Path(f"{machine.root}/usr/local/bin/probe").write_text(f"({text}) >{out}\n")


def test_what_is_forbidden_is_refused(as_shipped):
    """The probes are started by the unit itself, behind the server."""
    machine = as_shipped
    machine.sh("touch /tmp/mark /dev/mark")
    tried(machine, LEFT | PROBES, "/run/drehkreuz/probe")
    machine.drop_in("probe", "[Service]\nExecStartPost=/bin/sh /usr/local/bin/probe\n")
    machine.sh("systemctl restart drehkreuz")
    assert machine.out("cat /run/drehkreuz/probe").splitlines() == list(LEFT)
    # They are worth something: root outside can do all of it.
    machine.sh("unshare --mount sh /usr/local/bin/probe")
    assert machine.out("cat /run/drehkreuz/probe").splitlines() == list(LEFT | PROBES)


def test_a_reload_keeps_the_process(as_shipped):
    machine, pid = as_shipped, as_shipped.pid()
    machine.sh(f"echo 'allow_peers = [\"10.1.2.3\"];' >>{CONF} && systemctl reload drehkreuz")
    machine.wait("systemctl show drehkreuz -p StatusText --value | cut -d, -f1",
                 "ready: generation 2")
    assert machine.pid() == pid


def test_a_wrong_file_makes_the_reload_fail(as_shipped):
    machine, pid = as_shipped, as_shipped.pid()
    before = machine.show("StatusText")
    machine.sh(f"echo 'nonsense = 1;' >>{CONF}")
    done = machine.sh("systemctl reload drehkreuz", check=False)
    assert done.returncode != 0 and "nonsense" in machine.journal()
    assert machine.show("ActiveState", "StatusText") == ["active", before]
    assert machine.pid() == pid
    checked(machine, "--server", ADDRESS, "--secret-file", secret_file(machine), "--quick")


def secret_file(machine):
    """The secret alone, as another host would have it."""
    machine.sh("tail -n 1 /etc/drehkreuz/secrets | cut -d' ' -f4 >secret.txt")
    return "secret.txt"


def test_the_watchdog_ends_a_standstill(as_shipped):
    """It is fed; and a process that stands still is ended and started anew."""
    machine = as_shipped
    machine.drop_in("watchdog", "[Service]\nWatchdogSec=1\nRestartSec=100ms\n")
    machine.sh("systemctl restart drehkreuz")
    pid = machine.pid()
    time.sleep(2.5)  # longer than it may be silent
    assert (machine.pid(), machine.show("NRestarts")) == (pid, "0")
    machine.sh(f"kill -STOP {pid}")
    machine.wait("systemctl show drehkreuz -p NRestarts --value", "1")
    machine.wait("systemctl is-active drehkreuz", "active")
    assert "Watchdog timeout" in machine.journal() and machine.pid() not in (0, pid)
    checked(machine, "--quick")


def certificate(machine, folder):
    """A pair in a folder of root, which the service cannot read, and who signed it."""
    tls = machine.root / "srv/tls"
    tls.mkdir(mode=0o700, exist_ok=True)
    pair = certificates.make(folder / "pair", (HOST, ADDRESS))
    for name, path in (("chain.pem", pair["certificate"]), ("key.pem", pair["key"]),
                       ("ca.pem", certificates.authority())):
        (tls / name).write_bytes(Path(path).read_bytes())
        (tls / name).chmod(0o600)


def test_a_key_that_root_alone_may_read(as_shipped, tmp_path):
    machine, there = as_shipped, "/run/credentials/drehkreuz.service"
    certificate(machine, tmp_path)
    machine.drop_in("key", "[Service]\nLoadCredential=key.pem:/srv/tls/key.pem\n"
                           "LoadCredential=chain.pem:/srv/tls/chain.pem\n")
    machine.sh(f"""echo 'certificates = ( {{ certificate = "{there}/chain.pem";
                   key = "{there}/key.pem"; }} );' >>{CONF} && systemctl restart drehkreuz""")
    done = machine.sh("SSL_CERT_FILE=/srv/tls/ca.pem drehkreuz check --transport tls,dtls",
                      check=False)
    assert done.returncode == 0, done.stdout + machine.journal()


def test_a_low_port(as_shipped):
    """Bound by the one capability, which is gone afterwards."""
    machine = as_shipped
    doc = machine.root / "usr/share/doc/drehkreuz/low-port.conf"
    machine.sh(f"echo 'listen = [\"0.0.0.0:443\"];' >>{CONF}")
    assert machine.sh("systemctl restart drehkreuz", check=False).returncode != 0
    machine.sh("systemctl stop drehkreuz")
    machine.drop_in("low-port", doc.read_text())
    machine.sh("systemctl restart drehkreuz")
    effective = machine.out(f"grep -E 'Cap(Prm|Eff|Amb)' /proc/{machine.pid()}/status").split()
    assert effective[1::2] == ["0" * 16] * 3
    assert machine.show("StatusText").endswith(", in its sandbox")
    checked(machine)


def client(machine):
    user, password = machine.out("drehkreuz credential someone").split()[1::2]
    return Client(None, Credentials(user, password), host=ADDRESS, netns=machine.netns,
                  to=(ADDRESS, 3478))


def test_a_stop_lets_calls_finish(as_shipped):
    """drain.conf, with seconds in place of its ten minutes."""
    machine = as_shipped
    text = (machine.root / "usr/share/doc/drehkreuz/drain.conf").read_text()
    assert "/sleep 600\n" in text and "TimeoutStopSec=630" in text
    machine.drop_in("drain", text.replace("/sleep 600", "/sleep 5"))
    machine.sh("systemctl restart drehkreuz")
    begin = time.monotonic()
    old, new = client(machine), client(machine)
    old.allocate()
    new.challenge()
    machine.sh("systemctl stop --no-block drehkreuz")
    machine.wait("systemctl is-active drehkreuz", "deactivating")
    machine.wait("systemctl show drehkreuz -p StatusText --value | cut -c1-8", "draining")
    assert new.code(ALLOCATE, [UDP]) != 0
    assert old.refresh().code == 0
    assert machine.show("ActiveState") == "deactivating"
    machine.wait("systemctl is-active drehkreuz", "inactive")
    assert time.monotonic() - begin >= 5 and machine.show("Result") == "success"
    old.link.close()
    new.link.close()
