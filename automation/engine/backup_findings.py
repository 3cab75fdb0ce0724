"""What is wrong with a system's backups, as findings of its report. Pure: every system has the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from automation.core.finding import Assessment, Finding, Severity
from automation.core.ladder import Ladder

SUBJECT = "backups"
MOST_NAMED = 10

# No step cures these: a human is told.
LADDERS = (
    Ladder("backup-failing", ()),
    Ladder("backup-damaged", ()),
    Ladder("backup-incomplete", ()),
    Ladder("backup-differs", ()),
    Ladder("backup-vanished", ()),
)


def with_backups(assessment: Assessment, outcome: Mapping[str, object], trouble: str, app: str) -> Assessment:
    """Return a judgement with what is wrong with the backups added to it.

    Args:
        assessment: The system's own judgement.
        outcome: What was last done about its backups (see stores.backup_outcomes).
        trouble: Why the program that backs up came to nothing, where it could not say so itself.
        app: The system's command, for the advice.
    """
    found = (
        *backup_failing(outcome, trouble, app),
        *backup_damaged(outcome, app),
        *backup_incomplete(outcome, app),
        *backup_differs(outcome, app),
        *backup_vanished(outcome),
    )
    return replace(assessment, findings=(*assessment.findings, *found)) if found else assessment


def backup_failing(outcome: Mapping[str, object], trouble: str, app: str) -> Iterator[Finding]:
    """Report that the last backup came to nothing."""
    failure = trouble or outcome.get("failure")
    if failure:
        since = outcome.get("lastAt")
        last = f"; the last that ended well was at {since}" if since else "; none has ended well yet"
        yield Finding(
            "backup-failing",
            SUBJECT,
            Severity.WARNING,
            f"the last backup failed: {failure}{last}",
            f"see to the disk that it names (`df -h`, `mount`); then `{app} backup` tries again",
        )


def backup_damaged(outcome: Mapping[str, object], app: str) -> Iterator[Finding]:
    """Report snapshots that are not as they were taken, and could not be repaired."""
    rows = list(_rows(outcome.get("damaged")))
    for row in rows[:MOST_NAMED]:
        id_ = str(row.get("id"))
        yield Finding(
            "backup-damaged",
            id_,
            Severity.WARNING,
            f"the snapshot is not as it was taken: {row.get('why')}",
            f"`{app} verify {id_}` names the files; nothing is restored from a copy with a wrong hash; "
            "look at the disk's health (`dmesg`, `smartctl -a`)",
        )
    more = _number(outcome.get("damagedCount")) - len(rows[:MOST_NAMED])
    if more > 0:
        said = f"{more} more snapshots are damaged"
        yield Finding("backup-damaged", SUBJECT, Severity.WARNING, said, f"`{app} backups` lists them")


def backup_incomplete(outcome: Mapping[str, object], app: str) -> Iterator[Finding]:
    """Report files that could not be read, and so are in no snapshot."""
    rows = list(_rows(outcome.get("leftOut")))
    if rows:
        count, first = _number(outcome.get("leftOutCount")), rows[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        yield Finding(
            "backup-incomplete",
            SUBJECT,
            Severity.WARNING,
            f"the newest snapshot lacks {first.get('path')}: {first.get('reason')}{more}",
            f"look at owner and mode; `{app} backup` names all that is left out",
        )


def backup_differs(outcome: Mapping[str, object], app: str) -> Iterator[Finding]:
    """Report that a spot check found copies that are not as the files that they were taken of."""
    said = outcome.get("spotCheck")
    rows = list(_rows(said.get("differ"))) if isinstance(said, Mapping) else []
    if rows and isinstance(said, Mapping):
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        yield Finding(
            "backup-differs",
            SUBJECT,
            Severity.WARNING,
            f"{rows[0].get('path')}{more} of {said.get('id')}: {rows[0].get('reason')}",
            f"one of the two rotted: compare them; `touch` a good file and `{app} backup`, or restore it",
        )


def backup_vanished(outcome: Mapping[str, object]) -> Iterator[Finding]:
    """Report that all snapshots of before are gone at once: mostly a disk that is not mounted."""
    said = outcome.get("vanished")
    if isinstance(said, Mapping):
        yield Finding(
            "backup-vanished",
            SUBJECT,
            Severity.WARNING,
            f"all snapshots up to {said.get('lastId')} ({said.get('count')}) were gone at {said.get('at')}",
            "is the disk of the backups mounted (`mount`)? It ends when they are back; if they were removed "
            "on purpose, remove backup.json in logs/state/, too",
        )


def _rows(value: object) -> Iterator[Mapping[str, object]]:
    for row in value if isinstance(value, list) else ():
        if isinstance(row, Mapping):
            yield row


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
