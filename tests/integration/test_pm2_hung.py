"""Apps that PM2 calls online and that do not answer any more: ended, by SIGKILL where it must be, and started."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from automation.core.errors import StepRefused
from automation.ports.process import alive
from tests.answering import closed_port
from tests.guarding import Ground, Watch, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]
each_version = pytest.mark.parametrize("pm2_version", VERSIONS, indirect=True)

PERIOD_S, FAILURES, LIMIT_S = 3.0, 3, 0.5

# Answers with what the file `health` beside it says; `/spin` makes it hang in an endless loop.
WEB = """
const fs = require('fs'), http = require('http');
process.on('SIGINT', () => {});
http.createServer((request, response) => {
  if (request.url === '/spin') for (;;) {}
  let said = '200';
  try { said = fs.readFileSync(__dirname + '/health', 'utf8'); } catch (error) {}
  if (said === 'never') return;
  response.writeHead(Number(said)).end('x');
}).listen(PORT, '127.0.0.1');
"""

PYTHON_WEB = """
import http.server
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *words): pass
http.server.HTTPServer(("127.0.0.1", PORT), Answers).serve_forever()
"""


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def settings(ground: Ground, **apps: dict[str, object]) -> None:
    """Write what the settings say of apps."""
    folder = ground.workspace / "automation"
    folder.mkdir(exist_ok=True)
    text = json.dumps({"pm2": {"apps": apps}})
    (folder / "redundancy-config.json").write_text(text, "utf-8")


def probed(ground: Ground, port: int, **more: object) -> None:
    """Give the app `web` a probe."""
    probe: dict[str, object] = {
        "http": f"http://127.0.0.1:{port}/health",
        "timeoutMs": int(LIMIT_S * 1000),
        "failures": FAILURES,
        "periodMs": int(PERIOD_S * 1000),
    }
    settings(ground, web={"probe": probe | more})


def start_web(ground: Ground, *flags: str) -> int:
    """Start the app `web` and return its port."""
    port = closed_port()
    ground.home.start_app("web", WEB.replace("PORT", str(port)), *flags)
    return port


def answers(ground: Ground, word: str) -> bool:
    """Tell whether the report calls the app `web` so."""
    with suppress(OSError, ValueError, LookupError):
        return any(row["name"] == "web" and row["probe"] == word for row in ground.report["processes"])
    return False


def spin(ground: Ground, port: int) -> None:
    """Send an app into an endless loop."""
    import socket

    peer = socket.create_connection(("127.0.0.1", port), 5)
    peer.sendall(b"GET /spin HTTP/1.1\r\nHost: x\r\n\r\n")
    peer.close()


def test_an_app_stopped_by_a_signal_is_restarted_within_failures_times_period(ground: Ground) -> None:
    probed(ground, start_web(ground))
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        eventually("it answers", lambda: answers(ground, "well"), 30)
        hung = ground.one("web")
        os.kill(hung.pid, signal.SIGSTOP)
        hung_s = time.monotonic()

        eventually("it is restarted", lambda: ground.one("web").pid not in {0, hung.pid}, 40)

        assert time.monotonic() - hung_s < FAILURES * PERIOD_S + 3.0  # three seconds for a slow machine
        assert not alive(hung.pid)
        assert ground.acts() == [("restart", "web")]
        eventually("it answers again", lambda: answers(ground, "well"), 30)
        assert ground.report["findings"] == []
        assert ground.one("web").unique_id == hung.unique_id
