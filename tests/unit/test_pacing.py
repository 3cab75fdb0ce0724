"""Paces and tries of every system's ladders, as settings say (safety S3)."""

from __future__ import annotations

import importlib

import pytest

from automation.core.ladder import Ladder, Pace
from automation.core.settings import SettingsFile
from automation.engine.context import effective
from automation.engine.loading import load
from automation.engine.system import System

SYSTEMS = ("pm2", "github", "netlify", "master")
LIVELY: dict[str, object] = {
    "redundancy": {
        "firstWait": "1s",
        "longestWait": "20s",
        "stableTime": "40s",
        "cooldownPeriod": "50s",
        "maxRecoveryAttempts": 1,
    }
}
CONTENTS: tuple[dict[str, object], ...] = (
    LIVELY,
    {"pm2": {"restartDelay": 5000}, **LIVELY},
    {"pm2": {"restartDelay": "10m"}},
)
OWN_COUNTS = {
    *("restart", "rerun", "dispatch", "begin-emergency"),
    *("bring-back", "put-sockets-back", "continue-daemon", "end-second-daemon"),
    *("let-rest", "start-again"),
}
# An emergency has a cool-down of its own, a lease ends at once, all apps start anew once a day at most.
OWN_PACE = {
    *("score-below-threshold", "emergency-broken-off", "lease-without-cause"),
    *("daemon-hung", "daemon-deaf", "daemon-split", "sockets-gone"),
    *("process-flapping", "process-resting", "memory-high", "cpu-high"),
}


def made(name: str, content: dict[str, object]) -> dict[str, Ladder]:
    system: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
    settings = effective(system, {}, SettingsFile("file", content))
    return {one.problem: one for one in load(system.ladders)(settings)}


def test_s3_by_default_the_waits_are_those_that_were_promised() -> None:
    assert made("pm2", {})["process-errored"].pace == Pace(10.0, 300.0, 0.2, 600.0, 3600.0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_s3_rest_and_calm_of_every_ladder_are_tunable(name: str) -> None:
    paces = {
        problem: (ladder.pace.calm_s, ladder.pace.rest_s)
        for problem, ladder in made(name, LIVELY).items()
        if ladder.rungs and problem not in OWN_PACE
    }

    assert paces
    assert set(paces.values()) == {(40.0, 50.0)}


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_step_without_a_count_of_its_own_is_tried_more_often_than_settings_allow(name: str) -> None:
    rungs = [rung for ladder in made(name, LIVELY).values() for rung in ladder.rungs]

    assert {rung.attempts for rung in rungs if rung.step not in OWN_COUNTS} == {1}


def test_the_wait_after_a_restart_has_a_key_of_its_own() -> None:
    paces = [made("pm2", content)["process-errored"].pace for content in CONTENTS]

    assert [(pace.first_s, pace.longest_s) for pace in paces] == [(1.0, 20.0), (5.0, 20.0), (600.0, 600.0)]


def test_a_file_is_put_back_only_after_the_grace_whatever_the_first_wait() -> None:
    assert made("pm2", LIVELY)["file-wiped"].pace.first_s == 60.0


def test_the_number_of_restarts_is_not_limited_by_that_of_other_steps() -> None:
    ladder = made("pm2", {"pm2": {"maxRestarts": 9}, **LIVELY})["process-errored"]

    assert [(rung.step, rung.attempts) for rung in ladder.rungs] == [
        ("restart", 9),
        ("recreate", 1),
        ("start-from-ecosystem", 1),
    ]
