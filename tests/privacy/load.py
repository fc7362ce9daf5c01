"""Many clients at once (see sender.c), and how much of them a run can afford."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from stores import die_with_parent
from stun import timed_password
from support.server import REALM, ROOT, SECRET

YEARS = 10 * 365 * 86400
QUICK = bool(os.environ.get("PRIVACY_QUICK"))


def size(full, quick):
    """How often something is done; mutants show themselves sooner than the rest can be proved."""
    return quick if QUICK else full


@functools.lru_cache(maxsize=1)
def _program():
    folder = tempfile.mkdtemp(prefix="sender")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = os.path.join(folder, "sender")
    source = Path(__file__).with_name("sender.c")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-o", target, str(source), "-lcrypto"],
                   check=True)
    return target


def _where(server):
    return [str(part) for part in server.addresses()[0][1]]


def junk(server, count, seed):
    """So many packets that are none, made of the fuzzers' corpora. All of them were read: the
    server answers between batches, and the kernel had room for each."""
    port = server.addresses()[0][1][1]
    before = dropped(port)
    corpora = sorted(str(p) for p in (ROOT / "tests/fuzz/corpus").glob("*/*"))
    done = subprocess.run([_program(), "junk", *_where(server), str(count), str(seed), *corpora],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dropped(port) - before


def dropped(port):
    """Datagrams to this port for which the kernel had no room."""
    with open("/proc/net/udp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(int(row[12]) for row in rows if row[1].endswith(f":{port:04X}"))


class Calls:
    """Up to 256 clients at once, from addresses in 127.77.0.0/16, each order done when it
    returns."""

    def __init__(self, server, name="somebody"):
        user = f"{int(server.now()) + YEARS}:{name}"
        self.process = subprocess.Popen(
            [_program(), "calls", *_where(server), user, timed_password(SECRET, user), REALM],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def _order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().endswith("done\n"), f"{text} failed"

    def allocate(self, count, volume=0):
        """volume: bytes, up to 1000, that each sends to a peer."""
        if count:
            self._order(f"allocate {count} {volume}")

    def free(self):
        """Ends those of the last allocate."""
        self._order("free")

    def wrong(self, count):
        self._order(f"wrong {count}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
