"""The store of one system's snapshots: what guards and commands call."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from automation.core.errors import AutomationError, EffectFailed, RecordNewer, UsageInvalid
from automation.core.moments import to_text
from automation.ports.clock import Clock
from automation.ports.locks import locked
from automation.stores.backups import listing, restoring, spotting, taking, verifying
from automation.stores.backups.disk import Disk, SystemDisk
from automation.stores.backups.entry_path import WORKSPACE
from automation.stores.backups.filling import Progress, quietly
from automation.stores.backups.listing import Check, Snapshot, readable_manifests
from automation.stores.backups.manifest import Kind, Problem
from automation.stores.backups.place import (
    CHECKS,
    HIDDEN,
    LOCK,
    Place,
    clear_leftovers,
    prepare,
    snapshot_ids,
)
from automation.stores.backups.planning import RestorePlan
from automation.stores.backups.remembering import refresh_latest, remember_summaries
from automation.stores.backups.repairing import repair
from automation.stores.backups.restoring import Restored
from automation.stores.backups.retention import Kept, Policy, Pruned, last_valid_in, which_to_keep
from automation.stores.backups.spotting import Choose, SpotCheck
from automation.stores.backups.taking import Source
from automation.stores.backups.verifying import Known, Verification


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """The snapshots of one system.

    One process at a time changes them, under `backups/<system>/.lock`; any number read.

    Attributes:
        folder: `backups/<system>`; it is made when it is first needed.
        system: Whose snapshots they are.
        clock: What time it is.
        host: The machine's name, for the manifests.
        workspace: The root of `files/`.
        roots: The roots of further folders of a snapshot, such as `pm2-home`.
        disk: Changes the disk.
        lock_wait_s: How long to wait for another process; 0 asks once.
        progress: Told, now and then, how many files of a backup or snapshots of a verification are done.
    """

    folder: Path
    system: str
    clock: Clock
    host: str
    workspace: Path
    roots: Mapping[str, Path] = field(default_factory=dict)
    disk: Disk = field(default_factory=SystemDisk)
    lock_wait_s: float = 0.0
    progress: Progress = quietly

    def take(self, sources: Sequence[Source], reason: str, *, latest_allowed: bool = True) -> Snapshot | None:
        """Take a snapshot.

        Args:
            sources: What to back up, each to another folder of the snapshot.
            reason: Why, for the list.
            latest_allowed: False in an emergency: it is kept, and never becomes `latest` (safety S21).

        Returns:
            The snapshot, or None when nothing changed or nothing is there. What could not be read is in its
            `skipped`.

        Raises:
            LockBusy: Another process works on these snapshots.
            EffectFailed: The disk said no, or not one file could be read; nothing of the snapshot stays.
        """
        with self._locked(f"backup ({reason})") as place:
            kind: Kind = "regular" if latest_allowed else "emergency"
            return taking.take(place, taking.Order(sources, reason, kind, progress=self.progress))

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return all snapshots, newest last; a damaged one says so in `damage`.

        Raises:
            EffectFailed: The folder cannot be read.
        """
        return listing.snapshots(self.folder)

    def verify(self, snapshot_id: str) -> Verification:
        """Read every byte of a snapshot again; what is found is remembered for the list and for `latest`.

        A bad file is replaced by a fresh copy from the workspace or from another snapshot, where one has the
        bytes that the manifest names.

        Raises:
            UsageInvalid: There is no such snapshot.
            RecordNewer: A newer version wrote it.
            EffectFailed: It was removed meanwhile.
        """
        if snapshot_id not in snapshot_ids(self.folder):
            raise UsageInvalid(f"there is no snapshot {snapshot_id}; see the list of `backups`")
        found = self._found(snapshot_id, None)
        self._note_quietly([found])
        return found

    def verify_all(self) -> tuple[Verification, ...]:
        """Verify every snapshot, newest first, and read each file once, whatever snapshots share it.

        What a newer version wrote, or was removed meanwhile, is left out.

        Raises:
            EffectFailed: The folder cannot be read.
        """
        found: list[Verification] = []
        known: Known = {}
        for snapshot_id in reversed(snapshot_ids(self.folder)):
            with suppress(RecordNewer, EffectFailed):
                found.append(self._found(snapshot_id, known))
                self.progress(len(found))
        self._note_quietly(found)
        return tuple(found)

    def spot_check(self, choose: Choose, *, count: int = 10) -> SpotCheck | None:
        """Compare some files of the newest regular snapshot with the workspace; None where there is none.

        Args:
            choose: Chooses the files, by number: `random.sample`.
            count: How many, at most.

        Raises:
            EffectFailed: The snapshots cannot be read.
        """
        regular = [one for one in self.snapshots() if one.kind == "regular" and one.damage is None]
        if not regular:
            return None
        newest = regular[-1]
        chosen = set(choose(range(newest.files), min(count, newest.files)))
        rows = taking.rows_of(self._place(), newest.id)
        picked = [row for number, row in enumerate(rows) if number in chosen]
        return spotting.compare(newest.id, picked, self._place().roots)

    def plan_restore(self, snapshot_id: str | None = None, paths: Sequence[str] = ()) -> RestorePlan:
        """Say what a restore would do, without doing it.

        Args:
            snapshot_id: The snapshot; without it each file's newest valid copy.
            paths: Files and folders, relative to the workspace; all if none are given.

        Raises:
            UsageInvalid: There is no such snapshot.
            RecordDamaged, RecordNewer: Its manifest cannot be used.
            EffectFailed: The snapshots cannot be read.
        """
        return restoring.plan(self._place(), snapshot_id, paths)

    def restore(self, plan: RestorePlan) -> Restored:
        """Do what a plan says, after a snapshot of what it overwrites.

        Raises:
            LockBusy: Another process works on these snapshots.
            EffectFailed: What would be overwritten could not be saved; nothing was written.
        """
        if not plan.to_write:
            return Restored(None, (), plan.refused)
        with self._locked("restore") as place:
            return restoring.restore(place, plan)

    def prune(self, policy: Policy, *, pinned: Collection[str] = (), dry_run: bool = False) -> Pruned:
        """Remove the snapshots that a policy does not keep.

        Args:
            policy: How many to keep.
            pinned: Ids that a set names: they stay (safety S22).
            dry_run: Only say what would be removed.

        Raises:
            LockBusy: Another process works on these snapshots.
            EffectFailed: The disk said no.
        """
        if dry_run:
            return self._choose(policy, pinned)
        with self._locked("prune") as place:
            pruned = self._choose(policy, pinned)
            for snapshot_id in pruned.removed:
                going = self.folder / f"{HIDDEN}removed-{snapshot_id}"
                place.disk.rename(self.folder / snapshot_id, going)
                place.disk.remove(going)
            if pruned.removed:
                remember_summaries(place)
        return pruned

    def _choose(self, policy: Policy, pinned: Collection[str]) -> Pruned:
        """Apply the rules; manifests are read only where something would go otherwise."""
        there = self.snapshots()
        now_s = self.clock.now_s()
        kept = which_to_keep(there, policy, pinned=pinned, last_valid_in=(), now_s=now_s)
        if len(kept) < len(there):
            damaged = {snapshot.id for snapshot in there if not snapshot.verified}
            last = last_valid_in(readable_manifests(self.folder), damaged)
            kept = which_to_keep(there, policy, pinned=pinned, last_valid_in=last, now_s=now_s)
        stays = {each.id for each in kept}
        return Pruned(tuple(snapshot.id for snapshot in there if snapshot.id not in stays), kept)

    def _found(self, snapshot_id: str, known: Known | None) -> Verification:
        """Verify a snapshot, and repair what can be; without the lock nothing is written."""
        bad = verifying.problems_of(self.folder, snapshot_id, known)
        repaired: tuple[Problem, ...] = ()
        if bad:
            with suppress(AutomationError), self._locked(f"repairing {snapshot_id}") as place:
                repaired = repair(place, snapshot_id, {problem.path for problem in bad})
        if repaired:
            bad = verifying.problems_of(self.folder, snapshot_id)
        return Verification(snapshot_id, to_text(self.clock.now_s()), not bad, bad, repaired)

    def _note_quietly(self, found: Sequence[Verification]) -> None:
        """Remember verifications; a disk that takes no note makes what was found no less true."""
        with suppress(AutomationError), self._locked("noting a verification") as place:
            self._note(place, found)

    def _note(self, place: Place, found: Sequence[Verification]) -> None:
        """Remember verifications, forget those of snapshots that are gone, and set `latest` by them."""
        there = set(snapshot_ids(self.folder))
        checks = {id_: check for id_, check in listing.read_checks(self.folder).items() if id_ in there}
        checks.update((each.id, Check(each.at, len(each.bad))) for each in found if each.id in there)
        place.disk.write(self.folder / CHECKS, listing.checks_to_bytes(checks))
        refresh_latest(place)

    def _place(self) -> Place:
        roots = {**self.roots, WORKSPACE: self.workspace}
        return Place(self.folder, self.system, self.host, roots, self.clock, self.disk)

    @contextmanager
    def _locked(self, purpose: str) -> Iterator[Place]:
        """Hold the lock for a block, in a folder that is ready and holds nothing half done."""
        prepare(self.folder, self.disk)
        since = to_text(self.clock.now_s())
        with locked(self.folder / LOCK, purpose=purpose, since=since, timeout_s=self.lock_wait_s):
            clear_leftovers(self.folder, self.disk)
            yield self._place()


__all__ = [
    "Kept",
    "Policy",
    "Pruned",
    "RestorePlan",
    "Restored",
    "Snapshot",
    "SnapshotStore",
    "Source",
    "SpotCheck",
    "Verification",
]
