"""How often a daemon may be ended without being told to."""

from __future__ import annotations

import pytest

from automation.core.errors import StepRefused
from automation.systems.pm2.daemon.kill_all import AUTOMATIC, ONCE_IN_S, KillAll, automatic


@pytest.mark.parametrize("nonce", [AUTOMATIC, "6f1c"])
def test_s9_no_daemon_is_ended_automatically_within_a_day_of_any_other_kill(nonce: str) -> None:
    # There is one record: a kill by hand or in an emergency takes the place of an automatic one before it.
    last = KillAll(nonce, 1000.0)

    with pytest.raises(StepRefused, match="24 h"):
        automatic(last, 1000.0 + ONCE_IN_S - 1)
    assert automatic(last, 1000.0 + ONCE_IN_S) == KillAll(AUTOMATIC, 1000.0 + ONCE_IN_S)
    assert automatic(None, 5.0) == KillAll(AUTOMATIC, 5.0)
