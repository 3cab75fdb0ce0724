"""Where an app runs otherwise than its ecosystem file declares, and the command that settles it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from automation.systems.pm2.ecosystem.declared import App, Declared, Evaluated, Marks, app_of, environment_of
from automation.systems.pm2.ecosystem.declared import marks as marks_of
from automation.systems.pm2.process import OURS, TWIN

MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Running:
    """One entry of PM2's list: how it was started, its variables' marks, and what tells its run."""

    name: str
    app: App
    env: Marks = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which an app differs from its file; `count` is of how many names it speaks.

    `starts_anew`: `pm2 start FILE` does not change it in an app that is there, only delete and start do.
    """

    said: str
    starts_anew: bool = False
    scales: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Drift:
    """An app that runs otherwise than its file declares."""

    file: str
    name: str
    differences: tuple[Difference, ...]
    advice: str


def running(entries: Sequence[Mapping[str, object]], names: frozenset[str]) -> tuple[Running, ...]:
    """Return the entries of these apps, without the twins of a reload."""
    found = []
    for one in entries:
        entry, name, pm_id = one.get("pm2_env"), str(one.get("name", "")), str(one.get("pm_id", ""))
        if name in names and isinstance(entry, Mapping) and not pm_id.startswith(TWIN):
            found.append(Running(name, app_of(entry), marks_of(environment_of(entry))))
    return tuple(found)


def drifts(
    files: Sequence[Evaluated],
    entries: Sequence[Running],
    once: Mapping[tuple[str, str], frozenset[str]],
) -> tuple[Drift, ...]:
    """Return the apps that differ from every file that declares them, each beside the file it is closest to.

    Args:
        files: What the files declare.
        entries: What runs.
        once: By file and app, the variables that an earlier state of the file set.
    """
    found = []
    for name in sorted({one.name for one in entries} - OURS):
        instances = [one for one in entries if one.name == name]
        candidates = [
            _drift(file, declared, instances, once.get((file.path, name), frozenset()))
            for file in files
            for declared in file.apps
            if declared.name == name
        ]
        closest = min(candidates, key=lambda one: _distance(one.differences), default=None)
        if closest is not None and closest.differences:
            found.append(closest)
    return tuple(found)


def chosen_block(declared: Declared, env: Marks) -> str | None:
    """Return the name of the `env_` block that an app runs with, "" for none; None where it cannot be told.

    It can be told only where exactly one of the possible environments is the app's in all its variables.
    """
    variants = declared.variants()
    fitting = [
        name for name, marks in variants.items() if all(env.get(key) == mark for key, mark in marks.items())
    ]
    if len(fitting) > 1:  # one that sets more than the others tells more
        most = max(len(variants[name]) for name in fitting)
        fitting = [name for name in fitting if len(variants[name]) == most]
    return fitting[0] if len(fitting) == 1 else None


def start_command(file: str, name: str, block: str | None) -> str:
    """Return the command that starts one app of a file; `block` None where nobody knows which was chosen."""
    chosen = "" if block == "" else f" --env {shlex.quote(block)}" if block else " [--env NAME]"
    return f"pm2 start {shlex.quote(file)} --only {shlex.quote(name)}{chosen}"


def _drift(file: Evaluated, declared: Declared, instances: Sequence[Running], once: frozenset[str]) -> Drift:
    differences: dict[Difference, None] = {}
    block: str | None = ""
    for one in instances:
        block, found = _closest(declared, one, once, depends=bool(file.asked))
        differences |= dict.fromkeys(found)
    if declared.instances and declared.instances != len(instances) and not file.asked:
        said = f"instances: {len(instances)} run, the file says {declared.instances}"
        differences[Difference(said, scales=True)] = None
    known = block if declared.blocks else ""
    return Drift(
        file.path, declared.name, tuple(differences), _advice(file.path, declared, tuple(differences), known)
    )


def _closest(
    declared: Declared, one: Running, once: frozenset[str], *, depends: bool
) -> tuple[str | None, list[Difference]]:
    """Return the block whose environment is the closest to an entry's, and the differences from it."""
    fixed = _of_the_app(declared, one, depends=depends)
    best: tuple[str | None, list[Difference]] | None = None
    for block, marks in declared.variants().items():
        found = [*fixed, *_of_the_environment(declared, marks, one, once, depends=depends)]
        if best is None or _distance(found) < _distance(best[1]):
            best = (block, found)
    chosen, found = best or ("", fixed)
    return (chosen_block(declared, one.env) if found else chosen), found


def _of_the_app(declared: Declared, one: Running, *, depends: bool) -> list[Difference]:
    said, runs = declared.app, one.app
    if not said.known or declared.error:
        return [Difference(f"PM2 would not start it: {declared.error}")] if declared.error else []
    found = []
    if said.script != runs.script:
        found.append(Difference(f"script: {runs.script} runs, the file says {said.script}", starts_anew=True))
    if _interpreters_differ(declared, runs):
        text = f"interpreter: {runs.interpreter or 'none'} runs, the file says {said.interpreter or 'none'}"
        found.append(Difference(text, starts_anew=True))
    if said.mode != runs.mode:
        text = f"exec_mode: {runs.mode or 'none'} runs, the file says {said.mode or 'none'}"
        found.append(Difference(text, starts_anew=True))
    if said.args != runs.args and not depends:
        # Arguments may hold secrets: that they differ is said, and how many there are.
        text = f"args: {len(runs.args)} are given, the file gives {'others' if said.args else 'none'}"
        found.append(Difference(text, starts_anew=not said.args))
    return found


def _interpreters_differ(declared: Declared, runs: App) -> bool:
    """Tell whether another program runs the script; one that nobody named may lie at another place."""
    ours, theirs = declared.app.interpreter, runs.interpreter
    if declared.interpreter_given:
        return ours != theirs
    return PurePosixPath(ours).name != PurePosixPath(theirs).name


def _of_the_environment(
    declared: Declared, marks: Marks, one: Running, once: frozenset[str], *, depends: bool
) -> list[Difference]:
    unset = sorted(name for name in marks if name not in one.env)
    other = sorted(name for name, mark in marks.items() if name in one.env and one.env[name] != mark)
    vanished = sorted((once - declared.names - set(marks)) & set(one.env))
    found = []
    if unset:
        found.append(Difference(f"variables of the file that it lacks: {_named(unset)}", count=len(unset)))
    if other and not depends:
        found.append(Difference(f"variables with another value: {_named(other)}", count=len(other)))
    if vanished:
        text = f"variables that the file sets no longer: {_named(vanished)}"
        found.append(Difference(text, starts_anew=True, count=len(vanished)))
    return found


def _distance(differences: Sequence[Difference]) -> int:
    return sum(one.count for one in differences)


def _advice(file: str, declared: Declared, differences: tuple[Difference, ...], block: str | None) -> str:
    if declared.error:
        return f"put {file} right"
    start = start_command(file, declared.name, block)
    name = shlex.quote(declared.name)
    if any(one.starts_anew for one in differences):
        return f"`pm2 delete {name} && {start}`: a start alone keeps what the app has"
    if all(one.scales for one in differences):
        return f"`pm2 scale {name} {declared.instances}`"
    scale = any(one.scales for one in differences)
    return f"`{start}`" + (f", then `pm2 scale {name} {declared.instances}`" if scale else "")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
