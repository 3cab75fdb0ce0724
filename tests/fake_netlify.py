"""A small Netlify on 127.0.0.1 that remembers: one site, its deploys, what is published, builds, and faults.

Each request and answer is judged by Netlify's published description: `violations` must stay empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_service import FakeService, Fault, Request
from tests.swagger_judge import SwaggerJudge, swagger_judge

DESCRIPTION = (
    Path(__file__).parent
    / "node-netlify"
    / "node_modules"
    / "@netlify"
    / "open-api"
    / "dist"
    / "swagger.json"
)
ROOT = "/api/v1"
SITE_ID = "0f0f0f0f-1111-4222-8333-444444444444"
TOKEN = "token-of-the-fake"  # noqa: S105  # opens nothing

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: object


class FakeNetlify(FakeService):
    """One site. Use it as a context manager; `url` is what NETLIFY_API_URL would be."""

    def __init__(self, *, site_id: str = SITE_ID, token: str = TOKEN, linked_to_git: bool = True) -> None:
        super().__init__(ROOT)
        self.site_id = site_id
        self.token = token
        self.deploys: dict[str, Record] = {}
        self.builds: dict[str, Record] = {}
        self.published_id: str | None = None
        self.restores_take_effect = True
        self.functions_folder: str | None = None
        self.linked_to_git = linked_to_git
        self._judge: SwaggerJudge = swagger_judge(DESCRIPTION)

    # What a test arranges.

    def add_deploy(self, *, publish: bool = True, **replaced: object) -> str:
        """Add a deploy, ready and published unless told otherwise, and return its id; it takes a minute."""
        self.now_s += 60
        number = len(self.deploys) + 1
        deploy_id = f"{number:024x}"
        self.deploys[deploy_id] = {
            "id": deploy_id,
            "site_id": self.site_id,
            "build_id": f"b{number:023x}",
            "state": "ready",
            "name": "example",
            "url": "http://example.netlify.app",
            "ssl_url": "https://example.netlify.app",
            "admin_url": f"https://app.netlify.com/sites/example/deploys/{deploy_id}",
            "deploy_url": f"http://{deploy_id}--example.netlify.app",
            "deploy_ssl_url": f"https://{deploy_id}--example.netlify.app",
            "required": [],
            "error_message": None,
            "branch": "main",
            "commit_ref": f"{number:040x}",
            "context": "production",
            "locked": None,
            "created_at": self._moment(),
            "updated_at": self._moment(),
            "published_at": self._moment() if publish else None,
            "available_functions": [],
        } | replaced
        if publish:
            self.published_id = deploy_id
        return deploy_id

    def finish(self, deploy_id: str, state: str, error_message: str | None = None) -> None:
        """End a deploy that is under way; a production one that is ready becomes live."""
        self.now_s += 60
        deploy = self.deploys[deploy_id]
        deploy |= {"state": state, "error_message": error_message, "updated_at": self._moment()}
        if state == "ready" and deploy["context"] == "production" and not self._is_locked():
            deploy["published_at"] = self._moment()
            self.published_id = deploy_id

    # What a client asks.

    def answer_to(self, asked: Request, fault: Fault) -> tuple[int, Mapping[str, str], bytes]:
        """Return what Netlify answers, or the fault's own answer."""
        sent = dict(asked.headers)
        self.violations += self._judge.of_request(asked.method, asked.target, sent, asked.body)
        headers: dict[str, str] = {"Content-Type": "application/json; charset=utf-8"}
        if fault.status is not None:
            return fault.status, headers | dict(fault.headers), fault.body
        reply = self._reply(asked)
        data = json.dumps(reply.body).encode()
        self.violations += self._judge.of_answer(asked.method, asked.target, reply.status, data)
        return reply.status, headers, data

    def _reply(self, asked: Request) -> _Reply:
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return _refusal(401, "Unauthorized")
        parts = urlsplit(asked.target)
        names = unquote(parts.path).strip("/").split("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if names[0] == "sites" and names[1] != self.site_id:
            return _refusal(404, "Not Found")
        answers: dict[tuple[str, ...], Callable[[], _Reply]] = {
            ("GET", "sites", "*"): lambda: _Reply(200, self._site()),
            ("GET", "sites", "*", "deploys"): lambda: self._list(query),
            ("GET", "sites", "*", "deploys", "*"): lambda: self._one(names[3]),
            ("POST", "sites", "*", "deploys", "*", "restore"): lambda: self._restore(names[3]),
            ("POST", "sites", "*", "builds"): lambda: self._build(query),
            ("POST", "deploys", "*", "lock"): lambda: self._lock_deploy(names[1]),
        }
        pattern = (asked.method, *("*" if index in (1, 3) else name for index, name in enumerate(names)))
        return answers.get(pattern, lambda: _refusal(404, "Not Found"))()

    def _site(self) -> Record:
        published = self.deploys.get(self.published_id or "")
        settings = {
            "functions_dir": self.functions_folder,
            "repo_url": "https://example.org/o/r" if self.linked_to_git else None,
        }
        return {
            "id": self.site_id,
            "state": "current",
            "name": "example",
            "url": "http://example.netlify.app",
            "ssl_url": "https://example.netlify.app",
            "admin_url": "https://app.netlify.com/sites/example",
            "published_deploy": published,
            "build_settings": settings,
            "password": None,
        }

    def _list(self, query: Mapping[str, str]) -> _Reply:
        per_page, page = int(query.get("per_page", "100")), int(query.get("page", "1"))
        newest_first = sorted(
            self.deploys.values(), key=lambda deploy: str(deploy["created_at"]), reverse=True
        )
        return _Reply(200, newest_first[(page - 1) * per_page : page * per_page])

    def _one(self, deploy_id: str) -> _Reply:
        deploy = self.deploys.get(deploy_id)
        return _refusal(404, "Not Found") if deploy is None else _Reply(200, deploy)

    def _restore(self, deploy_id: str) -> _Reply:
        deploy = self.deploys.get(deploy_id)
        if deploy is None:
            return _refusal(404, "Not Found")
        if deploy["state"] not in ("ready", "old"):
            return _refusal(422, f"Deploy is {deploy['state']}")
        if self.restores_take_effect:
            self.now_s += 1
            self.published_id = deploy_id
            deploy |= {"state": "ready", "published_at": self._moment(), "updated_at": self._moment()}
        return _Reply(201, deploy)

    def _lock_deploy(self, deploy_id: str) -> _Reply:
        deploy = self.deploys.get(deploy_id)
        if deploy is None:
            return _refusal(404, "Not Found")
        deploy["locked"] = True
        return _Reply(200, deploy)

    def _is_locked(self) -> bool:
        published = self.deploys.get(self.published_id or "")
        return published is not None and bool(published["locked"])

    def _build(self, query: Mapping[str, str]) -> _Reply:
        if not self.linked_to_git:
            return _refusal(422, "Site is not linked to a repository")
        deploy_id = self.add_deploy(publish=False, state="building", title=query.get("title"))
        build_id = f"b{len(self.deploys):023x}"
        self.builds[build_id] = {
            "id": build_id,
            "deploy_id": deploy_id,
            "sha": self.deploys[deploy_id]["commit_ref"],
            "done": False,
            "error": None,
            "created_at": self._moment(),
        }
        return _Reply(200, self.builds[build_id])

    def _moment(self) -> str:
        return datetime.fromtimestamp(self.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _refusal(status: int, message: str) -> _Reply:
    return _Reply(status, {"code": status, "message": message})
