"""One process of PM2's list, as a frozen value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

# The names that are ours, and never subjects (safety S6); the starter deletes itself, and never comes back.
OWN_APPS = frozenset(
    {
        "enhanced-pm2-redundancy",
        "enhanced-github-actions-redundancy",
        "enhanced-netlify-functions-redundancy",
        "master-redundancy-orchestrator",
    }
)
STARTER = "ecosystem.enhanced-redundancy"
OURS = OWN_APPS | {STARTER}
TWIN = "_old_"  # what PM2 puts before the id of a worker that a reload replaces
RUNNING = frozenset({"online", "launching", "waiting restart", "one-launch-status"})
LARGEST = 2**53  # beyond it JavaScript itself does not count
MOST_DIGITS = 16

Run = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Process:
    """One entry. Moments are milliseconds since 1970; `None` where PM2 does not say.

    `slot` is the instance number among those of one name, which outlives restarts; `label` names the entry
    for people, alone among all: its name, with `:slot` (or `:id`) where the name does not suffice.
    """

    pm_id: int | str
    name: str
    label: str
    slot: int | None
    pid: int
    status: str
    mode: str
    unique_id: str
    created_at_ms: int | None
    started_at_ms: int | None
    restarts: int
    exit_code: int | None
    autorestart: bool
    autostart: bool
    cron: bool
    stop_exit_codes: tuple[int, ...]
    module: bool
    memory_bytes: int
    cpu_percent: float
    script: str

    @property
    def ours(self) -> bool:
        """Tell whether it is one of the suite's own."""
        return self.name in OURS

    @property
    def run(self) -> Run:
        """What tells one run from another: the entry, which `prepare` makes, and when it was started last."""
        return self.unique_id, self.started_at_ms

    @property
    def twin(self) -> bool:
        """Tell whether a reload is replacing it."""
        return isinstance(self.pm_id, str) and self.pm_id.startswith(TWIN)


def processes(entries: Sequence[Mapping[str, object]]) -> tuple[Process, ...]:
    """Return the entries of PM2's list as values, each with a label of its own."""
    bare = [_process(entry) for entry in entries]
    labels = _labels(bare)
    return tuple(replace(one, label=label) for one, label in zip(bare, labels, strict=True))


def _labels(bare: Sequence[Process]) -> list[str]:
    """Name each entry: by its name alone, by name and slot, or by name and id; whatever the names are."""
    names = Counter(one.name for one in bare)
    slots = Counter((one.name, one.slot) for one in bare)
    wished = [_wished(one, names[one.name], slots[one.name, one.slot]) for one in bare]
    twice = Counter(wished)
    taken = {label for label in wished if twice[label] == 1}
    labels = []
    for one, wish in zip(bare, wished, strict=True):
        label = wish
        while twice[wish] > 1 and label in taken | {wish}:
            label = f"{label}:{one.pm_id}"
        taken.add(label)
        labels.append(label)
    return labels


def _wished(process: Process, of_name: int, of_slot: int) -> str:
    if of_name == 1:
        return process.name
    alone = process.slot is not None and of_slot == 1
    return f"{process.name}:{process.slot if alone else process.pm_id}"


def _process(entry: Mapping[str, object]) -> Process:
    env = _mapping(entry.get("pm2_env"))
    monit = _mapping(entry.get("monit"))
    return Process(
        pm_id=_id(entry.get("pm_id", env.get("pm_id"))),
        name=_text(entry.get("name", env.get("name", ""))),
        label="",
        slot=_whole(env.get(str(env.get("instance_var") or "NODE_APP_INSTANCE"))),
        pid=_whole(entry.get("pid")) or 0,
        status=_text(env.get("status", "")),
        mode="cluster" if env.get("exec_mode") == "cluster_mode" else "fork",
        unique_id=_text(env.get("unique_id", "")),
        created_at_ms=_whole(env.get("created_at")),
        started_at_ms=_whole(env.get("pm_uptime")),
        restarts=_whole(env.get("restart_time")) or 0,
        exit_code=_whole(env.get("exit_code")),
        autorestart=_is_on(env.get("autorestart")),
        autostart=_is_on(env.get("autostart")),
        cron=bool(env.get("cron_restart")),
        stop_exit_codes=_codes(env.get("stop_exit_codes")),
        module=bool(env.get("pmx_module")),
        memory_bytes=_whole(monit.get("memory")) or 0,
        cpu_percent=_number(monit.get("cpu")),
        script=str(env.get("pm_exec_path", "")),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _id(value: object) -> int | str:
    if isinstance(value, str):
        return _text(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _text(value: object) -> str:
    """Return a text that can be written to a file: JSON may hold half of a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _is_on(value: object) -> bool:
    """PM2 treats false and "false" as off, anything else (absence too) as on."""
    return value is not False and value != "false"


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS:
        return int(value)
    number = _finite(value)
    return None if number is None else int(number)


def _number(value: object) -> float:
    return _finite(value) or 0.0


def _finite(value: object) -> float | None:
    """Return a number that is one, and that JavaScript could have counted."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -LARGEST <= value <= LARGEST and math.isfinite(value) else None


def _codes(value: object) -> tuple[int, ...]:
    """PM2 takes one code or a list, numbers or text."""
    codes = value if isinstance(value, list) else [value]
    return tuple(code for code in (_whole(one) for one in codes) if code is not None)
