"""The settings of the PM2 guard."""

from __future__ import annotations

from automation.core.settings import Kind, Setting
from automation.systems.pm2.app_settings import APPS

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
        "restart_delay",
        Kind.DURATION,
        10_000,
        "wait after the first restart of an app; each further one is twice as long",
        key="pm2.restartDelay",
        also=("redundancy.firstWait",),
    ),
    Setting(
        "ecosystem_files",
        Kind.NAMES,
        (),
        "more files to guard and back up beside ecosystem*.*, as globs within the workspace",
        key="pm2.ecosystemFiles",
        also=("enhanced.pm2Manager.ecosystemFiles",),
    ),
    Setting(
        "processes",
        Kind.NAMES,
        (),
        "apps that must run, by name: the same as `required`",
        key="pm2.processes",
    ),
    Setting(
        "probe_timeout",
        Kind.DURATION,
        5_000,
        "when a probe that names no timeout of its own has failed",
        key="pm2.healthCheckTimeout",
    ),
    Setting(
        "flap_restarts",
        Kind.COUNT,
        10,
        "restarts within the window that make an app a flapping one",
        key="pm2.flap.restarts",
        least=1,
        most=1000,
    ),
    Setting(
        "flap_window_s",
        Kind.NUMBER,
        60.0,
        "the window, in seconds",
        key="pm2.flap.windowS",
        most=86_400,
    ),
    Setting(
        "watch_host",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: do not look at the host's memory, disks and load",
        env="PM2_WATCH_HOST",
        key="pm2.watchHost",
    ),
    APPS,
)
