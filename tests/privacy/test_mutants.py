"""Each protection taken away, one at a time: the test that is there for it must fail, and for that
reason (see mutants.py)."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Lock

import pytest
from mutants import MUTANTS
from support.server import ROOT
from variants import make

SECONDS = 240
CORES = Lock()


def judge(mutant, program):
    """(exit status, what it said) of the test with this server; smaller than in earnest."""
    env = dict(os.environ, DREHKREUZ_BIN=program, PRIVACY_QUICK="1", PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               f"tests/{mutant.test}"]
    if "::" not in mutant.test:
        command = [program]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True,
                          errors="replace", timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


def attempt(mutant, folder):
    target = "drehkreuz" if "::" in mutant.test else mutant.test
    program = make(mutant.changes, folder, target)
    # Where cores go is the host's, so there is one such test at a time.
    with CORES if "test_crash" in mutant.test else nullcontext():
        return judge(mutant, program)


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """number -> what became of that mutant; all that are asked for begin at once, two at a time."""
    wanted = [item.callspec.params["number"] for item in request.session.items
              if "outcomes" in getattr(item, "fixturenames", ())]
    with ThreadPoolExecutor(2) as pool:
        yield {number: pool.submit(attempt, MUTANTS[number], tmp_path_factory.mktemp("mutant"))
               for number in wanted}


@pytest.mark.parametrize("number", range(len(MUTANTS)),
                         ids=[f"{m.test.rsplit(':')[-1]}-{m.removed}" for m in MUTANTS])
def test_it_is_noticed(number, outcomes):
    mutant = MUTANTS[number]
    status, text = outcomes[number].result()
    assert status != 0, f"{mutant.test} does not miss it: {mutant.removed}"
    # A pytest that found a failed test; a program of C tests counts its failures.
    assert status == 1 or "::" not in mutant.test, text[-3000:]
    assert not re.search(r"^ERROR ", text, re.M), text[-3000:]
    assert re.search(mutant.reason, text), f"failed for another reason:\n{text[-3000:]}"


def test_every_test_has_one():
    """T1 to T12, by the files of their tests."""
    files = {mutant.test.split("::")[0].rsplit("/")[-1] for mutant in MUTANTS}
    assert files >= {"test_canary.py", "test_log_fuzz.py", "test_noninterference.py",
                     "test_redis_decoupling.py", "test_memory.py", "test_crash.py",
                     "test_differencing.py", "unit_metrics_test_noise", "test_trace.py",
                     "test_configuration.py", "test_binary.py"}
