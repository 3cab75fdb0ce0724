"""What is wrong with the site, judged from one look. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from automation.core.finding import Assessment, Finding, Severity
from automation.core.moments import to_text
from automation.engine.kept_files import kept_file_findings
from automation.systems.netlify.discovery import Function
from automation.systems.netlify.facts import Facts, Local
from automation.systems.netlify.failures import failed_in_a_row
from automation.systems.netlify.syntax import Judged, Verdict

NETLIFY = "Netlify"
MOST_ROWS = 1000
MOST_SAID = 5
LONGEST_ERROR = 300


def assess(facts: Facts) -> Assessment:
    """Judge one look. Without a settings file and functions there is nothing to guard."""
    if facts.local.is_empty:
        return Assessment(sections=_sections(facts))
    findings = (
        *kept_file_findings(facts.local.files),
        *netlify_toml_damaged(facts.local),
        *functions_folder_missing(facts.local),
        *function_invalid(facts.local),
        *build_broken(facts.local),
        *manifest_stale(facts.local),
        *deploy_failing(facts),
        *api_unreachable(facts),
    )
    return Assessment(
        subjects=_subjects(facts),
        findings=findings,
        sections=_sections(facts),
        metrics=_metrics(facts, findings),
    )


def site_subject(facts: Facts) -> str:
    """Return the name of the site in findings; empty where Netlify never said it."""
    site = facts.sight.site
    return "" if site is None else f"site {site.name or site.id}"


def netlify_toml_damaged(local: Local) -> Iterator[Finding]:
    """Report a settings file that Netlify refuses; until it is whole again, the last sound one counts."""
    for damage in local.damage:
        yield Finding(
            "netlify-toml-damaged",
            damage.file,
            Severity.CRITICAL,
            f"line {damage.line}, column {damage.column}: {damage.reason}",
            "correct it, or put back an earlier one: `backups`, then `restore ID --path netlify.toml`",
        )


def functions_folder_missing(local: Local) -> Iterator[Finding]:
    """Report that the settings name a functions folder which is not there."""
    lost = any(path.startswith(f"{local.folder}/") for path in _wiped(local))
    if local.folder is not None and local.folder_missing and not lost:
        yield Finding(
            "functions-folder-missing",
            local.folder,
            Severity.WARNING,
            "the settings name it as the functions folder, and it is not there: no function is deployed",
            "restore it, or correct netlify.toml",
        )


def function_invalid(local: Local) -> Iterator[Finding]:
    """Report functions that no JavaScript engine accepts; a bundler may well let them pass."""
    wiped = _wiped(local)
    for function in local.guarded:
        judged = local.verdicts.get(function.main_file)
        if judged is None or judged.verdict is not Verdict.INVALID or function.main_file in wiped:
            continue
        said, more = [str(one) for one in judged.problems[:1]], len(judged.problems) - 1
        yield Finding(
            "function-invalid",
            function.name,
            Severity.CRITICAL,
            f"{said[0] if said else function.main_file}{f' (and {more} more)' if more > 0 else ''}",
            f"correct {function.main_file}; `restore --path {function.main_file}` puts back an earlier one",
        )


def build_broken(local: Local) -> Iterator[Finding]:
    """Report what discovery found odd, where Netlify refuses to build because of it."""
    names = {function.main_file: function.name for function in local.discovery.functions}
    for remark in local.discovery.remarks:
        subject = names.get(remark.path, remark.path)
        if remark.breaks_build and subject not in local.left_out:
            yield Finding(remark.problem, subject, Severity.WARNING, f"{remark.path}: {remark.message}")


def manifest_stale(local: Local) -> Iterator[Finding]:
    """Report a list of functions that does not say what is there."""
    if local.manifest is not None and local.manifest.problems:
        said = local.manifest.problems
        more = f" (and {len(said) - MOST_SAID} more)" if len(said) > MOST_SAID else ""
        yield Finding(
            "manifest-stale",
            local.manifest.path,
            Severity.WARNING,
            "; ".join(said[:MOST_SAID]) + more,
            "`manifest` writes it anew; commit it where git holds it",
        )


def deploy_failing(facts: Facts) -> Iterator[Finding]:
    """Report that the newest production deploys failed, so many in a row.

    A warning while an earlier deploy is live: visitors see a good site, only not the newest one, and it is
    mostly the code's fault, which must not begin an emergency (safety S29). Critical where nothing is live.
    """
    site = facts.sight.site
    if site is None:
        return
    failed = failed_in_a_row(facts.sight.deploys, site.published)
    if len(failed) >= facts.max_failures:
        newest = failed[0]
        why = " ".join((newest.error_message or "Netlify does not say why").split())[:LONGEST_ERROR]
        live = f"deploy {site.published.id} is still live" if site.published else "nothing is live"
        yield Finding(
            "deploy-failing",
            site_subject(facts),
            Severity.WARNING if site.published else Severity.CRITICAL,
            f"its last {len(failed)} production deploys failed, the newest ({newest.id}): {why}; {live}",
            f"look at {newest.links.admin or site.admin_url or 'its log'}, then `build` and `deploy`",
        )


def api_unreachable(facts: Facts) -> Iterator[Finding]:
    """Report that Netlify could not be asked; what it last said stands."""
    if facts.sight.trouble:
        seen_at_s = facts.sight.seen_at_s
        since = (
            "it has not answered yet" if seen_at_s is None else f"it last answered at {to_text(seen_at_s)}"
        )
        yield Finding(
            "api-unreachable",
            NETLIFY,
            Severity.WARNING,
            f"{facts.sight.trouble}; {since}",
            "the files are guarded all the same; `doctor` shows site, address and whether there is a token",
        )


def _wiped(local: Local) -> frozenset[str]:
    return frozenset(file.path for file in local.files if file.wiped)


def _subjects(facts: Facts) -> tuple[str, ...]:
    """Return what is guarded: each function, what is lost of them, the settings file, and the site."""
    local, wiped = facts.local, _wiped(facts.local)
    names = [one.name for one in local.guarded if one.main_file not in wiped]
    settings = [damage.file for damage in local.damage] or [local.settings.file or ""]
    found = (*names, *sorted(wiped), *settings, site_subject(facts))
    return tuple(dict.fromkeys(name for name in found if name))


def _sections(facts: Facts) -> dict[str, object]:
    local = facts.local
    rows = [_row(function, local) for function in local.guarded]
    return {"functions": rows[:MOST_ROWS], "deploy": _deploy(facts), "note": facts.sight.note}


def _row(function: Function, local: Local) -> dict[str, object]:
    return {
        "name": function.name,
        "file": function.main_file,
        "runtime": function.runtime,
        "routes": [*function.routes],
        "schedule": function.schedule,
        "valid": False
        if function.main_file in _wiped(local)
        else _valid(local.verdicts.get(function.main_file)),
        "probe": None,
    }


def _valid(judged: Judged | None) -> bool | None:
    """Return true, false, or None where nobody could judge."""
    if judged is None or judged.verdict is Verdict.UNKNOWN:
        return None
    return judged.verdict is Verdict.VALID


def _deploy(facts: Facts) -> dict[str, object] | None:
    """Return the published deploy."""
    site = facts.sight.site
    if site is None or site.published is None:
        return None
    published = site.published
    at_s = published.published_at_s
    return {
        "id": published.id,
        "state": published.state,
        "publishedAt": None if at_s is None else to_text(at_s),
        "url": published.links.permanent or site.url,
        "locked": published.locked,
    }


def _metrics(facts: Facts, findings: tuple[Finding, ...]) -> dict[str, float]:
    local, site = facts.local, facts.sight.site
    valid = [_valid(local.verdicts.get(one.main_file)) for one in local.guarded]
    failed = () if site is None else failed_in_a_row(facts.sight.deploys, site.published)
    return {
        "functions": len(valid),
        "invalid": sum(one.problem == "function-invalid" for one in findings),
        "unjudged": valid.count(None),
        "remarks": len(local.discovery.remarks),
        "failedDeploys": len(failed),
    }
