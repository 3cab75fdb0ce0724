"""Our own entries in PM2's saved list: there after a start, gone after a stop, nobody else's touched."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from automation.launch.__main__ import main
from automation.launch.apps import TABLE
from automation.ports.process import user_name
from automation.systems.pm2.boot import look_at_boot
from tests.launch_ground import STAND_IN, bystander, eventually, listed, pm2_home, small_suite
from tests.real_pm2 import NODE, VERSIONS, Pm2Home, pm2_script

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(120)]

OURS = {app.name for app in TABLE}
newest = pytest.mark.parametrize("ground", VERSIONS[-1:], indirect=True)


@dataclass
class Ground:
    """A suite of four small apps, and a PM2 home with an app of somebody else's."""

    pm2: Pm2Home
    suite: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def dump(self) -> Path:
        """Return PM2's dump."""
        return self.pm2.path / "dump.pm2"

    def launch(self, *words: str) -> tuple[str, str]:
        """Do what the start script hands over; returns what it said and complained."""
        main([str(NODE), str(pm2_script(self.pm2.version)), *words], self.pm2.environment, self.suite)
        return self.capsys.readouterr()

    def saved(self) -> dict[str, dict[str, Any]]:
        """Return what is saved, by name."""
        entries = json.loads(self.dump.read_text("utf-8"))
        assert len({one["name"] for one in entries}) == len(entries)
        return {one["name"]: one for one in entries}

    def save(self) -> None:
        """Do what a person does."""
        assert self.pm2.cli("save").returncode == 0


@pytest.fixture(params=VERSIONS)
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Ground]:
    suite = small_suite(tmp_path / "suite")
    for app in TABLE:
        text = STAND_IN.replace("pm2-health-report.json", app.report).replace('"new"', repr(app.name))
        (suite / "automation" / app.script).write_text(text, "utf-8")
    with pm2_home(request.param) as pm2:
        bystander(pm2, tmp_path / "other.py", "shop")
        yield Ground(pm2, suite, capsys)


def test_s10_what_is_saved_and_ours_comes_back_once_after_the_daemon_died(ground: Ground) -> None:
    ground.save()
    text = ground.dump.read_bytes()
    ground.dump.chmod(0o640)
    ground.launch()
    with_ours = ground.dump.read_bytes()
    shop = text.strip().removeprefix(b"[").removesuffix(b"]").strip()

    assert set(ground.saved()) == {"shop"} | OURS
    assert shop in with_ours
    assert ground.dump.stat().st_mode & 0o777 == 0o640
    assert (ground.pm2.path / "redundancy" / "dump-before.pm2").read_bytes() == text
    ground.save()  # PM2 writes what we wrote
    by_pm2 = ground.saved()
    ground.dump.write_bytes(with_ours)
    merged = ground.saved()
    assert {name: sorted(merged[name]) for name in OURS} == {name: sorted(by_pm2[name]) for name in OURS}

    ground.pm2.end_daemon(signal.SIGKILL)
    ground.pm2.cli("resurrect")

    eventually("all are back", lambda: set(listed(ground.pm2)) == {"shop"} | OURS)
    assert sorted(str(one["name"]) for one in ground.pm2.jlist()) == sorted({"shop"} | OURS)


@newest
def test_s10_a_stop_takes_ours_out_of_the_saved_list_and_only_ours(ground: Ground) -> None:
    ground.save()
    text = ground.dump.read_bytes()
    ground.launch()
    only = TABLE[-1].name

    ground.launch("--stop", "--only", only)
    assert set(ground.saved()) == {"shop"} | OURS - {only}
    said, complained = ground.launch("--stop")

    assert set(listed(ground.pm2)) == {"shop"}
    assert ground.dump.read_bytes() == text
    assert (only in said, "saved list" in complained) == (False, False)


@newest
def test_s10_where_nothing_was_saved_none_is_made_and_the_start_says_so(ground: Ground) -> None:
    _, complained = ground.launch()

    assert not ground.dump.exists()
    assert "PM2's saved list holds nothing" in complained
    boot = look_at_boot(ground.pm2.path, None, user_name())
    assert ("this sets it up: " in complained or "PM2 at boot" in complained) != boot.well
    ground.save()
    ground.dump.write_text("[{", "utf-8")
    ground.launch("--ensure", "--only", TABLE[0].name)
    _, complained = ground.launch()
    assert "not added to PM2's saved list: PM2's saved list is damaged and was not touched" in complained
    assert ground.dump.read_text("utf-8") == "[{"
    ground.launch("--stop")
    assert ground.dump.read_text("utf-8") == "[{"


@newest
def test_s18_the_entries_of_a_moved_folder_are_followed_in_the_saved_list(ground: Ground) -> None:
    ground.save()
    ground.launch()
    ground.suite = ground.suite.rename(ground.suite.with_name("moved"))

    ground.launch()

    assert set(ground.saved()) == {"shop"} | OURS
    assert {Path(ground.saved()[name]["pm_exec_path"]).parent for name in OURS} == {
        ground.suite / "automation"
    }
    ground.suite = ground.suite.rename(ground.suite.with_name("again"))
    ground.launch("--stop")
    assert set(ground.saved()) == {"shop"}


@newest
def test_a_saved_list_that_cannot_be_read_is_said_and_the_apps_are_started_and_stopped(
    ground: Ground,
) -> None:
    ground.dump.symlink_to(ground.dump)

    assert "not added to PM2's saved list: cannot read" in ground.launch()[1]
    assert set(listed(ground.pm2)) == {"shop"} | OURS
    assert "not taken out of PM2's saved list: cannot read" in ground.launch("--stop")[1]
    assert set(listed(ground.pm2)) == {"shop"}
