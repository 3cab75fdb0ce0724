"""Asking the apps of one look after the other: whom, when, and what is remembered; over real connections."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from automation.ports.asking import MOST_AT_ONCE
from automation.ports.talking import Said, Verdict
from automation.systems.pm2.app_rules import Probe
from automation.systems.pm2.probes.checks import Probed
from automation.systems.pm2.probes.kept import Kept
from automation.systems.pm2.probes.watch import NOT_UNDERSTOOD, Probes
from automation.systems.pm2.process import Process
from tests.answering import closed_port, never, server, status
from tests.guarding import SkippingClock, eventually
from tests.pm2_values import entry, listed
from tests.probing import Rules, live, quick

Pair = tuple[Process, dict[str, Any]]


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
def probes(clock: SkippingClock, tmp_path: Path) -> Iterator[Probes]:
    made = Probes(clock, 30.0, tmp_path, Kept(tmp_path))
    yield made
    made.close()


def pairs(*entries: dict[str, Any]) -> list[Pair]:
    return list(zip(listed(*entries), entries, strict=True))


def started(
    clock: SkippingClock, ago_s: float, name: str = "web", pm_id: int = 0, **env: object
) -> dict[str, Any]:
    made = entry(name, pm_id, pm_uptime=int((clock.now_s() - ago_s) * 1000))
    made["pm2_env"] |= env
    return made


def word_of(probes: Probes, seen: list[Pair], rules: Rules, pm_id: int = 0) -> str:
    return probes.look(seen, rules)[pm_id].word


def test_only_apps_that_pm2_calls_online_and_that_are_guarded_are_asked(probes: Probes) -> None:
    names = ("a", "b", "c", "enhanced-pm2-redundancy", "d")
    rules = Rules(probes=dict.fromkeys(names, quick(1)), ignored=frozenset({"d"}))
    seen = pairs(
        entry("a", 0),
        entry("b", 1, "launching"),
        entry("c", "_old_2"),
        entry("enhanced-pm2-redundancy", 3),
        entry("d", 4),
        entry("without", 5),
    )

    assert list(probes.look(seen, rules)) == [0]


def test_an_app_is_asked_and_what_it_says_is_in_the_next_look(probes: Probes) -> None:
    with server(status(200)) as port:
        rules, seen = Rules(probes={"web": quick(port)}), pairs(entry())
        first = probes.look(seen, rules)[0]
        live("a look is deserved", probes, probes.pump)
        second = probes.look(seen, rules)[0]

    assert first.word == "not-asked"
    assert second == Probed("well", f"http://127.0.0.1:{port}/", 0, "it answers 200", port)


def test_after_a_look_nothing_new_deserves_another(probes: Probes, clock: SkippingClock) -> None:
    with server(status(200)) as port:
        rules, seen = Rules(probes={"web": quick(port)}), pairs(entry())
        probes.look(seen, rules)
        live("it answers", probes, probes.pump)
        probes.look(seen, rules)
        deserved: list[bool] = []

        def at_rest() -> bool:
            deserved.append(probes.pump())
            return not probes.fds()

        for _ in range(3):
            eventually("nothing is under way", at_rest)
            clock.skip(1.0)
            deserved.append(probes.pump())
            assert probes.fds() != ()  # it is asked again

        assert not any(deserved)


def test_a_restart_begins_anew_with_time_to_start(probes: Probes, clock: SkippingClock) -> None:
    rules = Rules(probes={"web": quick(closed_port())})
    old = pairs(started(clock, 60))
    live("it hangs", probes, lambda: word_of(probes, old, rules) == "hung")

    young = pairs(started(clock, 0))
    assert word_of(probes, young, rules) == "starting"
    clock.skip(2.9)
    assert word_of(probes, young, rules) == "starting"
    clock.skip(0.2)
    live("it hangs too", probes, lambda: word_of(probes, young, rules) == "hung")


def test_the_time_to_start_is_what_pm2_is_told(probes: Probes, clock: SkippingClock) -> None:
    rules = Rules(probes={"web": quick(closed_port())})
    patient = pairs(started(clock, 60, listen_timeout=120_000))
    live("it fails", probes, lambda: word_of(probes, patient, rules) == "starting")
    for odd in (True, "9", -5, 10**12):  # no such time: PM2's own default holds
        seen = pairs(started(clock, 60, unique_id=f"odd{odd}", listen_timeout=odd))
        live("it hangs", probes, lambda seen=seen: word_of(probes, seen, rules) == "hung")  # type: ignore[misc]


def test_a_clock_set_back_does_not_keep_an_app_starting_for_ever(
    probes: Probes, clock: SkippingClock
) -> None:
    rules = Rules(probes={"web": quick(closed_port())})
    future = pairs(started(clock, -90_000))
    live("it is asked", probes, lambda: word_of(probes, future, rules) == "starting")
    clock.skip(3.1)
    live("it hangs", probes, lambda: word_of(probes, future, rules) == "hung")


def test_instances_of_one_app_are_asked_once_and_blamed_alike(probes: Probes, clock: SkippingClock) -> None:
    rules = Rules(probes={"web": quick(closed_port())})
    seen = pairs(started(clock, 60), started(clock, 60, pm_id=1), started(clock, 0, pm_id=2))
    live("they hang", probes, lambda: word_of(probes, seen, rules) == "hung")

    assert [one.word for one in probes.look(seen, rules).values()] == ["hung", "hung", "starting"]


def test_a_target_that_cannot_be_understood_is_said_and_asked_nowhere(probes: Probes) -> None:
    found = probes.look(pairs(entry()), Rules(probes={"web": Probe("tcp", "no port")}))

    assert found == {0: Probed("unknown", "tcp", why=NOT_UNDERSTOOD)}
    assert (probes.next_s(), probes.pump(), probes.fds()) == (None, False, ())


def test_a_file_below_the_workspace_must_change(probes: Probes, clock: SkippingClock, tmp_path: Path) -> None:
    probe = Probe("file", "beat", timeout_ms=60_000, failures=1, period_ms=400)
    rules, seen = Rules(probes={"web": probe}), pairs(started(clock, 3600))
    live("it hangs", probes, lambda: word_of(probes, seen, rules) == "hung")

    (tmp_path / "beat").touch()
    live("it is well", probes, lambda: word_of(probes, seen, rules) == "well")
    assert probes.look(seen, rules)[0].shown == "file beat"


def test_a_file_that_the_run_before_wrote_last_gives_the_next_as_long(
    probes: Probes, clock: SkippingClock, tmp_path: Path
) -> None:
    (tmp_path / "beat").touch()
    os.utime(tmp_path / "beat", (1000, 1000))
    probe = Probe("file", "beat", timeout_ms=60_000, failures=1, period_ms=400)
    rules = Rules(probes={"web": probe})
    seen = pairs(started(clock, 3600), started(clock, 5, pm_id=1))

    live("it is asked", probes, lambda: word_of(probes, seen, rules) == "well")


def test_who_does_not_run_any_more_is_asked_no_more_and_his_late_answer_dropped(probes: Probes) -> None:
    with server(never) as port:
        rules = Rules(probes={"web": quick(port)})
        probes.look(pairs(entry()), rules)
        probes.pump()
        assert probes.look([], rules) == {}
        live("the time limit is over", probes, lambda: not probes.fds())

        assert (probes.next_s(), probes.ask_again(listed(entry())[0], 0.1)) == (None, None)


def test_the_loop_is_woken_for_the_next_ask_and_for_the_end_of_one_that_hangs(
    probes: Probes, clock: SkippingClock
) -> None:
    with server(never) as port:
        rules = Rules(probes={"web": quick(port)})
        probes.look(pairs(entry()), rules)
        due_s = probes.next_s()
        probes.pump()
        limit_s = probes.next_s()

        assert due_s is not None
        assert limit_s is not None
        assert due_s <= clock.elapsed_s() < limit_s <= clock.elapsed_s() + 0.2
        live("it has failed", probes, probes.pump)
        again_s = probes.next_s()
        assert again_s is not None
        assert again_s > limit_s


# --- once more, before something is done ---


def test_s1_asked_once_more_an_app_says_how_it_is_now(probes: Probes) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(server(status(503)))
        rules = Rules(probes={"web": quick(port)})
        probes.look(pairs(entry()), rules)
        (process,) = listed(entry())

        assert probes.ask_again(process, 5.0) == Said(Verdict.FAILED, "it answers 503")


def test_s1_an_app_that_says_nothing_is_waited_for_no_longer_than_a_moment(probes: Probes) -> None:
    with server(never) as port:
        probes.look(pairs(entry()), Rules(probes={"web": Probe("http", str(port), period_ms=60_000)}))
        began_s = time.monotonic()

        assert probes.ask_again(listed(entry())[0], 0.3) is None
        assert 0.2 < time.monotonic() - began_s < 3.0


def test_s1_the_failure_of_an_ask_from_before_is_no_word_on_how_it_is_now(probes: Probes) -> None:
    heard: list[int] = []

    def first_never_then_well(peer: Any) -> None:  # noqa: ANN401  # a socket
        heard.append(1)
        (never if len(heard) == 1 else status(200))(peer)

    with server(first_never_then_well) as port:
        rules = Rules(probes={"web": quick(port, timeout_ms=300)})
        probes.look(pairs(entry()), rules)
        probes.pump()
        eventually("it hears the first", lambda: heard)

        assert probes.ask_again(listed(entry())[0], 5.0) == Said(Verdict.WELL, "it answers 200")


# --- what is written down ---


def test_what_hangs_is_written_down_and_known_before_the_first_answer(
    probes: Probes, clock: SkippingClock, tmp_path: Path
) -> None:
    rules, seen = Rules(probes={"web": quick(closed_port())}), pairs(started(clock, 60))
    live("it hangs", probes, lambda: word_of(probes, seen, rules) == "hung")
    probes.remember()
    written = (tmp_path / "hung.json").read_text("utf-8")

    by_hand = Probes(clock, 30.0, tmp_path, Kept(tmp_path))
    found = by_hand.look(seen, rules)[0]
    by_hand.close()

    assert (found.word, found.failures) == ("hung", 2)
    assert (tmp_path / "hung.json").read_text("utf-8") == written  # who only looks takes nothing back
    another = Probes(clock, 30.0, tmp_path, Kept(tmp_path))
    assert word_of(another, pairs(started(clock, 50)), rules) == "not-asked"  # it was started again meanwhile
    another.close()


def test_a_guard_that_ends_takes_back_what_it_wrote(clock: SkippingClock, tmp_path: Path) -> None:
    probes = Probes(clock, 30.0, tmp_path, Kept(tmp_path))
    rules, seen = Rules(probes={"web": quick(closed_port())}), pairs(started(clock, 60))
    live("it hangs", probes, lambda: word_of(probes, seen, rules) == "hung")
    probes.remember()
    probes.close()

    assert json.loads((tmp_path / "hung.json").read_text("utf-8")) == {"schema": 1, "hung": []}


def test_a_guard_that_ends_on_a_full_disk_ends(clock: SkippingClock, tmp_path: Path) -> None:
    probes = Probes(clock, 30.0, tmp_path, Kept(tmp_path))
    rules, seen = Rules(probes={"web": quick(closed_port())}), pairs(started(clock, 60))
    live("it hangs", probes, lambda: word_of(probes, seen, rules) == "hung")
    probes.remember()
    (tmp_path / "hung.json").unlink()
    (tmp_path / "hung.json").mkdir()
    probes.close()


def test_an_answer_outweighs_what_was_written_down(clock: SkippingClock, tmp_path: Path) -> None:
    with server(status(200)) as port:
        rules, seen = Rules(probes={"web": quick(port)}), pairs(started(clock, 60))
        run = seen[0][0].run
        (tmp_path / "hung.json").write_text(json.dumps({"schema": 1, "hung": [[0, *run]]}), "utf-8")
        again = Probes(clock, 30.0, tmp_path, Kept(tmp_path))

        assert word_of(again, seen, rules) == "hung"
        live("it answers", again, lambda: word_of(again, seen, rules) == "well")
        again.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        '{"schema": 2, "hung": [[0, "u0", 1]]}',
        '{"schema": 1}',
        '{"schema": 1, "hung": 7}',
        '{"schema": 1, "hung": [[[], "u0", 1]]}',
        '{"schema": 1, "hung": [[0]]}',
    ],
)
def test_a_note_that_cannot_be_understood_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "hung.json").write_text(text, "utf-8")

    assert not Kept(tmp_path).hung(0, ("u0", 1))


# --- many ---


@pytest.mark.timeout(60)
def test_a_flood_of_apps_that_hang_blocks_no_loop_and_each_is_found(
    probes: Probes, clock: SkippingClock
) -> None:
    names = [f"app{number}" for number in range(200)]
    with server(never) as port:
        rules = Rules(probes=dict.fromkeys(names, quick(port, failures=2, timeout_ms=400)))
        seen = pairs(*(started(clock, 60, name, number) for number, name in enumerate(names)))
        longest_s, at_once = 0.0, 0
        until_s = time.monotonic() + 40
        hung = 0
        probes.look(seen, rules)
        while hung < len(names) and time.monotonic() < until_s:
            began_s = time.monotonic()
            deserved = probes.pump()
            at_once = max(at_once, len(probes._asking.under_way()))
            if deserved:
                hung = sum(one.word == "hung" for one in probes.look(seen, rules).values())
            longest_s = max(longest_s, time.monotonic() - began_s)
            time.sleep(0.005)

        assert hung == len(names)
        assert at_once <= MOST_AT_ONCE
        assert longest_s < 1.0  # a tenth of it on an idle machine
