"""Backup then restore is identity: byte for byte, mode for mode, whatever lies in its place meanwhile."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.ports.clock import SteppedClock
from automation.stores.backups.store import SnapshotStore, Source
from tests.snapshot_trees import ROOM, SCALE, Leaf, Tree, lay, link_to, look


def without_clashes(tree: Tree) -> Tree:
    """Leave out what would need a file to be a folder."""
    return {
        path: leaf for path, leaf in tree.items() if not any(other.startswith(path + "/") for other in tree)
    }


raw_names = (
    st.sampled_from([b"a", b"b", b"\xff\xfe", b"new\nline", b"-rf", b"x" * 255])
    | st.binary(min_size=1, max_size=12)
).filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b".."))
names = raw_names.map(os.fsdecode)
# A file that its owner cannot read can be backed up by root alone; what root may do is tried elsewhere.
files = st.builds(Leaf, st.binary(max_size=200), st.integers(0, 0o777).map(lambda mode: mode | 0o400))
leaves = files | names.map(link_to)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join), leaves, min_size=1, max_size=6
).map(without_clashes)


def everything(root: Path) -> list[Source]:
    return [Source(sorted(path.name for path in root.iterdir()))]


@pytest.mark.timeout(60 * SCALE)
@settings(max_examples=60 * SCALE, deadline=None)
@given(trees, trees)
def test_whatever_is_in_its_place_a_restore_gives_back_what_was_there(before: Tree, after: Tree) -> None:
    with tempfile.TemporaryDirectory(dir=ROOM) as name:
        folder = Path(name)
        workspace = folder / "workspace"
        workspace.mkdir()
        lay(workspace, before)
        store = SnapshotStore(folder / "backups" / "s", "s", SteppedClock(), "h", workspace)
        snapshot = store.take(everything(workspace), "property")
        assert snapshot is not None
        assert store.take(everything(workspace), "again") is None
        shutil.rmtree(workspace)
        workspace.mkdir()
        lay(
            workspace,
            {
                path: leaf
                for path, leaf in after.items()
                if not any(path.startswith(other + "/") or other.startswith(path + "/") for other in before)
            },
        )
        others = {path: leaf for path, leaf in look(workspace).items() if path not in before}

        done = store.restore(store.plan_restore(snapshot.id))

        assert done.failed == ()
        assert store.verify(snapshot.id).ok
        assert look(workspace) == {**others, **before}
