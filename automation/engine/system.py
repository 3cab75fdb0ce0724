"""What a guarded system is, to the engine: data. Its code is named "module:function", loaded when needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from automation.core.finding import Assessment


@dataclass(frozen=True, slots=True)
class Option:
    """One argument of a command: its names as on the command line (`--subject`, or `name` for a positional).

    `takes` is the word for its value in the help, empty for a switch; `many` lets it stand several times.
    """

    names: tuple[str, ...]
    about: str
    takes: str = ""
    many: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: what it does, an example, and the function that does it.

    `reads_only` commands are for whoever may read the files; the others need our own user (safety S18).
    """

    name: str
    about: str
    example: str
    handler: str
    options: tuple[Option, ...] = ()
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """A guarded system: its names, and where its code is.

    * `settings` names a tuple of core.settings.Setting; `section` is its part of the settings file, its name
      if empty, `twins` are older sections with the same keys;
    * `ignored_keys` are keys of the settings file that are accepted without effect, and why;
    * `observer` names `(context) -> Observer`;
    * `ladders` names `(settings) -> tuple[Ladder, ...]`;
    * `steps` maps the step names of the ladders to `(observer, subject) -> str`;
    * `own_folder` names `(environment) -> Path`, where locks and budgets must lie; in logs/state if empty;
      `own_variable` is the variable that says where that is;
    * `also_reads` are variables that its programs read beside those of its settings, none of them a secret;
    * `script` is its entry script in automation/, for what runs beside the loop;
    * `backup` names `(context) -> BackedUp`; without it the system has no snapshots and no commands for them;
    * `doctor` names `(context) -> list of (what, how it is, whether that is well)`;
    * `commands` are subcommands of its own, or its own form of a common one.
    """

    name: str
    title: str
    app: str
    report: str
    log_stem: str
    settings: str
    observer: str
    ladders: str
    steps: Mapping[str, str] = field(default_factory=dict)
    section: str = ""
    twins: tuple[str, ...] = ()
    ignored_keys: Mapping[str, str] = field(default_factory=dict)
    own_folder: str = ""
    own_variable: str = ""
    also_reads: tuple[str, ...] = ()
    doctor: str = ""
    script: str = ""
    backup: str = ""
    backups_folder: str = ""
    commands: tuple[Command, ...] = ()

    @property
    def place(self) -> str:
        """Its section of the settings file."""
        return self.section or self.name


class Observer(Protocol):
    """The eyes of a system, and what its steps act through.

    What `observe` returns is the system's own frozen facts; only `assess` and the steps look inside.
    """

    def observe(self) -> Any:  # noqa: ANN401  # each system has facts of its own
        """Look once. Acts on nothing, writes nothing.

        Raises:
            LookFailed: It could not look; nothing is known.
        """
        ...

    def assess(self, facts: Any) -> Assessment:  # noqa: ANN401  # the same
        """Judge what was seen. Pure."""
        ...

    def remember(self, facts: Any) -> None:  # noqa: ANN401  # the same
        """Keep on disk what the next look must know; called by the loop alone.

        Raises:
            EffectFailed: The disk said no.
        """
        ...

    def fds(self) -> Sequence[int]:
        """Return the file descriptors that become readable when something may have happened."""
        ...

    def pump(self) -> bool:
        """Read what is there without blocking; tell whether it deserves a look."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Timed(Protocol):
    """An observer that has something to do at moments of its own, which need no look."""

    def next_s(self) -> float | None:
        """Return when `pump` should be called at the latest, in seconds since boot; None: only when woken."""
        ...


@runtime_checkable
class Hurried(Protocol):
    """An observer to which something may happen that is looked at right away, and not after a second."""

    def hurries(self) -> bool:
        """Tell, once, whether that is so; seldom true, whatever happens."""
        ...
