"""What may be sent to PM2's daemon, which an exception in a call would end."""

from __future__ import annotations

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.systems.pm2.wire.answers import list_of_entries, refuse_a_survivor
from automation.systems.pm2.wire.arguments import checked_entry, checked_id
from automation.systems.pm2.wire.cli import printed_list
from automation.systems.pm2.wire.door import Garbled
from automation.systems.pm2.wire.restart_cron import is_cron

ENTRY: dict[str, object] = {
    "name": "app",
    "status": "online",
    "pm_exec_path": "/a/app.js",
    "pm_pid_path": "/a/app-0.pid",
    "env": {},
}


@pytest.mark.parametrize("pm_id", [0, 12, "3", "_old_4"])
def test_ids_of_processes_are_passed_on_as_they_are(pm_id: int | str) -> None:
    assert checked_id(pm_id) == pm_id


@pytest.mark.parametrize(
    "pm_id", ["toString", "__proto__", "all", "", -1, True, " 1", "1\n", "٣", "_old_", 10**16]
)
def test_what_is_no_id_is_refused(pm_id: int | str) -> None:
    with pytest.raises(StepRefused, match="is no id"):
        checked_id(pm_id)


def test_an_entry_made_fit_is_passed_on_whole() -> None:
    entry = ENTRY | {"cron_restart": "0 3 * * *", "pm_out_log_path": "/a/o.log", "extra": [1]}

    assert checked_entry(entry) == entry


@pytest.mark.parametrize("key", ["name", "status", "pm_exec_path", "pm_pid_path", "env"])
def test_an_entry_without_what_pm2_reads_unchecked_is_refused(key: str) -> None:
    entry = {name: value for name, value in ENTRY.items() if name != key}

    with pytest.raises(StepRefused, match=f"`{key}`"):
        checked_entry(entry)


@pytest.mark.parametrize("value", ["", None, 5, {}])
@pytest.mark.parametrize("key", ["pm_exec_path", "pm_pid_path"])
def test_a_path_that_is_no_text_is_refused(key: str, value: object) -> None:
    with pytest.raises(StepRefused, match=f"no text `{key}`"):
        checked_entry(ENTRY | {key: value})


@pytest.mark.parametrize("key", ["pm_id", "instances", "created_at", "prev_restart_delay"])
def test_an_entry_with_what_must_not_come_back_is_refused(key: str) -> None:
    with pytest.raises(StepRefused, match=f"'app' must not have `{key}`"):
        checked_entry(ENTRY | {key: 1})


@pytest.mark.parametrize(
    "key", ["pm_log_path", "pm_out_log_path", "pm_err_log_path", "exec_interpreter", "pm_cwd"]
)
def test_other_paths_may_be_absent_but_not_numbers(key: str) -> None:
    assert checked_entry(ENTRY | {key: None})[key] is None
    with pytest.raises(StepRefused, match=f"`{key}` that is no text"):
        checked_entry(ENTRY | {key: 5})


@pytest.mark.parametrize("off", [None, "", "0", 0, False])
def test_a_cron_restart_that_is_switched_off_is_no_obstacle(off: object) -> None:
    assert checked_entry(ENTRY | {"cron_restart": off})["cron_restart"] == off


@pytest.mark.parametrize("bad", ["not a cron", "61 * * * *", 5, ["* * * * *"]])
def test_a_cron_restart_that_the_daemon_would_not_survive_is_refused(bad: object) -> None:
    with pytest.raises(StepRefused, match="may not survive"):
        checked_entry(ENTRY | {"cron_restart": bad})


@pytest.mark.parametrize(
    "good",
    [
        "* * * * *",
        "*/30 * * * * *",
        "0 0 1 JAN mon-fri",
        "0-30/10 */23 */31 */12 */7",
        "1,2,59 ? * * 7",
        "0 0 31 2 *",
    ],
)
def test_cron_expressions_that_pm2_reads_are_accepted(good: str) -> None:
    assert is_cron(good)


@pytest.mark.parametrize(
    "bad",
    [
        "", "* * * *", "* * * * * * *", "@daily", "60 * * * *", "30-10 * * * *", "0 0 0 * *", "0 0 * 13 *",
        "0 0 * * 8", "*/0 * * * *", "*/61 * * * *", "0 0 * * fri-sun", "1,2-3 * * * *", "1,,2 * * * *",
        "0 24 * * *", "0 0 32 * *", "60 0 0 * * *", "-1 * * * *", "0 0 * * x", "1.5 * * * *", "٣ * * * *",
    ],
)  # fmt: skip
def test_cron_expressions_that_pm2_may_not_read_are_refused(bad: str) -> None:
    assert not is_cron(bad)


@pytest.mark.parametrize("answer", [None, {}, "x", [1], [{}], [{"pm2_env": None}], [{"pm2_env": {}}, None]])
def test_a_list_that_is_none_is_garbled(answer: object) -> None:
    with pytest.raises(Garbled, match=r"^here: "):
        list_of_entries(answer, where="here")


def test_a_process_that_outlived_sigkill_is_an_error_although_pm2_says_none() -> None:
    with pytest.raises(EffectFailed, match="could not stop process 1: pid 42 outlived SIGKILL"):
        refuse_a_survivor({"pid": 42, "pm2_env": {"status": "errored"}}, what="stop process 1")


@pytest.mark.parametrize(
    "answer",
    [None, {"error": True, "message": "could not kill process w/o pid"},
     {"pid": 0, "pm2_env": {"status": "errored"}},
     {"pid": 42, "pm2_env": {"status": "stopped"}}],
)  # fmt: skip
def test_a_process_that_ended_is_no_error(answer: object) -> None:
    refuse_a_survivor(answer, what="stop it")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[]\n", []),
        ('[{"name":"a","pm2_env":{}}]\n', ["a"]),
        (
            '[PM2] Spawning PM2 daemon\n[PM2] [x\n\n[{"name":"a"},\n{"name":"b"}]\nIn-memory PM2 is old\n',
            ["a", "b"],
        ),
    ],
)
def test_the_list_is_found_among_what_pm2_prints_for_people(text: str, names: list[str]) -> None:
    found = printed_list(text)

    assert isinstance(found, list)
    assert [entry["name"] for entry in found] == names


@pytest.mark.parametrize("text", ["", "[PM2] Spawning", "[{", '[{"a":', " [{}]", "[{" * 100_000])
def test_output_without_a_list_is_garbled(text: str) -> None:
    with pytest.raises(Garbled, match="pm2 jlist"):
        printed_list(text)
