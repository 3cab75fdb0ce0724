"""PM2's saved list where variables have moved it: backed up, watched, and put back where PM2 looks for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.engine.backup_schedule import passed_on
from automation.engine.context import build
from automation.launch import places
from automation.ports.clock import SteppedClock
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.daemon.starting import OF_PM2
from automation.systems.pm2.dump.putting_back import GRACE_S
from automation.systems.pm2.dump.where import MOVED_BY, files_of_pm2
from tests.guarding import Ground, Watch
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
ENTRY = "pm2-dump/apps.json"


@pytest.fixture
def moved(pm2_home: Pm2Home) -> dict[str, str]:
    """Give the variables that move PM2's saved list out of its home."""
    (pm2_home.folder / "lists").mkdir()
    return {
        "PM2_DUMP_FILE_PATH": str(pm2_home.folder / "lists" / "apps.json"),
        "PM2_DUMP_BACKUP_FILE_PATH": str(pm2_home.folder / "lists" / "before.json"),
    }


@pytest.fixture
def ground(pm2_home: Pm2Home, moved: dict[str, str]) -> Iterator[Ground]:
    """Give a PM2 that runs two apps, has saved them twice where the variables say, and a backup of that."""
    made = Ground(pm2_home)
    made.home.start_app("web")
    made.home.start_app("api")
    for _ in range(2):
        assert made.home.cli("save", env=moved).returncode == 0
    assert made.run("backup", **moved).returncode == 0
    yield made
    made.client.close()


def test_s20_a_moved_dump_is_backed_up_and_the_loop_puts_it_back_where_pm2_finds_it(
    ground: Ground, moved: dict[str, str]
) -> None:
    dump = Path(moved["PM2_DUMP_FILE_PATH"])
    whole, before = dump.read_bytes(), Path(moved["PM2_DUMP_BACKUP_FILE_PATH"]).read_bytes()
    (kept,) = json.loads(ground.run("backups", "--json", **moved).stdout)
    files = ground.workspace / "backups" / "pm2" / kept["id"]
    dump.write_bytes(whole[:-20])
    then = dump.stat().st_mtime - 2 * GRACE_S
    os.utime(dump, (then, then))
    with Watch(ground, **moved) as watch:
        watch.until("it is put back", lambda: dump.read_bytes() == whole, skip_s=GRACE_S)

    assert (files / ENTRY).read_bytes() == whole
    assert (files / "pm2-dump-before" / "before.json").read_bytes() == before
    assert kept["allValid"] is True
    assert not (ground.home.path / "dump.pm2").exists()
    ground.home.end_daemon()
    assert ground.home.cli("resurrect", env=moved).returncode == 0
    assert {one["name"] for one in ground.home.jlist()} == {"web", "api"}


def advices(ground: Ground) -> list[str]:
    """Return what the last report advises about the saved list being lost."""
    found: list[dict[str, Any]] = ground.report["findings"]
    return [one["advice"] for one in found if one["problem"] == "dump-gone"]


def test_the_advice_for_a_moved_dump_names_its_path_in_the_snapshots_and_works(
    ground: Ground, moved: dict[str, str]
) -> None:
    dump = Path(moved["PM2_DUMP_FILE_PATH"])
    whole = dump.read_bytes()
    with Watch(ground, REDUNDANCY_MODE="observe", **moved) as watch:
        watch.look()
        ground.home.end_daemon()
        ground.home.start_app("web")
        dump.unlink()
        watch.until("the loss is a finding", lambda: advices(ground), skip_s=3.0)
    (advice,) = advices(ground)
    ran = ground.run("restore", "--path", ENTRY, "--yes", **moved)

    assert f"`enhanced-pm2-redundancy restore --path {ENTRY}`" in advice
    assert ran.returncode == 0, ran.stderr
    assert dump.read_bytes() == whole


def test_a_variable_that_names_the_usual_place_moves_nothing(tmp_path: Path) -> None:
    usual = files_of_pm2(tmp_path, {})

    assert [one.entry for one in usual] == [
        "pm2-home/dump.pm2",
        "pm2-home/dump.pm2.bak",
        "pm2-home/module_conf.json",
    ]
    assert files_of_pm2(tmp_path, {"PM2_DUMP_FILE_PATH": f"{tmp_path}//dump.pm2"}) == usual
    assert [one.entry for one in files_of_pm2(tmp_path, {"PM2_MODULE_CONF_FILE": "/etc/pm2/m.json"})] == [
        "pm2-home/dump.pm2",
        "pm2-home/dump.pm2.bak",
        "pm2-modules/m.json",
    ]


def test_s19_what_moves_pm2s_files_reaches_the_guards_and_their_backups(tmp_path: Path) -> None:
    said = {name: f"/of/{name}" for name in OF_PM2}
    shell = {"PATH": "/usr/bin", "PM2_HOME": str(tmp_path), **said}
    found = places.locate(tmp_path, shell, "/n", "/p")
    moved = {name: f"/of/{name}" for _, name, _ in MOVED_BY}

    assert said.items() <= places.environment_for_pm2(found, shell, keep_shutdown=False).items()
    assert moved.items() <= passed_on(build(SYSTEM, tmp_path, shell, SteppedClock())).items()
