"""What the four programs cost together, idle, beside `pm2 jlist`: `python -m benchmarks.suite`.

Real PM2 with 50 apps; the four programs guard a workspace with a workflow and a function, without tokens.
Prints the resident memory of each and of all, and the wall time of each `status` beside that of `pm2 jlist`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.pm2_guard import ROOT, environment, pm2_with, resident_mb, say, status_ratio

SCRIPTS = {
    "pm2": "enhanced_pm2_redundancy.py",
    "github": "enhanced_github_actions_redundancy.py",
    "netlify": "enhanced_netlify_functions_redundancy.py",
    "master": "master_redundancy_orchestrator.py",
}
WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n"
SETTLE_S = 20.0


def prepare(workspace: Path) -> None:
    """Give the guards something to guard."""
    for name, text in (
        (".github/workflows/ci.yml", WORKFLOW),
        ("netlify.toml", '[functions]\n  directory = "functions"\n'),
        ("functions/hello.js", "exports.handler = async () => ({ statusCode: 200 });\n"),
        ("logs/.keep", ""),
    ):
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text, "utf-8")


def main() -> int:
    """Measure, and print."""
    with pm2_with(50) as home:
        workspace = home.parent / "workspace"
        prepare(workspace)
        extra = environment(home) | {"REDUNDANCY_WORKSPACE": str(workspace)}
        with (workspace / "logs" / "all.log").open("wb") as out:
            running = {
                name: subprocess.Popen(
                    [sys.executable, str(ROOT / "automation" / script), "start"],
                    env=extra,
                    stdout=out,
                    stderr=out,
                )
                for name, script in SCRIPTS.items()
            }
        time.sleep(SETTLE_S)
        resident = {name: resident_mb(child.pid) for name, child in running.items()}
        for name, figure in resident.items():
            say(f"{name}: resident", figure, "MB")
        say("all four: resident", sum(resident.values()), "MB", 150)
        for name, script in SCRIPTS.items():
            ours, theirs = status_ratio(home, ROOT / "automation" / script)
            say(f"{name}: status / pm2 jlist", ours / theirs, "x", 0.5)
        for child in running.values():
            child.terminate()
        for child in running.values():
            child.wait(timeout=30)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
