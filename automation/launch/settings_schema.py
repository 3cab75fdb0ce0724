"""`python -m automation.launch.settings_schema`: write automation/redundancy-config.schema.json anew."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from automation import systems
from automation.core.settings_schema import schema_of
from automation.engine.context import unused_by
from automation.engine.section_settings import known_settings
from automation.engine.system import System
from automation.ports.files import write_whole

FILE = Path(__file__).resolve().parent.parent / "redundancy-config.schema.json"
TITLE = "Settings of the enhanced redundancy suite (automation/redundancy-config.json)"
UNUSED_SECTION = "nothing here uses it"


def text() -> str:
    """Return the schema as the file holds it, over the settings of every system that is there."""
    found = list(all_systems())
    known = [setting for system in found for setting in known_settings(system)]
    without_effect: dict[str, str] = {}
    for system in found:
        unused = unused_by(system)
        without_effect |= {**unused.silent, **dict.fromkeys(unused.sections, UNUSED_SECTION), **unused.said}
    return json.dumps(schema_of(known, without_effect, TITLE), indent=2, ensure_ascii=False) + "\n"


def all_systems() -> Iterator[System]:
    """Yield the systems that are there, by the names of their folders."""
    for module in sorted(pkgutil.iter_modules(systems.__path__), key=lambda one: one.name):
        system: System = importlib.import_module(f"{systems.__name__}.{module.name}").SYSTEM
        yield system


if __name__ == "__main__":
    write_whole(FILE, text().encode("utf-8"), mode=0o644)
