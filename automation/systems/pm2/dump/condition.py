"""PM2's dump, what `pm2 save` wrote and `pm2 resurrect` brings back: read as JSON, never evaluated. Pure.

PM2 itself runs a dump as JavaScript, and deletes one that it cannot parse.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from automation.systems.pm2.intents import Intents
from automation.systems.pm2.process import OURS

NOTHING = b"\0 \t\r\n"
MEANT_AFTER_S = 7 * 86400.0


class Condition(StrEnum):
    """How a dump is."""

    WHOLE = "whole"
    HOLDS_NOTHING = "an empty list"  # what `pm2 cleardump` and `pm2 save --force` write: somebody's wish
    MISSING = "missing"
    EMPTY = "empty"
    NULS = "filled with NUL bytes"
    NOT_JSON = "not JSON"
    NO_LIST = "no list of apps"
    UNREADABLE = "unreadable"


# What no program means to write: provable damage.
DAMAGED = frozenset({Condition.EMPTY, Condition.NULS, Condition.NOT_JSON, Condition.NO_LIST})


@dataclass(frozen=True, slots=True)
class Dump:
    """The dump as a look found it.

    `detail` says more where that helps; `written_at_s` is None where it is not there; `has_copy` tells
    whether a snapshot holds one that is whole and names apps, looked up only where that matters.
    """

    condition: Condition
    detail: str = ""
    written_at_s: float | None = None
    has_copy: bool = False


def condition_of(data: bytes) -> tuple[Condition, str]:
    """Say how a dump's bytes are, and what is wrong with them."""
    if not data:
        return Condition.EMPTY, ""
    if not data.strip(NOTHING):
        return (Condition.NULS if b"\0" in data else Condition.EMPTY), ""
    try:
        said = json.loads(data)
    except ValueError as error:
        return Condition.NOT_JSON, str(error)[:200]
    except RecursionError:
        return Condition.NOT_JSON, "nested too deeply"
    if not isinstance(said, list) or not all(_is_app(one) for one in said):
        return Condition.NO_LIST, ""
    return (Condition.WHOLE if said else Condition.HOLDS_NOTHING), ""


def _is_app(one: object) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("name"), str)


def apps_in(data: bytes) -> Counter[str]:
    """Return how often each app stands in a dump, ours left out; nothing of one that is not whole."""
    if condition_of(data)[0] is not Condition.WHOLE:
        return Counter()
    return Counter(one["name"] for one in json.loads(data) if one["name"] not in OURS)


def unexplained(before: Counter[str], now: Counter[str], intents: Intents) -> tuple[str, ...]:
    """Return the apps that a dump has lost although nobody is known to have deleted one of that name.

    A deletion that is not settled yet explains a loss too, unless everything vanished at once: that is PM2
    going down, not a person (safety S13).
    """
    deleted = {one.name for one in intents.gone if one.deleted or intents.known}
    return tuple(sorted(name for name in before - now if name not in deleted))


def judge_dump(
    data: bytes, before: bytes, intents: Intents, *, written_at_s: float | None, now_s: float
) -> bool:
    """Say whether a dump may be called valid: a list of apps that lost none but those that a hand deleted.

    Args:
        data: The dump.
        before: The newest valid one in the snapshots; empty where there is none.
        intents: What the guard knows of deletions by hand.
        written_at_s: When it was written; None where that is not known.
        now_s: Seconds since 1970. What has stood for a week is meant, whoever deleted what.
    """
    if condition_of(data)[0] not in {Condition.WHOLE, Condition.HOLDS_NOTHING}:
        return False
    if written_at_s is not None and now_s - written_at_s >= MEANT_AFTER_S:
        return True
    return not unexplained(apps_in(before), apps_in(data), intents)
