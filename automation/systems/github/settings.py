"""The settings of the GitHub guard. The token is read from the environment or from a file, nowhere else."""

from __future__ import annotations

from automation.core.settings import Kind, Setting
from automation.engine.service.settings import Named, service_settings

_GITHUB = Named(
    service="GitHub",
    prefix="GITHUB",
    token="GITHUB_TOKEN",  # noqa: S106  # a variable's name
    section="githubActions",
    old_sections=("enhanced.githubActionsManager", "enhanced.githubManager"),
)

SETTINGS = (
    *service_settings(
        _GITHUB,
        check_ms=60_000,
        backup_ms=300_000,
        api_about="where the REST interface answers, for GitHub Enterprise Server",
    ),
    Setting(
        "max_failures",
        Kind.COUNT,
        3,
        "failed runs of a workflow in a row, on the default branch, that are reported",
        env="GITHUB_MAX_FAILURES",
        key="githubActions.maxFailures",
        also=_GITHUB.old("maxFailures"),
        least=1,
        most=20,
    ),
    Setting(
        "retry_delay",
        Kind.DURATION,
        300_000,
        "wait after a re-run before anything more is tried",
        key="githubActions.retryDelay",
        also=_GITHUB.old("retryDelay"),
    ),
    Setting(
        "repository",
        Kind.TEXT,
        "",
        "owner/name; from the git remote if not set",
        env="GITHUB_REPOSITORY",
        key="githubActions.repository",
    ),
    Setting(
        "default_branch",
        Kind.TEXT,
        "",
        "the branch whose runs count; from the git remote if not set, else main and master",
        key="githubActions.defaultBranch",
    ),
    Setting(
        "required",
        Kind.NAMES,
        (),
        "workflows that must be there, by file name",
        key="githubActions.workflows",
    ),
    Setting(
        "rerun",
        Kind.NAMES,
        (),
        "globs of the workflows whose failed jobs are run again, once for each failed run",
        key="githubActions.rerun",
    ),
    Setting(
        "auto_trigger",
        Kind.FLAG,
        False,  # noqa: FBT003  # a default value
        "start failing workflows anew by a dispatch: those that `dispatch` names",
        key="githubActions.autoTrigger",
        also=_GITHUB.old("autoTrigger"),
    ),
    Setting(
        "dispatch",
        Kind.NAMES,
        (),
        "globs of the workflows that may be dispatched",
        key="githubActions.dispatch",
    ),
    Setting(
        "health_check_workflow",
        Kind.TEXT,
        "",
        "one more workflow that may be dispatched",
        key="githubActions.healthCheckWorkflow",
    ),
)
