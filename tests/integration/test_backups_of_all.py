"""Snapshots of the four real systems through their commands: the rules, and restoring with only `cp`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.four_grounds import DUMP, GUARDS, JUDGED, Four

pytestmark = pytest.mark.timeout(60)

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = (*GUARDS, "master")
ONLY_THE_NEWEST = {"keepLast": 1, "keepHourly": 0, "keepDaily": 0, "keepWeekly": 0, "keepMonthly": 0}
by_itself = pytest.mark.parametrize("name", GUARDS)


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Four:
    made = Four(tmp_path / "workspace", tmp_path / "pm2")
    made.workspace.mkdir()
    made.fill()
    monkeypatch.setenv("PM2_HOME", str(made.home))
    for name in ("GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return made


def git(four: Four, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", *words],
        cwd=four.workspace,
        check=True,
        capture_output=True,
        timeout=20,
    )


@by_itself
def test_every_guard_backs_up_lists_verifies_restores_and_prunes_by_the_same_commands(
    four: Four, name: str
) -> None:
    path, good, _ = JUDGED[name]
    taken = four.said(name, "backup")
    four.write(path, good + "\n")
    again = four.said(name, "backup")
    rows = four.snapshots(name)
    verified = four.said(name, "verify", "--all")
    restored = four.said(name, "restore", taken["id"], "--yes")
    dry = four.said(name, "prune", "--dry-run")

    assert (taken["changed"], taken["allValid"], taken["leftOut"]) == (True, True, [])
    assert [one["id"] for one in rows] == [taken["id"], again["id"]]
    assert [(one["id"], one["ok"]) for one in verified] == [(one["id"], True) for one in rows]
    assert restored["written"] == [f"files/{path}"]
    assert four.read(path) == good
    assert (dry["dryRun"], dry["removed"], len(dry["kept"])) == (True, [], 3)


@by_itself
def test_s20_a_changed_file_is_never_put_back_by_itself_and_a_wiped_one_is(four: Four, name: str) -> None:
    """What a person changed is only reported; without git nothing but a snapshot holds it."""
    path, good, broken = JUDGED[name]
    four.run(name, "backup")
    full = four.workspace / path
    full.write_text(broken, "utf-8")
    _age(full)
    four.run(name, "recovery", "--subject", path)
    changed = full.read_text("utf-8")
    full.write_bytes(b"\0" * 30)
    _age(full)
    ran = four.run(name, "recovery", "--subject", path)

    assert changed == broken
    assert ran.returncode == 0
    assert full.read_text("utf-8") == good
    aside = four.snapshots(name)[-1]
    assert aside["kind"] == "before-restore"
    assert four.run(name, "restore", aside["id"], "--yes").returncode == 0
    assert full.read_bytes() == b"\0" * 30


def test_s21_a_wiped_file_is_never_put_back_from_what_a_restore_or_an_emergency_put_aside(four: Four) -> None:
    """Nobody can judge a YAML file of PM2's: the copy of a backup comes before newer ones put aside."""
    path = "ecosystem.yaml"
    four.write(path, "apps: []\n")
    good = four.said("pm2", "backup")
    four.write(path, "apps: [\n")
    four.said("pm2", "backup", "--emergency")
    four.run("pm2", "restore", good["id"], "--yes")
    four.write(path, "")
    _age(four.workspace / path)
    ran = four.run("pm2", "recovery", "--subject", path)

    assert [one["kind"] for one in four.snapshots("pm2")][:3] == ["regular", "emergency", "before-restore"]
    assert ran.returncode == 0
    assert four.read(path) == "apps: []\n"


@by_itself
def test_s20_a_deletion_that_is_committed_stands(four: Four, name: str) -> None:
    path, _, _ = JUDGED[name]
    git(four, "init")
    git(four, "add", path)
    git(four, "commit", "-m", "one")
    four.run(name, "backup")
    git(four, "rm", path)
    git(four, "commit", "-m", "two")
    four.run(name, "recovery", "--subject", path)

    assert not (four.workspace / path).exists()


def _age(path: Path) -> None:
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))


@pytest.mark.parametrize("name", ALL)
def test_s21_what_was_broken_when_taken_and_what_an_emergency_took_never_becomes_the_default(
    four: Four, name: str
) -> None:
    path, good, broken = JUDGED[name]
    if name == "master":
        broken = "torn {"
        path = "logs/pm2-health-report.json"
        good = "{}"
        four.write(path, good)
    first = four.said(name, "backup")
    four.write(path, broken)
    bad = four.said(name, "backup")
    four.write(path, good + " ")
    emergency = four.said(name, "backup", "--emergency")

    rows = {one["id"]: one for one in four.snapshots(name)}
    assert (rows[first["id"]]["allValid"], rows[bad["id"]]["allValid"]) == (True, False)
    assert rows[emergency["id"]]["kind"] == "emergency"
    assert four.latest(name) == first["id"]
    if name != "master":
        four.write(path, broken)
        assert four.run(name, "restore", "--path", path, "--yes").returncode == 0
        assert four.read(path) == good


def test_s22_what_a_set_of_the_master_names_is_pinned_and_comes_back_as_one_moment(four: Four) -> None:
    config, _, _ = JUDGED["master"]
    four.write(config, json.dumps({"backups": {"retention": ONLY_THE_NEWEST}}))
    taken = four.said("master", "backup")
    paths = [JUDGED[name][0] for name in GUARDS]
    for text in ("\n", "\n\n"):
        for name in GUARDS:
            path, good, _ = JUDGED[name]
            four.write(path, good + text)
            four.run(name, "backup", "--prune")
    why = {one["id"]: one["why"] for one in four.said("github", "prune", "--dry-run")["kept"]}
    said = four.said("master", "restore", taken["id"][:-1], "--yes")

    assert taken["whole"] is True
    assert set(taken["snapshots"]) == set(GUARDS)
    assert why[taken["snapshots"]["github"]] == "a set names it"
    assert (said["id"], said["set"], said["problems"]) == (taken["id"], taken["set"], [])
    assert [said["systems"][name]["failed"] for name in GUARDS] == [[], [], []]
    assert [four.read(path) for path in paths] == [JUDGED[name][1] for name in GUARDS]


def test_the_masters_restore_says_its_plan_as_one_document(four: Four) -> None:
    taken = four.said("master", "backup")
    path, good, _ = JUDGED["github"]
    four.write(path, good + "\n")
    ran = four.run("master", "restore", "latest", "--dry-run", "--json")
    nothing = four.said("master", "restore", "--path", str(four.workspace / "none"), "--yes")

    said = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr, said["id"]) == (0, "", taken["id"])
    assert said["systems"]["github"]["files"][0] == {
        "path": f"files/{path}",
        "change": "changed",
        "from": taken["snapshots"]["github"],
    }
    assert nothing["problems"] == ["none: no snapshot of this set has it"]


def lines_of_the_readme() -> list[str]:
    """Return the commands that the README gives for restoring without the tool."""
    text = (ROOT / "README.md").read_text("utf-8").partition("### Restore without the tool")[2]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def test_what_the_readme_says_restores_everything_with_nothing_but_cp(four: Four, tmp_path: Path) -> None:
    """In a shell that has `cp`, `ls` and nothing else: no Python, no node, no tool."""
    for _ in range(2):  # the second links to the first
        for name in GUARDS:
            assert four.run(name, "backup").returncode == 0
        for more in ("automation/more.sh", ".github/workflows/more.yml", "functions/more.mjs"):
            four.write(more, four.read(JUDGED["github"][0]))
    workflow = four.workspace / JUDGED["github"][0]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in _guarded(four)}
    for path in before:
        path.unlink()
    shutil.rmtree(four.workspace / "functions")
    shutil.rmtree(four.workspace / ".github")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("cp", "ls"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    lines = lines_of_the_readme()
    ran = subprocess.run(
        ["/bin/sh", "-euc", "\n".join(lines)],
        cwd=four.workspace,
        env={"PATH": str(tools), "PM2_HOME": str(four.home)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert len(lines) == 5
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    assert (four.home / "dump.pm2").read_text("utf-8") == DUMP
    assert workflow.is_file()
    for name in GUARDS:
        assert (four.folder(name) / "latest" / "files" / JUDGED[name][0]).stat().st_nlink > 1
    assert {path.stat().st_nlink for path in before} == {1}
    for path in before:
        path.write_text("an edit reaches no snapshot", "utf-8")
    assert {four.run(name, "verify", "--all").returncode for name in GUARDS} == {0}


def _guarded(four: Four) -> list[Path]:
    paths = [four.workspace / JUDGED[name][0] for name in GUARDS]
    return [*paths, four.workspace / "functions" / "hello.mjs", four.home / "dump.pm2"]


def test_a_restore_of_all_brings_settings_back_and_makes_no_old_report_or_history_the_present(
    four: Four,
) -> None:
    """An old report would be taken for the present, and an old history would grant new tries (safety S3)."""
    settings, history = JUDGED["master"][0], "logs/state/master/history.json"
    report = "logs/pm2-health-report.json"
    for path in (settings, history, report):
        four.write(path, '{"as": "before"}')
    assert four.run("master", "backup").returncode == 0
    for path in (settings, history, report):
        four.write(path, '{"as": "after"}')
    ran = four.run("master", "restore", "--yes")
    kept = four.folder("master") / four.snapshots("master")[-1]["id"]

    assert ran.returncode == 0, ran.stderr
    assert four.read(settings) == '{"as": "before"}'
    assert (four.read(history), four.read(report)) == ('{"as": "after"}', '{"as": "after"}')
    assert (kept / "state" / "history.json").read_text("utf-8") == '{"as": "before"}'
    assert (kept / "logs" / "pm2-health-report.json").read_text("utf-8") == '{"as": "before"}'
