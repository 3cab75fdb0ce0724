"""Laws of the Netlify guard's decisions and readers, for whatever comes."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from automation.systems.netlify.deploy_refusals import publish_refusals
from automation.systems.netlify.discovery import (
    EXTENSIONS,
    Entry,
    Function,
    Kind,
    Runtime,
    discover,
    main_files,
)
from automation.systems.netlify.manifest import is_current, render
from automation.systems.netlify.records import Deploy, deploys_of, site_of
from automation.systems.netlify.rollback_target import Rollback, Target, cause_of, rollback_target
from automation.systems.netlify.settings_file import Damaged, Settings, parse

texts = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["id", "state", "published_deploy", "published_at", "build_settings", "locked"])
toml_tables = (
    "[build]",
    "[functions]",
    '[functions."a*"]',
    "[context.production]",
    "[context.production.build]",
)
toml_words = ("base", "publish", "directory", "functions", "schedule")
toml_signs = ("=", '"../x"', '"a/b"', "3", "\n", "[", '"', "\x00")
toml_parts = st.sampled_from(toml_tables + toml_words + toml_signs)
stems = st.sampled_from(["a", "b", "v1.2", "v1.3", ".x", "_y"])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    stem = draw(stems)
    if draw(st.booleans()):
        inside = draw(st.frozensets(st.sampled_from(main_files(stem))))
        return Entry(stem, Kind.FOLDER, inside)
    binary = draw(st.none() | st.sampled_from([Runtime.GO, Runtime.RUST]))
    return Entry(stem + draw(st.sampled_from([*EXTENSIONS, "", ".md"])), binary=binary)


listings = st.lists(entries(), max_size=12, unique_by=lambda entry: entry.name)


@given(listings, st.randoms())
def test_each_name_is_one_function_and_the_order_of_a_listing_means_nothing(
    listed: list[Entry], chance: Random
) -> None:
    found = discover(listed, "f")
    names = [one.name for one in found.functions]
    chance.shuffle(listed)

    assert names == sorted(set(names))
    assert discover(listed, "f") == found


@given(listings)
def test_what_is_found_is_written_and_then_is_current(listed: list[Entry]) -> None:
    functions = discover(listed, "f").functions
    written = render(functions)

    assert is_current(written, functions)
    assert render(reversed(functions)) == written
    assert not is_current(written, (*functions, Function("another", "f/another.js", "js")))


@given(
    st.binary(max_size=200) | st.lists(toml_parts, max_size=20).map(lambda parts: " ".join(parts).encode())
)
def test_of_any_settings_file_comes_a_value_and_no_path_leaves_the_repository(data: bytes) -> None:
    found = parse(data)

    assert isinstance(found, Settings | Damaged)
    if isinstance(found, Settings):
        for path in (found.base, found.publish, found.functions or "."):
            assert path != ".." and not path.startswith(("../", "/"))  # noqa: PT018  # one law
    else:
        assert found.line >= 1
        assert "\n" not in str(found)


@given(json_values | st.dictionaries(fields, json_values))
def test_of_any_answer_comes_a_value_or_a_value_error(answer: object) -> None:
    for parse_answer in (site_of, deploys_of):
        try:
            parse_answer(json.loads(json.dumps(answer)))
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017  # either outcome is right


@given(
    st.lists(
        st.tuples(st.sampled_from(["ready", "old", "error", "building"]), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.booleans(), max_size=20),
)
def test_automatic_rollbacks_end_and_never_return_to_a_deploy_that_was_left(
    made: list[tuple[str, bool, bool]], new_deploys: list[bool]
) -> None:
    """Whatever is live fails each time; between the tries a person may deploy anew."""
    deploys = [
        Deploy(
            str(number),
            state,
            "production" if is_production else "deploy-preview",
            created_at_s=number,
            published_at_s=float(number) if was_published else None,
        )
        for number, (state, is_production, was_published) in enumerate(made)
    ]
    now_s, history = 1000.0, list[Rollback]()
    current = Deploy("first", "ready", "production", created_at_s=now_s, published_at_s=now_s)
    for is_new in [*new_deploys, False, False]:
        now_s += 10
        if is_new:
            deploys.append(current)
            current = Deploy(f"new-{now_s}", "ready", "production", created_at_s=now_s, published_at_s=now_s)
        cause = cause_of("function-down", current.id)
        found = rollback_target([*deploys, current], current, cause, history)
        if isinstance(found, Target):
            assert found.deploy.id not in {rollback.from_id for rollback in history}
            assert found.deploy.is_production
            assert found.deploy.published_at_s is not None
            history.append(Rollback(cause, current.id, found.deploy.id, now_s))
            deploys = [*(deploy for deploy in deploys if deploy.id != found.deploy.id), current]
            current = replace(found.deploy, state="ready", published_at_s=now_s)

    assert len(history) <= sum(new_deploys) + 1


@given(
    st.lists(
        st.sampled_from(["a", "logs", "b.html", "Backups", ".git", ".env.x", "c"]), min_size=1, max_size=5
    )
)
def test_a_path_is_refused_exactly_when_one_of_its_parts_is_private(parts: list[str]) -> None:
    private = {"logs", "Backups", ".git", ".env.x"} & set(parts)

    assert bool(publish_refusals(["/".join(parts)])) == bool(private)
