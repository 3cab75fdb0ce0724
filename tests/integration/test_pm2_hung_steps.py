"""The steps against an app that hangs, at the moments at which something else happens too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.intents import Cause, learn, stopped_by_us
from automation.systems.pm2.observer import Pm2Observer
from automation.systems.pm2.steps import recreate, restart
from automation.systems.pm2.wire.door import ACT_TIMEOUT_S, NoAnswer
from tests.answering import closed_port, never, server
from tests.guarding import SkippingClock
from tests.pm2_values import DAEMON, after, entry, event, listed
from tests.probing import Rules, live, quick, watched
from tests.scripted_pm2 import Entry, ScriptedPm2

Happens = Callable[["StubbornPm2"], None]


def nothing(_: StubbornPm2) -> None:
    """Do nothing."""


class StubbornPm2(ScriptedPm2):
    """A PM2 that takes an order and does not answer within a moment, as with an app that ignores SIGINT."""

    def __init__(self, *entries: Entry, happens: Happens = nothing, answers: bool = False) -> None:
        super().__init__(*entries)
        self.happens = happens
        self.answers = answers

    def restart(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Note it, let it happen, and answer or not."""
        super().restart(pm_id, timeout_s=timeout_s)
        self._goes_on("restart", timeout_s)

    def stop(self, pm_id: int | str, *, timeout_s: float = ACT_TIMEOUT_S) -> None:
        """Note it, let it happen, and answer or not."""
        super().stop(pm_id, timeout_s=timeout_s)
        self._goes_on("stop", timeout_s)

    def _goes_on(self, what: str, timeout_s: float) -> None:
        self.happens(self)
        if not self.answers:
            raise NoAnswer(f"PM2's daemon did not answer {what} within {timeout_s:g} s")


def becomes(status: str, **more: object) -> Happens:
    """Return what makes the entry 0 be in a status."""

    def happens(pm2: StubbornPm2) -> None:
        pm2.list[0]["pm2_env"] |= {"status": status} | more
        pm2.list[0]["pid"] = 4001 if status == "online" else 0

    return happens


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def hangs(stack: ExitStack, folder: Path, pm2: ScriptedPm2, rules: Rules | None = None) -> Pm2Observer:
    """Return an observer that has found the app `web` to hang."""
    rules = rules or Rules(probes={"web": quick(closed_port())})
    observer = watched(pm2, folder, SkippingClock(), rules)
    stack.callback(observer.close)

    def problems() -> list[str]:
        facts = observer.observe()
        observer.remember(facts)
        return [one.problem for one in observer.assess(facts).findings]

    live("it hangs", observer, lambda: "process-hung" in problems())
    return observer


def web(status: str = "online", **env: object) -> Entry:
    made = entry("web", 0, status, NODE_APP_INSTANCE=0)
    made["pm2_env"] |= env
    return made


def test_an_app_that_ends_at_once_is_ended_and_started(stack: ExitStack, tmp_path: Path) -> None:
    pm2 = StubbornPm2(web(), answers=True)

    assert restart(hangs(stack, tmp_path, pm2), "web") == "ended pid 4000 and started it again (id 0)"
    assert pm2.done == [("restart", 0)]


@pytest.mark.parametrize(
    "happens",
    [becomes("stopping"), becomes("launching", pm_uptime=2000), becomes("online", pm_uptime=2000)],
    ids=["is being ended", "is being started", "runs again"],
)
def test_one_that_takes_long_is_left_to_pm2(stack: ExitStack, tmp_path: Path, happens: Happens) -> None:
    pm2 = StubbornPm2(web(), happens=happens)

    said = restart(hangs(stack, tmp_path, pm2), "web")
    assert said == "PM2 is ending it (pid 4000 goes by SIGKILL where it must), and starts it then"


def test_an_order_that_pm2_takes_no_notice_of_has_failed(stack: ExitStack, tmp_path: Path) -> None:
    observer = hangs(stack, tmp_path, StubbornPm2(web()))

    with pytest.raises(EffectFailed, match=r"PM2 took no notice within 0\.8 s: it is online as before"):
        restart(observer, "web")


def test_an_app_that_was_deleted_meanwhile_is_nobodys_fault(stack: ExitStack, tmp_path: Path) -> None:
    pm2 = StubbornPm2(web(), happens=lambda pm2: pm2.list.clear())

    assert restart(hangs(stack, tmp_path, pm2), "web").startswith("PM2 is ending it")


def test_s2_an_app_that_cannot_be_asked_once_more_is_left_alone(stack: ExitStack, tmp_path: Path) -> None:
    pm2, rules = StubbornPm2(web(), answers=True), Rules(probes={"web": quick(closed_port())})
    observer = hangs(stack, tmp_path, pm2, rules)
    rules.probes["web"] = Probe("http", "http://no-such-app.invalid/", failures=2)

    with pytest.raises(StepRefused, match=r"could not be asked once more \(no-such-app\.invalid: .*\)"):
        restart(observer, "web")
    assert pm2.done == []


# --- prepared anew ---


def test_an_app_that_ends_at_once_is_stopped_and_prepared_anew(stack: ExitStack, tmp_path: Path) -> None:
    pm2 = StubbornPm2(web(), happens=becomes("stopped"), answers=True)

    assert recreate(hangs(stack, tmp_path, pm2), "web") == "prepared anew (id 0 became 1)"
    assert pm2.done == [("stop", 0), ("prepare", "web"), ("delete", 0)]


def test_s13_that_we_stop_it_is_noted_before_it_is_done(stack: ExitStack, tmp_path: Path) -> None:
    noted: list[object] = []

    def happens(pm2: StubbornPm2) -> None:
        noted.extend(json.loads((tmp_path / "pm2/redundancy/intents.json").read_text("utf-8"))["stops"])
        becomes("stopping")(pm2)

    pm2 = StubbornPm2(web(), happens=happens)
    said = recreate(hangs(stack, tmp_path, pm2), "web")

    assert said == "PM2 is ending pid 4000, by SIGKILL where it must; then it is started"
    assert [(one["id"], one["cause"], one["run"]) for one in noted] == [(0, "nobody", ["u0", 1000])]  # type: ignore[index]
    assert pm2.done == [("stop", 0)]


def test_what_cannot_be_noted_is_not_done(stack: ExitStack, tmp_path: Path) -> None:
    pm2 = StubbornPm2(web(), happens=becomes("stopped"), answers=True)
    observer = hangs(stack, tmp_path, pm2)
    intents = tmp_path / "pm2/redundancy/intents.json"
    intents.unlink()
    intents.mkdir()

    with pytest.raises(EffectFailed):
        recreate(observer, "web")
    assert pm2.done == []


@pytest.mark.parametrize("env", [{"autorestart": False}, {"stop_exit_codes": [0]}])
def test_an_app_that_nobody_would_start_again_is_not_stopped_but_restarted(
    stack: ExitStack, tmp_path: Path, env: dict[str, Any]
) -> None:
    pm2 = StubbornPm2(web(**env), answers=True)

    assert recreate(hangs(stack, tmp_path, pm2), "web") == "ended pid 4000 and started it again (id 0)"
    assert pm2.done == [("restart", 0)]


def test_what_would_not_come_back_is_not_stopped(stack: ExitStack, tmp_path: Path) -> None:
    pm2 = StubbornPm2(web(pmx_module=True), answers=True)
    observer = hangs(stack, tmp_path, pm2)

    with pytest.raises(StepRefused, match="is a PM2 module"):
        recreate(observer, "web")
    assert pm2.done == []


# --- who stopped it ---


def test_s13_a_stop_of_ours_is_nobodys_however_long_it_takes_and_whoever_looks_then() -> None:
    online, stopping, stopped = (listed(web(status=status)) for status in ("online", "stopping", "stopped"))
    noted = stopped_by_us(after((online, ())), online[0], 5.0)
    for seen in (stopping, stopping, stopped):
        noted = learn(noted, DAEMON, seen, (), gap=True, now_s=6.0)

    assert noted.stops[0].cause is Cause.NOBODY


def test_s13_a_person_who_stops_it_meanwhile_has_stopped_it() -> None:
    online, stopping, stopped = (listed(web(status=status)) for status in ("online", "stopping", "stopped"))
    noted = stopped_by_us(after((online, ())), online[0], 5.0)
    noted = learn(noted, DAEMON, stopping, (event("stop"),), gap=False, now_s=6.0)
    noted = learn(noted, DAEMON, stopped, (), gap=False, now_s=7.0)

    assert noted.stops[0].cause is Cause.PERSON


def test_a_stop_that_was_noted_is_forgotten_when_the_app_runs_on_or_again() -> None:
    online, stopping = listed(web()), listed(web(status="stopping", pm_uptime=2000))
    noted = stopped_by_us(after((online, ())), online[0], 5.0)

    assert learn(noted, DAEMON, online, (), gap=False, now_s=6.0).stops == {}
    assert learn(noted, DAEMON, stopping, (), gap=False, now_s=6.0).stops == {}


def test_an_app_that_says_nothing_is_acted_on_after_a_moment(stack: ExitStack, tmp_path: Path) -> None:
    port = stack.enter_context(server(never))
    pm2 = StubbornPm2(web(), answers=True)
    observer = hangs(stack, tmp_path, pm2, Rules(probes={"web": quick(port, timeout_ms=300)}))

    assert restart(observer, "web").startswith("ended pid 4000")
