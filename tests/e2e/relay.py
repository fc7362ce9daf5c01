"""The server under test, and coturn in its place to tell a wrong test from a wrong server
(pytest --against coturn)."""

import base64
import hashlib
import hmac
import secrets
import shutil
import subprocess
import time

from support.server import SECRET, Server

OTHER_SECRET = "another-secret-0123456789abcdef"
PORT = 3478


def password_of(user, secret=SECRET):
    mac = hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()
    return base64.b64encode(mac).decode()


def credential(secret=SECRET, ttl=86400, name=None):
    """As Nextcloud Talk makes them: `<expiry>:<16 characters>`, base64(HMAC-SHA1). A name of ""
    leaves the bare expiry, as Jitsi's are."""
    name = secrets.token_hex(8) if name is None else name
    user = f"{int(time.time()) + ttl}" + (f":{name}" if name else "")
    return user, password_of(user, secret)


class Coturn(Server):
    def spawn(self):
        argv = [shutil.which("turnserver"), "-n", "--lt-cred-mech", "--use-auth-secret",
                f"--static-auth-secret={SECRET}", f"--realm={self.realm}", f"-p{PORT}",
                "--no-cli", "--log-file=stdout", *self._certificate(),
                f"--pidfile={self.dir}/pid", f"--userdb={self.dir}/db", "--relay-threads=1"]
        for key in ("relay_ipv4", "relay_ipv6"):
            argv.append(f"--relay-ip={self.options[key]}")
        self.stderr = open(f"{self.dir}/stderr", "ab")
        with self.netns.inside():
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.stderr,
                                            stderr=self.stderr)
        return self.process

    def _certificate(self):
        pairs = self.options.get("certificates")
        if not pairs:
            return ["--no-tls", "--no-dtls"]
        return [f"--cert={pairs[0]['certificate']}", f"--pkey={pairs[0]['key']}",
                f"--tls-listening-port={PORT + 1}"]

    def stop(self):
        self.discard()


KINDS = {"drehkreuz": Server, "coturn": Coturn}
