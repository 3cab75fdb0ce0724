"""What a command is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automation.engine.system import System
from automation.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command: for which system, in which workspace, with which options."""

    system: System
    command: str
    workspace: Path
    environment: Mapping[str, str]
    options: Mapping[str, object]
    clock: Clock

    def flag(self, name: str) -> bool:
        """Tell whether a switch was given."""
        return bool(self.options.get(name))

    def text(self, name: str) -> str:
        """Return an option's value; empty where it was not given."""
        value = self.options.get(name)
        return "" if value is None else str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of an option that may stand several times."""
        value = self.options.get(name)
        return tuple(str(one) for one in value) if isinstance(value, list | tuple) else ()
