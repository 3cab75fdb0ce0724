"""How often the production deploy failed in a row. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from automation.systems.netlify.records import Deploy

_FAILED = "error"
# Netlify ends with `error` also what somebody, or the build's own rule, called off.
_CALLED_OFF = re.compile(r"no content change|cancell?ed|skipped", re.IGNORECASE)


def failed_in_a_row(deploys: Iterable[Deploy], published: Deploy | None) -> tuple[Deploy, ...]:
    """Return the failed production deploys since the last good one, newest first.

    What is under way tells nothing yet; what was called off, or refused by a reviewer, was somebody's wish.
    """
    found: list[Deploy] = []
    for deploy in sorted(deploys, key=lambda one: one.created_at_s or 0.0, reverse=True):
        if not deploy.is_production:
            continue
        if deploy.is_ready or (published is not None and deploy.id == published.id):
            break
        if deploy.state == _FAILED and not _CALLED_OFF.search(deploy.error_message or ""):
            found.append(deploy)
    return tuple(found)
