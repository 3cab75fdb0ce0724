"""The JSON schema of the settings file, made from the same definitions that the programs read it by.

It asks for JSON's own types where the programs also take text (`"7"`, `"yes"`), and lets unknown keys pass,
as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import TypeAlias

from automation.core.setting import ADDRESS, LAST_PORT, LONGEST_MS, SOCKET, Kind, Row, Setting, Value
from automation.core.settings_tables import MOST_ROWS
from automation.core.settings_tree import SECRET_KEY

Schema: TypeAlias = dict[str, object]

DRAFT = "http://json-schema.org/draft-07/schema#"
SPAN = "^(0|[1-9][0-9]{0,4}[smhd])$"
NULL: Schema = {"type": "null"}
SAID: Schema = {"not": NULL}


def schema_of(known: Iterable[Setting], without_effect: Mapping[str, str], title: str) -> Schema:
    """Return the schema of a file that may hold these settings.

    Args:
        known: All settings of all programs; one key may belong to several.
        without_effect: Dotted keys that nothing reads, and why.
        title: What the file is.
    """
    root: Schema = {}
    for setting in known:
        for key in (setting.key, *setting.also):
            if key:
                _put(root, key, described(setting))
    for key, why in without_effect.items():
        if not _holds(root, key):
            _put(root, key, {"description": f"No effect: {why}."})
    return {
        "$schema": DRAFT,
        "title": title,
        **_object(_properties(root)),
        "allOf": [{"$ref": "#/definitions/withoutSecrets"}],
        "definitions": {"withoutSecrets": _without_secrets()},
    }


def described(setting: Setting) -> Schema:
    """Return the schema of one setting's value, with what is said of it for people."""
    variable = f" (variable {setting.env})" if setting.env else ""
    schema = {"description": f"{setting.about}{variable}", **SCHEMAS[setting.kind](setting)}
    if setting.kind is not Kind.TABLE and not setting.secret and setting.default != "":
        schema["default"] = _plain(setting.default)
    return schema


def _put(root: Schema, key: str, schema: Schema) -> None:
    """Put a schema at a dotted key; what was put there first stays."""
    *above, last = key.split(".")
    at = root
    for part in above:
        inner = _properties(at).setdefault(part, _object({}))
        assert isinstance(inner, dict)  # noqa: S101  # all are made here
        inner |= {name: value for name, value in _object({}).items() if name not in inner}
        at = inner
    _properties(at).setdefault(last, schema)


def _holds(root: Schema, key: str) -> bool:
    at: object = root
    for part in key.split("."):
        at = _properties(at).get(part) if isinstance(at, dict) else None
    return at is not None


def _properties(schema: Schema) -> dict[str, object]:
    found = schema.setdefault("properties", {})
    assert isinstance(found, dict)  # noqa: S101  # all are made here
    return found


def _object(properties: Mapping[str, object]) -> Schema:
    return {"type": "object", "properties": dict(properties)}


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return [one for one in value if not isinstance(one, Row)]
    return value


def _duration(_setting: Setting) -> Schema:
    pattern = "^0*[1-9][0-9]*(ms|s|m|h)?$"
    return {"type": ["integer", "string"], "minimum": 1, "maximum": LONGEST_MS, "pattern": pattern}


def _count(setting: Setting) -> Schema:
    return {"type": "integer", "minimum": setting.least, "maximum": setting.most}


def _number(setting: Setting) -> Schema:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": setting.most}


def _names(_setting: Setting) -> Schema:
    return {"type": ["array", "string"], "items": {"type": "string", "minLength": 1}}


def _socket(_setting: Setting) -> Schema:
    return {"type": ["integer", "string"], "minimum": 1, "maximum": LAST_PORT, "pattern": f"^{SOCKET}$"}


def _table(setting: Setting) -> Schema:
    """Return the schema of a table: rows by glob, in which a null takes back what an earlier one said."""
    row: Schema = _object({})
    for column in setting.columns:
        _put(row, column.key, {"anyOf": [described(column), NULL]})
    for name, inner in _properties(row).items():
        if isinstance(inner, dict) and inner.get("type") == "object":
            one_of = [one.key for one in setting.columns if one.name in setting.one_of]
            within = [key.partition(".")[2] for key in one_of if key.startswith(f"{name}.")]
            inner |= {
                "type": ["object", "null"],
                "not": {"anyOf": [_both(*pair) for pair in combinations(within, 2)]},
            }
    return {"type": "object", "maxProperties": MOST_ROWS, "additionalProperties": row}


def _both(one: str, other: str) -> Schema:
    return {"type": "object", "required": [one, other], "properties": {one: SAID, other: SAID}}


def _without_secrets() -> Schema:
    """Return the schema of an object in which no key that looks like a secret's holds a text."""
    return {
        "type": "object",
        "patternProperties": {_in_any_case(SECRET_KEY.pattern): {"not": {"type": "string", "minLength": 1}}},
        "additionalProperties": {
            "if": {"type": "object"},
            "then": {"$ref": "#/definitions/withoutSecrets"},
        },
    }


def _in_any_case(pattern: str) -> str:
    """Return a pattern of letters that takes them large and small: JSON schemas know no flags."""
    return "".join(f"[{one.upper()}{one}]" if one.isalpha() else one for one in pattern)


SCHEMAS: Mapping[Kind, Callable[[Setting], Schema]] = {
    Kind.DURATION: _duration,
    Kind.SPAN: lambda _: {"anyOf": [{"const": 0}, {"type": "string", "pattern": SPAN}]},
    Kind.COUNT: _count,
    Kind.NUMBER: _number,
    Kind.RATIO: lambda _: {"type": "number", "minimum": 0, "maximum": 1},
    Kind.FLAG: lambda _: {"type": "boolean"},
    Kind.CHOICE: lambda setting: {"enum": list(setting.choices)},
    Kind.TEXT: lambda _: {"type": "string"},
    Kind.NAMES: _names,
    Kind.ADDRESS: lambda _: {"type": "string", "pattern": f"^{ADDRESS}$"},
    Kind.SOCKET: _socket,
    Kind.PATH: lambda _: {"type": "string", "pattern": r"\S"},
    Kind.TABLE: _table,
}
