"""Certificates for tests: one authority per test run, pairs signed by it on demand."""

import atexit
import base64
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile

NAME = "turn.test.example"


def _openssl(*args, **how):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, **how).stdout


@functools.lru_cache(maxsize=1)
def _folder():
    """Holds ca.pem and ca.key."""
    folder = tempfile.mkdtemp(prefix="certificates")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-days", "3650",
             "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    return folder


def authority():
    """The file with the certificate that clients trust."""
    return f"{_folder()}/ca.pem"


def make(target, names=(NAME,), days=90, key="ec"):
    """Writes target.pem and target.key; names: host names and addresses it is good for."""
    kinds = ["IP:" + n if n.replace(".", "").isdigit() or ":" in n else "DNS:" + n for n in names]
    new = ["-newkey", "rsa:2048"] if key == "rsa" else \
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    _openssl("req", "-x509", *new, "-nodes", "-keyout", f"{target}.key", "-out", f"{target}.pem",
             "-days", str(days), "-subj", f"/CN={names[0]}", "-CA", f"{_folder()}/ca.pem",
             "-CAkey", f"{_folder()}/ca.key", "-addext", "subjectAltName=" + ",".join(kinds),
             "-addext", "basicConstraints=critical,CA:FALSE")
    return {"certificate": f"{target}.pem", "key": f"{target}.key"}


@functools.lru_cache(maxsize=None)
def shared(name=NAME, key="ec"):
    """The pair of servers that do not care which: one for each name and kind of key."""
    names = (name, "127.0.0.1", "::1", "10.77.0.1", "fd77::1")
    return make(f"{_folder()}/{name}-{key}", names, key=key)


def fingerprint(pem):
    """SHA-256 of a PEM certificate, as clients compute it from what they were shown."""
    text = _openssl("x509", "-in", pem, "-outform", "DER")
    return hashlib.sha256(text).hexdigest()


def spki_hash(pem):
    """What Chromium's --ignore-certificate-errors-spki-list wants."""
    public = _openssl("x509", "-in", pem, "-pubkey", "-noout")
    return base64.b64encode(hashlib.sha256(
        _openssl("pkey", "-pubin", "-outform", "DER", input=public)).digest()).decode()
