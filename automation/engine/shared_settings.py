"""The settings that every guard has."""

from __future__ import annotations

from automation.core.settings import Kind, Setting
from automation.stores.report_access import GROUP_VARIABLE, MODE_VARIABLE, MODES

SHARED = (
    Setting(
        "log_level",
        Kind.CHOICE,
        "INFO",
        "least important level that is logged",
        env="REDUNDANCY_LOG_LEVEL",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    Setting(
        "log_format",
        Kind.CHOICE,
        "json",
        "one JSON object a line, or plain text",
        env="REDUNDANCY_LOG_FORMAT",
        choices=("json", "text"),
    ),
    Setting(
        "report_group",
        Kind.TEXT,
        "",
        "group that may read the reports, nobody else beside their owner",
        env=GROUP_VARIABLE,
    ),
    Setting(
        "report_mode",
        Kind.CHOICE,
        "0644",
        "permission bits of the reports; 0640 where a group is set",
        env=MODE_VARIABLE,
        choices=MODES,
    ),
    Setting(
        "mode",
        Kind.CHOICE,
        "active",
        "observe: see, report and alert, but act on nothing",
        env="REDUNDANCY_MODE",
        choices=("active", "observe"),
    ),
    Setting(
        "auto_recovery",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: act on nothing without being told to",
        key="redundancy.autoRecovery",
    ),
    Setting(
        "suite_enabled",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: no guard looks at anything",
        key="redundancy.enabled",
        also=("enhanced.enabled", "enabled"),
    ),
    Setting(
        "max_recovery_attempts",
        Kind.COUNT,
        3,
        "tries of one step against an app, file or guard, at most; restarts have keys of their own",
        key="redundancy.maxRecoveryAttempts",
        least=1,
        most=100,
    ),
    Setting(
        "first_wait",
        Kind.DURATION,
        10_000,
        "wait after the first try; each further one is twice as long",
        key="redundancy.firstWait",
    ),
    Setting(
        "longest_wait",
        Kind.DURATION,
        300_000,
        "the longest wait between two tries",
        key="redundancy.longestWait",
    ),
    Setting(
        "stable_time",
        Kind.DURATION,
        600_000,
        "time without the problem after which it counts as recovered, and may be tried against anew",
        key="redundancy.stableTime",
    ),
    Setting(
        "rest",
        Kind.DURATION,
        3_600_000,
        "time after the last try before anything is tried again",
        key="redundancy.cooldownPeriod",
    ),
    Setting(
        "alerts",
        Kind.FLAG,
        True,  # noqa: FBT003  # a default value
        "false: send no messages; report and log say everything all the same",
        key="monitoring.alerts.enabled",
    ),
    Setting(
        "warning_band",
        Kind.RATIO,
        0.8,
        "score below which a system is a warning",
        key="monitoring.alerts.warningThreshold",
    ),
    Setting(
        "critical_band",
        Kind.RATIO,
        0.5,
        "score below which a system is critical",
        key="monitoring.alerts.criticalThreshold",
    ),
    Setting(
        "keep_last",
        Kind.COUNT,
        10,
        "newest snapshots that stay; the newest verified one and each file's last valid copy stay anyway",
        key="backups.retention.keepLast",
        least=1,
        most=10_000,
    ),
    *(
        Setting(
            f"keep_{period}",
            Kind.COUNT,
            count,
            f"{unit}s of which the newest snapshot stays",
            key=f"backups.retention.keep{period.capitalize()}",
            most=10_000,
        )
        for period, unit, count in (
            ("hourly", "hour", 24),
            ("daily", "day", 14),
            ("weekly", "week", 8),
            ("monthly", "month", 6),
        )
    ),
    Setting(
        "keep_within",
        Kind.SPAN,
        0,
        "snapshots not older than that before the newest stay, such as 30m, 2h or 7d; 0 for none",
        key="backups.retention.keepWithin",
    ),
    Setting(
        "webhook",
        Kind.TEXT,
        "",
        "address that gets a JSON message when something needs a human",
        env="REDUNDANCY_WEBHOOK",
        key="notifications.webhook",
        secret=True,
    ),
)

# Keys of the settings file of version 2.0.0 that have no effect, and why, in sections that every guard reads.
IGNORED = {
    "$schema": "it is for editors",
    "monitoring.enabled": "each system has an `enabled` of its own",
    "monitoring.reportInterval": "each look writes a report",
    "monitoring.alertThreshold": "monitoring.alerts has the bands",
    "monitoring.logRetention": "logs are rotated by size",
    "monitoring.metrics": "metrics are always there, in the reports",
    "monitoring.alerts.channels": "logs say everything; notifications.webhook is told as well",
    "redundancy.failoverEnabled": "a guard that is silent is restarted",
    "redundancy.failoverTimeout": "a guard is silent after three of its periods",
    "redundancy.healthCheckInterval": "another program reads it",
    "redundancy.maxConcurrentChecks": "each guard is a program of its own",
    "redundancy.recoveryTimeout": "each step has a time limit of its own",
    "redundancy.emergencyCooldown": "another program reads it",
    "notifications.enabled": "a webhook that is set is used",
    "enhanced": "what is not listed in the README is another guard's, or has no counterpart here",
}

# Keys that have no effect yet, of which a line says so when something is switched on there.
UNBUILT = {"notifications.providers": "not built yet: messages go to notifications.webhook"}

# Sections of that file that nothing uses any more.
DROPPED = ("git", "marketing", "build")
