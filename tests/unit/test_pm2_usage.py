"""What apps use: limits for several looks in a row, and trends that are told before a limit is met."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from automation.core.finding import Finding
from automation.systems.pm2.app_rules import AppRule, AppRules
from automation.systems.pm2.facts import Facts
from automation.systems.pm2.leaks import HORIZON_S, Leak, growth, leaks, slope
from automation.systems.pm2.process import Process
from automation.systems.pm2.tracked import Tracked
from automation.systems.pm2.usage import BETWEEN_SAMPLES_S, MIB, SAMPLES, Usages, learn, series
from automation.systems.pm2.usage_checks import usage_findings
from tests.pm2_values import entry, facts, listed

PERIOD_S = 30.0


@dataclass(frozen=True, slots=True)
class Limited(AppRules):
    """Rules with one rule for all."""

    rule: AppRule = field(default_factory=AppRule)

    def of(self, name: str) -> AppRule:
        """Return it."""
        del name
        return self.rule


LIMITS = Limited(rule=AppRule(memory_mb=100, cpu_percent=80, looks=3))
NONE = AppRules()


def app(memory_mb: float = 50.0, cpu: float = 0.0, **env: object) -> Process:
    said = entry(**env) if "status" not in env else entry("web", 0, **env)  # type: ignore[arg-type]
    said["monit"] = {"memory": int(memory_mb * MIB), "cpu": cpu}
    return listed(said)[0]


class Looks:
    """One app, looked at once a period."""

    def __init__(self, rules: AppRules = LIMITS) -> None:
        self.rules, self.usages, self.now_s = rules, Usages(), 1000.0

    def look(self, *processes: Process, after_s: float = PERIOD_S) -> list[Finding]:
        """Look so much later, and return what is found."""
        self.now_s += after_s
        self.usages = learn(self.usages, processes, self.rules, self.now_s, PERIOD_S)
        return judged(self.usages, processes, self.rules)


def judged(
    usages: Usages, processes: Sequence[Process], rules: AppRules, found: dict[int | str, Leak] | None = None
) -> list[Finding]:
    plain = facts()
    look = Facts(
        plain.at_s,
        plain.state,
        plain.daemon,
        tuple(processes),
        rules=rules,
        tracked=Tracked(usages=usages, leaks=found or {}),
    )
    return list(usage_findings(look, tuple(processes)))


def problems(findings: Sequence[Finding]) -> list[str]:
    return [one.problem for one in findings]


def test_too_much_for_three_looks_in_a_row_is_found_and_for_two_it_is_not() -> None:
    looks = Looks()
    found = [problems(looks.look(app(101, 81))) for _ in range(3)]

    assert found == [[], [], ["memory-high", "cpu-high"]]


def test_exactly_the_limit_is_not_too_much() -> None:
    looks = Looks()

    assert [looks.look(app(100, 80)) for _ in range(4)] == [[]] * 4


def test_one_look_below_the_limit_begins_the_count_anew() -> None:
    looks = Looks()
    found = [looks.look(app(memory_mb)) for memory_mb in (101, 101, 99, 101, 101)]

    assert found == [[]] * 5


def test_looks_within_a_period_count_once_so_that_a_burst_of_events_is_no_proof() -> None:
    looks = Looks()
    looks.look(app(101))
    found = [looks.look(app(101), after_s=1.0) for _ in range(20)]

    assert found == [[]] * 20


def test_a_new_run_begins_anew_and_one_that_does_not_run_is_not_judged() -> None:
    looks = Looks()
    for _ in range(3):
        looks.look(app(101))

    assert problems(judged(looks.usages, [app(101)], LIMITS)) == ["memory-high"]
    assert judged(looks.usages, [app(101, pm_uptime=2000)], LIMITS) == []
    assert judged(looks.usages, [app(101, status="stopping")], LIMITS) == []
    assert looks.look(app(101, pm_uptime=2000)) == []
    assert looks.look(app(101, status="stopped")) == []
    assert looks.look(app(101)) == []


def test_the_processor_s_looks_begin_anew_too() -> None:
    looks = Looks()
    found = [looks.look(app(cpu=cpu)) for cpu in (81, 81, 80, 81, 81)]

    assert found == [[]] * 5


def test_a_new_run_is_found_after_three_looks_of_its_own() -> None:
    looks = Looks()
    for _ in range(2):
        looks.look(app(101))
    found = [problems(looks.look(app(101, pm_uptime=2000))) for _ in range(3)]

    assert found == [[], [], ["memory-high"]]


def test_what_does_not_run_is_not_looked_at() -> None:
    looks = Looks()
    looks.look(app(101))
    looks.look(app(101, status="stopped"))

    assert dict(looks.usages.of) == {}


def test_a_look_a_tenth_of_the_period_early_is_one_and_an_earlier_one_is_none() -> None:
    early, earlier = Looks(), Looks()
    found = [problems(early.look(app(101), after_s=27.0)) for _ in range(3)]

    assert found == [[], [], ["memory-high"]]
    earlier.look(app(101))
    before = earlier.usages
    earlier.look(app(101), after_s=26.5)
    assert earlier.usages is before


def test_samples_lie_half_a_minute_apart_however_short_the_period_is() -> None:
    usages = Usages()
    for number in range(13):
        usages = learn(usages, [app()], NONE, 1000.0 + 5.0 * number, 5.0)

    assert usages.times_s == (1000.0, 1030.0, 1060.0)


def test_without_limits_nothing_is_too_much() -> None:
    looks = Looks(NONE)

    assert [looks.look(app(10_000, 900)) for _ in range(5)] == [[]] * 5


def test_ours_and_twins_are_not_looked_at() -> None:
    looks = Looks()
    looks.look(*listed(entry("master-redundancy-orchestrator", 1), entry("web", "_old_0"), entry("web", 2)))

    assert list(looks.usages.of) == [2]


def test_samples_are_kept_in_few_bytes_and_never_more_than_forty() -> None:
    looks = Looks()
    for number in range(100):
        looks.look(app(number))
    usage = looks.usages.of[0]
    times_s, values = series(looks.usages, usage)

    assert len(usage.memory) == 4 * SAMPLES
    assert list(values) == [number * MIB for number in range(60, 100)]
    assert times_s[-1] == looks.now_s
    assert times_s[0] == looks.now_s - (SAMPLES - 1) * BETWEEN_SAMPLES_S
    assert sys.getsizeof(usage.memory) < 300


def test_an_app_that_came_later_has_fewer_samples_and_none_has_none() -> None:
    looks = Looks()
    for _ in range(5):
        looks.look()
    looks.look(app(7))
    times_s, values = series(looks.usages, looks.usages.of[0])

    assert (list(times_s), list(values)) == ([looks.now_s], [7 * MIB])
    assert series(looks.usages, type(looks.usages.of[0])(("u", 1))) == ((), [])


def test_memory_beyond_all_bounds_is_kept_as_the_largest_that_there_is() -> None:
    looks = Looks()
    looks.look(app(2**30))
    _, values = series(looks.usages, looks.usages.of[0])

    assert list(values) == [(2**32 - 1) * 1024]


def grown(
    per_minute_mb: float, *, minutes: int = 20, noise_mb: float = 0.0, start_mb: float = 100.0
) -> tuple[list[float], list[float]]:
    """Return samples of an app that grows so fast."""
    chance = random.Random(7)  # noqa: S311  # noise, no secret
    times_s = [number * 30.0 for number in range(minutes * 2)]
    values = [
        (start_mb + per_minute_mb * at_s / 60 + chance.uniform(-noise_mb, noise_mb)) * MIB for at_s in times_s
    ]
    return times_s, values


def test_the_slope_is_the_median_of_all_pairs_whatever_a_few_samples_say() -> None:
    times_s, values = grown(1.0)
    values[3], values[20] = 9000.0 * MIB, 0.0

    found, rising = slope(times_s, values)
    assert found == pytest.approx(MIB / 60, rel=0.05)
    assert rising > 0.8
    assert slope([1.0, 1.0], [5.0, 6.0]) == (0.0, 0.0)
    assert slope([], []) == (0.0, 0.0)


def test_steady_growth_is_a_leak_noise_or_not() -> None:
    assert growth(*grown(2.0)) == pytest.approx(2 * MIB / 60, rel=0.01)
    assert growth(*grown(2.0, noise_mb=3.0)) == pytest.approx(2 * MIB / 60, rel=0.3)


def test_too_few_samples_or_too_little_growth_are_no_leak() -> None:
    times_s, values = grown(2.0)

    assert growth(times_s[:19], values[:19]) == 0.0
    assert growth(times_s[:20], values[:20]) > 0.0
    assert growth(*grown(0.5)) == 0.0
    assert growth(*grown(2.0, start_mb=1000.0)) == 0.0
    assert growth(*grown(-2.0)) == 0.0


def test_a_cache_that_fills_and_a_collector_that_swings_are_no_leak() -> None:
    times_s, _ = grown(0.0)
    fills = [(100 + min(at_s / 60, 8) * 10) * MIB for at_s in times_s]
    swings = [(100.0 + 30 * (number % 5)) * MIB for number in range(len(times_s))]

    assert growth(times_s, fills) == 0.0
    assert growth(times_s, swings) == 0.0


def leaking(rules: AppRules, available_bytes: int | None, per_look_mb: float = 1.0) -> dict[int | str, Leak]:
    looks = Looks(rules)
    for number in range(SAMPLES):
        looks.look(app(50 + number * per_look_mb))
    return dict(leaks(looks.usages, [app()], rules, available_bytes))


def test_a_leak_says_when_it_meets_its_limit() -> None:
    (leak,) = leaking(LIMITS, None).values()

    assert leak.end == "its limit of 100 MB"
    assert leak.reached_in_s == pytest.approx(11 * 30.0, rel=0.01)


def test_without_a_limit_it_says_when_the_hosts_memory_ends() -> None:
    (leak,) = leaking(NONE, 200 * MIB).values()

    assert leak.end == "the end of the host's memory"
    assert leak.reached_in_s == pytest.approx(200 * 30.0, rel=0.01)


def test_what_comes_first_is_said() -> None:
    (leak,) = leaking(LIMITS, 5 * MIB).values()

    assert leak.end == "the end of the host's memory"


def test_a_leak_that_meets_nothing_within_six_hours_or_whose_end_is_not_known_is_not_said() -> None:
    assert HORIZON_S == 21_600.0
    assert leaking(NONE, 719 * MIB)
    assert leaking(NONE, 721 * MIB) == {}
    assert leaking(NONE, None) == {}


def test_above_its_limit_a_leak_is_no_news() -> None:
    assert leaking(LIMITS, None, per_look_mb=3.0) == {}


def test_a_run_that_is_over_has_no_leak() -> None:
    looks = Looks(LIMITS)
    for number in range(SAMPLES):
        looks.look(app(50 + number))

    assert leaks(looks.usages, [app(90, pm_uptime=2000)], LIMITS, None) == {}
    assert leaks(looks.usages, listed(entry("other", 7)), LIMITS, None) == {}


@pytest.mark.parametrize(
    ("reached_in_s", "said"), [(20.0, "in 1 min"), (1200.0, "in 20 min"), (5400.0, "in 1.5 h")]
)
def test_a_leak_is_told_with_its_speed_and_its_end(reached_in_s: float, said: str) -> None:
    looks = Looks()
    looks.look(app())
    leak = Leak(MIB / 60, reached_in_s, "its limit of 100 MB")
    (finding,) = judged(looks.usages, [app()], LIMITS, {0: leak})

    assert finding.problem == "memory-leak"
    assert finding.message == f"its memory grows by 60 MB an hour and meets its limit of 100 MB {said}"
