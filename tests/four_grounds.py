"""A workspace with something to guard for each of the three guards and the master, and their programs."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.engine.console import main
from automation.engine.system import System

GUARDS = ("pm2", "github", "netlify")
FOLDERS = {
    "pm2": "pm2",
    "github": "github-actions",
    "netlify": "netlify-functions",
    "master": "master",
}
# One file of each that its guard can judge, and a form of it that is broken.
JUDGED = {
    "pm2": ("ecosystem.config.cjs", "module.exports = { apps: [] };\n", "module.exports = {"),
    "github": (
        ".github/workflows/ci.yml",
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo\n",
        "on: push\njobs: [",
    ),
    "netlify": ("netlify.toml", '[build]\nfunctions = "functions"\n', "[build"),
    "master": ("automation/redundancy-config.json", "{}\n", "{"),
}
DUMP = json.dumps([{"name": "web", "pm_exec_path": "/srv/web.js"}])


@dataclass
class Four:
    """The workspace, and the home of a PM2 that does not run."""

    workspace: Path
    home: Path

    def fill(self) -> None:
        """Write all that is guarded."""
        for path, good, _ in JUDGED.values():
            self.write(path, good)
        self.write("functions/hello.mjs", "export default () => new Response('hi');\n")
        self.home.mkdir(exist_ok=True)
        (self.home / "dump.pm2").write_text(DUMP, "utf-8")

    def write(self, path: str, text: str) -> None:
        """Write one file of the workspace."""
        full = self.workspace / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text, "utf-8")

    def read(self, path: str) -> str:
        """Read one file of the workspace."""
        return (self.workspace / path).read_text("utf-8")

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of one of the four programs, in this process."""
        system: System = importlib.import_module(f"automation.systems.{name}").SYSTEM
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(system, ["--workspace", str(self.workspace), *words])
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())

    def said(self, name: str, *words: str) -> Any:  # noqa: ANN401  # JSON
        """Run a command and return its document."""
        return json.loads(self.run(name, *words, "--json").stdout)

    def snapshots(self, name: str) -> list[dict[str, Any]]:
        """Return the snapshots of a system, oldest first."""
        rows: list[dict[str, Any]] = self.said(name, "backups")
        return rows

    def folder(self, name: str) -> Path:
        """Return where the snapshots of a system lie."""
        return self.workspace / "backups" / FOLDERS[name]

    def latest(self, name: str) -> str:
        """Return what `latest` points to."""
        return str((self.folder(name) / "latest").readlink())
