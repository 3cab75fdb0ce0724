"""Apps that PM2 calls online and that do not answer: ended, by SIGKILL where it must be, and started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from automation.engine.cycle import run_cycle
from automation.ports.process import alive
from automation.systems.pm2.process import Process
from automation.systems.pm2.steps import restart
from tests.answering import closed_port, never, server
from tests.guarding import Ground, Watch, eventually
from tests.real_pm2 import VERSIONS, Pm2Home

pytestmark = [pytest.mark.pm2, pytest.mark.timeout(90)]

QUICK: dict[str, object] = {"timeoutMs": 300, "failures": 2, "periodMs": 1000}

# Answers with what the file NAME.health beside it says. Asked for /spin it hangs in an endless loop.
WEB = """
const fs = require('fs'), http = require('http'), net = require('net');
process.on('SIGINT', () => {});
const file = `${__dirname}/${process.env.name}.health`;
const said = () => fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '200';
if (said() === 'trickle') {
  net.createServer((peer) => {
    peer.on('error', () => {});
    setInterval(() => peer.write('H'), 100);
  }).listen(PORT, '127.0.0.1');
} else {
  const server = http.createServer((request, response) => {
    if (request.url === '/spin') for (;;) {}
    if (said() !== 'never') response.writeHead(Number(said())).end('x');
  });
  server.on('error', () => setInterval(() => {}, 1000));
  setTimeout(() => server.listen(PORT, '127.0.0.1'), DELAY_MS);
}
"""

PYTHON_WEB = """
import http.server
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
http.server.HTTPServer(("127.0.0.1", PORT), Answers).serve_forever()
"""


@pytest.fixture
def ground(pm2_home: Pm2Home) -> Iterator[Ground]:
    ground = Ground(pm2_home)
    yield ground
    ground.client.close()


def settings(ground: Ground, apps: dict[str, dict[str, object]], **more: object) -> None:
    """Write what the settings say: of each app its probe."""
    folder = ground.workspace / "automation"
    folder.mkdir(exist_ok=True)
    content = {"pm2": {"apps": {name: {"probe": probe} for name, probe in apps.items()}}} | more
    (folder / "redundancy-config.json").write_text(json.dumps(content), "utf-8")


def http(port: int) -> dict[str, object]:
    """Return a probe that is quick to judge."""
    return QUICK | {"http": f"http://127.0.0.1:{port}/"}


def start_web(ground: Ground, name: str = "web", *flags: str, delay_ms: int = 0) -> int:
    """Start an app and return its port."""
    port = closed_port()
    ground.home.start_app(name, WEB.replace("PORT", str(port)).replace("DELAY_MS", str(delay_ms)), *flags)
    return port


def health(ground: Ground, said: str, name: str = "web") -> Path:
    """Let an app answer that from now on."""
    path = ground.home.apps / f"{name}.health"
    path.write_text(said, "ascii")
    return path


def words(ground: Ground) -> dict[str, str]:
    """Return what the report says of how each app answers."""
    with suppress(OSError, ValueError, LookupError):
        return {row["name"]: row["probe"] for row in ground.report["processes"]}
    return {}


def ended(ground: Ground, before: Process) -> Callable[[], bool]:
    """Return what tells whether a process was ended and another one runs in its place."""
    return lambda: not alive(before.pid) and ground.one(before.label).pid not in {0, before.pid}


def live(watch: Watch, what: str, ask: Callable[[], object]) -> None:
    """Do what the loop does, without its sleep, until the answer is true."""

    def once() -> object:
        watch.observer.pump()
        run_cycle(watch.guard)
        return ask()

    eventually(what, once)


@pytest.mark.parametrize("pm2_version", VERSIONS[:-1], indirect=True)
def test_every_pm2_ends_an_app_that_was_stopped_by_a_signal(ground: Ground) -> None:
    settings(ground, {"web": http(start_web(ground))})
    hung = ground.one("web")
    os.kill(hung.pid, signal.SIGSTOP)
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        eventually("it was ended and started", ended(ground, hung))

        assert ground.acts() == [("restart", "web")]


def test_an_app_stopped_by_a_signal_is_restarted_within_failures_times_period(ground: Ground) -> None:
    failures, period_s = 3, 3.0
    probe = {"failures": failures, "periodMs": int(period_s * 1000), "timeoutMs": 500}
    settings(ground, {"web": http(start_web(ground)) | probe})
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        eventually("it answers", lambda: words(ground).get("web") == "well")
        hung = ground.one("web")
        os.kill(hung.pid, signal.SIGSTOP)
        hung_s = time.monotonic()

        eventually("it was ended and started", ended(ground, hung))

        assert time.monotonic() - hung_s < failures * period_s + 3.0  # three seconds for a busy machine
        assert ground.acts() == [("restart", "web")]
        eventually("it answers again", lambda: words(ground).get("web") == "well")
        assert ground.report["findings"] == []
        assert (ground.one("web").unique_id, ground.one("web").restarts) == (hung.unique_id, 1)


def test_every_way_of_hanging_is_met_and_who_answers_is_left_alone(ground: Ground) -> None:
    ports = {name: start_web(ground, name) for name in ("spins", "silent", "failing", "well")}
    health(ground, "trickle", "trickles")
    ports["trickles"] = start_web(ground, "trickles")
    ports["python"] = closed_port()
    script = ground.home.apps / "web.py"
    script.write_text(PYTHON_WEB.replace("PORT", str(ports["python"])), "utf-8")
    ground.home.start_app("python", script, f"--interpreter={sys.executable}")
    settings(ground, {name: http(port) for name, port in ports.items()})
    before = {name: ground.one(name) for name in ports}
    with socket.create_connection(("127.0.0.1", ports["spins"]), 10) as peer:
        peer.sendall(b"GET /spin HTTP/1.1\r\nHost: x\r\n\r\n")
    health(ground, "never", "silent")
    health(ground, "503", "failing")
    os.kill(before["python"].pid, signal.SIGSTOP)
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        for name in ports.keys() - {"well"}:
            eventually(f"{name} was ended and started", ended(ground, before[name]))

        assert ground.one("well").pid == before["well"].pid
        assert words(ground)["well"] == "well"
        eventually("the one that hung by chance is well", lambda: words(ground).get("python") == "well")
        assert {step for step, _ in ground.acts()} == {"restart"}
        assert "well" not in {subject for _, subject in ground.acts()}
        assert ground.report["metrics"]["probesFailing"] >= 1


def test_s1_an_app_that_answers_again_is_not_restarted(ground: Ground) -> None:
    settings(ground, {"web": http(start_web(ground)) | {"periodMs": 2000}})
    recovered = health(ground, "never")
    before = ground.one("web")
    with Watch(ground, REDUNDANCY_MODE="observe") as watch:
        live(watch, "it hangs", lambda: words(ground)["web"] == "hung")
        recovered.unlink()

        assert restart(watch.observer, "web") == "not needed: it answers again"
        assert restart(watch.observer, "web") == "not needed: it is not down any more"
        live(watch, "the report says so", lambda: words(ground)["web"] == "well")

    assert (ground.one("web").pid, ground.one("web").restarts) == (before.pid, 0)


def test_s16_an_app_that_takes_its_time_to_start_is_not_taken_for_hung(ground: Ground) -> None:
    probe = {"failures": 1, "timeoutMs": 300, "periodMs": 600}
    port = start_web(ground, "web", "--listen-timeout", "30000", delay_ms=4000)
    settings(ground, {"web": http(port) | probe})
    with ground.started(PM2_CHECK_INTERVAL="30s"):
        eventually("it is asked", lambda: words(ground).get("web") == "starting")
        eventually("it answers", lambda: words(ground).get("web") == "well")

        assert ground.audit == []
        health(ground, "503")
        eventually("its time to start is over now", lambda: ground.acts() == [("restart", "web")])


def test_an_app_that_hangs_after_each_restart_is_prepared_anew_and_one_entry_is_left(ground: Ground) -> None:
    settings(ground, {"web": http(start_web(ground, "web", "--kill-timeout=200"))})
    working = health(ground, "never")
    before = ground.one("web")
    with Watch(ground, PM2_MAX_RESTARTS="1") as watch:
        live(watch, "it is restarted", lambda: ground.acts() == [("restart", "web")])
        eventually("it was ended", ended(ground, before))
        ground.clock.skip(20)
        live(watch, "it is prepared anew", lambda: ground.acts()[1:] == [("recreate", "web")])
        working.unlink()
        live(watch, "it answers", lambda: words(ground)["web"] == "well")

    (left,) = ground.listed()
    assert left.unique_id != before.unique_id
    assert ground.audit[-1]["detail"] == f"prepared anew (id {before.pm_id} became {left.pm_id})"


def test_s13_one_that_takes_long_to_end_is_not_waited_for_and_started_also_by_the_guard_after_us(
    ground: Ground,
) -> None:
    settings(ground, {"web": http(start_web(ground, "web", "--kill-timeout=2500"))})
    working = health(ground, "never")
    with Watch(ground, PM2_MAX_RESTARTS="1") as watch:
        live(watch, "it is restarted", lambda: ground.acts() == [("restart", "web")])
        hung = ground.wait_for("web", "online")
        ground.clock.skip(20)
        live(watch, "it is to be prepared anew", lambda: ground.acts()[1:2] == [("recreate", "web")])
        acted = ground.audit[-1]
        run_cycle(watch.guard)  # it saw PM2 at it, and died
    working.unlink()
    ground.wait_for("web", "stopped")

    with Watch(ground, PM2_MAX_RESTARTS="1") as watch:
        live(watch, "it is started", ended(ground, hung))

    assert acted["detail"] == f"PM2 is ending pid {hung.pid}, by SIGKILL where it must; then it is started"
    assert acted["durationMs"] < 2400
    assert ground.audit[-1]["problem"] == "process-stopped"


def test_what_hangs_is_known_to_commands_by_hand_and_recovery_ends_it(ground: Ground) -> None:
    settings(ground, {"web": http(start_web(ground))}, redundancy={"autoRecovery": False})
    hung = ground.one("web")
    os.kill(hung.pid, signal.SIGSTOP)
    with ground.started():
        eventually("the guard knows", lambda: words(ground).get("web") == "hung")
        check = json.loads(ground.run("check", "--json").stdout)
        recovery = ground.run("recovery", "--subject", "web")

        assert [one["problem"] for one in check["findings"]] == ["process-hung"]
        assert recovery.returncode == 0, recovery.stderr
        eventually("it was ended and started", ended(ground, hung))
        assert ground.acts() == [("restart", "web")]
    assert ground.kept("hung.json")["hung"] == []


def test_s2_an_app_that_cannot_be_asked_is_unknown_and_left_alone(ground: Ground) -> None:
    ground.home.start_app("web")
    settings(ground, {"web": QUICK | {"http": "http://no-such-app.invalid/", "failures": 1}})
    with Watch(ground) as watch:
        live(watch, "the report says so", lambda: words(ground)["web"] == "unknown")
        for _ in range(5):
            ground.clock.skip(5)
            live(watch, "it was asked again", lambda: words(ground)["web"] == "unknown")

        assert (ground.audit, ground.report["findings"], ground.report["score"]) == ([], [], 1.0)


def test_a_cluster_whose_workers_all_hang_is_restarted_and_pm2_is_no_thief_of_its_port(
    ground: Ground,
) -> None:
    settings(ground, {"web": http(start_web(ground, "web", "-i", "2"))})
    health(ground, "503")
    before = [one.pid for one in ground.listed()]
    with Watch(ground) as watch:
        live(watch, "both are restarted", lambda: len(ground.acts()) >= 2)

        assert sorted(ground.acts())[:2] == [("restart", "web:0"), ("restart", "web:1")]
        assert {one["problem"] for one in ground.report["findings"]} <= {"process-hung"}
    eventually("both are others", lambda: not {one.pid for one in ground.listed()} & {*before, 0})


# --- ports ---


def test_an_app_whose_port_another_process_holds_is_not_restarted_but_said(ground: Ground) -> None:
    with server(never) as port:
        ground.home.start_app("web", WEB.replace("PORT", str(port)).replace("DELAY_MS", "0"))
        settings(ground, {"web": http(port) | {"failures": 5, "periodMs": 5000}})
        with Watch(ground) as watch:
            live(watch, "it is asked", lambda: words(ground)["web"] in {"failing", "starting"})
            live(watch, "it fails", lambda: words(ground)["web"] == "failing")
            ground.clock.skip(6)
            live(watch, "it is said", lambda: ground.report["recovery"]["needsHuman"])

            (finding,) = ground.report["findings"]
            assert (finding["problem"], finding["subject"]) == ("port-taken", "web")
            assert (
                f"its port {port} (named by its probe) is held by pid {os.getpid()} (" in finding["message"]
            )
            assert f"kill {os.getpid()}" in finding["advice"]
            assert ground.audit == []


def test_an_app_without_a_probe_that_keeps_being_restarted_is_looked_at_too(ground: Ground) -> None:
    held = """
require('net').createServer().listen(Number(process.env.PORT), '127.0.0.1');
"""
    with server(never) as port:
        script = ground.home.apps / "app.js"
        script.write_text(held, "utf-8")
        flags = ("--name=web", "--max-restarts=1000000", "--restart-delay=300")
        ground.home.cli("start", script, *flags, env={"PORT": str(port)})
        with Watch(ground) as watch:
            live(watch, "it restarts", lambda: ground.one("web").restarts > 1)
            run_cycle(watch.guard)
            ground.clock.skip(6)
            live(watch, "it is seen", lambda: of_port(ground))

            (finding,) = of_port(ground)
            assert finding["severity"] == "warning"
            assert f"its port {port} (named by its PORT)" in finding["message"]


def of_port(ground: Ground) -> list[dict[str, Any]]:
    """Return what is said of a port; that the app restarts so often is said, too, sooner or later."""
    return [one for one in ground.report["findings"] if one["problem"] == "port-taken"]


def test_nothing_is_loaded_for_probes_while_no_app_has_one() -> None:
    text = """
import sys
import automation.engine.loop, automation.systems.pm2.observer, automation.systems.pm2.steps
from automation.ports.clock import SystemClock
from automation.systems.pm2.app_rules import AppRules
from automation.systems.pm2.probes.eyes import Asking, Eyes
from automation.systems.pm2.process import processes
from pathlib import Path
entry = {"pm_id": 0, "pid": 1, "pm2_env": {"name": "web", "status": "online", "PORT": "3000"}}
eyes = Eyes(SystemClock(), Asking(AppRules(), 30.0, Path("."), Path(".")))
eyes.look(list(zip(processes([entry]), [entry])), 1)
print((eyes.fds(), eyes.next_s(), eyes.pump()))
heavy = "ssl automation.ports.asking automation.ports.listening automation.systems.pm2.probes.watch".split()
print([one for one in heavy if one in sys.modules])
eyes.close()
"""
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.splitlines() == ["((), None, False)", "[]"]
