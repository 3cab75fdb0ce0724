"""Where the entry scripts of the suite lie: what the master starts, and by what it knows its own apps."""

from __future__ import annotations

from automation.engine.whereabouts import INSTALLED_IN

FOLDER = INSTALLED_IN / "automation"
