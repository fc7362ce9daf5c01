"""Certificates of a running server: taken up when they change, kept when the new ones are wrong."""

import hashlib
import os
import re
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest

from support import certificates
from support.netns import Netns, veth
from support.server import Server, refused

NOBODY = 65534
KEPT = "certificates-refused: kept the certificates in force"


class Live:
    """A folder as certbot keeps it: links that a renewal moves to new files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.number = 0
        self.pair = {"certificate": str(self.folder / "fullchain.pem"),
                     "key": str(self.folder / "privkey.pem")}
        self.renew()

    def make(self, **how):
        self.number += 1
        made = certificates.make(self.folder / str(self.number), ("localhost",), **how)
        return made

    def point(self, what, target):
        new = self.folder / "new"
        new.symlink_to(os.path.basename(target))
        new.rename(self.pair[what])

    def renew(self, **how):
        made = self.make(**how)
        self.point("certificate", made["certificate"])
        self.point("key", made["key"])
        return made


@pytest.fixture
def live(tmp_path):
    return Live(tmp_path)


def shown(server):
    """SHA-256 of the certificate that a new connection is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), 5) as plain, \
            context.wrap_socket(plain) as link:
        return hashlib.sha256(link.getpeercert(True)).hexdigest()


def prints(pair):
    return certificates.fingerprint(pair["certificate"])


def loaded(server, count):
    server.wait_log("certificates-loaded", count)


def test_a_renewal_by_moved_links(serve, live):
    server = serve({"certificates": [live.pair]})
    first = shown(server)
    assert first == prints(live.pair)
    assert re.search("certificates-loaded: 1 certificates are in force, the first to end has "
                     "(90|89) days left\n", server.log())
    live.renew(days=30)
    loaded(server, 2)
    assert shown(server) == prints(live.pair) != first


def test_a_renewal_by_renamed_files(serve, tmp_path):
    pair = certificates.make(tmp_path / "x", ("localhost",))
    server = serve({"certificates": [pair]})
    new = certificates.make(tmp_path / "new", ("localhost",))
    for what in pair:
        os.rename(new[what], pair[what])
    loaded(server, 2)
    assert shown(server) == prints(pair)


def test_a_pair_that_does_not_match_keeps_the_old_one(serve, live):
    server = serve({"certificates": [live.pair]})
    first = shown(server)
    made = live.make()
    live.point("certificate", made["certificate"])
    server.wait_log(KEPT)
    assert "does not belong to the certificate" in server.log()
    assert shown(server) == first
    time.sleep(1.5)
    assert server.log().count("certificates-refused") == 1
    live.point("key", made["key"])
    loaded(server, 2)
    assert shown(server) == prints(made)


@pytest.mark.parametrize("text", ["", "no certificate\n", None])
def test_a_broken_file_keeps_the_old_one(serve, live, text):
    server = serve({"certificates": [live.pair]})
    first = shown(server)
    if text is None:
        os.unlink(live.pair["certificate"])
    else:
        Path(live.pair["certificate"]).resolve().write_text(text)
    server.wait_log(KEPT)
    assert live.pair["certificate"] in server.log()
    assert shown(server) == first
    live.renew()
    loaded(server, 2)


def test_a_reload_takes_other_certificates(serve):
    server = serve()
    live, other = (Live(Path(server.dir, name)) for name in ("one", "other"))
    with pytest.raises(OSError):
        shown(server)
    server.reload({"certificates": [live.pair]})
    assert shown(server) == prints(live.pair)
    server.reload({"certificates": [other.pair]})
    assert shown(server) == prints(other.pair)
    server.reload({"certificates": []})
    with pytest.raises(OSError):
        shown(server)


def test_a_reload_with_a_wrong_certificate_is_refused(serve, live):
    server = serve({"certificates": [live.pair]})
    server.options["certificates"] = [live.pair | {"key": "/nowhere/key"}]
    server.write_conf()
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("reload-refused: kept the old configuration: /nowhere/key")
    assert shown(server) == prints(live.pair)


def test_the_end_is_announced_once_a_day(serve, live):
    live.renew(days=20)
    server = serve({"certificates": [live.pair]})
    time.sleep(1.2)
    assert "certificate-ends" not in server.log()
    server.advance(6 * 86400 + 60)
    server.wait_log("certificate-ends: a certificate has 13 days left, renew it")
    server.advance(3600)
    time.sleep(1.2)
    assert server.log().count("certificate-ends") == 1
    server.advance(86400)
    server.wait_log("a certificate has 12 days left")
    server.advance(14 * 86400)
    server.wait_log("certificate-ended")
    live.renew()
    loaded(server, 2)


# --- Wrong at the start ---

def test_a_missing_file_stops_the_start(live):
    code, log = refused({"certificates": [live.pair | {"key": "/nowhere/key"}]})
    assert code == 2 and "fatal: /nowhere/key: no such file" in log


def test_a_key_of_another_certificate_stops_the_start(live):
    other = live.make()
    code, log = refused({"certificates": [live.pair | {"key": other["key"]}]})
    assert code == 2 and "does not belong to the certificate" in log


@pytest.mark.parametrize("conf, says", [
    ({"listen_tls": ["127.0.0.1:5349"]}, "listen_tls: expected certificates to be set"),
    ({"web_server": "127.0.0.1:8443"}, "web_server: expected certificates to be set"),
    ({"certificates": [{"certificate": "c", "key": "/k"}]}, "certificates, entry 1: expected"),
    ({"turn_names": ["a b"]}, "turn_names, entry 1: expected"),
    ({"listen": []}, "listen: expected 1 to 16"),
])
def test_options_that_do_not_fit(conf, says):
    code, log = refused(conf)
    assert code == 2 and says in log


def test_a_web_server_that_is_the_relay_itself(live):
    space, other = Netns(), Netns()
    veth(space, other, "web", ["11.79.0.1/24"], ["11.79.0.2/24"])
    conf = {"certificates": [live.pair], "listen": ["0.0.0.0:443"], "relay_ipv6": "off"}
    try:
        code, log = refused(conf | {"web_server": "11.79.0.1:443"}, netns=space)
        assert code == 2 and "web_server: this server listens there itself" in log
        with Server(conf | {"web_server": "11.79.0.2:443"}, netns=space) as server:
            assert server.alive()
    finally:
        space.close()
        other.close()


# --- Privileges ---

def as_nobody(live):
    """A server that becomes nobody, and reads its certificates before."""
    server = Server({"user": "nobody", "certificates": [live.pair]})
    os.chmod(server.dir, 0o755)
    os.chown(server.secrets_path, NOBODY, NOBODY)
    for folder in [live.folder, *live.folder.parents]:
        if str(folder) not in ("/", "/tmp"):
            os.chmod(folder, 0o755)
    return server


def renewed_as_nobody(server, live):
    server.start()
    first = shown(server)
    live.renew()
    return first


def test_a_key_that_the_user_cannot_read_again(live):
    server = as_nobody(live)
    key = Path(live.pair["key"]).resolve()
    key.chmod(0o600)
    first = renewed_as_nobody(server, live)
    assert f"certificate-closed: {key} is closed to user nobody" in server.log()
    assert f"chgrp nogroup {key} && chmod g+r {key}" in server.log()
    assert first == shown(server)
    server.wait_log(KEPT)
    renewed = Path(live.pair["key"]).resolve()
    os.chown(renewed, 0, NOBODY)
    renewed.chmod(0o640)
    loaded(server, 2)
    assert shown(server) == prints(live.pair) != first
    server.stop()


def test_a_folder_that_the_user_cannot_enter(live):
    server = as_nobody(live)
    for file in live.folder.iterdir():
        file.chmod(0o644)
    live.folder.chmod(0o700)
    server.start()
    assert f"certificate-closed: {live.folder} is closed to user nobody" in server.log()
    assert f"chmod g+x {live.folder}" in server.log()
    server.stop()


def test_a_readable_key_is_no_event(live):
    server = as_nobody(live)
    for file in live.folder.iterdir():
        file.chmod(0o644)
    server.start()
    assert "certificate-closed" not in server.log()
    live.make()
    server.stop()

