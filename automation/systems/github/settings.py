"""The settings of the GitHub guard. The token is read from the environment or from a file, nowhere else."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

_OLD = ("enhanced.githubActionsManager", "enhanced.githubManager")


def _old(key: str) -> tuple[str, ...]:
    return tuple(f"{section}.{key}" for section in _OLD)


SETTINGS = (
    Setting(
        "check_interval",
        Kind.DURATION,
        60_000,
        "time between two looks; GitHub is never asked more often",
        env="GITHUB_CHECK_INTERVAL",
        key="githubActions.checkInterval",
        also=_old("checkInterval"),
    ),
    Setting(
        "max_failures",
        Kind.COUNT,
        3,
        "failed runs of a workflow in a row, on the default branch, that are reported",
        env="GITHUB_MAX_FAILURES",
        key="githubActions.maxFailures",
        also=_old("maxFailures"),
        least=1,
        most=20,
    ),
    Setting(
        "backup_interval",
        Kind.DURATION,
        300_000,
        "time between two backups",
        env="GITHUB_BACKUP_INTERVAL",
        key="githubActions.backupInterval",
        also=_old("backupInterval"),
    ),
    Setting(
        "retry_delay",
        Kind.DURATION,
        300_000,
        "wait after a re-run before anything more is tried",
        key="githubActions.retryDelay",
        also=_old("retryDelay"),
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
        "api_url",
        Kind.TEXT,
        "",
        "where the REST interface answers, for GitHub Enterprise Server",
        env="GITHUB_API_URL",
        key="githubActions.apiUrl",
    ),
    Setting("token", Kind.TEXT, "", "what opens the REST interface", env="GITHUB_TOKEN", secret=True),
    Setting("token_file", Kind.TEXT, "", "a file of mode 0600 that holds the token", env="GITHUB_TOKEN_FILE"),
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
        also=_old("autoTrigger"),
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
