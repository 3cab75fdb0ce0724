"""Judges an exchange of HTTP by a published Swagger 2.0 description: what was asked, and the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

REFUSED_FROM = 400
_ROOT = "urn:description"

Description = Mapping[str, Any]


class SwaggerJudge:
    """Holds a whole description; `of_request` and `of_answer` return what is wrong, in lines."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._registry: Registry[Any] = Registry().with_resource(
            _ROOT, Resource.from_contents(description, default_specification=DRAFT4)
        )

    def of_request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Judge method, path, query, bearer token, and a body where none is described."""
        found = self._operation(method, target)
        if found is None:
            return [f"{method} {target}: no such operation"]
        _, pointer, parameters = found
        wrong = list(self._wrong_in_query(target, pointer, parameters))
        if not headers.get("Authorization", "").startswith("Bearer "):
            wrong.append("no bearer token")
        if body and not any(parameter["in"] in ("body", "formData") for _, parameter in parameters):
            wrong.append("a body where none is described")
        return [f"{method} {target}: {what}" for what in wrong]

    def of_answer(self, method: str, target: str, status: int, body: bytes) -> list[str]:
        """Judge status and body; a null counts as absent, as the service itself sends nulls."""
        found = self._operation(method, target)
        if found is None:
            return [] if status >= REFUSED_FROM else [f"{method} {target}: {status} without an operation"]
        operation, pointer, _ = found
        key = str(status)
        if key not in operation["responses"]:
            key = "default" if status >= REFUSED_FROM else ""
        if key not in operation["responses"]:
            return [f"{method} {target}: status {status} is not described"]
        if "schema" not in self._resolved(operation["responses"][key]):
            return []
        where = f"{pointer}/responses/{key}"
        reference = operation["responses"][key].get("$ref")
        schema = f"{_ROOT}{reference}/schema" if reference else f"{_ROOT}#{where}/schema"
        errors = self._errors({"$ref": schema}, without_nulls(json.loads(body)))
        return [f"{method} {target} {status}: {said}" for said in errors]

    def _wrong_in_query(
        self, target: str, pointer: str, parameters: list[tuple[str, Description]]
    ) -> Iterator[str]:
        known = {parameter["name"]: (where, parameter) for where, parameter in parameters}
        for name, value in parse_qsl(urlsplit(target).query, keep_blank_values=True):
            if name not in known or known[name][1]["in"] != "query":
                yield f"unknown parameter {name} (of {pointer})"
                continue
            schema = {key: known[name][1][key] for key in ("type", "enum") if key in known[name][1]}
            for said in self._errors(schema, _typed(value, schema.get("type"))):
                yield f"parameter {name}: {said}"

    def _errors(self, schema: Description, instance: object) -> list[str]:
        validator = Draft4Validator(dict(schema), registry=self._registry)
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(instance)]

    def _operation(
        self, method: str, target: str
    ) -> tuple[Description, str, list[tuple[str, Description]]] | None:
        """Return the operation, where it stands (a JSON pointer), and its own and its path's parameters."""
        path = unquote(urlsplit(target).path)
        for template, item in self._description["paths"].items():
            if method.lower() in item and _fits(template, path):
                operation = item[method.lower()]
                escaped = (
                    template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
                )
                pointer = f"/paths/{escaped}/{method.lower()}"
                listed = [*item.get("parameters", []), *operation.get("parameters", [])]
                return operation, pointer, [(pointer, self._resolved(parameter)) for parameter in listed]
        return None

    def _resolved(self, value: Description) -> Description:
        reference = value.get("$ref")
        if reference is None:
            return value
        found: Any = self._description
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)


@cache
def swagger_judge(description: Path) -> SwaggerJudge:
    """Return the judge for a description; it is read once a session."""
    return SwaggerJudge(json.loads(description.read_text("utf-8")))


def without_nulls(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON without the keys whose value is null."""
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def _typed(value: str, kind: str | None) -> object:
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
