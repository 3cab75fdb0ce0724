"""Whose port is looked at: only that of an app that seems ill."""

from __future__ import annotations

from typing import Any

import pytest

from automation.systems.pm2.probes.checks import Probed
from automation.systems.pm2.probes.suspicion import (
    MOST_SUSPECTS,
    RESTARTED_LATELY_S,
    Count,
    counted,
    port_of,
    suspects,
)
from automation.systems.pm2.process import Process, processes

Pair = tuple[Process, dict[str, Any]]
FAILS = Probed("failing", "http://127.0.0.1:3000/", own_port=3000)


def app(name: str = "web", pm_id: int | str = 0, status: str = "online", **env: object) -> dict[str, Any]:
    said = {"name": name, "status": status, "unique_id": "u", "restart_time": 0} | env
    return {"name": name, "pm_id": pm_id, "pid": 7, "monit": {}, "pm2_env": said}


def pairs(*entries: dict[str, Any]) -> list[Pair]:
    return list(zip(processes(entries), entries, strict=True))


def ports(seen: list[Pair], probed: dict[int | str, Probed], counts: dict[int | str, Count]) -> list[Any]:
    return [(one.port, one.named_by) for one in suspects(seen, probed, counts, 1000.0)]


def test_a_well_app_is_no_suspect() -> None:
    seen = pairs(app(PORT="3000"))

    assert ports(seen, {0: Probed("well", "", own_port=3000)}, {0: Count("u", 5)}) == []
    assert ports(seen, {}, {}) == []


@pytest.mark.parametrize("word", ["failing", "hung"])
def test_an_app_whose_probe_fails_is_looked_at_by_its_probes_port(word: str) -> None:
    assert ports(pairs(app(PORT="1")), {0: Probed(word, "", own_port=3000)}, {}) == [(3000, "probe")]


def test_where_the_probe_names_no_port_of_this_machine_the_environment_does() -> None:
    assert ports(pairs(app(PORT="3001")), {0: Probed("failing", "file beat")}, {}) == [(3001, "PORT")]
    assert ports(pairs(app()), {0: Probed("failing", "file beat")}, {}) == []


def test_an_app_that_was_restarted_lately_is_looked_at_for_a_minute() -> None:
    seen = pairs(app(PORT=3000))

    assert ports(seen, {}, {0: Count("u", 1, 1000.1 - RESTARTED_LATELY_S)}) == [(3000, "PORT")]
    assert ports(seen, {}, {0: Count("u", 1, 1000.0 - RESTARTED_LATELY_S)}) == []


def test_what_pm2_gave_up_on_is_looked_at() -> None:
    assert ports(pairs(app(status="errored", PORT="3000")), {}, {}) == [(3000, "PORT")]


@pytest.mark.parametrize(
    "entry",
    [app("enhanced-pm2-redundancy"), app(pm_id="_old_0"), app(status="stopped"), app(status="stopping")],
)
def test_ours_and_twins_and_what_is_down_are_no_suspects(entry: dict[str, Any]) -> None:
    assert ports(pairs(entry), {0: FAILS, "_old_0": FAILS}, {}) == []


def test_no_more_than_a_few_are_looked_at_at_once() -> None:
    many = pairs(
        *(app(f"app{number}", number, "errored", PORT="3000") for number in range(MOST_SUSPECTS + 1))
    )

    assert len(suspects(many, {}, {}, 0.0)) == MOST_SUSPECTS


def test_a_restart_is_a_count_that_grew_since_the_last_look() -> None:
    first = counted({}, processes([app(restart_time=4)]), 10.0)
    same = counted(first, processes([app(restart_time=4)]), 20.0)
    grown = counted(same, processes([app(restart_time=5)]), 30.0)
    later = counted(grown, processes([app(restart_time=5)]), 40.0)

    assert [one[0].grew_s for one in (first, same, grown, later)] == [None, None, 30.0, 30.0]


def test_the_count_of_another_entry_with_that_id_is_no_restart() -> None:
    first = counted({}, processes([app(restart_time=0)]), 10.0)
    other = counted(first, processes([app(restart_time=9, unique_id="v")]), 20.0)

    assert other == {0: Count("v", 9)}
    assert counted(other, (), 30.0) == {}


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ("3000", 3000),
        (3000, 3000),
        ("65535", 65535),
        ("65536", None),
        ("0", None),
        ("", None),
        ("3000;", None),
        ("²", None),
        ("/run/app.sock", None),
        ("000003000", None),
        (True, None),
        (3000.0, None),
        (None, None),
    ],
)
def test_a_port_is_a_plain_number(said: object, port: int | None) -> None:
    assert port_of(app(PORT=said)) == port


def test_an_entry_without_a_port_names_none() -> None:
    assert port_of(app()) is None
