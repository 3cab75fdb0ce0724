"""The settings of the PM2 guard."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

SETTINGS = (
    Setting(
        "check_interval",
        Kind.DURATION,
        30_000,
        "time between two looks; events are looked at at once",
        env="PM2_CHECK_INTERVAL",
        key="pm2.checkInterval",
        also=("enhanced.pm2Manager.checkInterval",),
    ),
    Setting(
        "backup_interval",
        Kind.DURATION,
        300_000,
        "time between two snapshots; where nothing changed there is no new one",
        env="PM2_BACKUP_INTERVAL",
        key="pm2.backupInterval",
    ),
    Setting(
        "auto_restart",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: see and report apps that are down, and leave them to a human",
        key="pm2.autoRestart",
        also=("pm2.enabled", "enhanced.pm2Manager.autoRecovery"),
    ),
    Setting(
        "max_restarts",
        Kind.COUNT,
        5,
        "restarts of one app, with growing waits, before it is prepared anew",
        env="PM2_MAX_RESTARTS",
        key="pm2.maxRestarts",
        also=("enhanced.pm2Manager.maxFailures",),
        least=1,
        most=100,
    ),
    Setting(
        "watch_host",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: do not look at the host's memory, disks and load",
        env="PM2_WATCH_HOST",
        key="pm2.watchHost",
    ),
)
