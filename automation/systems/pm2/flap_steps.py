"""What is done against an app that flaps: it is stopped, and started again after growing waits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from automation.core import redact
from automation.core.errors import EffectFailed, StepRefused
from automation.ports.tails import read_tail
from automation.systems.pm2 import resting
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.flap_checks import spoken
from automation.systems.pm2.observer import Entry, Pm2Observer
from automation.systems.pm2.process import RUNNING, Process, processes

MOST_STOPS = 3
SETTLE_S = 0.25
MOST_TAIL_BYTES = 4096
MOST_LINES = 5
MOST_CHARACTERS = 300

_UNSEEN = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")  # colours, and what moves a cursor


def let_rest(observer: Pm2Observer, subject: str) -> str:
    """Stop an app that flaps; that it was us is noted first, so that nobody takes it for a person's act.

    Raises:
        StepRefused: It is gone.
        EffectFailed: The note could not be written, or PM2 could not stop it; then it is tried again.
    """
    facts, process, entry = _looked_at(observer, subject)
    count = facts.tracked.flapping.get(process.pm_id)
    if count is None or not _found(observer, facts, "process-flapping", subject):
        return "not needed: it does not flap any more"
    assert facts.daemon is not None  # noqa: S101  # there is an entry
    said = _end_of_error_log(entry)
    daemon = (facts.daemon.pid, facts.daemon.start_ticks)
    notes = observer.rest_notes
    note = resting.begun(daemon, process, facts.at_s, count, said)
    notes.save(resting.with_note(notes.load(), note))
    _stop(observer, process.pm_id)
    window_s = facts.rules.flap.window_s
    return f"stopped (id {process.pm_id}) after {count} restarts within {window_s:g} s{spoken(said)}"


def _stop(observer: Pm2Observer, pm_id: int | str) -> None:
    """Stop an app for good: PM2 may have been about to start it, and then it runs after a stop.

    Raises:
        EffectFailed: PM2 said no, or it runs again and again.
    """
    for _ in range(MOST_STOPS):
        observer.pm2.stop(pm_id)
        observer.clock.wait(SETTLE_S)
        after = next((one for one in processes(observer.pm2.entries()) if one.pm_id == pm_id), None)
        if after is None:
            return
        if after.status not in RUNNING:
            observer.rested(after)
            return
    raise EffectFailed(f"PM2 stopped it (id {pm_id}) {MOST_STOPS} times, and it is running again")


def start_again(observer: Pm2Observer, subject: str) -> str:
    """Start an app that we stopped; the note about it goes when it is seen to run.

    Raises:
        StepRefused: It is gone.
        EffectFailed: PM2 said no.
    """
    facts, process, _ = _looked_at(observer, subject)
    if not _found(observer, facts, "process-resting", subject):
        return "not needed: it does not rest any more"
    observer.pm2.restart(process.pm_id)
    return f"started again (id {process.pm_id})"


def _looked_at(observer: Pm2Observer, subject: str) -> tuple[Facts, Process, Entry]:
    facts = observer.observe()
    for process, entry in zip(facts.processes, observer.seen_entries(), strict=True):
        if process.label == subject and not process.ours:
            return facts, process, entry
    raise StepRefused(f"{subject} is not in PM2's list any more")


def _found(observer: Pm2Observer, facts: Facts, problem: str, subject: str) -> bool:
    return any(one.key == (problem, subject) for one in observer.assess(facts).findings)


def _end_of_error_log(entry: Entry) -> str:
    """Return the last lines of an app's error log in one short line, without what looks like a secret."""
    found = entry["pm2_env"]
    environment = found if isinstance(found, dict) else {}
    path = environment.get("pm_err_log_path")
    if not isinstance(path, str) or not Path(path).is_absolute():
        return ""
    return tidied(read_tail(Path(path), MOST_TAIL_BYTES), _secrets(environment))


def _secrets(environment: Mapping[str, object]) -> frozenset[str]:
    """Return the values of an app's own variables that its log must not give away through us."""
    return frozenset(
        value
        for name, value in environment.items()
        if isinstance(value, str) and redact.SECRET_NAME.search(name) and not value.isdigit()
    )


def tidied(tail: bytes, secrets: frozenset[str] = frozenset()) -> str:
    """Return the end of a log as one line: its last lines, redacted before they are cut to length.

    A line of which the beginning is missing is left out: what names a secret may have stood there.
    """
    if len(tail) >= MOST_TAIL_BYTES:
        tail = tail.partition(b"\n")[2]
    text = redact.text(_UNSEEN.sub("", tail.decode("utf-8", "replace")), secrets)
    lines = [line.strip() for line in text.splitlines()]
    said = " | ".join([line for line in lines if line][-MOST_LINES:])
    return said if len(said) <= MOST_CHARACTERS else f"…{said[-MOST_CHARACTERS:]}"
