"""A clock for one server under test that jumps ahead on demand (see timewarp.c)."""

import atexit
import functools
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path


@functools.lru_cache
def compiled(name):
    """The file of a library to preload, made once per test run from a source beside this one."""
    folder = tempfile.mkdtemp(prefix="preload")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = Path(__file__).with_name(name)
    target = os.path.join(folder, source.stem + ".so")
    subprocess.run(
        ["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", target, str(source), "-ldl"],
        check=True)
    return target


class Warp:
    def __init__(self, folder):
        self.file = os.path.join(folder, "timewarp")
        self.offset = 0.0
        self._write()

    def _write(self):
        mode = "r+b" if os.path.exists(self.file) else "wb"
        with open(self.file, mode) as out:
            out.write(struct.pack("=q", int(self.offset * 1_000_000)))

    def environment(self):
        return {"LD_PRELOAD": compiled("timewarp.c"), "TIMEWARP_FILE": self.file}

    def advance(self, seconds):
        self.offset += seconds
        self._write()

    def now(self):
        """The server's wall clock, Unix seconds."""
        return time.time() + self.offset
