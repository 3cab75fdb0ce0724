"""The way back after a daemon's death: orphans out, one daemon, each app as it was (safety S11, S14 to S17).

Everything here is done under the daemon lock, can be killed at any point, and is safe to do again: the death
note is on disk before the first act, and what is already there is not brought back twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automation.core.errors import EffectFailed, LookFailed
from automation.ports.clock import Clock
from automation.ports.commands import Commands
from automation.ports.ending import Ending, Named
from automation.systems.pm2.daemon.death import Death, Lost
from automation.systems.pm2.daemon.leftover import left_over
from automation.systems.pm2.daemon.orphans import Orphan, others_orphans
from automation.systems.pm2.daemon.returning import Returning, returning
from automation.systems.pm2.daemon.starting import Programs, start_daemon
from automation.systems.pm2.daemon.suspects import Scene
from automation.systems.pm2.intents import Intents
from automation.systems.pm2.prepared import prepared
from automation.systems.pm2.process import processes
from automation.systems.pm2.roster import Listed, Roster, listed
from automation.systems.pm2.wire.door import NoAnswer, NoDaemon, Pm2

KILL_TIMEOUT_S = 1.6  # PM2's own
LONGEST_KILL_TIMEOUT_S = 30.0
AFTER_KILL_S = 2.0
HELD = "its old process lives on as another user, and is not ours to end"
GUARD_SCRIPT = "enhanced_pm2_redundancy.py"


@dataclass(frozen=True, slots=True)
class Means:
    """What a revival acts through."""

    pm2: Pm2
    clock: Clock
    home: Path
    environment: Mapping[str, str]
    commands: Commands
    programs: Callable[[], Programs]
    scene: Callable[[], Scene]


@dataclass(frozen=True, slots=True)
class Revived:
    """What came of it: the note as it is now, and in words."""

    death: Death
    said: str


def revive(means: Means, roster: Roster, death: Death) -> Revived:
    """End what is left over, see that one daemon lives, and bring back what the roster has and it has not.

    Raises:
        EffectFailed: There is no daemon, or something is still missing; the note stays as it was.
    """
    scene = means.scene()
    left = left_over(scene, roster)
    held = others_orphans(scene.suspects, roster.last_pids(), roster.pid_files())
    with Ending(one for orphan in left for one in orphan.family) as ending:
        ending.interrupt()
        started = _see_that_a_daemon_lives(means)
        own = _bring_own_back(means, roster)
        wanted = _missing(means, roster.apps, death)
        lost = [Lost(one.slot, HELD) for one in wanted if one.runs and _name(one) in held]
        free = [one for one in wanted if not (one.runs and _name(one) in held)]
        lost += _bring_back_as_they_end(means, roster, left, ending, free)
    death = replace(death, lost=(*death.lost, *lost))
    missing = _missing(means, roster.apps, death)
    if missing:
        raise EffectFailed(f"still missing: {', '.join(one.process.label for one in missing)}"[:300])
    said = [started] if started else []
    said.append(f"{len(wanted) - len(lost)} apps brought back")
    said += [f"{len(left)} left-over apps ended"] if left else []
    said += [f"not brought back: {', '.join(one.slot[0] for one in (*lost, *own))}"] if lost or own else []
    return Revived(death, "; ".join(said))


def _see_that_a_daemon_lives(means: Means) -> str:
    """Start one where nobody listens; return what was done in words."""
    try:
        means.pm2.daemon()
    except NoDaemon as error:
        living = means.scene().daemons
        if living:  # a second one would be worse than none
            raise EffectFailed(f"pid {living[0].pid} is a daemon of this home that nobody reaches") from error
        daemon = start_daemon(
            means.pm2, means.home, means.programs(), means.environment, means.clock, means.commands
        )
        return f"started a daemon (pid {daemon.pid})"
    return ""


def _missing(means: Means, roster: Sequence[Listed], death: Death | None = None) -> tuple[Returning, ...]:
    present = listed(means.pm2.entries())
    if death is None:
        return returning(roster, present, Intents((0, 0), {}))
    return returning(roster, present, death.intents, given_up=death.given_up)


def _bring_own_back(means: Means, roster: Roster) -> list[Lost]:
    """Prepare our own, and the PM2 guard first: whoever is killed in the middle has left one that goes on."""
    own = _missing(means, roster.own)
    guard = [one for one in own if one.process.script.endswith(f"/{GUARD_SCRIPT}")]
    return [*_bring_back(means, guard), *_bring_back(means, [one for one in own if one not in guard])]


def _bring_back_as_they_end(
    means: Means, roster: Roster, left: Sequence[Orphan], ending: Ending, wanted: Sequence[Returning]
) -> list[Lost]:
    """Bring back each app of which nothing lives on, the others when they have ended; return what was lost.

    Who has not ended after its own `kill_timeout` is made to.
    """
    lost: list[Lost] = []
    rest, killed = list(wanted), False
    stubborn = _stubborn(left, ending.wait(means.clock, 0.0))
    deadline_s = means.clock.elapsed_s() + patience_s(roster, stubborn)
    while rest or stubborn:
        lost += _bring_back(means, [one for one in rest if _name(one) not in stubborn])
        rest = [one for one in rest if _name(one) in stubborn]
        if stubborn and means.clock.elapsed_s() >= deadline_s:
            if killed:
                return lost + [Lost(one.slot, "its old process outlived SIGKILL") for one in rest]
            ending.kill()
            killed, deadline_s = True, means.clock.elapsed_s() + AFTER_KILL_S
        left_s = max(deadline_s - means.clock.elapsed_s(), 0.0)
        stubborn = _stubborn(left, ending.wait(means.clock, left_s, for_all=False))
    return lost


def _bring_back(means: Means, wanted: Sequence[Returning]) -> list[Lost]:
    """Prepare each entry, several at once; return what PM2 would not take.

    PM2 5 and 6 never answer where node refuses its arguments, while the entry is there: that is none lost.

    Raises:
        LookFailed: The daemon hangs or is gone again, or is not understood.
    """
    if not wanted:
        return []
    answers = means.pm2.prepare_all([prepared(one.listed.env, runs=one.runs) for one in wanted])
    lost = []
    for one, answer in zip(wanted, answers, strict=True):
        if not isinstance(answer, EffectFailed):
            lost += _started(means, one, answer)
        elif not isinstance(answer, NoAnswer):
            lost.append(Lost(one.slot, str(answer)))
    return lost


def _started(means: Means, one: Returning, answer: Sequence[Mapping[str, object]]) -> list[Lost]:
    """Start an entry that PM2 only lists by itself (`autostart: false`), and that a person had started."""
    if not one.runs or one.process.autostart:
        return []
    try:
        for made in processes(answer):
            means.pm2.restart(made.pm_id)
    except NoAnswer:
        means.pm2.daemon()  # one that hangs is another matter
    except LookFailed:
        raise
    except EffectFailed as error:
        return [Lost(one.slot, str(error))]
    return []


def _stubborn(left: Sequence[Orphan], alive: frozenset[Named]) -> set[str]:
    """Return the names of the apps of which something lives on."""
    return {one.name for one in left if alive & set(one.family)}


def patience_s(roster: Roster, names: set[str] | None = None) -> float:
    """Return how long the slowest of these apps (None: of all) may take to end: its own kill_timeout."""
    given = [
        one.env.get("kill_timeout") for one in roster.apps if names is None or one.env.get("name") in names
    ]
    longest_ms = max((float(ms) for ms in given if isinstance(ms, int | float)), default=0.0)
    return min(max(longest_ms / 1000, KILL_TIMEOUT_S), LONGEST_KILL_TIMEOUT_S)


def _name(one: Returning) -> str:
    return one.process.name
