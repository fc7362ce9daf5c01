"""Limits that have to do with the host: days before a certificate's end, links before a file."""

import os
import time
from pathlib import Path

import pytest

from support import certificates
from support.server import Server

NOBODY = 65534
DAY = 86400


def test_the_last_two_weeks_of_a_certificate(serve, tmp_path):
    """Days are counted whole, and looked at once a day."""
    pair = certificates.make(tmp_path / "x", ("localhost",), days=17)
    time.sleep(1.1)
    server = serve({"certificates": [pair]})
    assert "the first to end has 16 days left" in server.log()
    server.advance(2 * DAY - 3600)
    time.sleep(1.5)
    assert "certificate-ends" not in server.log()
    server.advance(DAY + 7200)
    server.wait_log("certificate-ends: a certificate has 13 days left, renew it\n")


@pytest.mark.parametrize("count, named", [(0, "key"), (7, "key"), (8, "link1")])
def test_links_before_a_closed_key(tmp_path, count, named):
    """So many are followed to the file that has to be opened up; of more, the last one is named."""
    pair = certificates.make(tmp_path / "x", ("localhost",))
    key = tmp_path / "key"
    os.rename(pair["key"], key)
    key.chmod(0o600)
    last = key
    for number in range(1, count + 1):
        link = tmp_path / f"link{number}"
        link.symlink_to(last.name)
        last = link
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder) not in ("/", "/tmp"):
            folder.chmod(0o755)
    Path(pair["certificate"]).chmod(0o644)
    server = Server({"user": "nobody", "certificates": [pair | {"key": str(last)}]})
    os.chmod(server.dir, 0o755)
    os.chown(server.secrets_path, NOBODY, NOBODY)
    said = f"certificate-closed: {tmp_path / named} is closed to user nobody"
    with server:
        assert server.log().count("certificate-closed") == server.log().count(said) == 1


def test_the_most_threads(cli, serve):
    server = serve({"threads": 64, "connections": 16})
    assert "serves 2 listeners with 64 workers" in server.log()
    assert len(os.listdir(f"/proc/{server.pid}/task")) == 65
    assert cli("check", "--config", server.path, "--quick").returncode == 0
