"""PM2's dump: how it is, what it lost, and when it is put back."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.dump.condition import (
    MEANT_AFTER_S,
    Condition,
    Dump,
    apps_in,
    condition_of,
    judge_dump,
    unexplained,
)
from automation.systems.pm2.dump.restoring import FromBefore, FromSnapshot, LeftAlone, decide_dump
from automation.systems.pm2.intents import Gone, Intents

NOW_S = 1_800_000_000.0
NOBODY = Intents((1, 1), {}, known={0: ("web", "u")})
C = Condition
BROKEN = (C.EMPTY, C.NULS, C.NOT_JSON, C.NO_LIST)


def dump(*names: str) -> bytes:
    return json.dumps([{"name": name, "pm_exec_path": "/x"} for name in names]).encode()


def deleted(name: str, *, settled: bool = True, everything: bool = False) -> Intents:
    known: dict[int | str, tuple[str, str]] = {} if everything else {0: ("web", "u")}
    return Intents((1, 1), {}, gone=(Gone(3, name, NOW_S, settled),), known=known)


# --- how it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (dump("web"), C.WHOLE),
        (b"[]", C.HOLDS_NOTHING),
        (b"", C.EMPTY),
        (b" \n\t\r", C.EMPTY),
        (b"\0\0\0\0", C.NULS),
        (b"\0 \n", C.NULS),
        (dump("web")[:-7], C.NOT_JSON),
        (b"(() => { throw 1 })()", C.NOT_JSON),
        (b"\xff\xfe\x00", C.NOT_JSON),
        (b"[" * 200_000, C.NOT_JSON),
        (b"{}", C.NO_LIST),
        (b'[{"name": 3}]', C.NO_LIST),
        (b"[1]", C.NO_LIST),
        (b"null", C.NO_LIST),
    ],
)
def test_each_way_in_which_a_dump_can_be_is_told(data: bytes, condition: Condition) -> None:
    assert condition_of(data)[0] is condition


def test_what_is_no_json_says_where() -> None:
    assert "line 1 column" in condition_of(b"[{]")[1]


@given(st.binary(max_size=60))
def test_no_bytes_make_the_judge_fail_and_only_a_list_of_apps_is_whole(data: bytes) -> None:
    condition, _ = condition_of(data)
    if condition is C.WHOLE:
        assert all(isinstance(one["name"], str) for one in json.loads(data))


def test_apps_are_counted_by_name_without_ours() -> None:
    data = dump("web", "web", "api", "master-redundancy-orchestrator", "enhanced-pm2-redundancy")

    assert apps_in(data) == Counter({"web": 2, "api": 1})
    assert apps_in(b"[") == Counter()


# --- whether it may be called valid -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "intents", "lost"),
    [
        (("web", "api"), ("web", "api", "new"), NOBODY, ()),
        (("web", "api"), ("web",), NOBODY, ("api",)),
        (("web", "web", "api"), ("web", "api"), NOBODY, ("web",)),
        (("web", "api"), ("web",), deleted("api"), ()),
        (("web", "api"), (), deleted("api"), ("web",)),
        (("web", "api"), ("web",), deleted("api", settled=False), ()),
        (("web", "api"), (), deleted("api", settled=False, everything=True), ("api", "web")),
        (("web", "api"), ("web",), deleted("api", everything=True), ()),
    ],
)
def test_a_loss_is_explained_by_a_deletion_of_that_name_and_by_nothing_else(
    before: tuple[str, ...], now: tuple[str, ...], intents: Intents, lost: tuple[str, ...]
) -> None:
    assert unexplained(Counter(before), Counter(now), intents) == lost


@pytest.mark.parametrize(
    ("data", "before", "written_at_s", "valid"),
    [
        (dump("web"), b"", NOW_S, True),
        (b"[]", b"", NOW_S, True),
        (b"[", b"", NOW_S, False),
        (b"{}", b"", NOW_S - MEANT_AFTER_S, False),
        (dump("web"), dump("web", "api"), NOW_S, False),
        (b"[]", dump("web"), NOW_S, False),
        (dump("web"), dump("web", "api"), None, False),
        (dump("web"), dump("web", "api"), NOW_S - MEANT_AFTER_S + 1, False),
        (dump("web"), dump("web", "api"), NOW_S - MEANT_AFTER_S, True),
        (dump("web", "api"), dump("web"), NOW_S, True),
    ],
)
def test_s21_a_dump_that_shrank_without_a_hand_is_not_valid_until_it_has_stood_for_a_week(
    data: bytes, before: bytes, written_at_s: float | None, valid: object
) -> None:
    assert judge_dump(data, before, NOBODY, written_at_s=written_at_s, now_s=NOW_S) is valid


def test_a_dump_that_shrank_by_hand_is_valid() -> None:
    before = dump("web", "api")

    assert judge_dump(dump("web"), before, deleted("api"), written_at_s=NOW_S, now_s=NOW_S)


# --- what is said -------------------------------------------------------------------------------------------


# --- when it is put back ------------------------------------------------------------------------------------


def decided(
    condition: Condition, age_s: float | None = 60.0, copy: str | None = "id", *, before: bool = False
) -> FromSnapshot | FromBefore | LeftAlone:
    written_at_s = None if age_s is None else NOW_S - age_s
    dump = Dump(condition, "", written_at_s)
    return decide_dump(dump, copy, before_is_whole=before, now_s=NOW_S, grace_s=60.0)


@pytest.mark.parametrize("condition", BROKEN)
def test_s20_what_is_provably_damage_is_put_back_from_a_snapshot_else_from_pm2s_own_copy(
    condition: Condition,
) -> None:
    assert decided(condition) == FromSnapshot("id")
    assert decided(condition, before=True) == FromSnapshot("id")
    assert decided(condition, copy=None, before=True) == FromBefore()
    assert decided(condition, None) == FromSnapshot("id")
    assert isinstance(decided(condition, copy=None), LeftAlone)


@pytest.mark.parametrize("condition", sorted(set(Condition) - set(BROKEN)))
def test_s20_what_is_no_damage_is_left_alone(condition: Condition) -> None:
    left = decided(condition, before=True)

    assert isinstance(left, LeftAlone)
    words = {C.WHOLE: "is whole", C.UNREADABLE: "cannot be read"}
    assert words.get(condition, "somebody may have meant") in left.why


@pytest.mark.parametrize("age_s", [0.0, 59.9, -10.0])
def test_s20_a_dump_that_was_just_written_is_left_to_whoever_writes_it(age_s: float) -> None:
    left = decided(C.NOT_JSON, age_s)

    assert isinstance(left, LeftAlone)
    assert left.why == f"it was written {max(age_s, 0):.0f} s ago; PM2 may be writing it"
