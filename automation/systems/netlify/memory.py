"""What must be known after a restart: where the functions lay, whose manifest it is, what was rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged, RecordNewer
from automation.stores.records import read_record, write_record
from automation.systems.netlify.rollback_target import Rollback

SCHEMA = 1
SITE, MANIFEST, ROLLBACKS = "site.json", "manifest.json", "rollbacks.json"
MOST_ROLLBACKS = 100


@dataclass(frozen=True, slots=True)
class Places:
    """Where the functions lay when that was last known, and where the site's own settings put them."""

    folder: str = ""
    ui_folder: str = ""


class Memory:
    """Small records in the guard's private folder. A damaged one counts as absent: none is worth a stop."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._saved: Places | None = None

    def places(self) -> Places:
        """Return where the functions lay."""
        record = self._read(SITE)
        return Places(str(record.get("folder") or ""), str(record.get("uiFolder") or ""))

    def save_places(self, places: Places) -> None:
        """Keep where the functions lie; unchanged ones are not written again.

        Raises:
            EffectFailed: The disk said no.
        """
        if places != self._saved:
            self._write(SITE, {"folder": places.folder, "uiFolder": places.ui_folder})
            self._saved = places

    def wrote_manifest(self, path: str) -> bool:
        """Tell whether this suite wrote the manifest that lies, or lay, there."""
        return self._read(MANIFEST).get("path") == path

    def note_manifest(self, path: str) -> None:
        """Keep that we write the manifest there.

        Raises:
            EffectFailed: The disk said no.
        """
        self._write(MANIFEST, {"path": path})

    def rollbacks(self) -> tuple[Rollback, ...]:
        """Return the rollbacks that were begun, oldest first."""
        listed = self._read(ROLLBACKS).get("rollbacks")
        found = []
        for one in listed if isinstance(listed, list) else ():
            try:
                found.append(Rollback(**one))
            except TypeError:
                continue
        return tuple(found)

    def note_rollback(self, rollback: Rollback) -> None:
        """Keep that a rollback begins.

        Raises:
            EffectFailed: The disk said no; then it must not be done.
        """
        kept = (*self.rollbacks(), rollback)[-MOST_ROLLBACKS:]
        self._write(ROLLBACKS, {"rollbacks": [asdict(one) for one in kept]})

    def _read(self, name: str) -> Mapping[str, object]:
        path = self._state / name
        try:
            record = read_record(path)
        except (RecordDamaged, EffectFailed):
            return {}
        if not isinstance(record, dict):
            return {}
        schema = record.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise RecordNewer(str(path), schema)
        return record

    def _write(self, name: str, record: Mapping[str, object]) -> None:
        write_record(self._state / name, {"schema": SCHEMA} | dict(record))
