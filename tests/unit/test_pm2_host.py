"""Whether the host is short of something: each bound, and that it is neither met nor left in one reading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.finding import Severity
from automation.ports.host import Disk, HostReading
from automation.systems.pm2.checks import assess
from automation.systems.pm2.facts import DaemonState, Facts
from automation.systems.pm2.host_checks import (
    CRITICAL,
    FINE,
    GIB,
    JUDGES,
    MIB,
    SLACK,
    UNKNOWN,
    WARNING,
    HostState,
    disk_level,
    host_findings,
    learn,
    load_level,
    memory_level,
    strained,
)
from automation.systems.pm2.tracked import Tracked

WELL = HostReading(
    cores=2,
    memory_total_bytes=4000 * MIB,
    memory_available_bytes=2000 * MIB,
    load_5m=1.0,
    disks=(Disk("/srv", 100 * GIB, 50 * GIB, 1000, 900),),
    pressure={"cpu some": 60.0, "memory full": 0.0, "io full": 0.0},
)


def memory(available_mib: float, **more: object) -> HostReading:
    return replace(WELL, memory_available_bytes=int(available_mib * MIB), **more)  # type: ignore[arg-type]


def disk(total_gib: float, free_gib: float, files: int = 1000, free_files: int = 900) -> HostReading:
    return replace(WELL, disks=(Disk("/srv", int(total_gib * GIB), int(free_gib * GIB), files, free_files),))


@pytest.mark.parametrize(
    ("available_mib", "level"), [(400, FINE), (399, WARNING), (200, WARNING), (199, CRITICAL), (0, CRITICAL)]
)
def test_of_a_small_host_a_tenth_is_low_and_a_twentieth_is_short(available_mib: float, level: int) -> None:
    assert memory_level(memory(available_mib), 1.0) == level


@pytest.mark.parametrize(
    ("available_mib", "level"), [(1024, FINE), (1023, WARNING), (512, WARNING), (511, CRITICAL)]
)
def test_of_a_large_host_a_gibibyte_is_low_and_half_of_one_is_short(available_mib: float, level: int) -> None:
    assert memory_level(memory(available_mib, memory_total_bytes=256 * GIB), 1.0) == level


def test_swap_that_is_used_up_counts_only_where_memory_is_not_plenty() -> None:
    full = {"swap_total_bytes": 1000 * MIB, "swap_free_bytes": 99 * MIB}
    free = {"swap_total_bytes": 1000 * MIB, "swap_free_bytes": 100 * MIB}

    assert memory_level(memory(799, **full), 1.0) == WARNING
    assert memory_level(memory(801, **full), 1.0) == FINE
    assert memory_level(memory(799, **free), 1.0) == FINE
    assert memory_level(memory(799), 1.0) == FINE


def test_a_host_that_waits_for_its_memory_is_short_of_it() -> None:
    assert memory_level(memory(2000, pressure={"memory full": 10.0}), 1.0) == FINE
    assert memory_level(memory(2000, pressure={"memory full": 10.1}), 1.0) == CRITICAL


def test_what_the_host_does_not_say_is_no_shortage() -> None:
    silent = HostReading(cores=0)

    assert [judge(silent, SLACK) for judge in JUDGES.values()] == [FINE, FINE, FINE]
    assert memory_level(replace(WELL, memory_available_bytes=None), 1.0) == FINE


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (10, 1.0, FINE),
        (10, 0.99, WARNING),
        (10, 0.31, WARNING),
        (10, 0.29, CRITICAL),
        (1000, 5, FINE),
        (1000, 4.9, WARNING),
        (1000, 1, WARNING),
        (1000, 0.99, CRITICAL),
        (0, 0, FINE),
    ],
)
def test_a_disk_is_low_below_a_tenth_or_five_gibibytes_and_short_below_three_hundredths_or_one(
    total: float, free: float, level: int
) -> None:
    assert disk_level(disk(total, free), 1.0) == level


@pytest.mark.parametrize(("free_files", "level"), [(50, FINE), (49, WARNING), (10, WARNING), (9, CRITICAL)])
def test_files_run_out_before_bytes(free_files: int, level: int) -> None:
    assert disk_level(disk(100, 50, 1000, free_files), 1.0) == level


def test_a_disk_that_counts_no_files_is_judged_by_its_bytes_and_the_worst_disk_counts() -> None:
    full = disk(100, 0.5, 0, 0).disks

    assert disk_level(disk(100, 50, 0, 0), 1.0) == FINE
    assert disk_level(replace(WELL, disks=WELL.disks + full), 1.0) == CRITICAL


@pytest.mark.parametrize(("load", "level"), [(4.0, FINE), (4.1, WARNING), (8.0, WARNING), (8.1, CRITICAL)])
def test_twice_the_cores_is_much_load_and_four_times_is_too_much(load: float, level: int) -> None:
    assert load_level(replace(WELL, load_5m=load), 1.0) == level


def test_load_that_waits_for_no_processor_is_not_short_of_any() -> None:
    idle = {"cpu some": 50.0}

    assert load_level(replace(WELL, load_5m=20.0, pressure=idle), 1.0) == WARNING
    assert load_level(replace(WELL, load_5m=20.0, pressure={}), 1.0) == CRITICAL
    assert load_level(replace(WELL, pressure={"io full": 50.1}), 1.0) == WARNING
    assert load_level(replace(WELL, pressure={"io full": 50.0}), 1.0) == FINE


def after(*readings: HostReading, state: HostState = UNKNOWN) -> HostState:
    for reading in readings:
        state = learn(state, reading)
    return state


def levels(state: HostState) -> list[int]:
    return [state.levels[problem].level for problem in JUDGES]


def test_two_readings_in_a_row_are_believed_and_one_is_not() -> None:
    assert levels(after(memory(100))) == [FINE, FINE, FINE]
    assert levels(after(memory(100), memory(2000), memory(100))) == [FINE, FINE, FINE]
    assert levels(after(memory(100), memory(100))) == [CRITICAL, FINE, FINE]


def test_what_is_fine_stays_so_until_the_bound_itself_is_met() -> None:
    assert levels(after(memory(450), memory(450))) == [FINE, FINE, FINE]  # below it, were it a quarter more
    assert levels(after(memory(399), memory(399))) == [WARNING, FINE, FINE]


def test_a_reading_between_two_levels_begins_the_count_of_its_own() -> None:
    assert levels(after(memory(300), memory(100))) == [FINE, FINE, FINE]
    assert levels(after(memory(300), memory(100), memory(100))) == [CRITICAL, FINE, FINE]


def test_a_shortage_ends_when_it_is_a_quarter_better_twice_and_does_not_flicker_at_the_bound() -> None:
    short = after(memory(100), memory(100))
    hardly, better = memory(249), memory(251)

    assert levels(after(hardly, hardly, hardly, state=short)) == [CRITICAL, FINE, FINE]
    assert levels(after(better, state=short)) == [CRITICAL, FINE, FINE]
    assert levels(after(better, better, state=short)) == [WARNING, FINE, FINE]
    assert levels(after(memory(499), memory(499), state=short)) == [WARNING, FINE, FINE]
    assert levels(after(memory(501), memory(501), state=short)) == [FINE, FINE, FINE]


def test_a_host_that_is_well_has_no_findings_and_one_that_was_not_read_neither() -> None:
    assert list(host_findings(after(WELL, WELL))) == list(host_findings(UNKNOWN)) == []
    assert strained(after(WELL, WELL)) == strained(UNKNOWN) == ""


def test_what_the_host_is_low_on_is_said_with_its_figures() -> None:
    low = replace(
        memory(300, swap_total_bytes=1000 * MIB, swap_free_bytes=900 * MIB),
        disks=(Disk("/srv", 100 * GIB, 4 * GIB, 0, 0), Disk("/big", 100 * GIB, 90 * GIB, 10, 9)),
        load_5m=5.0,
    )
    found = list(host_findings(after(low, low)))

    assert [(one.problem, one.subject, one.severity) for one in found] == [
        ("host-memory-low", "host", Severity.WARNING),
        ("host-disk-low", "host", Severity.WARNING),
        ("host-overloaded", "host", Severity.WARNING),
    ]
    assert [one.message for one in found] == [
        "300 of 4000 MiB of memory are available, 100 of 1000 MiB of swap are used",
        "/srv: 4096 of 102400 MiB are free",
        "the load of five minutes is 5.0 on 2 cores (waited in the last minute: cpu some 60 %)",
    ]


def test_without_swap_or_pressure_they_are_not_mentioned_and_files_are_where_they_are_counted() -> None:
    low = replace(memory(300), disks=disk(100, 50, 1000, 20).disks, load_5m=5.0, pressure={})
    found = list(host_findings(after(low, low)))

    assert [one.message for one in found] == [
        "300 of 4000 MiB of memory are available",
        "/srv: 51200 of 102400 MiB, 20 files are free",
        "the load of five minutes is 5.0 on 2 cores",
    ]


def test_s4_a_short_host_strains_the_system_and_is_no_subject_of_its_score() -> None:
    short = replace(memory(100), disks=disk(100, 0.5).disks)
    look = Facts(1.0, DaemonState.ALIVE, tracked=Tracked(host=after(short, short)))
    assessment = assess(look)

    assert assessment.strained == "the host is short of memory and disk"
    assert assessment.subjects == ()
    assert {one.severity for one in assessment.findings} == {Severity.CRITICAL}
    assert strained(after(memory(300), memory(300))) == ""
