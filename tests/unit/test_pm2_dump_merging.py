"""Our entries in PM2's dump: put in, replaced and taken out, everybody else's left as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from automation.systems.pm2.dump.elements import DumpDamaged, elements
from automation.systems.pm2.dump.merging import merged, strangers, without
from automation.systems.pm2.dump.own import as_saved, fingerprints, is_ours, own_entries, saved_fingerprints

SUITE = "/srv/site"
MASTER = "master-redundancy-orchestrator"
GUARD = "enhanced-pm2-redundancy"
SCRIPTS = {MASTER: "master_redundancy_orchestrator.py", GUARD: "enhanced_pm2_redundancy.py"}


def ours(name: str = MASTER, suite: str = SUITE, **more: object) -> dict[str, object]:
    return {"name": name, "pm_exec_path": f"{suite}/automation/{SCRIPTS[name]}", "env": {}} | more


def indented(*entries: object) -> bytes:
    return json.dumps(entries, indent=2, ensure_ascii=False).encode()


def compact(*entries: object) -> bytes:
    return json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()


def put(data: bytes, *own: dict[str, object]) -> bytes:
    return merged(data, own, [SUITE])


@pytest.mark.parametrize("written", [indented, compact])
def test_ours_come_last_in_the_dumps_own_manner(written: Callable[..., bytes]) -> None:
    shop = {"name": "shop", "env": {"ä": "ß\n", "empty": {}, "none": []}}

    assert put(written(shop), ours(), ours(GUARD)) == written(shop, ours(), ours(GUARD))


def test_one_of_ours_is_replaced_where_it_stands_and_one_that_is_not_given_stays() -> None:
    before = indented(ours(args=["old"]), {"name": "shop"}, ours(GUARD))

    assert put(before, ours(args=["new"])) == indented(ours(args=["new"]), {"name": "shop"}, ours(GUARD))


def test_what_is_saved_already_changes_not_one_byte() -> None:
    strange = b'[ {"name":"shop"}  ,\t' + json.dumps(ours()).encode() + b" ] "

    assert put(strange, ours()) == strange


def test_the_characters_of_everybody_elses_entries_stay_as_they_are() -> None:
    theirs = '{"b":1e+21,"a":5e-07, "name":"shop" ,"twice":1,"twice":2,"half":"\\ud83d","esc":"\\u00e4\\/"}'
    new = put(f"[{theirs}]".encode(), ours()).decode()

    assert new == f"[{theirs},{compact(ours()).decode()[1:-1]}]"


def test_a_second_entry_of_one_name_of_ours_does_not_stay() -> None:
    assert json.loads(put(indented(ours(), {"name": "shop"}, ours(args=[1])), ours())) == [
        ours(),
        {"name": "shop"},
    ]


def test_s18_a_strangers_entry_that_bears_our_name_is_not_touched_nor_joined() -> None:
    held = indented({"name": MASTER, "pm_exec_path": "/old/master.js"})

    assert put(held, ours()) == held
    assert strangers(elements(held), [SUITE]) == {MASTER}
    assert without(held, [MASTER], [SUITE]) == held


def test_an_entry_of_a_moved_suite_is_ours_when_its_folder_is_named() -> None:
    moved = indented(ours(suite="/old"))

    assert merged(moved, [ours()], [SUITE, "/old"]) == indented(ours())
    assert put(moved, ours()) == moved


def test_taking_out_takes_the_named_ones_of_ours_alone() -> None:
    before = indented(ours(), {"name": "shop", "x": 1e30}, ours(GUARD))

    assert without(before, [MASTER], [SUITE]) == indented({"name": "shop", "x": 1e30}, ours(GUARD))
    assert without(before, ["shop"], [SUITE]) == before
    assert without(indented(ours()), [MASTER], [SUITE]) == b"[]"


def test_half_of_a_surrogate_pair_becomes_its_escape_again() -> None:
    new = put(indented({"name": "shop"}), ours(args=["\ud83d"]))

    assert json.loads(new)[1] == ours(args=["\ud83d"])


def test_a_byte_order_mark_is_no_damage() -> None:
    assert [one.name for one in elements(b'\xef\xbb\xbf[{"name":"a"}]')] == ["a"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "line 1, column 1: expected '['"),
        (b"{}", "expected '['"),
        (b'[{"name":"a"}\n{"name":"b"}]', "line 2, column 1: expected ','"),
        (b'[{"name":"a"},]', "Expecting value"),
        (b'[{"name":"a"}', "expected ','"),
        (b"[1]", "expected an object"),
        (b"[] x", "expected the end of the file"),
        (b'[{"a":NaN}]', "NaN is no JSON"),
        (b'[{"a":' + b"9" * 5000 + b"}]", "digit"),
        (b'[{"a":' + b"[" * 100_000, "nested too deeply"),
        (b"[\xff]", "byte 1: not UTF-8 text"),
        (b"(()=>[])()", "expected '['"),
    ],
)
def test_what_is_no_list_of_entries_is_damaged_and_never_changed(data: bytes, said: str) -> None:
    with pytest.raises(DumpDamaged, match=said.replace("[", r"\[")):
        put(data, ours())
    with pytest.raises(DumpDamaged):
        without(data, [MASTER], [SUITE])


def test_an_entry_is_saved_without_what_pm2_leaves_out() -> None:
    listed: list[Mapping[str, object]] = [
        {"name": MASTER, "pm2_env": ours(pm_id=3, instances=1, prev_restart_delay=5, created_at=7)},
        {"name": "shop", "pm2_env": {"name": "shop"}},
        {"name": "odd"},
    ]

    assert own_entries(listed, [SUITE]) == (ours(created_at=7),)
    assert as_saved({"pm_id": 1, "a": 2}) == {"a": 2}


def test_a_name_of_ours_that_runs_something_else_is_not_ours() -> None:
    assert is_ours(ours(), [SUITE])
    assert is_ours(ours(), ["/other", SUITE])
    assert not is_ours(ours(), ["/other"])
    assert not is_ours(ours() | {"name": "shop"}, [SUITE])
    assert not is_ours(ours() | {"pm_exec_path": f"{SUITE}/automation/x.py"}, [SUITE])


def test_a_fingerprint_tells_how_it_was_started_and_nothing_else() -> None:
    mark = fingerprints([ours()])[MASTER]

    def other(**more: object) -> bool:
        return fingerprints([ours() | more])[MASTER] != mark

    assert other(args=["start"])
    assert other(env={"REDUNDANCY_MODE": "observe"})
    assert not other(env={"unique_id": "u", "HOME": "/"})
    assert fingerprints([ours(env={"GITHUB_A": "1", "GITHUB_B": "2"})]) == fingerprints(
        [ours(env={"GITHUB_B": "2", "GITHUB_A": "1"})]
    )
    assert not other(restart_time=4, pm_uptime=3, status="stopped", env=3)
    assert saved_fingerprints(elements(indented(ours(), {"name": "shop"})), [SUITE]) == {MASTER: mark}
