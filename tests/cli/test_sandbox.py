"""The sandbox of the running server: an intruder in it (support/intruder.c) finds all closed, and
the server goes on with what it needs."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from support import certificates
from support.server import Server, config_text, free_ports
from support.warp import compiled

TRIED = {
    "fork", "namespace", "packet-socket", "raw-socket", "crypto-socket", "make-code", "map-code",
    "write-outside", "read-outside", "read-program", "read-environment", "write-here",
    "unlink-here", "abstract-socket", "connect-tcp", "bind-tcp", "signal", "signal-thread",
    "hidden-file", "limits", "be-dumped", "folder", "owner",
}
DEADLY = ["execve", "ptrace", "bpf", "mount", "init_module", "process_vm_readv"]


class Intruded(Server):
    """outside: a folder that the configuration does not name."""

    def __init__(self, outside, conf=None, old=None, **more):
        super().__init__(conf, **more)
        self.go, self.said = Path(self.dir, "go"), Path(outside, "said")
        self.kept = Path(self.dir, "kept")
        for file in (self.kept, Path(outside, "there")):
            file.write_text("something")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0{outside}")
        self.abstract.listen()
        self.more = {
            "INTRUDER_GO": str(self.go), "INTRUDER_SAID": str(self.said),
            "INTRUDER_KEPT": str(self.kept), "INTRUDER_FOLDER": f"{outside}/folder",
            "INTRUDER_OUTSIDE": f"{outside}/new", "INTRUDER_THERE": f"{outside}/there",
            "INTRUDER_ABSTRACT": str(outside),
            "INTRUDER_PORT": str(self.listener.getsockname()[1])}
        if old:
            self.more["INTRUDER_OLD"] = old

    def _environment(self):
        env = super()._environment()
        return env | self.more | {"LD_PRELOAD": f"{env['LD_PRELOAD']} {compiled('intruder.c')}"}

    def let_in(self, what):
        """What each thread has said, once it has nothing more to say: {thread: {name: errno}}"""
        new = Path(self.dir, "go.new")
        new.write_text(what)
        new.rename(self.go)
        threads = len(os.listdir(f"/proc/{self.pid}/task"))
        deadline = time.monotonic() + 15
        while self.said.read_text().count(" end ") < threads:
            self._answers()
            assert self.alive(), self.log()
            assert time.monotonic() < deadline, self.said.read_text()
        found = {}
        for line in self.said.read_text().splitlines():
            thread, name, error = line.split()
            found.setdefault(thread, {})[name] = int(error)
        return found


def statuses(server):
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def refuse(server, conf, *words):
    """A reload that needs a restart: it says so, and the old configuration goes on."""
    before = dict(server.options)
    server.reload(conf, event="reload-refused")
    said = server.log().splitlines()[-1]
    assert "restart" in said and all(word in said for word in words), said
    server.options.clear()
    server.options.update(before)
    server.write_conf()


def works(cli, server):
    done = cli("check", "--config", server.path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr


# --- What is closed ---

@pytest.fixture
def outside(tmp_path):
    return tmp_path


def test_every_thread_is_inside(serve):
    server = serve({"threads": 3})
    found = list(statuses(server))
    assert len(found) == 4
    for status in found:
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert server.log().count("sandbox-on: from here on there is no more than serving needs of "
                              "files and system calls") == 1
    assert "sandbox-missing" not in server.log()


@pytest.mark.parametrize("user", ["", "nobody"])
def test_an_intruder_gets_nowhere(cli, outside, user):
    outside.chmod(0o777)
    server = Intruded(outside, {"user": user, "threads": 2})
    os.chmod(server.dir, 0o777)
    if user:
        for path in Path(server.dir).iterdir():
            os.chown(path, 65534, 65534)
    with server:
        found = server.let_in("everything")
        assert len(found) == 3
        for tried in found.values():
            assert tried.pop("end") == 0
            assert set(tried) == TRIED
            assert {name for name, error in tried.items() if error == 0} == set()
        works(cli, server)
        assert not (outside / "new").exists() and server.kept.read_text()


def test_the_same_without_a_sandbox(outside):
    """So that it is the sandbox that closes all that."""
    with Intruded(outside, {"sandbox": False}) as server:
        found = server.let_in("everything").values()
        got = {name for tried in found for name, error in tried.items() if error == 0}
        assert {"fork", "make-code", "write-outside", "read-outside", "write-here", "unlink-here",
                "abstract-socket", "connect-tcp", "bind-tcp", "signal", "hidden-file",
                "read-program", "limits", "be-dumped", "folder"} <= got, found
        assert "sandbox-off" in server.log()
        assert {s["Seccomp"] for s in statuses(server)} == {"0"}


@pytest.mark.parametrize("what", DEADLY)
def test_what_ends_the_process(outside, what):
    server = Intruded(outside).start()
    server.wait_log("started")
    server.go.write_text(what)
    server._answers()
    assert server.process.wait(10) == -signal.SIGSYS
    assert f" {what} " not in server.said.read_text()
    server.discard()


@pytest.mark.parametrize("old, left", [
    ("landlock", "system calls"), ("rules", "system calls"), ("seccomp", "files")])
def test_an_older_kernel_is_an_event(cli, outside, old, left):
    with Intruded(outside, old=old) as server:
        server.wait_log("started")
        assert server.log().count("sandbox-missing") == 1
        assert f"no more than serving needs of {left}\n" in server.log()
        works(cli, server)


def test_a_kernel_without_any_of_it(cli, outside):
    with Intruded(outside, old="landlock seccomp") as server:
        server.wait_log("started")
        assert server.log().count("sandbox-missing") == 2 and "sandbox-on" not in server.log()
        works(cli, server)


# --- What a reload may ask for ---

def pair_in(folder):
    return certificates.make(Path(folder, "tls"), ("localhost",))


def test_files_outside_need_a_restart(cli, serve, outside):
    server = serve()
    pair = pair_in(outside)
    secrets = outside / "secrets"
    secrets.write_text(Path(server.secrets_path).read_text())
    secrets.chmod(0o600)
    rows = [({"certificates": [pair]}, pair["certificate"]),
            ({"secrets_file": str(secrets)}, str(secrets)),
            ({"redis": f"{outside}/redis", "redis_sentinels": [], "secrets_file": str(secrets)},
             str(secrets))]
    for conf, named in rows:
        refuse(server, conf, named)
        works(cli, server)
    part = outside / "part.conf"
    part.write_text("lifetime_max = 1200;\n")
    good = Path(server.path).read_text()
    Path(server.path).write_text(f'@include "{part}"\n{good}')
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("reload-refused", len(rows) + 1)
    assert str(server.path) in server.log().splitlines()[-1]
    assert "needs a restart" in server.log().splitlines()[-1]
    works(cli, server)


def test_the_start_lets_them_in(outside):
    """Includes too, also when a reload finds others in their folder."""
    server = Server({"certificates": [pair_in(outside)]})
    part = outside / "part.conf"
    text = f'@include "{part}"\n{config_text(server.options)}'
    part.write_text("lifetime_max = 1200;\n")
    Path(server.path).write_text(text)
    with server:
        for seconds in (1300, 1400):
            beside = outside / "beside"
            beside.write_text(f"lifetime_max = {seconds};\n")
            beside.rename(part)
            before = server.log().count("is in force")
            server.process.send_signal(signal.SIGHUP)
            server.wait_log("is in force", before + 1)
        assert "reload-refused" not in server.log()


def test_sockets_elsewhere_need_a_restart(cli, serve, outside):
    server = serve()
    port = free_ports(1)
    refuse(server, {"issuer_socket": f"{outside}/line"}, "issuer_socket", f"{outside}/line")
    refuse(server, {"metrics_listen": f"{outside}/page"}, "metrics_listen")
    refuse(server, {"metrics_listen": f"127.0.0.1:{port}"}, "metrics_listen", str(port))
    refuse(server, {"issuer_listen": f"127.0.0.1:{port}", "issuer_key": "k" * 20}, "issuer_listen")
    refuse(server, {"redis": f"127.0.0.1:{port}"}, "redis", str(port))
    refuse(server, {"redis_sentinels": [f"127.0.0.1:{port}"], "redis_master": "m"},
           "redis_sentinels")
    works(cli, server)


def test_sockets_beside_known_ones_need_none(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with Server({"control_socket": f"{run}/control"}) as server:
        for at in ("one", "two"):
            server.reload({"issuer_socket": f"{run}/{at}"}, event="issuer-ready")
        server.reload({"metrics_listen": f"{run}/page"}, event="metrics-ready")
        assert sorted(os.listdir(run)) == ["control", "page", "two"]
    assert os.listdir(run) == []


def test_a_renewal_from_elsewhere_is_named(serve, outside):
    server = Server()
    link = Path(server.dir, "tls")
    link.mkdir()
    pair = pair_in(link)
    server.options["certificates"] = [pair]
    server.write_conf()
    new = pair_in(outside)
    with server:
        server.wait_log("started")
        for what in ("certificate", "key"):
            beside = Path(server.dir, "beside")
            beside.symlink_to(new[what])
            beside.rename(pair[what])
        server.wait_log("sandbox-outside")
        assert "certificates-refused" in server.log()
        for what in ("certificate", "key"):
            copy = Path(server.dir, "copy")
            copy.write_bytes(Path(new[what]).read_bytes())
            copy.rename(pair[what])
        server.wait_log("certificates-loaded", 2)


def test_links_may_move_within_their_folders(serve, outside):
    """As where each renewal makes a folder, and a link says which counts."""
    for name in ("1", "2"):
        (outside / "certs" / name).mkdir(parents=True)
    first, second = (pair_in(outside / "certs" / name) for name in ("1", "2"))
    now = outside / "certs" / "now"
    now.symlink_to("1")
    named = {what: str(now / Path(first[what]).name) for what in ("certificate", "key")}
    server = serve({"certificates": [named]})
    (outside / "certs" / "new").symlink_to("2")
    (outside / "certs" / "new").rename(now)
    server.wait_log("certificates-loaded", 2)
    assert second
