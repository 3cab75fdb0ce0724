"""Names of snapshots: the UTC second and four hex digits, unique and in the order of their making."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from automation.core.errors import EffectFailed

_SHAPE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}", re.ASCII)
_SECOND = "%Y%m%dT%H%M%SZ"
_DIGITS = 0x10000
# A first name in its second leaves the upper half of the digits to those that follow in the same one.
_FIRST_DIGITS = 0x8000
_FIRST_S, _LAST_S = 0.0, 253_402_300_799.0


def is_snapshot_id(text: str) -> bool:
    """Tell whether a text has the shape of an id, and its second exists."""
    if _SHAPE.fullmatch(text) is None:
        return False
    try:
        _second_of(text)
    except ValueError:
        return False
    return True


def next_id(now_s: float, newest: str | None, salt: int) -> str:
    """Return a name that sorts after every earlier one, even when the clock was set back.

    Args:
        now_s: Seconds since 1970.
        newest: The last id there is.
        salt: Any number; it tells apart what two machines name in the same second.

    Raises:
        EffectFailed: The newest id is the last one that can be written.
    """
    wished = _name(_moment(now_s), salt % _FIRST_DIGITS)
    if newest is None or wished > newest:
        return wished
    second, digits = _second_of(newest), int(newest[-4:], 16) + 1
    if digits < _DIGITS:
        return _name(second, digits)
    try:
        return _name(second + timedelta(seconds=1), 0)
    except OverflowError as error:
        raise EffectFailed(f"no snapshot can be named after {newest}: remove it", retryable=False) from error


def _moment(now_s: float) -> datetime:
    return datetime.fromtimestamp(min(max(now_s, _FIRST_S), _LAST_S), UTC)


def _second_of(text: str) -> datetime:
    return datetime.strptime(text[:16], _SECOND).replace(tzinfo=UTC)


def _name(second: datetime, digits: int) -> str:
    stamp = second.replace(tzinfo=None).isoformat(timespec="seconds").replace("-", "").replace(":", "")
    return f"{stamp}Z-{digits:04x}"
