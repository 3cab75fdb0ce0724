"""Locks between processes: one holder, named, and a file that stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, LockBusy
from automation.ports.locks import describe_holder, holder, is_locked, locked, take_lock
from tests.toy_ground import ROOT

COUNT = 50

# Adds 1 to a number in a file, COUNT times, each time under the lock.
ADDER = """
import sys
from pathlib import Path
from automation.ports.locks import locked
lock, number = map(Path, sys.argv[1:3])
for _ in range(int(sys.argv[3])):
    with locked(lock, purpose="adding", since="2027", timeout_s=30.0):
        number.write_text(str(int(number.read_text()) + 1))
"""

# Holds a lock until its stdin ends.
HOLDER = """
import sys
from pathlib import Path
from automation.ports.locks import take_lock
held = take_lock(Path(sys.argv[1]), purpose="holding", since="2027-01-15T08:00:00Z")
print("held", flush=True)
sys.stdin.read()
"""


def python(program: str, *words: str) -> subprocess.Popen[str]:
    """Start a Python program that may import the suite."""
    argv = [sys.executable, "-c", program, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(argv, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def test_four_processes_lose_no_update_and_the_file_stays_the_same(tmp_path: Path) -> None:
    lock, number = tmp_path / "a.lock", tmp_path / "number"
    number.write_text("0", "utf-8")
    with locked(lock, purpose="first", since="2027"):
        pass
    inode = lock.stat().st_ino
    children = [python(ADDER, str(lock), str(number), str(COUNT)) for _ in range(4)]
    statuses = []
    for child in children:
        with child:
            statuses.append(child.wait(15))

    assert statuses == [0, 0, 0, 0]
    assert number.read_text("utf-8") == str(4 * COUNT)
    assert lock.stat().st_ino == inode


def test_who_has_to_wait_is_told_for_whom_and_a_killed_holder_holds_no_longer(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    with python(HOLDER, str(lock)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LockBusy) as busy:
            take_lock(lock, purpose="wanting", since="2027", timeout_s=0.05)
        while_held = is_locked(lock)
        child.kill()
        child.wait(5)
    after = is_locked(lock)
    with locked(lock, purpose="at last", since="2028"):
        ours = holder(lock)

    assert str(busy.value) == (
        f"a.lock is held by pid {child.pid} since 2027-01-15T08:00:00Z, for holding; try again"
    )
    assert (while_held, after) == (True, False)
    assert ours == {"pid": os.getpid(), "since": "2028", "for": "at last"}
    assert lock.exists()


def test_a_lock_whose_file_was_deleted_or_replaced_is_no_longer_ours(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    held = take_lock(lock, purpose="a test", since="2027")
    at_first = held.still_ours()
    lock.unlink()
    deleted = held.still_ours()
    other = take_lock(lock, purpose="another", since="2027")
    replaced = held.still_ours()
    other.release()
    held.release()

    assert (at_first, deleted, replaced) == (True, False, False)


def test_a_lock_that_cannot_be_made_says_where_and_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EffectFailed, match=r"cannot lock .*/file/a\.lock: .*\(errno \d+\)"):
        take_lock(tmp_path / "file" / "a.lock", purpose="a test", since="2027")


@pytest.mark.parametrize("said", ["", "[1]", "torn {"])
def test_a_holder_that_says_nothing_is_another_process(tmp_path: Path, said: str) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text(said, "utf-8")

    assert holder(lock) is None
    assert describe_holder(lock) == "another process"
    assert describe_holder(tmp_path / "none") == "another process"


def test_asking_makes_no_lock_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "a.lock")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_asked_counts_as_locked(tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()

    assert is_locked(tmp_path / "a.lock")


def test_a_holder_that_cannot_be_written_leaves_the_lock_free(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path;"
        "from automation.core.errors import EffectFailed; from automation.ports import locks\n"
        "path = Path(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))\n"
        "kept = []\n"
        "try:\n    locks.take_lock(path, purpose='a', since='b')\n"
        "except EffectFailed as error:\n    kept.append(error)\n    print(error)\n"
        "print(locks.is_locked(path))\n"
    )
    with python(program, str(tmp_path / "a.lock")) as child:
        said, _ = child.communicate(timeout=10)

    assert "cannot lock" in said.splitlines()[0]
    assert said.splitlines()[1] == "False"
    assert json.dumps(said)
