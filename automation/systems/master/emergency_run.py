"""The four steps of an emergency, in order, for the systems that caused it (safety S29, S30).

1. Their guards pause: a lease takes the systems from them, for as long as there is progress.
2. Everything is backed up, marked as taken in an emergency.
3. Each cause is recovered by its own program, which the lease exempts.
4. The guards are freed, and it is seen whether the scores have come back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from automation.core.errors import AutomationError
from automation.core.finding import Status
from automation.engine.audited import audited
from automation.engine.calling import Call
from automation.engine.commands import snapshots as own
from automation.engine.context import Context
from automation.engine.terminal import complain, safe, say
from automation.stores import leases
from automation.stores.leases import EPOCH_VARIABLE, Lease
from automation.systems.master import emergencies, sets
from automation.systems.master.emergencies import OVER_AT, Emergency
from automation.systems.master.peers import Peer
from automation.systems.master.programs import Programs, how_it_ended
from automation.systems.master.tokens import lacks_token

Done = tuple[bool, str]


def new_epoch() -> str:
    """Return a name for one run: what its own programs carry, and are exempt from its lease by."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class Run:
    """One run of an emergency; its caller holds the emergency's lock.

    `by` is who asked for it: `guard` for the monitoring loop, else a person.
    """

    call: Call
    context: Context
    programs: Programs
    causes: tuple[Peer, ...]
    by: str
    epoch: str = field(default_factory=new_epoch)
    known: Emergency = field(default_factory=Emergency)

    def take_four_steps(self) -> bool:
        """Take the four steps, and tell whether every cause is back at 0.8 (or has nothing to guard).

        Raises:
            EffectFailed: The disk takes no record or no audit line: nothing more is done.
        """
        layout = self.context.layout
        names = tuple(peer.name for peer in self.causes)
        before = emergencies.load(layout)
        self.known = emergencies.begun(before, names, self.by, self.context.clock.now_s())
        try:
            self._step("pause-guards", ", ".join(names), self._pause_guards)
            self._back_up()
            for peer in self.causes:
                self._step("recover", peer.name, partial(self._recover, peer))
        finally:
            leases.clear(layout.lease)
        over = self._step("free-guards", ", ".join(names), self._free_guards)
        self.known = replace(self.known, active=not over, running=False)
        emergencies.save(layout, self.known)
        return over

    def _step(self, step: str, subject: str, do: Callable[[], Done]) -> bool:
        """Do one thing, and tell its beginning and its end to report, audit log and terminal."""
        self.known = replace(self.known, step=step)
        emergencies.save(self.context.layout, self.known)
        line: dict[str, object] = {
            "by": self.by,
            "step": step,
            "problem": "emergency",
            "subject": subject,
            "epoch": self.epoch,
        }
        with audited(self.context, line | {"rule": "S29"}) as act:
            try:
                act.ok, act.detail = do()
            except AutomationError as error:
                act.ok, act.detail = False, str(error)
        ok, detail = act.ok, act.detail
        self.known = self.known.told(self.context.clock.now_s(), step, detail, ok=ok)
        emergencies.save(self.context.layout, self.known)
        (say if ok else complain)(f"{step}: {safe(detail)}")
        return ok

    def _pause_guards(self) -> Done:
        leases.save(self.context.layout.lease, self._lease())
        names = ", ".join(peer.name for peer in self.causes)
        return True, f"took {names} from their guards for at most {leases.LONGEST_S:.0f} s"

    def _lease(self) -> Lease:
        clock = self.context.clock
        names = tuple(peer.name for peer in self.causes)
        return Lease(names, clock.boot_id(), clock.elapsed_s() + leases.LONGEST_S, self.epoch)

    def _renew(self) -> None:
        """Keep the lease: on progress only, and only one that nobody has ended meanwhile."""
        held = leases.load(self.context.layout.lease)
        if held is not None and held.epoch == self.epoch:
            leases.save(self.context.layout.lease, self._lease())

    def _back_up(self) -> None:
        set_id = sets.new_set_id()
        parts: list[sets.Part] = []
        reason = f"emergency {self.epoch} (set {set_id})"
        for peer in self.programs.there():
            self._step("back-up", peer.name, partial(self._back_up_one, peer, reason, parts))
        self._step("back-up", "master", partial(self._back_up_own, set_id, reason, parts))

    def _back_up_one(self, peer: Peer, reason: str, parts: list[sets.Part]) -> Done:
        part = sets.take_part(self.programs, peer, reason, emergency=True)
        parts.append(part)
        self._renew()
        return part.ok, f"{peer.name}: {part.spoken()}"

    def _back_up_own(self, set_id: str, reason: str, parts: list[sets.Part]) -> Done:
        sets.note(self.context, set_id, parts)
        options = {"reason": reason, "emergency": True}
        snapshot = own.take(replace(self.call, command="backup", options=options))
        return True, f"master: {own.described(snapshot)}"

    def _recover(self, peer: Peer) -> Done:
        ran = self.programs.run(peer, "recovery", extra={EPOCH_VARIABLE: self.epoch})
        if ran.status == 0:
            self._renew()
        lacks = lacks_token(peer, self.context.environment)
        return ran.status == 0, f"{peer.name}: {how_it_ended(ran)}" + (f" ({lacks})" if lacks else "")

    def _free_guards(self) -> Done:
        """Judge by what each guard's program sees now, whether or not its loop runs."""
        seen = {peer.name: self._seen_now(peer) for peer in self.causes}
        shown = ", ".join(f"{name} {said}" for name, (_, said) in seen.items())
        return all(back for back, _ in seen.values()), f"scores now: {shown}"

    def _seen_now(self, peer: Peer) -> Done:
        """Return whether a cause is back, and its score in words; one that cannot look is not back (S2)."""
        ran = self.programs.run(peer, "check", "--json")
        try:
            said = json.loads(ran.stdout)
            status, score = Status(said["status"]), said["score"]
        except (ValueError, KeyError, TypeError):
            return False, f"unknown ({how_it_ended(ran)})"
        if status is Status.DISABLED:
            return True, "nothing to guard"
        if status is Status.UNKNOWN or not isinstance(score, int | float):
            return False, "unknown"
        return score >= OVER_AT, f"{score:.2f}"
