"""A fresh, small Debian 12 root for tests that install or build in one: made once by debootstrap
from the mirror that this host's apt uses, then kept as a tar below build/."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

RELEASE = "bookworm"
CACHE = Path(__file__).resolve().parents[2] / "build" / "debian"
# Older ones lag behind the mirror, and what is installed in them would be mostly upgrades.
DAYS = 3
# How this host reaches its mirror; whom it trusts is the release's own business.
REACH = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries",
         "Acquire::Force")


def _output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sources():
    """(address, suite, components) of the release at this host's mirrors; its main suite first."""
    found = {}
    form = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
    for line in _output("apt-get", "indextargets", "--format", form, "Created-By: Packages",
                        "Architecture: " + _output("dpkg", "--print-architecture").strip()
                        ).splitlines():
        origin, address, suite, component = line.split()
        if origin == "Debian" and suite.split("-")[0] == RELEASE:
            found.setdefault((suite != RELEASE, suite, address), set()).add(component)
    assert found and not min(found)[0], f"apt on this host has no mirror of {RELEASE}"
    return [(address, suite, " ".join(sorted(components)))
            for (_, suite, address), components in sorted(found.items())]


def _reach():
    """Lines of apt's configuration, and the files they name."""
    lines = [line for line in _output("apt-config", "dump").splitlines()
             if line.startswith(REACH) and not line.endswith(' "";')]
    files = [line.split('"')[1] for line in lines]
    return lines, [name for name in files if name.startswith("/") and os.path.isfile(name)]


def _proxy(lines):
    for line in lines:
        if line.startswith("Acquire::http::Proxy ") and "DIRECT" not in line:
            return {"http_proxy": line.split('"')[1]}
    return {}


def _bootstrap(folder):
    lines, files = _reach()
    address, _, components = sources()[0]
    more = ["--include=ca-certificates"] if address.startswith("https:") else []
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", "--components=" + components.replace(" ", ","), *more,
         RELEASE, folder, address], env=os.environ | _proxy(lines), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert made.returncode == 0, "debootstrap: " + made.stdout[-3000:]
    root = Path(folder)
    (root / "etc/apt/sources.list").write_text(
        "".join(f"deb {a} {s} {c}\n" for a, s, c in sources()))
    (root / "etc/apt/apt.conf.d/90host").write_text(
        "".join(f"{line}\n" for line in [*lines, 'Acquire::Languages "none";']))
    for name in files:
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, root / name[1:])
    for name in [*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*_*"),
                 root / "etc/resolv.conf", root / "etc/hostname"]:
        name.unlink(missing_ok=True)


def _usable(tar):
    return tar.exists() and time.time() - tar.stat().st_mtime < DAYS * 86400


def base_root():
    """Path of a tar: a fresh minbase root whose apt knows this host's mirror, without lists. Needs
    root. Whoever comes second waits until the first has made it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(repr((sources(), _reach())).encode()).hexdigest()[:12]
    tar = CACHE / f"{RELEASE}-{name}.tar"
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _usable(tar):
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                root = os.path.join(folder, "root")
                _bootstrap(root)
                half = os.path.join(folder, "tar")
                _output("tar", "-C", root, "--numeric-owner", "--one-file-system", "-cf", half, ".")
                os.rename(half, tar)
    return tar


def unpack(folder):
    """A root in a folder that does not exist yet, with this host's ways to look names up. To run
    apt in it, mount a /proc; under chroot services must not start (policy-rc.d)."""
    os.makedirs(folder)
    _output("tar", "-C", folder, "--numeric-owner", "-xpf", str(base_root()))
    for name in ("etc/resolv.conf", "etc/hosts"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy("/" + name, os.path.join(folder, name))
    return Path(folder)
