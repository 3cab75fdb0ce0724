"""The settings of the master."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

SETTINGS = (
    Setting(
        "check_interval",
        Kind.DURATION,
        60_000,
        "time between two looks at the reports",
        env="REDUNDANCY_CHECK_INTERVAL",
        key="redundancy.healthCheckInterval",
        also=("enhanced.masterOrchestrator.checkInterval",),
    ),
    Setting(
        "backup_interval",
        Kind.DURATION,
        900_000,
        "time between two sets of snapshots",
        env="REDUNDANCY_BACKUP_INTERVAL",
    ),
    Setting(
        "emergency_threshold",
        Kind.RATIO,
        0.5,
        "score below which, on two looks, an emergency begins",
        env="REDUNDANCY_EMERGENCY_THRESHOLD",
    ),
    Setting(
        "cooldown",
        Kind.DURATION,
        3_600_000,
        "time between two automatic runs of an emergency for one system",
        key="redundancy.emergencyCooldown",
    ),
)
