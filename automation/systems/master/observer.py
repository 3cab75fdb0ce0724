"""The eyes of the master: it reads the guards' reports, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from automation.core.errors import RecordDamaged
from automation.core.finding import Assessment, Mode, Status
from automation.engine.context import Context
from automation.stores.records import read_record
from automation.stores.reports import find
from automation.systems.master.checks import assess
from automation.systems.master.facts import Facts, Sight
from automation.systems.master.peers import PEERS, Peer

LONGEST_GAP_PERIODS = 3.0
NO_EMERGENCY: dict[str, object] = {
    "active": False,
    "since": None,
    "causes": [],
    "step": None,
    "runs": 0,
    "lease": None,
}


@dataclass(slots=True)
class MasterObserver:
    """Looks at the reports of all guards."""

    context: Context
    looked_s: float | None = None
    looked_at_s: float | None = None
    scores: dict[str, float] = field(default_factory=dict)

    def observe(self) -> Facts:
        """Look once."""
        clock = self.context.clock
        now_s, elapsed_s = clock.now_s(), clock.elapsed_s()
        trustworthy = self._gap_was_short(now_s, elapsed_s)
        self.looked_s, self.looked_at_s = elapsed_s, now_s
        return Facts(
            at_s=now_s,
            sights=tuple(self._see(peer, now_s) for peer in PEERS),
            trustworthy=trustworthy,
            threshold=self.context.settings.ratio("emergency_threshold"),
            emergency=self._emergency(),
        )

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Keep nothing: the reports are the memory."""

    def fds(self) -> Sequence[int]:
        """Return nothing: files do not call."""
        return ()

    def pump(self) -> bool:
        """Read nothing."""
        return False

    def close(self) -> None:
        """Hold nothing."""

    def _gap_was_short(self, now_s: float, elapsed_s: float) -> bool:
        """Tell whether our own last look was not long ago: a resumed machine makes all look stale (S7)."""
        if self.looked_s is None or self.looked_at_s is None:
            return True
        longest_s = LONGEST_GAP_PERIODS * self.context.settings.seconds("check_interval")
        return elapsed_s - self.looked_s <= longest_s and abs(now_s - self.looked_at_s) <= longest_s

    def _see(self, peer: Peer, now_s: float) -> Sight:
        path = self.context.layout.logs / peer.report
        if not path.exists():
            return Sight(
                peer, there=False, status=Status.UNKNOWN, mode=Mode.ACTIVE, score=None, age_s=0.0, stale=False
            )
        found = find(path)
        reading = found.reading
        if reading is None:
            return Sight(
                peer,
                there=True,
                status=Status.UNKNOWN,
                mode=Mode.ACTIVE,
                score=self.scores.get(peer.name),
                age_s=0.0,
                stale=False,
                problem=found.problem,
            )
        if reading.score is not None:
            self.scores[peer.name] = reading.score
        pid = reading.record.get("pid")
        return Sight(
            peer,
            there=True,
            status=reading.status,
            mode=reading.mode,
            score=reading.score,
            age_s=max(now_s - reading.checked_at_s, 0.0),
            stale=reading.stale(now_s),
            pid=pid if isinstance(pid, int) else None,
        )

    def _emergency(self) -> dict[str, object]:
        try:
            record = read_record(self.context.layout.state / "emergency.json")
        except RecordDamaged:
            record = None
        said = record if isinstance(record, dict) else {}
        return {key: said.get(key, value) for key, value in NO_EMERGENCY.items()}


def connect(context: Context) -> MasterObserver:
    """Return the master's eyes."""
    return MasterObserver(context)
