"""Guards Netlify functions: their sources, what is published, and the way back to the last good deploy."""

from __future__ import annotations

from automation.engine.system import Command, Option, System
from automation.engine.vocabulary import JSON

_HERE = "automation.systems.netlify"

SYSTEM = System(
    name="netlify",
    title="The Netlify functions guard",
    app="enhanced-netlify-functions-redundancy",
    report="netlify-functions-health-report.json",
    log_stem="enhanced-netlify",
    settings=f"{_HERE}.settings:SETTINGS",
    twins=("enhanced.netlifyFunctionsManager", "enhanced.netlifyManager"),
    observer=f"{_HERE}.observer:connect",
    ladders=f"{_HERE}.ladders:ladders",
    steps={
        "restore-file": f"{_HERE}.steps:restore_file",
        "restore-function": f"{_HERE}.steps:restore_function",
        "write-manifest": f"{_HERE}.steps:write_manifest",
    },
    ignored_keys={
        "netlify.healthCheckTimeout": "no function is called by this version",
        "netlify.functions.healthCheck": "sources are always checked, and no function is called",
        "netlify.functions": "what is not listed in the README has no counterpart here",
    },
    doctor=f"{_HERE}.doctor:doctor",
    script="enhanced_netlify_functions_redundancy.py",
    backup=f"{_HERE}.backed_up:backed_up",
    backups_folder="netlify-functions",
    commands=(
        Command(
            "manifest",
            "Write functions-manifest.json, the list of the site's functions.",
            "manifest --check",
            f"{_HERE}.commands:manifest",
            (Option(("--check",), "only say whether it is current; 1 if it is not"), JSON),
        ),
        Command(
            "build",
            "Build the site on this machine with Netlify's own command line.",
            "build",
            f"{_HERE}.commands:build",
        ),
        Command(
            "deploy",
            "Deploy what is built, and wait until it is live or failed.",
            "deploy --draft",
            f"{_HERE}.deploying:deploy",
            (Option(("--draft",), "to an address of its own; the live site stays as it is"), JSON),
        ),
        Command(
            "rollback",
            "Publish an earlier deploy again; without DEPLOY the newest good one before the live one.",
            "rollback --yes",
            f"{_HERE}.rolling_back:rollback",
            (
                Option(("deploy",), "the id of a deploy that was live", takes="DEPLOY"),
                Option(("--yes",), "do not ask"),
                JSON,
            ),
        ),
    ),
)
