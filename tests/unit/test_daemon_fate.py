"""What became of the last daemon (safety S14)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.systems.pm2.daemon.fate import Ends, Fate, Seen, fate

LAST = (100, 5)
NEW = (200, 9)
SEEN = Seen("boot", LAST, "boot", None, pid_file_left=False, same_guard=True)
IN_ORDER = Ends(LAST, daemon_in_order=True)
GUARD_IN_ORDER = Ends(LAST, guard_in_order=True)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (replace(SEEN, last=None), Fate.NEVER),
        (replace(SEEN, last=None, pid_file_left=True), Fate.CRASHED),
        (replace(SEEN, last=None, now=NEW, pid_file_left=True), Fate.NEVER),
        (replace(SEEN, now=LAST), Fate.LIVES),
        (replace(SEEN, now=LAST, last_lives=True), Fate.LIVES),
        (replace(SEEN, now=LAST, boot_id="another"), Fate.CRASHED),
        (replace(SEEN, now=NEW, last_lives=True), Fate.SPLIT),
        (replace(SEEN, now=None, last_lives=True), Fate.ENDED),
        (replace(SEEN, now=NEW, last_lives=True, boot_id="another"), Fate.CRASHED),
        (SEEN, Fate.ENDED),
        (replace(SEEN, pid_file_left=True), Fate.CRASHED),
        (replace(SEEN, boot_id="another"), Fate.CRASHED),
        (replace(SEEN, boot_id="another", pid_file_left=None), Fate.CRASHED),
        (replace(SEEN, boot_id="another", now=NEW, pid_file_left=None, ends=GUARD_IN_ORDER), Fate.CRASHED),
        (replace(SEEN, boot_id="another", ends=IN_ORDER), Fate.ENDED),
        (replace(SEEN, boot_id="another", ends=GUARD_IN_ORDER), Fate.CRASHED),
        (replace(SEEN, pid_file_left=True, ends=IN_ORDER), Fate.ENDED),
        (replace(SEEN, pid_file_left=True, ends=Ends(NEW, daemon_in_order=True)), Fate.CRASHED),
        (replace(SEEN, now=NEW, pid_file_left=True), Fate.CRASHED),
        (replace(SEEN, now=NEW, pid_file_left=False), Fate.ENDED),
        (replace(SEEN, now=NEW, pid_file_left=None), Fate.ENDED),
        (replace(SEEN, now=None, pid_file_left=None, same_guard=False), Fate.ENDED),
        (replace(SEEN, now=NEW, pid_file_left=None, same_guard=False), Fate.CRASHED),
        (replace(SEEN, now=NEW, pid_file_left=None, same_guard=False, ends=GUARD_IN_ORDER), Fate.ENDED),
        (replace(SEEN, now=NEW, pid_file_left=None, same_guard=False, ends=Ends(LAST)), Fate.CRASHED),
        (replace(SEEN, now=NEW, pid_file_left=None, same_guard=False, ends=IN_ORDER), Fate.ENDED),
    ],
)
def test_s14_a_crash_is_told_from_an_end_in_order(seen: Seen, expected: Fate) -> None:
    assert fate(seen) is expected


IDENTITIES = st.sampled_from([None, LAST, NEW])


@given(
    last=IDENTITIES,
    now=IDENTITIES,
    boot=st.sampled_from(["boot", "another"]),
    left=st.sampled_from([None, True, False]),
    same=st.booleans(),
    lives=st.booleans(),
)
def test_s14_what_was_seen_to_end_in_order_is_never_called_a_crash(
    last: tuple[int, int] | None,
    now: tuple[int, int] | None,
    boot: str,
    left: bool | None,  # noqa: FBT001  # hypothesis names its arguments
    same: bool,  # noqa: FBT001  # the same
    lives: bool,  # noqa: FBT001  # the same
) -> None:
    ends = None if last is None else Ends(last, daemon_in_order=True)
    seen = Seen(boot, last, "boot", now, left, same_guard=same, last_lives=lives, ends=ends)

    assert last is None or fate(seen) is not Fate.CRASHED
