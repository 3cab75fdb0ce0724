"""Settings: what may be set, where a value comes from, and the one line that refuses a wrong one.

Precedence: flag, environment, file, default. A file may hold only what differs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from automation.core.errors import SettingsInvalid
from automation.core.setting import Kind, Row, Setting, Value, parse_duration_ms, shown_value, value_of
from automation.core.settings_tables import MOST_WARNINGS, table_of
from automation.core.settings_tree import (
    is_on,
    leaves,
    oddities,
    refuse_secrets,
    refuse_values_for_objects,
    value_at,
)

__all__ = (
    "Kind",
    "Row",
    "Setting",
    "Settings",
    "SettingsFile",
    "Unused",
    "Value",
    "parse_duration_ms",
    "parse_file",
    "resolve",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective values by name, where each comes from, and what was odd about the file.

    `without_effect` says of keys of an older version, in a line each, why they have none.
    """

    values: Mapping[str, Value]
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()

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

    def number(self, name: str) -> float:
        """Return a number."""
        return self.ratio(name)

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of names."""
        value = self.values[name]
        assert isinstance(value, tuple)  # noqa: S101  # resolve() made it one
        return tuple(one for one in value if isinstance(one, str))

    def rows(self, name: str) -> tuple[Row, ...]:
        """Return a table, in the order of the file."""
        value = self.values[name]
        assert isinstance(value, tuple)  # noqa: S101  # resolve() made it one
        return tuple(one for one in value if isinstance(one, Row))


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
        raise SettingsInvalid(f"{where}: expected a JSON object, got {shown_value(content)}")
    return SettingsFile(where, content)


@dataclass(frozen=True, slots=True)
class Unused:
    """Dotted keys of the file that are accepted without effect; a key covers what is below it.

    `silent` ones and their reasons are for who asks, of `sections` (top-level keys) a line is said always, of
    the keys of `said`, with the reason that stands there, where something is switched on.
    """

    silent: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)


def resolve(
    known: Sequence[Setting],
    environment: Mapping[str, str],
    file: SettingsFile,
    flags: Mapping[str, str],
    unused: Unused = Unused(),
) -> Settings:
    """Work out the effective settings.

    Args:
        known: All settings of this program.
        environment: Its environment variables; an empty one counts as not set.
        file: The settings file, empty where there is none.
        flags: Values given on the command line, by setting name.
        unused: What the file may hold without effect.

    Raises:
        SettingsInvalid: A value is of the wrong type, unit or range; the line says where.
    """
    keys = frozenset(key for setting in known for key in (setting.key, *setting.also) if key)
    found = dict(leaves(file.content, keys))
    refuse_values_for_objects(found, keys, f"{file.where}: ")
    values: dict[str, Value] = {}
    origins: dict[str, str] = {}
    odd: list[str] = []
    for setting in known:
        origin, raw = _raw(setting, environment, file, found, flags)
        origins[setting.name] = origin
        values[setting.name] = setting.default
        if origin != "default" and setting.kind is Kind.TABLE:
            table = table_of(setting, raw, origin, file.where)
            values[setting.name] = table.rows
            odd += table.warnings
        elif origin != "default":
            values[setting.name] = value_of(setting, raw, origin)
    refuse_secrets(found, file.where)
    odd += islice(
        oddities(keys, found, (*unused.silent, *unused.sections, *unused.said), file.where), MOST_WARNINGS
    )
    warnings = (*odd[:MOST_WARNINGS], *_without_effect(file, unused))
    return Settings(values, origins, warnings, tuple(_silent(file, unused, keys)))


def _silent(file: SettingsFile, unused: Unused, keys: frozenset[str]) -> Iterator[str]:
    for key, why in unused.silent.items():
        if key not in keys and value_at(file.content, key) is not None:
            yield f"{file.where}: {key}: no effect here: {why}"


def _without_effect(file: SettingsFile, unused: Unused) -> Iterator[str]:
    """Say which keys of the file have no effect, one line each."""
    for section in unused.sections:
        if section in file.content:
            yield f"{file.where}: {section}: ignored: nothing here uses it"
    for key, why in unused.said.items():
        if is_on(value_at(file.content, key)):
            yield f"{file.where}: {key}: ignored: {why}"


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
