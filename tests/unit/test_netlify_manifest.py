"""The list of functions in the workspace: its bytes, and when it is out of date."""

from __future__ import annotations

import json

import pytest

from automation.systems.netlify.discovery import Function
from automation.systems.netlify.manifest import SIZE_CAP_BYTES, differences, is_current, path_in, render

MAIL = Function("mail", "netlify/functions/mail.js", "js", "@daily", ("/mail",))
CLOCK = Function("clock", "netlify/functions/clock/index.ts", "js")


def test_the_names_are_a_list_as_its_readers_expect() -> None:
    assert json.loads(render([MAIL, CLOCK])) == {
        "functions": ["clock", "mail"],
        "details": [
            {
                "name": "clock",
                "mainFile": "netlify/functions/clock/index.ts",
                "runtime": "js",
                "schedule": None,
                "routes": [],
            },
            {
                "name": "mail",
                "mainFile": "netlify/functions/mail.js",
                "runtime": "js",
                "schedule": "@daily",
                "routes": ["/mail"],
            },
        ],
    }


def test_the_same_functions_give_the_same_bytes_in_any_order() -> None:
    assert render([MAIL, CLOCK]) == render([CLOCK, MAIL])
    assert render([CLOCK]).endswith(b"}\n")


def test_what_was_written_is_current_until_a_function_changes() -> None:
    written = render([MAIL, CLOCK])

    assert is_current(written, [CLOCK, MAIL])
    assert not is_current(written, [CLOCK])
    assert not is_current(
        written, [CLOCK, Function("mail", "netlify/functions/mail.mjs", "js", "@daily", ("/mail",))]
    )


@pytest.mark.parametrize(
    "existing",
    [
        b'{"generatedAt": "2020-01-01T00:00:00Z", "functions": ["mail", "clock"]}',
        b'{"functions": [{"name": "clock", "size": 3}, {"name": "mail"}]}',
    ],
)
def test_a_list_that_another_program_wrote_long_ago_is_current_when_it_is_true(existing: bytes) -> None:
    assert is_current(existing, [MAIL, CLOCK])
    assert differences(existing, [MAIL, CLOCK]) == ()


@pytest.mark.parametrize(
    ("existing", "said"),
    [
        (None, ("there is no manifest",)),
        (b"", ("it is no JSON object",)),
        (b"\xff", ("it is no JSON object",)),
        (b"[" * 100_000, ("it is no JSON object",)),
        (b" " * (SIZE_CAP_BYTES + 1), ("it is no JSON object",)),
        (b"[]", ("it is no JSON object",)),
        (b"{}", ("it has no list `functions`",)),
        (b'{"functions": {"mail": 1}}', ("it has no list `functions`",)),
        (b'{"functions": ["mail", "old"]}', ("clock is missing from it", "old is in it, and is no function")),
        (b'{"functions": ["mail", "mail", "clock"]}', ("what it says of the functions has changed",)),
        (b'{"functions": ["mail", "clock"], "details": []}', ("what it says of the functions has changed",)),
        (b'{"functions": ["mail", "clock", 7]}', (" is in it, and is no function",)),
    ],
)
def test_what_makes_it_out_of_date_is_said(existing: bytes | None, said: tuple[str, ...]) -> None:
    assert not is_current(existing, [MAIL, CLOCK])
    assert differences(existing, [MAIL, CLOCK]) == said


def test_a_name_that_is_no_text_for_json_does_not_stop_the_manifest() -> None:
    odd = Function("bad\udcff", "f/bad\udcff.js", "js")

    assert is_current(render([odd]), [odd])


def test_it_lies_in_the_functions_folder() -> None:
    assert path_in("netlify/functions") == "netlify/functions/functions-manifest.json"
