"""Redis servers and sentinels that the tests start, stop, freeze and kill; and a cable to them that
can be slow, cut, or tell lies."""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import redis

from support import certificates
from support.server import free_ports

ADMIN = "admin-password-0123456789"
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    """So that nothing is left behind, however a test run ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for(what, timeout=10, text="it did not happen in time"):
    """The first true value of what(); errors of a Redis that is not there yet count as false."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if value := what():
                return value
        except (redis.RedisError, OSError):
            pass
        assert time.monotonic() < deadline, text() if callable(text) else text
        time.sleep(0.01)


class Process:
    """One server in a folder of its own, without persistence."""

    program, kind = "", ""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="redis")
        self.conf = os.path.join(self.dir, "server.conf")
        self.port = free_ports(1)
        self.process = None

    def spawn(self):
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.program, self.conf, *self.kind.split()], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.dir, preexec_fn=die_with_parent)

    def send(self, number):
        self.process.send_signal(number)

    def freeze(self):
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.send(signal.SIGCONT)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as file:
            return file.read()

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


class Redis(Process):
    """rules: lines of `user ...`. password: the default user's, None for none. more: lines of
    redis.conf. The Unix socket is the admin's way in, so TCP is left to the relay."""

    program = "redis-server"

    def __init__(self, rules=(), password=ADMIN, more=()):
        super().__init__()
        self.password = password
        self.path = os.path.join(self.dir, "socket")
        lines = ["bind 127.0.0.1", f"port {self.port}", f"unixsocket {self.path}",
                 "unixsocketperm 777", "save \"\"", "appendonly no", f"dir {self.dir}",
                 "enable-debug-command local", "repl-diskless-sync-delay 0",
                 "repl-diskless-load swapdb", *more, *rules]
        if password:
            lines.append(f"requirepass {password}")
        self.write(lines)
        os.chmod(self.dir, 0o755)

    def write(self, lines):
        with open(self.conf, "w") as out:
            out.write("\n".join(lines) + "\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def client(self, db=0, **more):
        return redis.Redis(unix_socket_path=self.path, password=self.password, db=db,
                           decode_responses=True, **more)

    def start(self):
        self.admin = self.client()
        self.spawn()
        wait_for(self.admin.ping, text=self.log)
        return self

    def close(self):
        if hasattr(self, "admin"):
            self.admin.close()
        super().close()

    # --- The documented schema ---

    def put(self, realm, name, secret, not_before=0, not_after=0, db=0):
        """What `secret add` writes."""
        with self.client(db) as client, client.pipeline(transaction=True) as pipe:
            pipe.hset(f"turn:secret:{realm}", mapping={
                "schema": "1", name: f"{not_before} {not_after} {secret}"})
            pipe.publish("turn:secret", realm)
            pipe.execute()

    def publish(self, text):
        self.admin.publish("turn:secret", text)

    def cut(self, user="relay"):
        """Ends the connections of a user; they may come back."""
        for one in self.admin.client_list():
            if one["user"] == user and (user != "default" or not one["addr"].startswith(self.dir)):
                self.admin.client_kill_filter(_id=one["id"])


class Sentinel(Process):
    """password: its own, None for none."""

    program, kind = "redis-server", "--sentinel"

    def __init__(self, name, master, password=None):
        super().__init__()
        lines = ["bind 127.0.0.1", f"port {self.port}", f"dir {self.dir}",
                 f"sentinel monitor {name} 127.0.0.1 {master.port} 2",
                 f"sentinel down-after-milliseconds {name} 800",
                 f"sentinel failover-timeout {name} 4000",
                 f"sentinel auth-pass {name} {master.password}"]
        if password:
            lines += [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
        with open(self.conf, "w") as out:
            out.write("\n".join(lines) + "\n")
        self.name, self.password = name, password

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.admin = redis.Redis(port=self.port, password=self.password, decode_responses=True)
        self.spawn()
        wait_for(self.admin.ping, text=self.log)
        self.admin.execute_command("SENTINEL", "DEBUG", "info-period", "500",
                                   "publish-period", "500")
        return self

    def master(self):
        return self.admin.sentinel_get_master_addr_by_name(self.name)

    def state(self):
        return self.admin.sentinel_master(self.name)


def tls_lines(port):
    """Redis behind TLS, with the tests' authority."""
    pair = certificates.shared()
    return [f"tls-port {port}", f"tls-cert-file {pair['certificate']}",
            f"tls-key-file {pair['key']}", f"tls-ca-cert-file {certificates.authority()}",
            "tls-auth-clients no"]


# --- The cable ---

_COMMAND = re.compile(rb"(?:^|(?<=\r\n))\*\d+\r\n")


class Cable:
    """A TCP port that leads to another one. delay: seconds each piece of an answer takes. hole:
    takes everything and answers nothing. answer: what each command gets instead of the server's
    answer; flood: what follows the first answer without end."""

    def __init__(self, port):
        self.to = ("127.0.0.1", port)
        self.port = free_ports(1)
        self.reset_faults()
        self.pairs = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def reset_faults(self):
        self.delay, self.hole, self.answer, self.flood = 0.0, False, None, b""
        self.flooded = 0

    def cut(self):
        """Ends every connection of now."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def break_with(self, **fault):
        """The fault holds for connections from now on; those of now end."""
        self.reset_faults()
        for name, value in fault.items():
            setattr(self, name, value)
        self.cut()

    def mend(self):
        self.reset_faults()
        self.cut()

    def close(self):
        self.listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(self.to)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self.lock:
                self.pairs.add(pair)
            for work in (self._up, self._down):
                threading.Thread(target=self._guard, args=(work, pair), daemon=True).start()

    def _guard(self, work, pair):
        try:
            work(*pair)
        except OSError:
            pass
        finally:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            with self.lock:
                self.pairs.discard(pair)

    def _up(self, near, far):
        while data := near.recv(65536):
            if self.hole:
                continue
            if self.answer is None:
                far.sendall(data)
                continue
            near.sendall(self.answer * max(1, len(_COMMAND.findall(data))))
            while self.flood:
                self.flooded += near.send(self.flood)

    def _down(self, near, far):
        while data := far.recv(65536):
            if self.delay:
                time.sleep(self.delay)
            if not self.hole:
                near.sendall(data)
