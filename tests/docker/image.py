"""The image, built from docker/Dockerfile by buildah. Its base, which users fetch, is here one
made by debootstrap and thinned out as the slim ones are."""

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support import debian

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "docker"
CLONE_NEWNS = 0x20000
BASE, NAME = "localhost/base", "localhost/drehkreuz"
# As in Debian's own images: no documents, and no waiting for the disk.
DPKG = "".join(f"path-exclude /usr/share/{name}/*\n"
               for name in ("doc", "info", "locale", "man")) + "force-unsafe-io\n"


def _driver():
    """Layers where the kernel has them for this file system; else copies, which take longer."""
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        for name in ("one", "two", "work", "all"):
            os.mkdir(os.path.join(folder, name))
        made = subprocess.run(
            ["sh", "-ec", "mount -t overlay overlay -o lowerdir=one,upperdir=two,workdir=work all; "
             "umount all"], cwd=folder, capture_output=True)
        return "vfs" if made.returncode else "overlay"


STORE = ["--root", str(HOME / "root"), "--runroot", str(HOME / "run"), "--storage-driver",
         _driver()]
PODMAN = ["podman", *STORE, "--cgroup-manager=cgroupfs", "--events-backend=file",
          "--runtime=crun"]


def private_mounts():
    """From now on this process and its children mount for themselves alone, and what they leave
    mounted goes with them. crun knows no mixture of both kinds of control groups."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    # It fails where / is none, in a chroot; who made that has a namespace of his own.
    subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True)
    kind = subprocess.run(["stat", "-fc", "%T", "/sys/fs/cgroup"], capture_output=True, text=True)
    if kind.stdout.strip() != "cgroup2fs":
        subprocess.run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"],
                       capture_output=True)


def buildah(*args):
    made = subprocess.run(["buildah", *STORE, *args], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert made.returncode == 0, f"buildah {args[0]}: {made.stdout[-2000:]}{made.stderr[-2000:]}"
    return made.stdout.strip()


def _thin_out(root):
    (root / "etc/dpkg/dpkg.cfg.d").mkdir(exist_ok=True)
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(DPKG)
    for name in ("doc", "info", "locale", "man"):
        shutil.rmtree(root / "usr/share" / name)
        (root / "usr/share" / name).mkdir()


def size(root):
    """Bytes of all files, links counted once."""
    seen = {}
    for folder, _, names in os.walk(root):
        for name in names:
            st = os.lstat(os.path.join(folder, name))
            seen[st.st_dev, st.st_ino] = st.st_size
    return sum(seen.values())


def clear():
    """Of this run, or of one that was killed."""
    if (HOME / "root").exists():
        subprocess.run([*PODMAN, "rm", "-f", "-a", "-t", "0"], capture_output=True)
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (at := line.split()[1]).startswith(f"{HOME}/"):
            subprocess.run(["umount", "-l", at], check=False)
    for path in HOME.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


class Image:
    """root: its files. conf: what the Dockerfile says of how to run it."""

    def __init__(self):
        HOME.mkdir(parents=True, exist_ok=True)
        self.lock = open(HOME / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        clear()
        self.base_size = self._make_base()
        buildah("bud", "--format", "docker", "--isolation", "chroot", "--layers=false",
                "--build-arg", f"BASE={BASE}", "-f", "docker/Dockerfile", "-t", NAME, ".")
        self.root = Path(buildah("mount", buildah("from", "--pull-never", NAME)))
        about = json.loads(buildah("inspect", "--type", "image", NAME))
        self.conf = about["Docker"]["config"]

    def _make_base(self):
        container = buildah("from", "scratch")
        root = Path(buildah("mount", container))
        subprocess.run(["tar", "-C", root, "--numeric-owner", "-xpf", debian.base_root()],
                       check=True)
        _thin_out(root)
        total = size(root)
        buildah("commit", "--rm", container, BASE)
        return total

    def close(self):
        clear()
        self.lock.close()

    def environment(self):
        return dict(pair.split("=", 1) for pair in self.conf["Env"])

    def user(self):
        """(uid, gid) of its USER."""
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == self.conf["User"]:
                return int(uid), int(gid)
        raise AssertionError("its USER is not in its passwd")
