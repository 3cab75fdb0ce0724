"""A run that could not try the real PM2 does not pass for one that did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASE = "tests/contract/test_pm2_wire.py::test_looking_never_starts_a_daemon"


def run_without_node(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one test that needs PM2 where no node is on PATH."""
    settings = folder / "pytest.ini"
    settings.write_text("[pytest]\naddopts = --import-mode=importlib\nmarkers = pm2: real PM2\n", "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", settings, f"--rootdir={ROOT}", "-p",
         "no:cacheprovider", *options, CASE],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "PATH"} | {"PATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip


@pytest.mark.timeout(60)
def test_a_run_in_which_tests_that_need_pm2_were_skipped_fails_and_says_so(tmp_path: Path) -> None:
    ran = run_without_node(tmp_path)

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "FAILED: 3 tests that need PM2 were skipped; run `npm ci` in tests/node" in ran.stdout


@pytest.mark.timeout(60)
def test_a_run_that_means_to_do_without_pm2_passes(tmp_path: Path) -> None:
    ran = run_without_node(tmp_path, "--without-pm2")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "FAILED" not in ran.stdout
