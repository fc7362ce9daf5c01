"""The steps that an administrator pastes, as they stand in the compose files."""

import os
import re
import signal
import subprocess
import time

import pytest

import compose
from test_container import relay_media, secret_of

SHIM = """#!/bin/sh
# docker compose, as far as the steps go; standard input passes through it
shift
[ "$1" = --profile ] && {{ shift 2; ({redis}) & }}
case $1 in
build) ;;
up) [ -e up ] || {{ : >up; {start} >&2; }} ;;
run) while [ "$1" != drehkreuz ]; do shift; done; shift; cat | {run} "$@" ;;
exec) while [ "$1" != drehkreuz ]; do shift; done; shift; cat | {exec} "$@" ;;
*) exit 64 ;;
esac
"""


class Admin:
    """Pastes the steps of a compose file into a shell, in a copy of its folder."""

    def __init__(self, host, folder):
        def quoted(argv):
            return " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
        self.host = host
        (folder / "bin").mkdir()
        shim = folder / "bin" / "docker"
        box = host.box
        shim.write_text(SHIM.format(
            redis=quoted(self._redis(folder)), start=quoted(box.start_argv()),
            run=quoted(box.run_argv()), exec=quoted(box.exec_argv())))
        shim.chmod(0o755)
        self.path = str(shim.parent)

    def _redis(self, folder):
        """The host's own redis-server, by the compose file's command line."""
        self.data = data = folder / "data"
        data.mkdir()
        os.chown(data, 999, 999)
        if "/run/redis" not in self.host.places:
            return ["false"]
        service = compose.load("compose.yaml")["services"]["redis"]
        command = " ".join(service["command"].split())
        for inside, outside in (("/run/redis/", f"{self.host.places['/run/redis']}/"),
                                ("/data", str(data)),
                                ("/run/secrets/", f"{self.host.folder}/secrets/")):
            command = command.replace(inside, outside)
        uid, gid = service["user"].split(":")
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
                *command.split(), "--logfile", str(data / "log"), "--daemonize", "yes",
                "--pidfile", str(data / "pid")]

    def paste(self, lines):
        made = subprocess.run(["sh", "-euc", lines], cwd=self.host.folder, timeout=120, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={"PATH": f"{self.path}:/usr/sbin:/usr/bin:/sbin:/bin",
                                   "DISABLE_HC_SYSTEMD": "true"})
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    def close(self):
        """Redis has its own file that says who it is."""
        file = self.data / "pid"
        if file.exists() and (pid := int(file.read_text())):
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while file.exists() and time.monotonic() < deadline:
                time.sleep(0.02)


@pytest.fixture
def admin(host, folder):
    made = Admin(host, folder)
    yield made
    made.close()


def wait_for_relay(host):
    """As a person does, who reads what the last step has printed."""
    host.box.wait_log("started:")


def paste_first_steps(admin, name):
    """Line by line; what each printed."""
    printed = []
    for line in compose.steps(name)[0].splitlines():
        printed.append(admin.paste(line))
        if " up -d" in line:
            wait_for_relay(admin.host)
    return printed


def test_the_first_run(admin, world):
    """A secret, a relay, a check that finds nothing, and the lines for Nextcloud."""
    build, secret, up, check, lines = paste_first_steps(admin, "compose.yaml")
    assert "FAIL" not in check and "all is well" in check
    assert "talk:turn:add" in lines
    assert relay_media(world, secret_of(secret)) == (0, 100, 100)


@pytest.mark.parametrize("host", ["compose.ports.yaml"], indirect=True)
def test_the_first_run_with_published_ports(admin, world):
    *_, secret, up, check = paste_first_steps(admin, "compose.ports.yaml")
    assert "FAIL" not in check
    assert relay_media(world, secret_of(secret)) == (0, 100, 100)


def test_redis_beside_it(admin, world):
    host = admin.host
    paste_first_steps(admin, "compose.yaml")
    _, prepare, start = compose.steps("compose.yaml")
    admin.paste(prepare)
    for name, owner in (("etc/redis-password.conf", 3478), ("secrets/redis.acl", 999)):
        st = (host.folder / name).stat()
        assert (st.st_uid, st.st_mode & 0o777) == (owner, 0o600), name
    text, removed = re.subn(r"^# (redis|@include)", r"\1", host.conf.read_text(), flags=re.M)
    assert removed == 3
    host.conf.write_text(text)
    secret = secret_of(admin.paste(start))
    assert relay_media(world, secret) == (0, 100, 100)
    listed = host.box.exec("drehkreuz", "secret", "list").stdout
    assert "talk-2" in listed
    ok, text = host.box.healthy()
    assert ok, text
    test = compose.load("compose.yaml")["services"]["redis"]["healthcheck"]["test"]
    probe = test[1].replace("/run/redis", str(host.places["/run/redis"]))
    assert test[0] == "CMD-SHELL" and subprocess.run(["sh", "-c", probe]).returncode == 0
    admin.close()
    assert subprocess.run(["sh", "-c", probe]).returncode != 0
    assert relay_media(world, secret) == (0, 100, 100)
