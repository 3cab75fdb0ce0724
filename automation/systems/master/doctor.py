"""What `doctor` says of the master: the guards that are there, and whether what it starts has tokens."""

from __future__ import annotations

from automation.engine.context import Context
from automation.stores.reports import find
from automation.systems.master.programs import programs
from automation.systems.master.tokens import where_the_token_is

Line = tuple[str, str, bool]


def doctor(context: Context) -> list[Line]:
    """Return the lines about the guards; never a token itself."""
    there = programs(context).there()
    names = ", ".join(peer.name for peer in there)
    lines: list[Line] = [("guards", names or "none is installed", bool(there))]
    for peer in there:
        found = find(context.layout.logs / peer.report)
        said = found.problem or f"its last report says {found.reading.status.value if found.reading else '?'}"
        lines.append((peer.name, said, found.reading is not None))
        if peer.token:
            lines.append((f"{peer.name} token", *where_the_token_is(peer, context.environment)))
    return lines
