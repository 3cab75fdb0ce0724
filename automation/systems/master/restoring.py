"""`restore` over all systems: each has its own part of a set, and its own program puts it back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from automation.engine.calling import Call
from automation.engine.commands.restore import asked
from automation.engine.commands.snapshots import MOST_SHOWN
from automation.engine.context import build, prepare_folders
from automation.engine.progress import progress
from automation.engine.snapshot_choice import inside
from automation.engine.terminal import complain, safe, say, say_json
from automation.ports.commands import Ran
from automation.stores.backup_sets import BackupSet
from automation.systems.master import sets
from automation.systems.master.everything import repeat, worst
from automation.systems.master.peers import Peer
from automation.systems.master.programs import Programs, how_it_ended, programs


@dataclass(frozen=True, slots=True)
class Planned:
    """What a restore would do to one system; `problems` are the lines that say what it would not."""

    peer: Peer
    snapshot: str
    files: tuple[Mapping[str, object], ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def to_write(self) -> tuple[Mapping[str, object], ...]:
        """Return the files that are not as the snapshot has them."""
        return tuple(one for one in self.files if one.get("change") != "same")

    def record(self) -> dict[str, object]:
        """Return the plan as JSON values."""
        return {
            "id": self.snapshot,
            "files": list(self.files),
            "missing": list(self.missing),
            "problems": list(self.problems),
        }


@dataclass(slots=True)
class Told:
    """What is said of a restore: line by line, or at its end as one JSON document."""

    as_json: bool
    document: dict[str, object] = field(default_factory=dict)
    systems: dict[str, dict[str, object]] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """Say one line to people."""
        if not self.as_json:
            say(text)

    def end(self) -> None:
        """Say the document."""
        if self.as_json:
            say_json(self.document | {"systems": self.systems})


def restore(call: Call) -> int:
    """Show what would change, ask, and put back every system as one set has it.

    Raises:
        UsageInvalid: There is no such set, or nobody can be asked.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    snapshot_id, chosen = sets.choose(context, call.text("id"))
    paths = tuple(inside(context.layout.workspace, path) for path in call.texts("path"))
    runner = programs(context)
    plans = _plans(runner, chosen, paths)
    told = Told(call.flag("json"), {"id": snapshot_id, "set": chosen.id, "at": chosen.at})
    told.line(f"the set {chosen.id} of {chosen.at}, named by {snapshot_id}")
    problems = [*_show(plans, told), *_not_installed(runner, chosen), *_nowhere(plans, paths)]
    told.document["problems"] = problems
    for line in problems:
        complain(line)
    count = sum(len(plan.to_write) for plan in plans)
    if call.flag("dry_run") or not count:
        if not count and not problems:
            told.line("all is as this set has it; `backups` lists others, `restore ID` takes one of them")
        told.end()
        return 1 if problems else 0
    if not call.flag("yes") and not asked(count):
        complain("nothing was restored")
        return 1
    prepare_folders(context.layout)
    ends = _put_all_back(runner, plans, paths, told)
    told.end()
    return max(worst(ends), 1 if problems else 0)


def _plans(runner: Programs, chosen: BackupSet, paths: Sequence[str]) -> tuple[Planned, ...]:
    with progress("looking at what would change"):
        peers = tuple(_there(runner, chosen))
        return tuple(_plan(runner, peer, chosen.snapshots[peer.name], paths) for peer in peers)


def _put_all_back(runner: Programs, plans: Sequence[Planned], paths: Sequence[str], told: Told) -> list[Ran]:
    """Let each guard's program restore its part, and say what came of all."""
    due = [plan for plan in plans if plan.to_write]
    ends = []
    with progress("restoring all systems") as shown:
        for number, plan in enumerate(due):
            shown.at(number, len(due), plan.peer.name)
            ends.append(_put_back(runner, plan, paths, told))
    for plan, ran in zip(due, ends, strict=True):
        repeat(plan.peer, replace(ran, stdout="") if told.as_json else ran)
    return ends


def _put_back(runner: Programs, plan: Planned, paths: Sequence[str], told: Told) -> Ran:
    """Let a guard's program restore its part."""
    words = [word for path in _own_paths(plan, paths) for word in ("--path", path)]
    words += ["--json"] if told.as_json else []
    ran = runner.run(plan.peer, "restore", plan.snapshot, "--yes", *words)
    with suppress(ValueError):  # it speaks JSON only where it was asked to, and did it
        done = json.loads(ran.stdout)
        told.systems[plan.peer.name] |= {
            key: done.get(key) for key in ("savedAs", "written", "removed", "failed")
        }
    return ran


def _there(runner: Programs, chosen: BackupSet) -> Iterator[Peer]:
    return (peer for peer in runner.there() if peer.name in chosen.snapshots)


def _plan(runner: Programs, peer: Peer, snapshot: str, paths: Sequence[str]) -> Planned:
    """Ask a guard's program what its restore would do."""
    words = [word for path in paths for word in ("--path", path)]
    ran = runner.run(peer, "restore", snapshot, "--dry-run", "--json", *words)
    try:
        said = json.loads(ran.stdout)
        refused = [f"refused: {one['path']}: {one['reason']}" for one in said["refused"]]
        missing = tuple(str(one) for one in said["missing"])
        return Planned(peer, snapshot, tuple(said["files"]), missing, tuple(refused))
    except (ValueError, KeyError, TypeError):
        return Planned(peer, snapshot, problems=(how_it_ended(ran),))


def _show(plans: Sequence[Planned], told: Told) -> list[str]:
    """Say each system's plan, and return what is wrong with it."""
    problems = []
    for plan in plans:
        name = plan.peer.name
        told.systems[name] = plan.record()
        for one in plan.to_write[:MOST_SHOWN]:
            told.line(
                f"{name}: {one.get('change')!s:<8} {safe(str(one.get('path')))}  (from {one.get('from')})"
            )
        if len(plan.to_write) > MOST_SHOWN:
            told.line(f"{name}: … and {len(plan.to_write) - MOST_SHOWN} more")
        told.line(f"{name}: {len(plan.to_write)} to write, {len(plan.files) - len(plan.to_write)} the same")
        problems += [f"{name}: {safe(line)}" for line in plan.problems]
    return problems


def _not_installed(runner: Programs, chosen: BackupSet) -> Iterator[str]:
    """Name the systems of the set whose program is not here."""
    there = {peer.name for peer in runner.there()}
    for name in chosen.snapshots:
        if name not in there:
            yield f"{safe(name)}: is in the set and not installed here"


def _nowhere(plans: Sequence[Planned], paths: Sequence[str]) -> Iterator[str]:
    """Name the paths that no system of the set has."""
    for path in paths:
        if not any(path in _own_paths(plan, paths) for plan in plans):
            yield f"{safe(path)}: no snapshot of this set has it"


def _own_paths(plan: Planned, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths, of those asked for, that a system's snapshot has."""
    if not plan.files:
        return ()
    return tuple(path for path in paths if f"files/{path.removeprefix('./').rstrip('/')}" not in plan.missing)
