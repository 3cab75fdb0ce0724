"""What the Netlify guard makes of one look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automation.core.finding import Finding, Severity, Status
from automation.core.health import Bands, score, status
from automation.engine.kept_files import KeptFile
from automation.systems.netlify.checks import MOST_ROWS, assess, site_subject
from automation.systems.netlify.discovery import Discovery, Function, Remark
from automation.systems.netlify.facts import Facts, Local, ManifestLook, Sight
from automation.systems.netlify.failures import failed_in_a_row
from automation.systems.netlify.records import Deploy, Links, Site
from automation.systems.netlify.settings_file import Damaged, Settings
from automation.systems.netlify.syntax import Judged, SyntaxProblem, Verdict

HELLO = Function("hello", "netlify/functions/hello.mjs", "js", "@daily", ("/hello",))
ORDER = Function("order", "netlify/functions/order.js", "js")
VALID, UNKNOWN = Judged(Verdict.VALID), Judged(Verdict.UNKNOWN, reason="nobody")
PROBLEMS = tuple(SyntaxProblem(ORDER.main_file, line, 1, "unexpected `{`") for line in (3, 9))
LOCAL = Local(
    settings=Settings(file="netlify.toml"),
    folder="netlify/functions",
    discovery=Discovery((HELLO, ORDER)),
    verdicts={HELLO.main_file: VALID, ORDER.main_file: VALID},
)
LIVE = Deploy("live", "ready", "production", created_at_s=100.0, published_at_s=160.0)
SITE = Site("1f", "example", "https://example.netlify.app", "https://app.netlify.com/example", LIVE)


def failed(number: int, **replaced: object) -> Deploy:
    """Return a failed production deploy; a higher number is newer."""
    made = Deploy(f"failed-{number}", "error", "production", created_at_s=200.0 + number)
    return replace(made, **replaced)  # type: ignore[arg-type]  # fields of a deploy


def findings(local: Local = LOCAL, sight: Sight = Sight(), limit: int = 3) -> tuple[Finding, ...]:  # noqa: B008  # frozen
    """Return the findings of a look."""
    return assess(Facts(0.0, local, sight, limit)).findings


def test_nothing_there_is_nothing_to_guard_and_no_finding_whatever_netlify_says() -> None:
    assessment = assess(Facts(0.0, Local(), Sight(trouble="no connection")))

    assert status(assessment, Bands()) is Status.DISABLED
    assert assessment.findings == ()


@pytest.mark.parametrize(
    "local",
    [
        Local(settings=Settings(file="netlify.toml")),
        Local(folder="api"),
        Local(damage=(Damaged("netlify.toml", 1, 1, "not UTF-8"),)),
        Local(files=(KeptFile("netlify/functions/hello.mjs", "missing", wiped=True),)),
    ],
)
def test_settings_functions_or_the_loss_of_them_are_something_to_guard(local: Local) -> None:
    assert not local.is_empty
    assert Local(files=(KeptFile("x"),)).is_empty


def test_all_well_is_healthy_with_each_function_the_settings_and_the_site_as_subjects() -> None:
    assessment = assess(Facts(0.0, LOCAL, Sight(SITE, (LIVE,), 0.0)))

    assert assessment.findings == ()
    assert assessment.subjects == ("hello", "order", "netlify.toml", "site example")
    assert score(assessment) == 1.0


def test_the_sections_are_those_of_the_contract() -> None:
    sections = assess(Facts(0.0, LOCAL, Sight(SITE, (LIVE,), 0.0, note="said"))).sections

    assert sections["functions"] == [
        {
            "name": "hello",
            "file": "netlify/functions/hello.mjs",
            "runtime": "js",
            "routes": ["/hello"],
            "schedule": "@daily",
            "valid": True,
            "probe": None,
        },
        {
            "name": "order",
            "file": "netlify/functions/order.js",
            "runtime": "js",
            "routes": [],
            "schedule": None,
            "valid": True,
            "probe": None,
        },
    ]
    assert sections["deploy"] == {
        "id": "live",
        "state": "ready",
        "publishedAt": "1970-01-01T00:02:40.000Z",
        "url": "https://example.netlify.app",
        "locked": False,
    }
    assert sections["note"] == "said"


@pytest.mark.parametrize("site", [None, replace(SITE, published=None)])
def test_without_a_published_deploy_there_is_no_deploy_section(site: Site | None) -> None:
    assert assess(Facts(0.0, LOCAL, Sight(site))).sections["deploy"] is None


def test_a_deploy_says_its_own_address_and_no_moment_that_is_not_known() -> None:
    published = replace(LIVE, published_at_s=None, links=Links(permanent="https://live--example.netlify.app"))

    deploy = assess(Facts(0.0, LOCAL, Sight(replace(SITE, published=published)))).sections["deploy"]

    assert isinstance(deploy, dict)
    assert deploy["publishedAt"] is None
    assert deploy["url"] == "https://live--example.netlify.app"


def test_the_list_of_functions_in_a_report_is_bounded() -> None:
    many = tuple(Function(f"f{number}", f"f{number}.js", "js") for number in range(MOST_ROWS + 1))

    rows = assess(Facts(0.0, replace(LOCAL, discovery=Discovery(many)))).sections["functions"]

    assert isinstance(rows, list)
    assert len(rows) == MOST_ROWS


# --- files ----------------------------------------------------------------------------------------


def test_a_function_that_no_engine_accepts_is_critical_with_the_place_of_its_first_error() -> None:
    local = replace(LOCAL, verdicts={ORDER.main_file: Judged(Verdict.INVALID, PROBLEMS)})

    (found,) = findings(local)

    assert (found.problem, found.subject, found.severity) == ("function-invalid", "order", Severity.CRITICAL)
    assert found.message == "netlify/functions/order.js:3:1: unexpected `{` (and 1 more)"


def test_a_function_that_settings_leave_out_is_no_subject_and_no_finding() -> None:
    remark = Remark("broken-link", ORDER.main_file, "the link leads nowhere", breaks_build=True)
    local = replace(
        LOCAL,
        discovery=Discovery((HELLO, ORDER), (remark,)),
        verdicts={ORDER.main_file: Judged(Verdict.INVALID)},
        left_out=frozenset({"order"}),
    )

    assessment = assess(Facts(0.0, local))

    assert assessment.subjects == ("hello", "netlify.toml")
    assert assessment.findings == ()
    assert assessment.metrics["functions"] == 1


def test_an_invalid_function_without_a_place_is_named_by_its_file() -> None:
    local = replace(LOCAL, verdicts={ORDER.main_file: Judged(Verdict.INVALID)})

    assert [found.message for found in findings(local)] == ["netlify/functions/order.js"]


def test_one_error_alone_is_not_counted_on() -> None:
    local = replace(LOCAL, verdicts={ORDER.main_file: Judged(Verdict.INVALID, PROBLEMS[:1])})

    assert [found.message for found in findings(local)] == ["netlify/functions/order.js:3:1: unexpected `{`"]


def test_what_nobody_could_judge_is_neither_valid_nor_a_finding() -> None:
    assessment = assess(Facts(0.0, replace(LOCAL, verdicts={HELLO.main_file: UNKNOWN})))

    rows = assessment.sections["functions"]
    assert isinstance(rows, list)
    assert [row["valid"] for row in rows] == [None, None]
    assert assessment.findings == ()
    assert assessment.metrics["unjudged"] == 2


def test_a_wiped_function_is_one_finding_and_one_subject() -> None:
    local = replace(
        LOCAL,
        files=(KeptFile(ORDER.main_file, "empty", wiped=True), KeptFile(HELLO.main_file)),
        verdicts={ORDER.main_file: Judged(Verdict.INVALID), HELLO.main_file: VALID},
    )

    assessment = assess(Facts(0.0, local))

    assert [(one.problem, one.subject) for one in assessment.findings] == [("file-wiped", ORDER.main_file)]
    assert assessment.subjects == ("hello", ORDER.main_file, "netlify.toml")
    rows = assessment.sections["functions"]
    assert isinstance(rows, list)
    assert [row["valid"] for row in rows] == [True, False]


def test_a_damaged_netlify_toml_is_critical_with_its_place_and_counts_as_a_subject() -> None:
    local = replace(LOCAL, settings=Settings(), damage=(Damaged("netlify.toml", 4, 2, "Expected '='"),))

    assessment = assess(Facts(0.0, local))

    (found,) = assessment.findings
    assert (found.problem, found.subject, found.severity) == (
        "netlify-toml-damaged",
        "netlify.toml",
        Severity.CRITICAL,
    )
    assert found.message == "line 4, column 2: Expected '='"
    assert assessment.subjects == ("hello", "order", "netlify.toml")


def test_a_missing_functions_folder_is_a_warning_unless_its_files_are_known_to_be_lost() -> None:
    local = Local(folder="api", folder_missing=True)
    lost = replace(local, files=(KeptFile("api/hello.js", "missing", wiped=True),))
    elsewhere = replace(local, files=(KeptFile("netlify.toml", "missing", wiped=True),))

    assert [(one.problem, one.severity) for one in findings(local)] == [
        ("functions-folder-missing", Severity.WARNING)
    ]
    assert [one.problem for one in findings(lost)] == ["file-wiped"]
    assert [one.problem for one in findings(elsewhere)] == ["file-wiped", "functions-folder-missing"]
    assert findings(Local(settings=Settings(file="netlify.toml"), folder_missing=True)) == ()


def test_only_remarks_that_break_the_build_are_findings_of_the_function_where_it_is_one() -> None:
    remarks = (
        Remark("unlikely-function", "netlify/functions/types.d.ts", "is deployed"),
        Remark("broken-link", ORDER.main_file, "the link leads nowhere", breaks_build=True),
        Remark("name-reserved", "netlify/functions/___netlify-entry-point.js", "kept", breaks_build=True),
    )
    assessment = assess(Facts(0.0, replace(LOCAL, discovery=Discovery((HELLO, ORDER), remarks))))

    assert [(one.problem, one.subject, one.severity) for one in assessment.findings] == [
        ("broken-link", "order", Severity.WARNING),
        ("name-reserved", "netlify/functions/___netlify-entry-point.js", Severity.WARNING),
    ]
    assert assessment.metrics["remarks"] == 3


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        (("hello is missing from it",), "hello is missing from it"),
        (("a", "b", "c", "d", "e"), "a; b; c; d; e"),
        (("a", "b", "c", "d", "e", "f", "g"), "a; b; c; d; e (and 2 more)"),
    ],
)
def test_a_stale_manifest_is_a_warning_that_says_what_differs(
    problems: tuple[str, ...], message: str
) -> None:
    local = replace(LOCAL, manifest=ManifestLook("functions.json", problems))

    (found,) = findings(local)

    assert (found.problem, found.subject, found.severity) == (
        "manifest-stale",
        "functions.json",
        Severity.WARNING,
    )
    assert found.message == message


def test_a_current_manifest_is_no_finding() -> None:
    assert findings(replace(LOCAL, manifest=ManifestLook("functions.json"))) == ()


# --- deploys --------------------------------------------------------------------------------------


def test_so_many_failed_deploys_are_a_warning_while_an_earlier_one_is_live_and_fewer_are_nothing() -> None:
    deploys = (
        failed(3, error_message="Build\n failed", links=Links(admin="https://app/3")),
        failed(2),
        failed(1),
    )

    (found,) = findings(sight=Sight(SITE, (*deploys, LIVE)))

    assert (found.problem, found.subject, found.severity) == (
        "deploy-failing",
        "site example",
        Severity.WARNING,
    )
    assert "its last 3 production deploys failed, the newest (failed-3): Build failed;" in found.message
    assert "deploy live is still live" in found.message
    assert "https://app/3" in found.advice
    assert findings(sight=Sight(SITE, (*deploys[1:], LIVE))) == ()
    assert findings(sight=Sight(None, deploys)) == ()


def test_a_site_of_which_nothing_is_live_is_critical_and_says_where_to_look() -> None:
    site = replace(SITE, published=None)

    (found,) = findings(sight=Sight(site, (failed(1),)), limit=1)
    (nowhere,) = findings(sight=Sight(replace(site, admin_url=""), (failed(1),)), limit=1)

    assert found.severity is Severity.CRITICAL
    assert "Netlify does not say why; nothing is live" in found.message
    assert "https://app.netlify.com/example" in found.advice
    assert "its log" in nowhere.advice


@pytest.mark.parametrize(
    ("deploys", "count"),
    [
        ((failed(1), failed(2), failed(3)), 3),
        ((failed(3), replace(LIVE, id="older", created_at_s=202.5), failed(1)), 1),
        ((failed(3), LIVE, failed(2, created_at_s=50.0)), 1),
        ((failed(3), failed(2, context="deploy-preview"), failed(1)), 2),
        ((failed(3, state="building"), failed(2), failed(1)), 2),
        ((failed(3, state="rejected"), failed(1)), 1),
        ((failed(3, error_message="Canceled build due to no content change"), failed(1)), 1),
        ((failed(3, error_message="Build was cancelled by a user"), failed(1)), 1),
        ((failed(3, error_message="No content change"), failed(1)), 1),
        ((failed(3, error_message="Skipped"), failed(1)), 1),
        ((failed(3, created_at_s=None), failed(1)), 1),
    ],
)
def test_failures_in_a_row_are_counted_back_to_the_last_good_deploy(
    deploys: tuple[Deploy, ...], count: int
) -> None:
    assert len(failed_in_a_row((*deploys, LIVE), LIVE)) == count


def test_failures_come_newest_first_and_end_at_the_published_one_in_whatever_state() -> None:
    published = replace(LIVE, state="processing")

    found = failed_in_a_row((failed(1), published, failed(2), failed(0, created_at_s=1.0)), published)

    assert [one.id for one in found] == ["failed-2", "failed-1"]


def test_an_unreachable_netlify_is_a_warning_that_says_since_when() -> None:
    (never,) = findings(sight=Sight(trouble="no connection"))
    (once,) = findings(sight=Sight(SITE, (LIVE,), 0.0, trouble="no connection"))

    assert (never.problem, never.subject, never.severity) == ("api-unreachable", "Netlify", Severity.WARNING)
    assert never.message == "no connection; it has not answered yet"
    assert once.message == "no connection; it last answered at 1970-01-01T00:00:00.000Z"


def test_a_site_without_a_name_goes_by_its_id() -> None:
    assert site_subject(Facts(0.0, sight=Sight(replace(SITE, name="")))) == "site 1f"
    assert site_subject(Facts(0.0)) == ""


def test_the_metrics_count_what_is_there() -> None:
    local = replace(LOCAL, verdicts={ORDER.main_file: Judged(Verdict.INVALID, PROBLEMS)})

    metrics = assess(Facts(0.0, local, Sight(SITE, (failed(1), LIVE)))).metrics

    assert metrics == {"functions": 2, "invalid": 1, "unjudged": 1, "remarks": 0, "failedDeploys": 1}
