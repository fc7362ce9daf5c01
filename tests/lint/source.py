"""The tree as the rules see it: files with comments and strings blanked, functions found by their
braces. It relies on clang-format's layout, which another rule enforces."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = re.compile(r"(^|/)(\.git|build[^/]*|__pycache__|\.pytest_cache)(/|$)")

_TOKEN = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
_CONTROL = re.compile(r"^( *)(?:\} )?(?:if|for|while|switch|do|else)\b")


def _blank(text, also_strings):
    """Same length and lines, with comments (and strings' insides) turned into spaces."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1] if also_strings else token
    return _TOKEN.sub(blank, text)


class Function:
    def __init__(self, line, lines, signature, body):
        self.line, self.lines, self.signature, self.body = line, lines, signature, body
        self.name = re.sub(r"\(.*", "", signature, flags=re.S).split()[-1].lstrip("*")

    def parameters(self):
        inside = self.signature[self.signature.index("(") + 1:self.signature.rindex(")")]
        depth, count = 0, 1
        for char in inside:
            depth += (char in "([") - (char in ")]")
            count += char == "," and depth == 0
        return 0 if inside.strip() in ("", "void") else count

    def depth(self):
        """Nesting of control statements; 1 is a statement in the function's own block."""
        indents = [len(m.group(1)) // 4 for m in map(_CONTROL.match, self.body) if m]
        return max(indents, default=0)


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.code = _blank(text, also_strings=False)
        self.bare = _blank(text, also_strings=True)

    @property
    def is_c(self):
        return self.path.endswith((".c", ".h"))

    @property
    def room(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "relay" and len(parts) > 2 else None

    def includes(self):
        """(line, name, is_system)."""
        for number, line in enumerate(self.code.splitlines(), 1):
            match = re.match(r'#include ([<"])([^>"]+)[>"]', line)
            if match:
                yield number, match.group(2), match.group(1) == "<"

    def find(self, pattern):
        """(line, match) in the code without comments and strings."""
        for match in re.finditer(pattern, self.bare):
            yield self.bare.count("\n", 0, match.start()) + 1, match

    def functions(self):
        """A body starts with `{` and ends with `}` in the first column."""
        lines = self.bare.splitlines()
        start = None
        for number, line in enumerate(lines):
            if line.rstrip() == "{":
                start = number
            elif line.startswith("}") and start is not None:
                head = start - 1
                while head > 0 and lines[head - 1].strip() and not re.match(
                        r"[#}]|.*[;{}]\s*$", lines[head - 1]):
                    head -= 1
                signature = "\n".join(lines[head:start])
                if "(" in signature:
                    yield Function(head + 1, number - head + 1, signature,
                                   lines[start + 1:number])
                start = None

    def top_level(self):
        """(line, text) of the declarations outside all functions and types."""
        text = re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                      self.bare, flags=re.M)
        depth, start, outside = 0, 0, []
        for at, char in enumerate(text):
            if char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0 and text[at + 1:at + 2] == "\n":
                    start, outside = at + 1, []
                continue
            elif char == ";" and depth == 0:
                statement = "".join(outside)
                skipped = len(statement) - len(statement.lstrip())
                yield text.count("\n", 0, start + skipped) + 1, " ".join(statement.split())
                start, outside = at + 1, []
                continue
            if depth == 0:
                outside.append(char)


class Tree(dict):
    """path -> Source, relative to the root."""

    def __init__(self, files, folders=()):
        super().__init__({path: Source(path, text) for path, text in files.items()})
        self.folders = set(folders)

    def c_files(self, under="relay/"):
        return [s for s in self.values() if s.is_c and s.path.startswith(under)]


def load(root=ROOT):
    files, folders = {}, set()
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if SKIPPED.search(name):
            continue
        if path.is_dir():
            folders.add(name)
        elif path.is_file():
            try:
                files[name] = path.read_text()
            except UnicodeDecodeError:
                files[name] = ""
    return Tree(files, folders)
