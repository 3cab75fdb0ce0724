"""The command line: help, wrong usage, exit codes, what goes to stdout, and terminals of all kinds."""

from __future__ import annotations

import getpass
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from automation.core.errors import NotAllowed
from automation.engine.console import commands_of
from automation.engine.context import keep_out_of_git
from automation.engine.cycle import run_cycle
from automation.engine.loading import load
from automation.ports.clock import SteppedClock, SystemClock
from automation.ports.locks import locked
from automation.stores import pauses
from tests.toy_ground import ROOT, Ground, eventually, guard, line_with
from tests.toy_system import SYSTEM

REAL_SYSTEMS = sorted(
    f"automation.systems.{path.parent.name}"
    for path in (ROOT / "automation" / "systems").glob("*/__init__.py")
    if "SYSTEM = " in path.read_text("utf-8")
)
COMMANDS = [command.name for command in commands_of(SYSTEM)]
READING = [command.name for command in commands_of(SYSTEM) if command.reads_only and command.name != "flash"]


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a workspace in which one lamp of two is off."""
    made = Ground(tmp_path)
    made.lamps({"hall": "off", "attic": "on"})
    return made


def reported(ground: Ground, looks: int = 1, clock: SteppedClock | None = None) -> dict[str, Any]:
    """Let a guard look so often just now, and return its report."""
    clock = clock or SteppedClock(SystemClock().now_s())
    with guard(ground, clock) as guarded:
        for _ in range(looks):
            run_cycle(guarded)
            clock.wait(0.001)
    return ground.report()


def rewritten(ground: Ground, **changes: object) -> None:
    """Change the report."""
    ground.report_path.write_text(json.dumps(ground.report() | changes), "utf-8")


# --- help and usage ---


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_an_example(ground: Ground, name: str) -> None:
    ran = ground.run(name, "--help")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.search(rf"^Example: enhanced-lamp-redundancy {name}\b", ran.stdout, re.MULTILINE)


def test_help_and_version(ground: Ground) -> None:
    whole = ground.run("--help")

    assert ground.run("--version").stdout == "0.1.0\n"
    assert whole.returncode == 0
    for name in COMMANDS:
        assert f"\n    {name} " in whole.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("no-such-command",),
        ("stat",),
        ("status", "--js"),
        ("status", "--json", "extra"),
        ("status", "--workspace"),
        ("recovery", "--dry"),
        ("pause", "--for", "soon"),
        ("pause", "--for", "-5m"),
        ("logs", "--level", "LOUD"),
        ("logs", "--lines", "many"),
        ("logs", "--lines", "100001"),
        ("--work", "folder", "status"),
        ("new\nline",),
        ("status", "half \udcff", "\x1b[31mred\n"),
        ("flash",),
    ],
)
def test_wrong_usage_is_exit_3_and_one_line_on_stderr(ground: Ground, words: tuple[str, ...]) -> None:
    ran = ground.run(*words)

    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.count("\n") == 1
    assert "\x1b" not in ran.stderr
    assert ran.stderr.strip()


def test_a_command_of_its_own_gets_its_words(ground: Ground) -> None:
    ran = ground.run("flash", "hall", "attic", "--colour", "red", "--colour", "blue")

    assert ran.stdout == "hall,attic in red,blue\n"
    assert ground.run("flash", "hall").stdout == "hall in white\n"


@pytest.mark.parametrize("words", [("--workspace", "{}", "status"), ("status", "--workspace", "{}")])
def test_the_workspace_may_stand_before_the_command_or_after_it(
    ground: Ground, words: tuple[str, ...], tmp_path: Path
) -> None:
    reported(ground)
    ran = ground.run(*(word.format(tmp_path) for word in words), REDUNDANCY_WORKSPACE="/nowhere")

    assert ran.returncode == 1
    assert ran.stdout.startswith("enhanced-lamp-redundancy: warning")


def test_a_workspace_that_is_not_there_is_not_made(ground: Ground, tmp_path: Path) -> None:
    for words in (("start",), ("pause",), ("recovery",)):
        ran = ground.run(*words, "--workspace", str(tmp_path / "typo"))

        assert ran.returncode in {1, 3}
        assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "typo").exists()


def test_folders_may_lie_elsewhere(ground: Ground, tmp_path: Path) -> None:
    ground.environment["REDUNDANCY_LOGS_DIR"] = "else/where"
    ground.run("pause")

    assert (tmp_path / "else" / "where" / "state" / "lamp" / "pause.json").exists()


# --- settings ---


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LAMP_INTERVAL", "30 sec", 'expected milliseconds > 0, got "30 sec"'),
        ("LAMP_INTERVAL", "0", "expected milliseconds > 0"),
        ("REDUNDANCY_MODE", "watch", "expected one of active, observe"),
        ("REDUNDANCY_LOG_LEVEL", "LOUD", "expected one of DEBUG, INFO"),
    ],
)
@pytest.mark.parametrize("command", ["start", "check", "doctor", "recovery"])
def test_a_wrong_variable_is_exit_3_and_one_line(
    ground: Ground, command: str, variable: str, value: str, said: str
) -> None:
    ran = ground.run(command, **{variable: value})

    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.startswith(f"{variable}: {said}")
    assert ran.stderr.endswith(f'got "{value}"\n')
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"lamp": {"interval": "30 sec"}}', "lamp.interval: expected milliseconds > 0"),
        (b'{"lamp": {"rooms": 5}}', "lamp.rooms: expected a list of names"),
        (b'{"monitoring": {"alerts": {"warningThreshold": 80}}}', "(did you mean 0.8?)"),
        (b"{not json", ":1:2: not JSON"),
        (b"[]", "expected a JSON object, got []"),
        (b"\xff{}", "not UTF-8 text (byte 0)"),
        (b'{"lamp": {"apiToken": "x"}}', "use the environment or a *_TOKEN_FILE"),
        (b" " * (1024 * 1024 + 1), "larger than the 1048576 bytes"),
    ],
)
def test_a_wrong_settings_file_is_exit_3_and_one_line(ground: Ground, content: bytes, said: str) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir()
    path.write_bytes(content)
    ran = ground.run("check")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "automation/redundancy-config.json" in ran.stderr
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_settings_file_holds_what_differs_and_its_oddities_are_said_on_stderr(ground: Ground) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir()
    path.write_text('\ufeff{"lamp": {"interval": "5s", "roms": []}, "git": {"x": 1}}', "utf-8")
    ran = ground.run("check", "--json")
    said = json.loads(ran.stdout)

    assert ran.stderr.splitlines() == [
        "automation/redundancy-config.json: lamp.roms: unknown key; did you mean lamp.rooms?",
        "automation/redundancy-config.json: git: ignored: nothing here uses it",
    ]
    assert said["nextCheckAt"] > said["checkedAt"]


# --- status ---


def test_status_without_a_report_is_unknown(ground: Ground) -> None:
    text, document = ground.run("status"), ground.run("status", "--json")

    assert (text.returncode, document.returncode) == (3, 3)
    assert text.stdout.startswith("enhanced-lamp-redundancy: unknown: no report yet: ")
    assert json.loads(document.stdout)["status"] == "unknown"


@pytest.mark.parametrize(
    ("lamps", "code", "word"),
    [
        ({"hall": "on"}, 0, "healthy"),
        ({}, 0, "disabled"),
        ({"hall": "dim"}, 1, "warning"),
        ({"hall": "off"}, 2, "critical"),
    ],
)
def test_the_code_of_status_is_that_of_a_monitoring_plugin(
    ground: Ground, lamps: dict[str, str], code: int, word: str
) -> None:
    ground.lamps(lamps)
    reported(ground)
    text, document = ground.run("status"), ground.run("status", "--json")

    assert (text.returncode, document.returncode) == (code, code)
    assert text.stdout.startswith(f"enhanced-lamp-redundancy: {word}, ")
    assert json.loads(document.stdout)["status"] == word
    assert document.stderr == ""


def test_an_emergency_is_critical_whatever_the_status(ground: Ground) -> None:
    reported(ground)
    rewritten(ground, mode="emergency")
    ran = ground.run("status")

    assert ran.returncode == 2
    assert ", emergency, " in ran.stdout


def test_a_stale_report_is_unknown_and_says_whose_it_is(ground: Ground) -> None:
    reported(ground, clock=SteppedClock(SystemClock().now_s() - 3600.0))
    text, document = ground.run("status"), ground.run("status", "--json")
    said = json.loads(document.stdout)

    assert (text.returncode, document.returncode) == (3, 3)
    assert "enhanced-lamp-redundancy: unknown, score 0.50, 1 of 2 healthy, seen 60 min ago" in text.stdout
    assert f"stale: its writer (pid {os.getpid()}) has missed three looks; the last status was warning" in (
        text.stdout
    )
    assert (said["stale"], said["status"], said["lastStatus"]) == (True, "unknown", "warning")
    assert said["ageS"] == pytest.approx(3600.0, abs=10.0)


def test_a_guard_that_stopped_is_unknown_and_says_when_and_why(ground: Ground) -> None:
    reported(ground, clock=SteppedClock(SystemClock().now_s() - 3600.0))
    stopped = {"at": "2027-01-15T08:00:00Z", "reason": "signal \x1b[31m"}
    rewritten(ground, stopped=stopped, nextCheckAt=ground.report()["checkedAt"])
    ran = ground.run("status")

    assert ran.returncode == 3
    assert (
        "nobody guards: it stopped at 2027-01-15T08:00:00Z (signal \N{REPLACEMENT CHARACTER}[31m)"
        in ran.stdout
    )


def test_a_report_from_a_clock_that_was_set_back_is_stale(ground: Ground) -> None:
    reported(ground, clock=SteppedClock(SystemClock().now_s() + 3600.0))

    assert ground.run("status").returncode == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON (0 bytes)"),
        ('{"schema": 1, "sta', "not JSON"),
        ('{"schema": 2}', "schema 2 is newer than this program knows (1); upgrade it"),
        ('{"schema": 1}', "not a report"),
        ("[]", "expected a JSON object"),
    ],
)
def test_a_report_that_cannot_be_read_is_unknown_and_is_left_alone(
    ground: Ground, content: str, said: str
) -> None:
    ground.logs.mkdir()
    ground.report_path.write_text(content, "utf-8")
    status, report = ground.run("status"), ground.run("report")

    assert (status.returncode, report.returncode) == (3, 1)
    assert said in status.stdout
    assert said in report.stderr
    assert ground.report_path.read_text("utf-8") == content


def test_status_shows_twenty_findings_why_nothing_is_done_and_what_it_cannot_count(ground: Ground) -> None:
    ground.environment["REDUNDANCY_MODE"] = "observe"
    ground.lamps({f"lamp {number:02}": "off" for number in range(25)})
    reported(ground)
    ran = ground.run("status")
    rewritten(ground, subjects=None, recovery=None, findings=[])
    bare = ground.run("status")

    assert (ran.stdout.count(": lamp-off:"), ran.stdout.count(": storm:")) == (19, 1)
    assert ran.stdout.endswith("  … and 6 more: see `enhanced-lamp-redundancy report`\n")
    assert "  not acting: REDUNDANCY_MODE is observe\n" in ran.stdout
    assert "nothing to guard" in bare.stdout


def test_a_system_that_could_not_be_looked_at_shows_that_in_its_status(ground: Ground) -> None:
    ground.lamps(blind="dark")
    reported(ground)
    ran = ground.run("status")

    assert ran.returncode == 3
    assert "  warning: could-not-look: dark" in ran.stdout


def test_the_collector_rests_while_a_program_begins_and_works_when_its_command_runs(ground: Ground) -> None:
    program = (
        "import gc, sys; sys.argv[1:] = ['status']\n"
        "from automation.enhanced_pm2_redundancy import run\n"
        "resting = not gc.isenabled()\n"
        "run()\n"
        "print(resting, gc.isenabled(), gc.get_freeze_count() > 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=ground.child_environment(),
        check=True,
        capture_output=True,
        text=True,
    )

    assert ran.stdout.splitlines()[-1] == "True True True"


@pytest.mark.parametrize("system", REAL_SYSTEMS)
def test_status_imports_nothing_heavy_and_nothing_needless(ground: Ground, system: str) -> None:
    reported(ground)
    program = (
        "import sys, importlib\n"
        "from automation.engine.console import main\n"
        "main(importlib.import_module(sys.argv[1]).SYSTEM, ['status'])\n"
        "heavy = {'requests', 'yaml', 'psutil', 'filelock', 'urllib3'}\n"
        "needless = {'argparse', 'gettext', 'locale', 'shutil', 'logging', 'socket', 'hashlib'}\n"
        "ours = {'core.redact', 'core.settings', 'core.report', 'engine.command_line', 'engine.context'}\n"
        "ours = {f'automation.{name}' for name in ours}\n"
        "print(sorted((heavy | needless | ours) & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, system],
        cwd=ROOT,
        env={  # without what measures coverage, which imports a lot itself
            name: value
            for name, value in ground.child_environment().items()
            if not name.startswith("COVERAGE")
        },
        check=True,
        capture_output=True,
        text=True,
    )

    assert ran.stdout.splitlines()[-1] == "[]"


# --- what people and programs get to see ---


@pytest.mark.parametrize("name", [name for name in READING if name != "logs"])
def test_json_stands_alone_on_stdout(ground: Ground, name: str) -> None:
    ground.lamps({"half \ud83d größe": "off"})
    reported(ground)
    ran = ground.run(name, "--json")
    ascii_only = ground.run(name, "--json", PYTHONIOENCODING="ascii")

    assert isinstance(json.loads(ran.stdout), dict)
    assert isinstance(json.loads(ascii_only.stdout), dict)
    assert ran.stderr == ""


@pytest.mark.parametrize("words", [("status",), ("report",), ("check",), ("recovery", "--dry-run")])
def test_names_cannot_move_the_cursor_and_no_encoding_hides_the_result(
    ground: Ground, words: tuple[str, ...]
) -> None:
    ground.lamps({"red \x1b[31m\x07\nend": "off", "half \ud83d größe": "off"})
    reported(ground, 2)
    shown = [ground.run(*words), ground.run(*words, PYTHONIOENCODING="ascii")]

    for ran in shown:
        assert "\x1b" not in ran.stdout + ran.stderr
        assert "\x07" not in ran.stdout + ran.stderr
        assert "lamp-off" in ran.stdout
    assert "größe" in shown[0].stdout
    assert "gr\\xf6\\xdfe" in shown[1].stdout


@contextmanager
def reader_gone() -> Iterator[int]:
    """Give the write end of a pipe that nobody reads."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        yield write_end
    finally:
        os.close(write_end)


def run_into(ground: Ground, stdout: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with that stdout."""
    argv = [sys.executable, "-m", "tests.toy_program", *words]
    environment = ground.child_environment()
    return subprocess.run(
        argv, cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize("words", [("status",), ("report",), ("--help",), ("status", "--json")])
def test_a_reader_that_has_gone_is_no_error(ground: Ground, words: tuple[str, ...]) -> None:
    reported(ground)
    with reader_gone() as stdout:
        ran = run_into(ground, stdout, *words)

    assert "Traceback" not in ran.stderr
    assert ran.returncode in {0, 1, 120}


def test_a_full_disk_behind_stdout_is_said(ground: Ground) -> None:
    reported(ground)
    with Path("/dev/full").open("wb") as full:
        ran = run_into(ground, full.fileno(), "status")

    assert "cannot write to stdout: No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_error(ground: Ground, closed: str) -> None:
    reported(ground)
    ran = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tests.toy_program status {closed}"],
        cwd=ROOT,
        env=ground.child_environment(),
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (1, "")


@pytest.mark.parametrize(
    ("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_only_a_terminal_that_wants_them_gets_colours(
    ground: Ground,
    more: dict[str, str],
    coloured: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    reported(ground)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.toy_program", "status"],
        cwd=ROOT,
        env=ground.child_environment(**{"TERM": "xterm"} | more),
        stdout=theirs,
    ) as child:
        child.wait(10)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)

    assert ("\x1b[33mwarning\x1b[0m" in said) is coloured
    assert "\x1b" not in ground.run("status").stdout


# --- report ---


def test_report_says_everything_to_people(ground: Ground) -> None:
    ground.lamps({"hall": "off", "attic": "dim"}, refuses={"switch": "no power"})
    clock = SteppedClock(SystemClock().now_s() - 45.0)
    with guard(ground, clock) as guarded:
        for _ in range(3):
            run_cycle(guarded)
            clock.wait(1.0)
    text = ground.run("report").stdout
    rewritten(ground, checkedAt="2020-01-01T00:00:00Z", nextCheckAt="2020-01-01T00:00:01Z", score=None)
    old = ground.run("report").stdout

    assert "status    critical, mode active\n" in text
    assert "score     0.2500" in text
    assert "subjects  2, healthy 0" in text
    assert "findings: 2" in text
    assert "do: light hall by hand" in text
    assert "1 tries, 0 recovered, 0 given up" in text
    assert re.search(r"next: switch hall \(try 2\) at 20", text)
    assert re.search(r"switch hall: failed: no power \(\d+ ms, by guard\)", text)
    assert "(stale: nobody has written it since)" in old
    assert "score     none" in old


def test_report_says_what_needs_a_human_and_why_nothing_is_done(ground: Ground) -> None:
    ground.environment["REDUNDANCY_MODE"] = "observe"
    reported(ground, 2)
    text = ground.run("report").stdout
    rewritten(ground, recovery=5, subjects=5, findings=[])
    bare = ground.run("report").stdout

    assert "needs a human: hall: it gives no light" in text
    assert "not acting: REDUNDANCY_MODE is observe" in text
    assert "findings: none" in bare
    assert "recovery" not in bare


def test_a_success_rate_is_shown_once_there_is_one(ground: Ground) -> None:
    report = reported(ground)
    rewritten(ground, recovery=report["recovery"] | {"successRate": 0.5, "recent": "odd"})

    assert "success rate 0.5" in ground.run("report").stdout


# --- check ---


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return everything below a folder: mode, time of change and content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("words", [("check",), ("check", "--json"), ("recovery", "--dry-run"), ("doctor",)])
@pytest.mark.parametrize("used", [True, False])
def test_looking_writes_nothing(
    ground: Ground,
    tmp_path: Path,
    words: tuple[str, ...],
    used: bool,  # noqa: FBT001  # a test's parameter
) -> None:
    if used:
        reported(ground, 2)
    before = tree(tmp_path)
    ground.run(*words)

    assert tree(tmp_path) == before


def test_check_judges_with_the_history_that_is_there(ground: Ground) -> None:
    reported(ground, 2)
    document = json.loads(ground.run("check", "--json").stdout)
    text = ground.run("check")

    assert text.returncode == 1
    assert document["findings"][0]["count"] == 3
    assert document["recovery"]["attempts"] == 1
    assert text.stdout.startswith(
        "enhanced-lamp-redundancy: warning, score 0.50, 1 of 2 healthy, seen 0 s ago"
    )


def test_check_without_a_usable_history_says_so_and_without_eyes_is_unknown(ground: Ground) -> None:
    ground.state.mkdir(parents=True)
    history = ground.state / "history.json"
    history.write_text("torn {", "utf-8")
    damaged = ground.run("check")
    history.unlink()
    history.mkdir()
    unreadable = ground.run("check")
    history.rmdir()
    history.write_text('{"schema": 2}', "utf-8")
    newer = ground.run("check")
    history.unlink()
    ground.lamps(blind="dark")
    blind = ground.run("check")

    assert (damaged.returncode, unreadable.returncode, newer.returncode, blind.returncode) == (1, 3, 3, 3)
    assert damaged.stderr.startswith("judged without history: ")
    assert "cannot read" in unreadable.stderr
    assert blind.stdout.startswith("enhanced-lamp-redundancy: unknown, no score, nothing to guard")


# --- doctor ---


def test_doctor_says_what_is_set_from_where_and_who_guards_and_no_secret(ground: Ground) -> None:
    path = ground.workspace / "automation" / "redundancy-config.json"
    path.parent.mkdir()
    path.write_text('{"lamp": {"rooms": ["cellar"], "odd": 1}}', "utf-8")
    ground.environment |= {
        "REDUNDANCY_WEBHOOK": "https://hook.example/very-hidden",
        "LAMP_INTERVAL": "5s",
        "LAMP_TOKEN": "hunter2hunter2",
    }
    at_first = ground.run("doctor")
    with ground.program() as child:
        line_with(child, "guard_started")
        text, document = ground.run("doctor"), ground.run("doctor", "--json")
        child.send_signal(signal.SIGTERM)
    said = json.loads(document.stdout)
    settings = {one["name"]: one for one in said["settings"]}

    assert at_first.returncode == 1
    assert "not there yet" in at_first.stdout
    assert re.search(r"look  guard +not running", at_first.stdout)
    assert re.search(rf"ok    guard +pid {child.pid} since", text.stdout)
    assert re.search(r"look  setting +.*lamp\.odd: unknown key", text.stdout)
    assert "check_interval = 5000  (LAMP_INTERVAL; LAMP_INTERVAL or lamp.interval)" in text.stdout
    assert settings["rooms"]["value"] == ["cellar"]
    assert settings["rooms"]["origin"] == "automation/redundancy-config.json: lamp.rooms"
    assert settings["webhook"]["value"] == "[redacted]"
    for shown in (at_first, text, document):
        assert "hidden" not in shown.stdout + shown.stderr
        assert "hunter2" not in shown.stdout + shown.stderr


def test_doctor_is_content_where_all_is_well(ground: Ground) -> None:
    with ground.program() as child:
        line_with(child, "guard_started")
        ran = ground.run("doctor")

    assert ran.returncode == 0
    assert "look" not in {line[:4] for line in ran.stdout.splitlines()}


def test_doctor_names_a_package_that_is_missing(ground: Ground) -> None:
    program = (
        "import sys; from automation.engine.commands import doctor\n"
        "from automation.engine.console import main; from tests.toy_system import SYSTEM\n"
        "doctor.PACKAGES = ('no-such-package',)\n"
        "main(SYSTEM, ['doctor'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=ground.child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert re.search(r"look  no-such-package +not installed; run \./automation/start", ran.stdout)


# --- recovery by hand ---


@pytest.mark.timeout(40)
def test_recovery_climbs_the_ladder_until_the_problem_has_gone(ground: Ground) -> None:
    ground.lamps({"hall": "off", "attic": "off"}, cures={"replace": ["hall"], "switch": ["attic"]})
    ran = ground.run("recovery", "--subject", "hall")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ground.acts() == ["switch hall", "replace hall"]
    assert re.search(r"switch hall: done: switch done \(\d+ ms\)\nreplace hall: done", ran.stdout)
    assert {one["by"] for one in ground.audit()} == {f"hand: {getpass.getuser()}"}
    assert reported(ground)["recovery"]["recent"][0]["by"] == f"hand: {getpass.getuser()}"


@pytest.mark.timeout(40)
def test_recovery_that_does_not_help_says_what_is_left(ground: Ground) -> None:
    ground.lamps({"hall \x1b[1m": "off"}, refuses={"switch": "no power"})
    ran = ground.run("recovery")

    assert ran.returncode == 1
    assert "switch hall \N{REPLACEMENT CHARACTER}[1m: failed: no power" in ran.stdout
    assert ran.stderr == (
        "still wrong: hall \N{REPLACEMENT CHARACTER}[1m: lamp-off: it gives no light. "
        "light hall \N{REPLACEMENT CHARACTER}[1m by hand\n"
    )


@pytest.mark.timeout(40)
def test_recovery_says_to_programs_what_it_did_and_what_is_left(ground: Ground) -> None:
    ground.lamps({"hall": "off", "attic": "dim"}, cures={"switch": ["hall"]})
    ran = ground.run("recovery", "--json")
    document = json.loads(ran.stdout)

    assert (ran.returncode, document["found"]) == (1, 2)
    assert [(one["step"], one["ok"]) for one in document["taken"]] == [("switch", True)]
    assert document["left"] == [{"problem": "lamp-dim", "subject": "attic"}]


def test_recovery_has_nothing_to_do_where_nothing_is_wrong(ground: Ground) -> None:
    ground.lamps({"hall": "on"})

    assert ground.run("recovery").stdout == "nothing is wrong: no step was taken\n"
    assert ground.run("recovery", "--dry-run").stdout == "nothing is wrong: no step would be taken\n"
    assert ground.audit() == []


def test_a_dry_run_prints_the_steps_in_order_and_takes_none(ground: Ground) -> None:
    ground.lamps({"hall": "off", "attic": "dim"})
    ran = ground.run("recovery", "--dry-run")
    document = json.loads(ground.run("recovery", "--dry-run", "--json").stdout)

    assert ran.stdout.splitlines() == [
        "hall: lamp-off: switch → replace",
        "attic: lamp-dim: no step; it needs a human",
    ]
    assert document["wouldTake"][0] == {
        "problem": "lamp-off",
        "subject": "hall",
        "steps": ["switch", "replace"],
    }
    assert ground.acts() == []


def test_recovery_is_busy_while_somebody_acts_and_refuses_while_paused(ground: Ground) -> None:
    layout = ground.context(SteppedClock()).layout
    with locked(layout.action_lock, purpose="the monitoring loop acts", since="2027"):
        busy = ground.run("recovery")
    ground.run("pause", "--reason", "new fuses")
    paused = ground.run("recovery")

    assert busy.returncode == 75
    assert busy.stderr.startswith(f"action.lock is held by pid {os.getpid()} since 2027, for the monitoring")
    assert paused.returncode in {1, 3}
    assert "new fuses; `enhanced-lamp-redundancy resume` ends the pause" in paused.stderr
    assert ground.acts() == []


def test_recovery_that_cannot_look_says_why(ground: Ground) -> None:
    ground.lamps(blind="dark")
    ran = ground.run("recovery")

    assert (ran.returncode, ran.stderr) == (1, "dark\n")


@pytest.mark.timeout(40)
def test_what_recovery_did_before_it_went_blind_is_kept(ground: Ground) -> None:
    ground.lamps({"hall": "off"}, bug="replace")
    ran = ground.run("recovery")
    ground.lamps({"hall": "on"})

    assert ran.returncode == 1
    assert "RuntimeError: a bug in the step" in ran.stderr
    assert [one["step"] for one in reported(ground)["recovery"]["recent"]] == ["switch"]


# --- pause and resume ---


def test_a_pause_says_who_why_and_until_when_and_resume_ends_it(ground: Ground) -> None:
    first = ground.run("pause", "--for", "30m", "--reason", "new fuses", SUDO_USER="ann")
    kept = pauses.load(ground.state / "pause.json", SystemClock().now_s())
    second = ground.run("pause")
    ended, again = ground.run("resume"), ground.run("resume")

    assert re.fullmatch(r"enhanced-lamp-redundancy: paused by ann until 20\S+Z: new fuses\n", first.stdout)
    assert kept is not None
    assert kept.until_s == pytest.approx(kept.since_s + 1800.0)
    assert second.stdout.endswith(f"paused by {getpass.getuser()} until somebody resumes it\n")
    assert ended.stdout == "enhanced-lamp-redundancy: resumed\n"
    assert again.stdout == "enhanced-lamp-redundancy: was not paused\n"


def test_a_pause_that_cannot_be_removed_says_so(ground: Ground) -> None:
    ground.run("pause")
    (ground.state / "pause.json").unlink()
    (ground.state / "pause.json").mkdir()
    ran = ground.run("resume")

    assert ran.returncode == 1
    assert "cannot remove" in ran.stderr


# --- logs ---


def write_log(ground: Ground, *lines: str, name: str = "out") -> Path:
    """Write a log file."""
    ground.logs.mkdir(exist_ok=True)
    path = ground.logs / f"enhanced-lamp-{name}.log"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def entry(number: int, level: str = "INFO", event: str = "line") -> str:
    """Return one line of a log."""
    time = f"2027-01-15T08:00:{number:02}.000Z"
    return json.dumps({"time": time, "level": level, "event": event, "system": "lamp", "number": number})


def test_logs_are_readable_merged_by_time_and_cut(ground: Ground) -> None:
    write_log(ground, entry(1), entry(3, "WARNING", "odd \x1b[1m"), "Traceback of three", "", entry(5))
    write_log(ground, entry(2), entry(4, "ERROR"), name="orphan")
    lines = ground.run("logs", "--lines", "5").stdout.splitlines()
    worse = ground.run("logs", "--level", "warning").stdout.splitlines()

    assert [line.split(" ")[0][17:19] for line in lines] == ["02", "03", "", "04", "05"]
    assert lines[0] == "2027-01-15T08:00:02.000Z INFO     line number=2"
    assert lines[2] == "Traceback of three"
    assert "\x1b" not in lines[1]
    assert [line.split(" ")[0][17:19] for line in worse] == ["03", "04"]
    assert ground.run("logs", "--lines", "0").stdout == ""


def test_logs_before_there_are_any_say_so(ground: Ground) -> None:
    ran = ground.run("logs")

    assert ran.returncode == 1
    assert ran.stderr.startswith("no log yet: ")


def test_a_log_that_cannot_be_read_is_one_line(ground: Ground) -> None:
    ground.logs.mkdir()
    (ground.logs / "enhanced-lamp-out.log").mkdir()
    ran = ground.run("logs")

    assert ran.returncode == 1
    assert re.fullmatch(r"cannot read .*: Is a directory \(errno 21\)\n", ran.stderr)


def test_a_huge_log_is_read_from_its_end(ground: Ground, tmp_path: Path) -> None:
    del tmp_path
    path = write_log(ground, entry(1))
    with path.open("ab") as file:
        file.truncate(33 * 1024 * 1024)
        file.seek(0, os.SEEK_END)
        file.write(f"\n{entry(2)}\n{entry(3)}\n".encode())
    lines = ground.run("logs").stdout.splitlines()

    assert [line[-8:] for line in lines] == ["number=2", "number=3"]


@pytest.mark.timeout(40)
def test_following_goes_through_a_truncation_in_place_and_ends_with_its_reader(ground: Ground) -> None:
    path = write_log(ground, entry(1))
    with ground.program("logs", "-f", "--level", "INFO") as child:
        assert child.stdout is not None
        seen = [child.stdout.readline()]
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{entry(2)}\n{entry(3, 'DEBUG')}\n{entry(4)[:20]}")
            file.flush()
            seen.append(child.stdout.readline())
            os.truncate(path, 0)
            file.write(f"{entry(5)}\n")
            file.flush()
            seen.append(child.stdout.readline())
            child.stdout.close()
            file.write(f"{entry(6)}\n")
            file.flush()
            status = child.wait(10)

    assert [line[-9:] for line in seen] == ["number=1\n", "number=2\n", "number=5\n"]
    assert status == 0


@pytest.mark.timeout(40)
def test_following_waits_for_a_log_and_ends_at_an_interrupt(ground: Ground) -> None:
    ground.logs.mkdir()
    with ground.program("logs", "-f") as child:
        assert child.stdout is not None
        eventually("that it follows", lambda: "nanosleep" in wait_channel(child.pid))
        write_log(ground, entry(1))
        line = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        status = child.wait(30)

    assert line.endswith("number=1\n")
    assert status == 130


def wait_channel(pid: int) -> str:
    """Return in what the kernel says that a process sleeps."""
    return Path(f"/proc/{pid}/wchan").read_text("ascii") + Path(f"/proc/{pid}/syscall").read_text(
        "ascii"
    ).replace("230 ", "nanosleep ")


# --- who may ---


# Imports all that a command needs, becomes somebody else, and runs it: Python itself may be root's alone.
AS_NOBODY = """
import argparse, encodings.idna, getpass, os, pwd, sys
from automation.engine.commands import check, doctor, logs, pausing, recovery, report, start, status
from automation.engine.console import main
from tests import toy_system
os.setgroups([]); os.setgid(65534); os.setuid(65534)
raise SystemExit(main(toy_system.SYSTEM, sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else_may_read_and_change_nothing() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        ground = Ground(Path(folder))
        ground.lamps({"hall": "off", "attic": "on"})
        reported(ground)

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", AS_NOBODY, *words],
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", "REDUNDANCY_WORKSPACE": folder},
                capture_output=True,
                text=True,
                check=False,
            )

        status, report = run("status"), run("report")
        refused = [run(*words) for words in (("start",), ("pause",), ("resume",), ("recovery",))]
        made = (ground.state / "pause.json").exists()

    assert (status.returncode, report.returncode) == (1, 0)
    for ran in refused:
        assert ran.returncode == 3
        assert re.fullmatch(r"this user owns neither .* nor .*: run it as the one who does\n", ran.stderr)
    assert not made


def test_a_missing_package_is_one_line_that_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "asks_for_more.py").write_text("import no_such_package\n", "utf-8")
    (tmp_path / "asks_for_ours.py").write_text("import automation.no_such_part\n", "utf-8")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(NotAllowed, match=r"package no_such_package is not installed .*; run"):
            load("asks_for_more:x")
        with pytest.raises(ModuleNotFoundError):
            load("asks_for_ours:x")
    finally:
        sys.path.remove(str(tmp_path))


def test_logs_never_leave_by_accident(ground: Ground, tmp_path: Path) -> None:
    ground.run("pause")
    (tmp_path / "file").touch()

    assert (ground.logs / ".gitignore").read_text("utf-8") == "*\n!.gitignore\n"
    assert ground.state.stat().st_mode & 0o777 == 0o700
    assert ground.state.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Exception, match=r"cannot write .*\.gitignore"):
        keep_out_of_git(tmp_path / "none")
