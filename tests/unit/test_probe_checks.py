"""What is said of apps that hang, and of those whose port somebody else holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from automation.core.finding import Severity
from automation.systems.pm2.checks import LOOK_AGAIN_S, assess
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.probes.checks import Probed, Taken
from tests.pm2_values import entry, facts

HANGS = Probed("hung", "http://127.0.0.1:3000/", 3, "no answer within 5 s", 3000)
THIEF = Taken(3000, "probe", 77, "node old.js")


def seen(
    *entries: dict[str, Any],
    probed: Probed | None = HANGS,
    taken: Taken | None = None,
    reloading: bool = False,
) -> Facts:
    """Return a look in which that holds for the entry 0."""
    return replace(
        facts(*entries, reloading=reloading),
        probed={} if probed is None else {0: probed},
        taken={} if taken is None else {0: taken},
    )


def problems(look: Facts) -> list[tuple[str, str]]:
    return [finding.key for finding in assess(look).findings]


def test_an_app_that_hangs_is_critical_and_the_line_says_what_was_asked_and_what_came() -> None:
    (finding,) = assess(seen(entry())).findings

    assert (finding.key, finding.severity) == (("process-hung", "web"), Severity.CRITICAL)
    assert finding.message == (
        "PM2 calls it online, and it does not answer: http://127.0.0.1:3000/ failed 3 times in a row,"
        " last with: no answer within 5 s"
    )
    assert "pm2 restart 0" in finding.advice


def test_one_failure_is_called_once() -> None:
    (finding,) = assess(seen(entry(), probed=replace(HANGS, failures=1))).findings

    (twice,) = assess(seen(entry(), probed=replace(HANGS, failures=2))).findings

    assert "failed once in a row" in finding.message
    assert "failed 2 times in a row" in twice.message


@pytest.mark.parametrize("word", ["well", "failing", "unknown", "starting", "not-asked"])
def test_no_other_word_is_a_finding(word: str) -> None:
    assert problems(seen(entry(), probed=replace(HANGS, word=word))) == []


@pytest.mark.parametrize("status", ["launching", "stopping", "stopped", "waiting restart"])
def test_s16_what_is_on_its_way_up_or_down_is_left_alone(status: str) -> None:
    assert problems(seen(entry(status=status))) == []


def test_s16_an_app_in_a_deploy_is_left_alone() -> None:
    assert problems(seen(entry(), reloading=True)) == []
    assert problems(seen(entry(), entry("web", "_old_0"))) == []


def test_s6_one_of_ours_is_never_called_hung() -> None:
    assert problems(seen(entry("master-redundancy-orchestrator"))) == []


def test_the_report_says_how_each_process_answers_and_counts_those_that_do_not() -> None:
    look = replace(
        facts(entry(), entry("b", 1), entry("c", 2), entry("d", 3)),
        probed={0: HANGS, 1: replace(HANGS, word="failing"), 2: replace(HANGS, word="well")},
    )
    found = assess(look)
    rows = found.sections["processes"]

    assert isinstance(rows, list)
    assert [one["probe"] for one in rows] == ["hung", "failing", "well", ""]
    assert found.metrics["probesFailing"] == 2


# --- a port that somebody else holds ---


def test_whose_port_is_taken_learns_by_whom_and_what_could_be_done() -> None:
    (finding,) = assess(seen(entry(), probed=None, taken=THIEF)).findings

    assert (finding.key, finding.severity) == (("port-taken", "web"), Severity.CRITICAL)
    assert finding.message == (
        "its port 3000 (named by its probe) is held by pid 77 (node old.js), which is none of its processes"
    )
    assert finding.advice == "if it is a leftover: `kill 77 && pm2 restart 0`"


def test_a_port_that_only_the_environment_names_is_a_warning() -> None:
    (finding,) = assess(seen(entry(), probed=None, taken=replace(THIEF, named_by="PORT"))).findings

    assert finding.severity is Severity.WARNING
    assert "(named by its PORT)" in finding.message


def test_a_holder_whom_we_may_not_look_into_is_found_by_root() -> None:
    unseen = replace(THIEF, pid=None, command="a process of user id 0")
    (finding,) = assess(seen(entry(), probed=None, taken=unseen)).findings

    assert "is held by a process of user id 0, which" in finding.message
    assert "sudo ss -ltnp 'sport = :3000'" in finding.advice


def test_an_app_whose_port_is_taken_is_not_called_hung_too_for_a_restart_would_not_help() -> None:
    assert problems(seen(entry(), taken=THIEF)) == [("port-taken", "web")]


def test_a_port_that_was_taken_a_moment_ago_is_looked_at_again_before_a_word_is_said() -> None:
    look = assess(seen(entry(), probed=None, taken=replace(THIEF, settled=False)))

    assert (look.findings, look.look_again_s) == ((), LOOK_AGAIN_S)
    assert assess(seen(entry(), probed=None, taken=THIEF)).look_again_s is None


@pytest.mark.parametrize("status", ["errored", "waiting restart"])
def test_a_taken_port_explains_why_an_app_does_not_stay_up(status: str) -> None:
    assert ("port-taken", "web") in problems(seen(entry(status=status), probed=None, taken=THIEF))


def test_s16_nobodys_port_is_looked_at_in_a_deploy() -> None:
    assert problems(seen(entry(), probed=None, taken=THIEF, reloading=True)) == []
