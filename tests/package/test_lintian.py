"""The package as Debian's own judge sees it."""

import shutil

from machine import run


def test_nothing_to_say_against_it(package):
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", package, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stdout


def test_it_does_judge(newer, tmp_path):
    """A package with a flaw is found out, so silence above means something."""
    tree = tmp_path / "tree"
    run("dpkg-deb", "-R", newer, tree)
    (tree / "usr/share/doc/drehkreuz/copyright").unlink()
    shutil.rmtree(tree / "usr/bin")  # which is most of the work
    run("dpkg-deb", "--root-owner-group", "-b", tree, tmp_path)
    found = next(tmp_path.glob("*.deb"))
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", found, check=False)
    assert done.returncode != 0 and "no-copyright-file" in done.stdout
