"""A Debian of its own that boots: a fresh root in its own namespaces, systemd as first process.

It has one link, on which nobody else is, so that nothing reaches it from outside or leaves it:
packages are fetched before. cgroup2 is mounted anew for it, because what the host shows of it is
not the same everywhere, and may be nothing (a chroot).
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

from support import debian
from support.netns import Netns, sink

ADDRESS = "203.0.113.7"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb"}
BOOT = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/{name}
echo $$ >/sys/fs/cgroup/{name}/cgroup.procs
exec setpriv --pdeathsig TERM systemd-nspawn --boot --register=no --keep-unit --console=pipe \
    --machine={name} \
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
    --network-namespace-path=/run/netns/{name} --directory="$0"
"""
# What has been killed takes its time to leave.
UNGROUP = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd /sys/fs/cgroup
for i in $(seq 100); do
    [ -d {name} ] || exit 0
    find {name} -depth -type d -exec rmdir {{}} + 2>/dev/null || sleep 0.1
done
exit 1
"""


def run(*command, check=True, timeout=120, stdin="", **how):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, input=stdin, **how)
    assert not check or done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}"
    return done


def _private(script, *words):
    """As a command: a shell with mounts of its own."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, *words]


def chrooted(root, *command):
    """Before it boots, with this host's network; services do not start in a chroot."""
    inner = 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
    return run(*_private(inner, root, *command), timeout=300,
               env=ENVIRONMENT | {"DEBIAN_FRONTEND": "noninteractive"})


def prepare(folder, package):
    """A fresh root with what makes it boot. The package lies in its /srv, not installed, and what
    it needs in apt's cache; how long fetching that took is in the answer's `fetching`."""
    root = debian.unpack(folder)
    chrooted(root, "apt-get", "-q", "update")
    chrooted(root, "apt-get", "-qy", "install", "--no-install-recommends", "systemd-sysv")
    shutil.copy(package, root / "srv")
    begin = time.monotonic()
    chrooted(root, "apt-get", "-qy", "install", "--download-only", f"/srv/{package.name}")
    fetching = time.monotonic() - begin
    # Nobody answers in there, and waiting for that is no part of it.
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    return SimpleNamespace(root=root, fetching=fetching)


class Machine:
    def __init__(self, prepared, folder):
        self.root = Path(folder)
        run("cp", "-a", prepared.root, self.root)
        self.fetching = prepared.fetching
        self.netns = Netns()
        self.name = self.netns.name
        sink(self.netns, "wan", f"{ADDRESS}/24")
        self.process = self.leader = None

    def boot(self):
        self.console = open(f"{self.root}.console", "w+b")
        self.process = subprocess.Popen(_private(BOOT.format(name=self.name), str(self.root)),
                                        stdin=subprocess.DEVNULL, stdout=self.console,
                                        stderr=self.console)
        try:
            self._wait_up()
        except BaseException:
            self.close()
            raise
        return self

    def _wait_up(self):
        deadline = time.monotonic() + 60
        while not self._is_up():
            assert self.process.poll() is None and time.monotonic() < deadline, self._said()
            time.sleep(0.1)

    def _is_up(self):
        children = run("pgrep", "-P", self.process.pid, check=False).stdout.split()
        if not children:
            return False
        self.leader = int(children[0])
        state = self.sh("systemctl is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _said(self):
        self.console.seek(0)
        return f"systemd did not come up:\n{self.console.read().decode(errors='replace')[-3000:]}"

    def halt(self, at_once=False):
        """Orderly, or by its first process's end, with which all others end."""
        if self.process is None:
            return
        if at_once and self.leader:
            os.kill(self.leader, signal.SIGKILL)
        self.process.terminate()
        self.process.wait(60)
        self.process = self.leader = None
        self.console.close()
        run(*_private(UNGROUP.format(name=self.name)))

    def close(self):
        self.halt(at_once=True)
        self.netns.close()
        run("rm", "-rf", "--one-file-system", self.root)

    # --- In there ---

    def sh(self, text, check=True, stdin="", timeout=60):
        """A line as root types it in the folder with the package; the answer has its seconds."""
        inside = ["nsenter", "-t", str(self.leader), "-a", "-r", "-w", "--"]
        begin = time.monotonic()
        done = run(*inside, "sh", "-c", f"cd /srv; {text}", check=check, timeout=timeout,
                   stdin=stdin, env=ENVIRONMENT)
        done.seconds = time.monotonic() - begin
        return done

    def out(self, text):
        return self.sh(text).stdout.strip()

    def wait(self, text, wanted, seconds=20):
        """Until the line's output is what is wanted."""
        deadline = time.monotonic() + seconds
        while (got := self.sh(text, check=False).stdout.strip()) != wanted:
            assert time.monotonic() < deadline, f"{text}: {got!r}, not {wanted!r}\n{self.journal()}"
            time.sleep(0.1)

    def journal(self):
        return self.sh("journalctl --no-pager -o cat -u drehkreuz", check=False).stdout

    # --- The service ---

    def show(self, *keys):
        """One value, or as many as keys."""
        text = self.out("systemctl show drehkreuz -p " + " -p ".join(keys))
        found = dict(line.split("=", 1) for line in text.splitlines())
        return found[keys[0]] if len(keys) == 1 else [found[key] for key in keys]

    def pid(self):
        return int(self.show("MainPID"))

    def drop_in(self, name, text):
        folder = self.root / "etc/systemd/system/drehkreuz.service.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.conf").write_text(text)
        self.sh("systemctl daemon-reload")

    def drop_out(self):
        shutil.rmtree(self.root / "etc/systemd/system/drehkreuz.service.d", ignore_errors=True)
        self.sh("systemctl daemon-reload && systemctl restart drehkreuz")
