"""What is wrong with PM2's dump, from look to look: lost, short, apart, and the command that settles it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import pytest

from automation.core.finding import Finding, Severity
from automation.systems.pm2.dump.checks import dump_findings, look_again_s
from automation.systems.pm2.dump.judging import (
    MOST_NAMES,
    Apart,
    Dump,
    DumpState,
    Known,
    SavedList,
    Seen,
    differences,
    judge,
    listed_names,
    named,
    read_dump,
)
from automation.systems.pm2.intents import Gone, Intents
from automation.systems.pm2.process import Process, processes

NOBODY = Intents((1, 1), {})
GUARD = {"name": "enhanced-pm2-redundancy", "pm_exec_path": "/s/automation/enhanced_pm2_redundancy.py"}


def dump(*names: str, at_ns: int = 10, more: Sequence[object] = ()) -> Dump:
    return of(json.dumps([*({"name": name} for name in names), *more]).encode(), at_ns)


def of(data: bytes, at_ns: int = 10) -> Dump:
    return read_dump(data, ["/s"], (len(data), zlib.crc32(data)), at_ns)


def listed(*names: str, **env: object) -> tuple[Process, ...]:
    return processes([{"name": name, "pm_id": number, "pm2_env": env} for number, name in enumerate(names)])


def gone(*names: str, deleted: bool = True) -> Intents:
    return Intents((1, 1), {}, tuple(Gone(number, name, 0.0, deleted) for number, name in enumerate(names)))


def look(
    now: Dump, seen: Seen, before: SavedList | None = None, known: Known | None = None, at_s: float = 0.0
) -> SavedList:
    return judge(now, seen, before, known or (before.known if before else Known()), at_s)


def all_of(saved: SavedList, now_s: float = 0.0) -> list[Finding]:
    return list(dump_findings(saved, now_s))


def only(saved: SavedList, now_s: float = 0.0) -> Finding:
    (found,) = all_of(saved, now_s)
    return found


def problems(saved: SavedList, now_s: float = 0.0) -> list[str]:
    return [one.problem for one in all_of(saved, now_s)]


ABC = Seen(listed("a", "b", "c"), NOBODY)


# --- what is in it ---


@pytest.mark.parametrize(
    ("data", "state", "detail"),
    [
        (b"", DumpState.BLANK, "it is empty"),
        (b"\0\0\n", DumpState.BLANK, "nothing is in it"),
        (b"[]", DumpState.EMPTY, ""),
        (b"[{", DumpState.DAMAGED, "line 1"),
        (b'[{"name":"a"}]', DumpState.READ, ""),
    ],
)
def test_a_dump_is_blank_empty_damaged_or_read(data: bytes, state: DumpState, detail: str) -> None:
    found = of(data)

    assert (found.state, detail in found.detail) == (state, True)
    assert found.is_list == (state in {DumpState.EMPTY, DumpState.READ})
    assert found.written_ns == 10


def test_ours_are_not_counted_and_the_others_are_in_order() -> None:
    found = dump("b", "a", "b", more=[GUARD])

    assert found.names == ("a", "b", "b")
    assert list(found.own) == ["enhanced-pm2-redundancy"]


def test_modules_twins_and_ours_are_not_what_pm2_would_save() -> None:
    twin = processes([{"name": "a", "pm_id": "_old_3", "pm2_env": {}}])

    assert listed_names((*listed("a", "enhanced-pm2-redundancy"), *twin)) == {"a": 1}
    assert listed_names(listed("m", pmx_module=True)) == {}


# --- damaged, gone, empty ---


def test_a_damaged_dump_is_critical_and_settled_by_a_save_where_the_list_lacks_nothing() -> None:
    before = look(dump("a", "b", "c"), ABC)
    found = only(look(of(b'[\n{"name":]'), ABC, before))

    assert (found.problem, found.subject, found.severity) == ("dump-damaged", "dump.pm2", Severity.CRITICAL)
    assert "line 2" in found.message
    assert found.advice == "every app that should be there is in PM2's list (3): `pm2 save` writes it anew"


@pytest.mark.parametrize(
    ("seen", "lacks"),
    [(Seen(listed("a"), NOBODY), "PM2's list lacks b, c"), (Seen(None, None), "PM2's list lacks a, b, c")],
)
def test_s10_no_save_is_advised_while_the_list_lacks_something(seen: Seen, lacks: str) -> None:
    before = look(dump("a", "b", "c"), ABC)
    advice = only(look(of(b"[{"), seen, before)).advice

    assert advice.startswith(f"no `pm2 save` now: {lacks}. `enhanced-pm2-redundancy restore --path")
    assert advice.endswith("`pm2 resurrect` then starts what is missing")


def test_s10_no_save_of_an_empty_list_is_advised() -> None:
    assert only(look(of(b"[{"), Seen((), NOBODY))).advice.startswith(
        "no `pm2 save` now: PM2's list is empty."
    )


def test_what_a_person_deleted_is_not_lacking() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    advice = only(look(of(b"[{"), Seen(listed("a"), gone("b")), before)).advice

    assert "`pm2 save` writes it anew" in advice


def test_a_dump_that_is_gone_is_damage_and_one_that_never_was_is_none() -> None:
    before = look(dump("b", "a"), ABC)
    found = only(look(Dump(), ABC, before))

    assert (found.problem, found.message) == ("dump-gone", "PM2's saved list is gone; it held a, b")
    assert all_of(look(Dump(), ABC)) == []
    assert only(look(Dump(DumpState.UNREADABLE, "no"), ABC, before)).problem == "dump-unreadable"


def test_a_dump_in_which_nothing_is_left_is_damaged_whatever_it_held() -> None:
    found = only(look(of(b"\0\0"), ABC))

    assert (found.problem, found.severity) == ("dump-damaged", Severity.CRITICAL)
    assert found.message == "PM2's saved list: nothing is in it, not even an empty list"


def test_an_empty_list_is_a_finding_where_it_held_something_and_else_none() -> None:
    before = look(dump("a", "b", "c"), ABC)
    found = only(look(of(b"[]", 11), Seen((), NOBODY), before))

    assert (found.problem, found.severity) == ("dump-empty", Severity.CRITICAL)
    assert found.message == "PM2's saved list holds no app; it held a, b, c"
    assert found.advice.startswith("no `pm2 save` now: PM2's list lacks a, b, c")
    assert all_of(look(of(b"[]"), ABC)) == []


# --- smaller ---


def test_a_dump_that_lost_an_app_is_a_warning_until_it_is_back() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    smaller = look(dump("a", at_ns=11), Seen(listed("a", "b"), NOBODY), before)
    found = only(smaller)

    assert (found.problem, found.severity) == ("dump-shrunk", Severity.WARNING)
    assert found.message == "PM2's saved list has lost b, and nobody deleted that from PM2"
    assert found.advice == (
        "every app that should be there is in PM2's list (2): `pm2 save` writes it anew; "
        "if it was meant: `touch $PM2_HOME/dump.pm2`"
    )
    assert problems(look(dump("a", at_ns=11), Seen(listed("a", "b"), NOBODY), smaller)) == ["dump-shrunk"]
    assert problems(look(dump("a", "b", at_ns=12), Seen(listed("a", "b"), NOBODY), smaller)) == []


def test_what_a_person_deleted_may_go_from_the_dump_for_good() -> None:
    before = look(dump("a", "b", "b"), Seen(listed("a", "b", "b"), NOBODY))
    scaled = look(dump("a", "b", at_ns=11), Seen(listed("a", "b"), gone("b")), before)

    assert all_of(scaled) == []
    assert scaled.known.expected == {"a": 1, "b": 1}
    assert look(dump(at_ns=12), Seen(listed(), gone("b")), scaled).lost == ("a",)


def test_a_deletion_excuses_no_more_than_the_list_lost() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))

    # It was deleted, and is there again.
    assert look(dump("a", at_ns=11), Seen(listed("a", "b"), gone("b")), before).lost == ("b",)


def test_what_vanished_a_moment_ago_is_waited_for() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    soon = look(dump("a", at_ns=11), Seen(listed("a"), gone("b", deleted=False)), before)

    assert (soon.lost, soon.settling, look_again_s(soon)) == ((), True, 1.0)
    assert all_of(soon) == []
    assert look_again_s(before) is None
    assert look_again_s(None) is None
    # It was killed with its daemon, and nobody deleted it.
    assert look(dump("a", at_ns=11), Seen(None, NOBODY), soon).lost == ("b",)


def test_the_same_bytes_written_anew_say_that_it_was_meant() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    smaller = look(dump("a", at_ns=11), Seen(listed("a"), NOBODY), before)
    touched = look(dump("a", at_ns=12), Seen(listed("a"), NOBODY), smaller)

    assert smaller.lost == ("b",)
    assert (touched.lost, touched.known.expected) == ((), {"a": 1})
    # Other bytes, or an older moment, say nothing of that kind.
    assert look(dump("a", at_ns=10), Seen(listed("a"), NOBODY), smaller).lost == ("b",)
    assert look(dump("a", at_ns=12, more=[GUARD]), Seen(listed("a"), NOBODY), smaller).lost == ("b",)
    assert look(dump("a", at_ns=12), Seen(listed("a"), NOBODY), None, Known({"b": 1}, (0, 0), 0)).lost == (
        "b",
    )
    first = Known({"b": 1}, dump("a").print, 0)
    assert look(dump("a", at_ns=12), Seen(listed("a"), NOBODY), None, first).lost == ("b",)


def test_no_more_names_are_kept_than_a_dump_has_in_earnest() -> None:
    many = [f"app{number:05}" for number in range(MOST_NAMES + 5)]

    assert len(look(dump(*many), ABC).known.expected) == MOST_NAMES


# --- apart from the list ---


def test_what_runs_unsaved_for_five_minutes_is_a_warning() -> None:
    seen = Seen(listed("a", "b", "b"), NOBODY)
    first = look(dump("a", "b"), seen, at_s=1000.0)
    later = look(dump("a", "b"), seen, first, at_s=1300.0)

    assert problems(first, 1000.0) == problems(later, 1299.0) == []
    found = only(later, 1300.0)
    assert (found.problem, found.severity) == ("dump-drift", Severity.WARNING)
    assert found.message == "in PM2's list and not saved: b"
    assert found.advice == "`pm2 save` saves what runs; `pm2 delete NAME` what should not"
    assert later.running == 3


def test_s10_what_is_saved_and_not_there_is_resurrected_and_never_saved_over() -> None:
    seen = Seen(listed("a", "x"), NOBODY)
    first = look(dump("a", "b"), seen, at_s=0.0)
    found = only(look(dump("a", "b"), seen, first, at_s=400.0), 400.0)

    assert found.message == "in PM2's list and not saved: x; saved and not in PM2's list: b"
    assert found.advice.startswith("`pm2 resurrect` starts what is saved and not there; no `pm2 save` before")


def test_s10_an_unsaved_app_is_no_reason_to_save_a_list_that_lacks_another() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    seen = Seen(listed("a", "x"), NOBODY)
    smaller = look(dump("a", at_ns=11), seen, before, at_s=0.0)
    found = {one.problem: one for one in all_of(look(dump("a", at_ns=11), seen, smaller, at_s=400.0), 400.0)}

    assert sorted(found) == ["dump-drift", "dump-shrunk"]
    assert found["dump-drift"].message == "in PM2's list and not saved: x"
    assert found["dump-drift"].advice.startswith("no `pm2 save` now: PM2's list lacks b.")


def test_what_the_dump_lost_is_not_said_twice() -> None:
    before = look(dump("a", "b"), Seen(listed("a", "b"), NOBODY))
    smaller = look(dump("a", at_ns=11), Seen(listed("a", "b"), NOBODY), before)

    assert problems(
        look(dump("a", at_ns=11), Seen(listed("a", "b"), NOBODY), smaller, at_s=400.0), 400.0
    ) == ["dump-shrunk"]


@pytest.mark.parametrize("deleted", [True, False])
def test_what_a_person_deleted_and_left_in_the_dump_is_no_finding(deleted: bool) -> None:  # noqa: FBT001  # a case
    seen = Seen(listed("a"), gone("b", deleted=deleted))
    first = look(dump("a", "b"), seen)

    assert all_of(look(dump("a", "b"), seen, first, at_s=400.0), 400.0) == []


def test_without_a_list_nothing_is_apart_from_it() -> None:
    assert look(dump("a", "b"), Seen(None, NOBODY)).apart == Apart()


def test_a_difference_that_ended_begins_anew_and_a_clock_set_back_does_not_stretch_it() -> None:
    before = Apart({"a": 500.0, "old": 1.0}, {"b": 500.0})
    lists = listed_names(listed("a")), listed_names(listed("b"))

    assert differences(before, lists[1], lists[0], listed_names(()), 100.0) == Apart(
        {"a": 100.0}, {"b": 100.0}
    )
    assert differences(Apart({"a": 7.0}), lists[1], lists[0], lists[1], 100.0) == Apart({"a": 7.0}, {})


# --- ours ---


def test_ours_that_are_not_saved_as_they_run_are_found_in_a_dump_that_holds_something() -> None:
    own = {"enhanced-pm2-redundancy": 5, "master-redundancy-orchestrator": 6}
    mark = dump("a", more=[GUARD]).own["enhanced-pm2-redundancy"]

    found = only(look(dump("a", more=[GUARD]), Seen(listed("a"), NOBODY, own)))
    assert (found.problem, found.severity) == ("own-entries-unsaved", Severity.WARNING)
    assert "enhanced-pm2-redundancy, master-redundancy-orchestrator" in found.message
    assert all_of(look(dump("a", more=[GUARD]), Seen(listed("a"), NOBODY, {GUARD["name"]: mark}))) == []
    assert all_of(look(dump("a", more=[GUARD]), Seen(listed("a"), NOBODY))) == []


@pytest.mark.parametrize("now", [Dump(), of(b"[]"), Dump(DumpState.UNREADABLE)])
def test_s10_no_dump_is_made_that_holds_only_ours(now: Dump) -> None:
    assert look(now, Seen((), NOBODY, {"enhanced-pm2-redundancy": 5})).own_unsaved == ()


def test_nothing_is_said_where_nobody_looked() -> None:
    assert list(dump_findings(None, 0.0)) == []


def test_many_names_are_cut_short() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert named(["a", "b", "c"], most=3) == "a, b, c"
