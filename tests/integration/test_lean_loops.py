"""A loop sleeps for months: what it loads for nothing it would hold for as long."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.toy_ground import ROOT

# Everything that a loop has loaded before its first act, as `start` loads it.
LOADED = """
import sys
from automation.engine.commands import start
from automation.engine.loading import load
system = load(sys.argv[1])
for name in (system.observer, system.ladders, *system.steps.values()):
    load(name)
asked = sys.argv[2].split()
print(*(name for name in asked if sys.modules.get(name) is not None))
"""
NEEDLESS = (
    "_hashlib ssl _uuid bz2 lzma tempfile shutil pickle queue logging.handlers getpass difflib gzip"
    " argparse psutil rich ctypes yaml requests"
)
FOR_HTTP = {"ssl", "tempfile", "shutil", "pickle", "queue", "argparse", "requests", "getpass", "gzip", "yaml"}


def loaded(system: str, names: str) -> set[str]:
    """Return which of these modules the loop of a system loads."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path[1:]!r}\n{LOADED}", system, names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("system", ["pm2", "master"])
def test_the_loops_that_speak_no_http_load_nothing_that_they_do_not_need(system: str) -> None:
    assert loaded(f"automation.systems.{system}:SYSTEM", f"{NEEDLESS} filelock") == {"filelock"}


@pytest.mark.parametrize("system", ["github", "netlify"])
def test_the_loops_that_speak_http_load_no_compressors_and_no_second_openssl(system: str) -> None:
    names = " ".join({*NEEDLESS.split()} - FOR_HTTP | {"filelock"})

    assert loaded(f"automation.systems.{system}:SYSTEM", names) - {
        "ctypes",
        "difflib",
        "logging.handlers",
    } == {"filelock"}
