"""The house below the systems speaks of none of them: a fifth system must cost no word there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

AUTOMATION = Path(__file__).parent.parent.parent / "automation"
SYSTEMS = sorted(path.parent.name for path in (AUTOMATION / "systems").glob("*/__init__.py"))
NAMED = re.compile(rf"(?<![a-z])({'|'.join(SYSTEMS)})(?![a-z])", re.IGNORECASE)
# PM2 is also what runs the suite's own programs, whichever systems they guard: who installed it where is a
# record of that. `pm2-home` is the folder in a snapshot, as people restore it by hand.
OF_OUR_OWN_SUPERVISOR = {"stores/installation.py"}
FOLDER_IN_A_SNAPSHOT = re.compile(r"pm2-home(/dump\.pm2)?")


def files(folder: str) -> list[Path]:
    """Return the modules of a part of the house."""
    return sorted((AUTOMATION / folder).rglob("*.py"))


def test_the_four_systems_are_looked_for() -> None:
    assert {"pm2", "github", "netlify", "master"} <= set(SYSTEMS)
    assert NAMED.search("ask GitHub") is not None
    assert NAMED.search("masterpiece") is None


@pytest.mark.parametrize("folder", ["core", "engine", "stores"])
def test_no_module_below_the_systems_names_one_of_them(folder: str) -> None:
    found = []
    for path in files(folder):
        name = str(path.relative_to(AUTOMATION))
        text = FOLDER_IN_A_SNAPSHOT.sub("", path.read_text("utf-8"))
        for number, line in enumerate(text.splitlines(), start=1):
            if NAMED.search(line) and name not in OF_OUR_OWN_SUPERVISOR:
                found.append(f"{name}:{number}: {line.strip()}")

    assert len(files(folder)) > 5
    assert found == []
