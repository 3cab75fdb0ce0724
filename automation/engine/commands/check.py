"""`check`: one look now, judged with the history that is there. Acts on nothing and writes nothing."""

from __future__ import annotations

import os
import platform

from automation import __version__
from automation.core import storm
from automation.core.decide import Decision, remember
from automation.core.errors import LookFailed, RecordDamaged
from automation.core.finding import Assessment
from automation.core.health import Bands
from automation.core.history import History
from automation.core.reading import read
from automation.core.report import Heartbeat, to_record
from automation.engine import backup_findings
from automation.engine.calling import Call
from automation.engine.commands.status import EXIT, show
from automation.engine.context import Context, build
from automation.engine.judging import Judged, make_report
from automation.engine.loading import load
from automation.engine.modes import ladders_for, mode_now
from automation.engine.seeing import observer_of
from automation.engine.system import Observer
from automation.engine.terminal import complain, say_json
from automation.stores import histories
from automation.stores.backup_outcomes import read_outcome


def check(call: Call) -> int:
    """Look once and say what is seen; return the monitoring-plugin code."""
    context = build(call.system, call.workspace, call.environment, call.clock)
    for warning in context.settings.warnings:
        complain(warning)
    observer = observer_of(context)
    try:
        judged = _judge(context, observer)
    finally:
        observer.close()
    now_s = call.clock.now_s()
    bands = Bands(context.settings.ratio("warning_band"), context.settings.ratio("critical_band"))
    report = make_report(judged, _heartbeat(context, now_s), bands)
    if call.flag("json"):
        say_json(to_record(report))
    else:
        show(call.system.app, read(to_record(report), "this look"), now_s, stale=False)
    return EXIT[report.status]


def _judge(context: Context, observer: Observer) -> Judged:
    now_s = context.clock.now_s()
    mode, held_back = mode_now(context, now_s)
    history = _history(context)
    try:
        assessment: Assessment = observer.assess(observer.observe())
    except LookFailed as error:
        return Judged(None, str(error), Decision(history), mode, held_back)
    if context.system.backup:
        outcome = read_outcome(context.layout.backup_outcome)
        assessment = backup_findings.with_backups(assessment, outcome, "", context.system.app)
    assessment = storm.with_storm(assessment, history, context.system.name, now_s)
    held_back = held_back or storm.held_back(assessment)
    ladders = (storm.LADDER, *load(context.system.ladders)(context.settings), *backup_findings.LADDERS)
    history = remember(history, assessment.findings, ladders, now_s)
    decision = storm.decide_gently(history, assessment, ladders_for(mode, ladders), now_s)
    return Judged(assessment, "", decision, mode, held_back)


def _history(context: Context) -> History:
    try:
        return histories.load(context.layout.history)
    except RecordDamaged as error:
        complain(f"judged without history: {error}")
        return History()


def _heartbeat(context: Context, now_s: float) -> Heartbeat:
    return Heartbeat(
        system=context.system.name,
        host=platform.node(),
        pid=os.getpid(),
        version=__version__,
        workspace=str(context.layout.workspace),
        started_at_s=now_s,
        checked_at_s=now_s,
        next_check_at_s=now_s + context.settings.seconds("check_interval"),
        cycle=1,
    )
