"""What the PM2 guard's snapshots say of a file: whole, broken, or not to be told without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import SettingsInvalid
from automation.core.settings import Settings, SettingsFile
from automation.engine.context import build, effective
from automation.ports.clock import SteppedClock
from automation.systems.pm2 import SYSTEM
from automation.systems.pm2.backed_up import ECOSYSTEM_FILES, backed_up, guarded_files, judge, wiped


@pytest.mark.parametrize(
    ("path", "data", "verdict"),
    [
        ("ecosystem.config.js", b"module.exports = { apps: [] };\n", True),
        ("ecosystem.config.cjs", b"module.exports = {", False),
        ("ecosystem.config.js", b'import x from "y";\nexport default x;\n', None),
        ("ecosystem.config.cjs", b"\xff\xfe", False),
        ("ecosystem.json", b'{"apps": []}', True),
        ("ecosystem.json", b'{"apps": [', False),
        ("dump.pm2", b"[]", True),
        ("pm2-home/dump.pm2", b"[{]", False),
        ("dump.pm2", b"\0\0\0", False),
        ("automation/tool.py", b"print(1)\n", None),
        ("automation/tool.sh", b" \n", False),
    ],
)
def test_each_kind_of_file_is_judged_by_what_it_should_be(path: str, data: bytes, verdict: object) -> None:
    assert judge(path, data) is verdict


def test_a_loop_asks_only_whether_nothing_is_left() -> None:
    assert wiped("ecosystem.config.cjs", b"module.exports = {") is None
    assert wiped("ecosystem.config.cjs", b"\0\0") is False


def test_without_node_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert judge("ecosystem.config.cjs", b"module.exports = {};") is None


def settings(*files: str) -> Settings:
    return effective(SYSTEM, {}, SettingsFile("file", {"pm2": {"ecosystemFiles": list(files)}}))


def test_settings_may_name_more_files_to_guard() -> None:
    assert guarded_files(settings()) == ECOSYSTEM_FILES
    assert guarded_files(settings("./pm2/apps.json", "deploy/*.cjs")) == (
        *ECOSYSTEM_FILES,
        "pm2/apps.json",
        "deploy/*.cjs",
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "is absolute"),
        ("../other/apps.json", "climbs out"),
        ("**/*.json", "look through every folder"),
        ("a//b", "empty name"),
    ],
)
def test_what_leads_out_of_the_workspace_is_refused_in_one_line(path: str, why: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"^file: pm2\.ecosystemFiles: '.*' .*{why}"):
        guarded_files(settings(path))


def test_files_that_settings_name_are_in_the_snapshots(tmp_path: Path) -> None:
    for name in ("ecosystem.config.cjs", "apps.json", "other.json"):
        (tmp_path / name).write_text("{}", "utf-8")
    path = tmp_path / "automation" / "redundancy-config.json"
    path.parent.mkdir()
    path.write_text('{"enhanced": {"pm2Manager": {"ecosystemFiles": ["apps.json"]}}}', "utf-8")
    context = build(SYSTEM, tmp_path, {"HOME": str(tmp_path)}, SteppedClock())

    assert set(backed_up(context).sources[0].paths) == {
        "ecosystem.config.cjs",
        "apps.json",
        "automation/redundancy-config.json",
    }
