"""Laws of the master's judgement, whatever the guards say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from automation.core.finding import Mode, Status
from automation.core.health import score
from automation.systems.master.checks import assess, is_over
from automation.systems.master.emergencies import Emergency
from automation.systems.master.facts import Facts, Sight
from automation.systems.master.peers import PEERS

scores = st.one_of(st.none(), st.sampled_from([0.0, 0.49, 0.5, 0.79, 0.8, 1.0]), st.floats(0.0, 1.0))


@st.composite
def looks(draw: st.DrawFn) -> Facts:
    """Draw a look at three guards."""
    sights = tuple(
        Sight(
            peer,
            there=draw(st.booleans()),
            status=draw(st.sampled_from(Status)),
            mode=draw(st.sampled_from(Mode)),
            score=draw(scores),
            age_s=draw(st.floats(0, 1e6)),
            checked_at_s=draw(st.sampled_from([0.0, 5.0, 10.0])),
            period_s=draw(st.sampled_from([0.0, 60.0])),
            stale=draw(st.booleans()),
            problem=draw(st.sampled_from(["", "torn"])),
        )
        for peer in PEERS
    )
    names = st.lists(st.sampled_from([peer.name for peer in PEERS]), unique=True).map(tuple)
    emergency = Emergency(
        draw(st.booleans()), draw(st.booleans()), "a moment", draw(names), "back-up", 1, "guard"
    )
    awake_s = draw(st.sampled_from([0.0, 59.0, 60.0]))
    return Facts(
        sights, awake_s, 60.0, emergency=emergency, leased=draw(names), run_lives=draw(st.booleans())
    )


@given(looks())
def test_the_overall_score_lies_between_the_least_and_the_greatest_known(look: Facts) -> None:
    known = [sight.score for sight in look.sights if sight.there and sight.score is not None]
    overall = score(assess(look))

    if known:
        assert overall is not None
        assert min(known) - 1e-9 <= overall <= max(known) + 1e-9
    else:
        assert overall is None


@given(looks())
def test_s2_a_look_that_failed_never_begins_an_emergency(look: Facts) -> None:
    begun = {found.subject for found in assess(look).findings if found.problem == "score-below-threshold"}
    failed = {
        sight.peer.name
        for sight in look.sights
        if sight.stale or sight.problem or sight.status is Status.UNKNOWN or not sight.there
    }

    assert not begun & failed


@given(looks(), st.sampled_from(range(3)))
def test_s2_a_cause_that_could_not_look_never_ends_an_emergency(look: Facts, blind: int) -> None:
    sights = list(look.sights)
    sights[blind] = replace(sights[blind], there=True, status=Status.UNKNOWN)
    on = replace(look.emergency, active=True, causes=(*look.emergency.causes, sights[blind].peer.name))

    assert not is_over(on, sights)


@given(looks())
def test_each_finding_is_made_once_and_each_of_a_guard_that_is_there_or_of_the_emergency(look: Facts) -> None:
    made = assess(look)
    keys = [found.key for found in made.findings]
    there = {sight.peer.name for sight in look.sights if sight.there}

    assert len(keys) == len(set(keys))
    assert {found.subject for found in made.findings if "emergency" not in found.key[0]} <= there | {
        "emergency"
    }
