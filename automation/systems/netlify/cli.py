"""Running Netlify's own command line, where it is installed: quiet, with a time limit, no token shown."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from automation.core import redact
from automation.core.errors import EffectFailed
from automation.ports.commands import Commands, Ran
from automation.systems.netlify.access import Access

LOCAL = "node_modules/.bin/netlify"
MISSING = "netlify-cli is not installed; `npm install --save-dev netlify-cli` puts it into node_modules"
# CI switches off telemetry, error reports and questions.
QUIET = {"CI": "true", "NO_COLOR": "1"}
LINES_SHOWN = 15
LINE_CAP = 300


def find(workspace: Path, environment: Mapping[str, str]) -> str:
    """Return the program: the project's own, else the one on PATH.

    Raises:
        EffectFailed: There is none.
    """
    own = (workspace / LOCAL).absolute()
    if own.is_file() and os.access(own, os.X_OK):
        return str(own)
    found = shutil.which("netlify", path=environment.get("PATH"))
    if found is None:
        raise EffectFailed(MISSING, retryable=False)
    return found


def run(
    commands: Commands,
    program: str,
    argv: Sequence[str],
    *,
    access: Access,
    workspace: Path,
    timeout_s: float,
) -> Ran:
    """Run it to its end, whatever its status; token and site go by the environment, never as an argument.

    Raises:
        CommandFailed: It cannot be run.
        CommandTimedOut: It did not end in time, and was killed.
    """
    given = {
        "NETLIFY_AUTH_TOKEN": access.token,
        "NETLIFY_SITE_ID": access.site_id,
        "NETLIFY_API_URL": access.api_url,
    }
    environment = QUIET | {name: value for name, value in given.items() if value}
    return commands.run(program, *argv, timeout_s=timeout_s, cwd=workspace, env=environment)


def last_lines(ran: Ran, access: Access) -> list[str]:
    """Return the end of what it said, fit to be shown."""
    secrets = frozenset({access.token} if access.token else ())
    lines = [line.rstrip() for line in f"{ran.stdout}\n{ran.stderr}".splitlines() if line.strip()]
    return [redact.text(line, secrets)[:LINE_CAP] for line in lines[-LINES_SHOWN:]]


def deploy_id_of(ran: Ran) -> str:
    """Return the id of the deploy that `deploy --json` made.

    Raises:
        EffectFailed: It did not say one.
    """
    start = ran.stdout.find("{")
    try:
        said = json.loads(ran.stdout[start:]) if start >= 0 else {}
    except (ValueError, RecursionError):
        said = {}
    found = said.get("deploy_id") if isinstance(said, dict) else None
    if not isinstance(found, str) or not found:
        raise EffectFailed(
            "the netlify command did not say which deploy it made; look at the site's deploys",
            retryable=False,
        )
    return found
