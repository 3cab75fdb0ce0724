"""Judges an exchange of HTTP by a published Swagger 2.0 description: what was asked, and the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft4Validator

REFUSED_FROM = 400

Description = Mapping[str, Any]


class SwaggerJudge:
    """Holds a description without references; its methods return what is wrong, in lines."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def of_request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Judge method, path, query, bearer token, and a body where none is described."""
        found = self._operation(method, target)
        if found is None:
            return [f"{method} {target}: no such operation"]
        _, parameters = found
        wrong = list(_wrong_in_query(target, parameters))
        if not headers.get("Authorization", "").startswith("Bearer "):
            wrong.append("no bearer token")
        if body and not any(parameter["in"] in ("body", "formData") for parameter in parameters):
            wrong.append("a body where none is described")
        return [f"{method} {target}: {what}" for what in wrong]

    def of_answer(self, method: str, target: str, status: int, body: bytes) -> list[str]:
        """Judge status and body; a null counts as absent, as the service itself sends nulls."""
        found = self._operation(method, target)
        if found is None:
            return [] if status >= REFUSED_FROM else [f"{method} {target}: {status} without an operation"]
        responses = found[0]["responses"]
        response = responses.get(str(status), responses.get("default") if status >= REFUSED_FROM else None)
        if response is None:
            return [f"{method} {target}: status {status} is not described"]
        errors = _errors(response.get("schema", {}), without_nulls(json.loads(body)))
        return [f"{method} {target} {status}: {said}" for said in errors]

    def _operation(self, method: str, target: str) -> tuple[Description, list[Description]] | None:
        """Return the operation, and its parameters with those of its path."""
        path = urlsplit(target).path
        for template, item in self._description["paths"].items():
            if method.lower() in item and _fits(template, path):
                operation = item[method.lower()]
                return operation, [*item.get("parameters", []), *operation.get("parameters", [])]
        return None


@cache
def swagger_judge(description: Path) -> SwaggerJudge:
    """Return the judge for a description; it is read once a session."""
    return SwaggerJudge(json.loads(description.read_text("utf-8")))


def without_nulls(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON without the keys whose value is null."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def _wrong_in_query(target: str, parameters: list[Description]) -> Iterator[str]:
    known = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "query"}
    for name, value in parse_qsl(urlsplit(target).query, keep_blank_values=True):
        if name not in known:
            yield f"unknown parameter {name}"
            continue
        schema = {key: known[name][key] for key in ("type", "enum") if key in known[name]}
        for said in _errors(schema, _typed(value, schema["type"])):
            yield f"parameter {name}: {said}"


def _errors(schema: Description, instance: object) -> list[str]:
    errors = Draft4Validator(dict(schema)).iter_errors(instance)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


def _typed(value: str, kind: str) -> object:
    """Return a query value as its description's type; as it is where it is no such value."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind == "integer" and value.isdigit():
        return int(value)
    return value


def _fits(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        name == part or (name.startswith("{") and part) for name, part in zip(wanted, given, strict=True)
    )
