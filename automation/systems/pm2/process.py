"""One process of PM2's list, as a frozen value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The names that are ours, and never subjects (safety S6); the last is the starter that deletes itself.
OURS = frozenset(
    {
        "enhanced-pm2-redundancy",
        "enhanced-github-actions-redundancy",
        "enhanced-netlify-functions-redundancy",
        "master-redundancy-orchestrator",
        "ecosystem.enhanced-redundancy",
    }
)
TWIN = "_old_"  # what PM2 puts before the id of a worker that a reload replaces
RUNNING = frozenset({"online", "launching", "waiting restart", "one-launch-status"})


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

    @property
    def ours(self) -> bool:
        """Tell whether it is one of the suite's own."""
        return self.name in OURS

    @property
    def twin(self) -> bool:
        """Tell whether a reload is replacing it."""
        return isinstance(self.pm_id, str) and self.pm_id.startswith(TWIN)


def processes(entries: Sequence[Mapping[str, object]]) -> tuple[Process, ...]:
    """Return the entries of PM2's list as values, each with a label of its own."""
    bare = [(_process(entry), entry) for entry in entries]
    names = Counter(process.name for process, _ in bare)
    slots = Counter((process.name, process.slot) for process, _ in bare)
    labels: list[str] = []
    for process, _ in bare:
        label = process.name
        if names[process.name] > 1:
            alone = process.slot is not None and slots[process.name, process.slot] == 1
            label = f"{process.name}:{process.slot if alone else process.pm_id}"
        labels.append(label)
    twice = Counter(labels)
    return tuple(
        _labelled(process, label if twice[label] == 1 else f"{label}:{process.pm_id}")
        for (process, _), label in zip(bare, labels, strict=True)
    )


def _labelled(process: Process, label: str) -> Process:
    values = {name: getattr(process, name) for name in Process.__slots__}
    return Process(**values | {"label": label})


def _process(entry: Mapping[str, object]) -> Process:
    env = _mapping(entry.get("pm2_env"))
    monit = _mapping(entry.get("monit"))
    pm_id = entry.get("pm_id", env.get("pm_id"))
    return Process(
        pm_id=pm_id if isinstance(pm_id, int | str) else -1,
        name=str(entry.get("name", env.get("name", ""))),
        label="",
        slot=_whole(env.get("NODE_APP_INSTANCE")),
        pid=_whole(entry.get("pid")) or 0,
        status=str(env.get("status", "")),
        mode="cluster" if env.get("exec_mode") == "cluster_mode" else "fork",
        unique_id=str(env.get("unique_id", "")),
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
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _is_on(value: object) -> bool:
    """PM2 treats false and "false" as off, anything else (absence too) as on."""
    return value is not False and value != "false"


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _codes(value: object) -> tuple[int, ...]:
    """PM2 takes one code or a list, numbers or text."""
    codes = value if isinstance(value, list) else [value]
    return tuple(code for code in (_whole(one) for one in codes) if code is not None)
