"""The promise of privacy, attacked: whatever a server shows, writes or leaves behind while people
use it, looked at by somebody who wants to know who they were."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / name)
                             for name in ("", "conformance", "e2e", "redis"))]

from attack import FIGURES  # noqa: E402
from scene import stop_on_sigterm  # noqa: E402


def pytest_sessionstart(session):
    stop_on_sigterm()


def pytest_terminal_summary(terminalreporter):
    """How well calls can be told from the statistics, whether or not it is well enough."""
    if FIGURES:
        terminalreporter.section("T8: right guesses")
        terminalreporter.write("\n".join(FIGURES) + "\n")


@pytest.fixture
def stack():
    """Whatever a test starts ends with it."""
    with ExitStack() as held:
        yield held
