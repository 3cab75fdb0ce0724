"""The watch over ecosystem files, at the moments at which something changes under its hands; no PM2 runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.core.errors import EffectFailed, StepRefused
from automation.core.finding import Severity
from automation.ports.clock import SystemClock
from automation.systems.pm2.ecosystem import checks, evaluating
from automation.systems.pm2.ecosystem.checks import ecosystem_findings, look_again_s
from automation.systems.pm2.ecosystem.declared import Evaluated
from automation.systems.pm2.ecosystem.drift import Difference, Drift
from automation.systems.pm2.ecosystem.evaluating import Programs
from automation.systems.pm2.ecosystem.starting import start_from_ecosystem
from automation.systems.pm2.ecosystem.watching import Ecosystem, EcosystemWatch
from automation.systems.pm2.memory import Memory
from automation.systems.pm2.observer import Pm2Observer
from tests.guarding import eventually
from tests.launch_ground import small_suite
from tests.pm2_values import entry
from tests.real_pm2 import NODE, NODE_MODULES
from tests.scripted_pm2 import ScriptedPm2

pytestmark = pytest.mark.pm2
PM2 = NODE_MODULES / "pm2-7"
FILE = "ecosystem.config.js"


class Ground:
    """A workspace and who watches its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SystemClock()
        self.programs: Programs | None = Programs(NODE, PM2, folder / "home", 5.0)
        self.watch = EcosystemWatch(folder, self.clock, lambda: self.programs, lambda *words: f"ran {words}")

    def write(self, text: str, name: str = FILE, ago_s: float = 60.0) -> None:
        """Write a file as if that had been some time ago."""
        (self.folder / name).write_text(text, "utf-8")
        at_s = time.time() - ago_s
        os.utime(self.folder / name, (at_s, at_s))

    def names(self) -> list[str]:
        """Return the files that are there."""
        return sorted(path.name for path in self.folder.glob("ecosystem*"))

    def settled(self) -> Ecosystem:
        """Look until every file is evaluated."""

        def look() -> Ecosystem | None:
            found = self.watch.look(self.names(), ())
            return None if found.under_way else found

        found = eventually("all is read", look)
        assert found is not None
        return found

    def observer(self, *entries: dict[str, object]) -> Pm2Observer:
        """Return an observer of a PM2 in memory."""
        found = Pm2Observer(ScriptedPm2(*entries), Memory(self.folder), self.folder, self.clock)
        found.ecosystem = self.watch
        return found


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(tmp_path)
    (tmp_path / "web.js").touch()
    yield ground
    ground.watch.close()


def app(name: str = "web", rest: str = "") -> str:
    return f'module.exports = {{ apps: [{{ name: "{name}", script: "web.js", cwd: __dirname, {rest} }}] }};\n'


def declared(found: Ecosystem) -> list[str]:
    return [one.name for file in found.files for one in file.apps]


def test_a_file_is_evaluated_when_it_changed_and_not_else(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.write(app("first"))
    assert declared(ground.settled()) == ["first"]
    with monkeypatch.context() as patch:
        patch.setattr(evaluating, "listen_to", lambda *_, **__: pytest.fail("evaluated again"))
        assert declared(ground.settled()) == ["first"]
    ground.write(app("other"))
    assert declared(ground.settled()) == ["other"]
    (ground.folder / FILE).unlink()
    assert ground.settled() == Ecosystem()


def test_a_file_that_is_being_edited_is_left_for_a_moment(ground: Ground) -> None:
    ground.write("module.exp", ago_s=0.5)

    found = ground.watch.look([FILE], ())

    assert (found.files, found.under_way, look_again_s(found)) == ((), True, checks.LOOK_AGAIN_S)
    assert ground.watch.fds() == ()


def test_what_came_of_a_file_that_was_changed_meanwhile_is_not_kept(ground: Ground) -> None:
    ground.write("const until = Date.now() + 1500; while (Date.now() < until) {}\n" + app("old"))
    assert ground.watch.look([FILE], ()).under_way
    ground.write(app("new"))

    assert declared(ground.settled()) == ["new"]


def test_the_first_look_waits_for_a_moment_and_no_other_does(ground: Ground) -> None:
    ground.write(app("quick"), "ecosystem.a.config.js")

    eventually(
        "one look is enough on a machine with time", lambda: ground.watch.look(ground.names(), ()).files
    )
    ground.write("for (;;) {}\n", "ecosystem.b.config.js")
    began_s = time.monotonic()
    found = ground.watch.look(ground.names(), ())
    assert time.monotonic() - began_s < 0.7
    assert (found.under_way, declared(found)) == (True, ["quick"])
    ground.watch.close()
    assert ground.watch.fds() == ()


def test_without_an_installation_nothing_is_evaluated(ground: Ground) -> None:
    ground.programs = None
    ground.write(app())

    assert ground.watch.look([FILE], ()) == Ecosystem()
    with pytest.raises(EffectFailed, match="still being read"):
        start_from_ecosystem(ground.observer(entry("shop")), "web")


def test_a_node_that_cannot_be_started_leaves_the_file_unjudged(ground: Ground) -> None:
    ground.programs = Programs(ground.folder / "no-node", PM2, ground.folder, 5.0)
    ground.write(app())

    (file,) = ground.settled().files
    assert (file.damage, "cannot be started" in file.unknown) == ("", True)


def test_s6_our_own_ecosystem_file_is_sound(ground: Ground) -> None:
    suite = small_suite(ground.folder / "suite")
    for path in suite.glob("ecosystem*.cjs"):
        ground.write(path.read_text("utf-8"), path.name)

    (file,) = ground.settled().files
    assert (file.path, file.damage, file.unknown) == ("ecosystem.enhanced-redundancy.config.cjs", "", "")


def test_a_file_that_ends_its_reader_is_damaged_and_one_that_goes_is_nothing(ground: Ground) -> None:
    ground.write("process.exit(0);\n")

    assert "it ends the program that reads it (exit status 0)" in ground.settled().files[0].damage
    assert ground.watch.look(["ecosystem.gone.json"], ()) == Ecosystem()


def test_a_file_that_says_too_much_is_damaged(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "OUTPUT_CAP_BYTES", 5000)
    ground.write(app("web", f"env: {{ A: '{'x' * 9000}' }}"))

    assert ground.settled().files[0].damage == "it declares more than 5000 bytes"


def test_a_child_that_outlives_its_own_limit_is_ended(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "GRACE_S", -4.5)  # ours comes first
    ground.write("for (;;) {}\n")

    assert "it did not end within 5 s" in ground.settled().files[0].damage


def test_an_old_state_of_a_file_is_remembered_for_what_it_set(ground: Ground) -> None:
    ground.write(app("web", 'env: { GONE: "1", A: "1" }'))
    ground.settled()
    ground.write(app("web", 'env: { A: "1" }'))
    ground.settled()
    kept = {
        "pm_exec_path": str(ground.folder / "web.js"),
        "exec_interpreter": "node",
        "exec_mode": "fork_mode",
    }
    runs = entry("web", 0, "online", env={"A": "1", "GONE": "1"}, **kept)

    (drift,) = ground.watch.look(ground.names(), [runs]).drifts
    assert drift.differences[0].said == "variables that the file sets no longer: GONE"
    assert ground.watch.look(ground.names(), [runs]).drifts == (drift,)
    ours = entry("web", 0, "online", env={"A": "1"}, pm_uptime=2000, **kept)
    assert ground.watch.look(ground.names(), [ours]).drifts == ()


def test_where_this_pm2_is_not_known_node_alone_reads_what_it_can(ground: Ground) -> None:
    ground.programs = Programs(NODE, ground.folder, ground.folder, 5.0)
    ground.write(app())
    ground.write('{ apps: [{ name: "j", script: "web.js" }] }', "ecosystem.json")
    ground.write("apps: []\n", "ecosystem.yaml")
    found = ground.settled()

    assert [(file.path, file.unknown != "") for file in found.files] == [
        (FILE, False),
        ("ecosystem.json", False),
        ("ecosystem.yaml", True),
    ]
    assert [one.app.known for file in found.files for one in file.apps] == [False, False]
    assert start_from_ecosystem(ground.observer(entry("shop")), "j") == "ran ('ecosystem.json', 'j', '')"


def test_an_app_that_is_down_is_started_by_the_command_line_where_nobody_knows_its_entry(
    ground: Ground,
) -> None:
    ground.programs = Programs(NODE, ground.folder, ground.folder, 5.0)
    ground.write(app())
    ground.settled()
    down = ground.observer(entry("web", 0, "errored"))

    assert start_from_ecosystem(down, "web") == f"ran ('{FILE}', 'web', '')"
    up = ground.observer(entry("web", 0, "online"))
    assert start_from_ecosystem(up, "web").startswith("not needed")


# --- what the third rung refuses ---


def refused(ground: Ground, subject: str, *entries: dict[str, object]) -> str:
    ground.settled()
    with pytest.raises(StepRefused) as error:
        start_from_ecosystem(ground.observer(*(entries or (entry("shop"),))), subject)
    return str(error.value)


CASES: dict[str, tuple[Callable[[Ground], None], str]] = {
    "no file": (lambda ground: ground.write(app("other")), "no ecosystem file of the workspace declares web"),
    "no script": (
        lambda ground: ground.write(app().replace('"web.js"', '"gone.js"')),
        "PM2 would not start web: Script not found",
    ),
    "all of the shell": (
        lambda ground: ground.write(app("web", "env: { ...process.env }")),
        "takes its variables from the shell that starts it",
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_s12_an_app_that_would_not_come_back_as_it_was_is_not_started(ground: Ground, case: str) -> None:
    prepares, said = CASES[case]
    prepares(ground)

    assert said in refused(ground, "web")


def test_one_instance_of_an_app_is_named_as_pm2_shows_it(ground: Ground) -> None:
    ground.write(app())
    two = [entry("web", number, "online", NODE_APP_INSTANCE=number) for number in (0, 1)]

    assert "name the one that is down" in refused(ground, "web", *two)


def test_an_observer_without_files_starts_nothing(tmp_path: Path) -> None:
    bare = Pm2Observer(ScriptedPm2(entry()), Memory(tmp_path), tmp_path, SystemClock())

    with pytest.raises(StepRefused, match="no ecosystem file is known here"):
        start_from_ecosystem(bare, "web")


def test_findings_name_the_line_and_the_difference() -> None:
    found = Ecosystem(
        (
            Evaluated("a.json", damage="SyntaxError: no", line=3),
            Evaluated("b.json", damage="it has no `apps`"),
            Evaluated("c.json"),
        ),
        (Drift("c.json", "web", (Difference("x"), Difference("y")), "do it"),),
    )

    findings = list(ecosystem_findings(found))
    assert [(one.problem, one.subject, one.message) for one in findings] == [
        ("ecosystem-damaged", "a.json", "PM2 could start nothing from it: line 3: SyntaxError: no"),
        ("ecosystem-damaged", "b.json", "PM2 could start nothing from it: it has no `apps`"),
        ("ecosystem-drift", "c.json: web", "x; y"),
    ]
    assert {one.severity for one in findings} == {Severity.WARNING}
    assert findings[2].advice == "do it"
    assert list(ecosystem_findings(None)) == []
    assert (look_again_s(None), look_again_s(found)) == (None, None)
