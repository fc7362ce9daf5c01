"""Two hosts for drehkreuz check: whoever asks, with a DNS of its own, and the server.

      here  11.77.0.2, 2a77::2 ──── 11.77.0.1, 2a77::1  srv = turn.example

Both look public to the relay's policy."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

from support import certificates, pki
from support.netns import Netns, veth
from support.resolver import A, Resolver
from support.server import SECRET, Server, binary

NAME = "turn.example"
SRV4, SRV6 = "11.77.0.1", "2a77::1"


class Scene(ExitStack):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.env = {"SSL_CERT_FILE": certificates.authority()}
        self.secret, self.args = SECRET, None

    def __enter__(self):
        self.here = self.enter_context(closing(Netns()))
        self.srv = self.enter_context(closing(Netns()))
        veth(self.here, self.srv, "cable", ["11.77.0.2/24", "2a77::2/64"],
             [f"{SRV4}/24", f"{SRV6}/64"])
        self.dns = self.enter_context(closing(Resolver(self.here, {(NAME, A): [SRV4]})))
        return self

    # --- The server ---

    def start(self, secrets=(("one", 0, 0, SECRET),), **conf):
        defaults = {"listen": [f"{SRV4}:3478", f"[{SRV6}]:3478"], "relay_ipv4": SRV4,
                    "relay_ipv6": SRV6, "allow_peers": None,
                    "certificates": [pki.make(self.folder / "pair", [NAME])]}
        self.server = Server(defaults | conf, secrets=secrets, netns=self.srv)
        self.server.start()
        self.server.wait_log("started")
        self.callback(self.server.stop)

    def restart(self, **conf):
        self.server.stop()
        self.start(**conf)

    def halt(self):
        """Ends it and keeps its files."""
        self.server.process.terminate()
        assert self.server.process.wait(10) == 0

    def certificate(self, **how):
        pair = pki.make(self.folder / f"new{time.monotonic_ns()}", **{"names": [NAME]} | how)
        self.server.reload({"certificates": [pair]})

    # --- What is between and beside ---

    def firewall(self, space, hook, rule):
        self.run(space, "nft", "-f", "-", check=True, stdin=f"""table inet t {{
            chain c {{
                type filter hook {hook} priority 0
                {rule}
            }}
        }}""")

    def run(self, space, *args, stdin="", **more):
        return subprocess.run(["ip", "netns", "exec", space.name, *map(str, args)], input=stdin,
                              text=True, capture_output=True, timeout=60,
                              env=os.environ | self.env, **more)

    def beside(self, *args):
        """Somebody else's program on the server's host."""
        with self.srv.inside():
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.callback(process.wait)
        self.callback(process.kill)
        return process

    def web_server(self, port, is_patient):
        """One that says no at the first bytes, or waits for the end of a request."""
        listening = self.srv.socket()
        self.callback(listening.close)
        listening.bind((SRV4, port))
        listening.listen()

        def answer(client):
            with client, contextlib.suppress(OSError):
                got = more = client.recv(1000)
                while is_patient and more and b"\r\n\r\n" not in got:
                    more = client.recv(1000)
                    got += more
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client = listening.accept()[0]
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    # --- Who asks, and with what ---

    def shared(self, transports="udp,tcp,tls"):
        """From here, by the secret."""
        file = Path(self.folder, "secret")
        file.write_text(self.secret + "\n")
        self.args = lambda: [self.here, "--server", NAME, "--secret-file", file, "--transport",
                             transports]

    def login(self, ends_in, secret=SECRET):
        """From here, by a credential that a platform has made."""
        user = f"{int(time.time()) + ends_in}:ann"
        password = base64.b64encode(hmac.digest(secret.encode(), user.encode(), hashlib.sha1))
        file = Path(self.folder, "password")
        file.write_bytes(password + b"\n")
        self.args = lambda: [self.here, "--server", NAME, "--user", user, "--password-file", file]

    def own(self, *more):
        """On the server's host, by its configuration."""
        self.args = lambda: [self.srv, "--config", self.server.path, *more]

    def check(self):
        """ok, steps by name, and rows: those that are not as they should be."""
        space, *args = self.args()
        done = self.run(space, binary(), "check", "--json", *args)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert done.returncode == (not said["ok"]) == any(not s["ok"] for s in said["steps"])
        return SimpleNamespace(ok=said["ok"], steps={s["step"]: s for s in said["steps"]},
                               rows=[s for s in said["steps"] if s["mark"] != "ok"])
