"""Guard Netlify functions: `python automation/enhanced_netlify_functions_redundancy.py status`."""

from __future__ import annotations

import gc
import sys

gc.disable()  # until all is loaded: that lives as long as the program, and main() lets it work again

from pathlib import Path

if __name__ == "__main__":  # run by path: find the package, shadow nothing
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from automation.engine.console import main
from automation.systems.netlify import SYSTEM


def run() -> int:
    """Run the command line."""
    return main(SYSTEM, sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(run())
