"""Guards GitHub Actions: workflow files, and the runs that GitHub makes of them."""

from __future__ import annotations

from automation.engine.system import Command, Option, System
from automation.engine.vocabulary import JSON

_HERE = "automation.systems.github"

SYSTEM = System(
    name="github",
    title="The GitHub Actions guard",
    app="enhanced-github-actions-redundancy",
    report="github-actions-health-report.json",
    log_stem="enhanced-github",
    settings=f"{_HERE}.settings:SETTINGS",
    section="githubActions",
    twins=("enhanced.githubActionsManager", "enhanced.githubManager"),
    observer=f"{_HERE}.observer:connect",
    ladders=f"{_HERE}.ladders:ladders",
    steps={
        "restore-file": "automation.engine.kept_files:restore_file",
        "fix": f"{_HERE}.steps:fix",
        "rerun": f"{_HERE}.steps:rerun",
        "dispatch": f"{_HERE}.steps:dispatch",
    },
    doctor=f"{_HERE}.doctor:doctor",
    script="enhanced_github_actions_redundancy.py",
    backup=f"{_HERE}.backed_up:backed_up",
    backups_folder="github-actions",
    commands=(
        Command(
            "validate",
            "Check workflow files; one line for each finding: FILE:LINE:COLUMN: problem: message.",
            "validate .github/workflows/ci.yml",
            f"{_HERE}.commands:validate",
            (Option(("file",), "a file; all workflows if none is given", takes="FILE", many=True), JSON),
            reads_only=True,
        ),
        Command(
            "trigger",
            "Start a run of a workflow that takes workflow_dispatch; print its id and address.",
            "trigger deploy.yml --ref main --input target=staging",
            f"{_HERE}.commands:trigger",
            (
                Option(("workflow",), "its file's name", takes="WORKFLOW", needed=True),
                Option(("--ref",), "branch or tag; the default branch if not given", takes="R"),
                Option(
                    ("--input",), "an input of the workflow; may stand several times", takes="K=V", many=True
                ),
                JSON,
            ),
        ),
    ),
)
