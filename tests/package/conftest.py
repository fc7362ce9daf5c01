"""The Debian package, in an empty Debian 12 that boots with systemd.

DREHKREUZ_BIN is a program in a build tree that has made its package; that is what is tested.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "e2e"),
                str(HERE.parent / "conformance")]

from machine import Machine, prepare, run  # noqa: E402
from support.server import binary  # noqa: E402
from world import unwind_on_sigterm  # noqa: E402


def pytest_sessionstart(session):
    unwind_on_sigterm()


@pytest.fixture(scope="session")
def package():
    """The package beside the program."""
    made = sorted(Path(binary()).parent.glob("drehkreuz_*.deb"), key=lambda p: p.stat().st_mtime)
    assert made, "make it: cmake --build build-package --target package"
    return made[-1]


@pytest.fixture(scope="session")
def newer(package, tmp_path_factory):
    """The package of a later version: another program, and a default configuration that differs."""
    there = tmp_path_factory.mktemp("newer") / "tree"
    run("dpkg-deb", "-R", package, there)
    control = there / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9."))
    with open(there / "usr/bin/drehkreuz", "ab") as program:
        program.write(b"another")
    with open(there / "usr/share/drehkreuz/drehkreuz.conf", "a") as conf:
        conf.write("# Another default.\n")
    run("dpkg-deb", "--root-owner-group", "-b", there, there.parent)
    return next(there.parent.glob("drehkreuz_9.*.deb"))


@pytest.fixture(scope="session")
def prepared(package, tmp_path_factory):
    made = prepare(tmp_path_factory.mktemp("prepared") / "root", package)
    yield made
    run("rm", "-rf", "--one-file-system", made.root)


@pytest.fixture(scope="module")
def machine(prepared, tmp_path_factory):
    """A fresh one for each file; its tests are one story, in their order."""
    made = Machine(prepared, tmp_path_factory.mktemp("machine") / "root")
    try:
        yield made.boot()
    finally:
        made.close()
