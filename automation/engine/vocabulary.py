"""The commands that every program of the suite has."""

from __future__ import annotations

from automation.engine.system import Command, Option

_HERE = "automation.engine.commands"

JSON = Option(("--json",), "print one JSON document and nothing else")
SCHEDULED = Option(
    ("--scheduled",), "as the guard does it: gently, with retention, daily verification and a spot check"
)
WHICH = "the snapshot: its id, the beginning of it, or `latest`"
SUBJECT = Option(("--subject",), "only this one, as the findings name it", takes="NAME")

COMMON = (
    Command(
        "start",
        "Guard in the foreground, until SIGINT or SIGTERM.",
        "start",
        f"{_HERE}.start:start",
    ),
    Command(
        "check",
        "Look once, now, and judge; act on nothing, write nothing.",
        "check --json",
        f"{_HERE}.check:check",
        (JSON,),
        reads_only=True,
    ),
    Command(
        "status",
        "Say what the last report says, and how old it is.",
        "status",
        f"{_HERE}.status:status",
        (JSON,),
        reads_only=True,
    ),
    Command(
        "report",
        "Print the whole report: each finding with what to do about it, and what was tried.",
        "report",
        f"{_HERE}.report:report",
        (JSON,),
        reads_only=True,
    ),
    Command(
        "doctor",
        "Print the effective settings and where each comes from, versions, permissions, and what is missing.",
        "doctor",
        f"{_HERE}.doctor:doctor",
        (JSON,),
        reads_only=True,
    ),
    Command(
        "recovery",
        "Climb the ladder for what is wrong now.",
        "recovery --dry-run",
        f"{_HERE}.recovery:recovery",
        (Option(("--dry-run",), "print the steps it would take, in order; take none"), SUBJECT, JSON),
    ),
    Command(
        "pause",
        "Watch and report, but act on nothing, until `resume` or for a time.",
        "pause --for 30m --reason 'moving the database'",
        f"{_HERE}.pausing:pause",
        (
            Option(("--for",), "how long: 90s, 30m, 2h; until `resume` if not given", takes="TIME"),
            Option(("--reason",), "why, for whoever reads the report", takes="TEXT"),
        ),
    ),
    Command("resume", "End a pause.", "resume", f"{_HERE}.pausing:resume"),
    Command(
        "logs",
        "Print the log, readable.",
        "logs -f --level WARNING",
        f"{_HERE}.logs:logs",
        (
            Option(("-f", "--follow"), "go on printing what comes"),
            Option(("--level",), "this important or more: DEBUG, INFO, WARNING, ERROR", takes="LEVEL"),
            Option(("--lines",), "how many of the last lines; 50 if not given", takes="N"),
        ),
        reads_only=True,
    ),
)

# For systems that back something up.
SNAPSHOTS = (
    Command(
        "backup",
        "Take a snapshot now; where nothing changed there is no new one.",
        "backup",
        f"{_HERE}.snapshots:backup",
        (
            Option(("--reason",), "why, for the list", takes="TEXT"),
            Option(("--emergency",), "keep it, but never take it for the latest good one"),
            Option(("--prune",), "apply the retention policy afterwards"),
            SCHEDULED,
            JSON,
        ),
    ),
    Command(
        "backups",
        "List the snapshots: id, time, files, bytes, verified, why it was taken.",
        "backups",
        f"{_HERE}.snapshots:backups",
        (JSON,),
        reads_only=True,
    ),
    Command(
        "verify",
        "Read every byte of a snapshot again and compare; without ID the newest.",
        "verify --all",
        f"{_HERE}.verify:verify",
        (
            Option(("id",), WHICH, takes="ID"),
            Option(("--all",), "all snapshots"),
            JSON,
        ),
    ),
    Command(
        "restore",
        "Put files back; without ID each file's newest valid copy. What it overwrites is saved first.",
        "restore --path package.json --dry-run",
        f"{_HERE}.restore:restore",
        (
            Option(("id",), WHICH, takes="ID"),
            Option(("--path",), "only this file or folder; may stand several times", takes="P", many=True),
            Option(("--dry-run",), "show what would change; change nothing"),
            Option(("--yes",), "do not ask"),
            JSON,
        ),
    ),
    Command(
        "prune",
        "Apply the retention policy.",
        "prune --dry-run",
        f"{_HERE}.snapshots:prune_snapshots",
        (Option(("--dry-run",), "say what would be removed; remove nothing"), JSON),
    ),
)
