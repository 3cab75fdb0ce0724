"""Many apps that die at once (safety S4), and one that takes too much memory: on a real PM2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from automation.engine.cycle import run_cycle
from automation.systems.pm2.app_rules import AppRule, AppRules
from tests.guarding import FRAGILE, Ground, Watch, eventually, webhook
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(120)]

# Takes 80 MB, and goes on.
HOG = "const held = Buffer.alloc(80 * 1024 * 1024, 1); setInterval(() => held.length, 1000);\n"
WELL = 'while [ ! -e "$(dirname "$0")/broken-$1" ]; do sleep 0.05; done; exit 1\n'


@dataclass(frozen=True, slots=True)
class OneLimit(AppRules):
    """Rules of which one says how much memory the hog may use."""

    def of(self, name: str) -> AppRule:
        """Return the rule of an app."""
        return AppRule(memory_mb=60) if name == "hog" else AppRule()


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def start_thirty(ground: Ground) -> None:
    """Start thirty small apps; twelve of them die, for as long as their file is there, and PM2 gives up."""
    script = ground.home.apps / "small.sh"
    script.write_text(WELL, "utf-8")
    apps = [
        {"name": f"app{number:02}", "script": str(script), "interpreter": "/bin/sh", "args": str(number)}
        | {"max_restarts": 1, "min_uptime": 3_600_000, "kill_timeout": 200}
        for number in range(30)
    ]
    ecosystem = ground.home.apps / "thirty.json"
    ecosystem.write_text(json.dumps({"apps": apps}), "utf-8")
    ground.home.cli("start", ecosystem, timeout_s=60)


def break_twelve(ground: Ground) -> None:
    for number in range(12):
        (ground.home.apps / f"broken-{number}").touch()
    eventually("twelve are given up", partial(_errored, ground, 12))


def _errored(ground: Ground, count: int) -> bool:
    return sum(one.status == "errored" for one in ground.listed()) == count


def test_s4_twelve_of_thirty_that_die_at_once_are_one_alert_and_come_back_two_at_a_time(
    ground: Ground,
) -> None:
    start_thirty(ground)
    with webhook() as (address, came), Watch(ground, REDUNDANCY_WEBHOOK=address) as watch:
        watch.look(times=2)
        break_twelve(ground)
        run_cycle(watch.guard)
        for number in range(12):
            (ground.home.apps / f"broken-{number}").unlink()
        steps = []
        for _ in range(8):
            before = len(ground.acts())
            watch.look()
            steps.append(len(ground.acts()) - before)
            ground.clock.skip(5.0)
        eventually("all run again", partial(_errored, ground, 0))
        watch.until("a human is told", lambda: came)
        ground.clock.skip(60)
        watch.look(times=3, skip_s=1.0)

        assert steps[:6] == [2] * 6
        assert sum(steps) == 12
        assert {step for step, _ in ground.acts()} == {"restart"}
        assert [one["problem"] for one in came] == ["storm"]
        assert "12 of 30 fail at once (app00, app01, app02, app03, app04 …)" in came[0]["text"]
        assert ground.report["findings"] == []
        assert ground.report["recovery"]["heldBack"] == ""


def test_an_app_above_its_memory_limit_for_three_looks_is_restarted_once(ground: Ground) -> None:
    ground.home.start_app("hog", HOG)
    ground.home.start_app("small", FRAGILE)
    eventually("it has taken it", lambda: ground.one("hog").memory_bytes > 70_000_000)
    with Watch(ground) as watch:
        watch.observer.rules = OneLimit()
        watch.look(times=2, skip_s=2.0)
        assert ground.report["findings"] == []
        ground.clock.skip(2.0)
        watch.look()
        (found,) = ground.report["findings"]
        watch.look(times=3, skip_s=2.0)

        assert found["problem"] == "memory-high"
        assert found["message"].endswith("above its limit of 60 MB, for 3 looks in a row")
        assert ground.acts() == [("restart", "hog")]
