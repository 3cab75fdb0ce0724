"""Ways in which the recovery of PM2's daemon could do harm, or nothing, and does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automation.systems.pm2.daemon.ending_all import under
from automation.systems.pm2.daemon.suspects import survey
from automation.systems.pm2.process import OWN_APPS
from tests.guarding import Ground
from tests.real_pm2 import Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    ground.install()
    yield ground
    ground.client.close()


def test_s15_a_guard_that_ends_the_daemon_above_it_does_not_end_itself(ground: Ground) -> None:
    ground.home.start_app("web")
    ground.home.start_app("enhanced-pm2-redundancy")
    daemon = ground.home.daemon_pid()
    assert daemon is not None
    web, guard = ground.one("web").pid, ground.one("enhanced-pm2-redundancy").pid
    ended = {one.pid for one in under(daemon, survey(ground.home.path, ourselves=guard), OWN_APPS)}

    assert web in ended
    assert guard not in ended
