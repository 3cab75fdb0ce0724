"""`python -m tests.chaos --seed 7 --faults 40 [--pm2 7] [--only daemon_killed]`: faults from a seed."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.driver import run
from tests.chaos.faults import FAULTS
from tests.real_pm2 import VERSIONS


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run one seed, and say each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--pm2", choices=VERSIONS, default="7")
    parser.add_argument("--only", choices=sorted(FAULTS), default="")
    given = parser.parse_args()
    done = run(given.seed, given.faults, version=given.pm2, only=given.only, say=say)
    say(f"{done} faults, and everything holds")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
