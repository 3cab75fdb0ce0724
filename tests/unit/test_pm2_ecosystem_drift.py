"""What an ecosystem file declares, and where an app runs otherwise: by name, never by value."""

from __future__ import annotations

import json

import pytest

from automation.systems.pm2.ecosystem.declared import (
    App,
    Declared,
    Evaluated,
    app_of,
    entry_in,
    environment_of,
    evaluated,
    is_configuration,
    marks,
)
from automation.systems.pm2.ecosystem.drift import (
    Drift,
    Running,
    chosen_block,
    drifts,
    running,
    start_command,
)

FILE = "ecosystem.config.js"
WEB = App("/w/web.js", ("--port", "80"), "node", "fork_mode")


def file(*apps: Declared, path: str = FILE, asked: tuple[str, ...] = ()) -> Evaluated:
    return Evaluated(path, apps, asked=asked)


def declared(app: App = WEB, name: str = "web", **more: object) -> Declared:
    env = more.pop("env", {})
    assert isinstance(env, dict)
    blocks = more.pop("blocks", {})
    assert isinstance(blocks, dict)
    said = {
        "names": frozenset(env),
        "env": marks(env),
        "blocks": {one: marks(set_) for one, set_ in blocks.items()},
    }
    return Declared(name, app, **(said | more))  # type: ignore[arg-type]  # a test's own words


def runs(app: App = WEB, name: str = "web", **env: object) -> Running:
    return Running(name, app, marks(env))


def compared(said: Evaluated, *entries: Running, once: frozenset[str] = frozenset()) -> tuple[Drift, ...]:
    return drifts([said], entries, {(FILE, "web"): once})


def one(said: Evaluated, *entries: Running, once: frozenset[str] = frozenset()) -> tuple[list[str], str]:
    (drift,) = compared(said, *entries, once=once)
    assert (drift.file, drift.name) == (FILE, "web")
    return [difference.said for difference in drift.differences], drift.advice


START = "`pm2 start ecosystem.config.js --only web`"
ANEW = "`pm2 delete web && pm2 start ecosystem.config.js --only web`: a start alone keeps what the app has"


def test_what_runs_as_declared_is_no_drift_whatever_the_shell_added() -> None:
    assert compared(file(declared(env={"A": 1})), runs(A="1", OF_THE_SHELL="x")) == ()
    assert compared(file(declared()), runs(name="other")) == ()
    assert compared(file(declared())) == ()


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (App("/old.js", WEB.args, "node", "fork_mode"), "script: /old.js runs, the file says /w/web.js"),
        (App(WEB.script, WEB.args, "bun", "fork_mode"), "interpreter: bun runs, the file says node"),
        (App(WEB.script, WEB.args, "", "fork_mode"), "interpreter: none runs, the file says node"),
        (
            App(WEB.script, WEB.args, "node", "cluster_mode"),
            "exec_mode: cluster_mode runs, the file says fork_mode",
        ),
        (App(WEB.script, WEB.args, "node", ""), "exec_mode: none runs, the file says fork_mode"),
    ],
)
def test_what_a_start_would_not_change_needs_a_delete(app: App, said: str) -> None:
    assert one(file(declared()), runs(app)) == ([said], ANEW)


def test_one_difference_that_needs_a_delete_makes_it_needed() -> None:
    said, advice = one(file(declared(env={"A": "1"})), runs(App("/old.js", WEB.args, "node", "fork_mode")))

    assert (len(said), advice) == (2, ANEW)


def test_other_arguments_are_counted_and_not_shown() -> None:
    assert one(file(declared()), runs(App("/w/web.js", ("secret",), "node", "fork_mode"))) == (
        ["args: 1 are given, the file gives others"],
        START,
    )
    no_args = App("/w/web.js", (), "node", "fork_mode")
    assert one(file(declared(no_args)), runs()) == (["args: 2 are given, the file gives none"], ANEW)


def test_an_interpreter_that_nobody_named_may_lie_elsewhere() -> None:
    at_home = App(WEB.script, WEB.args, "/opt/node/bin/node", "fork_mode")

    assert compared(file(declared()), runs(at_home)) == ()
    assert one(file(declared(interpreter_given=True)), runs(at_home))[1] == ANEW


def test_variables_are_named_and_their_values_are_not() -> None:
    said, advice = one(
        file(declared(env={"NEW": "secret-1", "OTHER": "secret-2", "SAME": "x"})), runs(OTHER="old", SAME="x")
    )

    assert said == ["variables of the file that it lacks: NEW", "variables with another value: OTHER"]
    assert advice == START


def test_a_variable_that_the_file_sets_no_longer_needs_a_delete() -> None:
    said = file(declared(env={"A": "1"}))
    once = frozenset({"A", "GONE", "GONE_EVERYWHERE"})

    assert one(said, runs(A="1", GONE="x"), once=once) == (
        ["variables that the file sets no longer: GONE"],
        ANEW,
    )
    assert compared(said, runs(A="1"), once=once) == ()
    assert (
        compared(
            file(declared(env={"A": "1"}, names=frozenset({"A", "GONE"}))), runs(A="1", GONE="x"), once=once
        )
        == ()
    )
    assert compared(file(declared(blocks={"x": {"GONE": "x"}})), runs(GONE="x"), once=once) == ()


def test_the_number_of_instances_is_settled_by_scaling() -> None:
    assert one(file(declared(instances=3)), runs(), runs()) == (
        ["instances: 2 run, the file says 3"],
        "`pm2 scale web 3`",
    )
    assert one(file(declared(instances=3, env={"A": "1"})), runs(), runs())[1] == (
        f"{START}, then `pm2 scale web 3`"
    )
    assert compared(file(declared(instances=2)), runs(), runs()) == ()


def test_many_names_are_cut_short() -> None:
    names = {f"V{number}": "1" for number in range(10)}
    said, _ = one(file(declared(env=names)), runs())

    assert said == [f"variables of the file that it lacks: {', '.join(sorted(names)[:8])} and 2 more"]
    eight = dict(list(names.items())[:8])
    assert one(file(declared(env=eight)), runs())[0][0].endswith("V7")


def test_each_instance_is_compared_and_a_difference_said_once() -> None:
    said = file(declared(env={"A": "1"}))

    assert one(said, runs(A="1"), runs(A="2"), runs(A="2"))[0] == ["variables with another value: A"]


def test_an_app_is_compared_with_the_environment_that_is_the_closest() -> None:
    said = file(declared(env={"MODE": "plain", "A": "1"}, blocks={"production": {"MODE": "real"}}))

    assert compared(said, runs(MODE="real", A="1")) == ()
    assert compared(said, runs(MODE="plain", A="1")) == ()
    changed, advice = one(said, runs(MODE="real", A="2"))
    assert changed == ["variables with another value: A"]
    assert advice == "`pm2 start ecosystem.config.js --only web [--env NAME]`"


def test_where_the_block_is_known_the_advice_names_it() -> None:
    app = App(WEB.script, ("other",), "node", "fork_mode")
    said = file(declared(env={"MODE": "plain"}, blocks={"production": {"MODE": "real"}}))

    assert one(said, runs(app, MODE="real"))[1] == (
        "`pm2 start ecosystem.config.js --only web --env production`"
    )
    assert one(said, runs(app, MODE="plain"))[1] == START


def test_one_of_two_files_that_agrees_is_enough_and_else_the_closest_is_named() -> None:
    near = file(declared(env={"A": "1"}), path="b.config.js")
    far = file(declared(App("/x", (), "node", "fork_mode"), env={"A": "1"}), path="a.config.js")

    assert drifts([far, near], [runs(A="1")], {}) == ()
    worse = file(declared(env={"A": "1", "B": "1"}), path="a.config.js")
    assert [drift.file for drift in drifts([worse, near], [runs()], {})] == ["b.config.js"]
    assert [drift.file for drift in drifts([far, near], [runs(A="2")], {})] == ["b.config.js"]


def test_a_file_that_asks_its_shell_is_compared_without_what_depends_on_it() -> None:
    depends = file(declared(env={"PORT": "1"}, instances=4, names=frozenset({"PORT"})), asked=("PORT",))
    app = App(WEB.script, ("--port", "3000"), "node", "fork_mode")

    assert compared(depends, runs(app, PORT="3000")) == ()
    assert one(depends, runs(app))[0] == ["variables of the file that it lacks: PORT"]
    assert one(depends, runs(App("/x", (), "node", "fork_mode"), PORT="1"))[0][0].startswith("script:")


def test_s6_ours_are_never_apart_from_a_file() -> None:
    said = file(declared(name="enhanced-pm2-redundancy"))

    assert drifts([said], [runs(App("/x"), "enhanced-pm2-redundancy")], {}) == ()


def test_what_pm2_would_not_start_is_said() -> None:
    said, advice = one(file(declared(App(known=False), error="Script not found: /w/web.js")), runs())

    assert said == ["PM2 would not start it: Script not found: /w/web.js"]
    assert advice == f"put {FILE} right"


def test_what_nobody_could_fill_in_is_not_compared() -> None:
    assert compared(file(declared(App(known=False))), runs()) == ()


@pytest.mark.parametrize(
    ("env", "chosen"),
    [
        ({"MODE": "plain"}, ""),
        ({"MODE": "real"}, "production"),
        ({"MODE": "real", "DEBUG": "1"}, "staging"),
        ({"MODE": "else"}, None),
        ({}, None),
    ],
)
def test_the_chosen_block_is_the_one_whose_variables_the_app_has(
    env: dict[str, str], chosen: str | None
) -> None:
    blocks = {"production": {"MODE": "real"}, "staging": {"MODE": "real", "DEBUG": "1"}}

    assert chosen_block(declared(env={"MODE": "plain"}, blocks=blocks), marks(env)) == chosen


def test_blocks_that_are_alike_cannot_be_told_apart() -> None:
    blocks = {"production": {"MODE": "real"}, "live": {"MODE": "real"}}

    assert chosen_block(declared(blocks=blocks), marks({"MODE": "real"})) is None


def test_a_command_is_quoted() -> None:
    assert start_command("my file.json", "a b", "x y") == "pm2 start 'my file.json' --only 'a b' --env 'x y'"


# --- values ---


def test_entries_of_declared_apps_are_taken_without_the_twins_of_a_reload() -> None:
    env = {
        "pm_exec_path": "/w/web.js",
        "args": ["--port", 80],
        "exec_interpreter": "node",
        "exec_mode": "fork_mode",
    }
    entries: list[dict[str, object]] = [
        {"name": "web", "pm_id": 1, "pm2_env": env | {"env": {"A": True}}},
        {"name": "web", "pm_id": "_old_0", "pm2_env": env},
        {"name": "else", "pm_id": 2, "pm2_env": env},
        {"name": "web", "pm_id": 3},
    ]

    assert running(entries, frozenset({"web"})) == (Running("web", WEB, marks({"A": "true"})),)


def test_values_are_compared_as_the_process_gets_them() -> None:
    assert marks({"A": 1, "B": True, "C": {"x": None}, "D": "\ud83d"}) == marks(
        {"A": "1", "B": "true", "C": '{"x": null}', "D": "\ud83d"}
    )
    assert app_of({"args": "a b"}).args == app_of({"args": ["a", "b"]}).args
    assert app_of({}) == App()
    assert environment_of({"env": 3}) == {}


def output(**said: object) -> bytes:
    return b"noise\n\n" + json.dumps({"asked": [], "apps": []} | said).encode() + b"\n"


def test_an_evaluation_says_apps_damage_or_nothing() -> None:
    said = {
        "name": "web",
        "env": {"A": 1},
        "names": ["A", "B"],
        "blocks": {"production": {"A": 2}},
        "instances": 2,
        "interpreter": True,
        "entries": {
            "": {
                "pm_exec_path": "/w/web.js",
                "args": ["--port", "80"],
                "exec_interpreter": "node",
                "exec_mode": "fork_mode",
            }
        },
    }

    found = evaluated(FILE, output(apps=[said], asked=["PORT"]))
    assert found.asked == ("PORT",)
    blocks = {"production": marks({"A": 2})}
    names = frozenset({"A", "B"})
    assert found.apps == (
        Declared("web", WEB, names, marks({"A": 1}), blocks, instances=2, interpreter_given=True),
    )
    assert found.apps[0].variants() == {"": marks({"A": 1}), "production": marks({"A": 2})}
    assert evaluated(FILE, output(damaged="no", line=3)) == Evaluated(FILE, damage="no", line=3)
    assert evaluated(FILE, output(unknown="what")).unknown == "what"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b'{"apps":[{}],"asked":[]}',
        b'{"apps":[{"name":"a","env":1,"blocks":{}}],"asked":[]}',
        b"{",
    ],
)
def test_an_evaluation_that_cannot_be_understood_says_nothing(said: bytes) -> None:
    assert evaluated(FILE, said).unknown == "its evaluation said nothing that can be understood"


def test_what_is_sent_to_start_an_app_is_that_of_its_block() -> None:
    apps = [
        {"name": "a"},
        {"name": "b", "entries": {"": {"x": 1}, "production": {"x": 2}, "odd": 3}},
    ]

    assert entry_in(output(apps=apps), "b", "production") == {"x": 2}
    assert [entry_in(output(apps=apps), *asked) for asked in (("a", ""), ("b", "odd"), ("c", ""))] == [
        None
    ] * 3


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        ("ecosystem.config.js", True),
        ("ecosystem.json", True),
        ("ecosystem.prod.yaml", True),
        ("automation/redundancy-config.json", False),
        ("package.json", False),
        ("ecosystem.cjs", False),
    ],
)
def test_pm2_takes_a_file_for_a_configuration_by_its_name(path: str, takes: bool) -> None:  # noqa: FBT001  # a case
    assert is_configuration(path) == takes
