"""Our own entries: which they are, and how `pm2 save` would write them. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from automation.systems.pm2.dump.elements import Element

Environment = Mapping[str, object]  # what PM2 calls pm2_env

SCRIPTS = {
    "enhanced-pm2-redundancy": "enhanced_pm2_redundancy.py",
    "enhanced-github-actions-redundancy": "enhanced_github_actions_redundancy.py",
    "enhanced-netlify-functions-redundancy": "enhanced_netlify_functions_redundancy.py",
    "master-redundancy-orchestrator": "master_redundancy_orchestrator.py",
}
# What `pm2 save` leaves out; with `instances` an entry would multiply when it is started (safety S12).
LEFT_OUT = frozenset({"instances", "pm_id", "prev_restart_delay"})
# What an app was started with; the rest of an entry (counts, times, versions) changes by itself.
STARTED_WITH = (
    "pm_exec_path",
    "pm_cwd",
    "args",
    "exec_interpreter",
    "exec_mode",
    "autorestart",
    "stop_exit_codes",
    "kill_timeout",
    "exp_backoff_restart_delay",
    "pm_out_log_path",
    "pm_err_log_path",
)
SETTINGS = ("REDUNDANCY_", "PM2_CHECK", "PM2_MAX", "PM2_BACKUP", "PM2_HOME", "GITHUB_", "NETLIFY_", "PATH")


def is_ours(entry: Environment, suites: Collection[str]) -> bool:
    """Tell whether an entry is of one of these suites: it has a name of ours and runs that suite's file.

    A stranger's app that bears the name is not ours (safety S18).
    """
    script = SCRIPTS.get(str(entry.get("name", "")))
    if script is None:
        return False
    runs = str(entry.get("pm_exec_path", ""))
    return any(runs == str(PurePosixPath(suite) / "automation" / script) for suite in suites)


def as_saved(entry: Environment) -> dict[str, object]:
    """Return an entry of PM2's list in the form in which `pm2 save` writes it."""
    return {key: value for key, value in entry.items() if key not in LEFT_OUT}


def own_entries(
    listed: Iterable[Mapping[str, object]], suites: Collection[str]
) -> tuple[dict[str, object], ...]:
    """Return our entries of PM2's list, as they should be saved; the newest where a name is there twice."""
    found: dict[str, dict[str, object]] = {}
    for one in listed:
        entry = one.get("pm2_env")
        if isinstance(entry, Mapping) and is_ours(entry, suites):
            found[str(entry["name"])] = as_saved(entry)
    return tuple(found.values())


def fingerprints(entries: Iterable[Environment]) -> dict[str, int]:
    """Return, by name, what tells whether two entries would start the same; no value can be read from it."""
    return {str(entry.get("name", "")): _fingerprint(entry) for entry in entries}


def saved_fingerprints(saved: Iterable[Element], suites: Collection[str]) -> dict[str, int]:
    """Return the fingerprints of our entries in a dump."""
    return fingerprints(one.value for one in saved if is_ours(one.value, suites))


def _fingerprint(entry: Environment) -> int:
    env = entry.get("env")
    settings = {
        key: value
        for key, value in (env.items() if isinstance(env, Mapping) else ())
        if key.startswith(SETTINGS)
    }
    started_with = {key: entry.get(key) for key in STARTED_WITH}
    text = json.dumps([started_with, settings], sort_keys=True, default=str)
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
