"""The toy system's program: `python -m tests.toy_program status`."""

from __future__ import annotations

import sys

from automation.engine.console import main
from tests.toy_system import SYSTEM

if __name__ == "__main__":
    raise SystemExit(main(SYSTEM, sys.argv[1:]))
