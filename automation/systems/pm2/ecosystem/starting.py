"""The third rung: starting one app from its ecosystem file, where that makes no other app of it (S12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automation.core.errors import EffectFailed, StepImpossible, StepRefused
from automation.systems.pm2.ecosystem.declared import Declared, Evaluated, environment_of, marks
from automation.systems.pm2.ecosystem.drift import chosen_block, start_command
from automation.systems.pm2.ecosystem.watching import EcosystemWatch
from automation.systems.pm2.observer import Entry, Pm2Observer
from automation.systems.pm2.prepared import prepared
from automation.systems.pm2.process import processes
from automation.systems.pm2.steps import (
    look_down,
    refuse_what_would_not_come_back,
    replace_entry,
)

SETTLE_S = 0.8  # a loop blocks for less than a second
SLOT = "NODE_APP_INSTANCE"
MOST_INSTANCES = 64


@dataclass(frozen=True, slots=True)
class _Declaration:
    """The one file that declares an app, what it declares, and the block of variables that was chosen."""

    file: Evaluated
    declared: Declared
    block: str


def start_from_ecosystem(observer: Pm2Observer, subject: str) -> str:
    """Start one app as its ecosystem file declares it: one that is down, or that PM2 does not have at all.

    Raises:
        StepRefused: No file declares it, or more than one; or what it was started with does not stand in the
            file alone. The message holds the command that a person could run.
        EffectFailed: PM2 said no, it does not run, or the file is still being read.
    """
    watch = observer.ecosystem
    if watch is None:
        raise StepImpossible("no ecosystem file is known here")
    if not any(one.label == subject for one in processes(observer.pm2.entries())):
        return _start_absent(observer, watch, subject)
    down = look_down(observer, subject)
    if isinstance(down, str):
        return down
    refuse_what_would_not_come_back(down)
    found = _declaration(watch, down.process.name, down.entry)
    entry = _entry(watch, found)
    if entry is None:
        return watch.start(found.file.path, found.declared.name, found.block)
    wanted = _in_slot(entry, _slot_name(down.entry), down.process.slot)
    return f"{replace_entry(observer, down, wanted)} from {found.file.path}"


def _start_absent(observer: Pm2Observer, watch: EcosystemWatch, name: str) -> str:
    """Start an app that PM2 does not have, in as many instances as the file says; as it was saved, if it was.

    Raises:
        StepRefused: Somebody else is at work on PM2, or see `_declaration`.
    """
    refuse_while_others_are_at_work(observer)
    saved = [one.env for one in observer.saved().apps if one.env.get("name") == name]
    for env in saved:
        observer.pm2.prepare(prepared(env))
    if saved:
        return f"started {name} as PM2's saved list has it ({len(saved)} of it)"
    found = _declaration(watch, name, None)
    if any(one.name == name for one in processes(observer.pm2.entries())):
        raise StepRefused(f"PM2 has an app {name}: name the one that is down as `pm2 list` shows it")
    entry = _entry(watch, found)
    if entry is None:
        return watch.start(found.file.path, name, found.block)
    count = min(found.declared.instances or 1, MOST_INSTANCES)
    for number in range(count):
        slot = number if found.declared.instances else None
        observer.pm2.prepare(_in_slot(entry, _slot_name({"pm2_env": entry}), slot))
    return f"started {name} from {found.file.path} ({count} of it)"


def refuse_while_others_are_at_work(observer: Pm2Observer) -> None:
    """Refuse while what is missing may be on its way: a second one would run beside it.

    Raises:
        EffectFailed: A pm2 command is under way, or the apps of a dead daemon are not all back.
    """
    commands = observer.watch.commands()
    if commands:
        raise EffectFailed(f"a pm2 command is under way (pid {commands[0]})")
    if observer.watch.frozen():
        raise EffectFailed("PM2's daemon died, and its apps are not all back")


def _declaration(watch: EcosystemWatch, name: str, entry: Entry | None) -> _Declaration:
    """Return the declaration from which an app can be started as it was.

    Raises:
        StepImpossible: There is none, or that cannot be told.
        EffectFailed: The files are still being read.
    """
    settled = watch.settle(SETTLE_S)
    files = watch.declaring(name)
    if not files and not settled:
        raise EffectFailed("the ecosystem files are still being read")
    if not files:
        raise StepImpossible(f"no ecosystem file of the workspace declares {name}")
    if len(files) > 1:
        commands = " or ".join(f"`{start_command(file.path, name, '')}`" for file in files)
        raise StepImpossible(f"more than one ecosystem file declares {name}; by hand: {commands}")
    file = files[0]
    declared = next(one for one in file.apps if one.name == name)
    return _Declaration(file, declared, _block(file, declared, entry))


def _block(file: Evaluated, declared: Declared, entry: Entry | None) -> str:
    """Return the block of variables that was chosen.

    Raises:
        StepImpossible: It cannot be told, or the file takes more from the shell that starts it.
    """
    if declared.error:
        raise StepImpossible(f"{file.path}: PM2 would not start {declared.name}: {declared.error}")
    if file.asked:
        command = start_command(file.path, declared.name, None if declared.blocks else "")
        asked = "its variables" if "*" in file.asked else ", ".join(file.asked[:8])
        raise StepImpossible(
            f"{file.path} takes {asked} from the shell that starts it; from such a one: `{command}`"
        )
    if not declared.blocks:
        return ""
    env = _environment(entry)
    chosen = None if env is None else chosen_block(declared, marks(environment_of(env)))
    if chosen is None:
        blocks = ", ".join(f"env_{name}" for name in declared.blocks)
        command = start_command(file.path, declared.name, None)
        raise StepImpossible(
            f"{file.path} has {blocks}, and nobody knows which was chosen; by hand: `{command}`"
        )
    return chosen


def _environment(entry: Entry | None) -> Mapping[str, object] | None:
    found = None if entry is None else entry.get("pm2_env")
    return found if isinstance(found, Mapping) else None


def _entry(watch: EcosystemWatch, found: _Declaration) -> Entry | None:
    """Return what is prepared, as PM2's command line would send it for one instance; None if nobody knows."""
    entry = watch.entry(found.file.path, found.declared.name, found.block)
    if entry is None:
        return None
    return prepared(entry)


def _slot_name(entry: Entry) -> str:
    return str((_environment(entry) or {}).get("instance_var") or SLOT)


def _in_slot(entry: Entry, name: str, slot: int | None) -> Entry:
    """Return an entry that takes an instance's number, which its process is told too."""
    if slot is None:
        return entry
    return entry | {"env": {**environment_of(entry), name: slot}, name: slot}
