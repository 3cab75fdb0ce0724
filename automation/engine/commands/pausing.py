"""`pause` and `resume`: a maintenance window."""

from __future__ import annotations

from automation.core.errors import UsageInvalid
from automation.core.settings import parse_duration_ms
from automation.engine.by_hand import person
from automation.engine.calling import Call
from automation.engine.context import prepare_folders
from automation.engine.terminal import say
from automation.engine.whereabouts import layout_of
from automation.stores import pauses


def pause(call: Call) -> int:
    """Let the guard watch and report, but act on nothing."""
    layout = layout_of(call.system, call.workspace, call.environment)
    prepare_folders(layout)
    now_s = call.clock.now_s()
    until_s = None
    if call.text("for"):
        duration_ms = parse_duration_ms(call.text("for"))
        if duration_ms is None:
            raise UsageInvalid(f"--for: expected a time such as 90s, 30m or 2h, got {call.text('for')!r}")
        until_s = now_s + duration_ms / 1000
    who = person(call.environment)
    window = pauses.Pause(now_s, until_s, who, call.text("reason"))
    pauses.save(layout.pause, window)
    say(f"{call.system.app}: {window.spoken()}")
    return 0


def resume(call: Call) -> int:
    """End the pause."""
    layout = layout_of(call.system, call.workspace, call.environment)
    prepare_folders(layout)
    ended = pauses.clear(layout.pause)
    say(f"{call.system.app}: {'resumed' if ended else 'was not paused'}")
    return 0
