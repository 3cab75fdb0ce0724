"""What the settings say about single apps: `pm2.apps.<glob>`, and which apps are guarded at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from automation.core.selection import Selection, is_glob
from automation.core.settings import Row, Settings, Value
from automation.engine.selecting import selection_of
from automation.systems.pm2.app_settings import PROBES

MOST_KEPT = 1000  # rules that are made once and not on every look


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
    """The rules of all apps; every app has one.

    `rows` are those of `pm2.apps`, in the order of the file: later ones override earlier ones, field by
    field. `required` are names of apps that must run, `chosen` tells which names are guarded at all;
    `timeout_ms` is that of a probe which names none.
    """

    flap: Flap = Flap()
    rows: tuple[Row, ...] = ()
    required: tuple[str, ...] = ()
    chosen: Selection = field(default_factory=Selection)
    timeout_ms: int = 5_000
    _made: dict[str, AppRule] = field(default_factory=dict, repr=False, compare=False)

    def of(self, name: str) -> AppRule:
        """Return the rule of an app by its name in PM2 (not its label)."""
        rule = self._made.get(name)
        if rule is None:
            if len(self._made) >= MOST_KEPT:
                self._made.clear()
            rule = self._made[name] = self._rule(name)
        return rule

    def _rule(self, name: str) -> AppRule:
        said = self._said(name)
        return AppRule(
            critical=bool(said.get("critical")),
            required=bool(said.get("required", name in self.required)),
            ignore=bool(said.get("ignore")) or not self.chosen.takes(name),
            probe=_probe(said, self.timeout_ms),
            memory_mb=_float(said.get("memory_mb")),
            cpu_percent=_float(said.get("cpu_percent")),
            looks=_int(said.get("looks"), AppRule().looks),
        )

    def wanted(self) -> tuple[str, ...]:
        """Return the names of the apps that must be there: required ones that are guarded, in order.

        A glob that stands for many names none: an empty selection asks for nothing (safety S8).
        """
        names = dict.fromkeys((*self.required, *(row.glob for row in self.rows if not is_glob(row.glob))))
        rules = {name: self.of(name) for name in names}
        return tuple(name for name, rule in rules.items() if rule.required and not rule.ignore)

    def _said(self, name: str) -> dict[str, Value]:
        """Return what was said of an app: a null takes back what an earlier row said."""
        said: dict[str, Value | None] = {}
        for row in self.rows:
            if fnmatchcase(name, row.glob):
                if any(row.values.get(kind) for kind in PROBES):  # one target takes the place of another
                    said = {key: value for key, value in said.items() if key not in PROBES}
                said |= row.values
        return {key: value for key, value in said.items() if value is not None}


def app_rules(settings: Settings) -> AppRules:
    """Return the rules that the settings of the PM2 guard make."""
    return AppRules(
        flap=Flap(settings.count("flap_restarts"), settings.number("flap_window_s")),
        rows=settings.rows("apps"),
        required=settings.names("processes"),
        chosen=selection_of(settings),
        timeout_ms=settings.count("probe_timeout"),
    )


def _probe(said: Mapping[str, Value], timeout_ms: int) -> Probe | None:
    """Return the probe that was described; None where nothing says what to ask."""
    kind = next((one for one in PROBES if said.get(one)), "")
    if not kind:
        return None
    return Probe(
        kind,
        str(said[kind]),
        timeout_ms=_int(said.get("timeout_ms"), timeout_ms),
        failures=_int(said.get("failures"), Probe(kind, "").failures),
        period_ms=_int(said.get("period_ms"), 0) or None,
    )


def _int(value: Value | None, default: int) -> int:
    return value if isinstance(value, int) else default


def _float(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) else None
