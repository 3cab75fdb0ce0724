"""The `file` probe: an app that works changes a file now and then."""

from __future__ import annotations

from pathlib import Path

from automation.ports.talking import Said, Verdict


def changed(path: Path, within_s: float, started_at_s: float, now_s: float) -> Said:
    """Tell whether a file changed within so long; an app that started later is given as long to begin.

    All moments are seconds since 1970. A change in the future, after the clock was set back, counts by its
    distance. May block where the disk does.
    """
    ages = [abs(now_s - started_at_s)]
    try:
        ages.append(abs(now_s - path.stat().st_mtime))
    except FileNotFoundError:
        said = "it was never written"
    except (OSError, ValueError) as error:
        return Said(Verdict.UNKNOWN, f"cannot be looked at: {getattr(error, 'strerror', None) or 'no path'}")
    else:
        said = f"it was last written {ages[-1]:.0f} s ago"
    return Said(Verdict.WELL if min(ages) <= within_s else Verdict.FAILED, said)
