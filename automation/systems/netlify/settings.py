"""The settings of the Netlify guard. The token is read from the environment or from a file, nowhere else."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

_OLD = ("enhanced.netlifyFunctionsManager", "enhanced.netlifyManager")


def _old(key: str) -> tuple[str, ...]:
    return tuple(f"{section}.{key}" for section in _OLD)


SETTINGS = (
    Setting(
        "check_interval",
        Kind.DURATION,
        120_000,
        "time between two looks; Netlify is never asked more often",
        env="NETLIFY_CHECK_INTERVAL",
        key="netlify.checkInterval",
        also=_old("checkInterval"),
    ),
    Setting(
        "max_failures",
        Kind.COUNT,
        3,
        "failed production deploys in a row that are reported",
        env="NETLIFY_MAX_FAILURES",
        key="netlify.maxFailures",
        also=_old("maxFailures"),
        least=1,
        most=30,
    ),
    Setting(
        "backup_interval",
        Kind.DURATION,
        600_000,
        "time between two backups",
        env="NETLIFY_BACKUP_INTERVAL",
        key="netlify.backupInterval",
        also=_old("backupInterval"),
    ),
    Setting(
        "write_manifest",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: a manifest that is not current is only reported",
        key="netlify.functions.autoRegenerate",
        also=(
            "netlify.functions.autoUpdateManifest",
            "enhanced.netlifyFunctionsManager.functions.default.manifestRegeneration",
        ),
    ),
    Setting(
        "watch_deploys",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: Netlify is not asked; the files alone are watched",
        key="netlify.functions.deploymentCheck",
    ),
    Setting(
        "deploy_timeout",
        Kind.DURATION,
        900_000,
        "how long `build`, `deploy` and `rollback` may take until they are given up",
        key="netlify.deployTimeout",
        also=_old("deployTimeout"),
    ),
    Setting(
        "site_id",
        Kind.TEXT,
        "",
        "the site; what `netlify link` left in .netlify/state.json if not set",
        env="NETLIFY_SITE_ID",
        key="netlify.siteId",
    ),
    Setting(
        "api_url",
        Kind.TEXT,
        "",
        "where the REST interface answers",
        env="NETLIFY_API_URL",
        key="netlify.apiUrl",
    ),
    Setting("token", Kind.TEXT, "", "what opens the REST interface", env="NETLIFY_AUTH_TOKEN", secret=True),
    Setting(
        "token_file", Kind.TEXT, "", "a file of mode 0600 that holds the token", env="NETLIFY_AUTH_TOKEN_FILE"
    ),
    Setting(
        "functions_directory",
        Kind.TEXT,
        "",
        "the functions folder where netlify.toml names none",
        key="netlify.functions.directory",
    ),
    Setting(
        "manifest_file",
        Kind.TEXT,
        "",
        "the list of functions; functions-manifest.json in the functions folder if not set",
        key="netlify.functions.manifestFile",
    ),
    Setting(
        "auto_deploy",
        Kind.FLAG,
        False,  # noqa: FBT003  # a default value
        "not built: deploys are made by hand, with `deploy`",
        key="netlify.autoDeploy",
        also=_old("autoDeploy"),
    ),
)
