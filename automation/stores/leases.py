"""The emergency's lease (safety S30): which systems it has taken from their guards, and until when.

It is bound to this boot and to the time since boot, so that neither a clock nor a reboot stretches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import EffectFailed, RecordDamaged
from automation.ports.files import remove
from automation.stores.records import read_record, write_record

LONGEST_S = 900.0
EPOCH_VARIABLE = "REDUNDANCY_EMERGENCY_EPOCH"


@dataclass(frozen=True, slots=True)
class Lease:
    """One lease; `deadline_s` is in seconds since boot, `epoch` names the emergency run that holds it."""

    systems: tuple[str, ...]
    boot_id: str
    deadline_s: float
    epoch: str

    def in_force(self, boot_id: str, elapsed_s: float) -> bool:
        """Tell whether it holds at all: in this boot, before its deadline, and no longer than is allowed."""
        return (
            bool(boot_id) and boot_id == self.boot_id and elapsed_s < self.deadline_s <= elapsed_s + LONGEST_S
        )

    def holds(self, system: str, boot_id: str, elapsed_s: float, epoch: str) -> bool:
        """Tell whether it keeps this caller from acting; the run that holds it is exempt."""
        return system in self.systems and epoch != self.epoch and self.in_force(boot_id, elapsed_s)


def load(path: Path) -> Lease | None:
    """Return the lease; one that cannot be read frees the guards, which is the harmless mistake."""
    try:
        record = read_record(path)
        if not isinstance(record, dict) or not isinstance(record["systems"], list) or not record["epoch"]:
            return None
        return Lease(
            tuple(str(one) for one in record["systems"]),
            str(record["bootId"]),
            float(record["deadlineS"]),
            str(record["epoch"]),
        )
    except (RecordDamaged, EffectFailed, KeyError, TypeError, ValueError):
        return None


def save(path: Path, lease: Lease) -> None:
    """Write the lease.

    Raises:
        EffectFailed: The disk said no.
    """
    write_record(path, record_of(lease))


def record_of(lease: Lease) -> dict[str, object]:
    """Return the lease as JSON values, for its file and for the report."""
    return {
        "schema": 1,
        "systems": list(lease.systems),
        "bootId": lease.boot_id,
        "deadlineS": round(lease.deadline_s, 3),
        "epoch": lease.epoch,
    }


def clear(path: Path) -> None:
    """End the lease.

    Raises:
        EffectFailed: The disk said no.
    """
    remove(path)
