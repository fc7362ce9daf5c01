"""drehkreuz check over TCP, TLS and DTLS: what it prints, and each cause that it tells apart."""

import json
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns, veth
from support.server import SECRET, free_ports

NAME = "localhost"
DATA = ["binding", "challenge", "allocate", "clock", "second", "relay", "release"]
BEFORE = {"tcp": ["connect"], "tls": ["connect", "handshake", "certificate"],
          "dtls": ["handshake", "certificate"]}


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture
def trusted(monkeypatch):
    """The tests' own authority is one that this machine knows."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority())


@pytest.fixture
def tls(serve, tmp_path):
    """tls(pair, ...): a server with that certificate, else with a good one for NAME."""
    def start(pair=None, conf=None, **more):
        pair = pair or certificates.make(tmp_path / "good", (NAME, "127.0.0.1"))
        return serve({"certificates": [pair]} | (conf or {}), **more)
    return start


@pytest.fixture
def ask(cli, tmp_path):
    """ask(port, transports): {step: row} of a check of that port on this host."""
    def run(port, transports, host=NAME, **more):
        secret = tmp_path / "secret"
        secret.write_text(SECRET + "\n")
        done = cli("check", "--server", f"{host}:{port}", "--secret-file", secret, "--transport",
                   transports, "--json", **more)
        parsed = json.loads(done.stdout)
        assert parsed["ok"] == (done.returncode == 0) == all(s["ok"] for s in parsed["steps"])
        return {s["step"]: s for s in parsed["steps"] if "transport" in s}
    return run


def cause(steps, step):
    assert list(steps)[-1] == step and not steps[step]["ok"] and steps[step]["remedy"], steps
    return steps[step]["cause"]


# --- All is well ---

@pytest.mark.parametrize("over", BEFORE)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_all_is_well(tls, ask, trusted, over, host):
    pair = certificates.make(Path(certificates.authority()).parent / "both", ("127.0.0.1", "::1"))
    steps = ask(tls(pair).port, over, host)
    assert list(steps) == [f"{over}-{name}" for name in BEFORE[over] + DATA]
    assert all(s["ok"] and s["transport"] == over for s in steps.values())


def test_what_was_negotiated_is_printed(tls, ask, trusted):
    steps = ask(tls().port, "tls,dtls")
    assert steps["tls-handshake"]["note"].startswith("TLSv1.3, TLS_AES_")
    assert steps["tls-handshake"]["note"].count(", ") == 2
    assert steps["dtls-handshake"]["note"].startswith("DTLSv1.2, ECDHE-ECDSA-AES")
    assert steps["tls-certificate"]["note"] in ("90 days left", "89 days left")


def test_what_the_configuration_offers_is_checked(cli, tls, trusted):
    server = tls(conf={"turn_names": [NAME]})
    done = cli("check", "--config", server.path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(f"checking 127.0.0.1, UDP port {server.port}\n")
    lines = [line.split(": ")[0] for line in done.stdout.splitlines() if "IPv" in line]
    assert lines == [f"ok    {over} port {server.port}, {family}" for family in ("IPv4", "IPv6")
                     for over in ("UDP", "TCP", "TLS", "DTLS")][1:]
    done = cli("check", "--config", server.path, "--quick")
    assert done.returncode == 0 and "IPv" not in done.stdout


def test_a_port_shared_with_a_web_server(cli, tls, trusted, stranger):
    web = stranger(b"HTTP/1.1 400 no\r\n\r\n")
    server = tls(conf={"turn_names": [NAME], "web_server": f"127.0.0.1:{web}"})
    assert cli("check", "--config", server.path, "--transport", "tls").returncode == 0
    done = cli("check", "--server", f"127.0.0.1:{server.port}", "--secret-file",
               server.secrets_path, "--transport", "tls")
    assert done.returncode == 1 and "does not speak TLS" in done.stdout


def test_each_listener_is_found(cli, serve, trusted, tmp_path):
    ports = {name: free_ports(1) for name in ("udp", "tcp", "tls", "dtls")}
    conf = {f"listen_{name}": [f"127.0.0.1:{port}"] for name, port in ports.items()}
    pair = certificates.make(tmp_path / "x", (NAME,))
    server = serve(conf | {"certificates": [pair]})
    server.options["listen"] = []  # was for the fixture, which asks there whether it runs
    server.write_conf()
    done = cli("check", "--config", server.path)
    assert done.returncode == 0, done.stdout
    assert "names were not compared" in done.stdout
    for name, port in ports.items():
        assert f"{name.upper()} port {port}" in done.stdout


@pytest.mark.parametrize("uri, over", [
    ("turn:{}?transport=udp", "UDP"), ("turn:{}?transport=tcp", "TCP"),
    ("turns:{}?transport=tcp", "TLS"), ("turns:{}?transport=udp", "DTLS"), ("turns:{}", "TLS")])
def test_addresses_as_platforms_write_them(cli, tls, trusted, uri, over):
    server = tls()
    done = cli("check", "--server", uri.format(f"{NAME}:{server.port}"), "--secret-file",
               server.secrets_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"checking {NAME}, {over} port {server.port}\n")


@pytest.mark.parametrize("args, says", [
    (["--transport", "udp,quic"], "udp, tcp, tls and dtls"), (["--transport", ""], "udp, tcp"),
    (["--transport", "tls"], "TLS and DTLS need certificates")])
def test_transports_that_cannot_be(cli, serve, args, says):
    done = cli("check", "--config", serve().path, *args)
    assert done.returncode == 2 and says in done.stderr and done.stdout == ""


# --- Ports ---

@pytest.mark.parametrize("over, step, protocol", [
    ("tcp", "connect", "TCP"), ("tls", "connect", "TCP"), ("dtls", "handshake", "UDP")])
def test_a_closed_port(ask, over, step, protocol):
    port = free_ports(1)
    found = cause(ask(port, over, "127.0.0.1"), f"{over}-{step}")
    assert found == (f"port closed: 127.0.0.1 refuses {protocol} port {port}, nobody listens there")


@pytest.fixture
def hosts():
    made = {"here": Netns(), "srv": Netns()}
    veth(made["here"], made["srv"], "cable", ["11.78.0.2/24"], ["11.78.0.1/24"])
    subprocess.run(["ip", "netns", "exec", made["srv"].name, "nft", "-f", "-"], text=True,
                   check=True, input="table ip t {\n chain c {\n type filter hook input priority 0\n"
                                     "tcp dport 3478 drop\n udp dport 3478 drop\n }\n}\n")
    yield made
    for space in made.values():
        space.close()


def test_a_blocked_port(ask, hosts):
    for over, step, protocol in (("tls", "connect", "TCP"), ("dtls", "handshake", "UDP")):
        found = cause(ask(3478, over, "11.78.0.1", inside=hosts["here"]), f"{over}-{step}")
        assert found == f"port blocked: nothing comes back from 11.78.0.1 over {protocol} port 3478"


def test_a_closed_port_does_not_hide_the_others(cli, tls, trusted):
    server = tls(conf={"turn_names": [NAME]})
    here = [f"127.0.0.1:{server.port}"]
    server.options |= {"listen": [], "listen_tcp": [f"127.0.0.1:{free_ports(1)}"],
                       "listen_udp": here, "listen_tls": here, "listen_dtls": here}
    server.write_conf()
    done = cli("check", "--config", server.path)
    assert done.returncode == 1 and done.stdout.count("FAIL") == 1
    assert "port closed" in done.stdout and done.stdout.count("answers, allocates, relays") == 2


@pytest.fixture
def stranger():
    """stranger(answer): the port of a TCP server that says this to whoever connects, or closes."""
    listening = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve_forever(answer):
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            kept.append(client)
            client.recv(100)
            if answer:
                client.sendall(answer)
            client.close()

    def start(answer):
        threading.Thread(target=serve_forever, args=(answer,), daemon=True).start()
        return listening.getsockname()[1]

    yield start
    listening.close()


def test_what_listens_speaks_no_tls(ask, stranger):
    found = cause(ask(stranger(b"SSH-2.0-x\r\n" * 9), "tls", "127.0.0.1"), "tls-handshake")
    assert found == "what listens there does not speak TLS"


def test_no_certificate_is_configured(ask, serve):
    found = cause(ask(serve().port, "tls", "127.0.0.1"), "tls-handshake")
    assert found == "the server ends the connection instead of speaking TLS"


def test_what_listens_is_no_turn_server(ask, stranger):
    found = cause(ask(stranger(b""), "tcp", "127.0.0.1"), "tcp-binding")
    assert found == "the server ends the connection when asked by STUN over TCP"


# --- Certificates ---

def certificate(ask, server, over="tls", host=NAME):
    return cause(ask(server.port, over, host), f"{over}-certificate")


@pytest.mark.parametrize("over", ["tls", "dtls"])
def test_self_signed(tls, ask, tmp_path, over):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", tmp_path / "k", "-out", tmp_path / "c", "-days", 9, "-subj", f"/CN={NAME}",
            "-addext", f"subjectAltName=DNS:{NAME}")
    pair = {"certificate": str(tmp_path / "c"), "key": str(tmp_path / "k")}
    found = certificate(ask, tls(pair), over)
    assert found == "the certificate is self-signed, so browsers refuse it"


def test_wrong_name(tls, ask, trusted, tmp_path):
    server = tls(certificates.make(tmp_path / "other", ("other.example",)))
    assert certificate(ask, server) == "the certificate is for another name than localhost"
    found = certificate(ask, server, host="127.0.0.1")
    assert found == "the certificate is for another name than 127.0.0.1"


def test_incomplete_chain(tls, ask):
    assert certificate(ask, tls()).startswith("the chain is incomplete")


def test_unknown_authority(tls, ask, tmp_path):
    pair = certificates.make(tmp_path / "x", (NAME,))
    with open(pair["certificate"], "a") as chain:
        chain.write(Path(certificates.authority()).read_text())
    assert "does not know the authority" in certificate(ask, tls(pair))


def test_expired(tls, ask, trusted, tmp_path):
    folder = Path(certificates.authority()).parent
    pair = certificates.make(tmp_path / "x", (NAME,))
    names = tmp_path / "names"
    names.write_text(f"subjectAltName=DNS:{NAME}\n")
    openssl("req", "-new", "-key", pair["key"], "-subj", f"/CN={NAME}", "-out", tmp_path / "r")
    openssl("x509", "-req", "-in", tmp_path / "r", "-CA", folder / "ca.pem", "-CAkey",
            folder / "ca.key", "-CAserial", tmp_path / "serial", "-CAcreateserial", "-days", -1,
            "-extfile", names, "-out", pair["certificate"])
    server = tls(pair)
    assert certificate(ask, server) == "the certificate has expired"
    server.wait_log("certificate-ended")


def test_secrets_are_wrong_over_every_transport_alike(cli, tls, trusted, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-secret-of-this-server\n")
    done = cli("check", "--server", f"{NAME}:{tls().port}", "--secret-file", wrong, "--transport",
               "tcp,tls")
    assert done.returncode == 1 and done.stdout.count("wrong secret") == 1
