"""A Synapse of PyPI in an environment of its own, which is kept in build/ until synapse.txt
changes, and what its clients ask it."""

import fcntl
import hashlib
import http.client
import json
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from support.server import ROOT

PYTHON = "/usr/bin/python3"
VERSIONS = Path(__file__).with_name("synapse.txt")
NAME = "matrix.test.example"
PORT = 8008
HOMESERVER = """
server_name: {name}
public_baseurl: http://127.0.0.1:{port}/
listeners:
  - port: {port}
    type: http
    bind_addresses: ["127.0.0.1"]
    resources: [{{names: [client]}}]
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
registration_shared_secret: {secret}
macaroon_secret_key: {secret}
form_secret: {secret}
bcrypt_rounds: 4
allow_guest_access: true
report_stats: false
trusted_key_servers: []
suppress_key_server_warning: true
"""


def _install(folder):
    subprocess.run([PYTHON, "-m", "venv", folder], check=True, capture_output=True)
    done = subprocess.run(
        [f"{folder}/bin/python", "-m", "pip", "install", "--only-binary=:all:", "--no-deps",
         "-r", VERSIONS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (
        "Synapse could not be installed; can PyPI, or the index that pip is configured for, be "
        "reached from here? pip says:\n" + done.stderr[-2000:])


def interpreter():
    """The Python that has Synapse. It is installed when there is none, or another version."""
    key = hashlib.sha256(VERSIONS.read_bytes()).hexdigest()[:16]
    folder = ROOT / "build" / f"synapse-{key}"
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent / "synapse.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for old in folder.parent.glob("synapse-*"):
                shutil.rmtree(old)
            _install(folder)
            (folder / "complete").touch()
    return f"{folder}/bin/python"


class Synapse:
    """One homeserver in srv, on its loopback only; lines: what stands in its file about TURN."""

    def __init__(self, world, lines):
        self.python = interpreter()
        self.world = world
        self.dir = tempfile.mkdtemp(prefix="synapse")
        self.files = []
        homeserver = HOMESERVER.format(name=NAME, port=PORT, folder=self.dir,
                                       secret=secrets.token_hex(16))
        for name, text in (("homeserver.yaml", homeserver), ("turn.yaml", "\n".join(lines))):
            Path(self.dir, name).write_text(text + "\n")
            self.files += ["-c", f"{self.dir}/{name}"]
        self.log = open(f"{self.dir}/log", "w+")
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        argv = [self.python, "-m", "synapse.app.homeserver", *self.files]
        self.process = None
        subprocess.run([*argv, "--generate-keys"], check=True, stdout=self.log, stderr=self.log)
        self.process = self.world.popen("srv", argv, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=self.dir)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, \
                "Synapse did not start:\n" + Path(self.dir, "log").read_text()[-3000:]
            time.sleep(0.1)

    def _answers(self):
        try:
            return self.ask("GET", "client/versions")[0] == 200
        except ConnectionRefusedError:
            return False

    def ask(self, method, path, body=None, token=None):
        """(status, JSON) of one request below /_matrix."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        with self.world["srv"].inside():
            connection.connect()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, f"/_matrix/{path}", body=body and json.dumps(body),
                               headers=headers)
            answer = connection.getresponse()
            return answer.status, json.load(answer)
        finally:
            connection.close()

    def user(self, name):
        """Registers somebody as an administrator does. Returns an access token."""
        password = secrets.token_hex(16)
        done = self.world.run("srv", [
            self.python, "-m", "synapse._scripts.register_new_matrix_user",
            "-c", f"{self.dir}/homeserver.yaml", "--user", name, "--password", password,
            "--no-admin", f"http://127.0.0.1:{PORT}"], timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return self._token("client/v3/login", {
            "type": "m.login.password", "password": password,
            "identifier": {"type": "m.id.user", "user": name}})

    def guest(self):
        """An access token of somebody without an account."""
        return self._token("client/v3/register?kind=guest", {"initial_device_display_name": "x"})

    def _token(self, path, body):
        status, answer = self.ask("POST", path, body)
        assert status == 200, answer
        return answer["access_token"]

    def turn_server(self, token):
        """What Element asks for before a call."""
        status, answer = self.ask("GET", "client/v3/voip/turnServer", token=token)
        assert status == 200, answer
        return answer

    def close(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
