"""One setting: its name, its places, its kind; and how a value that was given is taken or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from automation.core import redact
from automation.core.errors import SettingsInvalid

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
LONGEST_MS = 30 * 24 * 3_600_000
LONGEST_SHOWN = 80
LONGEST_READ = 1000
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
LAST_PORT = 65_535
SPAN_UNITS_MS = UNITS_MS | {"d": 86_400_000}
LONGEST_SPAN_MS = 36_500 * 86_400_000  # a century
_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_DURATION = re.compile(r"(\d+)(ms|s|m|h)?")
# Patterns that a JSON schema takes as they are.
ADDRESS = r"https?://[^\s/?#@]+([/?#]\S*)?"
PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
SOCKET = rf"([^\s:/@]+:|\[[0-9A-Fa-f:.]+\]:)?{PORT}"


class Kind(StrEnum):
    """What a setting's value is, in the words of the line that refuses another one."""

    DURATION = "milliseconds > 0"
    SPAN = "0, or a number with s, m, h or d"
    COUNT = "a whole number"
    NUMBER = "a number > 0"
    RATIO = "a number from 0 to 1"
    FLAG = "true or false"
    CHOICE = "one of"
    TEXT = "text"
    NAMES = "a list of names"
    ADDRESS = "an http or https address without a password"
    SOCKET = "host:port, or a port"
    PATH = "the path of a file"
    TABLE = "an object with a glob for each key"


@dataclass(frozen=True, slots=True)
class Row:
    """What a table says of the things that one glob matches: only what was given.

    None stands for a JSON null: it takes back what an earlier row said.
    """

    glob: str
    values: Mapping[str, Value | None]


Value: TypeAlias = int | float | bool | str | tuple[str, ...] | tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that may be set.

    `name` is what the code asks for; `env` the variable and `key` the dotted place in the file, each empty
    where there is none; `also` are older places in the file, asked after `key`. `secret` values are never
    printed. A table has `columns`, whose keys are places within one of its rows; of those named in `one_of`
    a row may hold one.
    """

    name: str
    kind: Kind
    default: Value
    about: str
    env: str = ""
    key: str = ""
    also: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 1_000_000
    secret: bool = False
    columns: tuple[Setting, ...] = ()
    one_of: tuple[str, ...] = ()


def value_of(setting: Setting, raw: object, origin: str) -> Value:
    """Return what was given as the setting's value.

    Raises:
        SettingsInvalid: It is of the wrong type, unit or range; one line says where.
    """
    value = READERS[setting.kind](raw, setting)
    if value is None:
        shown = "another value" if setting.secret else shown_value(raw)
        raise SettingsInvalid(
            f"{origin}: expected {_expected(setting, raw)}, got {shown}{_hint(setting, raw)}"
        )
    return value


def _expected(setting: Setting, raw: object) -> str:
    if setting.kind is Kind.CHOICE:
        return f"one of {', '.join(setting.choices)}"
    if setting.kind is Kind.COUNT:
        return f"a whole number from {setting.least} to {setting.most}"
    if (
        setting.kind is Kind.DURATION
        and _DURATION.fullmatch(str(raw))
        and not re.fullmatch(r"0+\D*", str(raw))
    ):
        return f"{setting.kind.value} and at most {LONGEST_MS} (30 days)"
    return setting.kind.value


def _hint(setting: Setting, raw: object) -> str:
    """Guess what was meant where a ratio is given as a percentage."""
    if setting.kind is Kind.RATIO:
        percent = _finite(raw) or 0.0
        if 1.0 < percent <= 100.0:  # noqa: PLR2004  # a percentage
            return f" (did you mean {percent / 100:g}?)"
    return ""


def shown_value(raw: object) -> str:
    """Return a value as JSON, cut to what fits in a line, without the secrets that can be told."""
    try:
        return on_one_line(redact.text(json.dumps(raw, ensure_ascii=False, default=str)[:LONGEST_READ]))
    except RecursionError:
        return "a value nested too deeply"


def on_one_line(text: str) -> str:
    """Return a text from the file so that it neither breaks the line nor steers a terminal."""
    cut = text[:LONGEST_SHOWN]
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def parse_duration_ms(raw: object) -> int | None:
    """Return the milliseconds of `30000`, `"30s"`, `"5m"` or `"2h"`; None where it is no duration."""
    match = _DURATION.fullmatch(str(raw)) if isinstance(raw, int | str) else None  # "True" is no number
    if match is None or len(match[1]) > 15:  # noqa: PLR2004  # longer than any duration
        return None
    value = int(match[1]) * UNITS_MS[match[2] or "ms"]
    return value if 0 < value <= LONGEST_MS else None


def _duration_ms(raw: object, _setting: Setting) -> int | None:
    return parse_duration_ms(raw)


def _span_ms(raw: object, _setting: Setting) -> int | None:
    """Take a time that may be long, or 0 for none; without a unit nobody could tell what was meant."""
    if str(raw) == "0":
        return 0
    match = _SPAN.fullmatch(raw) if isinstance(raw, str) else None
    value = 0 if match is None else int(match[1]) * SPAN_UNITS_MS[match[2]]
    return value if 0 < value <= LONGEST_SPAN_MS else None


def _count(raw: object, setting: Setting) -> int | None:
    if not isinstance(raw, int | str) or not re.fullmatch(r"[0-9]{1,15}", str(raw)):  # "True" is no number
        return None
    value = int(raw)
    return value if setting.least <= value <= setting.most else None


def _number(raw: object, setting: Setting) -> float | None:
    value = _finite(raw)
    return value if value is not None and 0.0 < value <= setting.most else None


def _ratio(raw: object, _setting: Setting) -> float | None:
    value = _finite(raw)
    return value if value is not None and 0.0 <= value <= 1.0 else None


def _finite(raw: object) -> float | None:
    """Return the number that was given, as a number or as text; NaN compares as out of any range."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        return float(raw)
    except (ValueError, OverflowError):
        return None


def _flag(raw: object, _setting: Setting) -> bool | None:
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or raw.lower() not in TRUE + FALSE:
        return None
    return raw.lower() in TRUE


def _choice(raw: object, setting: Setting) -> str | None:
    wanted = raw.lower() if isinstance(raw, str) else None
    return next((one for one in setting.choices if one.lower() == wanted), None)


def _text(raw: object, _setting: Setting) -> str | None:
    return raw if isinstance(raw, str) else None


def _names(raw: object, _setting: Setting) -> tuple[str, ...] | None:
    """Take a JSON list of texts, or (from the environment) a text with commas."""
    if isinstance(raw, str):
        return tuple(name.strip() for name in raw.split(",") if name.strip())
    if isinstance(raw, list) and all(isinstance(one, str) and one for one in raw):
        return tuple(raw)
    return None


def _address(raw: object, _setting: Setting) -> str | None:
    return raw if isinstance(raw, str) and re.fullmatch(ADDRESS, raw) else None


def _socket(raw: object, _setting: Setting) -> str | None:
    return str(raw) if isinstance(raw, int | str) and re.fullmatch(SOCKET, str(raw)) else None


def _path(raw: object, _setting: Setting) -> str | None:
    return raw if isinstance(raw, str) and raw.strip() and "\0" not in raw else None


def _no_value(_raw: object, _setting: Setting) -> None:
    """A table is read by settings_tables: its rows are settings themselves."""


READERS: Mapping[Kind, Callable[[object, Setting], Value | None]] = {
    Kind.DURATION: _duration_ms,
    Kind.SPAN: _span_ms,
    Kind.COUNT: _count,
    Kind.NUMBER: _number,
    Kind.RATIO: _ratio,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.TEXT: _text,
    Kind.NAMES: _names,
    Kind.ADDRESS: _address,
    Kind.SOCKET: _socket,
    Kind.PATH: _path,
    Kind.TABLE: _no_value,
}
