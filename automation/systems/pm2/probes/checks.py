"""What the answers of the apps say is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from automation.core.finding import Finding, Severity
from automation.systems.pm2.process import Process

NO_PROBE = ""
HUNG = "hung"
FAILING = frozenset({HUNG, "failing"})


@dataclass(frozen=True, slots=True)
class Probed:
    """How one process answers: a word for the report, what was asked, and what came of it last.

    `own_port` is the port of this machine that it should listen on, where its probe says one.
    """

    word: str
    shown: str
    failures: int = 0
    why: str = ""
    own_port: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Who holds the port that a process should listen on; `pid` None: a process that we may not look into.

    `named_by` is what says that it is that process's port: `probe` or `PORT`. `settled` is false while it has
    been seen for a moment only.
    """

    port: int
    named_by: str
    pid: int | None
    command: str
    settled: bool = True


def process_hung(
    judged: Iterable[Process], probed: Mapping[int | str, Probed], taken: Mapping[int | str, Taken]
) -> Iterator[Finding]:
    """Report processes that PM2 calls online and that do not answer.

    Not those whose port somebody else holds: a restart would not give it back.
    """
    for process in judged:
        found = probed.get(process.pm_id)
        if found is not None and found.word == HUNG and process.pm_id not in taken:
            yield Finding(
                "process-hung",
                process.label,
                Severity.CRITICAL,
                f"PM2 calls it online, and it does not answer: {found.shown} failed"
                f" {_times(found.failures)} in a row, last with: {found.why}",
                f"`pm2 restart {process.pm_id}` ends and starts it;"
                f" `pm2 logs {process.pm_id} --nostream` shows what it did last",
            )


def port_taken(judged: Iterable[Process], taken: Mapping[int | str, Taken]) -> Iterator[Finding]:
    """Report processes whose port is held by a process that is none of theirs."""
    for process in judged:
        found = taken.get(process.pm_id)
        if found is None or not found.settled:
            continue
        sure = found.named_by == "probe"
        yield Finding(
            "port-taken",
            process.label,
            Severity.CRITICAL if sure else Severity.WARNING,
            f"its port {found.port} (named by its {found.named_by}) is held by {_holder(found)},"
            " which is none of its processes",
            _advice(found, process),
        )


def undecided(taken: Mapping[int | str, Taken]) -> bool:
    """Tell whether somebody has held a port for too short a time to say so."""
    return any(not one.settled for one in taken.values())


def word(probed: Mapping[int | str, Probed], process: Process) -> str:
    """Return the report's word for how a process answers; empty where nobody asks it."""
    found = probed.get(process.pm_id)
    return NO_PROBE if found is None else found.word


def failing(probed: Mapping[int | str, Probed]) -> int:
    """Count the processes whose last answers were failures."""
    return sum(one.word in FAILING for one in probed.values())


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _holder(found: Taken) -> str:
    return f"pid {found.pid} ({found.command})" if found.pid is not None else found.command


def _advice(found: Taken, process: Process) -> str:
    if found.pid is None:
        return f"`sudo ss -ltnp 'sport = :{found.port}'` names it; end it, then `pm2 restart {process.pm_id}`"
    return f"if it is a leftover: `kill {found.pid} && pm2 restart {process.pm_id}`"
