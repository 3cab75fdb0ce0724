"""A fifth guarded system costs one folder, one entry script and one word: here one is added, and guards."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy_ground import ROOT, Ground, eventually, line_with

pytestmark = pytest.mark.timeout(60)

ENTRY = '''"""Guard the lamps: `python automation/enhanced_lamp_redundancy.py status`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":  # run by path: find the package, shadow nothing
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from automation.engine.console import main
from automation.systems.lamp import BACKED_UP as SYSTEM


def run() -> int:
    """Run the command line."""
    return main(SYSTEM, sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(run())
'''
FOLDER, SCRIPT = "automation/systems/lamp", "automation/enhanced_lamp_redundancy.py"


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of every file of the suite by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a copy of the suite with a system more, and lamps to guard."""
    shutil.copytree(
        ROOT / "automation", tmp_path / "automation", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / FOLDER).mkdir()
    shutil.copy(ROOT / "tests" / "toy_system.py", tmp_path / FOLDER / "__init__.py")
    (tmp_path / SCRIPT).write_text(ENTRY, "utf-8")
    made = Ground(tmp_path, {"LAMP_INTERVAL": "1s"})
    made.lamps({"hall": "off", "attic": "on"}, cures={"switch": ["hall"]})
    return made


def argv(ground: Ground, *words: str) -> list[str]:
    """Return how the new program is called."""
    return [sys.executable, str(ground.workspace / SCRIPT), *words]


def run(ground: Ground, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the new program to its end, from a folder that has nothing to do with it."""
    environment = ground.child_environment()
    del environment["REDUNDANCY_WORKSPACE"]  # the folder that holds automation/ is the workspace
    return subprocess.run(
        argv(ground, *words),
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_new_system_has_every_command_and_guards(ground: Ground) -> None:
    before = contents(ground.workspace / "automation")
    no_report, first = run(ground, "status"), run(ground, "check")
    dry = run(ground, "recovery", "--dry-run")
    with subprocess.Popen(
        argv(ground), cwd="/", env=ground.child_environment(), stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            line_with(child, "step_taken")
            eventually("the lamp's light", lambda: ground.report()["status"] == "healthy")
            eventually("a snapshot", lambda: run(ground, "backups").stdout != "no snapshots yet\n")
            status = run(ground, "status")
            child.terminate()
            code = child.wait(15)
        finally:
            child.kill()
    report = run(ground, "report")
    ground.lamps({"hall": "off"}, cures={"switch": ["hall"]})
    recovered = run(ground, "recovery")
    doctor = json.loads(run(ground, "doctor", "--json").stdout)
    snapshots = json.loads(run(ground, "backups", "--json").stdout)

    assert [one["reason"] for one in snapshots] == ["scheduled"]
    assert no_report.returncode == 3
    assert first.returncode == 1
    assert "hall: lamp-off: it gives no light" in first.stdout
    assert dry.stdout == "hall: lamp-off: switch → replace\n"
    assert (status.returncode, code, report.returncode, recovered.returncode) == (0, 0, 0, 0)
    assert "switch hall: done: switch done" in report.stdout
    assert re.match(r"switch hall: done: switch done \(\d+ ms\)\n", recovered.stdout)
    assert {one["name"] for one in doctor["settings"]} >= {"check_interval", "wait", "rooms", "log_level"}
    assert run(ground, "--help").stdout.count("enhanced-lamp-redundancy") >= 2
    assert contents(ground.workspace / "automation") == before


def test_nothing_else_of_the_suite_was_touched(ground: Ground) -> None:
    original, grown = contents(ROOT / "automation"), contents(ground.workspace / "automation")

    assert {name for name in grown if name not in original} == {
        "systems/lamp/__init__.py",
        "enhanced_lamp_redundancy.py",
    }
    assert {name for name in original if grown[name] != original[name]} == set()


def test_the_rules_about_imports_hold_with_it(ground: Ground) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"],
        cwd=ground.workspace,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ground.workspace)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"Contracts: [4-9] kept, 0 broken", ran.stdout)


def test_a_system_that_reaches_into_another_breaks_those_rules(ground: Ground) -> None:
    """The proof would be worth little if the linter looked elsewhere."""
    path = ground.workspace / FOLDER / "__init__.py"
    path.write_text(path.read_text("utf-8") + "\nimport automation.systems.pm2.home\n", "utf-8")
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"],
        cwd=ground.workspace,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ground.workspace)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert "Systems never import each other BROKEN" in ran.stdout


def test_one_word_offers_the_new_app_to_the_process_manager(ground: Ground) -> None:
    """The word is its row in the ecosystem file: without it there the app is not offered."""
    text = (ROOT / "ecosystem.enhanced-redundancy.cjs").read_text("utf-8")
    row = re.search(r"\n *\{\n *name: \"enhanced-pm2-redundancy\",.*?\n *\},\n", text, re.DOTALL)
    assert row is not None
    more = row[0].replace("pm2_redundancy", "lamp_redundancy").replace("enhanced-pm2", "enhanced-lamp")
    (ground.workspace / "ecosystem.enhanced-redundancy.cjs").write_text(
        text.replace(row[0], row[0] + more), "utf-8"
    )
    program = (
        'console.log(JSON.stringify(require("./ecosystem.enhanced-redundancy.cjs").apps.map((a) => a.name)))'
    )
    ran = subprocess.run(
        ["node", "-e", program], cwd=ground.workspace, capture_output=True, text=True, check=True
    )

    assert "enhanced-lamp-redundancy" in json.loads(ran.stdout)
