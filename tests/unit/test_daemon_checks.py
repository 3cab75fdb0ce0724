"""What is said of PM2's daemon, and where a new one may live."""

from __future__ import annotations

from pathlib import Path

import pytest

from automation.core.finding import Finding, Severity
from automation.systems.pm2.checks import assess
from automation.systems.pm2.daemon.death import Lost
from automation.systems.pm2.daemon.place import Kind, Place, Unit, place, unit_in
from automation.systems.pm2.daemon.trouble import Ghost, Trouble
from automation.systems.pm2.facts import DaemonState, Facts

GHOST = Ghost(7, 70, 2)


def said(state: DaemonState, trouble: Trouble | None = None) -> list[Finding]:
    """Return the findings of a look."""
    return list(assess(Facts(0.0, state, trouble=trouble)).findings)


@pytest.mark.parametrize(
    ("state", "trouble", "problems"),
    [
        (DaemonState.ALIVE, None, []),
        (DaemonState.ALIVE, Trouble(), []),
        (DaemonState.ABSENT, None, []),
        (DaemonState.DEAD, Trouble(), ["daemon-dead"]),
        (DaemonState.DEAD, None, ["daemon-dead"]),
        (DaemonState.DEAD, Trouble(settled=False), ["daemon-missing"]),
        (DaemonState.ENDED, None, ["daemon-ended"]),
        (DaemonState.HUNG, Trouble(pid=4), ["daemon-hung"]),
        (DaemonState.DEAF, Trouble(pid=4), ["daemon-deaf"]),
        (DaemonState.DEAF, Trouble(pid=4, ghosts=(Ghost(4, 1, 0),)), ["daemon-idle"]),
        (DaemonState.STOPPED, Trouble(pid=4), ["daemon-stopped"]),
        (DaemonState.ALIVE, Trouble(ghosts=(GHOST,)), ["daemon-split"]),
        (DaemonState.ALIVE, Trouble(ghosts=(Ghost(7, 70, 0),)), ["daemon-idle"]),
        (DaemonState.ALIVE, Trouble(missing=("a",)), ["daemon-replaced"]),
        (DaemonState.ALIVE, Trouble(leftover=(4,)), ["daemon-replaced"]),
        (DaemonState.ALIVE, Trouble(missing=("a",), settled=False), ["daemon-returning"]),
        (DaemonState.ALIVE, Trouble(sockets_gone=("rpc.sock",)), ["sockets-gone"]),
        (DaemonState.ALIVE, Trouble(lost=(Lost(("a", "default", None), "no"),)), ["app-lost"]),
    ],
)
def test_each_trouble_has_its_finding(
    state: DaemonState, trouble: Trouble | None, problems: list[str]
) -> None:
    assert [one.problem for one in said(state, trouble)] == problems


def test_only_what_was_looked_at_twice_is_sure() -> None:
    assert [one.sure for one in said(DaemonState.DEAD, Trouble(sure=True))] == [True]
    assert [one.sure for one in said(DaemonState.DEAD, Trouble())] == [False]
    for sure in (True, False):
        assert [one.sure for one in said(DaemonState.ALIVE, Trouble(sure=sure, missing=("a",)))] == [sure]


@pytest.mark.parametrize(
    ("state", "trouble", "severity"),
    [
        (DaemonState.DEAD, Trouble(), Severity.CRITICAL),
        (DaemonState.ENDED, None, Severity.WARNING),  # a person's act
        (DaemonState.ALIVE, Trouble(ghosts=(Ghost(7, 70, 0),)), Severity.WARNING),
        (DaemonState.ALIVE, Trouble(ghosts=(Ghost(7, 70, 0), GHOST)), Severity.CRITICAL),
    ],
)
def test_only_what_keeps_apps_from_their_work_is_critical(
    state: DaemonState, trouble: Trouble | None, severity: Severity
) -> None:
    assert [one.severity for one in said(state, trouble)] == [severity]


def test_the_messages_say_what_was_seen() -> None:
    commands = said(DaemonState.DEAD, Trouble(settled=False, commands=(8, 9)))[0].message
    waiting = said(DaemonState.DEAD, Trouble(settled=False))[0].message
    many = said(DaemonState.ALIVE, Trouble(missing=tuple("abcdefghij"), leftover=(5,), settled=False))[
        0
    ].message
    eight = said(DaemonState.ALIVE, Trouble(missing=tuple("abcdefgh"), leftover=(5,)))[0].message
    split = said(DaemonState.ALIVE, Trouble(ghosts=(GHOST,)))[0]

    assert "pid 8, 9" in commands
    assert "waiting" in waiting
    assert "10 apps are not back: a, b, c, d, e, f, g, h and 2 more" in many
    assert "8 apps are not back: a, b, c, d, e, f, g, h;" in eight
    assert "pid 5" in many
    assert many.endswith("waiting for whoever may be at work on it")
    assert "pid 7 with 2 children" in split.message
    assert "kill -9 7" in split.advice


@pytest.mark.parametrize(
    ("state", "down"),
    [
        (DaemonState.DEAD, True),
        (DaemonState.HUNG, True),
        (DaemonState.STOPPED, True),
        (DaemonState.DEAF, True),
        (DaemonState.ALIVE, False),
        (DaemonState.ENDED, False),
    ],
)
def test_a_dead_or_hung_daemon_takes_the_whole_system_down(state: DaemonState, down: bool) -> None:  # noqa: FBT001  # a case
    assert assess(Facts(0.0, state, trouble=Trouble(pid=3))).down is down


def test_a_daemon_that_hangs_is_named_in_the_report() -> None:
    sections = assess(Facts(0.0, DaemonState.HUNG, trouble=Trouble(pid=3))).sections

    assert sections["daemon"] == {"pid": 3, "version": None, "alive": False}


@pytest.mark.parametrize(
    ("cgroup", "unit", "systemd", "expected"),
    [
        ("0::/", None, False, Place(Kind.OWN_SESSION)),
        ("0::/system.slice/guard.service\n", None, False, Place(Kind.OWN_SESSION)),
        ("0::/system.slice/guard.service\n", None, True, Place(Kind.SCOPE)),
        ("0::/user.slice/session-4.scope\n", None, True, Place(Kind.OWN_SESSION)),
        ("0::/user.slice/user@0.service/app.slice/a.scope\n", None, True, Place(Kind.OWN_SESSION)),
        ("0::/", Unit("pm2-root.service", "active"), True, Place(Kind.UNIT, "pm2-root.service")),
        ("0::/", Unit("pm2-root.service", "failed"), True, Place(Kind.UNIT, "pm2-root.service")),
        ("0::/", Unit("pm2-root.service", "inactive"), True, Place(Kind.OWN_SESSION)),
        ("0::/", Unit("pm2-root.service", ""), True, Place(Kind.OWN_SESSION)),
    ],
)
def test_s17_a_new_daemon_is_never_put_into_somebody_elses_cgroup(
    cgroup: str,
    unit: Unit | None,
    systemd: bool,  # noqa: FBT001  # a case
    expected: Place,  # a case
) -> None:
    assert place(cgroup, unit, systemd=systemd) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("LoadState=not-found\nActiveState=inactive\nEnvironment=\n", None),
        ("LoadState=loaded\nActiveState=active\nEnvironment=\n", Unit("u", "active")),
        (
            "LoadState=loaded\nActiveState=failed\nEnvironment=PATH=/bin PM2_HOME=/nowhere/a\n",
            Unit("u", "failed"),
        ),
        (
            'LoadState=loaded\nActiveState=active\nEnvironment=PM2_HOME="/nowhere/a"\n',
            Unit("u", "active"),
        ),
        ("LoadState=loaded\nActiveState=active\nEnvironment=PM2_HOME=/nowhere/b\n", None),
        ("LoadState=loaded\nActiveState=active\nEnvironment=PM2_HOME=/tmp\n", None),
    ],
)
def test_s17_a_unit_of_another_home_is_not_ours(text: str, expected: Unit | None) -> None:
    assert unit_in("u", text, Path("/nowhere/a")) == expected


def test_s17_a_unit_may_name_our_home_by_another_path(tmp_path: Path) -> None:
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)

    assert unit_in("u", f"LoadState=loaded\nActiveState=active\nEnvironment=PM2_HOME={link}\n", home)
