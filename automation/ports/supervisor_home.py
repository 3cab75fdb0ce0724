"""Where the process manager that runs our programs has its home; apart, so that asking costs no socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def supervisor_home(environment: Mapping[str, str]) -> Path:
    """Return PM2's home folder, as PM2 itself finds it."""
    return Path(environment.get("PM2_HOME") or Path(environment.get("HOME", "/root")) / ".pm2")
