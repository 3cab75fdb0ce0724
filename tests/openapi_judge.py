"""Judges an exchange of HTTP by a published OpenAPI description: what was asked, and what was answered."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

HOST = "http://judged.invalid"
METHODS = ("get", "put", "post", "delete", "patch")
ERRORS_FROM = 400
NOT_MODIFIED = 304

Description = dict[str, Any]


class Judge:
    """Holds the few paths of a description that the tests use."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._openapi = OpenAPI.from_dict(copy.deepcopy(description))

    def example(self, name: str) -> Any:  # noqa: ANN401  # JSON
        """Return a copy of an example that the description publishes."""
        return copy.deepcopy(self._description["x-examples"][name]["value"])

    def of_request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> list[str]:
        """Return what is wrong with a request; unknown query parameters are wrong too."""
        request = _request(method, target, headers, body)
        try:
            self._openapi.validate_request(request)
        except OpenAPIError as error:
            return [f"request {method} {target}: {_said(error)}"]
        unknown = set(request.parameters.query) - self._query_names(method, request.path)
        return [f"request {method} {target}: unknown parameter {name}" for name in sorted(unknown)]

    def of_answer(
        self, method: str, target: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer; refusals and 304, which are hardly described, pass."""
        if status == NOT_MODIFIED or status >= ERRORS_FROM:
            return []
        kind = headers.get("Content-Type", "")
        response = MockResponse(body, status_code=status, headers=dict(headers), content_type=kind)
        try:
            self._openapi.validate_response(_request(method, target, {}, None), response)
        except OpenAPIError as error:
            return [f"answer {status} to {method} {target}: {_said(error)}"]
        return []

    def _query_names(self, method: str, path: str) -> set[str]:
        for template, operations in self._description["paths"].items():
            if _fits(template, path) and method.lower() in operations:
                listed = operations[method.lower()].get("parameters", [])
                return {parameter["name"] for parameter in map(self._resolved, listed)}
        return set()

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = value.get("$ref")
        return value if reference is None else _component(self._description, reference)


@cache
def judge_of(description: Path, paths: tuple[str, ...], examples: tuple[str, ...]) -> Judge:
    """Return the judge for some paths; the description, of 10 MB and more, is read once a session."""
    whole: Description = json.loads(description.read_text("utf-8"))
    cut: Description = {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": [{"url": HOST}],
        "paths": {path: _without_examples(whole["paths"][path]) for path in paths},
        "components": {},
        "x-examples": {name: whole["components"]["examples"][name] for name in examples},
    }
    waiting = sorted(_references(cut["paths"]))
    while waiting:
        reference = waiting.pop()
        _, _, kind, name = reference.split("/")
        kept = cut["components"].setdefault(kind, {})
        if name not in kept:
            kept[name] = _without_examples(_component(whole, reference))
            waiting.extend(_references(kept[name]))
    return Judge(cut)


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> MockRequest:
    parts = urlsplit(target)
    return MockRequest(
        HOST,
        method.lower(),
        parts.path,
        args=dict(parse_qsl(parts.query)),
        headers=dict(headers),
        data=body or None,
        content_type=headers.get("Content-Type", "application/json"),
    )


def _fits(template: str, path: str) -> bool:
    pairs = list(zip(template.split("/"), path.split("/"), strict=False))
    same_length = template.count("/") == path.count("/")
    return same_length and all(wanted == part or wanted.startswith("{") for wanted, part in pairs)


def _component(description: Description, reference: str) -> Any:  # noqa: ANN401  # JSON
    _, _, kind, name = reference.split("/")
    return description["components"][kind][name]


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _without_examples(value: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        return {
            key: _without_examples(part) for key, part in value.items() if key not in ("example", "examples")
        }
    return [_without_examples(part) for part in value] if isinstance(value, list) else value


def _said(error: BaseException) -> str:
    """Return the error with its causes, and with what its schema says."""
    details = [str(error) or type(error).__name__]
    details += [str(getattr(part, "message", part)) for part in getattr(error, "schema_errors", None) or ()]
    if error.__cause__ is not None:
        details.append(_said(error.__cause__))
    return "; ".join(details)[:1000]
