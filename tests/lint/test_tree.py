"""The tree keeps the rules, is formatted, and every header stands alone."""

import shutil
import subprocess

import pytest

import rules
from source import ROOT, load


@pytest.fixture(scope="module")
def tree():
    return load()


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_tree(tree, rule):
    wrong = [f"{path}:{line}: {what}" for path, line, what in rule(tree)]
    assert not wrong, "\n" + "\n".join(wrong)


def c_paths(tree, suffixes=(".c", ".h")):
    return sorted(path for path in tree if path.endswith(suffixes))


def misformatted(paths, root=ROOT):
    run = subprocess.run([shutil.which("clang-format"), "--dry-run", "-Werror", *paths], cwd=root,
                         capture_output=True, text=True)
    return run.stderr if run.returncode else ""


def test_format(tree):
    assert not (text := misformatted(c_paths(tree))), text[-4000:]


def test_format_sees_a_difference(tmp_path):
    shutil.copy(ROOT / ".clang-format", tmp_path)
    (tmp_path / "a.c").write_text("int  f( void ) ;\n")
    assert misformatted(["a.c"], tmp_path)


def incomplete(path, root=ROOT):
    run = subprocess.run(
        ["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
         "-I", str(root / "relay"), "-x", "c", "-include", str(root / path), "/dev/null"],
        capture_output=True, text=True)
    return run.stderr if run.returncode else ""


def test_headers_stand_alone(tree):
    headers = [path for path in c_paths(tree, (".h",)) if path.startswith("relay/")]
    wrong = [text for path in headers if (text := incomplete(path))]
    assert headers and not wrong, "\n".join(wrong)


def test_headers_stand_alone_sees_a_missing_include(tmp_path):
    (tmp_path / "a.h").write_text("uint8_t f(void);\n")
    assert incomplete("a.h", tmp_path)
