"""What a dead daemon left over that is to be ended: of the apps that come back, the old processes. Pure."""

from __future__ import annotations

from automation.systems.pm2.daemon.orphans import Orphan, orphans
from automation.systems.pm2.daemon.suspects import Scene
from automation.systems.pm2.process import OURS, processes
from automation.systems.pm2.roster import Roster


def left_over(scene: Scene, roster: Roster) -> tuple[Orphan, ...]:
    """Return the orphans that may be ended (safety S15), but for one-time jobs.

    An app with `autorestart: false` is not started again, so whatever of it lives on may come to its end.
    """
    one_time = {
        str(one.env.get("unique_id", ""))
        for one in roster.apps
        if not processes([{"pm2_env": one.env}])[0].autorestart
    }
    found = orphans(scene.suspects, scene.table, roster.last_pids(), OURS)
    return tuple(one for one in found if one.unique_id not in one_time)
