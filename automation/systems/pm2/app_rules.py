"""What the settings say about single apps: `pm2.apps.<glob>`, and which apps are guarded at all. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """How to ask an app whether it still works.

    `kind` is `http` (the target is an address: an answer below 500 is well), `tcp` (`host:port` or a port) or
    `file` (a path that must have changed within `timeout_ms`). `failures` in a row, `period_ms` apart (None:
    the check interval), make it hung.
    """

    kind: str
    target: str
    timeout_ms: int = 5_000
    failures: int = 3
    period_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AppRule:
    """What holds for one app.

    `critical`: when it is down, the whole system is critical. `required`: it must run, even where its kind
    says otherwise (a one-shot); a stop by hand still stands, with a warning. `ignore`: it is no subject.
    `memory_mb` and `cpu_percent` (of one core) may not be exceeded on `looks` looks in a row; None: no limit.
    """

    critical: bool = False
    required: bool = False
    ignore: bool = False
    probe: Probe | None = None
    memory_mb: float | None = None
    cpu_percent: float | None = None
    looks: int = 3


@dataclass(frozen=True, slots=True)
class Flap:
    """How often an app may be restarted by PM2 within a window before it counts as flapping."""

    restarts: int = 10
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class AppRules:
    """The rules of all apps; every app has one."""

    flap: Flap = Flap()

    def of(self, _name: str) -> AppRule:
        """Return the rule of an app by its name in PM2 (not its label)."""
        return AppRule()
