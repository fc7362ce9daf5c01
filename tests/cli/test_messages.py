"""Every sentence that a mistake on the command line or at the start is answered with, and the
limits of the command line: just within and just beyond."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns
from support.server import SECRET, Server, binary, refused

USER = {"name": "greta-the-user", "password": "pass of greta"}
LONGEST = 2**31 - 1


def says(done, text, code=2):
    assert done.stderr == f"drehkreuz: {text}\n" and done.stdout == ""
    assert done.returncode == code


# --- The command line ---

@pytest.mark.parametrize("line, text", [
    (["entirely-different"], 'unknown command "entirely-different"; see drehkreuz --help'),
    (["cxxxk"], 'unknown command "cxxxk"; did you mean "check"?'),
    (["cxxxx"], 'unknown command "cxxxx"; see drehkreuz --help'),
    (["x" * 60], f'unknown command "{"x" * 60}"; see drehkreuz --help'),
    (["check", "--nothing-like-it"],
     'unknown option "--nothing-like-it"; see drehkreuz --help'),
    (["check", "--" + "x" * 60], f'unknown option "--{"x" * 60}"; see drehkreuz --help'),
    (["check", "-xy"], 'unknown option "-x"; see drehkreuz --help'),
    (["run", "--config"], "--config needs a value"),
    (["run", "now"], '"now" is one argument too many'),
    (["secret", "remove", "a", "b"], '"b" is one argument too many'),
    (["secret", "retire"], "secret retire needs ID; see drehkreuz secret retire --help"),
    (["credential"], "credential needs NAME; see drehkreuz credential --help"),
    (["config", "check", "--config", "/nowhere"],
     "/nowhere: cannot be read: No such file or directory"),
])
def test_wrong_lines(cli, line, text):
    says(cli(*line), text)


@pytest.mark.parametrize("line, text", [
    (["--user", "a", "--secret-file", "b"], "give either --secret-file or --user, not both"),
    (["--server", "x"], "--server needs --secret-file, or --user and --password-file"),
    (["--user", "a"], "--user needs --password-file, whose first line is the password"),
    (["--user", "a", "--password-file", "/nowhere"], "/nowhere: No such file or directory"),
    (["--server", "x", "--secret-file", "/nowhere"], "/nowhere: No such file or directory"),
    *[(["--transport", what], "--transport is a list of udp, tcp, tls and dtls, with commas "
                              "between them") for what in ("", "sctp", "udp,", "udp;tcp")],
    *[(["--server", what, "--secret-file", "/dev/null"],
       "--server is a host name or address, with :PORT behind it if it is not 3478")
      for what in ("", ":1", "x:0", "x:65536", "x:3478x", "x?transport=sctp", "x" * 300)],
])
def test_wrong_targets_of_a_check(cli, tmp_path, line, text):
    conf = tmp_path / "c.conf"
    conf.write_text(f'users = ( {{ name = "a"; password = "b"; }} );\nlisten = ["127.0.0.1:9"];\n')
    says(cli("check", "--config", conf, *line), text)


def test_a_check_without_what_it_needs(cli, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text('secrets_file = "/nowhere/secrets";\n')
    says(cli("check", "--config", conf),
         "no secret is in force and there is no user; make a secret with: drehkreuz secret new")
    says(cli("check", "--config", conf, "--transport", "udp,tls"),
         "the configuration has no listener for a transport named by --transport; TLS and DTLS "
         "need certificates")


def test_the_longest_user_of_a_check(cli, tmp_path):
    password = tmp_path / "password"
    password.write_text("p\n")
    line = ["check", "--server", "no-such-host.invalid", "--password-file", password, "--user"]
    assert cli(*line, "x" * 767).returncode == 1
    says(cli(*line, "x" * 768), "the user name is too long")


# --- Secrets and credentials ---

@pytest.fixture
def store(tmp_path, cli):
    path = tmp_path / "secrets"

    def run(verb, *args, **more):
        return cli("secret", verb, *args, "--file", path, **more)

    run.path = path
    return run


def test_length_of_an_id(store):
    says(store("new", "--id", "x" * 33), "an id is given once, 1 to 32 of a-z, 0-9 and -")
    assert store("new", "--id", "x" * 32).returncode == 0


@pytest.mark.parametrize("within, beyond", [(16, 15), (512, 513)])
def test_length_of_a_value(store, within, beyond):
    says(store("add", stdin="x" * beyond + "\n"),
         "a secret is one line of 16 to 512 bytes on standard input")
    assert store("add", stdin="x" * within + "\r\n").returncode == 0


def test_a_value_that_is_no_word(store):
    says(store("add", stdin="blanks inside are not allowed"),
         "the secret must not hold blanks or control characters", code=1)


def test_number_of_secrets(store):
    for i in range(16):
        assert store("new", "--id", f"s{i}").returncode == 0
    before = store.path.read_bytes()
    says(store("new", "--id", "s16"), "there is room for 16 secrets, remove one that is over",
         code=1)
    says(store("new", "--id", "s15"), "the id is taken by another secret", code=1)
    assert store.path.read_bytes() == before


def test_an_id_that_is_not_there(store):
    for verb in "retire", "remove":
        says(store(verb, "none"),
             f"{store.path} holds no secret of that id; see drehkreuz secret list", code=1)


def test_range_of_in(store):
    store("new", "--id", "a")
    for wrong in "-1", str(LONGEST + 1), "soon", "1s", "", "9" * 30:
        says(store("retire", "a", "--in", wrong), f"--in must be a number from 0 to {LONGEST}")
    for right in "0", str(LONGEST):
        assert store("retire", "a", "--in", right).stdout == f"a ends in {right} seconds\n"


def test_range_of_ttl(cli, store):
    store("new", "--id", "a")
    line = ["credential", "bob", "--file", store.path, "--ttl"]
    for wrong in "0", str(LONGEST + 1), "soon":
        says(cli(*line, wrong), f"--ttl must be a number from 1 to {LONGEST}")
    for right in "1", str(LONGEST):
        assert cli(*line, right).returncode == 0


def test_length_of_a_name(cli, store):
    line = ["--file", store.path]
    says(cli("credential", "bob", *line),
         "no shared secret is in force; make one with: drehkreuz secret new", code=1)
    store("new", "--id", "a")
    room = 508 - len(f"{int(time.time()) + 86400}:")
    assert cli("credential", "x" * room, *line).returncode == 0
    says(cli("credential", "x" * (room + 1), *line), "the name is too long", code=1)


def test_no_secrets_file(cli, tmp_path):
    conf = tmp_path / "c.conf"
    conf.write_text('secrets_file = "";\nusers = ( { name = "a"; password = "b"; } );\n')
    says(cli("secret", "list", "--config", conf),
         "the configuration names no secrets_file; give --file")


def without(capability, *line):
    """The finished command, run by a root that lacks a capability."""
    drop = ["setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}"]
    return subprocess.run([*drop, binary(), *map(str, line)], text=True, capture_output=True,
                          timeout=60)


def test_a_file_that_cannot_be_given_away(tmp_path):
    path = tmp_path / "given" / "secrets"
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)
    subprocess.run(["chown", "65534", path.parent], check=True)
    done = without("chown", "secret", "new", "--file", path)
    says(done, f"cannot give {path} to the server's user: Operation not permitted", code=1)


def test_a_file_that_cannot_be_written(cli):
    says(cli("secret", "new", "--file", "/nowhere/secrets"),
         "/nowhere/secrets: its folder cannot be locked: No such file or directory")


# --- The start ---

OPEN = ("there is neither a shared secret nor a user, and an open relay is not offered; make a "
        "secret with: drehkreuz secret new")


@pytest.mark.parametrize("conf, more, code, text", [
    ({}, {"secrets": ()}, 2, OPEN),
    ({"user": "no-such-user"}, {}, 1, 'user = "no-such-user": this host has no such user'),
    ({"realm": "u\u0308"}, {}, 2, "the realm must be in Unicode normal form C"),
    ({"users": [{"name": "x" * 255, "password": "p"}, {"name": "x" * 255, "password": "q"}]}, {},
     2, "static user 2: the name stands there twice"),
    ({"listen": ["192.0.2.77:3478"]}, {}, 1,
     "cannot listen on UDP 192.0.2.77:3478: no interface has this address: correct listen or set "
     "the address up first"),
    ({"listen": [], "listen_tcp": ["192.0.2.77:3478"]}, {}, 1,
     "cannot listen on TCP 192.0.2.77:3478: no interface has this address: correct listen or set "
     "the address up first"),
])
def test_starts_that_fail(conf, more, code, text):
    got, log = refused(conf, **more)
    assert got == code and log.splitlines()[-1] == f"drehkreuz: fatal: {text}"


@pytest.fixture
def space():
    made = Netns()
    yield made
    made.close()


def test_no_address_to_relay_on(space):
    code, log = refused({"relay_ipv4": "off", "relay_ipv6": "auto"}, netns=space)
    assert code == 2
    assert log.endswith("fatal: no address to relay on; set relay_ipv4 or relay_ipv6\n")


@pytest.fixture
def wrapped(monkeypatch):
    """wrapped("prlimit", ..., conf): a server that was started by way of another command."""
    made = []

    def start(*prefix, conf=None):
        server = Server(conf)
        made.append(server)
        plain = subprocess.Popen
        with monkeypatch.context() as patch:
            patch.setattr(subprocess, "Popen", lambda line, **how: plain([*prefix, *line], **how))
            server.spawn()
        return server

    yield start
    for server in made:
        server.discard()


def ended(server):
    try:
        return server.process.wait(10), server.log()
    finally:
        server.discard()


def test_a_user_that_may_not_be_changed_to(wrapped):
    code, log = ended(wrapped("setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid",
                              conf={"user": "nobody"}))
    assert code == 1
    assert log.endswith("fatal: cannot change to the configured user: Operation not permitted\n")


def test_threads_that_cannot_be_started(wrapped):
    """The limit binds once root is given up."""
    code, log = ended(wrapped("prlimit", "--nproc=1:1", conf={"user": "nobody"}))
    assert code == 1 and log.endswith("fatal: cannot start the worker threads\n")


# 256 spare ones, 10000 connections, two sockets per listener, 400 ports of two families.
FILES = 256 + 10000 + 2 * 2 + 2 * 400


@pytest.mark.parametrize("conf, wanted", [
    ({}, FILES),
    ({"relay_ipv6": "off"}, FILES - 400),
    ({"connections": 10}, FILES - 9990),
    ({"connections": 10, "threads": 2}, FILES - 9990 + 10 + 2 * 2),
    ({"connections": 10, "web_server": "127.0.0.1:9"}, FILES - 9990 + 10),
])
@pytest.mark.parametrize("missing", [0, 1])
def test_too_few_open_files_are_pointed_out(wrapped, tmp_path, conf, wanted, missing):
    given = wanted - missing
    if "web_server" in conf:
        conf = conf | {"certificates": [certificates.make(tmp_path / "x", ("localhost",))]}
    server = wrapped("prlimit", f"--nofile=300:{given}", "setpriv",
                     "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", conf=conf)
    server.wait_log("started")
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert re.search(rf"Max open files +{given} +{given} ", limits)
    said = f"fd-limit: room for {given} open files, the relay range could use {wanted}\n"
    assert server.log().count("fd-limit") == server.log().count(said) == missing
    server.stop()


# --- While it runs ---

def test_a_reload_without_credentials_is_refused(serve):
    server = serve({"users": [USER]}, secrets=None)
    server.reload({"users": [], "secrets_file": "/nowhere/secrets"}, event="reload-refused")
    assert server.log().endswith(
        "reload-refused: kept the old configuration: neither secrets nor users would be left\n")


def test_secrets_beyond_the_limits_are_refused(serve):
    server = serve()
    rows = [(f"s{i}", 0, 0, SECRET) for i in range(17)]
    server.write_secrets(rows)
    server.wait_log(f"secrets-refused: kept the secrets in force: {server.secrets_path}:17: "
                    "there is room for 16 secrets, remove one that is over\n")
    server.write_secrets(rows[:16])
    server.wait_log("16 shared secrets and 0 users are in force")


def test_addresses_are_looked_at_once_a_minute(serve):
    server = serve({"external_ipv4": "no-such-host.invalid"})
    said = ("address-unknown: no-such-host.invalid gave no address, the last one is kept\n")
    assert server.log().count(said) == 1
    server.advance(55)
    time.sleep(1.5)
    assert server.log().count(said) == 1
    server.advance(6)
    server.wait_log(said, 2)
