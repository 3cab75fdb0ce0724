"""Who may read the reports."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from automation.core.errors import NotAllowed, SettingsInvalid
from automation.engine.cycle import run_cycle
from automation.ports.clock import SteppedClock
from automation.stores.report_access import Access, access_of
from tests.toy_ground import Ground, guard


def some_group() -> grp.struct_group:
    """Return a group that this user may give files to, another than its own where it may."""
    ids = [one.gr_gid for one in grp.getgrall()] if os.geteuid() == 0 else os.getgroups()
    return grp.getgrgid(next((one for one in ids if one != os.getegid()), os.getegid()))


@pytest.mark.parametrize(("asked", "mode"), [("", 0o644), ("0644", 0o644), ("640", 0o640), ("0600", 0o600)])
def test_the_mode_narrows_who_may_read(asked: str, mode: int) -> None:
    assert access_of({"REDUNDANCY_REPORT_MODE": asked}) == Access(mode)


def test_a_group_without_a_mode_shuts_out_everybody_else() -> None:
    group = some_group()

    assert access_of({"REDUNDANCY_REPORT_GROUP": group.gr_name}) == Access(0o640, group.gr_gid)
    assert access_of({"REDUNDANCY_REPORT_GROUP": group.gr_name, "REDUNDANCY_REPORT_MODE": "0644"}) == Access(
        0o644, group.gr_gid
    )


def test_a_report_belongs_to_the_group(tmp_path: Path) -> None:
    group = some_group()
    ground = Ground(tmp_path, {"REDUNDANCY_REPORT_GROUP": group.gr_name})
    ground.lamps({"hall": "on"})
    with guard(ground, SteppedClock()) as guarded:
        run_cycle(guarded)

    status = ground.report_path.stat()
    assert (status.st_gid, status.st_mode & 0o777) == (group.gr_gid, 0o640)


@pytest.mark.parametrize("mode", ["0666", "0664", "0", "777", "rw", "0o640", "0644\n"])
def test_a_mode_that_lets_others_write_or_is_none_is_refused(mode: str) -> None:
    with pytest.raises(
        SettingsInvalid, match=r"^REDUNDANCY_REPORT_MODE: expected one of 0644, 0640, 0600, got "
    ):
        access_of({"REDUNDANCY_REPORT_MODE": mode})


@pytest.mark.parametrize("name", ["no-such-group", "a\0b", "x" * 500, "two\nlines"])
def test_a_group_that_is_none_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^REDUNDANCY_REPORT_GROUP: expected a group") as caught:
        access_of({"REDUNDANCY_REPORT_GROUP": name})
    assert len(str(caught.value).splitlines()) == 1


def test_a_group_that_this_user_is_not_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = some_group().gr_name
    monkeypatch.setattr("os.geteuid", lambda: 1)
    monkeypatch.setattr("os.getegid", lambda: 2**31)
    monkeypatch.setattr("os.getgroups", list)

    with pytest.raises(NotAllowed, match="this user is not in group"):
        access_of({"REDUNDANCY_REPORT_GROUP": name})


def test_what_the_reports_cannot_be_ends_every_command_that_reads_settings(tmp_path: Path) -> None:
    ran = Ground(tmp_path).run("check", REDUNDANCY_REPORT_GROUP="no-such-group")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "REDUNDANCY_REPORT_GROUP: expected a group of this machine, got 'no-such-group'\n"
