"""Progress: on a terminal, after a second; and silence everywhere else."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from automation.engine import progress as under_test
from automation.engine.progress import progress
from tests.toy_ground import ROOT, Ground, eventually

pytestmark = pytest.mark.timeout(60)

# A backup that takes as long as the gate is shut: the judge of its files waits there.
SLOW = """
import sys, pathlib, threading
sys.path.insert(0, {root!r})
from automation.engine.console import main
from automation.stores.backups import store
from tests import toy_system
def judge(path, data):
    pathlib.Path({gate!r}).read_bytes()
    return True
def backed_up(context):
    return toy_system.BackedUp((store.Source((toy_system.STATE,), valid=judge),))
toy_system.backed_up = backed_up
raise SystemExit(main(toy_system.BACKED_UP, sys.argv[1:]))
"""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.lamps({"hall": "on"})
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "slow.py").write_text(SLOW.format(root=str(ROOT), gate=str(tmp_path / "gate")), "utf-8")
    return made


class Terminal:
    """A terminal of our own, and what was written to it so far."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        os.set_blocking(self.ours, False)
        self.seen = b""

    def read(self) -> bytes:
        """Return all that was written so far."""
        try:
            while data := os.read(self.ours, 65536):
                self.seen += data
        except OSError:
            pass
        return self.seen

    def close(self) -> None:
        """Let it go."""
        os.close(self.ours)
        os.close(self.theirs)


def slow(ground: Ground, stderr: int, *words: str, **more: str) -> subprocess.Popen[bytes]:
    """Start the backup whose gate is shut."""
    return subprocess.Popen(
        [sys.executable, str(ground.workspace / "slow.py"), "backup", *words],
        env=ground.child_environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def open_the_gate(ground: Ground) -> None:
    (ground.workspace / "gate").write_bytes(b"")


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_on_a_terminal_a_backup_that_takes_long_shows_how_far_it_is_and_leaves_nothing_behind(
    ground: Ground, words: tuple[str, ...]
) -> None:
    terminal = Terminal()
    with slow(ground, terminal.theirs, *words, TERM="xterm") as child:
        eventually("the bar", lambda: b"backing up lamp" in terminal.read())
        open_the_gate(ground)
        out, _ = child.communicate(timeout=30)
    last = terminal.read()
    terminal.close()

    assert child.returncode == 0
    assert b"backing up" not in out
    assert out.startswith(b"{" if words else b"2")
    assert last.rstrip().endswith((b"\x1b[2K", b"\x1b[?25h"))  # the line is wiped, the cursor shown
    assert b"\x1b[?25h" in last


def test_no_color_is_heard(ground: Ground) -> None:
    terminal = Terminal()
    with slow(ground, terminal.theirs, TERM="xterm", NO_COLOR="1") as child:
        eventually("the bar", lambda: b"backing up lamp" in terminal.read())
        open_the_gate(ground)
        child.communicate(timeout=30)
    seen = terminal.read()
    terminal.close()

    assert re.search(rb"\x1b\[3\d", seen) is None


def test_off_a_terminal_and_on_a_dumb_one_there_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes: there is no bar that could come."""
    with progress("working") as shown:
        shown.at(1, 2, "x")
        assert shown._timer is None
    terminal = Terminal()
    with os.fdopen(os.dup(terminal.theirs), "w") as stderr, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stderr)
        patched.setenv("TERM", "dumb")
        with progress("working") as shown:
            assert shown._timer is None
    terminal.close()


def test_what_is_quick_shows_nothing_and_does_not_even_import_the_package(ground: Ground) -> None:
    code = (
        "import sys\n"
        "from automation.engine.progress import progress\n"
        "with progress('working') as shown:\n"
        "    shown.count(3)\n"
        "    assert shown._timer is not None\n"
        "print('rich' in sys.modules)\n"
    )
    terminal = Terminal()
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=ground.child_environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=terminal.theirs,
        check=True,
        timeout=30,
    )
    seen = terminal.read()
    terminal.close()

    assert (ran.stdout, seen) == (b"False\n", b"")


def test_without_the_package_there_is_no_bar_and_all_else_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, under_test.BAR.partition(":")[0], raising=False)
    monkeypatch.setattr(under_test, "SHOWN_AFTER_S", 0.0)
    monkeypatch.setattr(under_test, "_on_a_terminal", lambda: True)
    with progress("working") as shown:
        timer = shown._timer
        assert timer is not None
        timer.join(10)
        shown.at(1, 2)
        assert shown._bar is None


def test_a_closed_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  # closed at once, on purpose
    file.close()
    monkeypatch.setattr(sys, "stderr", file)
    with progress("working") as shown:
        assert shown._timer is None


@pytest.mark.parametrize("name", ["pm2", "github", "netlify", "master"])
def test_s32_no_loop_imports_what_draws_bars(name: str) -> None:
    """Everything that a loop imports before its first act: observer, checks, ladders, steps, backups."""
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        "from automation.engine.commands import start\n"
        "from automation.engine.loading import load\n"
        f"system = import_module('automation.systems.{name}').SYSTEM\n"
        "names = (system.observer, system.ladders, system.settings, system.backup, *system.steps.values())\n"
        "print(len([load(where) for where in names]) > 4)\n"
        "print(sorted({'rich', 'automation.engine.progress_bar'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout == "True\n[]\n"
