"""conf/install.md as an administrator follows it: each command of the page is run, in its order, in
a fresh Debian, and what the page promises is to be seen. Installing must take five minutes.
"""

import re
from types import SimpleNamespace

import pytest

from machine import run
from support.server import ROOT

PAGE = ROOT / "conf" / "install.md"
LIMIT = 300
WORDS = 200 / 60  # read per second
KEYS = 150 / 60  # typed per second
# Two lines carried over to another host: its prompt, a copy, a paste.
PASTING = 20
READ_OUTPUT = ("drehkreuz setup", "drehkreuz check")


def commands(text):
    """[(section, command, what is to be seen)] of a page; every block of text belongs to the
    command before it."""
    found, section, block = [], "", None
    for line in text.splitlines():
        line = line.strip()
        if block is None and line.startswith("## "):
            section = line[3:]
        elif block is None and line.startswith("```"):
            block = (line[3:], [])
        elif line == "```":
            kind, lines = block
            block = None
            if kind == "sh":
                found.append(SimpleNamespace(section=section, command="\n".join(lines), seen=[]))
            else:
                found[-1].seen += lines
        elif block:
            block[1].append(line)
    return found


def pattern(line):
    """A line of the page; SECRET is one as the server makes them."""
    return re.escape(line).replace("SECRET", "[0-9a-f]{64}")


def missing(seen, output):
    """The first line of these that the output does not have after the ones before; None if all."""
    rest = output
    for line in seen:
        if not (match := re.search(rf"^.*{pattern(line)}", rest, re.M)):
            return line
        rest = rest[match.end():]
    return None


def words(text):
    return len(re.findall(r"\S*\w\S*", text))


def until(text, section):
    """The page up to where that section ends, without its commands, which are typed."""
    head, tail = text.split(f"## {section}\n", 1)
    whole = head + tail.split("\n## ", 1)[0]
    return re.sub(r"```sh.*?```", "", whole, flags=re.S)


def test_what_is_missing_is_seen():
    page = "## A\n1. Do:\n\n   ```sh\n   one\n   ```\n\n   ```text\n   key SECRET\n   end\n   ```\n"
    step, = commands(page)
    assert (step.section, step.command, step.seen) == ("A", "one", ["key SECRET", "end"])
    key = "key " + "0f" * 32
    assert missing(step.seen, f"{key}\nthe end\n") is None
    assert missing(step.seen, "key x\nend\n") == "key SECRET"
    assert missing(step.seen, f"end\n{key}\n") == "end"
    assert words("| a | *two* `--three 4` | -- |") == 4
    assert words(until("# P\nall of\n## A\n```sh\nx y z\n```\nit\n## B\nno\n", "A")) == 4


def shorten(drain):
    """Seconds in place of the minutes that calls are given before the removal."""
    text = drain.read_text()
    assert "/sleep 600" in text
    drain.write_text(text.replace("/sleep 600", "/sleep 2"))


@pytest.fixture(scope="module")
def steps(machine, newer):
    """All commands of the page, with what they have given. The newer package takes the place of the
    installed one where the page says so; its administrator answers yes."""
    found = commands(PAGE.read_text())
    for step in found:
        if step.section == "Upgrade" and step.command.startswith("apt install"):
            for old in machine.root.glob("srv/drehkreuz_*.deb"):
                old.unlink()
            (machine.root / "srv" / newer.name).write_bytes(newer.read_bytes())
        if step.command == "systemctl daemon-reload":
            shorten(machine.root / "etc/systemd/system/drehkreuz.service.d/drain.conf")
        step.done = machine.sh(step.command, check=False, stdin="y\n", timeout=120)
        if step.done.returncode != 0:
            break
    return found


def test_every_command_of_the_page_does_what_it_says(steps, machine):
    assert {s.section for s in steps} >= {"Install", "Change something", "Upgrade", "Remove"}
    for step in steps:
        told = f"{step.command}\n{step.done.stdout}"
        assert step.done.returncode == 0, told + machine.journal()
        line = missing(step.seen, step.done.stdout)
        assert line is None, f"no line with {line!r} after: {told}"


def test_the_folders_of_the_page_are_those_of_the_package(package):
    listed = run("dpkg-deb", "-c", package).stdout
    for name in ("drain.conf", "low-port.conf", "install.md", "nextcloud.md", "tls.md"):
        assert f"./usr/share/doc/drehkreuz/{name}\n" in listed


def test_five_minutes(steps, machine, capsys, record_property):
    typed = [s for s in steps if s.section == "Install"]
    output = "".join(s.done.stdout for s in typed if s.command.startswith(READ_OUTPUT))
    page = words(until(PAGE.read_text(), "Install"))
    # Each line ends with Enter, and apt wants a yes.
    keys = sum(len(s.command) + 1 for s in typed) + 2
    parts = {"page": page / WORDS, "output": words(output) / WORDS, "typing": keys / KEYS,
             "pasting": PASTING, "download": machine.fetching,
             "machine": sum(s.done.seconds for s in typed)}
    total = sum(parts.values())
    said = (f"{page} words of the page, {words(output)} of output, {keys} keys: "
            + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts.items())
            + f"; {total:.0f} s of {LIMIT} s")
    record_property("minutes", said)
    with capsys.disabled():
        print(f"\ninstalled, configured, checked: {said}")
    assert total <= LIMIT, said
