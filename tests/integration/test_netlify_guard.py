"""The Netlify guard as the real program, over a real git repository and a small Netlify on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.core.errors import LookFailed, StepRefused
from automation.ports.clock import SteppedClock
from automation.systems.netlify import api
from automation.systems.netlify.backed_up import backed_up
from automation.systems.netlify.steps import restore_file, restore_function, write_manifest
from tests.fake_netlify import SITE_ID, TOKEN, FakeNetlify
from tests.fake_service import Fault
from tests.netlify_ground import (
    BROKEN,
    BROKEN_TOML,
    FOLDER,
    HELLO,
    MANIFEST,
    ORDER,
    TOML,
    Ground,
)
from tests.service_ground import eventually


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path / "workspace")


@pytest.fixture
def netlify() -> Iterator[FakeNetlify]:
    with FakeNetlify() as fake:
        yield fake
    assert fake.violations == []


def damage_nothing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fill_with_nul(path: Path) -> None:
    path.write_bytes(b"\0" * 64)


DAMAGES = [damage_nothing, empty, fill_with_nul]


# --- looking --------------------------------------------------------------------------------------


def test_a_workspace_without_functions_and_settings_is_nothing_to_guard(ground: Ground) -> None:
    ran = ground.run("check", "--json")

    assert ran.returncode == 0
    assert json.loads(ran.stdout)["status"] == "disabled"


def test_a_site_is_healthy_and_its_functions_are_listed_as_netlify_has_them(ground: Ground) -> None:
    ground.site()
    ground.function("nightly/index.ts", b"export default async (): Promise<void> => {};\n")

    said = ground.check()

    assert said["status"] == "healthy"
    assert [(row["name"], row["file"], row["schedule"], row["valid"]) for row in said["functions"]] == [
        ("hello", f"{FOLDER}/hello.mjs", None, True),
        ("nightly", f"{FOLDER}/nightly/index.ts", "@daily", True),
        ("order", f"{FOLDER}/order.js", None, True),
    ]
    assert said["deploy"] is None
    assert "NETLIFY_AUTH_TOKEN" in said["note"]
    assert not ground.has("logs"), "check writes nothing"


def test_settings_can_switch_the_guard_off(ground: Ground) -> None:
    ground.site()
    ground.function("bad.js", BROKEN)
    ground.settings(enabled=False)

    assert ground.check()["status"] == "disabled"


def test_a_function_with_a_syntax_error_is_critical_and_named_with_its_place(ground: Ground) -> None:
    ground.site()
    ground.function("bad.js", BROKEN)
    ground.commit()

    said = ground.check()

    assert said["findings"][0]["problem"] == "function-invalid"
    assert said["findings"][0]["subject"] == "bad"
    assert said["findings"][0]["message"].startswith(f"{FOLDER}/bad.js:")
    assert said["status"] == "warning"


def test_a_damaged_netlify_toml_is_critical_and_the_functions_are_known_all_the_same(ground: Ground) -> None:
    ground.write("netlify.toml", b'[functions]\ndirectory = "api"\n')
    ground.write("api/hello.mjs", HELLO)
    ground.commit("api")
    observer = ground.observer()
    observer.remember(observer.observe())
    ground.write("netlify.toml", BROKEN_TOML)

    said = ground.check()

    assert [(one["problem"], one["subject"]) for one in said["findings"]] == [
        ("netlify-toml-damaged", "netlify.toml")
    ]
    assert [row["name"] for row in said["functions"]] == ["hello"]


def test_a_functions_folder_that_settings_name_and_that_is_not_there_is_a_warning(ground: Ground) -> None:
    ground.write("netlify.toml", b'[functions]\ndirectory = "api"\n')

    assert ground.problems() == [("functions-folder-missing", "api")]


def test_a_link_that_leads_nowhere_breaks_the_build_and_is_said(ground: Ground) -> None:
    ground.site()
    (ground.workspace / FOLDER / "gone.js").symlink_to("nowhere.js")

    assert ground.problems() == [("broken-link", "gone")]


def test_a_folder_that_cannot_be_read_is_unknown_and_not_down(ground: Ground) -> None:
    ground.site()
    (ground.workspace / "netlify.toml").unlink()
    (ground.workspace / "netlify.toml").mkdir()

    ran = ground.run("check")

    assert ran.returncode == 3
    assert "netlify.toml" in ran.stdout


@pytest.mark.parametrize("path", ["netlify.toml", MANIFEST])
def test_a_file_that_cannot_be_read_is_unknown_for_the_functions_too(ground: Ground, path: str) -> None:
    ground.function("hello.mjs")
    (ground.workspace / path).mkdir()

    with pytest.raises(LookFailed, match="cannot read"):
        ground.observer().observe()


def test_a_repository_that_cannot_be_read_keeps_nobody_from_looking(ground: Ground) -> None:
    ground.site()
    ground.function("empty.js", b"")
    (ground.workspace / ".git").mkdir()
    (ground.workspace / ".git" / "HEAD").write_text("nonsense\n", "utf-8")

    assert ground.problems() == [("file-wiped", f"{FOLDER}/empty.js")]


def test_only_changed_functions_are_judged_again(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.site()
    observer = ground.observer()
    observer.observe()
    programs: list[str] = []
    run = observer.site_files._commands.run

    def counted(*argv: str, **how: object) -> object:
        programs.append(argv[0])
        return run(*argv, **how)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(observer.site_files._commands, "run", counted)
    observer.observe()
    unchanged = len(programs)
    ground.function("order.js", BROKEN)
    facts = observer.observe()

    assert unchanged == 0
    assert len(programs) == 1
    assert [one.problem for one in observer.assess(facts).findings] == ["function-invalid"]


# --- bringing files back --------------------------------------------------------------------------


@pytest.mark.timeout(60)
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_guard_brings_a_lost_function_back_from_git_byte_for_byte(
    ground: Ground, damage: Callable[[Path], None]
) -> None:
    ground.site()
    ground.commit()
    lost = ground.workspace / FOLDER / "order.js"
    with ground.started():
        damage(lost)
        if lost.exists():
            ground.age(lost)
        eventually("it is back", lambda: lost.exists() and lost.read_bytes() == ORDER)
        eventually("it is said", lambda: any(one[:2] == ("restore-file", True) for one in ground.acts()))

    assert ground.git("status", "--porcelain", "--", "netlify", "netlify.toml") == ""


@pytest.mark.timeout(60)
def test_without_git_the_guard_brings_it_back_from_its_snapshot(ground: Ground) -> None:
    ground.site()
    assert ground.run("backup").returncode == 0
    lost, settings = ground.workspace / FOLDER / "order.js", ground.workspace / "netlify.toml"
    with ground.started():
        lost.unlink()
        settings.write_bytes(b"")
        ground.age(settings)
        eventually("they are back", lambda: lost.exists() and settings.read_bytes() == TOML)

        assert lost.read_bytes() == ORDER


@pytest.mark.timeout(60)
def test_a_whole_functions_folder_that_is_gone_comes_back(ground: Ground) -> None:
    ground.site()
    ground.commit()
    folder = ground.workspace / FOLDER
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.parent.rmdir()

    found, ran = ground.problems(), ground.run("recovery", "--json")

    assert found == [("file-wiped", f"{FOLDER}/hello.mjs"), ("file-wiped", f"{FOLDER}/order.js")]
    assert ran.returncode == 0, ran.stderr
    assert (folder / "order.js").read_bytes() == ORDER
    assert ground.problems() == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_restore_by_hand_brings_a_lost_function_back(ground: Ground, damage: Callable[[Path], None]) -> None:
    ground.site()
    ground.run("backup")
    lost = ground.workspace / FOLDER / "hello.mjs"
    damage(lost)

    ran = ground.run("restore", "--path", f"{FOLDER}/hello.mjs", "--yes")

    assert ran.returncode == 0, ran.stderr
    assert lost.read_bytes() == HELLO


def test_a_function_that_is_being_edited_is_left_alone(ground: Ground) -> None:
    ground.site()
    ground.commit()
    edited = ground.workspace / FOLDER / "order.js"
    edited.write_bytes(b"")

    with pytest.raises(StepRefused, match="somebody may be editing it"):
        restore_file(ground.observer(), f"{FOLDER}/order.js")

    assert edited.read_bytes() == b""


@pytest.mark.parametrize("staged", [True, False])
def test_a_deletion_that_git_knows_of_is_a_persons(ground: Ground, *, staged: bool) -> None:
    ground.site()
    ground.commit()
    with ground.started():
        ground.git("rm", "-q", f"{FOLDER}/order.js")
        if not staged:
            ground.git("commit", "-qm", "no orders any more")
        ground.git_rests()
        before = ground.report["cycle"]
        eventually("more looks", lambda: ground.report["cycle"] > before + 2)

    assert not ground.has(f"{FOLDER}/order.js")
    assert not any(ok for _, ok, _ in ground.acts())


def test_a_function_that_a_person_wrote_wrong_is_not_overwritten(ground: Ground) -> None:
    ground.site()
    ground.commit()
    wrong = ground.function("order.js", BROKEN)

    ran = ground.run("recovery")

    assert ran.returncode == 1
    assert wrong.read_bytes() == BROKEN


def test_where_settings_say_so_a_function_that_cannot_work_is_put_back(ground: Ground) -> None:
    ground.site()
    ground.commit()
    ground.settings(autoRestore=True)
    wrong, toml = ground.function("order.js", BROKEN), ground.write("netlify.toml", BROKEN_TOML)

    ran = ground.run("recovery")

    assert ran.returncode == 0, ran.stderr
    assert wrong.read_bytes() == ORDER
    assert toml.read_bytes() == TOML


def test_a_copy_in_git_that_is_broken_itself_is_not_put_back(ground: Ground) -> None:
    ground.site()
    ground.function("order.js", BROKEN)
    ground.commit()
    lost = ground.workspace / FOLDER / "order.js"
    lost.unlink()

    with pytest.raises(StepRefused, match="neither HEAD nor a snapshot holds a valid copy"):
        restore_file(ground.observer(), f"{FOLDER}/order.js")

    assert not lost.exists()


def test_a_function_that_has_gone_meanwhile_is_not_put_back(ground: Ground) -> None:
    ground.site()

    with pytest.raises(StepRefused, match="no function another any more"):
        restore_function(ground.observer(), "another")


def test_an_instance_that_only_watches_does_nothing(ground: Ground) -> None:
    ground.site()
    ground.commit()
    ground.settings(acts=False)
    (ground.workspace / FOLDER / "order.js").unlink()

    ran = ground.run("recovery")

    assert ran.returncode == 1
    assert not ground.has(f"{FOLDER}/order.js")


def test_settings_choose_what_is_guarded_and_the_manifest_lists_all(ground: Ground) -> None:
    ground.site()
    ground.function("legacy-one/index.js", BROKEN)
    ground.function("helper.js", BROKEN)
    ground.commit()
    ground.settings(exclude=["legacy-*", "order"], include=["[lho]*"])
    ground.run("manifest")
    (ground.workspace / FOLDER / "order.js").unlink()

    said = ground.check()

    assert [one["subject"] for one in said["findings"]] == ["helper", MANIFEST]
    assert [row["name"] for row in said["functions"]] == ["hello", "helper"]


def test_an_empty_file_that_git_holds_so_is_no_loss(ground: Ground) -> None:
    ground.site()
    ground.function("types.ts", b"")
    ground.commit()
    ground.function("begun.ts", b"")

    assert ground.problems() == []


def test_a_backup_holds_the_site_and_says_what_of_it_is_not_valid(ground: Ground) -> None:
    ground.site()
    ground.write("_redirects", b"")
    ground.write("package.json", b"{}\n")
    ground.function("bad.js", BROKEN)
    ground.function("node_modules/left/index.js", HELLO)
    assert ground.run("backup").returncode == 0

    folder = next(
        path for path in (ground.workspace / "backups" / "netlify-functions").iterdir() if path.is_dir()
    )
    kept = {one["path"]: one["valid"] for one in json.loads((folder / "manifest.json").read_text())["files"]}

    assert kept == {
        "files/_redirects": None,
        f"files/{FOLDER}/bad.js": False,
        f"files/{FOLDER}/hello.mjs": True,
        f"files/{FOLDER}/order.js": True,
        "files/netlify.toml": True,
        "files/package.json": True,
    }
    assert not (folder.parent / "latest").exists(), "a broken state is never the default (safety S21)"


def test_a_backup_finds_the_functions_although_netlify_toml_is_damaged(ground: Ground) -> None:
    ground.write("netlify.toml", b'[functions]\ndirectory = "api"\n')
    ground.write("api/hello.mjs", HELLO)
    observer = ground.observer()
    observer.remember(observer.observe())
    ground.write("netlify.toml", BROKEN_TOML)
    assert ground.run("backup").returncode == 0

    listed = json.loads(ground.run("restore", "--dry-run", "--path", "api", "--json").stdout)

    assert [one["path"] for one in listed["files"]] == ["files/api/hello.mjs"]


# --- the manifest ---------------------------------------------------------------------------------


def test_the_manifest_is_written_by_hand_and_then_kept_current_by_the_guard(ground: Ground) -> None:
    ground.site()
    ground.commit()
    missing, written = ground.run("manifest", "--check"), ground.run("manifest")
    path = ground.workspace / MANIFEST
    ground.age(path)
    with ground.started():
        ground.function("new.mjs")
        eventually("it is current", lambda: "new" in json.loads(path.read_text())["functions"])

    assert missing.returncode == 1
    assert written.returncode == 0
    assert json.loads(path.read_text())["functions"] == ["hello", "new", "order"]
    assert ("write-manifest", True, f"wrote {MANIFEST}: 3 functions") in ground.acts()


def test_the_guard_never_makes_a_manifest_unasked(ground: Ground) -> None:
    ground.site()
    with ground.started():
        before = ground.report["cycle"]
        eventually("two more looks", lambda: ground.report["cycle"] > before + 2)

    assert not ground.has(MANIFEST)
    assert ground.acts() == []


def test_a_manifest_that_git_holds_is_left_to_a_person(ground: Ground) -> None:
    ground.site()
    ground.run("manifest")
    ground.commit()
    before = (ground.workspace / MANIFEST).read_bytes()
    ground.age(ground.workspace / MANIFEST)
    ground.function("new.mjs")

    with pytest.raises(StepRefused, match="git's last commit holds it"):
        write_manifest(ground.observer(), MANIFEST)

    assert ground.problems() == [("manifest-stale", MANIFEST)]
    assert (ground.workspace / MANIFEST).read_bytes() == before


def test_a_manifest_of_ours_that_was_lost_is_written_again(ground: Ground) -> None:
    ground.site()
    ground.commit()
    ground.run("manifest")
    path = ground.workspace / MANIFEST
    before = path.read_bytes()
    path.unlink()
    found = ground.problems()

    said = write_manifest(ground.observer(), MANIFEST)

    assert found == [("manifest-stale", MANIFEST)]
    assert said == f"wrote {MANIFEST}: 2 functions"
    assert path.read_bytes() == before
    assert write_manifest(ground.observer(), MANIFEST).startswith("not needed")


def test_while_functions_are_missing_the_manifest_is_not_rewritten(ground: Ground) -> None:
    ground.site()
    ground.commit()
    ground.run("manifest")
    (ground.workspace / FOLDER / "order.js").unlink()

    assert ground.problems() == [("file-wiped", f"{FOLDER}/order.js")]


def test_a_foreign_manifest_is_in_a_snapshot_before_it_is_overwritten(ground: Ground) -> None:
    ground.site()
    foreign = b'{"functions": ["old"], "owner": "somebody"}\n'
    ground.write(MANIFEST, foreign)

    said = json.loads(ground.run("manifest", "--json").stdout)

    copies = list((ground.workspace / "backups" / "netlify-functions").glob(f"*/files/{MANIFEST}"))
    assert said["written"] is True
    assert said["was"] == [
        "hello is missing from it",
        "order is missing from it",
        "old is in it, and is no function",
    ]
    assert [path.read_bytes() for path in copies] == [foreign]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no functions folder"),
        ({"netlify.toml": BROKEN_TOML}, "netlify.toml:2:"),
        ({"netlify.toml": b'[functions]\ndirectory = "api"\n'}, "api: no such folder"),
    ],
)
def test_without_functions_there_is_no_manifest(ground: Ground, files: dict[str, bytes], said: str) -> None:
    for path, data in files.items():
        ground.write(path, data)

    ran = ground.run("manifest")

    assert ran.returncode == 1
    assert said in ran.stderr


def test_settings_may_name_another_place_for_folder_and_manifest(ground: Ground) -> None:
    ground.write("api/hello.mjs", HELLO)
    ground.settings(functions={"directory": "api", "manifestFile": "functions.json", "autoUpdate": True})

    ran = ground.run("manifest", "--json")

    assert json.loads(ran.stdout)["path"] == "functions.json"
    assert json.loads((ground.workspace / "functions.json").read_text())["functions"] == ["hello"]


# --- Netlify --------------------------------------------------------------------------------------


def test_the_published_deploy_is_in_the_report(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    ground.asks(netlify)
    published = netlify.add_deploy()

    said = ground.check()

    assert said["status"] == "healthy"
    assert said["deploy"]["id"] == published
    assert said["deploy"]["state"] == "ready"
    assert said["deploy"]["publishedAt"] is not None
    assert said["subjects"]["total"] == 4, "two functions, netlify.toml, the site"


def test_production_deploys_that_fail_in_a_row_are_a_warning_and_no_emergency(
    ground: Ground, netlify: FakeNetlify
) -> None:
    ground.site()
    ground.asks(netlify)
    live = netlify.add_deploy()
    for _ in range(3):
        netlify.add_deploy(publish=False, state="error", error_message="Build script\nfailed")

    said = ground.check()

    assert [(one["problem"], one["subject"]) for one in said["findings"]] == [
        ("deploy-failing", "site example")
    ]
    assert said["status"] == "warning"
    assert said["score"] > 0.8
    assert f"Build script failed; deploy {live} is still live" in said["findings"][0]["message"]


def test_settings_may_leave_netlify_unasked(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    ground.asks(netlify)
    ground.settings(functions={"deploymentCheck": False})

    said = ground.check()

    assert said["note"] == "netlify.functions.deploymentCheck is false: deploys are not looked at"
    assert netlify.asked == []


def test_s8_an_empty_selection_guards_no_function(ground: Ground) -> None:
    ground.site()
    ground.function("bad.js", BROKEN)
    ground.settings(include=[])

    assert [one["subject"] for one in ground.check()["findings"] if "bad" in one["subject"]] == []


def test_the_functions_folder_of_the_sites_own_settings_is_used_and_remembered(
    ground: Ground, netlify: FakeNetlify
) -> None:
    ground.write("api/hello.mjs", HELLO)
    netlify.functions_folder = "api"
    ground.asks(netlify)
    with ground.started():
        assert [row["name"] for row in ground.report["functions"]] == ["hello"]
    ground.environment.clear()

    assert [row["name"] for row in ground.check()["functions"]] == ["hello"]


def test_a_functions_folder_outside_the_repository_is_refused(ground: Ground, netlify: FakeNetlify) -> None:
    ground.write("netlify.toml", TOML)
    netlify.functions_folder = "../elsewhere"
    ground.asks(netlify)

    assert ground.problems() == [("netlify-toml-damaged", "site settings")]


def test_a_backup_of_a_site_whose_settings_cannot_be_read_holds_its_functions(ground: Ground) -> None:
    ground.site()
    observer = ground.observer()
    observer.remember(observer.observe())
    (ground.workspace / "netlify.toml").unlink()
    (ground.workspace / "netlify.toml").mkdir()

    assert ground.run("backup").stdout.split(": ")[1].startswith("2 files")


def test_what_is_published_is_backed_up_with_its_redirects(ground: Ground) -> None:
    ground.write("netlify.toml", b'[build]\nbase = "site"\npublish = "out"\n')
    for path in ("site/netlify.toml", "site/out/_redirects", "site/out/index.html", "site/package.json"):
        ground.write(path, b"" if path.endswith("toml") else b"{}")

    sources = backed_up(ground.context(SteppedClock(time.time()))).sources[0].paths

    assert [path for path in sources if ground.has(path)] == [
        "netlify.toml",
        "site/netlify.toml",
        "site/package.json",
    ]


FAULTS = {
    "down": Fault(reset=True),
    "refusing": Fault(status=500),
    "truncated": Fault(cut=True),
    "broken off": Fault(broken_off=True),
    "no JSON": Fault(status=200, body=b"<html>"),
    "too many": Fault(status=429, headers={"X-RateLimit-Reset": "1800000900"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_netlify_that_fails_is_a_warning_and_the_files_are_guarded(
    ground: Ground, netlify: FakeNetlify, fault: Fault
) -> None:
    ground.site()
    ground.function("bad.js", BROKEN)
    ground.asks(netlify)
    netlify.fail(fault)

    assert ground.problems() == [("function-invalid", "bad"), ("api-unreachable", "Netlify")]


def test_a_netlify_that_does_not_answer_is_waited_for_in_bounds(
    ground: Ground, netlify: FakeNetlify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    ground.site()
    ground.asks(netlify)
    netlify.fail(Fault(slow=True))
    observer = ground.observer()

    assert [one.problem for one in observer.assess(observer.observe()).findings] == ["api-unreachable"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NETLIFY_AUTH_TOKEN": "another-token"}, "does not take the token"),
        ({"NETLIFY_AUTH_TOKEN": "two words"}, "one token and nothing else"),
        ({"NETLIFY_SITE_ID": "another-site"}, "knows no site another-site"),
    ],
)
def test_a_wrong_token_or_site_is_a_warning_that_never_shows_the_token(
    ground: Ground, netlify: FakeNetlify, environment: dict[str, str], said: str
) -> None:
    ground.site()
    ground.asks(netlify, **environment)

    ran = ground.run("check", "--json")

    assert said in json.loads(ran.stdout)["findings"][0]["message"]
    assert ground.environment["NETLIFY_AUTH_TOKEN"] not in ran.stdout + ran.stderr


def test_the_token_may_lie_in_a_private_file_and_nowhere_for_others(
    ground: Ground, netlify: FakeNetlify, tmp_path: Path
) -> None:
    ground.site()
    netlify.add_deploy()
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", "utf-8")
    file.chmod(0o600)
    ground.asks(netlify, NETLIFY_AUTH_TOKEN="", NETLIFY_AUTH_TOKEN_FILE=str(file))
    private = ground.check()
    file.chmod(0o644)
    open_to_all = ground.check()

    assert private["deploy"] is not None
    assert "others may read it (mode 644)" in open_to_all["findings"][0]["message"]


def test_the_site_is_known_from_netlify_link(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    published = netlify.add_deploy()
    ground.asks(netlify, NETLIFY_SITE_ID="")
    unlinked = ground.check()
    ground.write(".netlify/state.json", json.dumps({"siteId": SITE_ID}).encode())

    assert "netlify link" in unlinked["note"]
    assert ground.check()["deploy"]["id"] == published


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NETLIFY_SITE_ID": "no site"}, "NETLIFY_SITE_ID: expected the id"),
        ({"NETLIFY_API_URL": "http://example.com"}, "NETLIFY_API_URL is not https"),
        ({"NETLIFY_CHECK_INTERVAL": "soon"}, "NETLIFY_CHECK_INTERVAL: expected milliseconds"),
    ],
)
def test_wrong_settings_end_the_program_in_one_line(
    ground: Ground, environment: dict[str, str], said: str
) -> None:
    ran = ground.run("check", **environment)

    assert ran.returncode == 3
    assert ran.stderr.startswith(said)
    assert ran.stderr.count("\n") == 1


def test_paths_in_settings_stay_in_the_workspace(ground: Ground) -> None:
    ground.settings(functions={"manifestFile": "../elsewhere.json"})

    ran = ground.run("manifest")

    assert ran.returncode == 3
    assert "netlify.functions.manifestFile: '../elsewhere.json' climbs out" in ran.stderr


def test_netlify_is_asked_once_an_interval_however_often_is_looked(
    ground: Ground, netlify: FakeNetlify
) -> None:
    ground.site()
    ground.asks(netlify)
    clock = SteppedClock(time.time())
    observer = ground.observer(clock)
    counts = []
    for wait_s in (0.0, 1.0, 60.0, 58.0, 1.0, 1.0, 118.0, 1.0):
        clock.wait(wait_s)
        observer.observe()
        counts.append(len(netlify.asked))

    assert counts == [2, 2, 2, 2, 4, 4, 4, 6]


def test_after_failures_it_is_asked_less_often_and_what_it_said_stands(
    ground: Ground, netlify: FakeNetlify
) -> None:
    ground.site()
    ground.asks(netlify)
    published = netlify.add_deploy()
    clock = SteppedClock(time.time())
    observer = ground.observer(clock)
    observer.observe()
    netlify.fail(Fault(status=500), Fault(status=500))
    asked, deploys, troubles = [], [], []
    for wait_s in (120.0, 120.0, 120.0, 120.0):
        clock.wait(wait_s)
        facts = observer.observe()
        asked.append(len(netlify.asked))
        troubles.append(bool(facts.sight.trouble))
        deploys.append(observer.assess(facts).sections["deploy"])

    assert asked == [3, 4, 4, 6]
    assert troubles == [True, True, True, False]
    assert [one["id"] for one in deploys if isinstance(one, dict)] == [published] * 4


def test_a_rate_limit_is_kept_as_long_as_netlify_says(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    ground.asks(netlify)
    clock = SteppedClock(time.time())
    until = {"X-RateLimit-Reset": str(int(clock.now_s()) + 1000)}
    netlify.fail(Fault(status=429, headers=until))
    observer = ground.observer(clock)
    observer.observe()
    clock.wait(900.0)
    observer.observe()
    before = len(netlify.asked)
    clock.wait(101.0)
    observer.observe()

    assert before == 1
    assert len(netlify.asked) == 3


# --- the loop, and what people see ----------------------------------------------------------------


def test_start_report_and_status_tell_the_same_story(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    ground.function("bad.js", BROKEN)
    ground.asks(netlify)
    ground.settings(autoDeploy=True)
    netlify.add_deploy()
    with ground.started():
        status, report = ground.run("status"), ground.run("report")
        warned = [one for one in ground.logged() if one["event"] == "setting_ignored"]

    assert status.returncode == 1
    assert "function-invalid" in status.stdout
    assert "correct netlify/functions/bad.js" in report.stdout
    assert [one["detail"] for one in warned] == [
        "netlify.autoDeploy: automatic deploys are not built; `deploy` makes one by hand"
    ]
    assert TOKEN not in (ground.workspace.parent / "guard.log").read_text("utf-8")


def test_without_a_token_the_guard_says_so_once(ground: Ground) -> None:
    ground.site()
    with ground.started():
        before = ground.report["cycle"]
        eventually("more looks", lambda: ground.report["cycle"] > before + 2)

    assert [one["event"] for one in ground.logged()].count("netlify_not_asked") == 1


def test_the_guard_takes_backups_by_the_clock(ground: Ground) -> None:
    ground.site()
    with ground.started():
        eventually("a backup", lambda: ground.report.get("backup", {}).get("count"))

    assert ground.run("backups").stdout.count("scheduled") == 1


def test_doctor_says_what_judges_and_how_netlify_is_asked(ground: Ground, netlify: FakeNetlify) -> None:
    ground.site()
    ground.commit()
    ground.asks(netlify)
    ground.settings(autoDeploy=True)

    ran = ground.run("doctor", "--json")
    said = {one["what"]: one["detail"] for one in json.loads(ran.stdout)["checks"]}

    assert said["functions"] == f"2 in {FOLDER}"
    assert said["syntax"] == "judged by tree-sitter"
    assert said["Netlify"] == f"site {SITE_ID}, with a token"
    assert "not built" in said["setting"]
    assert said["git"].startswith("HEAD is ")
    assert "automatic deploys are not built" in ran.stderr
    assert TOKEN not in ran.stdout


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no functions folder"),
        ({"netlify.toml": BROKEN_TOML}, "netlify.toml:2:"),
        ({"netlify.toml": b'[functions]\ndirectory = "api"\n'}, "api: no such folder"),
        ({"netlify.toml/x": b""}, "cannot read"),
    ],
)
def test_doctor_says_why_there_are_no_functions(ground: Ground, files: dict[str, bytes], said: str) -> None:
    for path, data in files.items():
        ground.write(path, data)

    ran = ground.run("doctor", "--json")

    assert said in {one["what"]: one["detail"] for one in json.loads(ran.stdout)["checks"]}["functions"]
