"""A small guarded system: lamps, whose state is a JSON file, and two steps that write to a file.

It needs nothing but the engine. Copied as `automation/systems/lamp/__init__.py` it is a guarded system there.

The workspace holds `lamps.json`:

* `lamps`: state by name: `on`, `off` (critical; both steps help), `dim` (a warning that no step cures);
* `cures`: by step, the lamps that it truly lights; `refuses`: by step, why it fails;
* `blind`: why nothing can be seen; `bug`: where to raise what is no error of ours: `observe`, or a step.

`SYSTEM` guards only; `BACKED_UP` is the same with snapshots of that file and of the folder `wires`.

A FIFO named `gate` in the workspace holds a step until somebody opens it; one named `bell` wakes the loop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_in
from pathlib import Path
from typing import Any

from automation.core.errors import EffectFailed, LookFailed, StepRefused
from automation.core.finding import Assessment, Finding, Severity
from automation.core.ladder import Ladder, Pace, Rung
from automation.core.settings import Kind, Setting, Settings
from automation.engine.calling import Call
from automation.engine.context import Context
from automation.engine.snapshots import BackedUp
from automation.engine.system import Command, Option, System
from automation.engine.terminal import say
from automation.stores.backups.store import Source

STATE, ACTS, GATE, BELL = "lamps.json", "acts.txt", "gate", "bell"

SETTINGS = (
    Setting(
        "check_interval", Kind.DURATION, 30_000, "between looks", env="LAMP_INTERVAL", key="lamp.interval"
    ),
    Setting("wait", Kind.DURATION, 10_000, "wait after the first try", env="LAMP_WAIT", key="lamp.wait"),
    Setting("rooms", Kind.NAMES, (), "which rooms", env="LAMP_ROOMS", key="lamp.rooms"),
)
ALL_SETTINGS = (
    *SETTINGS,
    Setting("backup_interval", Kind.DURATION, 3_600_000, "between snapshots", env="LAMP_BACKUP_INTERVAL"),
)


@dataclass(frozen=True, slots=True)
class Lamps:
    """One look: the state of each lamp by name."""

    states: Mapping[str, str]


class LampObserver:
    """Reads the state file; a bell, where there is one, says that something happened."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        bell = workspace / BELL
        self._bell = os.open(bell, os.O_RDWR | os.O_NONBLOCK) if bell.exists() else None

    def state(self) -> dict[str, Any]:
        """Return what the state file says now."""
        path = self.workspace / STATE
        try:
            said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except FileNotFoundError as error:
            raise LookFailed(f"{path}: no such file") from error
        return said

    def observe(self) -> Lamps:
        """Look once."""
        said = self.state()
        if "blind" in said:
            raise LookFailed(str(said["blind"]))
        if said.get("bug") == "observe":
            raise RuntimeError("a bug in the observer")
        return Lamps({name: str(state) for name, state in said["lamps"].items()})

    def assess(self, facts: Lamps) -> Assessment:
        """Judge a look."""
        found = []
        for name, state in facts.states.items():
            if state == "off":
                advice = f"light {name} by hand"
                found.append(Finding("lamp-off", name, Severity.CRITICAL, "it gives no light", advice))
            elif state == "dim":
                found.append(Finding("lamp-dim", name, Severity.WARNING, "it gives little light"))
        again_s = 5.0 if "flickers" in facts.states.values() else None
        return Assessment(
            tuple(facts.states), tuple(found), metrics={"lamps": len(facts.states)}, look_again_s=again_s
        )

    def remember(self, facts: Lamps) -> None:
        """Keep what was seen."""
        if "forgets" in self.state():
            raise EffectFailed("the lamp's memory is full")
        del facts

    def fds(self) -> Sequence[int]:
        """Return the bell."""
        return () if self._bell is None else (self._bell,)

    def pump(self) -> bool:
        """Hear the bell."""
        try:
            return self._bell is not None and bool(os.read(self._bell, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Let the bell go."""
        if self._bell is not None:
            os.close(self._bell)
            self._bell = None


def connect(context: Context) -> LampObserver:
    """Return the observer of a workspace."""
    return LampObserver(context.layout.workspace)


def ladders(settings: Settings) -> tuple[Ladder, ...]:
    """Return what is tried against a lamp that is off."""
    pace = Pace(first_s=settings.seconds("wait"), jitter=0.0)
    return (Ladder("lamp-off", (Rung("switch", 2), Rung("replace", 1)), pace),)


def switch(observer: LampObserver, subject: str) -> str:
    """Press the switch."""
    return _act(observer, subject, "switch")


def replace(observer: LampObserver, subject: str) -> str:
    """Put another bulb in."""
    return _act(observer, subject, "replace")


def _act(observer: LampObserver, subject: str, step: str) -> str:
    said = observer.state()
    with (observer.workspace / ACTS).open("a", encoding="utf-8", errors="backslashreplace") as acts:
        acts.write(f"{step} {subject}\n")
    if (observer.workspace / GATE).exists():
        (observer.workspace / GATE).read_bytes()  # until somebody opens it and lets go
    if said.get("bug") == step:
        raise RuntimeError("a bug in the step")
    if step in said.get("refuses", {}):
        raise StepRefused(str(said["refuses"][step]))
    cured = said.get("cures", {}).get(step)
    if isinstance(cured, list) and subject in cured:
        said["lamps"][subject] = "on"
        (observer.workspace / STATE).write_text(json.dumps(said), "utf-8")
    return f"{step} done"


def doctor(context: Context) -> list[tuple[str, str, bool]]:
    """Say whether there are lamps at all."""
    path = context.layout.workspace / STATE
    return [("lamps", str(path), path.exists())]


def own_folder(environment: Mapping[str, str]) -> Path:
    """Return where the lamp's lock and budgets lie, for a system that has a home of its own."""
    return Path(environment["LAMP_HOME"]) / "redundancy"


SYSTEM = System(
    name="lamp",
    title="The lamp guard",
    app="enhanced-lamp-redundancy",
    report="lamp-health-report.json",
    log_stem="enhanced-lamp",
    settings=f"{__name__}:SETTINGS",
    observer=f"{__name__}:connect",
    ladders=f"{__name__}:ladders",
    steps={"switch": f"{__name__}:switch", "replace": f"{__name__}:replace"},
    ignored_keys={"lamp.colour": "lamps have none"},
    doctor=f"{__name__}:doctor",
    commands=(
        Command(
            "flash",
            "Light some lamps for a moment.",
            "flash hall attic --colour red",
            f"{__name__}:flash",
            (
                Option(("lamp",), "which lamps", takes="LAMP", many=True, needed=True),
                Option(("--colour",), "in which colours", takes="COLOUR", many=True),
            ),
            reads_only=True,
        ),
    ),
)


def backed_up(context: Context) -> BackedUp:
    """Return what a snapshot of the lamps holds; their state is valid when it is JSON."""
    del context
    return BackedUp((Source((STATE, "wires"), valid=_is_json),))


def _is_json(path: str, data: bytes) -> bool | None:
    if path != STATE:
        return None
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


BACKED_UP = replace_in(
    SYSTEM,
    script="enhanced_lamp_redundancy.py",
    backup=f"{__name__}:backed_up",
    settings=f"{__name__}:ALL_SETTINGS",
)


def flash(call: Call) -> int:
    """Say which lamps would flash."""
    say(f"{','.join(call.texts('lamp'))} in {','.join(call.texts('colour')) or 'white'}")
    return 0
