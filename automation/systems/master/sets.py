"""Taking and choosing sets: the snapshots of every system that belong to one moment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.core.errors import RecordDamaged, UsageInvalid
from automation.core.moments import to_text
from automation.engine.context import Context
from automation.engine.snapshot_choice import chosen_id
from automation.engine.snapshots import latest_of, store_of
from automation.ports.commands import Ran
from automation.stores.backup_sets import SET_FILE, BackupSet, read_set, write_set
from automation.stores.backups.listing import Snapshot, snapshots
from automation.systems.master.peers import Peer, peer_named
from automation.systems.master.programs import Programs, how_it_ended


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one system's backup: the snapshot of this moment, which may be an older one."""

    peer: Peer
    ran: Ran
    snapshot: str | None
    changed: bool

    @property
    def ok(self) -> bool:
        """Tell whether the backup was taken, or was not needed."""
        return self.ran.status == 0

    def spoken(self) -> str:
        """Say it in one line."""
        if not self.ok:
            return how_it_ended(self.ran)
        if self.snapshot is None:
            return "nothing to back up"
        return self.snapshot if self.changed else f"unchanged since {self.snapshot}"


def new_set_id() -> str:
    """Return a name for the set that is about to be taken."""
    return secrets.token_hex(4)


def take_part(programs: Programs, peer: Peer, reason: str, *, emergency: bool, prune: bool = False) -> Part:
    """Take the snapshot of one system by its own program."""
    switches = [name for name, on in (("--emergency", emergency), ("--prune", prune)) if on]
    ran = programs.run_patiently(peer, "backup", "--json", "--reason", reason, *switches)
    try:
        said = json.loads(ran.stdout)["id"]
    except (ValueError, KeyError, TypeError):
        return Part(peer, ran, None, changed=False)  # it failed: an older snapshot is not of this moment
    if isinstance(said, str):
        return Part(peer, ran, said, changed=True)
    return Part(peer, ran, _standing(programs.context, peer, emergency=emergency), changed=False)


def _standing(context: Context, peer: Peer, *, emergency: bool) -> str | None:
    """Return the newest snapshot that a backup which found nothing changed has compared with."""
    kinds = {"regular", "emergency"} if emergency else {"regular"}
    there = snapshots(context.layout.backups / peer.backups)
    return next((one.id for one in reversed(there) if one.damage is None and one.kind in kinds), None)


def note(context: Context, set_id: str, parts: Sequence[Part]) -> BackupSet:
    """Put the set's record where the master's own backup takes it from.

    Raises:
        EffectFailed: The disk said no.
    """
    named = {part.peer.name: part.snapshot for part in parts if part.snapshot is not None}
    whole = bool(named) and all(part.ok for part in parts)
    taken = BackupSet(set_id, to_text(context.clock.now_s()), named, whole)
    write_set(context.layout.state / SET_FILE, taken)
    return taken


def choose(context: Context, snapshot_id: str) -> tuple[str, BackupSet]:
    """Return the set that one of the master's snapshots names; without an id the newest whole and valid one.

    Neither an emergency's set nor one with a file that was found invalid is taken without its id: it holds
    what was broken (safety S21).

    Raises:
        UsageInvalid: There is no such set.
        RecordDamaged: Its record cannot be understood.
        EffectFailed: It cannot be read.
    """
    store = store_of(context)
    there = [one for one in store.snapshots() if one.damage is None]
    if snapshot_id:
        chosen = chosen_id(snapshot_id, [one.id for one in there], latest_of(store))
        found = read_set(store.folder / chosen)
        if found is None:
            raise UsageInvalid(f"the snapshot {chosen} names no set; see the list of `backups`")
        return chosen, found
    whole = list(_whole(context, [store.folder / one.id for one in reversed(there) if one.kind == "regular"]))
    for snapshot, found in whole:
        if all(one.may_be_latest for one in _parts_of(context, found)):
            return snapshot, found
    if whole:
        raise UsageInvalid(
            f"every whole set holds a file that was not valid; `restore {whole[0][0]}` takes the newest as "
            "it is, each guard's own `restore` takes each file's newest valid copy"
        )
    raise UsageInvalid("there is no whole set yet: `backup` takes one")


def _whole(context: Context, own: Sequence[Path]) -> Iterator[tuple[str, BackupSet]]:
    """Yield the sets in which no system is missing and every snapshot can be read, with who names them."""
    for snapshot in own:
        try:
            found = read_set(snapshot)
        except RecordDamaged:
            continue
        if found is not None and found.whole and len(_parts_of(context, found)) == len(found.snapshots):
            yield snapshot.name, found


def _parts_of(context: Context, chosen: BackupSet) -> list[Snapshot]:
    """Return those snapshots of a set that can be read."""
    parts = []
    for peer_name, id_ in chosen.snapshots.items():
        folder = context.layout.backups / _folder_of(peer_name)
        parts += [one for one in snapshots(folder) if one.id == id_ and one.damage is None]
    return parts


def _folder_of(system: str) -> str:
    peer = peer_named(system)
    return system if peer is None else peer.backups
