"""What PM2's `prepare` may be given of an entry, so that an app comes back as it was (safety S12). Pure."""

from __future__ import annotations

from collections.abc import Mapping

# With `instances` an entry multiplies, with the old `created_at` PM2's own restart limit never applies, and
# the ids and delays are the old ones'.
LEFT_OUT = frozenset({"pm_id", "instances", "created_at", "prev_restart_delay"})


def prepared(env: Mapping[str, object], *, runs: bool = True) -> dict[str, object]:
    """Return an entry's environment as `prepare` may have it: it starts it, or only lists it as stopped."""
    kept = {key: value for key, value in env.items() if key not in LEFT_OUT}
    return kept | {"status": "launching" if runs else "stopped"}
