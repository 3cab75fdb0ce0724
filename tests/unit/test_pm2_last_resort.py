"""When an emergency may kill all and start over, and by what kind of program."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.errors import StepRefused
from automation.core.finding import Assessment, Finding, Severity
from automation.stores.leases import Lease
from automation.systems.pm2.daemon import place as daemon_place
from automation.systems.pm2.daemon.kill_all import ONCE_IN_S, KillAll
from automation.systems.pm2.daemon.last_resort import holds_the_lease, is_last_resort
from automation.systems.pm2.daemon.place import SCOPE, in_own_unit, leaving

NOW_S = 1_000_000.0


def seen(*down: str, of: int, problem: str = "process-errored", strained: str = "") -> Assessment:
    findings = tuple(Finding(problem, one, Severity.CRITICAL, "") for one in down)
    return Assessment(tuple("abcd"[:of]), findings, strained=strained)


@pytest.mark.parametrize("problem", ["process-errored", "process-hung", "required-missing"])
def test_s9_only_where_fewer_than_half_of_the_apps_run(problem: str) -> None:
    assert is_last_resort(seen("a", "b", of=3, problem=problem), None, NOW_S)
    assert not is_last_resort(seen("a", "b", of=4, problem=problem), None, NOW_S)
    assert not is_last_resort(seen(of=0), None, NOW_S)
    assert not is_last_resort(seen("a", of=1, problem="app-leaks"), None, NOW_S)


def test_s9_not_within_a_day_of_the_last_one_and_a_clock_set_back_does_not_forbid_it_for_long() -> None:
    down = seen("a", of=1)

    assert not is_last_resort(down, KillAll("x", NOW_S - ONCE_IN_S + 1), NOW_S)
    assert not is_last_resort(down, KillAll("x", NOW_S), NOW_S)
    assert is_last_resort(down, KillAll("x", NOW_S - ONCE_IN_S), NOW_S)
    assert is_last_resort(down, KillAll("x", NOW_S + 1), NOW_S)


def test_s4_an_overloaded_host_is_not_cured_by_starting_everything_anew() -> None:
    assert not is_last_resort(seen("a", of=1, strained="out of memory"), None, NOW_S)


def test_s30_only_the_emergency_that_holds_the_lease_on_this_system() -> None:
    lease = Lease(("pm2", "github"), "boot", 100.0, "e1")

    assert holds_the_lease(lease, "pm2", "e1", "boot", 99.0)
    assert not holds_the_lease(None, "pm2", "e1", "boot", 99.0)
    assert not holds_the_lease(lease, "pm2", "", "boot", 99.0)
    assert not holds_the_lease(lease, "pm2", "e0", "boot", 99.0)
    assert not holds_the_lease(lease, "netlify", "e1", "boot", 99.0)
    assert not holds_the_lease(lease, "pm2", "e1", "boot", 100.0)
    assert not holds_the_lease(lease, "pm2", "e1", "another boot", 99.0)
    assert not holds_the_lease(Lease(("pm2",), "boot", 100.0, ""), "pm2", "", "boot", 99.0)


def test_s9_in_a_unit_of_systemd_it_is_done_from_a_unit_of_its_own_or_not_at_all() -> None:
    argv, unit = ("/usr/bin/python3", "-m", "it"), "0::/system.slice/pm2-root.service\n"

    assert leaving(argv, unit, systemd=True, run="/bin/systemd-run") == (
        "/bin/systemd-run",
        *SCOPE[1:],
        *argv,
    )
    assert leaving(argv, unit, systemd=False, run=None) == argv
    assert leaving(argv, "0::/user.slice/session-1.scope\n", systemd=True, run=None) == argv
    with pytest.raises(StepRefused, match="systemd-run"):
        leaving(argv, unit, systemd=True, run=None)


def test_where_no_systemd_runs_the_program_is_started_as_it_is() -> None:
    assert in_own_unit(("/bin/true",))[-1] == "/bin/true"


def test_systemd_run_is_found_on_path_as_a_program_and_as_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, mode in (("text", 0o644), ("program", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "systemd-run").touch(mode)
    (tmp_path / "folder" / "systemd-run").mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'folder'}:{tmp_path / 'text'}")
    in_vain = daemon_place._systemd_run()
    monkeypatch.setenv("PATH", f"{tmp_path / 'text'}:{tmp_path / 'program'}")

    assert in_vain is None
    assert daemon_place._systemd_run() == str(tmp_path / "program" / "systemd-run")
