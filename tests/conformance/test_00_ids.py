"""Every requirement of ids.csv has a test of its name, or a reason why not."""

import ast
import csv
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = re.compile(r"^test_([A-Z])(\d\d)_[a-z0-9_]+$")


def rows():
    with open(HERE / "ids.csv", newline="") as file:
        return list(csv.DictReader(file))


def by_id():
    """{ID: [test names]} over all test files here."""
    result = {}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match = isinstance(node, ast.FunctionDef) and NAME.match(node.name)
            if match:
                result.setdefault(f"{match[1]}{int(match[2])}", []).append(node.name)
    return result


def test_every_id_in_scope_has_a_test():
    named = by_id()
    missing = [r["id"] for r in rows() if r["scope"] == "in" and r["id"] not in named]
    assert not missing


def test_no_test_names_an_id_that_is_not_in_scope():
    known = {r["id"] for r in rows() if r["scope"] == "in"}
    assert not [names for one, names in by_id().items() if one not in known]


def test_every_id_out_of_scope_has_a_reason():
    bad = [r["id"] for r in rows() if (r["scope"] == "out") != bool(r["reason"])]
    assert not bad
    assert all(r["scope"] in ("in", "out") and r["requirement"] for r in rows())


def test_ids_are_complete_and_unique():
    ids = [r["id"] for r in rows()]
    assert len(ids) == len(set(ids)) == 300


def test_no_test_name_is_defined_twice():
    """A second definition would hide the first from pytest."""
    for path in HERE.glob("test_*.py"):
        names = [n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
        assert len(names) == len(set(names)), path.name
