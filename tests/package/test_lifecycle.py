"""The package's life: installed, upgraded, removed, installed again, purged; one story."""

import hashlib
import stat

import pytest

CONF = "etc/drehkreuz/drehkreuz.conf"
SECRETS = "etc/drehkreuz/secrets"
MINE = 'external_ipv4 = "203.0.113.7";  # ours\n'


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(machine, package, how=""):
    """As nobody sits there: no frontend is chosen and there is no input."""
    (machine.root / "srv" / package.name).write_bytes(package.read_bytes())
    return machine.sh(f"apt-get -qy install {how} ./{package.name}", timeout=120).stdout


def kept(machine):
    """What an administrator has made, with its mode and owner."""
    found = {}
    for name in (CONF, SECRETS):
        path = machine.root / name
        about = path.stat()
        found[name] = (path.read_bytes(), stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid)
    return found


@pytest.fixture(scope="module")
def known():
    """What a later test wants to know of an earlier one."""
    return {}


def test_a_fresh_one_waits_for_a_secret(machine, package):
    said = install(machine, package)
    assert "drehkreuz setup nextcloud" in said and "systemctl start drehkreuz" in said
    assert machine.show("ActiveState", "UnitFileState") == ["inactive", "enabled"]
    assert machine.out("systemctl --failed --no-legend --plain") == ""
    assert machine.out("stat -c '%U:%G %a' /etc/drehkreuz") == "drehkreuz:drehkreuz 750"
    assert machine.out("stat -c '%U:%G %a' /" + CONF) == "root:root 644"
    assert machine.out("getent passwd drehkreuz | cut -d: -f6,7") == "/:/usr/sbin/nologin"
    # An open relay is not offered, not even by a start.
    assert machine.sh("systemctl start drehkreuz", check=False).returncode != 0
    assert "make a secret with: drehkreuz secret new" in machine.journal()


def test_it_comes_up_once_there_is_one(machine):
    machine.sh("drehkreuz secret new one && systemctl reset-failed drehkreuz; "
               "systemctl start drehkreuz")
    machine.sh(f"echo '{MINE.strip()}' >>/{CONF} && systemctl reload drehkreuz")
    assert machine.sh("drehkreuz check").stdout.endswith("all is well\n")


def test_an_upgrade_asks_nothing_and_keeps_what_is_there(machine, newer, known):
    before, pid = kept(machine), machine.pid()
    said = install(machine, newer)
    assert kept(machine) == before and before[CONF][0].decode().endswith(MINE)
    assert "Another default" in (machine.root / "usr/share/drehkreuz/drehkreuz.conf").read_text()
    assert "Configuration file" not in said, "dpkg asked"
    assert machine.out("find /etc -name '*.dpkg-*'") == ""
    assert machine.pid() not in (0, pid) and machine.show("SubState") == "running"
    runs = machine.out(f"sha256sum /proc/{machine.pid()}/exe").split()[0]
    assert runs == digest(machine.root / "usr/bin/drehkreuz")
    assert machine.out("dpkg-query -W -f '${Version}' drehkreuz").startswith("9.")
    assert machine.sh("drehkreuz check").stdout.endswith("all is well\n")
    known["uid"] = machine.out("id -u drehkreuz")


def test_what_is_switched_off_stays_off(machine, newer):
    machine.sh("systemctl disable --now drehkreuz")
    install(machine, newer, "--reinstall")
    assert machine.show("ActiveState", "UnitFileState") == ["inactive", "disabled"]
    machine.sh("systemctl enable --now drehkreuz")
    assert machine.show("ActiveState") == "active"


def test_a_removal_keeps_the_configuration(machine):
    before, pid = kept(machine), machine.pid()
    machine.sh("apt-get -qy remove drehkreuz", timeout=120)
    assert kept(machine) == before
    assert not (machine.root / "usr/bin/drehkreuz").exists()
    assert machine.sh(f"test -d /proc/{pid}", check=False).returncode == 1
    assert machine.out("dpkg-query -W -f '${db:Status-Status}' drehkreuz") == "config-files"
    assert machine.out("systemctl --failed --no-legend --plain") == ""


def test_back_again_it_runs_as_before(machine, package):
    before = kept(machine)
    install(machine, package, "--allow-downgrades")
    assert kept(machine) == before
    assert machine.show("ActiveState", "UnitFileState") == ["active", "enabled"]
    assert machine.sh("drehkreuz check").stdout.endswith("all is well\n")


def test_a_purge_takes_all_but_the_user(machine, known):
    machine.sh("apt-get -qy purge drehkreuz", timeout=120)
    left = machine.out("find / -xdev -name '*drehkreuz*' -not -path '/srv/*' -not -path '/proc/*' "
                       "-not -path '/var/cache/apt/*'")
    assert left == ""
    named = machine.out("grep -rl drehkreuz /etc /var/lib/systemd /run/systemd").split()
    assert {name.rstrip("-") for name in named} == {
        f"/etc/{name}" for name in ("passwd", "shadow", "group", "gshadow")}
    # Files of its number may be somewhere else, and must never be somebody else's.
    assert machine.out("id -u drehkreuz") == known["uid"]
    assert machine.out("systemctl --failed --no-legend --plain") == ""


def test_after_a_purge_it_is_new(machine, package, known):
    install(machine, package)
    assert not (machine.root / SECRETS).exists() and MINE not in (machine.root / CONF).read_text()
    assert machine.out("id -u drehkreuz") == known["uid"]
    machine.sh("drehkreuz secret new && systemctl start drehkreuz")
    assert machine.sh("drehkreuz check").stdout.endswith("all is well\n")
