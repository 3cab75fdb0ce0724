"""The processes that PM2 manages."""

from __future__ import annotations

from automation.engine.system import Command, Option, System
from automation.engine.vocabulary import JSON, SUBJECT

_HERE = "automation.systems.pm2"

SYSTEM = System(
    name="pm2",
    title="The PM2 guard",
    app="enhanced-pm2-redundancy",
    report="pm2-health-report.json",
    log_stem="enhanced-pm2",
    settings=f"{_HERE}.settings:SETTINGS",
    twins=("enhanced.pm2Manager",),
    observer=f"{_HERE}.connecting:connect",
    ladders=f"{_HERE}.ladders:ladders",
    steps={
        "restart": f"{_HERE}.steps:restart",
        "recreate": f"{_HERE}.steps:recreate",
        "start-from-ecosystem": f"{_HERE}.ecosystem.starting:start_from_ecosystem",
        "finish-recreation": f"{_HERE}.steps:finish_recreation",
        "let-rest": f"{_HERE}.flap_steps:let_rest",
        "start-again": f"{_HERE}.flap_steps:start_again",
        "bring-back": f"{_HERE}.daemon.steps:bring_back",
        "continue-daemon": f"{_HERE}.daemon.steps:continue_daemon",
        "put-sockets-back": f"{_HERE}.daemon.steps:put_sockets_back",
        "restart-daemon": f"{_HERE}.daemon.steps:restart_daemon",
        "end-second-daemon": f"{_HERE}.daemon.steps:end_second_daemon",
        "restart-master": f"{_HERE}.steps:restart_master",
        "restore-dump": f"{_HERE}.dump.putting_back:restore_dump",
        "restore-file": "automation.engine.kept_files:restore_file",
        "save-own-entries": f"{_HERE}.dump.steps:save_own_entries",
    },
    own_folder=f"{_HERE}.home:own_folder",
    own_variable="PM2_HOME",
    also_reads=(
        *("PM2_DAEMON_RPC_PORT", "PM2_DAEMON_PUB_PORT"),
        *("PM2_DUMP_FILE_PATH", "PM2_DUMP_BACKUP_FILE_PATH", "PM2_MODULE_CONF_FILE"),
    ),
    doctor=f"{_HERE}.doctor:doctor",
    script="enhanced_pm2_redundancy.py",
    backup=f"{_HERE}.backed_up:backed_up",
    commands=(
        Command(
            "recovery",
            "Climb the ladder for what is wrong now, or one level; `emergency` kills all and starts over.",
            "recovery --level process --subject web",
            f"{_HERE}.levels:recovery",
            (
                Option(("--dry-run",), "print the steps it would take, in order; take none"),
                Option(("--level",), "process, ecosystem, restore or emergency; all if not given", takes="L"),
                SUBJECT,
                JSON,
            ),
        ),
    ),
)
