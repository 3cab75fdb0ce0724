"""PM2's dump on a real PM2: backed up, marked, and put back when it is provably damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.systems.pm2.dump.putting_back import GRACE_S
from automation.systems.pm2.dump.where import DUMP
from automation.systems.pm2.home import daemon_lock
from tests.guarding import Ground, Watch
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    """Give a PM2 that runs two apps and has saved them, and a backup of that."""
    made = Ground(pm2_home)
    made.home.start_app("web")
    made.home.start_app("api")
    assert made.home.cli("save").returncode == 0
    assert made.run("backup").returncode == 0
    yield made
    made.client.close()


def dump(ground: Ground) -> Path:
    return ground.home.path / DUMP


def age(path: Path, seconds: float = GRACE_S * 2) -> None:
    """Let a file have been written some time ago."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def rows(ground: Ground) -> list[dict[str, Any]]:
    """Return the snapshots, oldest first."""
    said: list[dict[str, Any]] = json.loads(ground.run("backups", "--json").stdout)
    return said


def problems(watch: Watch) -> list[str]:
    """Look once, and return what is found wrong with the dump."""
    watch.look()
    return [one["problem"] for one in watch.ground.report["findings"] if one["subject"] == DUMP]


def lock(ground: Ground) -> Path:
    return daemon_lock(ground.home.path)


def test_s20_a_damaged_dump_is_put_back_by_the_loop_after_a_minute_and_can_be_undone(ground: Ground) -> None:
    broken = dump(ground).read_bytes()[:-20]
    whole = dump(ground).read_bytes()
    dump(ground).write_bytes(broken)
    with Watch(ground) as watch:
        watch.until("it is seen", lambda: problems(watch) == ["dump-damaged"], skip_s=3.0)
        watch.until("a try within the minute is refused", ground.acts)
        refused = [one["detail"] for one in ground.audit if one["event"] == "acted"]
        age(dump(ground))
        watch.until("it is put back", lambda: dump(ground).read_bytes() == whole, skip_s=GRACE_S)
        watch.until("nothing is wrong any more", lambda: problems(watch) == [])

    assert "PM2 may be writing it" in refused[0]
    last = ground.audit[-1]
    assert (last["step"], last["subject"], last["ok"]) == ("restore-dump", DUMP, True)
    aside = rows(ground)[-1]
    assert aside["kind"] == "before-restore"
    assert ground.run("restore", aside["id"], "--yes").returncode == 0
    assert dump(ground).read_bytes() == broken


def test_the_restored_dump_is_one_that_pm2_brings_back(ground: Ground) -> None:
    dump(ground).write_text("(() => { throw 1 })()", "utf-8")
    age(dump(ground))

    assert ground.run("recovery", "--level", "restore").returncode == 0
    ground.home.end_daemon()
    assert ground.home.cli("resurrect").returncode == 0
    assert {one["name"] for one in ground.home.jlist()} == {"web", "api"}


def test_s20_a_dump_that_is_an_empty_list_is_only_reported_while_apps_run(ground: Ground) -> None:
    with Watch(ground) as watch:
        watch.look()
        dump(ground).write_text("[]", "utf-8")
        age(dump(ground))
        found = problems(watch)
        watch.look(times=4, skip_s=600.0)

        assert found == ["dump-empty"]
        assert ground.acts() == []
        dump(ground).unlink()
        assert problems(watch) == ["dump-gone"]


def test_a_dump_that_shrank_because_somebody_deleted_an_app_is_valid(ground: Ground) -> None:
    with Watch(ground) as watch:
        watch.look()
        ground.home.cli("delete", "api")
        ground.home.cli("save")
        watch.look(times=3, skip_s=31.0)
        ground.run("backup")
    shrunk = rows(ground)[-1]

    assert len(json.loads(dump(ground).read_bytes())) == 1
    assert len(rows(ground)) == 2
    assert shrunk["allValid"] is True
