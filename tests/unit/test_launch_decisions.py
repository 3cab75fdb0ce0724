"""What the launch decides without touching anything: words, whose an entry is, what to start, the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.core import reading as reports
from automation.core.errors import UsageInvalid
from automation.core.finding import Mode, Status
from automation.launch import holders, options, patience, places, table
from automation.launch.apps import TABLE, App, offered
from automation.launch.holders import Entry
from automation.launch.options import Action, Options

PM2, GITHUB, _, MASTER = TABLE
SUITE = "/srv/site"

LEAVES = st.none() | st.integers() | st.text(max_size=12)


def entry_of(app: App, status: str = "online", suite: str = SUITE, code: int | None = None) -> Entry:
    return Entry(1, app.name, status, f"{suite}/automation/{app.script}", code)


def reading(
    status: Status = Status.HEALTHY, score: float | None = 1.0, mode: Mode = Mode.ACTIVE
) -> reports.Reading:
    record = {"startedAt": "2026-11-24T10:00:00.000Z"}
    return reports.Reading(status, mode, score, 1000.0, 1030.0, None, "1", record)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], Options()),
        (["--ensure"], Options(Action.ENSURE)),
        (["--only", "a,b"], Options(only=("a", "b"))),
        (["--stop", "--only=a", "--only", "a"], Options(Action.STOP, ("a",))),
    ],
)
def test_words_are_understood(words: list[str], asked: Options) -> None:
    assert options.parse(words) == asked


@pytest.mark.parametrize(
    "words", [["start"], ["--stop=now"], ["--only"], ["--only", ","], ["--stop", "--status"], [""], ["-x"]]
)
def test_other_words_are_refused_in_one_line(words: list[str]) -> None:
    with pytest.raises(UsageInvalid, match=r"^[^\n]+$"):
        options.parse(words)


def test_no_name_means_all_and_an_unknown_one_names_the_known() -> None:
    assert options.chosen(Options(), TABLE) == TABLE
    assert options.chosen(Options(only=(MASTER.name, PM2.name)), TABLE) == (PM2, MASTER)
    with pytest.raises(UsageInvalid, match=f"known: {PM2.name}"):
        options.chosen(Options(only=("nope",)), (PM2,))


def test_an_app_without_its_script_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "automation").mkdir()
    (tmp_path / "automation" / GITHUB.script).touch()

    assert offered(tmp_path) == (GITHUB,)


@given(st.lists(LEAVES | st.dictionaries(st.text(max_size=12), LEAVES, max_size=5), max_size=8))
def test_what_pm2_says_in_another_shape_is_none_of_ours(elements: list[object]) -> None:
    assert holders.entries_from(elements) == ()


def test_entries_are_taken_as_pm2_lists_them() -> None:
    environment = {"status": "online", "pm_exec_path": "/x.py", "exit_code": 3}

    found = holders.entries_from(
        [
            {"pm_id": 4, "name": "a", "pm2_env": environment},
            {"pm_id": "_old_4", "name": "a", "pm2_env": {}},
            {"pm_id": None, "name": "a", "pm2_env": {}},
        ]
    )

    assert found == (Entry(4, "a", "online", "/x.py", 3), Entry("_old_4", "a", "", "", None))


def test_an_entry_is_ours_by_name_and_file_together() -> None:
    mine, elsewhere = entry_of(PM2), entry_of(PM2, suite="/srv/other")
    renamed = Entry(2, "another", "online", mine.runs)

    assert holders.ours([elsewhere, renamed, mine], TABLE, SUITE) == {PM2.name: mine}
    assert holders.strangers([elsewhere, renamed, mine], TABLE, [SUITE]) == (elsewhere,)
    assert holders.strangers([elsewhere, mine], TABLE, [SUITE, "/srv/other"]) == ()


def test_who_holds_a_name_is_said() -> None:
    old = Entry(7, PM2.name, "online", "/srv/site/automation/enhanced-pm2-redundancy.js")

    assert "the old JavaScript suite" in holders.way_out(old)
    assert "pm2 delete 7" in holders.way_out(old)
    assert "another program (/srv/other/" in holders.way_out(entry_of(PM2, suite="/srv/other"))


@pytest.mark.parametrize(
    ("entry", "started", "ensured"),
    [
        (None, True, True),
        (entry_of(PM2), False, False),
        (entry_of(PM2, "launching"), False, False),
        (entry_of(PM2, "waiting restart", code=1), False, False),
        (entry_of(PM2, "stopped"), True, True),
        (entry_of(PM2, "errored", code=1), True, True),
        (entry_of(PM2, "stopped", code=3), True, False),
        (entry_of(PM2, "waiting restart", code=3), True, False),
        (entry_of(PM2, "online", code=3), False, False),  # what it ended with before
    ],
)
def test_what_a_start_and_an_ensure_start(entry: Entry | None, *, started: bool, ensured: bool) -> None:
    mine = {PM2.name: entry} if entry else {}

    assert holders.to_start([PM2], mine, frozenset()) == ((PM2,) if started else ())
    assert holders.to_ensure([PM2], mine) == ((PM2,) if ensured else ())


def test_a_start_wakes_an_app_that_idles_after_a_shutdown() -> None:
    assert holders.to_start([PM2], {PM2.name: entry_of(PM2)}, frozenset({PM2.name})) == (PM2,)


@pytest.mark.parametrize(
    ("entry", "read", "shown", "code"),
    [
        (entry_of(PM2), reading(), ("online", "healthy", "1.00", "10 s"), 0),
        (entry_of(PM2), reading(Status.DISABLED, None), ("online", "disabled", "-", "10 s"), 0),
        (entry_of(PM2), reading(Status.WARNING, 0.7), ("online", "warning", "0.70", "10 s"), 1),
        (entry_of(PM2), reading(Status.CRITICAL, 0.0), ("online", "critical", "0.00", "10 s"), 2),
        (entry_of(PM2), reading(mode=Mode.PAUSED), ("online", "healthy (paused)", "1.00", "10 s"), 0),
        (entry_of(PM2), None, ("online", "unknown", "-", "no report"), 3),
        (entry_of(PM2, "stopped"), reading(), ("stopped", "unknown (was healthy)", "1.00", "10 s"), 3),
        (entry_of(PM2, "stopped", code=3), None, ("refused settings", "unknown", "-", "no report"), 3),
        (None, reading(), ("not started", "unknown (was healthy)", "1.00", "10 s"), 3),
    ],
)
def test_a_row_believes_only_a_living_app(
    entry: Entry | None, read: reports.Reading | None, shown: tuple[str, ...], code: int
) -> None:
    row = table.row(PM2, entry, read, now_s=1010.0)

    assert (row.pm2, row.status, row.score, row.age) == shown
    assert row.exit_code == code


def test_a_stale_report_is_unknown() -> None:
    assert table.row(PM2, entry_of(PM2), reading(), now_s=2000.0).status == "unknown (was healthy)"


def test_the_table_is_aligned_and_its_code_is_that_of_the_worst() -> None:
    lines = table.rows(
        (PM2, MASTER), {PM2.name: entry_of(PM2)}, {PM2.name: reading(Status.CRITICAL, 0.5)}, now_s=1010.0
    )

    assert table.render(lines).splitlines() == [
        "NAME                            PM2          STATUS    SCORE  AGE        SINCE",
        "enhanced-pm2-redundancy         online       critical  0.50   10 s       2026-11-24 10:00:00",
        "master-redundancy-orchestrator  not started  unknown   -      no report  -",
    ]
    assert table.exit_code(lines) == 2
    assert table.exit_code(lines[1:]) == 3
    assert table.exit_code(()) == 3


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"schema": 2}', '{"schema": 1}', "[" * 60_000])
def test_a_report_that_cannot_be_used_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text, "utf-8")

    assert table.read_report(tmp_path / "report.json") is None


@pytest.mark.parametrize(
    ("cmdline", "environ", "counts"),
    [
        (b"node\0/usr/bin/pm2\0reload\0all", b"PM2_HOME=/h/.pm2", True),
        (b"/usr/bin/pm2\0save", b"HOME=/h", True),
        (b"node\0/usr/bin/pm2\0save", b"", True),
        (b"node\0/usr/bin/pm2", b"PM2_HOME=/h/.pm2", True),
        (b"node\0/usr/bin/pm2\0logs\0--lines\05", b"PM2_HOME=/h/.pm2", False),
        (b"node\0/usr/bin/pm2\0reload\0all", b"PM2_HOME=/else", False),
        (b"node\0/usr/bin/pm2\0reload\0all", b"HOME=/else", False),
        (b"vi\0notes\0pm2", b"PM2_HOME=/h/.pm2", False),
        (b"PM2 v7.0.4: God Daemon (/h/.pm2)", b"PM2_HOME=/h/.pm2", False),
        (b"", b"", False),
    ],
)
def test_a_pm2_command_of_this_home_is_recognised(cmdline: bytes, environ: bytes, *, counts: bool) -> None:
    assert patience.is_command(cmdline, environ, Path("/h/.pm2"), Path("/h")) is counts


def test_processes_that_cannot_be_read_are_no_commands(tmp_path: Path) -> None:
    (tmp_path / "123456").mkdir()
    (tmp_path / "sys").mkdir()

    assert not patience.command_lives(Path("/h/.pm2"), Path("/h"), tmp_path)


def test_places_come_from_the_environment(tmp_path: Path) -> None:
    found = places.locate(
        tmp_path,
        {"REDUNDANCY_WORKSPACE": "site", "REDUNDANCY_LOGS_DIR": "var", "PM2_HOME": "/h/pm2"},
        "/opt/node/bin/node",
        "/opt/pm2",
    )

    assert found.workspace == tmp_path / "site"
    assert found.logs == tmp_path / "site" / "var"
    assert found.pm2_home == Path("/h/pm2")
    assert found.report(PM2) == found.logs / "pm2-health-report.json"


def test_pm2_gets_the_settings_and_nothing_else_of_the_shell(tmp_path: Path) -> None:
    shell = {
        "PATH": "/usr/bin",
        "PM2_MAX_RESTARTS": "7",
        "REDUNDANCY_MODE": "observe",
        "REDUNDANCY_STARTED_AT": "1970-01-01T00:00:00Z",
        "GITHUB_API_URL": "",
        "OTHER": "x",
        "HOME": "/h",
    }
    found = places.locate(tmp_path, shell, "/opt/node/bin/node", "/opt/pm2")

    assert places.environment_for_pm2(found, shell, keep_shutdown=True) == {
        "PATH": "/opt/node/bin:/usr/bin",
        "PM2_HOME": "/h/.pm2",
        "PM2_MAX_RESTARTS": "7",
        "REDUNDANCY_MODE": "observe",
        "REDUNDANCY_KEEP_SHUTDOWN": "1",
    }
    assert "REDUNDANCY_KEEP_SHUTDOWN" not in places.environment_for_pm2(found, shell, keep_shutdown=False)
