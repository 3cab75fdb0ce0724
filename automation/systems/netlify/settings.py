"""The settings of the Netlify guard. The token is read from the environment or from a file, nowhere else."""

from __future__ import annotations

from automation.core.settings import Kind, Setting
from automation.engine.service.settings import Named, service_settings

_NETLIFY = Named(
    service="Netlify",
    prefix="NETLIFY",
    token="NETLIFY_AUTH_TOKEN",  # noqa: S106  # a variable's name
    section="netlify",
    old_sections=("enhanced.netlifyFunctionsManager", "enhanced.netlifyManager"),
)

SETTINGS = (
    *service_settings(
        _NETLIFY, check_ms=120_000, backup_ms=600_000, api_about="where the REST interface answers"
    ),
    Setting(
        "max_failures",
        Kind.COUNT,
        3,
        "failed production deploys in a row that are reported",
        env="NETLIFY_MAX_FAILURES",
        key="netlify.maxFailures",
        also=_NETLIFY.old("maxFailures"),
        least=1,
        most=30,
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
        also=_NETLIFY.old("deployTimeout"),
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
        also=_NETLIFY.old("autoDeploy"),
    ),
)
