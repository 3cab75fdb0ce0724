"""What settings say of apps, in the judgement of a look: required, ignored, critical, chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automation.core.finding import Assessment, Severity, Status
from automation.core.health import Bands, status
from automation.core.selection import Selection
from automation.core.settings import Row
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.checks import assess
from automation.systems.pm2.ecosystem.declared import App, Declared, Evaluated
from automation.systems.pm2.ecosystem.watching import Ecosystem
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.intents import DELETED_AFTER_S, learn
from tests.pm2_values import after, entry, event, facts, listed, nobody_stopped


def rules(**of_globs: dict[str, Any]) -> AppRules:
    return AppRules(rows=tuple(Row(glob, values) for glob, values in of_globs.items()))


REQUIRED = rules(web={"required": True})
IGNORED = rules(web={"ignore": True})
KINDS = [
    {"autorestart": False},
    {"autorestart": False, "cron_restart": "0 * * * *"},
    {"autostart": False},
    {"stop_exit_codes": [3], "exit_code": 3},
]


def problems(seen: Facts) -> list[tuple[str, str]]:
    return [finding.key for finding in assess(seen).findings]


def row(seen: Facts) -> dict[str, Any]:
    rows = assess(seen).sections["processes"]
    assert isinstance(rows, list)
    found: dict[str, Any] = rows[0]
    return found


def judged(seen: Assessment) -> Status:
    return status(seen, Bands())


# --- required ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("down", ["stopped", "errored"])
def test_a_required_app_must_run_whatever_its_kind(kind: dict[str, Any], down: str) -> None:
    one = entry(status=down, **kind)
    seen = facts(one, intents=nobody_stopped(one), rules=REQUIRED)

    assert problems(seen) == [(f"process-{down}", "web")]
    assert assess(seen).subjects == ("web",)
    assert (row(seen)["expected"], row(seen)["intent"]) == (True, "")


@pytest.mark.parametrize("kind", [{}, *KINDS])
def test_s11_a_stop_by_hand_beats_required_with_a_warning(kind: dict[str, Any]) -> None:
    running, stopped = entry(**kind), entry(status="stopped", **kind)
    intents = after((listed(running), ()), (listed(stopped), (event("stop"),)))
    seen = facts(stopped, intents=intents, rules=REQUIRED)

    (finding,) = assess(seen).findings
    assert (finding.key, finding.severity) == (("required-stopped", "web"), Severity.WARNING)
    assert finding.message == "settings say that it must run, and it was stopped by hand"
    assert (row(seen)["expected"], row(seen)["intent"]) == (False, "stopped-by-hand")
    assert assess(seen).subjects == ()
    assert judged(assess(seen)) is Status.WARNING


def test_s13_a_stop_that_nobody_saw_counts_as_a_persons_for_a_required_app_too() -> None:
    stopped = entry(status="stopped", autorestart=False)
    seen = facts(stopped, intents=after((listed(stopped), ())), rules=REQUIRED)

    assert problems(seen) == [("required-stopped", "web")]
    assert assess(seen).findings[0].message.endswith("by hand, or while nobody looked")
    assert problems(replace(seen, intents=None)) == [("required-stopped", "web")]


def test_what_pm2_never_ran_was_stopped_by_nobody() -> None:
    stopped = entry(status="stopped", autostart=False)
    seen = facts(stopped, intents=after((listed(stopped), ())), rules=REQUIRED)

    assert problems(seen) == [("process-stopped", "web")]


def test_without_a_rule_a_stop_by_hand_is_no_finding() -> None:
    stopped = entry(status="stopped")
    intents = after((listed(entry()), ()), (listed(stopped), (event("stop"),)))

    assert problems(facts(stopped, intents=intents)) == []
    assert problems(facts(entry(status="stopped"), rules=rules(web={"required": True, "ignore": True}))) == []


@pytest.mark.parametrize("pm_id", ["_old_0"])
def test_the_twin_of_a_reload_and_our_own_apps_are_not_judged_by_it(pm_id: str) -> None:
    every = rules(**{"*": {"required": True}})
    ours = entry("master-redundancy-orchestrator", 1, "stopped")

    assert problems(facts(entry("web", pm_id, "stopped"), ours, rules=every)) == []


# --- missing ---


def test_a_required_app_that_pm2_does_not_list_is_critical() -> None:
    seen = assess(facts(entry("other"), rules=AppRules(required=("site",))))

    (finding,) = seen.findings
    assert (finding.key, finding.severity) == (("required-missing", "site"), Severity.CRITICAL)
    assert finding.message == "settings say that it must run, and PM2 does not know it"
    assert seen.subjects == ("other", "site")
    assert judged(seen) is Status.WARNING
    assert problems(facts(entry("site"), rules=AppRules(required=("site",)))) == []


def test_s16_what_vanished_a_moment_ago_may_be_a_deploys_and_what_a_person_deleted_is_a_warning() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry("b", 1))
    early = after((both, ()), (one, ()))
    late = after((both, ()), (one, ()), (one, ()), every_s=DELETED_AFTER_S)

    assert problems(facts(entry("b", 1), intents=early, rules=REQUIRED)) == []
    seen = assess(facts(entry("b", 1), intents=late, rules=REQUIRED))
    assert [(found.key, found.severity, found.message[-15:]) for found in seen.findings] == [
        (("required-deleted", "web"), Severity.WARNING, "deleted by hand")
    ]
    assert seen.subjects == ("b",)


def test_s13_what_a_person_deleted_stays_deleted_under_the_next_daemon_until_it_is_there_again() -> None:
    both, one = listed(entry(), entry("b", 1)), listed(entry("b", 1))
    deleted = after((both, ()), (one, ()), (one, ()), every_s=DELETED_AFTER_S)
    under_next = learn(deleted, (200, 9), listed(entry("b", 0)), (), gap=True, now_s=500.0)
    back = learn(under_next, (200, 9), listed(entry("b", 0), entry("web", 1)), (), gap=False, now_s=501.0)

    assert problems(facts(entry("b"), intents=under_next, rules=REQUIRED)) == [("required-deleted", "web")]
    assert back.gone == ()
    undecided = learn(after((both, ()), (one, ())), (200, 9), one, (), gap=True, now_s=500.0)
    assert problems(facts(entry("b"), intents=undecided, rules=REQUIRED)) == [("required-missing", "web")]


def test_the_advice_for_a_missing_app_names_the_file_that_declares_it() -> None:
    wanted = AppRules(required=("site",))
    file = Evaluated("ecosystem.prod.config.js", (Declared("other", App()), Declared("site", App())))
    seen = replace(
        facts(rules=wanted), ecosystem=Ecosystem((Evaluated("ecosystem.json", (Declared("x", App()),)), file))
    )

    (plain,), (named,) = assess(facts(rules=wanted)).findings, assess(seen).findings
    assert plain.advice.startswith("start it: `pm2 start SCRIPT --name site`")
    assert named.advice.startswith("start it: `pm2 start ecosystem.prod.config.js --only site`")


def test_s2_where_no_daemon_answers_or_a_reload_is_under_way_nothing_is_missing() -> None:
    wanted = AppRules(required=("site",))

    assert problems(facts(reloading=True, rules=wanted)) == []
    assert problems(Facts(1.0, DaemonState.DEAD, rules=wanted)) == [("daemon-dead", "PM2")]


# --- ignored and not chosen ---


@pytest.mark.parametrize("left_out", [IGNORED, AppRules(chosen=Selection(exclude=("w*",)))])
def test_what_is_left_out_is_no_subject_and_no_finding(left_out: AppRules) -> None:
    other = entry("other", 1, "errored")
    seen = facts(entry(status="errored"), other, rules=left_out)

    assert problems(seen) == [("process-errored", "other")]
    assert assess(seen).subjects == ("other",)
    assert (row(seen)["expected"], row(seen)["intent"]) == (False, "ignored")
    assert assess(seen).metrics["errored"] == 1
    assert (
        row(facts(entry(), rules=left_out))["expected"],
        row(facts(entry(), rules=left_out))["intent"],
    ) == (
        False,
        "",
    )


@pytest.mark.parametrize("include", [(), ("no-such-*",)])
def test_s8_an_empty_selection_is_nothing_to_guard_and_never_all(include: tuple[str, ...]) -> None:
    seen = assess(facts(entry(status="errored"), rules=AppRules(chosen=Selection(include=include))))

    assert (seen.subjects, seen.findings) == ((), ())
    assert judged(seen) is Status.DISABLED


# --- critical ---


def test_a_critical_app_that_is_down_makes_the_system_critical_whatever_the_mean() -> None:
    many = [entry(f"app{number}", number + 10) for number in range(200)]
    down = facts(*many, entry(status="errored"), rules=rules(web={"critical": True}))

    assert assess(down).critical_subjects == {"web"}
    assert judged(assess(down)) is Status.CRITICAL
    assert judged(assess(facts(*many, entry(status="errored")))) is Status.WARNING


def test_each_worker_of_a_critical_app_is_critical() -> None:
    seen = facts(
        entry("web", 0, NODE_APP_INSTANCE=0),
        entry("web", 1, NODE_APP_INSTANCE=1),
        entry("b", 2),
        rules=rules(web={"critical": True}),
    )

    assert assess(seen).critical_subjects == {"web:0", "web:1"}


def test_a_critical_required_app_that_is_missing_makes_the_system_critical() -> None:
    wanted = rules(site={"required": True, "critical": True})

    assert judged(assess(facts(entry(), rules=wanted))) is Status.CRITICAL
