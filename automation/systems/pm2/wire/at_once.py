"""Many calls of one method over one connection, some under way at once: none waits for another's answer.

PM2 takes calls in the order in which they come, so what it starts is numbered in that order; its answers come
in any order, and are told apart by their numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from automation.core.errors import EffectFailed, StepRefused
from automation.ports.clock import Clock
from automation.systems.pm2.wire.door import LOOK_TIMEOUT_S, Garbled, NoAnswer
from automation.systems.pm2.wire.rpc import Rpc, result_of

AT_ONCE = 8
PATIENCE_S = LOOK_TIMEOUT_S  # an answer that is late by that much makes us ask whether the daemon lives
ASK = "getVersion"

Outcome = object  # what PM2 answered, or the EffectFailed that came instead


@dataclass(slots=True)
class _UnderWay:
    """Calls that are under way: by number, the place among all and when it was sent (seconds since boot)."""

    calls: dict[str, tuple[int, float]] = field(default_factory=dict)
    question: str = ""
    asked_s: float = 0.0

    def late(self, now_s: float, patience_s: float) -> list[str]:
        """Return what was sent so long ago that it should have been answered."""
        return [number for number, (_, sent_s) in self.calls.items() if now_s - sent_s >= patience_s]

    def next_s(self, patience_s: float) -> float:
        """Return when the next patience ends: that with the question, or that with the oldest call."""
        if self.question:
            return self.asked_s + patience_s
        return min((sent_s for _, sent_s in self.calls.values()), default=0.0) + patience_s


def call_all(
    rpc: Rpc, clock: Clock, method: str, arguments: Iterable[object], *, patience_s: float = PATIENCE_S
) -> list[Outcome]:
    """Call a method once with each argument; return the outcomes in the same order.

    An outcome is what PM2 answered, or an EffectFailed as a value: PM2 refused this one, it could not be sent
    (StepRefused), or it was not answered while the daemon answered others (NoAnswer). A call that is late is
    no longer waited for once the daemon has answered a question that came after it.

    Raises:
        NoAnswer: The daemon hangs: it answered that question neither; or (Closed) the connection ended.
        Garbled: What came is not PM2's protocol.
    """
    waiting = deque(enumerate(arguments))
    outcomes: dict[int, Outcome] = {}
    way = _UnderWay()
    while waiting or way.calls:
        _send(rpc, clock, method, waiting, way, outcomes)
        if not way.calls:
            continue
        for number, answer in rpc.receive(max(way.next_s(patience_s) - clock.elapsed_s(), 0.0)):
            if number == way.question:
                way.question = ""
                _give_up(way, method, outcomes, way.asked_s - patience_s)
            elif number in way.calls:
                outcomes[way.calls.pop(number)[0]] = _outcome(method, answer)
        _ask_where_late(rpc, clock, way, patience_s)
    return [outcomes[place] for place in sorted(outcomes)]


def _send(
    rpc: Rpc,
    clock: Clock,
    method: str,
    waiting: deque[tuple[int, object]],
    way: _UnderWay,
    outcomes: dict[int, Outcome],
) -> None:
    """Send as many as may be under way; what cannot be sent is an outcome of its own."""
    while waiting and len(way.calls) < AT_ONCE:
        place, argument = waiting.popleft()
        try:
            way.calls[rpc.send(method, argument)] = place, clock.elapsed_s()
        except StepRefused as error:
            outcomes[place] = error


def _outcome(method: str, answer: dict[str, object]) -> Outcome:
    try:
        return result_of(method, answer)
    except Garbled:
        raise
    except EffectFailed as error:
        return error


def _give_up(way: _UnderWay, method: str, outcomes: dict[int, Outcome], before_s: float) -> None:
    """Wait no longer for what was sent before a moment: the daemon lives, and says nothing about it."""
    for number, (place, sent_s) in list(way.calls.items()):
        if sent_s <= before_s:
            del way.calls[number]
            outcomes[place] = NoAnswer(f"PM2's daemon did not answer {method}, and answered what came after")


def _ask_where_late(rpc: Rpc, clock: Clock, way: _UnderWay, patience_s: float) -> None:
    """Ask whether the daemon lives where a call is late.

    Raises:
        NoAnswer: It was asked, and that is late as well.
    """
    now_s = clock.elapsed_s()
    if way.question:
        if now_s - way.asked_s >= patience_s:
            raise NoAnswer(f"PM2's daemon has answered nothing for {patience_s:g} s: it hangs")
    elif way.late(now_s, patience_s):
        way.question, way.asked_s = rpc.send(ASK, {}), now_s
