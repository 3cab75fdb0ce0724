"""What tests of installing and starting stand on: copies of the project, and PM2 homes of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from automation.ports.clock import SystemClock
from automation.systems.pm2.wire.client import Pm2Client
from automation.systems.pm2.wire.door import NoDaemon
from tests.real_pm2 import Pm2Home

ROOT = Path(__file__).resolve().parent.parent
GUARD = "enhanced-pm2-redundancy"
ENTRY = "enhanced_pm2_redundancy.py"

# An app that does what the launch looks at, and nothing else: it reports. A file `idle` in its suite makes it
# report as after a shutdown, `refuse` makes it refuse its settings.
STAND_IN = """
import json, os, sys, time
from datetime import UTC, datetime
from pathlib import Path
suite = Path(__file__).resolve().parent.parent
logs = Path(os.environ.get("REDUNDANCY_LOGS_DIR") or "logs").resolve()
if (suite / "refuse").exists():
    raise SystemExit(3)
def text(more_s=0.0):
    return datetime.fromtimestamp(time.time() + more_s, UTC).isoformat().replace("+00:00", "Z")
def report():
    mode = "shutdown" if (suite / "idle").exists() else "active"
    return {"schema": 1, "system": "pm2", "status": "healthy", "mode": mode, "score": 1.0, "version": "0",
            "checkedAt": text(), "nextCheckAt": text(30), "startedAt": text(), "busyUntil": None,
            "findings": []}
while True:
    (logs / "new").write_text(json.dumps(report()))
    (logs / "new").replace(logs / "pm2-health-report.json")
    time.sleep(0.5)
"""


def copy_project(to: Path) -> Path:
    """Copy what a clone of the working tree would hold, without the tests."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in listed.split("\0"):
        if name and not name.startswith(("tests/", "benchmarks/")) and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name, follow_symlinks=False)
    if not (to / "README.md").exists():
        (to / "README.md").write_text("# A clone\n", "utf-8")
    return to


def small_suite(folder: Path) -> Path:
    """Make a suite that starts at once: the ecosystem files, this Python, and an app that only reports."""
    (folder / "automation").mkdir(parents=True)
    (folder / "automation" / ENTRY).write_text(STAND_IN, "utf-8")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for file in ROOT.glob("ecosystem.enhanced-redundancy*.cjs"):
        shutil.copy2(file, folder / file.name)
    (folder / "logs").mkdir()
    return folder


@contextmanager
def pm2_home(version: str = "7") -> Iterator[Pm2Home]:
    """Give a PM2 home of its own, and end what lives in it afterwards, the quick way."""
    with Pm2Home(version) as pm2:
        try:
            yield pm2
        finally:
            if pm2.daemon_pid() is not None:
                pm2.end_daemon()


def listed(pm2: Pm2Home) -> dict[str, Any]:
    """Return PM2's list by name, over its socket; empty where no daemon lives."""
    client = Pm2Client(pm2.path, SystemClock(), {})
    try:
        return {str(entry["name"]): entry for entry in client.entries()}
    except NoDaemon:
        return {}
    finally:
        client.close()


def log_of(pm2: Pm2Home, name: str) -> str:
    """Return what PM2 keeps of an app's output and errors."""
    return "".join(file.read_text("utf-8") for file in sorted((pm2.path / "logs").glob(f"{name}-*.log")))


def bystander(pm2: Pm2Home, file: Path, name: str = "bystander") -> int:
    """Start an app that is none of ours, and return its pid.

    Not by node: a daemon whose own folder was moved cannot start that.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("import time\n\ntime.sleep(600)\n", "utf-8")
    pm2.start_app(name, file, f"--interpreter={sys.executable}")
    pid: int = listed(pm2)[name]["pid"]
    return pid


Seen = TypeVar("Seen")


def eventually(what: str, look: Callable[[], Seen], timeout_s: float = 15.0) -> Seen:
    """Look until something true is seen, and return it."""
    deadline_s = time.monotonic() + timeout_s
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not seen within {timeout_s:g} s: {what}"
        time.sleep(0.05)
    return seen
