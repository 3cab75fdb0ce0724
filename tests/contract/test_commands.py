"""Running programs: time limits that hold for the whole group, caps, input, and a short environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from automation.core.errors import CommandFailed, CommandTimedOut
from automation.ports import apart as apart_door
from automation.ports import commands as door
from automation.ports.apart import spawn_apart
from automation.ports.children import spawn
from automation.ports.commands import SystemCommands
from automation.ports.process import alive
from tests.real_pm2 import NODE, pm2_script
from tests.toy_ground import eventually

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def commands() -> SystemCommands:
    """Give the real door."""
    return SystemCommands()


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone."""
    return not alive(pid)


def shell(
    commands: SystemCommands, script: str, timeout_s: float = 10.0, stdin: str | None = None
) -> door.Ran:
    """Run a shell script."""
    return commands.run("sh", "-c", script, timeout_s=timeout_s, stdin=stdin)


def test_a_program_is_run_to_its_end_whatever_its_status(commands: SystemCommands) -> None:
    ran = shell(commands, "echo out; echo err >&2; exit 3")

    assert (ran.status, ran.stdout, ran.stderr, ran.truncated) == (3, "out\n", "err\n", False)


def test_output_of_a_program_that_failed_is_an_error_with_its_last_line(commands: SystemCommands) -> None:
    assert commands.output("echo", "text", timeout_s=5.0) == "text\n"
    with pytest.raises(CommandFailed, match="sh exited with status 4: the reason") as failed:
        commands.output("sh", "-c", "echo no; echo the reason >&2; exit 4", timeout_s=5.0)
    assert failed.value.status == 4


@pytest.mark.parametrize("argv", [("no-such-program",), ("/",), ("echo", "nul \0 byte")])
def test_a_program_that_cannot_be_run_says_so(commands: SystemCommands, argv: tuple[str, ...]) -> None:
    with pytest.raises(CommandFailed, match="is not installed or cannot be run"):
        commands.run(*argv, timeout_s=5.0)


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(
    commands: SystemCommands, tmp_path: Path
) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/grandchild; echo $$ > {tmp_path}/child; wait"

    with pytest.raises(CommandTimedOut, match=r"sh did not end within 0\.5 s and was killed"):
        shell(commands, script, timeout_s=0.5)
    for name in ("child", "grandchild"):
        pid = int((tmp_path / name).read_text("utf-8"))
        eventually(f"the end of the {name}", partial(has_ended, pid))


def test_what_a_program_left_behind_ends_with_the_call(commands: SystemCommands, tmp_path: Path) -> None:
    ran = shell(commands, f"sleep 600 & echo $! > {tmp_path}/grandchild; echo done")
    pid = int((tmp_path / "grandchild").read_text("utf-8"))

    assert ran.stdout == "done\n"
    eventually("the end of the grandchild", lambda: not alive(pid))


def test_a_program_that_closes_its_output_early_has_its_whole_time(commands: SystemCommands) -> None:
    ran = shell(commands, "exec >&- 2>&-; sleep 1.3; exit 5")

    assert ran.status == 5


def test_a_program_that_closes_its_output_and_stays_is_killed_in_time(commands: SystemCommands) -> None:
    with pytest.raises(CommandTimedOut):
        shell(commands, "exec >&- 2>&-; exec sleep 600", timeout_s=0.3)


def test_only_so_much_output_is_kept_and_the_rest_is_still_read(
    commands: SystemCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "OUTPUT_CAP", 1000)
    ran = shell(commands, "head -c 300000 /dev/zero | tr '\\0' x; echo end >&2")

    assert (ran.status, len(ran.stdout), ran.truncated) == (0, 1000, True)
    assert ran.stderr == "end\n"


def test_a_large_input_goes_in_while_a_large_output_comes_out(commands: SystemCommands) -> None:
    text = "größe\n" * 100_000
    ran = commands.run("cat", timeout_s=10.0, stdin=text)

    assert ran.stdout == text


def test_a_program_that_never_reads_its_input_is_no_trap(commands: SystemCommands) -> None:
    with pytest.raises(CommandTimedOut):
        shell(commands, "sleep 600", timeout_s=0.3, stdin="x" * 1_000_000)
    assert shell(commands, "exec <&-; echo fine", stdin="x" * 1_000_000).stdout == "fine\n"


def test_without_input_a_program_reads_nothing(commands: SystemCommands) -> None:
    assert shell(commands, "cat; echo end").stdout == "end\n"
    assert shell(commands, "cat; echo end", stdin="").stdout == "end\n"


def test_what_is_no_text_is_replaced_and_not_refused(commands: SystemCommands) -> None:
    assert shell(commands, "printf 'a\\377b'").stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_a_program_gets_a_short_list_of_our_environment_and_what_is_added(
    commands: SystemCommands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "never to be seen")
    monkeypatch.setenv("pm_id", "7")
    monkeypatch.setenv("TZ", "UTC")
    said = commands.output("env", timeout_s=5.0, env={"ADDED": "yes"}, cwd=tmp_path)
    names = {line.partition("=")[0] for line in said.splitlines()}

    assert "ADDED" in names
    assert names - {"ADDED", "PWD", "SHLVL", "_"} <= set(door.PASSED_ON)
    assert commands.output("pwd", "-P", timeout_s=5.0, cwd=tmp_path).strip() == str(tmp_path.resolve())


def test_a_child_beside_us_is_watched_by_its_descriptor_and_can_be_killed(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = spawn((sys.executable, "-c", f"open({str(gate)!r}).read()"), {})
    assert child is not None
    with gate.open("w", encoding="ascii"):
        while_it_runs = child.status()
        child.kill()
    killed = child.status()
    child.forget()
    child.forget()

    assert while_it_runs is None
    assert killed == -9


def test_a_child_that_is_forgotten_goes_on_and_one_that_cannot_start_is_none(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    child = spawn((sys.executable, "-c", f"open({str(gate)!r}, 'w').write('still here')"), {})
    assert child is not None
    child.forget()

    assert gate.read_text("ascii") == "still here"
    assert spawn(("no-such-program",), {}) is None


def test_a_program_apart_is_watched_by_its_descriptor_until_it_ends(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    apart = spawn_apart((sys.executable, "-c", f"open({str(gate)!r}).read()"), {})
    assert apart is not None
    with gate.open("w", encoding="ascii"):
        while_it_runs = apart.ended()

    eventually("it has ended", apart.ended)
    apart.forget()
    apart.forget()
    assert not while_it_runs


def test_a_program_apart_that_has_ended_before_anybody_looks_has_ended() -> None:
    apart = apart_door.Apart(apart_door._watched(NO_SUCH_PID))

    assert apart.ended()
    apart.forget()


def test_where_none_can_be_started_there_is_no_program_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart_door, "_LEAVE", "raise SystemExit(1)")

    assert spawn_apart(("true",), {}) is None


NO_SUCH_PID = 2**22 + 1  # above the largest that Linux gives
STARTER = """
import sys, time
from automation.ports.apart import spawn_apart
from automation.ports.children import spawn
name, gate = sys.argv[1:]
program = "import os, time; file = open(%r, 'w'); file.write(str(os.getpid())); file.close(); time.sleep(600)"
assert {"beside": spawn, "apart": spawn_apart}[name]((sys.executable, "-c", program % gate), {})
time.sleep(600)
"""
TREE_KILL = "require(process.argv[1])(Number(process.argv[2]), 'SIGKILL', () => process.exit(0))"


@pytest.mark.pm2
@pytest.mark.parametrize("name", ["beside", "apart"])
def test_pm2_ends_what_runs_beside_its_app_and_not_what_runs_apart(name: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    words = (sys.executable, "-c", STARTER, name, str(gate))
    with subprocess.Popen(words, cwd=ROOT, start_new_session=True) as app:
        program = int(gate.read_text("ascii"))
        tree_kill = pm2_script("7").parent.parent / "lib" / "TreeKill.js"
        subprocess.run([NODE, "-e", TREE_KILL, str(tree_kill), str(app.pid)], check=True, timeout=20)
        app.wait(10)
    try:
        if name == "beside":
            eventually("PM2 has ended it too", lambda: has_ended(program))
        else:
            assert alive(program)
    finally:
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)
