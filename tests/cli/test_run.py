"""drehkreuz run as a process: start, signals, reload, privileges, what it says."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from support.netns import Netns
from support.server import SECRET, Server, refused

USER = {"name": "greta-the-user", "password": "pass of greta"}
NOBODY = 65534


def check(cli, server, *more):
    return cli("check", "--config", server.path, "--quick", *more)


def status(server):
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return {k: v.split() for k, v in (line.split(":", 1) for line in lines)}


def test_refuses_to_be_an_open_relay():
    code, log = refused({}, secrets=())
    assert code == 2 and "drehkreuz secret new" in log
    code, log = refused({"secrets_file": "/nowhere/secrets"}, secrets=None)
    assert code == 2 and "drehkreuz secret new" in log


def test_users_alone_are_enough(cli, serve):
    server = serve({"users": [USER]}, secrets=None)
    assert check(cli, server).returncode == 0


@pytest.mark.parametrize("conf, code, says", [
    ({"listen": ["nowhere"]}, 2, "listen"),
    ({"listen": ["192.0.2.77:3478"]}, 1, "192.0.2.77:3478"),
    ({"relay_ipv4": "off", "relay_ipv6": "off"}, 2, "relay_ipv4"),
])
def test_a_start_that_fails_says_one_line(conf, code, says):
    got, log = refused(conf)
    assert got == code and says in log
    assert log.splitlines()[-1].count("fatal") == 1


def test_a_port_in_use_is_named(serve):
    server = serve()
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    code, log = refused({"listen": [f"127.0.0.1:{taken.getsockname()[1]}"]})
    assert code == 1 and "in use" in log
    assert server.alive()


def test_a_relay_address_of_another_host_is_pointed_out(serve):
    server = serve({"relay_ipv4": "192.0.2.77"})
    assert "192.0.2.77 is not an address of this host" in server.log()


def test_an_unreadable_secrets_file_stops_the_start():
    server = Server()
    os.chmod(server.secrets_path, 0o644)
    process = server.spawn()
    assert process.wait(10) == 2 and "chmod 600" in server.log()
    server.discard()


# --- Reload ---

def test_a_broken_file_leaves_the_old_configuration(cli, serve):
    server = serve()
    good = Path(server.path).read_text()
    Path(server.path).write_text(good + "no such thing = 1;\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("reload-refused")
    Path(server.path).write_text(good)
    assert check(cli, server).returncode == 0


def test_a_reload_takes_users_and_names_what_needs_a_restart(cli, serve):
    server = serve()
    server.reload({"users": [USER], "threads": 2})
    assert "restart-needed: threads changes only with a restart" in server.log()
    server.reload({})  # it is still so
    assert server.log().count("restart-needed: threads") == 2
    password = Path(server.dir, "password")
    password.write_text(USER["password"] + "\n")
    as_user = ["--server", f"127.0.0.1:{server.port}", "--user", USER["name"], "--password-file",
               password]
    assert cli("check", *as_user).returncode == 0
    server.reload({"users": []})
    done = cli("check", *as_user)
    assert done.returncode == 1 and "does not accept this user name" in done.stdout


def test_a_reload_must_leave_credentials(cli, serve):
    server = serve({"users": [USER]}, secrets=None)
    server.options["users"] = []
    server.options["secrets_file"] = "/nowhere/secrets"
    server.write_conf()
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("reload-refused")
    server.options["users"] = [USER]
    server.write_conf()
    assert check(cli, server).returncode == 0


def test_a_changed_secrets_file_is_picked_up_without_a_signal(cli, serve):
    server = serve(secrets=[("one", 0, 0, SECRET)])
    other = Path(server.dir, "other")
    other.write_text("another-secret-of-thirty-bytes\n")
    ask = ["check", "--server", f"127.0.0.1:{server.port}", "--secret-file", other, "--quick"]
    assert "wrong secret" in cli(*ask).stdout
    cli("secret", "add", "--config", server.path, "--id", "two", stdin=other.read_text())
    server.wait_log("generation 2 is in force")
    assert cli(*ask).returncode == 0
    assert check(cli, server).returncode == 0
    cli("secret", "remove", "two", "--config", server.path)
    server.wait_log("generation 3 is in force")
    assert "wrong secret" in cli(*ask).stdout


def test_the_last_secret_taken_away(cli, serve):
    server = serve()
    copy = Path(server.dir, "copy")
    copy.write_text(SECRET)
    cli("secret", "remove", "one", "--config", server.path)
    server.wait_log("no-credentials")
    server.wait_log("generation 2 is in force")
    done = cli("check", "--server", f"127.0.0.1:{server.port}", "--secret-file", copy, "--quick")
    assert done.returncode == 1 and "wrong secret" in done.stdout


def test_a_broken_secrets_file_leaves_the_secrets_in_force(cli, serve):
    server = serve()
    copy = Path(server.dir, "copy")
    copy.write_text(SECRET)
    Path(server.secrets_path).write_text("one\n")
    server.wait_log("secrets-refused")
    time.sleep(1.5)
    assert server.log().count("secrets-refused") == 1
    done = cli("check", "--server", f"127.0.0.1:{server.port}", "--secret-file", copy, "--quick")
    assert done.returncode == 0


def test_the_announced_name_is_looked_up_again(serve):
    server = serve({"external_ipv4": "localhost"})
    assert "relays on 127.0.0.1, announced as 127.0.0.1" in server.log()
    server.reload({"external_ipv4": "no-such-host.invalid"})
    assert "no-such-host.invalid gave no address" in server.log()
    server.advance(61)
    server.wait_log("gave no address", 2)


def test_an_unknown_announced_name_does_not_stop_the_start(serve):
    server = serve({"external_ipv4": "no-such-host.invalid"})
    assert "no-such-host.invalid gave no address" in server.log()
    assert "relays on 127.0.0.1, announced as 127.0.0.1" in server.log()


# --- Where the host stands ---

ANYWHERE = {"relay_ipv4": "auto", "relay_ipv6": "off", "listen": ["0.0.0.0:3478"]}


@pytest.fixture
def space():
    made = Netns()
    made.ip("link", "add", "out", "up", "type", "veth", "peer", "far")
    made.ip("link", "set", "far", "up")
    yield made
    made.close()


def move(space, address):
    """The host's only address and way out."""
    space.ip("addr", "flush", "dev", "out")
    space.ip("addr", "add", f"{address}/24", "dev", "out")
    space.ip("route", "add", "default", "dev", "out")


def test_a_host_with_nothing_but_loopback(cli, serve, space):
    server = serve(ANYWHERE, netns=space)
    assert "relay-loopback" in server.log()
    assert cli("check", "--config", server.path, inside=space).returncode == 0


def test_a_new_address_is_taken_up(cli, serve, space):
    move(space, "11.78.0.1")
    server = serve(ANYWHERE, netns=space)
    assert "relays on 11.78.0.1" in server.log()
    move(space, "11.78.0.2")
    server.wait_log("announced relay address is now 11.78.0.2")
    server.wait_log("generation 2 is in force")
    assert cli("check", "--config", server.path, inside=space).returncode == 0
    # Without any network for a while, the last one is kept.
    space.ip("addr", "flush", "dev", "out")
    server.advance(61)
    time.sleep(2.5)
    assert "generation 3" not in server.log()


def test_an_address_without_a_route_is_better_than_none(serve, space):
    space.ip("addr", "add", "11.78.0.3/24", "dev", "out")
    server = serve(ANYWHERE, netns=space)
    assert "relays on 11.78.0.3" in server.log() and "relay-loopback" not in server.log()


# --- Signals and the service manager ---

def test_drain_refuses_new_allocations_only(cli, serve):
    server = serve()
    server.process.send_signal(signal.SIGUSR1)
    server.wait_log("draining")
    done = check(cli, server)
    assert done.returncode == 1 and "draining" in done.stdout
    assert server.alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(number):
    server = Server().start()
    server.process.send_signal(number)
    assert server.process.wait(10) == 0
    assert server.log().endswith("stopped: stopped cleanly\n")
    server.discard()


def test_tells_the_service_manager(monkeypatch, tmp_path):
    path = str(tmp_path / "notify")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    manager.settimeout(10)
    monkeypatch.setenv("NOTIFY_SOCKET", path)

    def heard():
        while (text := manager.recv(200).decode()).startswith("WATCHDOG=1"):
            pass
        return text

    def status(word, generation):
        return f"\nSTATUS={word}: generation {generation}, 2 listeners, in its sandbox"

    server = Server().start()
    assert heard() == "READY=1" + status("ready", 1)
    assert manager.recv(200).decode() == "WATCHDOG=1" + status("ready", 1)
    server.process.send_signal(signal.SIGHUP)
    assert heard().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard() == "READY=1" + status("ready", 2)
    server.process.send_signal(signal.SIGUSR1)
    while (text := manager.recv(200).decode()) == "WATCHDOG=1" + status("ready", 2):
        pass
    assert text == "WATCHDOG=1" + status("draining", 2)
    server.process.send_signal(signal.SIGTERM)
    assert heard() == "STOPPING=1"
    server.stop()


# --- Privileges ---

def test_privileges_are_given_up(cli):
    server = Server({"user": "nobody"})
    os.chmod(server.dir, 0o755)
    os.chown(server.secrets_path, NOBODY, NOBODY)
    mine = os.getgroups()
    os.setgroups([4, 27])
    try:
        server.start()
    finally:
        os.setgroups(mine)
    now = status(server)
    assert now["Uid"] == now["Gid"] == [str(NOBODY)] * 4 and now["Groups"] == []
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(now[kind][0], 16) == 0, kind
    assert now["NoNewPrivs"] == ["1"]
    # proc(5): not dumpable makes these files root's.
    assert os.stat(f"/proc/{server.pid}/environ").st_uid == 0
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if "core" in line] == [["0", "0"]]
    assert check(cli, server).returncode == 0
    cli("secret", "new", "--config", server.path)
    server.wait_log("generation 2 is in force")
    server.reload()
    server.stop()


def test_root_without_a_user_keeps_no_capability(serve):
    now = status(serve())
    assert int(now["CapEff"][0], 16) == int(now["CapPrm"][0], 16) == 0


def test_secrets_that_the_user_cannot_read_are_pointed_out(serve):
    server = serve({"user": "nobody"})
    assert "secrets-refused" in server.log() and "secrets" in server.log()


def test_an_unknown_user_stops_the_start():
    code, log = refused({"user": "no-such-user"})
    assert code == 1 and "no such user" in log


# --- Silence ---

def test_no_client_leaves_a_trace_in_the_log(cli, serve):
    server = serve({"users": [USER]})
    before = server.log()
    secret = Path(server.dir, "copy")
    secret.write_text(SECRET)
    wrong = Path(server.dir, "wrong")
    wrong.write_text("x" * 30)
    where = ["--server", f"127.0.0.1:{server.port}"]
    cli("check", *where, "--secret-file", secret)
    cli("check", *where, "--secret-file", wrong)
    cli("check", *where, "--user", USER["name"], "--password-file", wrong)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for size in (0, 1, 20, 1500):
            stranger.sendto(os.urandom(size), ("127.0.0.1", server.port))
    time.sleep(1.2)
    assert server.log() == before
    server.reload()
    for word in (SECRET, USER["name"], USER["password"], ":check"):
        assert word not in server.log()


def test_no_file_but_the_log_is_open(serve):
    server = serve()
    folder = Path(f"/proc/{server.pid}/fd")
    targets = {os.readlink(link) for link in folder.iterdir()}
    files = {t for t in targets if t.startswith("/") and not t.startswith("/dev/")}
    assert files == {os.path.join(server.dir, "stderr")}
