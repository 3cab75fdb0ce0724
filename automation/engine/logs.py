"""The log of a guard: JSON lines on stdout, which go on into a file of our own when nobody reads them.

Events are constant names with fields. What is written passes through the redaction of secrets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pythonjsonlogger.json import JsonFormatter

from automation.core import redact
from automation.core.moments import to_text
from automation.engine import orphan_log as orphans
from automation.ports.files import write_all

LOGGER = "redundancy"
SHORTEST_SECRET = 8  # a shorter value would tear innocent words apart


class LineFormatter(JsonFormatter):
    """One JSON object a line: time, level, event, system, and the fields of the event, without secrets."""

    def __init__(self, system: str, secrets: frozenset[str]) -> None:
        super().__init__("%(levelname)s %(message)s", json_ensure_ascii=False)
        self._system = system
        self._secrets = secrets

    def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
        """Order the fields, and mask what is secret."""
        ordered: dict[str, object] = {
            "time": log_data.pop("time", ""),
            "level": log_data.pop("levelname", ""),
            "event": log_data.pop("message", ""),
            "system": self._system,
        }
        cleaned = redact.values(log_data, self._secrets)
        return ordered | (dict(cleaned) if isinstance(cleaned, Mapping) else {})

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        """Add the moment to what the library collects."""
        super().add_fields(log_data, record, message_dict)
        log_data["time"] = to_text(record.created)


class TextFormatter(logging.Formatter):
    """The same for people: moment, level, event, then the fields."""

    def __init__(self, inner: LineFormatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return one line (and a traceback where there is one)."""
        data: dict[str, object] = {}
        self._inner.add_fields(data, record, {})
        data["message"] = record.getMessage()
        data["levelname"] = record.levelname
        shown = self._inner.process_log_record(data)
        head = " ".join(str(shown.pop(key)) for key in ("time", "level", "event"))
        shown.pop("system", None)
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return (
            " ".join([head, *(f"{key}={value}" for key, value in shown.items() if key != "exc_info")]) + trace
        )


class OutputHandler(logging.Handler):
    """Writes lines to stdout as whole writes; when that pipe has broken, to a rotating file of our own."""

    def __init__(self, orphan_log: Path) -> None:
        super().__init__()
        self._orphan_log = orphan_log
        self.orphaned = False  # whether nobody reads our stdout any more

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a disk or a pipe that says no must not end the program."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        if not self.orphaned:
            try:
                write_all(1, line)
            except OSError:
                self.orphaned = True
        if self.orphaned:
            with suppress(OSError):
                orphans.append(self._orphan_log, line)


def configure(
    system: str, orphan_log: Path, *, level: str, form: str, secrets: frozenset[str] = frozenset()
) -> OutputHandler:
    """Set up the log of this process and return its way out."""
    logging.raiseExceptions = False  # a log that cannot be written must not end the guard
    handler = OutputHandler(orphan_log)
    lines = LineFormatter(system, secrets)
    handler.setFormatter(lines if form == "json" else TextFormatter(lines))
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
    return handler


def secrets_of(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the environment that must never be written, by the names of their variables."""
    return frozenset(
        value
        for name, value in environment.items()
        if redact.SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    )


def flush() -> None:
    """Put on their way what Python itself has buffered."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None where the caller closed it
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
