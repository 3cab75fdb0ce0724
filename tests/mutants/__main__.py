"""`python tests/mutants` is `python tests/mutants/run.py`."""

from __future__ import annotations

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).resolve().with_name("run.py")), run_name="__main__")
