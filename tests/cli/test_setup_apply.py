"""setup --apply: both sides are written, once; what others have written stays."""

import grp
import json
import os
import pwd
import re
import stat
import subprocess
from pathlib import Path

import pytest

from support import certificates
from support.occ import OWNER, Occ
from support.server import SECRET, Server, binary

NAME = "turn.example.org"
SYNAPSE = 64123  # the number of its group
OTHER = "another-secret-0123456789abcdef"
AT = f"{NAME}:3478"
OURS = ("turn,turns", AT, SECRET, "udp,tcp")


@pytest.fixture(params=[True, False], ids=["executable", "by php"])
def occ(request):
    made = Occ(request.param)
    yield made
    made.close()


@pytest.fixture
def one_occ():
    made = Occ()
    yield made
    made.close()


@pytest.fixture
def relay():
    """relay(conf, ...): a configuration with the secrets of the three platforms."""
    made = []

    def make(conf=None, **more):
        more.setdefault("secrets", [(name, 0, 0, SECRET) for name in
                                    ("nextcloud", "jitsi", "matrix")])
        made.append(Server({"turn_names": [NAME], "listen": ["127.0.0.1:3478"],
                            "certificates": [certificates.shared()]} | (conf or {}), **more))
        return made[-1]

    yield make
    for one in made:
        one.discard()


@pytest.fixture
def apply(tmp_path):
    """Synapse's package is not installed, so its group is in a file of this process' own."""
    group = tmp_path / "group"
    lines = Path("/etc/group").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("matrix-synapse:")]
    group.write_text("\n".join([*lines, f"matrix-synapse:x:{SYNAPSE}:"]) + "\n")
    with_group = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', group]

    def run(platform, server, *args, code=0):
        prefix = with_group if platform == "matrix" else []
        done = subprocess.run([*prefix, binary(), "setup", platform, "--apply", "--config",
                               server.path, *args], text=True, capture_output=True, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        if code == 0:
            assert SECRET not in done.stdout and done.stderr == ""
        assert OTHER not in done.stdout + done.stderr
        return done
    return run


# --- Nextcloud ---

def changes(occ):
    """The commands since the last look that change something."""
    calls = occ.calls()
    assert calls and all(words[0] == "--no-warnings" for _, _, words in calls)
    return [words[1] for _, _, words in calls if not words[1].endswith(":list")]


def test_talk_gets_both_servers_once(occ, relay, apply):
    server = relay()
    first = apply("nextcloud", server, "--occ", occ.path)
    assert occ.turn() == [OURS] and occ.state()["stun"] == [AT]
    assert f"occ talk:turn:add --secret=(the secret) -- turn,turns {AT} udp,tcp\n" in first.stdout
    assert "the list of processes shows the secret" in first.stdout
    assert "Firewall:" in first.stdout and "In Nextcloud, as" not in first.stdout
    assert changes(occ) == ["talk:stun:add", "talk:turn:add"]
    again = apply("nextcloud", server, "--occ", occ.path)
    assert "nothing is changed" in again.stdout and changes(occ) == []
    assert occ.turn() == [OURS] and occ.state()["stun"] == [AT]


def test_occ_runs_as_its_owner(occ, relay, apply):
    apply("nextcloud", relay(), "--occ", occ.path)
    owner = occ.config.stat()
    groups = os.getgrouplist(OWNER, owner.st_gid)
    for uid, of_process, _ in occ.calls():
        assert uid == owner.st_uid != 0 and set(of_process) == set(groups)


# Before, changes, after; the last column is said.
STEPS = [
    ([("turn,turns", AT, OTHER, "udp,tcp")], ["talk:turn:delete", "talk:turn:add"], [OURS],
     "another secret, which this one replaces"),
    ([OURS, ("turn,turns", AT, OTHER, "udp,tcp")], ["talk:turn:delete", "talk:turn:add"], [OURS],
     "another secret, which this one replaces"),
    ([("turn", AT, SECRET, "udp")], ["talk:turn:add", "talk:turn:delete"], [OURS],
     "as turn over udp, which ours replaces"),
    ([("turn", "old.example.org:3478", OTHER, "udp,tcp")], ["talk:turn:add"],
     [("turn", "old.example.org:3478", OTHER, "udp,tcp"), OURS],
     "occ talk:turn:delete -- turn old.example.org:3478 udp,tcp"),
]


@pytest.mark.parametrize("before, expected, after, said", STEPS)
def test_what_is_there_already(one_occ, relay, apply, before, expected, after, said):
    one_occ.set(turn=before, stun=[AT])
    done = apply("nextcloud", relay(), "--occ", one_occ.path)
    assert changes(one_occ) == expected and sorted(one_occ.turn()) == sorted(after)
    assert said in done.stdout and f"{AT} is among Talk's STUN servers already" in done.stdout


def test_a_port_of_its_own_for_tls(one_occ, relay, apply):
    conf = {"listen": [], "listen_udp": ["0.0.0.0:3478"], "listen_tls": ["0.0.0.0:443"]}
    apply("nextcloud", relay(conf), "--occ", one_occ.path)
    assert sorted(one_occ.turn()) == [("turn", AT, SECRET, "udp"),
                                      ("turns", f"{NAME}:443", SECRET, "tcp")]


def test_every_byte_of_a_secret(one_occ, relay, cli, tmp_path):
    secret = "-" + "".join(map(chr, range(0x21, 0x7f)))
    (tmp_path / "secret").write_text(secret + "\n")
    done = cli("setup", "nextcloud", "--apply", "--config", relay().path, "--occ", one_occ.path,
               "--secret-file", tmp_path / "secret")
    assert done.returncode == 0, done.stderr
    assert one_occ.turn()[0][2] == secret and secret not in done.stdout


@pytest.mark.parametrize("command", ["talk:turn:list", "talk:stun:add", "talk:turn:delete",
                                     "talk:turn:add"])
def test_a_command_that_fails(one_occ, relay, apply, command):
    """What people use until then stays in force, and no secret gets into the message."""
    before = [("turn,turns", AT, OTHER, "udp,tcp")]
    one_occ.set(turn=before, fail=command)
    done = apply("nextcloud", relay(), "--occ", one_occ.path, code=1)
    assert f"{command} failed" in done.stderr and one_occ.turn() == before
    assert SECRET not in done.stdout + done.stderr
    if command != "talk:turn:add":
        assert "  occ: Exception: the database is locked" in done.stderr
    apply("nextcloud", relay(), "--occ", one_occ.path)
    assert one_occ.turn() == [OURS]


def test_the_configuration_comes_first(one_occ, relay, apply):
    done = apply("nextcloud", relay({"max_credential_ttl": 3600}), "--occ", one_occ.path, code=1)
    assert "nothing has been written" in done.stderr and "  ! " in done.stdout
    assert one_occ.turn() == [] and one_occ.calls() == []


def test_no_nextcloud_on_this_host(relay, apply):
    done = apply("nextcloud", relay(), "--occ", "/nowhere/occ", code=1)
    assert "no occ on this host" in done.stderr
    assert f"occ talk:turn:add --secret {SECRET} -- turn,turns {AT} udp,tcp\n" in done.stdout


def test_an_occ_that_is_none(one_occ, relay, apply):
    one_occ.path.write_text("<?php echo 'hello';")
    one_occ.path.chmod(0o644)
    done = apply("nextcloud", relay(), "--occ", one_occ.path, code=1)
    assert "talk:turn:list printed no list" in done.stderr


# Its files are in the hands of the web server's user, who must not become anybody else.
def own(path, user):
    owner = pwd.getpwnam(user)
    os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def to_link(occ, target):
    config = occ.config / "config.php"
    config.unlink()
    config.symlink_to(target)


TRICKS = {
    "no config.php": lambda occ: (occ.config / "config.php").unlink(),
    "a link to root's": lambda occ: to_link(occ, "/etc/passwd"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_without_config_it_runs_as_the_owner_of_occ(one_occ, relay, apply, trick):
    ran = one_occ.config / "ran"
    one_occ.path.write_text(f"#!/bin/sh\nid -un >> {ran}\n")
    own(one_occ.path, OWNER)
    TRICKS[trick](one_occ)
    apply("nextcloud", relay(), "--occ", one_occ.path, code=1)
    assert ran.read_text() == OWNER + "\n"


def linked_to_another(config):
    """As the web server's user could, where the folder is open to its group."""
    other = config.with_name("other")
    config.rename(other)
    config.symlink_to(other)
    own(other / "config.php", "daemon")


@pytest.mark.parametrize("trick", [
    lambda occ: own(occ.config / "config.php", "root"),
    lambda occ: (occ.config / "config.php").unlink(),
    lambda occ: (own(occ.path, OWNER), own(occ.config / "config.php", "daemon")),
    lambda occ: own(occ.dir, "daemon"),
    lambda occ: (own(occ.path, "root"), own(occ.dir, "root"), occ.dir.chmod(0o775)),
    lambda occ: linked_to_another(occ.config),
    lambda occ: (occ.path.unlink(), occ.path.symlink_to("/usr/bin/id"), own(occ.path, OWNER)),
], ids=["all is root's", "root's without config.php", "two users", "a third one's folder",
        "a folder of root's for many", "a third one's configuration", "a link"])
def test_what_is_not_run(one_occ, relay, apply, trick):
    trick(one_occ)
    done = apply("nextcloud", relay(), "--occ", one_occ.path, code=1)
    assert " so it is not" in done.stderr and one_occ.calls() == []


def test_only_root_can_be_somebody_else(one_occ, relay):
    server = relay()
    Path(server.dir).chmod(0o755)
    os.chown(server.secrets_path, 1, 1)
    os.chown(server.path, 1, 1)
    tool = Path(server.dir) / "tool"
    tool.write_bytes(Path(binary()).read_bytes())
    tool.chmod(0o755)
    done = subprocess.run([tool, "setup", "nextcloud", "--apply", "--config", server.path, "--occ",
                           one_occ.path], text=True, capture_output=True, timeout=60, user=1,
                          group=1, extra_groups=[])
    assert done.returncode == 1 and f"config.php, {OWNER}; run this as root" in done.stderr
    assert one_occ.calls() == []


# --- Prosody ---

MAIN = """-- Prosody
modules_enabled = { "roster" }
%s
VirtualHost "localhost"
Include "conf.d/*.cfg.lua"
"""
MEET = """%s
VirtualHost "meet.example.org"
    modules_enabled = { "bosh", "external_services" }
%s
Component "conference.meet.example.org" "muc"
"""
OLD = 'external_service_secret = "old";\nexternal_services = { { type = "turn", host = "old" } }'

# What Prosody itself makes of it: "host secret first-service last-service" per line.
READER = r"""
package.path = "/usr/lib/prosody/?.lua;" .. package.path
local config = require "core.configmanager"
assert(config.load(arg[1], "lua"))
for _, host in ipairs { "meet.example.org", "localhost" } do
  local list = config.get(host, "external_services")
  for _, s in ipairs(list) do
    assert(math.type(s.port) == "integer" or s.host == "old")
  end
  print(host, config.get(host, "external_service_secret"), list[1].type .. list[1].host,
        list[#list].type .. list[#list].port)
end
"""


@pytest.fixture
def prosody(tmp_path):
    """prosody(main, top, host): a configuration of Prosody's; the file to write."""
    def make(main="", top="", host=""):
        folder = tmp_path / "prosody" / "conf.d"
        folder.mkdir(parents=True)
        (folder.parent / "prosody.cfg.lua").write_text(MAIN % main)
        (folder / "meet.example.org.cfg.lua").write_text(MEET % (top, host))
        return folder / "drehkreuz.cfg.lua"
    return make


def read_prosody(file):
    reader = file.parents[2] / "reader.lua"
    reader.write_text(READER)
    lua = re.search(r"lua[\d.]+", Path("/usr/bin/prosodyctl").read_text().splitlines()[0])
    done = subprocess.run([lua[0], reader, file.parents[1] / "prosody.cfg.lua"], text=True,
                          capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return {row[0]: row[1:] for row in (line.split("\t") for line in done.stdout.splitlines())}


def is_for(file, gid):
    s = file.stat()
    return (s.st_uid, s.st_gid, stat.S_IMODE(s.st_mode)) == (0, gid, 0o640)


@pytest.mark.parametrize("where", ["nowhere", "main", "top"])
def test_prosody_gives_out_ours(prosody, relay, apply, where):
    """Also where the package has set others for all hosts, whatever the order of the files."""
    file = prosody(**({where: OLD} if where != "nowhere" else {}))
    done = apply("jitsi", relay(), "--into", file)
    assert is_for(file, grp.getgrnam("prosody").gr_gid) and "then: systemctl restart prosody" in done.stdout
    for row in read_prosody(file).values():
        assert row == [SECRET, f"stun{NAME}", "turns3478"]
    assert (file.read_text().count("VirtualHost") > 0) == (where != "nowhere")
    assert sorted(os.listdir(file.parent)) == ["drehkreuz.cfg.lua", "meet.example.org.cfg.lua"]
    assert "config.js" in done.stdout and "modules_enabled yet" not in done.stdout


def test_prosody_without_the_module(prosody, relay, apply):
    file = prosody()
    meet = file.parent / "meet.example.org.cfg.lua"
    meet.write_text(meet.read_text().replace('"external_services"', '-- "external_services"'))
    assert "modules_enabled yet" in apply("jitsi", relay(), "--into", file).stdout


def test_a_host_that_has_its_own(prosody, relay, apply):
    file = prosody(host=OLD)
    done = apply("jitsi", relay(), "--into", file, code=1)
    assert "meet.example.org.cfg.lua sets external_services for a host" in done.stderr
    assert not file.exists()


def test_a_comment_counts_for_nothing(prosody, relay, apply):
    file = prosody(top=f"--[[ {OLD} ]]\n-- {OLD.splitlines()[1]}\n--[[\n{OLD}\n]]")
    apply("jitsi", relay(), "--into", file)
    assert "VirtualHost" not in file.read_text()


# --- Synapse ---

@pytest.fixture
def synapse(tmp_path):
    """synapse(text): homeserver.yaml; the file to write."""
    def make(text="server_name: matrix.example\n"):
        (tmp_path / "conf.d").mkdir()
        (tmp_path / "homeserver.yaml").write_text(text)
        return tmp_path / "conf.d" / "drehkreuz.yaml"
    return make


def read_synapse(file):
    text = file.read_text()
    assert all(json.loads(uri) for uri in re.findall(r"^  - (.*)$", text, re.M))
    secret = re.search(r"^turn_shared_secret: (.*)$", text, re.M)
    return json.loads(secret[1]), len(re.findall(r"^  - ", text, re.M))


@pytest.mark.parametrize("text", ["", 'turn_uris: ["turn:old"]\nturn_shared_secret: "old"\n'])
def test_synapse_gets_a_file(synapse, relay, apply, text):
    file = synapse(text)
    done = apply("matrix", relay(), "--into", file)
    assert is_for(file, SYNAPSE) and read_synapse(file) == (SECRET, 3)
    assert "then: systemctl restart matrix-synapse" in done.stdout
    assert ("has turn_uris already; this file's go before" in done.stdout) == bool(text)


def test_a_secret_in_a_file_of_synapses(synapse, relay, apply):
    file = synapse("turn_shared_secret_path: /x\n")
    done = apply("matrix", relay(), "--into", file, code=1)
    assert "turn_shared_secret_path" in done.stderr and not file.exists()


def test_another_file_with_the_same(synapse, relay, apply):
    file = synapse()
    (file.parent / "turn.yaml").write_text("turn_uris: []\n")
    done = apply("matrix", relay(), "--into", file, code=1)
    assert "turn.yaml has turn_uris or a secret already" in done.stderr and not file.exists()


# --- Both files ---

def test_a_file_is_written_once(synapse, relay, apply):
    file, server = synapse(), relay()
    apply("matrix", server, "--into", file)
    before = file.stat()
    assert "nothing is changed" in apply("matrix", server, "--into", file).stdout
    assert file.stat().st_ino == before.st_ino and len(os.listdir(file.parent)) == 1


def test_a_differing_file_stays_beside(synapse, relay, apply):
    file = synapse()
    apply("matrix", relay(secrets=[("matrix", 0, 0, SECRET[::-1])]), "--into", file)
    old = file.read_text()
    done = apply("matrix", relay(), "--into", file)
    assert "the one before stays as .bak" in done.stdout
    bak = file.with_suffix(".yaml.bak")
    assert bak.read_text() == old != file.read_text() and is_for(bak, SYNAPSE)
    assert len(os.listdir(file.parent)) == 2


@pytest.mark.parametrize("kind", ["text", "empty", "link", "folder"])
def test_somebody_elses_file_is_not_touched(synapse, relay, apply, tmp_path, kind):
    file = synapse()
    (tmp_path / "target").write_text("mine")
    {"text": lambda: file.write_text("turn_uris: []\n"),
     "empty": lambda: file.write_text("\n"),
     "link": lambda: file.symlink_to(tmp_path / "target"),
     "folder": file.mkdir}[kind]()
    done = apply("matrix", relay(), "--into", file, code=1)
    assert str(file) in done.stderr and done.stderr.count("\n") == 1
    assert (tmp_path / "target").read_text() == "mine" and len(os.listdir(file.parent)) == 1


@pytest.mark.parametrize("platform", ["jitsi", "matrix"])
def test_no_such_platform_on_this_host(relay, apply, tmp_path, platform):
    done = apply(platform, relay(), "--into", tmp_path / "nowhere" / "file", code=1)
    assert "on this host" in done.stderr and "check --server" in done.stdout
    assert SECRET in done.stdout


def test_rocketchat_takes_no_file(relay, apply):
    done = apply("rocketchat", relay(), code=1)
    assert "nothing has been written" in done.stderr and "users = (" in done.stdout


@pytest.mark.parametrize("args", [
    ["nextcloud", "--occ", "x"], ["nextcloud", "--apply", "--into", "x"],
    ["matrix", "--apply", "--occ", "x"], ["jitsi", "--into", "x"],
    ["nextcloud", "--apply", "--json"],
])
def test_wrong_options(cli, relay, args):
    done = cli("setup", *args, "--config", relay().path)
    assert done.returncode == 2 and done.stdout == "" and "--apply" in done.stderr
