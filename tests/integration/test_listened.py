"""Children whose output is wanted: read as it comes, up to a cap, ended with all that they started."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import pytest

from automation.core.errors import CommandFailed
from automation.ports.commands import PASSED_ON
from automation.ports.listened import ListenedChild, listen_to
from automation.ports.process import alive
from tests.guarding import eventually


def listen(text: str, cwd: Path, *, cap_bytes: int = 1000, **env: str) -> ListenedChild:
    return listen_to((sys.executable, "-c", text), env, cwd=cwd, cap_bytes=cap_bytes)


def ended(child: ListenedChild) -> int:
    """Wait as a loop does, and return the exit status."""
    deadline_s = time.monotonic() + 15
    while (status := child.take_in()) is None:
        assert time.monotonic() < deadline_s
        select.select(child.fds, [], [], 15)
    return status


def test_what_a_child_says_is_read_and_its_end_is_noticed(tmp_path: Path) -> None:
    child = listen("import os; print(os.getcwd()); raise SystemExit(7)", tmp_path)

    assert ended(child) == 7
    assert child.output.decode().strip() == str(tmp_path)
    assert not child.too_much
    child.close()


def test_s19_it_gets_the_short_list_of_variables_and_what_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "not-for-children")
    child = listen("import os; print(sorted(os.environ))", tmp_path, GIVEN="1")
    ended(child)
    child.close()

    assert set(eval(child.output)) - {*PASSED_ON, "LC_CTYPE"} == {"GIVEN"}  # noqa: S307  # our own words


def test_one_that_says_too_much_is_ended(tmp_path: Path) -> None:
    child = listen("while True: print('x' * 10_000)", tmp_path)

    assert ended(child) < 0
    assert child.too_much
    assert len(child.output) < 200_000
    child.close()


def test_closing_ends_it_and_what_it_started(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time; "
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(c.pid, flush=True); time.sleep(60)"
    )
    child = listen(text, tmp_path)
    eventually("it said whom it started", lambda: child.take_in() is None and child.output)
    started = int(child.output)

    assert alive(started)
    child.close()
    eventually("both are gone", lambda: not alive(started))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(child.fds[1])


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="is not installed or cannot be run"):
        listen_to((str(tmp_path / "nothing"),), {}, cwd=tmp_path, cap_bytes=10)
