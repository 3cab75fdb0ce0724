"""The audit log: each line carries the hash of the one before, through tears, rotations and many writers."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.core.errors import EffectFailed
from automation.stores import audit
from tests.toy_ground import ROOT

APPENDER = """
import sys
from pathlib import Path
from automation.stores import audit
for number in range(int(sys.argv[3])):
    audit.append(Path(sys.argv[1]), {"by": sys.argv[2], "number": number}, "2027")
"""


def lines_of(path: Path) -> list[bytes]:
    """Return the lines as they lie there."""
    return path.read_bytes().splitlines(keepends=True)


def broken(path: Path) -> list[int]:
    """Return the numbers of the lines at which the chain breaks."""
    return list(audit.broken_links(iter(lines_of(path))))


def test_four_appenders_lose_nothing_and_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    children = [
        subprocess.Popen([sys.executable, "-c", APPENDER, str(path), str(who), "40"], cwd=ROOT)
        for who in range(4)
    ]
    statuses = [child.wait(18) for child in children]
    said = [json.loads(line) for line in lines_of(path)]

    assert statuses == [0, 0, 0, 0]
    assert len(said) == 160
    for who in range(4):
        assert [one["number"] for one in said if one["by"] == str(who)] == list(range(40))
    assert broken(path) == []
    assert path.stat().st_mode & 0o777 == 0o600


texts = st.dictionaries(st.sampled_from(["step", "subject", "detail"]), st.text(max_size=20), min_size=1)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=3, max_size=8), st.data())
def test_a_changed_dropped_or_torn_line_shows(records: list[dict[str, str]], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "audit.jsonl"
        for record in records:
            audit.append(path, record, "2027")
        whole = lines_of(path)

        assert list(audit.broken_links(iter(whole))) == []
        victim = data.draw(st.integers(0, len(whole) - 2), label="victim")  # nothing speaks for the last line
        how = data.draw(st.sampled_from(["drop", "tear", "change", "swap"]), label="how")
        harmed = list(whole)
        if how == "drop":
            del harmed[victim]
            if victim == 0:
                return  # as after a rotation: the first line's own link leads to a file that is not asked
        elif how == "tear":
            harmed[victim] = whole[victim][: data.draw(st.integers(0, len(whole[victim]) - 2))] + b"\n"
        elif how == "change":
            record = json.loads(whole[victim]) | {"step": "another one, longer than any"}
            harmed[victim] = json.dumps(record).encode() + b"\n"
        else:
            harmed[victim], harmed[victim + 1] = harmed[victim + 1], harmed[victim]

        assert list(audit.broken_links(iter(harmed))) != []


def test_after_a_torn_line_the_chain_goes_on_and_the_torn_one_shows(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit.append(path, {"step": "one"}, "2027")
    with path.open("ab") as file:
        file.write(b'{"step": "tw')
    audit.append(path, {"step": "three"}, "2027")
    audit.append(path, {"step": "four"}, "2027")

    assert broken(path) == [2]
    assert [line[:13] for line in lines_of(path)][2:] == [b'{"step": "thr', b'{"step": "fou']


def test_a_line_that_is_json_but_no_record_shows(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit.append(path, {"step": "one"}, "2027")
    path.write_bytes(path.read_bytes() + b"[]\n")

    assert broken(path) == [2]


def test_a_disk_that_takes_only_a_part_of_a_line_says_no_and_the_next_line_stands_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.jsonl"
    audit.append(path, {"step": "one, and longer than what the lock file holds" * 5}, "2027")
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        with pytest.raises(EffectFailed, match=r"cannot write .*audit\.jsonl: File too large"):
            audit.append(path, {"step": "two"}, "2027")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    audit.append(path, {"step": "three"}, "2027")

    assert json.loads(lines_of(path)[-1])["step"] == "three"
    assert broken(path) == [2]


def test_a_large_file_is_rotated_and_the_chain_crosses_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setattr(audit, "ROTATE_BYTES", 300)
    monkeypatch.setattr(audit, "KEPT_FILES", 3)
    for number in range(40):
        audit.append(path, {"number": number}, "2027")
    files = [tmp_path / f"audit.jsonl.{number}" for number in (3, 2, 1)]
    together = [line for file in [*files, path] for line in lines_of(file)]

    assert list(audit.broken_links(iter(together))) == []
    assert json.loads(together[-1])["number"] == 39
    assert sorted(one.name for one in tmp_path.glob("*.jsonl*") if not one.name.endswith(".lock")) == [
        "audit.jsonl",
        "audit.jsonl.1",
        "audit.jsonl.2",
        "audit.jsonl.3",
    ]


def test_a_log_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()

    with pytest.raises(EffectFailed, match="cannot write"):
        audit.append(tmp_path / "audit.jsonl", {"step": "one"}, "2027")
