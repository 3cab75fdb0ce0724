"""What a guard may do now: the settings' mode and the pause, read afresh each time (safety S8, S30)."""

from __future__ import annotations

from dataclasses import replace

from automation.core.finding import Mode
from automation.core.ladder import Ladder
from automation.engine.context import Context
from automation.stores import leases, pauses, shutdowns


def mode_now(context: Context, now_s: float) -> tuple[Mode, str]:
    """Return the mode that holds now, and in one line why nothing is acted on; empty where it may act.

    Precedence: shutdown, pause, lease, settings.
    """
    shutdown = shutdowns.recorded(context.layout.shutdown, context.environment)
    if shutdown:
        return Mode.SHUTDOWN, shutdown
    pause = pauses.load(context.layout.pause, now_s)
    if pause is not None:
        return Mode.PAUSED, pause.spoken()
    if _leased(context):
        return Mode.EMERGENCY, "an emergency recovers this system"
    why = watches_only(context) or _waits_to_be_told(context)
    return (Mode.OBSERVE, why) if why else (Mode.ACTIVE, "")


def watches_only(context: Context) -> str:
    """Say which setting lets nothing act, not even by hand; empty where none does (safety S8, S28)."""
    settings, section = context.settings, context.system.place
    if settings.text("mode") == "observe":
        return "REDUNDANCY_MODE is observe"
    if settings.text("own_mode") == "observe":
        return f"{section}.mode is observe"
    return "" if settings.flag("acts") else f"{section}.acts is false: this instance only watches"


def _waits_to_be_told(context: Context) -> str:
    """Say which setting leaves recovery to a person; empty where none does."""
    if not context.settings.flag("auto_recovery"):
        return "redundancy.autoRecovery is false"
    own = context.settings.flag("own_auto_recovery")
    return "" if own else f"{context.system.place}.autoRecovery is false"


def _leased(context: Context) -> bool:
    lease = leases.load(context.layout.lease)
    epoch = context.environment.get(leases.EPOCH_VARIABLE, "")
    clock = context.clock
    return lease is not None and lease.holds(context.system.name, clock.boot_id(), clock.elapsed_s(), epoch)


def ladders_for(mode: Mode, ladders: tuple[Ladder, ...]) -> tuple[Ladder, ...]:
    """Return the ladders that may be climbed in a mode.

    To observe is to have ladders without rungs: whatever would be acted on needs a human. An emergency takes
    over all ladders but those that say otherwise. In a pause or a shutdown there are none at all: somebody
    else is at work, and knows.
    """
    if mode is Mode.ACTIVE:
        return ladders
    if mode is Mode.OBSERVE:
        return tuple(replace(ladder, rungs=()) for ladder in ladders)
    if mode is Mode.EMERGENCY:
        return tuple(ladder for ladder in ladders if ladder.in_emergency)
    return ()
