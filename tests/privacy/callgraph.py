"""Which function of a program can reach which, read from its machine code."""

import re
import subprocess

_HEAD = re.compile(r"^([0-9a-f]+) <([^>]+)>:$")
_TARGET = re.compile(r"\b([0-9a-f]+) <([^>+]+)>")


def _run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Program:
    """file: of each function of ours, "turn/peer.c". calls: address of a function -> addresses it
    jumps to or takes, which for functions of libraries are their names."""

    def __init__(self, path):
        self.file, self.name, self.calls = {}, {}, {}
        self._read_files(path)
        self._read_code(path)

    def _read_files(self, path):
        for line in _run("nm", "-l", "--defined-only", path).splitlines():
            found = re.match(r"([0-9a-f]+) [tT] (\S+)\s+.*?/relay/([\w/]+\.[ch]):\d+", line)
            if found:
                self.file[int(found[1], 16)] = found[3]
                self.name[int(found[1], 16)] = found[2]

    def _read_code(self, path):
        here = None
        for line in _run("objdump", "-d", "--no-show-raw-insn", path).splitlines():
            if head := _HEAD.match(line):
                here = self.calls.setdefault(int(head[1], 16), set())
                continue
            for at, name in _TARGET.findall(line) if here is not None else ():
                here.add(name.split("@")[0] if "@" in name else int(at, 16))

    def of(self, *starts):
        """Functions of files whose name begins so."""
        return {at for at, file in self.file.items() if file.startswith(starts)}

    def named(self, name):
        return {at for at, its in self.name.items() if its == name}

    def reach(self, roots):
        """Every function, by address or library name, that these can come to."""
        seen, left = set(), list(roots)
        while left:
            at = left.pop()
            if at not in seen:
                seen.add(at)
                left += self.calls.get(at, ())
        return seen

    def users(self, name):
        """Files with functions that call or take it: a name of a library or of ours."""
        wanted = {name} | self.named(name)
        return {self.file.get(at, "?") for at, to in self.calls.items() if to & wanted}
