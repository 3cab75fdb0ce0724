"""Which site: from the settings, else from what `netlify link` left in the workspace."""

from __future__ import annotations

import json
import re

STATE_FILE = ".netlify/state.json"
STATE_CAP_BYTES = 64 * 1024

_SITE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def site_id_of(setting: str | None, state_file: bytes | None) -> str | None:
    """Return the site's id; None where nobody says it.

    Args:
        setting: NETLIFY_SITE_ID: an id, or the site's address (`name.netlify.app`): the API takes both.
        state_file: The bytes of STATE_FILE; None where there is none.

    Raises:
        ValueError: What the setting or the file says is no id: a one-line message.
    """
    if setting and setting.strip():
        return _checked(setting.strip(), "NETLIFY_SITE_ID")
    if state_file is None:
        return None
    try:
        tree = json.loads(state_file)
    except (ValueError, RecursionError):
        raise ValueError(f"{STATE_FILE}: not JSON; run `netlify link`, or set NETLIFY_SITE_ID") from None
    found = tree.get("siteId") if isinstance(tree, dict) else None
    return None if found in (None, "") else _checked(found, f"{STATE_FILE}: siteId")


def _checked(value: object, where: str) -> str:
    if not isinstance(value, str) or not _SITE_ID.fullmatch(value):
        raise ValueError(f"{where}: expected the id that the site's settings page shows")
    return value
