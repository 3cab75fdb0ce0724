"""A small GitHub on 127.0.0.1 that remembers: workflows, runs, dispatches, re-runs, ETags, limits, faults.

Its records are GitHub's own published examples with a few fields replaced, and each request and answer is
judged by GitHub's published description: `violations` must stay empty.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_service import FakeService, Fault, Request
from tests.openapi_judge import Judge, judge_of

DESCRIPTIONS = Path(__file__).parent / "node-openapi" / "node_modules" / "@octokit" / "openapi" / "generated"
ACTIONS = "/repos/{owner}/{repo}/actions"
PATHS = (
    f"{ACTIONS}/workflows",
    f"{ACTIONS}/workflows/{{workflow_id}}/runs",
    f"{ACTIONS}/workflows/{{workflow_id}}/dispatches",
    f"{ACTIONS}/runs",
    f"{ACTIONS}/runs/{{run_id}}",
    f"{ACTIONS}/runs/{{run_id}}/rerun-failed-jobs",
)
EXAMPLES = ("workflow-paginated", "workflow-run-paginated")
VERSIONS = {
    "api.github.com": ("2022-11-28", "2026-03-10"),
    "ghes-3.19": ("2022-11-28",),
}
RERUNS_CAP = 50

Edition = Literal["api.github.com", "ghes-3.19"]
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: object = None

    @property
    def data(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


class FakeGitHub(FakeService):
    """One repository. Use it as a context manager; `url` is what GITHUB_API_URL would be."""

    TOKEN = "token-of-the-fake"  # noqa: S105  # opens nothing

    def __init__(
        self,
        *,
        edition: Edition = "api.github.com",
        repository: str = "octo-org/octo-repo",
        token: str | None = TOKEN,
    ) -> None:
        super().__init__("" if edition == "api.github.com" else "/api/v3")
        self.repository = repository
        self.token = token
        self.branches = {"main"}
        self.runs_appear_after = 0
        self.rate_remaining = 5000
        self.workflows: dict[int, Record] = {}
        self.runs: dict[int, Record] = {}
        self._not_dispatchable: set[int] = set()
        self._hidden: dict[int, int] = {}
        self._edition = edition
        self._judge: Judge = judge_of(DESCRIPTIONS / f"{edition}.json", PATHS, EXAMPLES)

    # What a test arranges.

    def add_workflow(self, file: str, *, state: str = "active", dispatchable: bool = True) -> int:
        """Register `.github/workflows/FILE` and return its id."""
        workflow_id = 1000 + len(self.workflows)
        record = self._judge.example("workflow-paginated")["workflows"][0]
        record |= {"id": workflow_id, "name": file, "path": f".github/workflows/{file}", "state": state}
        self.workflows[workflow_id] = record
        if not dispatchable:
            self._not_dispatchable.add(workflow_id)
        return workflow_id

    def add_run(self, workflow_id: int, **replaced: object) -> int:
        """Add a run, completed and successful unless told otherwise, and return its id."""
        run_id = 5000 + len(self.runs)
        moment = self._moment()
        record = self._judge.example("workflow-run-paginated")["workflow_runs"][0]
        record |= {
            "id": run_id,
            "workflow_id": workflow_id,
            "path": f"{self.workflows[workflow_id]['path']}@main",
            "head_branch": "main",
            "status": "completed",
            "conclusion": "success",
            "created_at": moment,
            "run_started_at": moment,
            "updated_at": moment,
            "html_url": f"https://github.com/{self.repository}/actions/runs/{run_id}",
        }
        self.runs[run_id] = record | replaced
        return run_id

    def finish(self, run_id: int, conclusion: str) -> None:
        """End a run."""
        ended = {"status": "completed", "conclusion": conclusion, "updated_at": self._moment()}
        self.runs[run_id] |= ended

    # What a client asks.

    def answer_to(self, asked: Request, fault: Fault) -> tuple[int, Mapping[str, str], bytes]:
        """Return what GitHub answers, or the fault's own answer."""
        now = {"Date": formatdate(self.now_s, usegmt=True)}
        if fault.status is not None:
            return fault.status, now | dict(fault.headers), fault.body
        sent = dict(asked.headers.items())
        self.violations += self._judge.of_request(asked.method, asked.target, sent, asked.body)
        headers, data, reply = self._with_headers(asked, self._reply(asked))
        self.violations += self._judge.of_answer(asked.method, asked.target, reply.status, headers, data)
        return reply.status, now | headers, data

    def _with_headers(self, asked: Request, reply: _Reply) -> tuple[dict[str, str], bytes, _Reply]:
        """Return headers and body; an unchanged body becomes 304, and costs nothing."""
        data = reply.data
        headers: dict[str, str] = {}
        if asked.method == "GET" and reply.status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(data).hexdigest()}"'
            if asked.headers.get("If-None-Match") == headers["ETag"]:
                data, reply = b"", _Reply(304)
        if reply.status != 304:
            self.rate_remaining -= 1
        if data:
            headers["Content-Type"] = "application/json; charset=utf-8"
        headers |= {
            "X-RateLimit-Remaining": str(self.rate_remaining),
            "X-RateLimit-Reset": str(int(self.now_s) + 3600),
        }
        return headers, data, reply

    def _reply(self, asked: Request) -> _Reply:
        refused = self._refused(asked)
        if refused is not None:
            return refused
        parts = urlsplit(asked.target)
        names = unquote(parts.path).removeprefix(f"/repos/{self.repository}/actions/").split("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        answers: dict[tuple[str, ...], Callable[[], _Reply]] = {
            ("GET", "workflows"): lambda: self._list("workflows", list(self.workflows.values()), query),
            ("GET", "runs"): lambda: self._list_runs(query, None),
            ("GET", "runs", "*"): lambda: self._one_run(names[1]),
            ("GET", "workflows", "*", "runs"): lambda: self._list_runs(query, names[1]),
            ("POST", "workflows", "*", "dispatches"): lambda: self._dispatch(names[1], asked),
            ("POST", "runs", "*", "rerun-failed-jobs"): lambda: self._rerun(names[1]),
        }
        pattern = (asked.method, *("*" if index == 1 else name for index, name in enumerate(names)))
        return answers.get(pattern, lambda: _refusal(404, "Not Found"))()

    def _refused(self, asked: Request) -> _Reply | None:
        sent = asked.headers.get("Authorization")
        if self.token is not None and sent is not None and sent != f"Bearer {self.token}":
            return _refusal(401, "Bad credentials")
        if not asked.target.startswith(f"/repos/{self.repository}/") or (self.token and sent is None):
            return _refusal(404, "Not Found")
        if asked.headers.get("X-GitHub-Api-Version", "2022-11-28") not in VERSIONS[self._edition]:
            return _refusal(400, "This version of the API is not supported")
        return None

    def _list(self, name: str, records: list[Record], query: Mapping[str, str]) -> _Reply:
        per_page, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        shown = records[(page - 1) * per_page : page * per_page]
        return _Reply(200, {"total_count": len(records), name: shown})

    def _list_runs(self, query: Mapping[str, str], workflow: str | None) -> _Reply:
        chosen = [run for run in self.runs.values() if self._is_visible(run["id"])]
        if workflow is not None:
            wanted = self._workflow(workflow)
            if wanted is None:
                return _refusal(404, "Not Found")
            chosen = [run for run in chosen if run["workflow_id"] == wanted["id"]]
        for name, key in (("event", "event"), ("branch", "head_branch"), ("status", "status")):
            if name in query:
                chosen = [run for run in chosen if run[key] == query[name]]
        chosen.sort(key=lambda run: (run["created_at"], run["id"]), reverse=True)
        return self._list("workflow_runs", chosen, query)

    def _is_visible(self, run_id: int) -> bool:
        """Tell whether a run is listed yet; each look brings a hidden one nearer."""
        left = self._hidden.get(run_id, 0)
        self._hidden[run_id] = max(left - 1, 0)
        return left == 0

    def _one_run(self, run_id: str) -> _Reply:
        run = self.runs.get(int(run_id)) if run_id.isdigit() else None
        return _refusal(404, "Not Found") if run is None else _Reply(200, run)

    def _workflow(self, name: str) -> Record | None:
        for workflow in self.workflows.values():
            if name in (str(workflow["id"]), Path(workflow["path"]).name):
                return workflow
        return None

    def _dispatch(self, name: str, asked: Request) -> _Reply:
        workflow, body = self._workflow(name), json.loads(asked.body)
        if workflow is None:
            return _refusal(404, "Not Found")
        if workflow["id"] in self._not_dispatchable:
            return _refusal(422, "Workflow does not have 'workflow_dispatch' trigger")
        if body["ref"] not in self.branches:
            return _refusal(422, f"No ref found for: {body['ref']}")
        run_id = self.add_run(
            workflow["id"],
            event="workflow_dispatch",
            head_branch=body["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/"),
            status="queued",
            conclusion=None,
        )
        self._hidden[run_id] = self.runs_appear_after
        if asked.headers.get("X-GitHub-Api-Version") != "2026-03-10":
            return _Reply(204)
        page = self.runs[run_id]["html_url"]
        return _Reply(200, {"workflow_run_id": run_id, "run_url": page, "html_url": page})

    def _rerun(self, run_id: str) -> _Reply:
        run = self.runs.get(int(run_id))
        if run is None:
            return _refusal(404, "Not Found")
        if run["status"] != "completed" or run["run_attempt"] > RERUNS_CAP:
            return _refusal(403, "This workflow run cannot be retried")
        started = {"run_attempt": run["run_attempt"] + 1, "run_started_at": self._moment()}
        run |= started | {"status": "queued", "conclusion": None, "updated_at": self._moment()}
        return _Reply(201, {})

    def _moment(self) -> str:
        return datetime.fromtimestamp(self.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refusal(status: int, message: str) -> _Reply:
    return _Reply(status, {"message": message, "documentation_url": "https://docs.github.com/rest"})
