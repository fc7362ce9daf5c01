"""The image is built once and run in srv of e2e's topology, which stands for the host; clients are
in a. Where podman cannot run a container, a chroot takes its place, and the summary says so."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent)]

import boxes  # noqa: E402
import compose  # noqa: E402
import image as images  # noqa: E402
from world import two_sides, unwind_on_sigterm  # noqa: E402

told = []


def pytest_sessionstart(session):
    unwind_on_sigterm()
    images.private_mounts()


def pytest_terminal_summary(terminalreporter):
    for line in told:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def image():
    made = images.Image()
    yield made
    made.close()


@pytest.fixture(scope="session")
def kind(image):
    why = boxes.why_not_podman()
    told.append("containers were run by " + (f"chroot: podman cannot here ({why})" if why
                                             else "podman"))
    return boxes.Chroot if why else boxes.Podman


@pytest.fixture(scope="session")
def world():
    with two_sides() as made:
        yield made


class Host:
    """A copy of docker/ with the folders that its compose files mount, and a container."""

    def __init__(self, image, kind, space, folder, name):
        self.folder = folder / "docker"
        shutil.copytree(compose.FOLDER, self.folder)
        owners = {"/var/lib/drehkreuz": image.user(), "/run/redis": (999, 999)}
        places = {"/etc/drehkreuz": self.folder / "etc"}
        if name == "compose.ports.yaml":
            places["/etc/drehkreuz"] = self.folder / "etc-ports"
            del owners["/run/redis"]
        for target, (uid, gid) in owners.items():
            places[target] = folder / target.split("/")[-1]
            places[target].mkdir(mode=0o755)
            shutil.chown(places[target], uid, gid)
        self.places = places
        self.conf = places["/etc/drehkreuz"] / "drehkreuz.conf"
        self.service = compose.Service(name, "drehkreuz", places)
        self.box = kind(image, self.service, space)

    def configure(self, more):
        self.conf.write_text(self.conf.read_text() + more)


@pytest.fixture
def folder():
    """Other users get into it, and a socket's path in it is short."""
    with tempfile.TemporaryDirectory(prefix="dk") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def host(request, image, kind, world, folder):
    """@pytest.mark.parametrize("host", [...], indirect=True) names another compose file."""
    made = Host(image, kind, world["srv"], folder, getattr(request, "param", "compose.yaml"))
    made.configure('relay_ipv4 = "10.77.0.1";\nrelay_ipv6 = "off";\n'
                   if made.conf.parent.name == "etc" else 'relay_ipv4 = "10.77.0.1";\n')
    yield made
    made.box.close()
