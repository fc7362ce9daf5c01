"""The examples of the manual pages: at least ten each, and none that this program does not take."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from support import certificates
from support.server import ROOT

OPERATORS = {"&&", ">", "<", "|"}


def examples(page):
    """The text of each example of a page, as a reader sees it."""
    text = Path(ROOT, "conf", page).read_text().split(".SH EXAMPLES")[1].split(".SH ")[0]
    found = re.findall(r"^\.EX\n(.*?)^\.EE$", text, re.S | re.M)
    return [one.replace("\\-", "-").replace("\\e", "\\") for one in found]


def commands(text):
    """[[word]] of each call of the program, without what a shell takes away."""
    for line in text.replace("\\\n", " ").splitlines():
        words = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in lexer:
            words.append(word)
        while words:
            end = next((i for i, w in enumerate(words) if w in OPERATORS), len(words))
            if words[0] == "drehkreuz":
                yield words[1:end]
            words = words[end + 1:]


@pytest.mark.parametrize("page", ["drehkreuz.8", "drehkreuz.conf.5"])
def test_ten_examples(page):
    assert len(examples(page)) >= 10


@pytest.mark.parametrize("text", examples("drehkreuz.8"), ids=lambda t: t.split("\n")[0][:40])
def test_commands_are_taken(cli, text):
    """Every command and option is known: with --help none of them does anything."""
    calls = list(commands(text))
    assert calls
    for words in calls:
        done = cli(*words, "--help")
        assert done.returncode == 0 and done.stderr == "", (words, done.stderr)
        assert {w for w in words if w.startswith("--")} <= set(done.stdout.split()), words


@pytest.mark.parametrize("text", examples("drehkreuz.conf.5"), ids=lambda t: t.split(" ")[0])
def test_configurations_are_right(cli, tmp_path, text):
    path = tmp_path / "drehkreuz.conf"
    tls = certificates.shared()
    text = text.replace("/etc/drehkreuz/tls/fullchain.pem", str(tls["certificate"]))
    text = text.replace("/etc/drehkreuz/tls/privkey.pem", str(tls["key"]))
    path.write_text(text)
    done = cli("config", "check", "--config", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", ["drehkreuz.8", "drehkreuz.conf.5"])
def test_a_page_is_set_without_complaint(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                           Path(ROOT, "conf", page)], capture_output=True, text=True,
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "MANROFFSEQ": ""})
    assert done.returncode == 0 and done.stderr == ""
