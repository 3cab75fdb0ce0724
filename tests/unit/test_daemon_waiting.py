"""How long a guard waits for pm2 commands that are under way."""

from __future__ import annotations

from automation.systems.pm2.daemon.waiting import BREAK_S, LONGEST_S, Waiting


def test_commands_that_follow_each_other_are_waited_for_three_minutes_and_no_longer() -> None:
    waiting = Waiting()
    asked = [waiting.is_over(1000.0 + after_s, at_work=True) for after_s in (0.0, 60.0, 120.0, 179.9)]

    assert asked == [False] * 4
    assert waiting.is_over(1000.0 + LONGEST_S, at_work=True)
    assert waiting.is_over(1000.0 + LONGEST_S + 1.0, at_work=True)


def test_a_look_that_saw_none_or_a_long_break_begins_another_wait() -> None:
    waiting = Waiting()
    waiting.is_over(0.0, at_work=True)
    for after_s in (60.0, 120.0):
        waiting.is_over(after_s, at_work=True)

    assert not waiting.is_over(170.0, at_work=False)
    assert not waiting.is_over(LONGEST_S, at_work=True)
    assert not waiting.is_over(LONGEST_S + BREAK_S, at_work=True)
    assert not waiting.is_over(LONGEST_S * 3, at_work=True)
