"""Arguments, help, exit codes, secrets and credentials: what needs no running server."""

import base64
import hashlib
import hmac
import json
import os
import re
import stat
import time

import pytest

from support.server import ROOT

COMMANDS = ["run", "check", "setup", "privacy", "secret new", "secret add", "secret list",
            "secret retire", "secret remove", "secret revoke", "secret unrevoke", "credential",
            "stats", "reload", "drain", "kill", "trace", "config print", "config check",
            "config reference", "config man", "config events", "config completion",
            "config import", "config redis-acl"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli, command):
    done = cli(*command.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: drehkreuz {command}")
    assert f"\nexample: drehkreuz {command}" in done.stdout


def test_help_names_every_command(cli):
    done = cli("--help")
    assert done.returncode == 0
    assert re.findall(r"^  (\w+(?: [\w-]+)?)  +[A-Z]", done.stdout, re.M) == COMMANDS


def test_the_page_of_events_is_that_of_the_server(cli):
    assert cli("config", "events").stdout == (ROOT / "conf/events.md").read_text()


def test_version(cli):
    done = cli("--version")
    assert done.returncode == 0 and re.fullmatch(r"drehkreuz \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("line, guess", [
    (["chek"], "check"),
    (["secret", "nwe"], "secret new"),
    (["confg", "print"], "config print"),
    (["check", "--sever", "x"], "server"),
    (["check", "--quik"], "quick"),
])
def test_a_slip_gets_a_guess(cli, line, guess):
    done = cli(*line)
    assert done.returncode == 2 and done.stdout == ""
    assert f'did you mean "{guess}"?' in done.stderr


@pytest.mark.parametrize("line", [
    [], ["secret"], ["entirely-different"], ["secret", "retire"], ["credential"],
    ["run", "now"], ["check", "-xy"], ["secret", "list", "--json=3"], ["check", "x", "--quik"], ["run", "--config"], ["secret", "remove", "a", "b"],
    ["credential", "a", "--ttl", "soon"], ["credential", "a", "--ttl", "0"],
    ["secret", "retire", "a", "--in", "-1"], ["check", "--server", "x"],
    ["check", "--server", ":1", "--secret-file", "/dev/null"], ["check", "--user", "a"],
    ["check", "--user", "a", "--secret-file", "b"],
    ["run", "--config", "/nowhere"], ["config", "check", "--config", "/nowhere"],
])
def test_a_wrong_line_is_exit_2(cli, line):
    done = cli(*line)
    assert done.returncode == 2
    assert done.stderr.count("\n") == (1 if done.stderr else 0)
    assert done.stderr or "usage:" in done.stdout


# --- Secrets ---

@pytest.fixture
def store(tmp_path, cli):
    """store("list"): drehkreuz secret list on one file."""
    path = tmp_path / "secrets"

    def run(verb, *args, **more):
        return cli("secret", verb, *args, "--file", path, **more)

    run.path = path
    return run


def states(store):
    rows = json.loads(store("list", "--json").stdout)["secrets"]
    return {row["id"]: row["state"] for row in rows}


def test_new_makes_a_private_file_and_prints_the_value_once(store):
    done = store("new", "--id", "talk")
    assert done.returncode == 0 and re.fullmatch(r"[0-9a-f]{64}\n", done.stdout)
    assert stat.S_IMODE(os.stat(store.path).st_mode) == 0o600
    for shown in store("list"), store("list", "--json"):
        assert "talk" in shown.stdout and done.stdout.strip() not in shown.stdout
    assert store.path.read_text().count(done.stdout.strip()) == 1


def test_new_leaves_older_secrets_in_force(store):
    store("new", "--id", "old")
    store("new", "--id", "new")
    assert states(store) == {"old": "in force", "new": "in force"}


def test_ids_are_picked_by_date(store):
    store("new")
    store("new")
    first, second = states(store)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first) and second == first + "-2"


def test_an_id_is_used_once(store):
    store("new", "--id", "talk")
    before = store.path.read_bytes()
    done = store("new", "--id", "talk")
    assert done.returncode == 1 and "id is taken" in done.stderr and done.stdout == ""
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "Talk", "a b", "x" * 33, "a\nb", "ä"])
def test_ids_that_cannot_be(store, name):
    done = store("new", "--id", name)
    assert done.returncode == 2 and not store.path.exists()


def test_add_takes_the_value_from_standard_input(store, cli):
    value = "Straße-of-16-bytes+/="
    done = store("add", "--id", "matrix", stdin=value + "\n")
    assert done.returncode == 0 and value not in done.stdout + done.stderr
    assert store.path.read_text().endswith(f" {value}\n")


@pytest.mark.parametrize("value", ["", "short", "x" * 513, "two lines of text\nare too many"])
def test_add_refuses(store, value):
    done = store("add", stdin=value)
    assert done.returncode == 2 and not store.path.exists()
    assert len(value) < 6 or value not in done.stderr


def test_retire_then_remove(store):
    store("new", "--id", "old")
    store("new", "--id", "new")
    assert store("retire", "old").returncode == 0
    assert states(store) == {"old": "retiring", "new": "in force"}
    row = json.loads(store("list", "--json").stdout)["secrets"][0]
    assert abs(row["not_after"] - time.time() - 86400) < 10
    assert store("retire", "old", "--in", "0").returncode == 0
    time.sleep(1.1)  # the last second counts
    assert states(store) == {"old": "over", "new": "in force"}
    assert store("remove", "old").returncode == 0
    assert states(store) == {"new": "in force"}
    assert store("remove", "old").returncode == 1


def test_a_file_that_others_may_read_is_refused(store):
    store("new")
    store.path.chmod(0o644)
    done = store("list")
    assert done.returncode == 2 and "chmod 600" in done.stderr


def test_a_new_file_made_by_root_belongs_to_the_folders_owner(store):
    os.chown(store.path.parent, 65534, 65534)
    store("new")
    assert os.stat(store.path).st_uid == 65534


# --- Credentials ---

def test_credential_is_the_rest_schemes(cli, store):
    store("add", "--id", "one", stdin="n0rth-secret-0123456789")
    done = cli("credential", 'al"ice', "--ttl", "60", "--file", store.path, "--json")
    made = json.loads(done.stdout)
    expiry, name = made["username"].split(":")
    assert name == 'al"ice' and abs(int(expiry) - time.time() - 60) < 10 and made["ttl"] == 60
    mac = hmac.new(b"n0rth-secret-0123456789", made["username"].encode(), hashlib.sha1).digest()
    assert made["password"] == base64.b64encode(mac).decode()
    text = cli("credential", "bob", "--file", store.path).stdout
    assert re.fullmatch(r"username: \d+:bob\npassword: [\w+/]{27}=\n", text)


def test_no_credential_without_a_secret_in_force(cli, store):
    assert cli("credential", "bob", "--file", store.path).returncode == 1
    store("new", "--id", "old")
    store("retire", "old", "--in", "0")
    time.sleep(1.1)
    done = cli("credential", "bob", "--file", store.path)
    assert done.returncode == 1 and "drehkreuz secret new" in done.stderr


# --- Configuration ---

def test_config_check_and_print(cli, tmp_path):
    path = tmp_path / "c.conf"
    path.write_text('realm = "here";\nusers = ( { name = "ann"; password = "pass-of-ann"; } );\n')
    assert cli("config", "check", "--config", path).returncode == 0
    shown = cli("config", "print", "--config", path)
    assert shown.returncode == 0 and 'realm = "here"' in shown.stdout
    assert "pass-of-ann" not in shown.stdout


@pytest.mark.parametrize("text, place, says", [
    ('realm = "here"\nrealms = 3;\n', "c.conf:2", "realm"),
    ('thread = 3;\n', "c.conf:1", "threads"),
    ('\nthreads = 99;\n', "c.conf:2", "64"),
    ('relay_ports = "5-4";\n', "c.conf:1", "relay_ports"),
    ('listen = [ "somewhere" ];\n', "c.conf:1", "listen"),
    ('realm = "a', "c.conf:1", ""),
])
def test_config_errors_name_file_line_and_remedy(cli, tmp_path, text, place, says):
    path = tmp_path / "c.conf"
    path.write_text(text)
    for command in (["config", "check"], ["config", "print"], ["check"]):
        done = cli(*command, "--config", path)
        assert done.returncode == 2 and done.stdout == ""
        assert place in done.stderr and says in done.stderr and done.stderr.count("\n") == 1


def test_reference_is_a_valid_configuration(cli, tmp_path):
    path = tmp_path / "reference.conf"
    path.write_text(cli("config", "reference").stdout)
    assert cli("config", "check", "--config", path).returncode == 0
    assert cli("config", "man").stdout.startswith(".")
