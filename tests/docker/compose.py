"""A service of a compose file, as what must be said to run it without Docker."""

import resource
import shlex
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "docker"


CAP_SYS_RESOURCE = 24


def possible(name, limit):
    """The limit, or as much of it as whoever may not raise limits can give."""
    most = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
    text = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    if int(text, 16) >> CAP_SYS_RESOURCE & 1 or most == resource.RLIM_INFINITY:
        return limit
    return most if limit < 0 else min(limit, most)


def load(name):
    return yaml.safe_load((FOLDER / name).read_text())


def steps(name):
    """The commands in the comment at its top, one list per run of indented lines."""
    found, before = [], ""
    for line in (FOLDER / name).read_text().splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("#   "):
            if not before.startswith("#   "):
                found.append([])
            found[-1].append(line[4:])
        before = line
    return ["\n".join(lines) for lines in found]


class Service:
    """places: target -> folder on this host, which replaces what the file mounts there."""

    def __init__(self, name, service, places):
        self.spec = load(name)["services"][service]
        self.places = places
        assert set(places) == {target for _, target, _ in self.volumes()}

    def volumes(self):
        """(source, target, read-only)"""
        for text in self.spec.get("volumes", []):
            source, target, *mode = text.split(":")
            yield source, target, mode == ["ro"]

    def limits(self):
        limits = self.spec["ulimits"] | {"nproc": self.spec["pids_limit"]}
        return {name: possible(name, limit) for name, limit in limits.items()}

    def command(self):
        command = self.spec.get("command", [])
        return shlex.split(command) if isinstance(command, str) else command

    def podman(self):
        """Its options in podman's words. There may be no control groups where tests run, so the
        number of processes is a limit of the user's."""
        flags = [f"--cap-drop={name}" for name in self.spec["cap_drop"]]
        flags += [f"--security-opt={text}" for text in self.spec["security_opt"]]
        flags += [f"--ulimit={name}={limit}:{limit}" for name, limit in self.limits().items()]
        # Docker gives a read-only container no writable /tmp and /run; podman would.
        flags += ["--read-only", "--read-only-tmpfs=false"] if self.spec["read_only"] else []
        for _, target, is_ro in self.volumes():
            flags += ["-v", f"{self.places[target]}:{target}" + (":ro" if is_ro else "")]
        return flags
