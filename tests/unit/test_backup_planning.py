"""What a restore would do."""

from __future__ import annotations

from dataclasses import replace

from automation.stores.backups.manifest import Entry, Kind, Manifest, Problem, text_hash
from automation.stores.backups.planning import (
    PlannedFile,
    Selection,
    absent_from,
    copies_of,
    decide,
    is_as,
    newest_valid,
    select,
)
from automation.stores.backups.reading import State, state_of_entry

HASH = {"old": "0" * 64, "new": "1" * 64}


def entry(name: str, content: str = "old", *, valid: bool | None = True) -> Entry:
    return Entry(f"files/{name}", 3, 0o644, 0, 0, 0, HASH[content], valid=valid)


def manifest(number: int, *entries: Entry, kind: Kind = "regular") -> Manifest:
    id_ = f"20261124T{number:06d}Z-0000"
    return Manifest(id_, "pm2", "2026-11-24T10:15:00Z", kind, "r", "h", "/w", None, entries)


def chosen(*manifests: Manifest) -> dict[str, int]:
    return {path: int(copy.snapshot_id[9:15]) for path, copy in newest_valid(manifests).items()}


def test_each_file_comes_from_the_newest_snapshot_in_which_it_was_valid() -> None:
    one = manifest(1, entry("a"), entry("b"))
    two = manifest(2, entry("a"), entry("b", valid=False))

    assert chosen(two, one) == {"files/a": 2, "files/b": 1}
    assert chosen(one, two) == {"files/a": 2, "files/b": 1}


def test_a_file_that_was_never_valid_is_not_restored_by_default() -> None:
    assert chosen(manifest(1, entry("a", valid=False))) == {}


def test_a_copy_that_nobody_judged_counts_only_where_none_was_found_valid() -> None:
    assert chosen(manifest(1, entry("a", valid=None)), manifest(2, entry("a", valid=None))) == {"files/a": 2}
    assert chosen(manifest(1, entry("a")), manifest(2, entry("a", valid=None))) == {"files/a": 1}


def test_what_an_emergency_saw_comes_after_what_a_regular_snapshot_saw() -> None:
    assert chosen(manifest(1, entry("a")), manifest(2, entry("a"), kind="emergency")) == {"files/a": 1}
    assert chosen(manifest(2, entry("a"), kind="emergency")) == {"files/a": 2}


def test_what_was_found_valid_in_an_emergency_comes_before_what_nobody_judged() -> None:
    there = [manifest(2, entry("a", valid=None)), manifest(1, entry("a"), kind="emergency")]

    assert chosen(*there) == chosen(*reversed(there)) == {"files/a": 1}


COPIES = copies_of(manifest(1, entry("a"), entry("dir/b"), entry("dir/c")))


def test_without_paths_everything_is_meant_and_the_rest_that_is_known_is_missing() -> None:
    selection = select(COPIES, (), ["files/a", "files/z"])

    assert selection == Selection(COPIES, ("files/z",), ())


def test_paths_choose_files_and_folders_however_they_are_written() -> None:
    assert list(select(COPIES, ["./dir/", "a"]).copies) == ["files/a", "files/dir/b", "files/dir/c"]


def test_a_path_that_no_snapshot_has_is_missing() -> None:
    assert select(COPIES, ["z"]).missing == ("files/z",)


def test_paths_that_lead_elsewhere_are_refused_by_name_and_the_rest_is_done() -> None:
    selection = select(COPIES, ["/etc/passwd", "/", "../x", "", "a"])

    assert [problem.path for problem in selection.refused] == ["/etc/passwd", "/", "../x", ""]
    assert all(problem.reason for problem in selection.refused)
    assert list(selection.copies) == ["files/a"]


def test_files_are_new_changed_or_the_same() -> None:
    same = state_of_entry(entry("a"))
    states = {"files/a": same, "files/dir/b": None, "files/dir/c": State("f" * 64, 0o644)}

    plan = decide("id", select(COPIES, ()), states, ())

    assert [(file.path, file.change) for file in plan.files] == [
        ("files/a", "same"),
        ("files/dir/b", "new"),
        ("files/dir/c", "changed"),
    ]
    assert [file.path for file in plan.to_write] == ["files/dir/b", "files/dir/c"]


def test_another_mode_alone_is_a_change() -> None:
    states = {"files/a": State(HASH["old"], 0o600)}

    assert decide(None, select(COPIES, ["a"]), states, ()).files[0].change == "changed"


def test_the_mode_of_a_link_means_nothing() -> None:
    link = Entry("files/l", 2, 0o777, 0, 0, 0, text_hash("to"), link="to")

    assert state_of_entry(link) == State(text_hash("to"), 0, "to")


def test_what_is_refused_is_named_and_not_planned() -> None:
    states = {"files/a": State(other="a folder"), "files/dir/b": None}
    refused = [Problem("files/dir/c", "leads out")]

    plan = decide(None, select(COPIES, ()), states, refused)

    assert [file.path for file in plan.files] == ["files/dir/b"]
    assert plan.refused == (
        Problem("files/dir/c", "leads out"),
        Problem("files/a", "a folder is in its place: move it away first"),
    )


# What an earlier restore made

MADE = absent_from(replace(manifest(7), absent=(entry("a"), entry("dir/b"))))


def test_what_a_restore_made_is_removed_again_only_where_it_is_as_it_was_made() -> None:
    selection = Selection({}, (), (), MADE)
    states = {"files/a": state_of_entry(entry("a")), "files/dir/b": State(HASH["new"], 0o644)}

    plan = decide("7", selection, states, ())

    said = "was changed since a restore made it, and so is not removed"
    assert plan.files == (PlannedFile("files/a", "removed", MADE["files/a"]),)
    assert plan.to_write == plan.files
    assert plan.refused == (Problem("files/dir/b", said),)


def test_what_a_restore_made_and_is_gone_needs_nothing() -> None:
    plan = decide("7", Selection({}, (), (), MADE), {"files/a": None}, ())

    assert (plan.files, plan.refused) == ((), ())


def test_a_plan_is_in_the_order_of_the_paths() -> None:
    selection = Selection({"files/c": COPIES["files/a"], "files/b": COPIES["files/a"]}, (), (), MADE)
    states = {
        "files/b": None,
        "files/c": State(HASH["new"], 0o644),
        "files/dir/b": state_of_entry(entry("dir/b")),
    }

    files = decide("7", selection, states, ()).files

    assert [(file.path, file.change) for file in files] == [
        ("files/b", "new"),
        ("files/c", "changed"),
        ("files/dir/b", "removed"),
    ]


def test_paths_choose_among_what_a_restore_made_too() -> None:
    assert select(COPIES, ["dir"], (), MADE).absent == {"files/dir/b": MADE["files/dir/b"]}
    made_only = select({}, ["a"], (), MADE)
    assert (made_only.absent, made_only.missing) == ({"files/a": MADE["files/a"]}, ())
    assert select({}, (), ["files/a", "files/z"], MADE).missing == ("files/z",)


def test_bits_that_lend_rights_may_be_lost_and_no_others() -> None:
    lending = replace(entry("a"), mode=0o4755)

    assert is_as(State(HASH["old"], 0o4755), lending)
    assert is_as(State(HASH["old"], 0o755), lending)
    assert not is_as(State(HASH["old"], 0o744), lending)
    assert not is_as(None, lending)
    plan = decide(
        "1", Selection({"files/a": COPIES["files/a"]}, (), ()), {"files/a": State(HASH["old"], 0)}, ()
    )
    assert plan.files[0].change == "changed"
