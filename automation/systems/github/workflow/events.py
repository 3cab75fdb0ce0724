"""Whether the `on` of a workflow names events in a shape that GitHub takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from automation.systems.github.workflow.cron import check_cron
from automation.systems.github.workflow.nodes import Mapping, Node, Scalar, Sequence, is_null, text_of
from automation.systems.github.workflow.problem import Problem, advice, fault

_EVENTS = """
branch_protection_rule check_run check_suite create delete deployment deployment_status discussion
discussion_comment fork gollum image_version issue_comment issues label merge_group milestone page_build
project project_card project_column public pull_request pull_request_comment pull_request_review
pull_request_review_comment pull_request_target push registry_package release repository_dispatch schedule
status watch workflow_call workflow_dispatch workflow_run
"""
EVENTS = frozenset(_EVENTS.split())
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


def check_events(root: Mapping) -> Iterator[Problem]:
    """Report what is wrong with `on`."""
    key, on = root.key("on"), root.get("on")
    if key is None or on is None:
        yield fault(
            root.line, root.column, "on-missing", "`on` is missing: nothing ever starts this workflow"
        )
    elif is_null(on):
        yield fault(key.line, key.column, "on-empty", "`on` names no event")
    elif isinstance(on, Sequence | Mapping) and not _parts(on):
        yield advice(on.line, on.column, "no-event", "`on` names no event: nothing starts this workflow")
    elif isinstance(on, Scalar):
        yield from _event_name(on)
    elif isinstance(on, Sequence):
        for item in on.items:
            yield from _listed(item)
    else:
        for name, value in on.pairs:
            yield from _event_name(name)
            yield from _schedules(name, value) if name.text == "schedule" else _options(name, value)


def _parts(node: Sequence | Mapping) -> tuple[object, ...]:
    return node.items if isinstance(node, Sequence) else node.pairs


def _listed(item: Node) -> Iterator[Problem]:
    if isinstance(item, Scalar) and not is_null(item):
        yield from _event_name(item)
    else:
        yield fault(item.line, item.column, "event-not-text", "a list of events holds names only")


def _event_name(name: Scalar) -> Iterator[Problem]:
    if name.text not in EVENTS:
        yield advice(name.line, name.column, "unknown-event", f"`{name.text[:60]}` is no event that is known")


def _options(name: Scalar, value: Node) -> Iterator[Problem]:
    if not is_null(value) and not isinstance(value, Mapping):
        message = f"`{name.text[:60]}` takes a mapping of options, or nothing"
        yield fault(value.line, value.column, "event-not-mapping", message)


def _schedules(name: Scalar, value: Node) -> Iterator[Problem]:
    if not isinstance(value, Sequence) or not value.items:
        yield fault(name.line, name.column, "schedule-not-list", "`schedule` takes a list of `- cron: '…'`")
        return
    for entry in value.items:
        yield from _entry(entry)


def _entry(entry: Node) -> Iterator[Problem]:
    """Report what is wrong with one `- cron: '…'`."""
    cron = entry.get("cron") if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or cron is None:
        yield fault(entry.line, entry.column, "cron-missing", "an entry of `schedule` holds `cron: '…'`")
        return
    text = text_of(cron)
    if text is None:
        yield fault(cron.line, cron.column, "cron-not-text", "`cron` takes a text of five fields")
        return
    for found in check_cron(text):
        make = fault if found.is_refused else advice
        yield make(cron.line, cron.column, found.problem, found.message)
    zone = entry.get("timezone")
    if zone is not None and not _ZONE.fullmatch(text_of(zone) or ""):
        yield advice(
            zone.line, zone.column, "timezone-shape", "`timezone` takes a name such as Europe/Berlin"
        )
