"""What is wrong with the ecosystem files, and where apps run otherwise than they declare. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Finding, Severity
from automation.systems.pm2.ecosystem.watching import Ecosystem

LOOK_AGAIN_S = 2.0


def ecosystem_findings(ecosystem: Ecosystem | None) -> Iterator[Finding]:
    """Report what is wrong; nothing where nobody looked."""
    if ecosystem is not None:
        yield from ecosystem_damaged(ecosystem)
        yield from ecosystem_drift(ecosystem)


def ecosystem_damaged(ecosystem: Ecosystem) -> Iterator[Finding]:
    """Report files that PM2 could not start from; what runs is untouched by it."""
    for file in ecosystem.files:
        if file.damage:
            place = f"line {file.line}: " if file.line else ""
            yield Finding(
                "ecosystem-damaged",
                file.path,
                Severity.WARNING,
                f"PM2 could start nothing from it: {place}{file.damage}",
                "put it right before the next `pm2 start` or deploy; what runs goes on",
            )


def ecosystem_drift(ecosystem: Ecosystem) -> Iterator[Finding]:
    """Report apps that run otherwise than every file that declares them."""
    for drift in ecosystem.drifts:
        yield Finding(
            "ecosystem-drift",
            f"{drift.file}: {drift.name}",
            Severity.WARNING,
            "; ".join(one.said for one in drift.differences),
            drift.advice,
        )


def look_again_s(ecosystem: Ecosystem | None) -> float | None:
    """Ask for another look where a file is being evaluated, or was changed a moment ago."""
    return LOOK_AGAIN_S if ecosystem is not None and ecosystem.under_way else None
