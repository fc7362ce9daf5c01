"""Nextcloud Talk's look at the certificate, by the same calls of PHP: turns: servers that do not
pass it are shown as broken."""

import json
import sys
import time

from front import CLOUD, NAME, NAMES
from relay import PORT
from support import certificates
from world import HERE


def probe(world, target):
    """(what PHP saw, or None; seconds)"""
    begin = time.monotonic()
    done = world.run("a", [sys.executable, str(HERE / "names.py"), json.dumps(NAMES), "php",
                           str(HERE / "certificate_probe.php"), target], timeout=40)
    assert done.returncode == 0, done
    return json.loads(done.stdout), time.monotonic() - begin


def settled(server, descriptors):
    """The server closes its side as well."""
    end = time.monotonic() + 5
    while server.descriptors() > descriptors and time.monotonic() < end:
        time.sleep(0.05)
    return server.descriptors() <= descriptors


def test_certificate_on_the_one_port(start, world, tmp_path):
    pair = certificates.make(f"{tmp_path}/pair", days=42)
    server = start(certificates=[pair])
    server.wait_log("started")
    log, descriptors = server.log(), server.descriptors()
    for host in ("10.77.0.1", "[fd77:0::1]", NAME):
        seen, _ = probe(world, f"{host}:{PORT}")
        assert seen.pop("days") in (42, 41)  # 42 within the second in which it was made
        assert seen == {"protocol": "TLSv1.3",
                        "fingerprint": certificates.fingerprint(pair["certificate"])}
    assert settled(server, descriptors)
    assert server.log() == log  # a look is nothing to speak of
    server.stop()


def test_certificates_on_port_443(port_443, world):
    """The names tell the relay from the web server behind it: PHP offers no ALPN."""
    for name, pair in ((NAME, certificates.shared()), (CLOUD, certificates.shared(CLOUD))):
        seen, _ = probe(world, f"{name}:443")
        assert seen["fingerprint"] == certificates.fingerprint(pair["certificate"])


def test_no_certificate(start, world):
    """Without TLS or without a server, the answer is no, and at once."""
    server = start()
    for port in (PORT, PORT + 1):
        seen, seconds = probe(world, f"{NAME}:{port}")
        assert seen is None and seconds < 5
    server.stop()
