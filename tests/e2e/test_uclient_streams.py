"""coturn's load client over TCP, TLS and DTLS on the one port: nothing may be lost; and a
certificate that is renewed meanwhile."""

import os
import re
import subprocess
import sys
import time

import pytest

from relay import PORT, credential
from support import certificates
from test_uclient import FAMILY, PEERS, SERVERS, assert_no_loss, uclient

OVER = {"tcp": ["-t"], "tls": ["-t", "-S"], "dtls": ["-S"]}
PROBE = """
import hashlib, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
sock = context.wrap_socket(socket.create_connection(("10.77.0.1", int(sys.argv[2])), 5),
                           server_hostname=sys.argv[3])
print(hashlib.sha256(sock.getpeercert(True)).hexdigest())
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("served") / "served",
                             (certificates.NAME, "10.77.0.1"))


@pytest.fixture(scope="module")
def relay(start, pair):
    server = start(certificates=[pair])
    yield server
    server.stop()


def arguments(over, family="ipv4"):
    return [*OVER[over], "-p", str(PORT), FAMILY[family]]


@pytest.mark.parametrize("send, family", [([], "ipv4"), (["-s"], "ipv6")],
                         ids=["channel-ipv4", "send-ipv6"])
@pytest.mark.parametrize("over", sorted(OVER))
def test_client_to_client(world, relay, over, send, family):
    args = ["-y", *send, "-m", "4", "-n", "50", "-z", "20", "-l", "160", *arguments(over, family)]
    assert_no_loss(uclient(world, args, server=SERVERS[family]), 4 * 50)


@pytest.mark.parametrize("over", sorted(OVER))
def test_client_to_peer(world, relay, over):
    echo = world.popen("b", ["turnutils_peer", "-L", PEERS["ipv4"], "-p", "3480"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        args = ["-e", PEERS["ipv4"], "-r", "3480", "-m", "4", "-n", "50", "-z", "20",
                *arguments(over)]
        assert_no_loss(uclient(world, args), 4 * 50)
    finally:
        echo.kill()
        echo.wait()


@pytest.mark.parametrize("over", sorted(OVER))
def test_full_size_packets(world, relay, over):
    args = ["-y", "-m", "2", "-n", "50", "-l", "1100", *arguments(over)]
    assert_no_loss(uclient(world, args), 2 * 50)


def shown(world):
    """SHA-256 of the certificate that a new connection sees."""
    run = world.run("a", [sys.executable, "-c", PROBE, certificates.authority(), str(PORT),
                          certificates.NAME], timeout=20)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("over", ["tls", "dtls"])
def test_certificate_renewed_during_a_call(world, relay, pair, tmp_path, over):
    """By rename, certificate and key one after the other; then by a broken one."""
    who = credential()
    argv = ["turnutils_uclient", "-u", who[0], "-w", who[1], "-c", "-y", "-m", "2", "-n", "500",
            "-z", "20", *arguments(over), "10.77.0.1"]
    call = world.popen("a", argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(4)
    old = shown(world)
    fresh = certificates.make(tmp_path / "fresh", (certificates.NAME, "10.77.0.1"))
    new = certificates.fingerprint(fresh["certificate"])
    os.rename(fresh["certificate"], pair["certificate"])
    time.sleep(2.5)
    assert shown(world) == old  # the key does not fit yet
    os.rename(fresh["key"], pair["key"])
    end = time.monotonic() + 10
    while shown(world) != new:
        assert time.monotonic() < end, "the new certificate is not served"
        time.sleep(0.2)
    good = open(pair["certificate"]).read()
    broken = tmp_path / "broken"
    broken.write_text("not a certificate")
    os.rename(broken, pair["certificate"])
    time.sleep(2.5)
    assert shown(world) == new
    broken.write_text(good)
    os.rename(broken, pair["certificate"])
    text = call.communicate(timeout=60)[0]
    lost = re.search(r"Total lost packets (\d+)", text)
    assert call.returncode == 0 and lost and lost.group(1) == "0", text[-2000:]
