"""What tests of the Netlify guard stand on: a site's workspace, git where wanted, and the program."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.ports.clock import SteppedClock
from automation.systems.netlify import SYSTEM
from automation.systems.netlify.observer import NetlifyObserver, connect
from tests.fake_netlify import SITE_ID, TOKEN, FakeNetlify
from tests.service_ground import ROOT, ServiceGround

SCRIPT = ROOT / "automation" / "enhanced_netlify_functions_redundancy.py"
FOLDER = "netlify/functions"
MANIFEST = f"{FOLDER}/functions-manifest.json"

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
class Ground(ServiceGround):
    """One workspace with a site."""

    SYSTEM = SYSTEM
    SECTION = "netlify"
    INTERVAL = "NETLIFY_CHECK_INTERVAL"

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

    def commit(self, *paths: str) -> None:
        """Commit all of the site that is there, as if long ago."""
        there = [path for path in ("netlify", "netlify.toml", "public", *paths) if self.has(path)]
        self.commit_all(*there)

    def has(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return (self.workspace / path).exists()

    def asks(self, fake: FakeNetlify, **more: str) -> None:
        """Let the programs ask this Netlify."""
        asked = {"NETLIFY_API_URL": fake.url, "NETLIFY_SITE_ID": SITE_ID, "NETLIFY_AUTH_TOKEN": TOKEN}
        self.environment |= asked | more

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

    def observer(self, clock: SteppedClock | None = None) -> NetlifyObserver:
        """Return the eyes of a guard."""
        return connect(self.context(clock or SteppedClock(time.time())))

    def check(self, **more: str) -> dict[str, Any]:
        """Return what `check --json` says."""
        said: dict[str, Any] = json.loads(self.run("check", "--json", **more).stdout)
        return said

    def problems(self, **more: str) -> list[tuple[str, str]]:
        """Return what `check` finds: problem and subject."""
        return [(one["problem"], one["subject"]) for one in self.check(**more)["findings"]]

    def logged(self) -> list[dict[str, Any]]:
        """Return what the guard logged."""
        lines = (self.workspace.parent / "guard.log").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


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
