"""The issuer of a running server: credentials by HTTP and by line, for programs on this host."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from support.server import SECRET, free_ports, refused

KEY = "key of the issuer & of 16 bytes+"


def ask(port, path="/", **query):
    """(status, body) of one request."""
    query = urllib.parse.urlencode({"service": "turn", "key": KEY} | query)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{query}", timeout=5) as got:
            return got.status, json.loads(got.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def by_line(path, name):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(path))
        sock.sendall(name.encode() + b"\n")
        return sock.makefile().read()


def password(user, secret=SECRET):
    mac = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return base64.b64encode(mac).decode()


@pytest.fixture
def issuer(serve, tmp_path):
    port = free_ports(1)
    server = serve({"issuer_listen": f"127.0.0.1:{port}", "issuer_key": KEY,
                    "issuer_socket": str(tmp_path / "line"), "issuer_ttl": 600})
    server.wait_log("issuer-ready", 2)
    server.http, server.line = port, tmp_path / "line"
    return server


def test_a_credential_by_http(issuer, cli):
    status, made = ask(issuer.http, username="ann")
    assert status == 200
    expiry, name = made["username"].split(":")
    assert name == "ann" and abs(int(expiry) - time.time() - 600) < 10 and made["ttl"] == 600
    assert made["password"] == password(made["username"])
    assert made["uris"] == [f"turn:127.0.0.1:{issuer.port}?transport={t}" for t in ("udp", "tcp")]
    assert ask(issuer.http, username="ann", key="", api=KEY)[0] == 200
    secret = Path(issuer.dir, "password")
    secret.write_text(made["password"])
    done = cli("check", "--server", f"127.0.0.1:{issuer.port}", "--user", made["username"],
               "--password-file", secret, "--quick")
    assert done.returncode == 0, done.stdout


def test_who_gets_none(issuer, cli):
    assert ask(issuer.http, key="wrong key of the same length...")[0] == 403
    assert ask(issuer.http, service="stun")[0] == 400
    assert ask(issuer.http, username="a b")[0] == 400
    assert ask(issuer.http, "/other")[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"http://127.0.0.1:{issuer.http}/", b"body", timeout=5)
    cli("secret", "remove", "one", "--config", issuer.path)
    issuer.wait_log("no-credentials")
    assert ask(issuer.http)[0] == 503 and by_line(issuer.line, "ann") == ""


def test_a_credential_by_line(issuer):
    assert stat.S_IMODE(os.stat(issuer.line).st_mode) == 0o660
    user, secret, ttl = by_line(issuer.line, "ann").split()
    assert user.endswith(":ann") and secret == password(user) and ttl == "600"
    user, secret, _ = by_line(issuer.line, "").split()
    assert user.isdigit() and secret == password(user)
    assert by_line(issuer.line, "a b") == "" and by_line(issuer.line, "x" * 600) == ""


def test_the_secret_that_outlives_the_credential(issuer, cli):
    """While one is being retired, nothing is made of it any more."""
    other = "another-secret-of-thirty-bytes"
    cli("secret", "add", "two", "--config", issuer.path, stdin=other)
    issuer.wait_log("generation 2 is in force")
    cli("secret", "retire", "one", "--in", "300", "--config", issuer.path)
    issuer.wait_log("generation 3 is in force")
    made = ask(issuer.http, username="ann")[1]
    assert made["password"] == password(made["username"], other)


def test_nothing_of_it_is_written(issuer):
    for name in ("canary-7f3a", "canary 7f3a", "%00canary-7f3a"):
        ask(issuer.http, username=name, key="canary-key")
        ask(issuer.http, username=name)
        by_line(issuer.line, name)
    text = issuer.log()
    assert "canary" not in text and KEY not in text and "issuer" in text
    assert [line.split()[1] for line in text.splitlines()].count("issuer-ready:") == 2


def test_silent_and_endless_clients(issuer):
    """They are sent away after some seconds, and meanwhile others are served."""
    crowd = [socket.create_connection(("127.0.0.1", issuer.http)) for _ in range(20)]
    begin = time.monotonic()
    for number, one in enumerate(crowd):
        one.setblocking(False)
        if number % 2:
            one.send(b"GET /?service=turn")
    assert ask(issuer.http, username="ann")[0] == 200
    before = issuer.descriptors()
    while issuer.descriptors() > before - 20:
        assert time.monotonic() < begin + 9
        time.sleep(0.1)
        for one in crowd[1::2]:
            try:
                one.send(b"x")
            except OSError:
                pass
    for one in crowd:
        one.close()


def test_a_reload_moves_and_ends_it(issuer):
    moved = free_ports(1)
    issuer.reload({"issuer_listen": f"127.0.0.1:{moved}", "issuer_key": "another key of 16 bytes",
                   "issuer_uris": ["turns:turn.example.org"]})
    with pytest.raises(OSError):
        ask(issuer.http)
    assert ask(moved)[0] == 403
    assert ask(moved, key="another key of 16 bytes")[1]["uris"] == ["turns:turn.example.org"]
    issuer.reload({"issuer_listen": "", "issuer_socket": ""})
    with pytest.raises(OSError):
        ask(moved)
    assert not issuer.line.exists()


def test_a_port_in_use_is_named_and_calls_go_on(serve, cli):
    taken = socket.create_server(("127.0.0.1", 0))
    at = f"127.0.0.1:{taken.getsockname()[1]}"
    server = serve({"issuer_listen": at, "issuer_key": KEY})
    server.wait_log(f"issuer-refused: no credentials are given out: {at}: cannot listen there")
    assert cli("check", "--config", server.path, "--quick").returncode == 0
    taken.close()
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("issuer-ready")


def test_after_a_crash_its_socket_is_taken_over(serve, tmp_path):
    conf = {"issuer_socket": str(tmp_path / "line")}
    first = serve(conf)
    first.process.kill()
    first.process.wait()
    first.process = None
    assert (tmp_path / "line").exists()
    second = serve(conf)
    second.wait_log("issuer-ready")
    assert by_line(tmp_path / "line", "ann").endswith(" 86400\n")


@pytest.mark.parametrize("conf", [
    {"issuer_listen": "192.0.2.1:80", "issuer_key": KEY},
    {"issuer_listen": "0.0.0.0:8087", "issuer_key": KEY},
    {"issuer_listen": "127.0.0.1:3478", "listen": ["127.0.0.1:3478"], "issuer_key": KEY},
    {"issuer_listen": "127.0.0.1:8087", "issuer_key": "short"},
])
def test_places_where_it_must_not_be(conf):
    code, log = refused(conf)
    assert code == 2 and "issuer_" in log
