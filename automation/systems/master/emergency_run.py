"""`emergency`: the four steps, in order, of the systems that caused it (safety S29, S30).

1. Their guards pause: a lease takes the systems from them, for as long as there is progress.
2. Everything is backed up, marked as taken in an emergency.
3. Each cause is recovered by its own program, which the lease exempts.
4. The guards are freed, and it is seen whether the scores have come back.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from automation.core.errors import UsageInvalid
from automation.core.finding import Mode
from automation.core.moments import to_text
from automation.engine.calling import Call
from automation.engine.context import Context, build, prepare_folders
from automation.engine.terminal import complain, safe, say
from automation.ports.locks import locked
from automation.stores import audit, leases, pauses
from automation.stores.leases import EPOCH_VARIABLE, Lease
from automation.stores.records import write_record
from automation.stores.reports import find
from automation.systems.master.observer import NO_EMERGENCY
from automation.systems.master.peers import PEERS, Peer
from automation.systems.master.programs import Programs, programs

OVER_AT = 0.8
LOCK_WAIT_S = 10.0  # the loop that began it still writes down that it did
STORY_LINES = 50


@dataclass(slots=True)
class Run:
    """One run of an emergency: what it is about, and its story so far."""

    context: Context
    programs: Programs
    causes: tuple[Peer, ...]
    epoch: str
    story: list[dict[str, object]] = field(default_factory=list)

    def tell(self, step: str, detail: str, *, ok: bool = True, active: bool = True) -> None:
        """Write down what was done, for the report, the audit log and whoever watches."""
        now = to_text(self.context.clock.now_s())
        self.story.append({"at": now, "step": step, "ok": ok, "detail": detail})
        lease = leases.load(self.context.layout.lease)
        record = NO_EMERGENCY | {
            "active": active,
            "since": self.story[0]["at"],
            "causes": [peer.name for peer in self.causes],
            "step": step,
            "runs": 1,
            "lease": None if lease is None else leases.record_of(lease),
            "story": self.story[-STORY_LINES:],
        }
        write_record(self.context.layout.state / "emergency.json", record)
        line = {"at": now, "system": "master", "by": "emergency", "event": "acted", "step": step, "ok": ok}
        audit.append(self.context.layout.audit, line | {"detail": detail}, now)
        (say if ok else complain)(f"{step}: {safe(detail)}")

    def renew(self) -> None:
        """Take or keep the lease: called on progress only."""
        clock = self.context.clock
        deadline_s = clock.elapsed_s() + leases.LONGEST_S
        names = tuple(peer.name for peer in self.causes)
        leases.save(self.context.layout.lease, Lease(names, clock.boot_id(), deadline_s, self.epoch))


def emergency(call: Call) -> int:
    """Run the four steps; 0 when every cause is at or above 0.8 again.

    Raises:
        LockBusy: An emergency, or another act of the master, is under way.
        UsageInvalid: There is no such system.
    """
    context = build(call.system, call.workspace, call.environment, call.clock)
    causes = _causes(context, call.texts("system"))
    if call.flag("dry_run"):
        return _plan(causes)
    prepare_folders(context.layout)
    if not causes:
        say("no guard is installed: there is nothing to recover")
        return 0
    run = Run(context, programs(context), causes, secrets.token_hex(8))
    since = to_text(call.clock.now_s())
    with locked(context.layout.action_lock, purpose="an emergency", since=since, timeout_s=LOCK_WAIT_S):
        try:
            return _four_steps(run)
        finally:
            leases.clear(context.layout.lease)


def _causes(context: Context, wanted: tuple[str, ...]) -> tuple[Peer, ...]:
    """Return the systems it is about: those that were named, else all that are installed.

    A system that a person has paused is left to that person.
    """
    there = programs(context).there()
    unknown = set(wanted) - {peer.name for peer in PEERS}
    if unknown:
        names = ", ".join(peer.name for peer in PEERS)
        raise UsageInvalid(f"--system: expected one of {names}, got {', '.join(sorted(unknown))}")
    chosen = [peer for peer in there if not wanted or peer.name in wanted]
    now_s = context.clock.now_s()
    state = context.layout.logs / "state"
    return tuple(peer for peer in chosen if pauses.load(state / peer.name / "pause.json", now_s) is None)


def _plan(causes: tuple[Peer, ...]) -> int:
    names = ", ".join(peer.name for peer in causes) or "nothing"
    say(f"1. pause-guards: the guards of {names}")
    say("2. back-up: every system, marked as taken in an emergency")
    say(f"3. recover: {names}")
    say("4. free-guards: when the scores are back, or nothing more can be done")
    return 0


def _four_steps(run: Run) -> int:
    _pause_guards(run)
    _back_up(run)
    recovered = _recover(run)
    return _free_guards(run, recovered=recovered)


def _pause_guards(run: Run) -> None:
    run.renew()
    run.tell("pause-guards", f"took {_names(run)} from their guards for at most {leases.LONGEST_S:.0f} s")


def _back_up(run: Run) -> None:
    for peer in run.programs.there():
        ran = run.programs.run(peer, "backup", "--emergency", "--reason", f"emergency {run.epoch}")
        run.tell("back-up", f"{peer.name}: {_last_line(ran.stdout, ran.stderr)}", ok=ran.status == 0)
        run.renew()


def _recover(run: Run) -> bool:
    well = True
    for peer in run.causes:
        ran = run.programs.run(peer, "recovery", extra={EPOCH_VARIABLE: run.epoch})
        well = well and ran.status == 0
        run.tell("recover", f"{peer.name}: {_last_line(ran.stdout, ran.stderr)}", ok=ran.status == 0)
        if ran.status == 0:
            run.renew()
    return well


def _free_guards(run: Run, *, recovered: bool) -> int:
    """Free the guards, and judge by their next reports whether it is over."""
    leases.clear(run.context.layout.lease)
    scores = {peer.name: _score_after(run, peer) for peer in run.causes}
    known = [score for score in scores.values() if score is not None]
    over = recovered and all(score >= OVER_AT for score in known)
    shown = ", ".join(f"{name} {'unknown' if one is None else f'{one:.2f}'}" for name, one in scores.items())
    run.tell("free-guards", f"scores now: {shown}", ok=over, active=False)
    return 0 if over else 1


def _score_after(run: Run, peer: Peer) -> float | None:
    """Return the score of a guard's own look now, whether or not its loop runs."""
    ran = run.programs.run(peer, "check", "--json")
    path = run.context.layout.logs / peer.report
    try:
        said = json.loads(ran.stdout).get("score")
    except (ValueError, AttributeError):
        reading = find(path).reading
        said = None if reading is None or reading.mode is Mode.SHUTDOWN else reading.score
    return float(said) if isinstance(said, int | float) else None


def _names(run: Run) -> str:
    return ", ".join(peer.name for peer in run.causes)


def _last_line(stdout: str, stderr: str) -> str:
    lines = (stdout.strip() or stderr.strip() or "nothing said").splitlines()
    return lines[-1][:300]
