"""An installation of coturn with its secrets and users in Redis: the relay takes its place, and
nothing in Redis changes."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Client
from scene import Credentials, credentials, fresh, outcome, server_for
from stores import ADMIN, Redis, die_with_parent, wait_for
from stun import PASSWORD_ALGORITHMS, key_md5, key_sha256
from support.server import Server

REALM = "turn.example.org"
ANN = Credentials("greta-the-user", "correct horse battery")
BOB = Credentials("bob", "a plain password")


class Coturn(Server):
    """Debian's turnserver on the same Redis. It knows either shared secrets or users."""

    def __init__(self, store, *mode):
        super().__init__({"realm": REALM, "listen": None}, secrets=None)
        self.options["listen"] = [f"127.0.0.1:{self.port}"]
        self.store, self.mode = store, mode

    def spawn(self):
        first, last = self.relay_ports.start, self.relay_ports.stop - 1
        argv = [shutil.which("turnserver"), "-n", *self.mode, f"--realm={REALM}",
                f"--listening-port={self.port}", "--listening-ip=127.0.0.1",
                "--relay-ip=127.0.0.1", "--allow-loopback-peers", "--no-cli", "--no-tls",
                "--no-dtls", "--log-file=stdout", f"--pidfile={self.dir}/pid",
                f"--min-port={first}", f"--max-port={last}", "--relay-threads=1",
                f"--redis-userdb={source(self.store)}"]
        self.stderr = open(f"{self.dir}/stderr", "ab")
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.stderr,
                                        stderr=self.stderr, preexec_fn=die_with_parent)
        return self.process

    def stop(self):
        self.discard()


def source(store):
    return f"ip=127.0.0.1 dbname=0 port={store.port} password={ADMIN} connect_timeout=5"


def turnadmin(store, *args):
    done = subprocess.run(["turnadmin", "--redis-userdb", source(store), "-r", REALM, *args],
                          text=True, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def uclient(server, who):
    """A call between two of its own allocations: (exit status, what it said)."""
    done = subprocess.run(
        ["turnutils_uclient", "-u", who.user, "-w", who.password, "-c", "-y", "-X", "-m", "2",
         "-n", "5", "-z", "20", "-p", str(server.port), "127.0.0.1"],
        text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def calls(pairs):
    """One call for each (server, credentials), at the same time."""
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda pair: uclient(*pair), pairs))
    for (server, _), (code, text) in zip(pairs, done):
        assert code == 0 and "Total lost packets 0" in text, text + server.log()


def everything(store):
    """All that Redis holds."""
    return {key: store.admin.execute_command("DEBUG", "DIGEST-VALUE", key)
            for key in store.admin.scan_iter()}


@pytest.fixture
def store(stack):
    """Filled with coturn's own tool."""
    made = stack.enter_context(Redis())
    made.shared = fresh()
    turnadmin(made, "-s", made.shared)
    turnadmin(made, "-a", "-u", ANN.user, "-p", ANN.password)
    key = f"turn/realm/{REALM}/user/{ANN.user}/key"
    assert made.admin.get(key) == key_md5(ANN.user, REALM, ANN.password).hex()
    assert made.admin.smembers(f"turn/realm/{REALM}/secret") == {made.shared}
    return made


def test_the_same_credentials_at_both(stack, store):
    timed = credentials(store.shared)
    with Coturn(store, "--use-auth-secret") as one, Coturn(store, "--lt-cred-mech") as two:
        calls([(one, timed), (two, ANN)])
    before = everything(store)
    server = stack.enter_context(server_for(
        {"redis": store.address, "redis_password": ADMIN, "redis_users": True, "realm": REALM,
         "rfc5766_channels": True}))
    server.wait_log("redis-ready")
    calls([(server, timed), (server, ANN)])
    assert uclient(server, Credentials(ANN.user, "wrong"))[0] != 0
    assert everything(store) == before
    for word in (store.shared, ADMIN, ANN.password, ANN.user):
        assert word not in server.log()


def test_kinds_of_users_keys(stack, store):
    """As coturn makes them, as its documents promise them, and of RFC 8489."""
    prefix = f"turn/realm/{REALM}/user"
    cyd = Credentials("cyd", "password of cyd")
    store.admin.set(f"{prefix}/bob/key", BOB.password)
    server = stack.enter_context(server_for(
        {"redis": store.address, "redis_password": ADMIN, "redis_users": True, "realm": REALM}))
    server.wait_log("redis-ready")
    assert [outcome(server, who) for who in (ANN, BOB)] == [0, 0]
    # A key of MD5 alone cannot answer SHA-256, so that is not offered to anybody.
    one = Client(server, ANN, mode="8489")
    assert one.challenge().get(PASSWORD_ALGORITHMS) is None
    one.close()
    store.admin.delete(f"{prefix}/{ANN.user}/key")
    store.admin.set(f"{prefix}/cyd/key", key_sha256("cyd", REALM, cyd.password).hex())
    store.publish(REALM)
    wait_for(lambda: outcome(server, ANN) == 401)
    assert outcome(server, BOB) == 0 and outcome(server, BOB, mode="8489") == 0
    assert outcome(server, cyd, mode="8489") == 0


def test_users_only_if_wanted(stack, store):
    server = stack.enter_context(server_for(
        {"redis": store.address, "redis_password": ADMIN, "realm": REALM}))
    server.wait_log("redis-ready")
    assert outcome(server, ANN) == 401 and outcome(server, store.shared) == 0


def test_users_that_nobody_should_have_made(stack, store):
    """Names that lie about their place, keys that are no strings: passed over, the rest holds."""
    prefix = f"turn/realm/{REALM}/user"
    store.admin.set(f"{prefix}/a/b/key", "x" * 32)
    store.admin.set(f"{prefix}//key", "password-of-nobody")
    store.admin.set(f"{prefix}/" + "n" * 5000 + "/key", "password-of-too-long")
    store.admin.set(f"{prefix}/empty/key", "")
    store.admin.hset(f"{prefix}/hash/key", "a", "b")
    store.admin.set(f"{prefix}/\x00\xff/key".encode("latin-1"), "password-of-noise")
    store.admin.set(f"{prefix}/bob/key", BOB.password)
    server = stack.enter_context(server_for(
        {"redis": store.address, "redis_password": ADMIN, "redis_users": True, "realm": REALM}))
    wait_for(lambda: outcome(server, store.shared) == 0)
    assert [outcome(server, who) for who in (ANN, BOB)] == [0, 0]
    for word in ("password-of", "nnnn", "bob"):
        assert word not in server.log()
