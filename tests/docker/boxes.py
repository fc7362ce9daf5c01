"""Containers of the image: run by podman, or, where that cannot run any, in a chroot with what
can be had of the same promises. Commands are lists for whoever starts them."""

import os
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import compose
import image as images

PODMAN = images.PODMAN
FORCED = "DREHKREUZ_CONTAINER"
# Health is asked for by the test; podman would want systemd to do so.
ENVIRONMENT = os.environ | {"DISABLE_HC_SYSTEMD": "true"}


def call(argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
                          **({"stdin": subprocess.DEVNULL} if "input" not in more else {}), **more)


def why_not_podman():
    """"" if it can run a container here and enter it; in some chroots it would end up outside."""
    if os.environ.get(FORCED) == "chroot":
        return f"{FORCED}=chroot"
    flags = [f"--ulimit={name}={compose.possible(name, 4096)}" for name in ("nofile", "nproc")]
    made = call([*PODMAN, "run", "-d", "--name=probe", "--cgroups=disabled", "--network=none",
                 "--read-only", *flags, "--entrypoint=sleep", images.NAME, "60"])
    if made.returncode == 0:
        made = call([*PODMAN, "exec", "probe", "drehkreuz", "--version"])
    call([*PODMAN, "rm", "-f", "-t", "0", "probe"])
    return "" if made.returncode == 0 else made.stderr.strip().splitlines()[-1]


class Box:
    """service: see compose.Service. space: the namespace that stands for the host's network."""

    def __init__(self, image, service, space):
        self.image, self.service, self.space = image, service, space

    def run(self, *args, **more):
        """docker compose run --rm"""
        return call(self.run_argv() + list(args), **more)

    def exec(self, *argv, **more):
        """docker compose exec -T"""
        return call(self.exec_argv() + list(argv), **more)

    def start(self):
        """docker compose up -d"""
        made = call(self.start_argv())
        assert made.returncode == 0, made.stdout + made.stderr
        self.wait_log("started:")

    def wait_log(self, text, count=1):
        deadline = time.monotonic() + 15
        while self.log().count(text) < count:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log()}"
            time.sleep(0.05)

    def status(self):
        """/proc/PID/status of its first process."""
        lines = Path(f"/proc/{self.pid()}/status").read_text().splitlines()
        return {line.split(":")[0]: line.split(":")[1].strip() for line in lines}

    def signal(self, number):
        os.kill(self.pid(), number)


class Podman(Box):
    name = "podman"
    confined = True

    def __init__(self, image, service, space):
        super().__init__(image, service, space)
        self.container = f"dk{id(self)}"
        self.flags = ["--cgroups=disabled", f"--network=ns:/run/netns/{space.name}",
                      "--log-driver=k8s-file", *service.podman()]

    def start_argv(self):
        return [*PODMAN, "run", "-d", "--name", self.container, *self.flags, images.NAME,
                *self.service.command()]

    def run_argv(self):
        return [*PODMAN, "run", "--rm", "-i", *self.flags, images.NAME]

    def exec_argv(self):
        return [*PODMAN, "exec", "-i", self.container]

    def _inspect(self, what):
        return call([*PODMAN, "inspect", "-f", "{{" + what + "}}", self.container]).stdout.strip()

    def pid(self):
        return int(self._inspect(".State.Pid"))

    def log(self):
        made = call([*PODMAN, "logs", self.container])
        return made.stdout + made.stderr

    def healthy(self):
        made = call([*PODMAN, "healthcheck", "run", self.container])
        return made.returncode == 0, made.stdout + made.stderr

    def stop(self):
        """(exit status, seconds) of docker compose stop, which kills after ten seconds."""
        begin = time.monotonic()
        made = call([*PODMAN, "stop", "-t", "10", self.container])
        seconds = time.monotonic() - begin
        assert made.returncode == 0, made.stderr
        return int(self._inspect(".State.ExitCode")), seconds

    def close(self):
        call([*PODMAN, "rm", "-f", "-t", "0", self.container])


class Chroot(Box):
    """The image's files read-only, its user, no capability, a mount namespace of its own."""

    name = "chroot"
    confined = False

    def __init__(self, image, service, space):
        super().__init__(image, service, space)
        self.dir = Path(tempfile.mkdtemp(dir=images.HOME))
        self.process = None

    def _mounts(self):
        root = shlex.quote(str(self.image.root))
        yield f"mount --rbind {root} {root}"
        for _, target, is_ro in self.service.volumes():
            at = f"{root}{target}"
            yield f"mount --bind {shlex.quote(str(self.service.places[target]))} {at}"
            if is_ro:
                yield f"mount -o remount,bind,ro {at}"
        yield f"mount -t proc proc {root}/proc"
        yield f"mount --rbind /dev {root}/dev"
        yield f"mount -o remount,bind,ro {root}"

    def _argv(self, command):
        """The command in a root of its own, made anew for each: they share what is mounted."""
        for _, target, _ in self.service.volumes():
            (self.image.root / target[1:]).mkdir(parents=True, exist_ok=True)
        uid, gid = self.image.user()
        drop = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs",
                "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
        limits = [f"{name}={'unlimited' if limit < 0 else limit}"
                  for name, limit in self.service.limits().items()]
        env = [f"{key}={value}" for key, value in self.image.environment().items()]
        inner = ["prlimit", *(f"--{text}" for text in limits), "chroot",
                 str(self.image.root), "env", "-i", *env, *drop]
        own = f"[ ! -p /dev/stdin ] || chown {uid} /dev/stdin"  # as runtimes do
        script = "; ".join(["set -e", own, *self._mounts(), f'exec {shlex.join(inner)} "$@"'])
        return ["nsenter", f"--net=/run/netns/{self.space.name}", "unshare", "--mount",
                "--propagation=unchanged", "sh", "-c", script, "sh", *command]

    def start_argv(self):
        """A shell that leaves it running; its log and its end are in files."""
        command = self._argv([*self.image.conf["Entrypoint"],
                              *(self.service.command() or self.image.conf["Cmd"])])
        quoted = shlex.quote(str(self.dir))
        return ["sh", "-c", f'cd {quoted}; {{ setsid "$@" >log 2>&1 </dev/null & echo $! >pid; '
                "wait $!; echo $? >code; } >/dev/null 2>&1 &", "sh", *command]

    def run_argv(self):
        return self._argv(self.image.conf["Entrypoint"])

    def exec_argv(self):
        return self._argv([])

    def pid(self):
        deadline = time.monotonic() + 5
        while not (self.dir / "pid").exists() or not (self.dir / "pid").read_text():
            assert time.monotonic() < deadline, "it was not started"
            time.sleep(0.01)
        return int((self.dir / "pid").read_text())

    def log(self):
        path = self.dir / "log"
        return path.read_text() if path.exists() else ""

    def healthy(self):
        test = self.image.conf["Healthcheck"]["Test"]
        made = self.exec(*test[1:])
        return made.returncode == 0, made.stdout + made.stderr

    def stop(self):
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        while not (self.dir / "code").exists() and time.monotonic() < begin + 10:
            time.sleep(0.02)
        assert (self.dir / "code").exists(), "it did not stop"
        time.sleep(0.02)
        return int((self.dir / "code").read_text()), time.monotonic() - begin

    def close(self):
        if (self.dir / "pid").exists() and not (self.dir / "code").exists():
            try:
                self.signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
