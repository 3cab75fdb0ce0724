"""Fault after fault from one seed, until so many have happened or something does not hold."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.chaos.faults import FAULTS, SECONDS
from tests.chaos.world import build

PAIR_SHARE = 0.3  # how many faults have a second one at their heels


def run(
    seed: int, faults: int, *, version: str = "7", say: Callable[[str], None] = lambda _: None, only: str = ""
) -> int:
    """Let so many faults happen to a world of its own; return how many did.

    Args:
        seed: What chance begins with: the same seed is the same order of faults.
        faults: How many.
        version: Of PM2.
        say: Where each fault is told.
        only: The name of the one fault that is wanted.

    Raises:
        AssertionError: Something did not hold; the message says what, and how to have it again.
    """
    chance = random.Random(seed)  # noqa: S311  # faults that can be had again, not secrets
    done = 0
    with build(version) as world:
        while done < faults:
            names = [only or chance.choice(sorted(FAULTS))]
            if chance.random() < PAIR_SHARE:
                names.append(chance.choice(SECONDS))
            began_s = time.monotonic()
            try:
                for name in names:
                    said = FAULTS[name](world, chance)
                    say(f"seed {seed}, fault {done + 1}: {said}")
                    done += 1
                if world.start_over():
                    say("    neither guard nor daemon lives: a person starts the guard again")
                world.settle()
            except Exception as error:
                again = f"python -m tests.chaos --seed {seed} --faults {done} --pm2 {version}"
                raise AssertionError(f"{' + '.join(names)} ({again}): {error}") from error
            say(f"    well again after {time.monotonic() - began_s:.1f} s")
    return done
