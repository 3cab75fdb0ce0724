"""PM2's dump beside a real PM2: what the guard says of it, and that its advice settles it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.core.finding import Finding
from automation.stores import installation
from automation.stores.installation import Installation
from tests.guarding import ROOT, Ground, Watch, eventually
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]

OURS = "enhanced-github-actions-redundancy"
SCRIPT = ROOT / "automation" / "enhanced_github_actions_redundancy.py"
FIVE_MINUTES_S = 301.0


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    for name in ("shop", "blog"):
        ground.home.start_app(name)
    yield ground
    ground.client.close()


def dump(ground: Ground) -> Path:
    return ground.home.path / "dump.pm2"


def saved(ground: Ground) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(dump(ground).read_bytes())}


def found(watch: Watch, skip_s: float = 0.0) -> dict[str, Finding]:
    """Return what is wrong with the dump by problem, as the loop finds it now."""
    watch.ground.clock.skip(skip_s)
    watch.look()
    facts = watch.observer.observe()
    findings = watch.observer.assess(facts).findings
    return {one.problem: one for one in findings if one.subject == "dump.pm2"}


def test_a_dump_is_followed_through_deletion_loss_and_damage(ground: Ground) -> None:
    with Watch(ground) as watch:
        assert (
            found(watch, FIVE_MINUTES_S) == {}
        )  # never saved: that is said by `doctor` and the start script
        ground.home.cli("save")
        assert found(watch) == {}

        ground.home.cli("delete", "blog")
        ground.home.cli("save")
        watch.look()
        assert found(watch, 31) == {}  # a person deleted it

        ground.home.start_app("mail")
        assert found(watch) == {}
        watch.look()
        drift = found(watch, FIVE_MINUTES_S)["dump-drift"]
        assert drift.message == "in PM2's list and not saved: mail"
        assert drift.advice.startswith("`pm2 save` saves what runs")
        ground.home.cli("save")
        assert found(watch) == {}

        dump(ground).write_text("[]", "utf-8")
        empty = found(watch)["dump-empty"]
        assert empty.message == "PM2's saved list holds no app; it held mail, shop"
        assert "(2): `pm2 save` writes it anew" in empty.advice
        ground.home.cli("save")
        assert found(watch) == {}

        dump(ground).write_bytes(dump(ground).read_bytes()[:-40])
        watch.look()
        assert "`pm2 save` writes it anew" in found(watch, 3.0)["dump-damaged"].advice
        ground.home.cli("save")
        assert found(watch) == {}


def test_s10_after_a_crash_no_save_is_advised_before_the_apps_are_back(ground: Ground) -> None:
    ground.home.cli("save")
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:  # else it would bring them back itself
        assert found(watch) == {}
        ground.home.end_daemon(signal.SIGKILL)
        ground.home.start_app("shop")
        ground.home.cli("save")
        watch.look()
        lost = found(watch, 31)["dump-shrunk"]

        assert lost.message.startswith("PM2's saved list has lost blog")
        assert "no `pm2 save` now: PM2's list lacks blog" in lost.advice
        (ground.home.path / "dump.pm2.bak").replace(dump(ground))  # what a restore does
        watch.look()
        drift = found(watch, FIVE_MINUTES_S)
        assert sorted(drift) == ["dump-drift"]
        assert drift["dump-drift"].advice.startswith("`pm2 resurrect` starts what is saved and not there")
        ground.home.cli("resurrect")
        assert found(watch) == {}


def test_s10_the_guard_keeps_ours_in_the_dump_and_touches_nothing_else(ground: Ground) -> None:
    ground.home.cli("save")
    before = saved(ground)
    ground.home.start_app(OURS, SCRIPT, f"--interpreter={sys.executable}")
    with Watch(ground) as watch:
        watch.until("ours is saved", lambda: OURS in saved(ground), skip_s=2.0)

        assert {name: one for name, one in saved(ground).items() if name != OURS} == before
        assert ground.acts() == [("save-own-entries", "dump.pm2")]
        assert found(watch) == {}
        assert (ground.home.path / "redundancy" / "dump-before.pm2").stat().st_mode & 0o777 == 0o600
        ground.home.cli("save")
        assert found(watch) == {}


def test_s8_a_guard_that_only_observes_leaves_the_dump_alone(ground: Ground) -> None:
    ground.home.cli("save")
    before = dump(ground).read_bytes()
    ground.home.start_app(OURS, SCRIPT, f"--interpreter={sys.executable}")
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        assert "own-entries-unsaved" in eventually("it is seen", lambda: found(watch))
        watch.leaves_alone()

    assert dump(ground).read_bytes() == before


def test_the_doctor_says_how_the_saved_list_is_and_what_a_boot_does(ground: Ground) -> None:
    def lines() -> dict[str, tuple[str, bool]]:
        said = json.loads(ground.run("doctor", "--json").stdout)["checks"]
        return {one["what"]: (one["detail"], one["ok"]) for one in said}

    assert lines()["saved list"][0].startswith("PM2's list was never saved")
    ground.home.cli("save")
    assert lines()["saved list"] == ("holds 2 apps beside ours", True)
    record = Installation("u", os.geteuid(), str(ground.home.path), "/n/node", "/p/pm2", "/w", "/w", "now")
    installation.record(record, ground.workspace / "logs")
    dump(ground).write_bytes(b"[{")
    after = lines()

    assert (after["saved list"][1], after["saved list"][0].startswith("damaged: line 1")) == (False, True)
    assert after["boot"][0].startswith("nothing starts PM2 at boot") or after["boot"][1]
