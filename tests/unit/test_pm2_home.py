"""PM2's home folder, as it lies on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automation.core.settings import SettingsFile
from automation.engine.context import effective
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.home import exists, living_daemon, own_folder, pm2_home, reload_under_way
from automation.systems.pm2.ladders import ladders


def test_the_home_is_where_pm2_itself_looks_for_it() -> None:
    assert pm2_home({"PM2_HOME": "/a", "HOME": "/b"}) == Path("/a")
    assert own_folder({"HOME": "/b"}) == Path("/b/.pm2/redundancy")


@pytest.mark.parametrize(
    ("text", "age_s", "under_way"),
    [
        ("4711", 0, True),
        ("4711", 29, True),
        ("4711", 31, False),
        ("", 0, False),
        ("\n", 0, False),
        ("ä", 0, False),
    ],
)
def test_a_reload_is_under_way_while_its_lock_is_fresh_and_says_something(
    tmp_path: Path, text: str, age_s: float, *, under_way: bool
) -> None:
    lock = tmp_path / "reload.lock"
    lock.write_text(text, "utf-8")
    os.utime(lock, (1000, 1000))

    assert reload_under_way(tmp_path, 1000 + age_s) is under_way
    assert not reload_under_way(tmp_path / "nowhere", 1000)


def test_a_home_is_a_folder_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o777)

    assert exists(tmp_path)
    assert not exists(tmp_path / "file")
    assert not exists(tmp_path / "nowhere")


@pytest.mark.parametrize(("title", "lives"), [("PM2 v7: God Daemon (/a)", True), ("something else", False)])
def test_the_pid_file_names_a_living_daemon_only_if_it_is_one(
    tmp_path: Path, title: str, *, lives: bool
) -> None:
    argv = [sys.executable, "-c", "print(flush=True); input()", title]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # by now it is the program that it shall be
        (tmp_path / "pm2.pid").write_text(str(process.pid), "ascii")
        found = living_daemon(tmp_path / "pm2.pid")
        process.communicate(b"\n")

    assert found == (process.pid if lives else None)
    assert living_daemon(tmp_path / "pm2.pid") is None


@pytest.mark.parametrize("text", ["", "x", "-1", "9" * 30])
def test_a_pid_file_that_says_nothing_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pm2.pid").write_text(text, "ascii")

    assert living_daemon(tmp_path / "pm2.pid") is None


def test_the_ladders_name_steps_that_there_are_and_take_the_restarts_from_the_settings() -> None:
    settings = effective(SYSTEM, {"PM2_MAX_RESTARTS": "2"}, SettingsFile("none"))
    found = {
        ladder.problem: [(one.step, one.attempts) for one in ladder.rungs] for ladder in ladders(settings)
    }

    assert found == {
        "process-flapping": [("let-rest", 7)],
        "process-resting": [("start-again", 2)],
        "memory-high": [("restart", 3)],
        "cpu-high": [("restart", 3)],
        "memory-leak": [],
        "host-memory-low": [],
        "host-disk-low": [],
        "host-overloaded": [],
        "process-hung": [("restart", 2), ("recreate", 2)],
        "port-taken": [],
        "process-errored": [("restart", 2), ("recreate", 2), ("start-from-ecosystem", 1)],
        "process-stopped": [("restart", 2), ("recreate", 2), ("start-from-ecosystem", 1)],
        "own-entries-unsaved": [("save-own-entries", 3)],
        "recreation-unfinished": [("finish-recreation", 3)],
        "file-wiped": [("restore-file", 3)],
        "dump-damaged": [("restore-dump", 3)],
        "master-silent": [("restart-master", 3)],
        "master-refused": [],
        "daemon-dead": [("bring-back", 5)],
        "daemon-replaced": [("bring-back", 5)],
        "daemon-stopped": [("continue-daemon", 5)],
        "daemon-hung": [("restart-daemon", 1)],
        "daemon-idle": [("end-second-daemon", 5)],
        "daemon-deaf": [("put-sockets-back", 1), ("restart-daemon", 1)],
        "sockets-gone": [("put-sockets-back", 50)],
        "daemon-split": [("end-second-daemon", 1)],
        "app-lost": [],
        "required-missing": [("start-from-ecosystem", 1)],
        "dump-gone": [],
        "dump-empty": [],
        "dump-unreadable": [],
        "dump-shrunk": [],
        "dump-drift": [],
        "ecosystem-damaged": [],
    }
    assert {step for rungs in found.values() for step, _ in rungs} == set(SYSTEM.steps)


def test_auto_restart_false_leaves_apps_that_are_down_to_a_human() -> None:
    file = SettingsFile("none", {"pm2": {"autoRestart": False}})
    found = {one.problem: one.rungs for one in ladders(effective(SYSTEM, {}, file))}

    assert found["process-errored"] == found["process-stopped"] == ()
    assert found["process-flapping"] == found["process-resting"] == ()
    assert found["memory-high"] == found["cpu-high"] == ()
    assert not any(rungs for problem, rungs in found.items() if problem.startswith(("daemon-", "sockets-")))


def test_s9_what_ends_a_daemon_is_tried_once_a_day_and_an_emergency_leaves_the_daemon_to_its_guard() -> None:
    settings = effective(SYSTEM, {}, SettingsFile("none", {"pm2": {"restartDelay": 7000}}))
    found = {one.problem: one for one in ladders(settings)}
    daemons = {problem for problem in found if problem.startswith(("daemon-", "sockets-"))}

    assert {one for one in daemons if found[one].pace.rest_s == found[one].pace.calm_s == 86_400.0} == {
        "daemon-hung",
        "daemon-deaf",
        "daemon-split",
    }
    assert found["sockets-gone"].pace.first_s == 1.0
    assert found["process-errored"].pace.first_s == found["process-hung"].pace.first_s == 7.0
    assert {one for one in found if found[one].in_emergency} == daemons | {"master-silent"}
