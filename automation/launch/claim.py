"""Making sure that this user and workspace may change anything here, and writing it down (safety S18)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

from automation.core.errors import NotAllowed, RecordDamaged
from automation.core.moments import to_text
from automation.launch.doors import Doors, folders
from automation.launch.places import Places
from automation.ports import process
from automation.stores import installation
from automation.stores.installation import Here, Installation, Verdict


def check(places: Places) -> tuple[Verdict, Installation | None]:
    """Find out whether anything may be changed here; returns the record to go on from.

    Raises:
        NotAllowed: It may not; the message says who holds it, and the way out.
        RecordDamaged: A record cannot be used.
    """
    owns = process.owns(places.pm2_home), process.owns(places.workspace)
    if not any(owns):
        raise NotAllowed(_refusal(Verdict.WRONG_USER, places, None))
    mine = installation.read(installation.workspace_path(places.logs))
    twin = installation.read(installation.home_path(places.pm2_home))
    here = Here(
        str(places.pm2_home),
        str(places.suite),
        owns_home=owns[0],
        owns_workspace=owns[1],
        twin_lives=twin is not None and _lives(twin),
        own_home_lives=mine is not None and _twin_is_there(mine),
    )
    verdict = installation.judge(mine, twin, here)
    if verdict in {Verdict.HELD, Verdict.OTHER_HOME, Verdict.WRONG_USER}:
        raise NotAllowed(_refusal(verdict, places, twin if verdict is Verdict.HELD else mine))
    return verdict, (twin if twin is not None and twin.suite == str(places.suite) else mine)


def _lives(twin: Installation) -> bool:
    """Tell whether the suite that the twin names is still where it says."""
    return (Path(twin.suite) / "automation").is_dir()


def _twin_is_there(mine: Installation) -> bool:
    try:
        twin = installation.read(installation.home_path(Path(mine.pm2_home)))
    except RecordDamaged:
        return False
    return twin is not None and twin.uuid == mine.uuid


def _refusal(verdict: Verdict, places: Places, holder: Installation | None) -> str:
    if verdict is Verdict.WRONG_USER:
        return (
            f"user {process.uid()} owns neither {places.pm2_home} nor {places.workspace}; "
            "run this as the user who does, or set PM2_HOME to a folder of your own"
        )
    if verdict is Verdict.HELD and holder is not None:
        return (
            f"{places.pm2_home} is guarded by the suite in {holder.suite}; to use this one instead: "
            f"{holder.suite}/automation/start-enhanced-redundancy.sh --stop"
        )
    home = holder.pm2_home if holder is not None else "another folder"
    return (
        f"{places.suite} is installed for PM2_HOME={home}, not {places.pm2_home}; run it with that one, "
        f"or first with that one and --stop"
    )


def record(places: Places, doors: Doors, verdict: Verdict, known: Installation | None) -> Installation:
    """Write the installation down, where anything of it is new.

    Raises:
        EffectFailed: It cannot be written.
    """
    folders(places)
    now = Installation(
        uuid=str(uuid.uuid4()),
        uid=process.uid(),
        pm2_home=str(places.pm2_home),
        node=places.node,
        pm2=places.pm2,
        workspace=str(places.workspace),
        suite=str(places.suite),
        created_at=to_text(doors.clock.now_s()),
    )
    if known is not None and verdict is not Verdict.NEW:
        now = replace(now, uuid=known.uuid, created_at=known.created_at)
    installation.record(now, places.logs)
    return now
