"""A relay whose secrets live in Redis, the calls through it, and what a fault may do to them:
nothing."""

import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("", "conformance", "e2e")]

import world  # noqa: E402
from client import UDP, Client, Credentials  # noqa: E402
from stores import ADMIN, die_with_parent, wait_for  # noqa: E402
from stun import ALLOCATE, timed_password  # noqa: E402
from support.server import Server, binary, config_text  # noqa: E402

USER, PASSWORD = "relay", "relay-password-0123456789"
RECOVERY = 5.0  # seconds after Redis is back
MEMORY = 16 << 20  # what a fault may cost
LATENCY = 0.050  # below this, a delay is the machine's business


def fresh():
    """A new shared secret."""
    return secrets.token_hex(16)


def server_for(conf, **more):
    """A relay that is not yet started; no secrets file unless one is given."""
    return Server(conf, **{"secrets": None} | more)


def acl_rule(conf):
    """The shipped rule for the relay's user, with a password in its place."""
    done = command({"realm": "turn"} | conf, "config", "redis-acl")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"user {USER} on >PASSWORD "), done.stdout
    return done.stdout.strip().replace("PASSWORD", PASSWORD)


def relay_conf(address, **more):
    return {"redis": address, "redis_user": USER, "redis_password": PASSWORD} | more


def admin_conf(server, store):
    """The options with which the operator changes what the server only reads."""
    return server.options | {"redis": store.path, "redis_user": "", "redis_password": ADMIN}


def command(options, *args, stdin=""):
    """Runs drehkreuz with a configuration of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write(config_text(options))
        conf.flush()
        return subprocess.run([binary(), *args, "--config", conf.name], input=stdin, text=True,
                              capture_output=True, timeout=60)


# --- What a client sees ---

def credentials(secret, name="someone", ttl=86400, now=None):
    user = f"{int(now or time.time()) + ttl}:{name}"
    return Credentials(user, timed_password(secret, user))


def outcome(server, who, **more):
    """0, or the code with which an Allocate is refused. who: a secret, or Credentials."""
    who = credentials(who, now=server.now()) if isinstance(who, str) else who
    one = Client(server, who, **more)
    try:
        return one.request(ALLOCATE, [UDP]).code
    finally:
        one.close()


def wait_until_good(server, secret, timeout=RECOVERY):
    wait_for(lambda: outcome(server, secret) == 0, timeout,
             lambda: f"the new secret is not in force:\n{server.log()}")


# --- Load ---

class _Here:
    """world.Agent in this process's own namespace."""

    def popen(self, _, argv, **more):
        return subprocess.Popen(argv, preexec_fn=die_with_parent, **more)


class Load:
    """Calls with a secret, and new allocations with each of some secrets in turn."""

    def __init__(self, server, shared, rate=10, calls=100, pps=20):
        to = server.addresses()[0][1]
        self.pid, self.waiting = server.pid, waiting(server.pid)
        self.agents = [world.Agent(_Here(), "", HERE / "calls_agent.py") for _ in range(2)]
        self.calls, self.churn = self.agents
        self.calls.call("begin", kind="calls", to=to, secret=shared[0], count=calls, pps=pps,
                        echo=self.churn.call("begin_echo"))
        self.churn.call("begin", kind="churn", to=to, secrets=list(shared), rate=rate)
        time.sleep(2.0)
        self.before = self.take()
        assert_untouched(self.before)

    def take(self):
        """waited: seconds for which the relay could have run and got no processor."""
        result = self.calls.call("take") | self.churn.call("take")
        before, self.waiting = self.waiting, waiting(self.pid)
        return result | {"waited": self.waiting - before}

    def use(self, *shared):
        self.churn.call("use", secrets=list(shared))

    def stop(self):
        for agent in self.agents:
            agent.call("stop")
            agent.close()

    def close(self):
        for agent in self.agents:
            agent.process.kill()
            agent.close()


def waiting(pid):
    """Seconds that the hungriest of its threads has waited for a processor."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return max(int((task / "schedstat").read_text().split()[1]) for task in tasks) / 1e9


def assert_untouched(figures, before=None):
    assert figures["refused"] == [] and figures["tried"] > 0, figures
    assert figures["lost"] == 0 and figures["sent"] > 0, figures
    if before:  # a machine that is busy delays what goes without the relay as well, and the relay
        slack = LATENCY + min(1.0, figures["waited"]) + 2 * figures["bare_p99"]
        assert figures["p99"] < max(slack, 5 * before["p99"]), (figures, before)
        assert figures["worst"] < slack + 2 * figures["bare_worst"] + 0.2, (figures, before)


# --- Memory ---

def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """The most resident bytes since the last reset."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(x for x in text.splitlines() if x.startswith("VmHWM")).split()[1]) * 1024


# --- Faults ---

class Scene:
    """A server, a Redis, and calls between which faults happen. known: every secret there ever
    was, none of which may be in the log."""

    def __init__(self, server, store, shared):
        self.server, self.store, self.shared = server, store, list(shared)
        self.known = list(shared) + [ADMIN, PASSWORD]
        self.failed = False  # the last fault's test, so its figures are not the next one's
        self.load = Load(server, shared)

    @property
    def realm(self):
        return self.server.realm

    def events(self, mark):
        """What has been said of Redis since."""
        return re.findall(r"\bredis-[a-z-]+(?=:)", self.server.log()[mark:])

    def wait_event(self, names, mark, timeout):
        wait_for(lambda: set(names) & set(self.events(mark)), timeout,
                 lambda: f"no {names} in:\n{self.server.log()}")

    def fault(self, event, make, mend, hold=2.0, timeout=12, store=None):
        """Makes it, waits for its event and then a while, mends it, and judges it all. event: its
        name, or several with "|" between, of which one must be told, once."""
        server, store, names = self.server, store or self.store, event.split("|")
        if self.failed:
            self.load.take()
        self.failed = True
        reset_peak(server.pid)
        before, mark = server.rss(), len(server.log())
        try:
            make()
            self.wait_event(names, mark, timeout)
            time.sleep(hold)
        finally:
            mend()
        mended = time.monotonic()
        self.known.append(fresh())
        store.put(self.realm, "fresh", self.known[-1])
        wait_until_good(server, self.known[-1], RECOVERY - (time.monotonic() - mended))
        figures = {"recovery": time.monotonic() - mended, "memory": peak(server.pid) - before}
        figures |= self.load.take()
        print(f"\n{event}:", *(f"{k} {v:.4g}," for k, v in figures.items() if k != "refused"))
        assert_untouched(figures, self.load.before)
        assert figures["memory"] < MEMORY, figures
        told = self.events(mark)
        assert sum(told.count(name) for name in names) == 1 and len(told) <= 5, told
        wait_for(lambda: self.events(mark)[-1] in ("redis-ready", "redis-new-master"), 5,
                 lambda: f"it does not say that all is well:\n{self.server.log()}")
        self.assert_silent()
        self.failed = False
        return figures

    def assert_silent(self):
        text = self.server.log()
        assert not [one for one in self.known if one in text], text

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.load.stop()
        finally:
            self.load.close()


def stop_on_sigterm():
    """An ended run cleans up as well: SIGTERM unwinds like an interrupt."""
    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
