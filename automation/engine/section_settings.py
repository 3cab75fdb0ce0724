"""The settings that each system has in its own section of the file, and all that a program may be told."""

from __future__ import annotations

from automation.core.selection import ALL
from automation.core.settings import Kind, Setting
from automation.engine.loading import load
from automation.engine.shared_settings import SHARED
from automation.engine.system import System


def section_settings(section: str, twins: tuple[str, ...] = ()) -> tuple[Setting, ...]:
    """Return the settings of a section; `twins` are older sections in which some of them stand too."""

    def also(key: str) -> tuple[str, ...]:
        return tuple(f"{twin}.{key}" for twin in twins)

    return (
        Setting(
            "enabled",
            Kind.FLAG,
            True,  # noqa: FBT003  # a default value
            "false: look at nothing",
            key=f"{section}.enabled",
            also=also("enabled"),
        ),
        Setting(
            "own_mode",
            Kind.CHOICE,
            "active",
            "observe: see, report and alert, but act on nothing",
            key=f"{section}.mode",
            choices=("active", "observe"),
        ),
        Setting(
            "acts",
            Kind.FLAG,
            True,  # noqa: FBT003  # a default value
            "false: this instance only watches, because another one acts",
            key=f"{section}.acts",
        ),
        Setting(
            "own_auto_recovery",
            Kind.FLAG,
            True,  # noqa: FBT003  # a default value
            "false: act on nothing without being told to",
            key=f"{section}.autoRecovery",
            also=also("autoRecovery"),
        ),
        Setting(
            "auto_restore",
            Kind.FLAG,
            False,  # noqa: FBT003  # a default value
            "put back guarded files that are not empty and provably broken",
            key=f"{section}.autoRestore",
        ),
        Setting(
            "include",
            Kind.NAMES,
            ALL,
            "globs of what is guarded, by name; an empty list guards nothing",
            key=f"{section}.include",
        ),
        Setting("exclude", Kind.NAMES, (), "globs of what is not guarded", key=f"{section}.exclude"),
    )


def known_settings(system: System) -> tuple[Setting, ...]:
    """Return all settings of a system's program: those of every guard, of its section, and its own."""
    own: tuple[Setting, ...] = load(system.settings)
    return (*SHARED, *section_settings(system.place, system.twins), *own)
