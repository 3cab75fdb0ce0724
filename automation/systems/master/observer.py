"""The eyes of the master: it reads the guards' reports and its own record of the emergency."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from automation.core.errors import LockBusy
from automation.core.finding import Assessment, Status
from automation.core.moments import from_text, to_text
from automation.core.reading import Reading
from automation.engine.context import Context
from automation.engine.selecting import selection_of
from automation.ports.apart import Apart
from automation.ports.locks import is_locked, locked
from automation.ports.process import alive
from automation.stores import leases, shutdowns
from automation.stores.leases import Lease
from automation.stores.reports import find
from automation.systems.master import emergencies
from automation.systems.master.checks import all_work_again, assess, is_over
from automation.systems.master.facts import Facts, Sight
from automation.systems.master.peers import PEERS, Peer

LONGEST_GAP_PERIODS = 3.0


@dataclass(slots=True)
class MasterObserver:
    """Looks at the reports of all guards, and watches the emergency's program where the loop started one."""

    context: Context
    scores: dict[str, float] = field(default_factory=dict)
    run: Apart | None = None
    looked_s: float | None = None
    looked_at_s: float = 0.0
    awake_since_s: float = 0.0

    def observe(self) -> Facts:
        """Look once."""
        context, layout = self.context, self.context.layout
        now_s, elapsed_s = context.clock.now_s(), context.clock.elapsed_s()
        awake_s = self._awake_s(now_s, elapsed_s)
        emergency = emergencies.load(layout)  # before the question whether its program lives
        lease = self._lease(elapsed_s)
        chosen = selection_of(context.settings)
        return Facts(
            sights=tuple(self._see(peer, now_s) for peer in PEERS if chosen.takes(peer.name)),
            awake_s=awake_s,
            period_s=context.settings.seconds("check_interval"),
            threshold=context.settings.ratio("emergency_threshold"),
            shut_down=bool(shutdowns.recorded(layout.shutdown, context.environment)),
            ended_shutdown_s=shutdowns.ended(layout.shutdown, context.environment),
            emergency=emergency,
            lease=emergencies.lease_section(lease, now_s, elapsed_s),
            leased=() if lease is None else lease.systems,
            run_lives=is_locked(emergencies.lock_path(layout)),
        )

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Write down that an emergency, or a shutdown, is over when a look says so.

        Raises:
            EffectFailed: The disk said no.
            LockBusy: A shutdown is being recorded.
        """
        self._end_shutdown(facts)
        self._end_emergency(facts)

    def _end_shutdown(self, facts: Facts) -> None:
        """Remove the record of a shutdown once all work again: commands by hand are free too (safety S31)."""
        layout, now_s = self.context.layout, self.context.clock.now_s()
        of_s = facts.ended_shutdown_s
        if of_s is not None and all_work_again(facts) and shutdowns.end(layout.shutdown, of_s, now_s):
            self.context.log.info("shutdown_ended", extra={"since": to_text(of_s)})

    def _end_emergency(self, facts: Facts) -> None:
        """End an emergency whose causes are back, unless a program is at work on it."""
        if facts.run_lives or not is_over(facts.emergency, facts.sights):
            return
        layout, now_s = self.context.layout, self.context.clock.now_s()
        try:
            with locked(
                emergencies.lock_path(layout),
                purpose="ending an emergency",
                since=to_text(now_s),
                timeout_s=0.0,
            ):
                if emergencies.load(layout) == facts.emergency:
                    scores = f"every cause is back at {emergencies.OVER_AT:g}, or gone"
                    told = facts.emergency.told(now_s, "over", scores, ok=True)
                    emergencies.save(layout, replace(told, active=False))
        except LockBusy:
            return  # a run has just begun

    def fds(self) -> Sequence[int]:
        """Return what becomes readable when the emergency's program ends."""
        return () if self.run is None else (self.run.fd,)

    def pump(self) -> bool:
        """See whether the emergency's program has ended: that deserves a look."""
        if self.run is None or not self.run.ended():
            return False
        self.context.log.info("emergency_program_ended")
        self.close()
        return True

    def close(self) -> None:
        """Leave the emergency's program to its own end."""
        if self.run is not None:
            self.run.forget()
            self.run = None

    def _awake_s(self, now_s: float, elapsed_s: float) -> float:
        """Return for how long our own looks have come without a gap, and reached the disk (safety S7).

        A machine that was asleep, a clock that was set or a full disk make every guard look silent.
        """
        longest_s = LONGEST_GAP_PERIODS * self.context.settings.seconds("check_interval")
        own = find(self.context.layout.report).reading
        own_age_s = longest_s + 1.0 if own is None else now_s - own.checked_at_s
        if self.looked_s is None:
            self.awake_since_s = elapsed_s - _awake_before_us(own, now_s, longest_s)
        elif (
            elapsed_s - self.looked_s > longest_s
            or abs(now_s - self.looked_at_s) > longest_s
            or abs(own_age_s) > longest_s
        ):
            self.awake_since_s = elapsed_s
        self.looked_s, self.looked_at_s = elapsed_s, now_s
        return elapsed_s - self.awake_since_s

    def _lease(self, elapsed_s: float) -> Lease | None:
        lease = leases.load(self.context.layout.lease)
        in_force = lease is not None and lease.in_force(self.context.clock.boot_id(), elapsed_s)
        return lease if in_force else None

    def _see(self, peer: Peer, now_s: float) -> Sight:
        path = self.context.layout.logs / peer.report
        if not path.exists():
            return Sight(peer, there=False)
        found = find(path)
        reading = found.reading
        if reading is None:
            return Sight(peer, there=True, score=self.scores.get(peer.name), problem=found.problem)
        return Sight(
            peer,
            there=True,
            status=reading.status,
            mode=reading.mode,
            score=self._last_known(peer, reading),
            age_s=max(now_s - reading.checked_at_s, 0.0),
            started_at_s=_started_at_s(reading),
            checked_at_s=reading.checked_at_s,
            period_s=max(reading.next_check_at_s - reading.checked_at_s, 0.0),
            stale=reading.stale(now_s),
        )

    def _last_known(self, peer: Peer, reading: Reading) -> float | None:
        """Return the score of a report, or the last one where its guard could not look (safety S2)."""
        if reading.score is not None:
            self.scores[peer.name] = reading.score
        elif reading.status is not Status.UNKNOWN:
            self.scores.pop(peer.name, None)  # nothing to guard any more
        return self.scores.get(peer.name)


def _awake_before_us(own: Reading | None, now_s: float, longest_s: float) -> float:
    """Return for how long a loop has been looking that is not this process: a `check` may rely on it."""
    if own is None or abs(now_s - own.checked_at_s) > longest_s:
        return 0.0
    pid = own.record.get("pid")
    if not isinstance(pid, int) or pid == os.getpid() or not alive(pid):
        return 0.0
    return max(now_s - _started_at_s(own, unknown_s=now_s), 0.0)


def _started_at_s(reading: Reading, unknown_s: float = 0.0) -> float:
    """Return when the writer of a report began, in seconds since 1970; `unknown_s` where it does not say."""
    try:
        return from_text(str(reading.record.get("startedAt")))
    except ValueError:
        return unknown_s


def _scores_of(own: Reading | None) -> dict[str, float]:
    """Return the last known scores, as our own last report has them."""
    systems = own.record.get("systems") if own is not None else None
    rows = systems.items() if isinstance(systems, dict) else ()
    scores = {name: row.get("score") for name, row in rows if isinstance(row, Mapping)}
    return {name: float(one) for name, one in scores.items() if isinstance(one, int | float)}


def connect(context: Context) -> MasterObserver:
    """Return the master's eyes."""
    return MasterObserver(context, scores=_scores_of(find(context.layout.report).reading))
