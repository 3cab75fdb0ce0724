"""What the PM2 guard's snapshots say of a file: whole, broken, or not to be told without running it."""

from __future__ import annotations

import pytest

from automation.systems.pm2.backed_up import judge, wiped


@pytest.mark.parametrize(
    ("path", "data", "verdict"),
    [
        ("ecosystem.config.js", b"module.exports = { apps: [] };\n", True),
        ("ecosystem.config.cjs", b"module.exports = {", False),
        ("ecosystem.config.js", b'import x from "y";\nexport default x;\n', None),
        ("ecosystem.config.cjs", b"\xff\xfe", False),
        ("ecosystem.json", b'{"apps": []}', True),
        ("ecosystem.json", b'{"apps": [', False),
        ("dump.pm2", b"[]", True),
        ("pm2-home/dump.pm2", b"[{]", False),
        ("dump.pm2", b"\0\0\0", False),
        ("automation/tool.py", b"print(1)\n", None),
        ("automation/tool.sh", b" \n", False),
    ],
)
def test_each_kind_of_file_is_judged_by_what_it_should_be(path: str, data: bytes, verdict: object) -> None:
    assert judge(path, data) is verdict


def test_a_loop_asks_only_whether_nothing_is_left() -> None:
    assert wiped("ecosystem.config.cjs", b"module.exports = {") is None
    assert wiped("ecosystem.config.cjs", b"\0\0") is False


def test_without_node_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert judge("ecosystem.config.cjs", b"module.exports = {};") is None
