"""What tests of the Netlify guard stand on: a site's workspace, git where wanted, and the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automation.engine.context import Context, build, prepare_folders
from automation.ports.clock import SteppedClock
from automation.systems.netlify import SYSTEM
from automation.systems.netlify.observer import NetlifyObserver, connect
from tests.fake_netlify import SITE_ID, TOKEN, FakeNetlify

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "automation" / "enhanced_netlify_functions_redundancy.py"
FOLDER = "netlify/functions"
MANIFEST = f"{FOLDER}/functions-manifest.json"
PATIENCE_S = 25.0
LONG_AGO_S = 3600.0
AUTHOR = ("-c", "user.name=Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")

HELLO = b'export default async () => new Response("hello");\n'
ORDER = b"exports.handler = async () => ({ statusCode: 200, body: 'ordered' });\n"
BROKEN = b"exports.handler = async () => {\n"
TOML = b'[build]\npublish = "public"\n\n[functions.nightly]\nschedule = "@daily"\n'
BROKEN_TOML = b'[build]\npublish = "public\n'

# Stands in for netlify-cli, which takes 400 MB and asks hosts that a test has not: it writes down how it was
# called, and lets the small Netlify begin a deploy. `cli.json` says how it ends.
STAND_IN = """#!{python}
import json, os, sys, urllib.request
with open("cli-calls.jsonl", "a") as calls:
    named = {{name: os.environ[name] for name in os.environ if name.startswith("NETLIFY") or name == "CI"}}
    calls.write(json.dumps({{"argv": sys.argv[1:], "environment": named}}) + "\\n")
wanted = json.load(open("cli.json")) if os.path.exists("cli.json") else {{}}
print(wanted.get("says", "Netlify Build"), os.environ.get("NETLIFY_AUTH_TOKEN", ""), file=sys.stderr)
if wanted.get("status"):
    sys.exit(wanted["status"])
if sys.argv[1] == "deploy" and "prints" not in wanted:
    request = urllib.request.Request(
        os.environ["NETLIFY_API_URL"] + "/sites/" + os.environ["NETLIFY_SITE_ID"] + "/builds",
        method="POST",
        headers={{"Authorization": "Bearer " + os.environ["NETLIFY_AUTH_TOKEN"]}},
    )
    with urllib.request.urlopen(request) as answer:
        print(json.dumps({{"deploy_id": json.load(answer)["deploy_id"], "site_name": "example"}}, indent=2))
print(wanted.get("prints", ""))
"""


@dataclass
class Ground:
    """One workspace, and the environment that its programs get."""

    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, data: bytes) -> Path:
        """Write a file of the workspace as if long ago."""
        full = self.workspace / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data)
        self.age(full)
        return full

    def function(self, name: str, data: bytes = HELLO) -> Path:
        """Write a function as if long ago."""
        return self.write(f"{FOLDER}/{name}", data)

    def site(self) -> None:
        """Write a small site: two functions, netlify.toml, and what is published."""
        self.function("hello.mjs")
        self.function("order.js", ORDER)
        self.write("netlify.toml", TOML)
        self.write("public/index.html", b"<h1>Hello</h1>\n")

    def age(self, *paths: Path) -> None:
        """Let files have been written long ago."""
        then_s = time.time() - LONG_AGO_S
        for path in paths:
            os.utime(path, (then_s, then_s))

    def git(self, *argv: str) -> str:
        """Run git in the workspace."""
        ran = subprocess.run(
            ["git", *AUTHOR, *argv],
            cwd=self.workspace,
            capture_output=True,
            text=True,
            check=True,
            timeout=15,
        )
        return ran.stdout.strip()

    def commit(self, *paths: str) -> None:
        """Commit all of the site that is there, as if long ago."""
        if not (self.workspace / ".git").exists():
            self.git("init", "-q", "-b", "main")
        there = [path for path in ("netlify", "netlify.toml", "public", *paths) if self.has(path)]
        self.git("add", "-A", "--", *there)
        self.git("commit", "-qm", "a change")
        self.git_rests()

    def has(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return (self.workspace / path).exists()

    def git_rests(self) -> None:
        """Let git have been at work long ago."""
        folder = self.workspace / ".git"
        self.age(
            folder / "HEAD", folder / "index", folder / "logs" / "HEAD", folder / "refs" / "heads" / "main"
        )

    def asks(self, fake: FakeNetlify, **more: str) -> None:
        """Let the programs ask this Netlify."""
        asked = {"NETLIFY_API_URL": fake.url, "NETLIFY_SITE_ID": SITE_ID, "NETLIFY_AUTH_TOKEN": TOKEN}
        self.environment |= asked | more

    def settings(self, **keys: object) -> None:
        """Write the settings file's section."""
        path = self.workspace / "automation" / "redundancy-config.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"netlify": keys}), "utf-8")

    def has_cli(self, **wanted: object) -> None:
        """Put the stand-in for netlify-cli on PATH, and say how it ends."""
        folder = self.workspace.parent / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "netlify"
        program.write_text(STAND_IN.format(python=sys.executable), "utf-8")
        program.chmod(0o755)
        self.environment["PATH"] = f"{folder}:{os.environ['PATH']}"
        (self.workspace / "cli.json").write_text(json.dumps(wanted), "utf-8")

    def cli_calls(self) -> list[dict[str, Any]]:
        """Return how the stand-in was called."""
        path = self.workspace / "cli-calls.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    @property
    def report(self) -> dict[str, Any]:
        """Return the report."""
        said: dict[str, Any] = json.loads((self.workspace / "logs" / SYSTEM.report).read_text("utf-8"))
        return said

    def acts(self) -> list[tuple[str, bool, str]]:
        """Return what was done: step, success, detail."""
        path = self.workspace / "logs" / "audit.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        return [(one["step"], one["ok"], one["detail"]) for one in records if one["event"] == "acted"]

    # In this process, with a clock of its own.

    def context(self, clock: SteppedClock) -> Context:
        """Return the context of a guard, its folders made."""
        made = build(SYSTEM, self.workspace, self.environment, clock)
        prepare_folders(made.layout)
        return made

    def observer(self, clock: SteppedClock | None = None) -> NetlifyObserver:
        """Return the eyes of a guard."""
        return connect(self.context(clock or SteppedClock(time.time())))

    # As the real program.

    def program_environment(self, **more: str) -> dict[str, str]:
        """Return what the program is started with."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        return kept | {"REDUNDANCY_WORKSPACE": str(self.workspace)} | self.environment | more

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program, from another folder."""
        return subprocess.run(
            [sys.executable, str(SCRIPT), *words],
            cwd=ROOT.parent,
            env=self.program_environment(**more),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def check(self, **more: str) -> dict[str, Any]:
        """Return what `check --json` says."""
        said: dict[str, Any] = json.loads(self.run("check", "--json", **more).stdout)
        return said

    def problems(self, **more: str) -> list[tuple[str, str]]:
        """Return what `check` finds: problem and subject."""
        return [(one["problem"], one["subject"]) for one in self.check(**more)["findings"]]

    @contextmanager
    def started(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start the guard, and end it with a signal; its log is `guard.log` beside the workspace."""
        settings = {"NETLIFY_CHECK_INTERVAL": "1s"} | more
        with (self.workspace.parent / "guard.log").open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, str(SCRIPT)],
                env=self.program_environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        try:
            eventually("the guard reports", lambda: child.poll() is not None or self._is_of(child.pid))
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(timeout=15)

    def logged(self) -> list[dict[str, Any]]:
        """Return what the guard logged."""
        lines = (self.workspace.parent / "guard.log").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _is_of(self, pid: int) -> bool:
        try:
            return bool(self.report["pid"] == pid)
        except (OSError, ValueError):
            return False


class EndingNetlify(FakeNetlify):
    """A small Netlify whose builds end at once, as told."""

    ends_as = "ready"
    locks_the_live_one = False

    def _build(self, query: Any) -> Any:  # noqa: ANN401  # as the fake has it
        reply = super()._build(query)
        deploy_id = next(reversed(self.deploys))
        if self.locks_the_live_one and self.published_id:
            self.deploys[self.published_id]["locked"] = True
        self.finish(deploy_id, self.ends_as, "Build failed" if self.ends_as == "error" else None)
        return reply


def eventually(what: str, look: Callable[[], Any]) -> Any:  # noqa: ANN401  # as `look`
    """Look until something true is seen, and return it."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (seen := look()):
        assert time.monotonic() < deadline_s, f"not seen within {PATIENCE_S:g} s: {what}"
        time.sleep(0.02)
    return seen
