"""Settings: what may be set, where a value comes from, and the one line that refuses a wrong one.

Precedence: flag, environment, file, default. A file may hold only what differs.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TypeAlias

from automation.core.errors import SettingsInvalid

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"(\d+)(ms|s|m|h)?")
_LONGEST_MS = 30 * 24 * 3_600_000
_SPAN = re.compile(r"(\d{1,9})([smhd])")
_SPAN_UNITS_MS = _UNITS_MS | {"d": 86_400_000}
_LONGEST_SPAN_MS = 36_500 * 86_400_000  # a century
_SECRET_KEY = re.compile(r"token|secret|passw|^pass$|credential|api_?key", re.IGNORECASE)
_NEAR = 0.75
_DEEPEST = 10
_LONGEST_SHOWN = 80
_MOST_WARNINGS = 20
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class Kind(StrEnum):
    """What a setting's value is, in the words of the line that refuses another one."""

    DURATION = "milliseconds > 0, or a number with ms, s, m or h"
    SPAN = "0, or a number with s, m, h or d"
    COUNT = "a whole number"
    RATIO = "a number from 0 to 1"
    FLAG = "true or false"
    CHOICE = "one of"
    TEXT = "text"
    NAMES = "a list of names"


Value: TypeAlias = int | float | bool | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that may be set.

    `name` is what the code asks for; `env` the variable and `key` the dotted place in the file, each empty
    where there is none; `also` are older places in the file, asked after `key`. `secret` values are never
    printed.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective values by name, where each comes from, and what was odd about the file."""

    values: Mapping[str, Value]
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    def seconds(self, name: str) -> float:
        """Return a duration in seconds."""
        value = self.values[name]
        assert isinstance(value, int)  # noqa: S101  # resolve() made it one
        return value / 1000.0

    def count(self, name: str) -> int:
        """Return a whole number."""
        value = self.values[name]
        assert isinstance(value, int)  # noqa: S101  # resolve() made it one
        return value

    def ratio(self, name: str) -> float:
        """Return a number from 0 to 1."""
        value = self.values[name]
        assert isinstance(value, int | float)  # noqa: S101  # resolve() made it one
        return float(value)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        return bool(self.values[name])

    def text(self, name: str) -> str:
        """Return a text; empty where it is not set."""
        return str(self.values[name])

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of names."""
        value = self.values[name]
        assert isinstance(value, tuple)  # noqa: S101  # resolve() made it one
        return value


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file: where it is, as people name it, and what it holds."""

    where: str
    content: Mapping[str, object] = field(default_factory=dict)


def parse_file(text: str, where: str) -> SettingsFile:
    """Read the text of a settings file.

    Raises:
        SettingsInvalid: It is no JSON object.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsInvalid(f"{where}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except ValueError as error:
        raise SettingsInvalid(f"{where}: a number with too many digits") from error
    except RecursionError as error:
        raise SettingsInvalid(f"{where}: nested too deeply to be a settings file") from error
    if not isinstance(content, dict):
        raise SettingsInvalid(f"{where}: expected a JSON object, got {_shown(content)}")
    return SettingsFile(where, content)


def resolve(
    known: Sequence[Setting],
    environment: Mapping[str, str],
    file: SettingsFile,
    flags: Mapping[str, str],
    ignored: Sequence[str] = (),
    dropped: Sequence[str] = (),
) -> Settings:
    """Work out the effective settings.

    Args:
        known: All settings of this program.
        environment: Its environment variables; an empty one counts as not set.
        file: The settings file, empty where there is none.
        flags: Values given on the command line, by setting name.
        ignored: Dotted keys of the file that are accepted without effect; a key covers what is below it.
        dropped: Sections of the file that nothing uses any more: one line says so of each.

    Raises:
        SettingsInvalid: A value is of the wrong type, unit or range; the line says where.
    """
    keys = frozenset(key for setting in known for key in (setting.key, *setting.also) if key)
    found = dict(_leaves(file.content, keys))
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    for setting in known:
        origin, raw = _raw(setting, environment, file, found, flags)
        values[setting.name] = setting.default if origin == "default" else _value(setting, raw, origin)
        origins[setting.name] = origin
    _refuse_secrets(found, file.where)
    odd = islice(_oddities(keys, file, found, (*ignored, *dropped)), _MOST_WARNINGS)
    unused = [f"{file.where}: {one}: ignored: nothing here uses it" for one in dropped if one in file.content]
    return Settings(values, origins, (*odd, *unused))


def _raw(
    setting: Setting,
    environment: Mapping[str, str],
    file: SettingsFile,
    found: Mapping[str, object],
    flags: Mapping[str, str],
) -> tuple[str, object]:
    if setting.name in flags:
        return f"--{setting.name.replace('_', '-')}", flags[setting.name]
    if setting.env and environment.get(setting.env):
        return setting.env, environment[setting.env]
    for key in (setting.key, *setting.also):
        if key and key in found:
            return f"{file.where}: {key}", found[key]
    return "default", None


def _leaves(
    tree: Mapping[str, object], keys: frozenset[str], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, object]]:
    """Yield every value of the file with its dotted key.

    An empty object or a list is a value, and so is whatever stands where a known setting belongs.
    """
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict) and value and dotted not in keys and depth < _DEEPEST:
            yield from _leaves(value, keys, f"{dotted}.", depth + 1)
        else:
            yield dotted, value


def _value(setting: Setting, raw: object, origin: str) -> Value:
    """Turn what was given into the setting's value, or refuse it in one line."""
    value = _READERS[setting.kind](raw, setting)
    if value is None:
        shown = "another value" if setting.secret else _shown(raw)
        raise SettingsInvalid(f"{origin}: expected {_expected(setting)}, got {shown}{_hint(setting, raw)}")
    return value


def _expected(setting: Setting) -> str:
    if setting.kind is Kind.CHOICE:
        return f"one of {', '.join(setting.choices)}"
    if setting.kind is Kind.COUNT:
        return f"a whole number from {setting.least} to {setting.most}"
    return setting.kind.value


def _hint(setting: Setting, raw: object) -> str:
    """Guess what was meant where a ratio is given as a percentage."""
    if setting.kind is Kind.RATIO:
        try:
            percent = float(raw) if isinstance(raw, str | int | float) else 0.0
        except (ValueError, OverflowError):
            return ""
        if 1.0 < percent <= 100.0:  # noqa: PLR2004  # a percentage
            return f" (did you mean {percent / 100:g}?)"
    return ""


def _shown(raw: object) -> str:
    """Return a value as JSON, cut to what fits in a line."""
    try:
        return _on_one_line(json.dumps(raw, ensure_ascii=False, default=str))
    except RecursionError:
        return "a value nested too deeply"


def _on_one_line(text: str) -> str:
    """Return a text from the file so that it neither breaks the line nor steers a terminal."""
    cut = text[:_LONGEST_SHOWN]
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def parse_duration_ms(raw: object) -> int | None:
    """Return the milliseconds of `30000`, `"30s"`, `"5m"` or `"2h"`; None where it is no duration."""
    match = _DURATION.fullmatch(str(raw)) if isinstance(raw, int | str) else None  # "True" is no number
    if match is None or len(match[1]) > 15:  # noqa: PLR2004  # longer than any duration
        return None
    value = int(match[1]) * _UNITS_MS[match[2] or "ms"]
    return value if 0 < value <= _LONGEST_MS else None


def _duration_ms(raw: object, _setting: Setting) -> int | None:
    return parse_duration_ms(raw)


def _span_ms(raw: object, _setting: Setting) -> int | None:
    """Take a time that may be long, or 0 for none; without a unit nobody could tell what was meant."""
    if str(raw) == "0":
        return 0
    match = _SPAN.fullmatch(raw) if isinstance(raw, str) else None
    value = 0 if match is None else int(match[1]) * _SPAN_UNITS_MS[match[2]]
    return value if 0 < value <= _LONGEST_SPAN_MS else None


def _count(raw: object, setting: Setting) -> int | None:
    if not isinstance(raw, int | str) or not re.fullmatch(r"\d{1,15}", str(raw)):  # "True" is no number
        return None
    value = int(raw)
    return value if setting.least <= value <= setting.most else None


def _ratio(raw: object, _setting: Setting) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    try:
        value = float(raw)
    except (ValueError, OverflowError):
        return None
    return value if 0.0 <= value <= 1.0 else None


def _flag(raw: object, _setting: Setting) -> bool | None:
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, str) or raw.lower() not in _TRUE + _FALSE:
        return None
    return raw.lower() in _TRUE


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


_READERS: Mapping[Kind, Callable[[object, Setting], Value | None]] = {
    Kind.DURATION: _duration_ms,
    Kind.SPAN: _span_ms,
    Kind.COUNT: _count,
    Kind.RATIO: _ratio,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.TEXT: _text,
    Kind.NAMES: _names,
}


def _refuse_secrets(found: Mapping[str, object], where: str) -> None:
    """Refuse a file that holds a token: files get copied, committed and backed up."""
    for key, value in found.items():
        if isinstance(value, str) and value and _SECRET_KEY.search(key.rpartition(".")[2]):
            raise SettingsInvalid(
                f"{where}: no secret is read from this file: remove {_on_one_line(key)!r}, "
                "and use the environment or a *_TOKEN_FILE"
            )


def _oddities(
    keys: frozenset[str], file: SettingsFile, found: Mapping[str, object], ignored: Sequence[str]
) -> Iterator[str]:
    """Say which keys of the file have no effect; those of other programs' sections are their business."""
    sections = {key.partition(".")[0] for key in keys}
    for key in found:
        section = key.partition(".")[0]
        if key in keys or any(key == one or key.startswith(f"{one}.") for one in ignored):
            continue
        odd = f"{file.where}: {_on_one_line(key)}: unknown key"
        wanted, among = (key, keys) if section in sections else (section, sections)
        near = difflib.get_close_matches(wanted[:_LONGEST_SHOWN], sorted(among), n=1, cutoff=_NEAR)
        if near:
            yield f"{odd}; did you mean {near[0]}?"
        elif section in sections:
            yield odd
