"""Certificates that openssl's commands do not make: with any dates, with an authority between."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from support import certificates


class Authority:
    def __init__(self, name, cert=None, key=None, by=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.cert = cert or sign(by or self, name, self.key, (-1, 900), [
            (x509.BasicConstraints(ca=True, path_length=None), True)])


def root():
    """The one of support.certificates, whose file the tests trust."""
    pem = Path(certificates.authority())
    key = serialization.load_pem_private_key(pem.with_suffix(".key").read_bytes(), None)
    return Authority(None, x509.load_pem_x509_certificate(pem.read_bytes()), key)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def sign(by, name, key, days, extensions):
    """days: from when to when it is good, counted from now."""
    now = datetime.datetime.utcnow()
    issuer = by.cert.subject if hasattr(by, "cert") else _name(name)
    made = (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1], hours=1)))
    for extension, is_critical in extensions:
        made = made.add_extension(extension, is_critical)
    return made.sign(by.key, hashes.SHA256())


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make(target, names, days=(-1, 90), by=None, sent=()):
    """Writes target.pem and target.key. by: who signs, "self", or None for root(); sent: what goes
    along behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    extensions = [(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)]
    signer = Authority(names[0], cert=None, key=key) if by == "self" else by or root()
    cert = sign(signer, names[0], key, days, extensions)
    own = [cert] + [one.cert for one in sent]
    Path(f"{target}.pem").write_bytes(
        b"".join(one.public_bytes(serialization.Encoding.PEM) for one in own))
    Path(f"{target}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return {"certificate": f"{target}.pem", "key": f"{target}.key"}
