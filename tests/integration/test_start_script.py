"""The start script in a fresh copy of the project, with an empty HOME: as a newcomer runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from automation.launch.apps import offered
from tests.launch_ground import ENTRY, GUARD, STAND_IN, bystander, copy_project, listed, pm2_home
from tests.real_pm2 import Pm2Home

SCRIPT = "automation/start-enhanced-redundancy.sh"
TOOLS = [
    "bash",
    "env",
    "cat",
    "cksum",
    "cut",
    "dirname",
    "flock",
    "grep",
    "head",
    "id",
    "ln",
    "mkdir",
    "readlink",
    "sed",
    "tail",
]


@dataclass
class Clone:
    """A fresh copy of the project, and a home without anything."""

    suite: Path
    pm2: Pm2Home
    elsewhere: Path

    def run(
        self, *words: str, script: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the start script from another folder, without a terminal."""
        network = ("PIP_", "SSL_", "NODE_EXTRA", "HTTP", "http", "NO_PROXY", "no_proxy")
        pip = {name: value for name, value in os.environ.items() if name.startswith(network)}
        return subprocess.run(
            [script or self.suite / SCRIPT, *words],
            cwd=self.elsewhere,
            env=pip | self.pm2.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Install once for all tests of this module; each brings the apps into the state that it needs."""
    folder = tmp_path_factory.mktemp("start")
    suite = copy_project(folder / "a clone")
    if not (suite / "automation" / ENTRY).exists():
        (suite / "automation" / ENTRY).write_text(STAND_IN, "utf-8")
    with pm2_home() as pm2:
        made = Clone(suite, pm2, folder)
        first = made.run()
        pm2.remember()
        assert first.returncode == 0, first.stdout + first.stderr
        yield made


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Clone]:
    """Give a copy that nobody has installed."""
    with pm2_home() as pm2:
        yield Clone(copy_project(tmp_path / "bare"), pm2, tmp_path)


def path_with(folder: Path, *programs: str) -> str:
    """Make a PATH that holds these programs and what the script needs of the system."""
    folder.mkdir()
    for name in (*TOOLS, *programs):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


pytestmark = pytest.mark.timeout(240)


@pytest.mark.pm2
def test_a_start_installs_and_shows_the_apps_with_their_reports(clone: Clone) -> None:
    ran = clone.run()

    assert ran.returncode == 0, ran.stderr
    there = [[app.name, "online"] for app in offered(clone.suite)]
    assert [line.split()[:2] for line in ran.stdout.splitlines()] == [["NAME", "PM2"], *there]
    assert (clone.suite / ".venv" / "bin" / GUARD).exists()
    assert (clone.suite / "automation" / "logs").resolve() == clone.suite / "logs"


@pytest.mark.pm2
def test_a_second_run_changes_nothing(clone: Clone) -> None:
    clone.run()
    before = listed(clone.pm2)[GUARD]["pid"], (clone.suite / "logs" / "install.log").stat().st_mtime_ns

    ran = clone.run(PATH=os.environ["PATH"], PIP_NO_INDEX="1")

    after = listed(clone.pm2)[GUARD]["pid"], (clone.suite / "logs" / "install.log").stat().st_mtime_ns
    assert ran.returncode == 0
    assert after == before


@pytest.mark.pm2
def test_two_starts_at_once_start_the_apps_once(clone: Clone) -> None:
    clone.run("--stop")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: clone.run(), range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert listed(clone.pm2)[GUARD]["pm2_env"]["restart_time"] == 0


@pytest.mark.pm2
def test_it_works_through_a_symlink(clone: Clone, tmp_path: Path) -> None:
    link = tmp_path / "start"
    link.symlink_to(clone.suite / SCRIPT)

    assert GUARD in clone.run("--status", script=link).stdout


@pytest.mark.pm2
def test_ensure_works_without_node_on_path_and_says_nothing_when_all_is_there(clone: Clone) -> None:
    clone.run()

    ran = clone.run("--ensure", PATH="/usr/bin:/bin")

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.pm2
def test_stop_takes_ours_and_only_ours(clone: Clone, tmp_path: Path) -> None:
    clone.run()
    other = bystander(clone.pm2, tmp_path / "other.js")

    ran = clone.run("--stop")

    assert ran.returncode == 0
    assert {name: entry["pid"] for name, entry in listed(clone.pm2).items()} == {"bystander": other}
    clone.pm2.cli("delete", "bystander")


@pytest.mark.pm2
def test_only_takes_a_name_and_refuses_another(clone: Clone) -> None:
    assert clone.run("--restart", "--only", GUARD).returncode == 0

    ran = clone.run("--only", "nope")

    assert ran.returncode == 3
    assert f"known: {GUARD}" in ran.stderr


@pytest.mark.pm2
def test_a_moved_folder_repairs_its_environment_and_is_followed(clone: Clone) -> None:
    clone.run()
    clone.suite = clone.suite.rename(clone.suite.with_name(f"{clone.suite.name} moved"))

    ran = clone.run()

    assert ran.returncode == 0, ran.stderr
    assert "this folder was moved" in ran.stderr
    assert listed(clone.pm2)[GUARD]["pm2_env"]["pm_exec_path"] == str(clone.suite / "automation" / ENTRY)
    text = (clone.suite / ".venv" / "bin" / GUARD).read_text("utf-8")
    assert str(clone.suite) in text


@pytest.mark.parametrize("what", ["a link", "a folder of somebody's"])
def test_what_is_no_environment_is_not_emptied(bare: Clone, tmp_path: Path, what: str) -> None:
    theirs = tmp_path / "theirs" if what == "a link" else bare.suite / ".venv"
    theirs.mkdir()
    (theirs / "kept").write_text("mine", "utf-8")
    if what == "a link":
        (bare.suite / ".venv").symlink_to(theirs)

    ran = bare.run()

    assert ran.returncode == 3
    assert "remove the link" in ran.stderr or "move it out of the way" in ran.stderr
    assert (theirs / "kept").read_text("utf-8") == "mine"


@pytest.mark.pm2
def test_names_of_the_old_suite_are_refused(clone: Clone, tmp_path: Path) -> None:
    clone.run("--stop")
    pid = bystander(clone.pm2, tmp_path / "automation" / "enhanced-pm2-redundancy.js", GUARD)

    ran = clone.run()

    assert ran.returncode == 3
    assert "held by the old JavaScript suite" in ran.stderr
    assert listed(clone.pm2)[GUARD]["pid"] == pid
    clone.pm2.cli("delete", GUARD)


def test_each_missing_prerequisite_is_one_line(bare: Clone, tmp_path: Path) -> None:
    ran = bare.run(PATH=path_with(tmp_path / "bin"))

    lines = ran.stderr.splitlines()
    assert ran.returncode == 3
    assert [line.split(";")[0] for line in lines] == [
        "missing: Python 3.11 or newer (python3)",
        "missing: Node.js 18 or newer (node)",
        "missing: npm, to install PM2",
    ]
    assert all("apt-get install" in line for line in lines)


def test_a_python_without_venv_names_the_package(bare: Clone, tmp_path: Path) -> None:
    path = path_with(tmp_path / "bin", "node", "npm")
    fake = tmp_path / "bin" / "python3"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n', "utf-8")
    fake.chmod(0o755)

    ran = bare.run(PATH=path)

    assert ran.returncode == 3
    assert ran.stderr.splitlines() == [
        f"missing: Python's venv module for {fake}; Debian/Ubuntu: apt-get install python3-venv"
    ]


def test_without_a_network_one_line_names_the_log(bare: Clone) -> None:
    ran = bare.run(PIP_NO_INDEX="1", PIP_FIND_LINKS="/nonexistent", PIP_CONFIG_FILE="/dev/null")

    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.endswith(f"see {bare.suite}/logs/install.log\n")


def test_status_stop_and_help_install_nothing(bare: Clone) -> None:
    status, stop, explained = bare.run("--status"), bare.run("--stop"), bare.run("--help")

    assert (status.returncode, stop.returncode, explained.returncode) == (3, 0, 0)
    assert "not installed yet" in status.stderr
    assert "nothing of ours is installed" in stop.stdout
    assert "--ensure" in explained.stdout
    assert not (bare.suite / ".venv").exists()
    assert not (bare.suite / "node_modules").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_user_who_owns_nothing_here_leaves_nothing_here(bare: Clone) -> None:
    bare.pm2.path.mkdir()
    for folder in (bare.suite, bare.pm2.path):
        os.chown(folder, 12345, 12345)

    ran = bare.run()

    assert ran.returncode == 3
    assert "owns neither" in ran.stderr
    assert not (bare.suite / ".venv").exists()
    assert not (bare.suite / "logs" / "state").exists()


@pytest.mark.parametrize("words", [("--stauts",), ("--stop", "--ensure"), ("--only",)])
def test_wrong_words_install_nothing(bare: Clone, words: tuple[str, ...]) -> None:
    ran = bare.run(*words)

    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 1
    assert not (bare.suite / ".venv").exists()


@pytest.mark.pm2
def test_a_real_folder_of_logs_is_left_alone(clone: Clone) -> None:
    link = clone.suite / "automation" / "logs"
    link.unlink()
    link.mkdir()
    try:
        ran = clone.run()

        assert f"{link} is a folder of its own and was left alone" in ran.stdout
        assert not link.is_symlink()
    finally:
        link.rmdir()
