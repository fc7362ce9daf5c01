"""The relay in its container: read-only, without a capability, not root; and calls work."""

import ctypes
import re
import signal
import time

import pytest

from relay import credential


def secret_of(text):
    """What `secret new` has printed."""
    found = re.findall(r"^[A-Za-z0-9+/=_-]{20,}$", text, re.M)
    assert len(found) == 1, text
    return found[0]


@pytest.fixture
def up(host):
    """A relay with one secret; .secret is that."""
    made = host.box.run("secret", "new", "talk")
    assert made.returncode == 0, made.stderr
    host.secret = secret_of(made.stdout)
    host.box.start()
    return host


def relay_media(world, secret, more=()):
    """Two clients, each sending to the other's relayed address: (lost, sent, received). A secret
    just made is in force within a second or so."""
    user, password = credential(secret)
    argv = ["turnutils_uclient", "-X", "-y", "-s", "-c", "-m", "2", "-n", "50", "-z", "20", "-l",
            "160", "-u", user, "-w", password, *more, "10.77.0.1"]
    deadline = time.monotonic() + 10
    while True:
        made = world.run("a", argv, timeout=60)
        text = made.stdout + made.stderr
        if "Cannot complete Allocation" not in text or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert made.returncode == 0, text[-1500:]
    sent, got = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", text)[-1]
    return int(re.search(r"Total lost packets (\d+)", text).group(1)), int(sent), int(got)


def test_without_a_secret_it_says_what_to_do(host):
    made = host.box.run("run")
    assert made.returncode == 2
    assert "make a secret with: drehkreuz secret new" in made.stderr


def test_calls_work(up, world):
    assert relay_media(world, up.secret) == (0, 100, 100)
    assert relay_media(world, up.secret, ["-t"]) == (0, 100, 100)


def test_it_is_healthy_until_it_is_not(up):
    ok, text = up.box.healthy()
    assert ok, text
    up.box.signal(signal.SIGSTOP)
    ok, text = up.box.healthy()
    up.box.signal(signal.SIGCONT)
    assert not ok, text
    ok, text = up.box.healthy()
    assert ok, text


def test_the_whole_check_and_the_commands_work_inside(up):
    for argv in (["check"], ["stats"], ["setup", "nextcloud", "--host", "turn.example.org"],
                 ["config", "check"], ["reload"], ["secret", "list"]):
        made = up.box.exec("drehkreuz", *argv)
        assert made.returncode == 0, (argv, made.stdout + made.stderr)


def test_it_can_do_nothing_else(up, image):
    status = up.box.status()
    uid, gid = image.user()
    assert status["Uid"].split() == [str(uid)] * 4 and status["Gid"].split() == [str(gid)] * 4
    assert uid != 0 and not status["Groups"].replace(str(gid), "").strip()
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    # The relay sees to these itself, so another process tells of the container.
    inside = up.box.exec("cat", "/proc/self/status").stdout
    assert re.search(r"^NoNewPrivs:\s+1$", inside, re.M)
    assert re.search(r"^CapEff:\s+0+$", inside, re.M)
    assert status["Seccomp"] == "2"
    if up.box.confined:
        assert re.search(r"^Seccomp:\s+2$", inside, re.M)
    for path in ("/x", "/tmp/x", "/run/x", "/etc/drehkreuz/x", "/usr/local/bin/x"):
        assert up.box.exec("touch", path).returncode != 0, path
    made = up.box.exec("touch", "/var/lib/drehkreuz/x")
    assert made.returncode == 0, made.stderr


def has_landlock():
    """This kernel."""
    create_ruleset, only_version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, ctypes.c_size_t(0), only_version) > 0


def test_its_own_sandbox_stands_inside_as_well(up):
    what = "files and system calls" if has_landlock() else "system calls"
    assert f"no more than serving needs of {what}\n" in up.box.log()


def test_limits_are_in_force(up):
    made = up.box.exec("sh", "-c", "ulimit -n; ulimit -l; ulimit -c")
    files = up.service.limits()["nofile"]
    assert made.stdout.split()[0] == str(files) and made.stdout.split()[2] == "0"
    with open(f"/proc/{up.box.pid()}/limits") as file:
        lines = file.read()
    assert re.search(rf"Max open files +{files} +{files} ", lines)
    assert re.search(r"Max core file size +0 +0 ", lines)


def test_a_new_secret_and_a_new_configuration_come_by_themselves_and_by_signal(up, world):
    made = up.box.exec("drehkreuz", "secret", "new", "second")
    assert made.returncode == 0, made.stderr
    assert relay_media(world, secret_of(made.stdout))[0] == 0
    before = up.box.log().count("is in force")
    up.configure('deny_peers = ["198.51.100.0/24"];\n')
    up.box.signal(signal.SIGHUP)
    up.box.wait_log("is in force", before + 1)
    up.conf.write_text("nonsense")
    up.box.signal(signal.SIGHUP)
    up.box.wait_log("drehkreuz.conf:")
    assert relay_media(world, up.secret)[0] == 0


def test_it_stops_at_once_and_starts_again_with_what_it_had(up, world, image, kind):
    code, seconds = up.box.stop()
    assert code == 0, up.box.log()
    assert seconds < 10
    again = kind(image, up.service, world["srv"])
    try:
        again.start()
        assert relay_media(world, up.secret)[0] == 0
        assert again.stop()[0] == 0
    finally:
        again.close()


@pytest.mark.parametrize("host", ["compose.ports.yaml"], indirect=True)
def test_the_variant_with_published_ports(up, world):
    """Its configuration as it is; the address it announces is the host's, in 203.0.113.0/24."""
    made = up.box.exec("drehkreuz", "check", "--quick")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "203.0.113.7" in up.box.log() and "49200" in up.box.log()
    assert relay_media(world, up.secret)[0] == 0
