"""The settings that every guard has."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

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
        "snapshots that stay; the newest verified one and each file's last valid copy stay anyway",
        key="backups.retention.keepLast",
        least=1,
        most=10_000,
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

# Keys of the settings file of version 2.0.0 that have no effect, in sections that every guard reads.
IGNORED = (
    "monitoring.enabled",
    "monitoring.reportInterval",
    "monitoring.alertThreshold",
    "monitoring.logRetention",
    "monitoring.metrics",
    "monitoring.alerts.enabled",
    "monitoring.alerts.channels",
    "redundancy.enabled",
    "redundancy.failoverEnabled",
    "redundancy.failoverTimeout",
    "redundancy.healthCheckInterval",
    "redundancy.maxConcurrentChecks",
    "redundancy.recoveryTimeout",
    "redundancy.maxRecoveryAttempts",
    "redundancy.cooldownPeriod",
    "redundancy.emergencyCooldown",
    "notifications.enabled",
    "enhanced",
)

# Keys that have no effect yet, of which a line says so when something is switched on there.
UNBUILT = {"notifications.providers": "not built yet: messages go to notifications.webhook"}

# Sections of that file that nothing uses any more.
DROPPED = ("git", "marketing", "build")
