"""The server with a few of its lines changed: the file is compiled with the command of the build
tree and linked before the libraries, which then keep theirs. The tree itself stays as it is."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

from support.server import ROOT, binary

# Whose builds are no proof of a protection, but reach further: name -> [(file, old, new)].
VARIANTS = {
    "small_volume": [
        ("relay/turn/usage.c", "(uint64_t)TURN_VOLUME_UNIT * TURN_VOLUME_UNITS",
         "(uint64_t)16 * TURN_VOLUME_UNITS"),
        ("relay/turn/usage.c", "(clipped + TURN_VOLUME_UNIT / 2) / TURN_VOLUME_UNIT",
         "(clipped + 8) / 16"),
    ],
}


def tree():
    """Where the server was built, from the sources as they are."""
    server = Path(binary()).resolve()
    assert (server.parent / "compile_commands.json").exists(), f"{server.parent} is no build tree"
    newest = max(path.stat().st_mtime for path in (ROOT / "relay").rglob("*.[ch]"))
    assert server.stat().st_mtime >= newest, f"{server} is older than its sources; build it first"
    return server.parent


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                          shell=isinstance(command, str))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def changed(file, changes):
    """Its text with these (old, new); each old text must be there exactly once, or the change is
    about a line that has moved on."""
    text = (ROOT / file).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{file}: there is not exactly one\n{old}"
        text = text.replace(old, new)
    return text


def _compile(file, text, to):
    """The object file, and the one of the tree it stands for."""
    for one in json.loads((tree() / "compile_commands.json").read_text()):
        if one["file"].endswith("/" + file) and "CMakeFiles/unit" not in one["command"]:
            break
    else:
        raise AssertionError(f"{file} is not built")
    source = to / file  # below relay/, as debuggers will be told
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    command = shlex.split(one["command"])
    old = command[command.index("-o") + 1]
    new = str(source.with_suffix(".o"))
    command = [{old: new, one["file"]: str(source)}.get(word, word) for word in command]
    _run([*command, "-Wno-error", "-w"], one["directory"])
    return old, new


def make(changes, to, target="drehkreuz"):
    """Builds a program in the folder `to`; changes: [(file, old, new)]. Returns its path."""
    to.mkdir(parents=True, exist_ok=True)
    made = []
    for file in dict.fromkeys(file for file, _, _ in changes):
        text = changed(file, [(old, new) for name, old, new in changes if name == file])
        made.append(_compile(file, text, to))
    link = _run(["ninja", "-t", "commands", target], tree()).splitlines()[-1]
    path = to / Path(target).name
    for old, new in made:
        link = link.replace(f" {old} ", " ") if old in link else link
    first = " ".join(new for _, new in made)
    assert f" -o {target} " in link, link
    _run(link.replace(f" -o {target} ", f" -o {path} {first} "), tree())
    return str(path)


def built(name, to):
    """The file of a server of VARIANTS."""
    shutil.rmtree(to / name, ignore_errors=True)
    return make(VARIANTS[name], to / name)
