"""What the tests of the PM2 guard stand on, unless they make a ground of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.guarding import Ground
from tests.real_pm2 import Pm2Home


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    """Give a PM2 that is recorded as ours, and a workspace."""
    ground = Ground(pm2_home)
    ground.install()
    yield ground
    ground.client.close()
