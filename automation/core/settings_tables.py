"""Tables of the settings file: for each glob a row, whose columns are settings themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from automation.core.errors import SettingsInvalid
from automation.core.setting import Row, Setting, Value, on_one_line, shown_value, value_of
from automation.core.settings_tree import leaves, nearest, refuse_secrets, refuse_values_for_objects

MOST_ROWS = 1000
MOST_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class Table:
    """The rows in the order of the file, and what was odd about them."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


def table_of(setting: Setting, raw: object, origin: str, where: str) -> Table:
    """Read a table; `origin` says where it stands, `where` is the file as people name it.

    Raises:
        SettingsInvalid: Something in it is wrong; one line says what and where.
    """
    if not isinstance(raw, dict):
        raise SettingsInvalid(f"{origin}: expected {setting.kind.value}, got {shown_value(raw)}")
    if len(raw) > MOST_ROWS:
        raise SettingsInvalid(f"{origin}: expected {MOST_ROWS} globs at most, got {len(raw)}")
    rows, warnings = [], list[str]()
    for glob, content in raw.items():
        place = f"{origin}.{on_one_line(glob)}"
        if not isinstance(content, dict):
            raise SettingsInvalid(f"{place}: expected an object, got {shown_value(content)}")
        found = _found(setting, content)
        refuse_secrets(found, f"{where}: {setting.key}.{on_one_line(glob)}")
        rows.append(Row(glob, _values(setting, found, place)))
        warnings += islice(_oddities(setting, found, place), MOST_WARNINGS)
    return Table(tuple(rows), tuple(warnings))


def _found(setting: Setting, content: Mapping[str, object]) -> dict[str, object]:
    return dict(leaves(content, frozenset(column.key for column in setting.columns)))


def _values(setting: Setting, found: Mapping[str, object], place: str) -> dict[str, Value | None]:
    """Return the values of one row by the columns' names."""
    given = {key: value for key, value in found.items() if value is not None}
    refuse_values_for_objects(given, (column.key for column in setting.columns), f"{place}.")
    values: dict[str, Value | None] = {}
    for column in setting.columns:
        if column.key in given:
            values[column.name] = value_of(column, given[column.key], f"{place}.{column.key}")
        elif any(value is None and _covers(key, column.key) for key, value in found.items()):
            values[column.name] = None
    chosen = [one.key for one in setting.columns if one.name in setting.one_of and values.get(one.name)]
    if len(chosen) > 1:
        raise SettingsInvalid(f"{place}: expected one of {', '.join(chosen)}, got {len(chosen)} of them")
    return values


def _covers(key: str, column: str) -> bool:
    return column == key or column.startswith(f"{key}.")


def _oddities(setting: Setting, found: Mapping[str, object], place: str) -> Iterator[str]:
    keys = [column.key for column in setting.columns]
    for key, value in found.items():
        known = key in keys or ((value is None or value == {}) and any(_covers(key, one) for one in keys))
        if not known:
            near = nearest(key, keys)
            yield f"{place}.{on_one_line(key)}: unknown key" + (f"; did you mean {near}?" if near else "")
