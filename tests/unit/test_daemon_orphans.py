"""Which left-over processes are provably ours to end (safety S15)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.ports.ending import Named
from automation.ports.process_table import Running
from automation.systems.pm2.daemon.ending_all import under
from automation.systems.pm2.daemon.leftover import left_over
from automation.systems.pm2.daemon.orphans import Suspect, orphans, others_orphans
from automation.systems.pm2.daemon.suspects import Scene
from automation.systems.pm2.roster import Listed, Roster, RosterHead


def process(pid: int, parent: int = 1, session: int | None = None) -> Running:
    """Return a process that leads its own session, or is of another's."""
    return Running(pid, parent, pid if session is None else session, pid * 10, 1000, "S")


ROOT = Suspect(process(50), "web", "u1", 50, cluster=False, ours_to_see=True, under_daemon=False)
SPARED = frozenset({"enhanced-pm2-redundancy"})


def ended(
    *suspects: Suspect, others: tuple[Running, ...] = (), pids: dict[str, int] | None = None
) -> list[list[int]]:
    """Return the families of the orphans, as pids."""
    table = {one.pid: one for one in (*(suspect.process for suspect in suspects), *others)}
    found = orphans(suspects, table, pids or {}, SPARED)
    return [[one.pid for one in orphan.family] for orphan in found]


def test_the_root_of_an_app_that_its_pid_file_names_is_an_orphan() -> None:
    assert ended(ROOT) == [[50]]


def test_so_is_one_that_the_roster_showed_where_a_new_daemon_took_the_pid_file() -> None:
    taken = replace(ROOT, pid_in_file=99)

    assert ended(taken) == []
    assert ended(taken, pids={"u1": 50}) == [[50]]
    assert ended(taken, pids={"u2": 50}) == []


@pytest.mark.parametrize(
    "suspect",
    [
        replace(ROOT, ours_to_see=False),
        replace(ROOT, under_daemon=True),
        replace(ROOT, other_user=True),
        replace(ROOT, name="enhanced-pm2-redundancy"),
        replace(ROOT, pid_in_file=None),
        replace(ROOT, pid_in_file=51),
        replace(ROOT, process=process(50, session=7)),
    ],
)
def test_s15_what_is_not_proven_is_left_alone(suspect: Suspect) -> None:
    assert ended(suspect) == []


def test_a_cluster_worker_leads_no_session_and_is_known_by_its_pid_file_alone() -> None:
    worker = replace(ROOT, process=process(50, session=7), cluster=True)

    assert ended(worker, others=(process(51, parent=50, session=7), process(60, session=7))) == [[50, 51]]


def test_a_family_is_what_pm2_itself_would_end() -> None:
    child = process(51, parent=50, session=50)
    grandchild = process(52, parent=51, session=52)
    reparented = process(53, parent=1, session=50)
    daemon_of_its_own = process(54, parent=1, session=54)
    stranger = process(60)
    others = (child, grandchild, reparented, daemon_of_its_own, stranger)

    assert ended(ROOT, others=others) == [[50, 51, 52, 53]]
    assert ended(replace(ROOT, treekill=False), others=others) == [[50]]


def test_a_one_time_job_that_lives_on_may_come_to_its_end() -> None:
    job = replace(ROOT, process=process(70), unique_id="u2", pid_in_file=70, name="job")
    scene = Scene({one.process.pid: one.process for one in (ROOT, job)}, (ROOT, job))
    apps = (
        Listed(0, 50, {"name": "web", "unique_id": "u1"}),
        Listed(1, 70, {"name": "job", "unique_id": "u2", "autorestart": False}),
    )

    assert [one.name for one in left_over(scene, Roster(RosterHead("b", (1, 1)), apps))] == ["web"]


def test_s6_what_is_left_over_is_known_by_the_roster_too_and_never_our_own() -> None:
    web = replace(ROOT, pid_in_file=99)  # a new daemon wrote that file anew
    guard = replace(ROOT, process=process(60), unique_id="u3", pid_in_file=60, name="enhanced-pm2-redundancy")
    scene = Scene({one.process.pid: one.process for one in (web, guard)}, (web, guard))
    apps = (
        Listed(0, 50, {"name": "web", "unique_id": "u1"}),
        Listed(1, 60, {"name": "enhanced-pm2-redundancy", "unique_id": "u3"}),
    )

    assert [one.root for one in left_over(scene, Roster(RosterHead("b", (1, 1)), apps))] == [Named(50, 500)]


def test_an_app_that_lives_on_as_another_user_is_known_by_the_rosters_pid_or_pid_file() -> None:
    other = replace(ROOT, other_user=True, pid_file="/home/app/.pm2/pids/web-0.pid")
    files = frozenset({other.pid_file})

    assert others_orphans((other,), {}, files) == {"web"}
    assert others_orphans((other,), {"u1": 50}, frozenset()) == {"web"}
    assert others_orphans((other,), {"u1": 51}, frozenset()) == frozenset()  # a pid file of its own choosing
    assert others_orphans((replace(other, other_user=False),), {"u1": 50}, files) == frozenset()
    assert others_orphans((replace(other, under_daemon=True),), {"u1": 50}, files) == frozenset()


def test_what_lives_under_a_daemon_is_ended_with_it_but_for_our_own() -> None:
    daemon, web, worker = process(10), process(50, parent=10), process(51, parent=50)
    guard, its_child = process(60, parent=10), process(61, parent=60)
    ours = replace(ROOT, process=guard, name="enhanced-pm2-redundancy")
    table = {one.pid: one for one in (daemon, web, worker, guard, its_child, process(90))}

    assert under(10, Scene(table, (ours,)), SPARED) == (Named(50, 500), Named(51, 510))
