"""Runs the command as a person or a service manager would."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from support.server import Server, binary  # noqa: E402


@pytest.fixture
def cli():
    """cli("secret", "list", ...): the finished process. `inside`: a network namespace."""
    def run(*args, stdin="", inside=None, env=None):
        prefix = ["ip", "netns", "exec", inside.name] if inside else []
        return subprocess.run([*prefix, binary(), *map(str, args)], input=stdin, env=env, text=True,
                              capture_output=True, timeout=60)
    return run


@pytest.fixture
def serve():
    """serve(conf, ...): a running server that must end cleanly."""
    running = []

    def start(conf=None, **more):
        server = Server(conf, **more)
        running.append(server)
        server.start()
        server.wait_log("started")
        return server

    yield start
    for server in running:
        if server.process is not None:
            server.stop()
