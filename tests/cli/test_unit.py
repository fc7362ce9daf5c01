"""The unit for systemd: hardened, and nothing that the server does is outside of it."""

import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns
from support.server import ROOT, Server, binary

UNIT = ROOT / "systemd" / "drehkreuz.service"
NOBODY = 65534
EXPOSURE = 1.5
# Outside of its own folders; where ProtectSystem and ProcSubset leave them open.
WRITTEN = {"/proc/self/coredump_filter", "/dev/null"}


Installed = namedtuple("Installed", "root build")


def run(*command, **how):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True, timeout=120, **how).stdout


def values(key, *files):
    """What the unit, and files dropped in behind it, say to one key, in order."""
    lines = "".join(Path(file).read_text() for file in (UNIT, *files)).splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(key + "=")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """root: the folder that stands for / after an installation. build: where it comes from, with the
    binary that is tested, so that nothing is built."""
    there, build = (tmp_path_factory.mktemp(name) for name in ("root", "build"))
    run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DDREHKREUZ_TESTS=OFF",
        "-DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON")
    (build / "drehkreuz").write_bytes(Path(binary()).read_bytes())
    run("cmake", "--install", build, env=os.environ | {"DESTDIR": str(there)})
    return Installed(there, build)


def test_exposure():
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1)
    assert float(level) <= EXPOSURE, said


@pytest.mark.parametrize("more", [(), ("low-port.conf",), ("drain.conf",)])
def test_systemd_understands_all_of_it(installed, tmp_path, more):
    """Paths are looked for in /, so they are pointed into the installation."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("=/usr/local/", f"={installed.root}/usr/local/"))
    for name in more:
        folder = tmp_path / (UNIT.name + ".d")
        folder.mkdir()
        (folder / name).write_text((UNIT.parent / name).read_text())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True,
                          capture_output=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert done.returncode == 0 and said == []


def test_what_the_unit_names_is_installed(installed):
    service = installed.root / "usr/local/lib/systemd/system" / UNIT.name
    assert service.read_text() == UNIT.read_text()
    assert os.access(f"{installed.root}{values('ExecStart')[0].split()[0]}", os.X_OK)
    for path in ("usr/local/lib/sysusers.d/drehkreuz.conf",
                 "usr/local/lib/tmpfiles.d/drehkreuz.conf",
                 "etc/drehkreuz/drehkreuz.conf", "usr/local/share/man/man8/drehkreuz.8",
                 "usr/local/share/man/man5/drehkreuz.conf.5",
                 "usr/local/share/doc/drehkreuz/low-port.conf",
                 "usr/local/share/doc/drehkreuz/drain.conf",
                 "usr/local/share/bash-completion/completions/drehkreuz"):
        assert (installed.root / path).is_file(), path


def test_the_unit_says_where_the_program_is_installed(installed, tmp_path):
    """A package has it in /usr/bin."""
    run("cmake", "--install", installed.build, "--prefix", "/usr",
        env=os.environ | {"DESTDIR": str(tmp_path)})
    text = (tmp_path / "usr/lib/systemd/system" / UNIT.name).read_text()
    assert "ExecStart=/usr/bin/drehkreuz run\n" in text and "/usr/local" not in text


# --- The package ---

@pytest.fixture(scope="module")
def package(installed, tmp_path_factory):
    """What is in the .deb, with the control files in DEBIAN/."""
    there = tmp_path_factory.mktemp("package")
    run("cpack", cwd=installed.build)
    run("dpkg-deb", "-R", *installed.build.glob("drehkreuz_*.deb"), there)
    return there


def test_the_package_has_what_the_unit_names(package):
    unit = (package / "usr/lib/systemd/system" / UNIT.name).read_text()
    assert "ExecStart=/usr/bin/drehkreuz run\n" in unit and "/usr/local" not in unit
    assert os.access(package / "usr/bin/drehkreuz", os.X_OK)
    for path in ("usr/lib/sysusers.d/drehkreuz.conf", "usr/lib/tmpfiles.d/drehkreuz.conf",
                 "usr/share/bash-completion/completions/drehkreuz",
                 "usr/share/man/man8/drehkreuz.8.gz", "usr/share/man/man5/drehkreuz.conf.5.gz",
                 "usr/share/doc/drehkreuz/changelog.gz", "usr/share/doc/drehkreuz/copyright"):
        assert (package / path).is_file(), path


def test_the_package_keeps_a_configuration_and_asks_for_its_libraries(package):
    # No conffile, hence no question: tests/package tells how it is kept.
    assert not (package / "etc").exists() and not (package / "DEBIAN/conffiles").exists()
    shipped = package / "usr/share/drehkreuz/drehkreuz.conf"
    assert shipped.read_text() == (ROOT / "conf/drehkreuz.conf").read_text()
    control = (package / "DEBIAN/control").read_text()
    for library in ("libssl3", "libevent-core", "libconfig9", "libhiredis", "libseccomp2", "libc6"):
        assert re.search(rf"^Depends:.*\b{library}", control, re.M), control
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", package / "DEBIAN" / script)
        assert os.access(package / "DEBIAN" / script, os.X_OK)
    newest = (ROOT / "systemd/debian/changelog").read_text().split("(")[1].split(")")[0]
    assert f"\nVersion: {newest}\n" in control


# --- The filter of system calls ---

@functools.lru_cache(maxsize=1)
def sets():
    """{"@name": what is in it}, sets among it not yet resolved."""
    found, name = {}, None
    for line in run("systemd-analyze", "syscall-filter", "--no-pager").splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif not line.strip():
            name = None
        elif name and not line.strip().startswith("#"):
            found[name].append(line.strip())
    return found


def expand(word):
    if not word.startswith("@"):
        return {word}
    return set().union(*(expand(inner) for inner in sets()[word]))


def allowed(*files):
    """systemd.exec(5): the first line decides that it is a list of what is allowed."""
    calls = expand("@default")
    for line in values("SystemCallFilter", *files):
        for word in line.lstrip("~").split():
            calls = calls - expand(word) if line.startswith("~") else calls | expand(word)
    return calls


def test_the_filter_is_read_as_systemd_does():
    calls = allowed()
    assert {"read", "sendmmsg", "execve", "futex", "mlock2"} <= calls
    assert not {"capset", "setuid", "ptrace", "chown", "bpf", "mount"} & calls
    assert "capset" in allowed(UNIT.parent / "low-port.conf")


def calls_in(trace):
    """{name: an example}"""
    found = {}
    for line in trace.splitlines():
        if match := re.match(r"\d+ +(\w+)\(", line):
            found.setdefault(match.group(1), line[:100])
    return found


class Traced(Server):
    """As the service manager starts it: as its own user, without any capability or way to one."""

    capabilities = "-all"

    def spawn(self):
        mine = shutil.copy(binary(), self.dir)  # the checkout may be closed to others
        self.trace = Path(self.dir, "trace")
        self.wrapper = Path(self.dir, "wrapper")
        caps = self.capabilities
        self.wrapper.write_text(
            f"#!/bin/sh\nexec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "
            f"--inh-caps {caps} --ambient-caps {caps} --bounding-set {caps} --no-new-privs "
            f'strace -D -f -qq -o {self.trace} {mine} "$@"\n')
        self.wrapper.chmod(0o755)
        for path in (self.dir, *Path(self.dir).iterdir()):
            os.chown(path, NOBODY, NOBODY)
        os.chmod(Path(self.warp.environment()["LD_PRELOAD"]).parent, 0o755)
        before = binary()
        os.environ["DREHKREUZ_BIN"] = str(self.wrapper)
        try:
            return super().spawn()
        finally:
            os.environ["DREHKREUZ_BIN"] = before

    def end(self):
        """Its trace, once it has stopped cleanly."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0, self.log()
        self.traced = self.trace.read_text(errors="replace")
        return calls_in(self.traced)


@pytest.fixture
def ns():
    net = Netns()
    yield net
    net.close()


@pytest.fixture
def redis_path():
    """A Redis at a Unix socket."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = f"{folder}/redis"
        process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--unixsocketperm", "777",
             "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
        yield path
        process.terminate()
        process.wait(10)


def notified(path):
    """A service manager's socket, open to the service."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    os.chmod(path, 0o777)
    manager.settimeout(20)
    return manager


def hear(manager, text):
    while text not in manager.recv(300).decode():
        pass


def test_whatever_it_does_is_inside_the_filter(cli, ns, redis_path, monkeypatch):
    """Start, every transport, relayed data both ways, reload, a renewed certificate, a changed
    address, a window's end, the commands, drain, stop."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority())
    server = Traced({"external_ipv4": "localhost"}, netns=ns)
    pair = certificates.make(Path(server.dir, "tls"), ("localhost", "127.0.0.1"))
    server.options |= {
        "certificates": [pair], "redis": redis_path, "metrics_listen": "127.0.0.1:9641",
        "control_socket": f"{server.dir}/control", "issuer_socket": f"{server.dir}/issuer",
        "metrics_file": f"{server.dir}/windows", "metrics_window": 3600}
    server.write_conf()
    manager = notified(f"{server.dir}/notify")
    monkeypatch.setenv("NOTIFY_SOCKET", f"{server.dir}/notify")
    assert cli("secret", "new", "--config", server.path).returncode == 0
    try:
        server.start()
        hear(manager, "READY=1")
        use(cli, server, ns, pair, manager)
        seen = server.end()
    finally:
        text = server.log()
        server.discard()
    outside = {name: line for name, line in seen.items() if name not in allowed()}
    assert outside == {}, text
    families = set(re.findall(r"\bsocket(?:pair)?\((\w+)", server.traced))
    assert families <= set(values("RestrictAddressFamilies")[0].split())
    assert not re.search(r"PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE", server.traced)
    written = re.findall(r'openat\(AT_FDCWD, "([^"]+)", O_(?:WRONLY|RDWR)', server.traced)
    assert {p for p in written if not p.startswith(server.dir)} <= WRITTEN, written
    # It has been through all of it, as the kernel saw.
    assert {"mlock2", "prlimit64", "prctl", "capget", "bind", "connect", "accept4", "rename",
            "unlink"} - set(seen) == set(), " ".join(sorted(seen))


def livez(ns):
    """Asks for it, which also wakes the main thread, and then that it is done."""
    for _ in range(2):
        with ns.inside(), socket.create_connection(("127.0.0.1", 9641), 5) as web:
            web.sendall(b"GET /livez HTTP/1.0\r\nHost: 127.0.0.1:9641\r\n\r\n")
            assert b"200" in web.makefile("rb").read()


def use(cli, server, ns, pair, manager):
    done = cli("check", "--config", server.path, "--transport", "udp,tcp,tls,dtls", inside=ns)
    assert done.returncode == 0, done.stdout
    server.wait_log("redis-ready")
    hour = 3600
    for seconds in (hour - server.now() % hour + 2, hour):
        server.advance(seconds)
        livez(ns)
    server.wait_log("usage: ")
    for command in ("stats", "reload"):
        assert cli(command, "--config", server.path, inside=ns).returncode == 0
    server.process.send_signal(signal.SIGHUP)
    hear(manager, "RELOADING=1")
    hear(manager, "READY=1")
    new = certificates.make(Path(server.dir, "new"), ("localhost",))
    for what in pair:
        os.chown(new[what], NOBODY, NOBODY)
        os.rename(new[what], pair[what])
    server.wait_log("certificates-loaded", 2)
    ns.ip("address", "add", "192.0.2.5/32", "dev", "lo")
    livez(ns)
    assert cli("drain", "--config", server.path, inside=ns).returncode == 0


def test_without_capabilities_it_starts_and_without_capset(cli):
    """systemd has changed the user already; a filter that refuses capset must not matter."""
    server = Traced()
    server.start()
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert re.findall(r"Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)", status) == ["0" * 16] * 4
    assert "NoNewPrivs:\t1" in status and f"Uid:\t{NOBODY}\t{NOBODY}" in status
    assert cli("check", "--config", server.path, "--quick").returncode == 0
    seen = server.end()
    assert "capset" not in seen and "setresuid" not in seen
    server.discard()


def test_a_low_port_with_the_drop_in(ns):
    """Bound with the one capability, which is gone afterwards."""
    server = Traced({"listen": ["127.0.0.1:443"]}, netns=ns)
    server.capabilities = "-all,+net_bind_service"
    server.port = 443
    server.start()
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert re.findall(r"Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)", status) == ["0" * 16] * 4
    seen = server.end()
    server.discard()
    assert "capset" in seen
    assert set(seen) <= allowed(UNIT.parent / "low-port.conf")


# --- Completion ---

def complete(*words):
    """What bash offers for the last word."""
    script = (f'. "{ROOT}/conf/drehkreuz.bash-completion"; compopt() {{ :; }}; COMP_WORDS=("$@"); '
              'COMP_CWORD=$(($# - 1)); _drehkreuz; echo "${COMPREPLY[@]}"')
    return run("bash", "-c", script, "bash", "drehkreuz", *words).split()


def test_the_completion_is_that_of_the_table(cli):
    shipped = ROOT / "conf" / "drehkreuz.bash-completion"
    assert shipped.read_text() == cli("config", "completion").stdout, \
        f"drehkreuz config completion > conf/{shipped.name}"


@pytest.mark.parametrize("words, offered", [
    (["rel"], ["reload"]), (["secret", "re"], ["retire", "remove", "revoke"]),
    (["secret", "retire", "--i"], ["--in"]), (["stats", "--"], ["--help", "--config", "--json"]),
    (["stats", "--config", ""], []), (["config", "import", ""], []),
    (["config", "import", "--j"], ["--json"]), (["kill", "--relay-port", ""], []),
    (["setup", "m"], ["matrix"]), (["nonsense", ""], []),
])
def test_completion(words, offered):
    assert complete(*words) == offered


def test_every_command_is_offered():
    from test_cli import COMMANDS
    offered = {word for word in complete("") if not word.startswith("-")}
    assert offered == {command.split()[0] for command in COMMANDS}
    for first in ("secret", "config"):
        second = {c.split()[1] for c in COMMANDS if c.startswith(first + " ")}
        assert set(complete(first, "")) - {"--help"} == second
