"""The toy system's program, `python -m tests.toy_program status`; with LAMP_BACKUPS it has snapshots too."""

from __future__ import annotations

import os
import sys

from automation.engine.console import main
from tests.toy_system import BACKED_UP, SYSTEM

if __name__ == "__main__":
    raise SystemExit(main(BACKED_UP if os.environ.get("LAMP_BACKUPS") else SYSTEM, sys.argv[1:]))
