"""The short-lived child that sends what waits in an outbox: `python -m automation.engine.deliver OUTBOX`.

The address comes in REDUNDANCY_WEBHOOK, never on the command line, where others could read it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from automation.core.errors import AutomationError
from automation.core.moments import to_text
from automation.ports.clock import SystemClock
from automation.ports.web import Http, RequestsHttp
from automation.stores import outbox

LIMIT_S = 10.0
_ACCEPTED = range(200, 300)


def deliver(path: Path, url: str, http: Http, since: str) -> bool:
    """Send the messages, oldest first, taking each away once it was accepted; stop at the first failure.

    The body is one JSON object; its `text` and `content` are what chat services show.
    """
    for message in outbox.read(path):
        body = json.dumps(message | {"content": message.get("text", "")}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "enhanced-redundancy"}
        try:
            answer = http.request("POST", url, headers=headers, body=body, timeout_s=LIMIT_S)
        except AutomationError:
            return False
        if answer.status not in _ACCEPTED:
            return False
        outbox.drop(path, since, message.get("id"))
    return True


def main(arguments: list[str]) -> int:
    """Deliver once; 0 when nothing waits any more."""
    url = os.environ.get("REDUNDANCY_WEBHOOK", "")
    if len(arguments) != 1 or not url:
        return 3
    return 0 if deliver(Path(arguments[0]), url, RequestsHttp(), to_text(SystemClock().now_s())) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
