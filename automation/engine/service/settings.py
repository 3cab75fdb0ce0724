"""The settings of every guard that asks a service."""

from __future__ import annotations

from dataclasses import dataclass

from automation.core.settings import Kind, Setting


@dataclass(frozen=True, slots=True)
class Named:
    """How a service is named: to people, in variables, in the settings file, and there in older versions."""

    service: str
    prefix: str
    token: str
    section: str
    old_sections: tuple[str, ...] = ()

    def old(self, key: str) -> tuple[str, ...]:
        """Return the places of a key in older versions of the file."""
        return tuple(f"{section}.{key}" for section in self.old_sections)


def service_settings(named: Named, *, check_ms: int, backup_ms: int, api_about: str) -> tuple[Setting, ...]:
    """Return how often the service is looked at, where it answers, and what opens it.

    Args:
        named: The service.
        check_ms: Time between two looks.
        backup_ms: Time between two backups.
        api_about: What its address is for.
    """
    return (
        Setting(
            "check_interval",
            Kind.DURATION,
            check_ms,
            f"time between two looks; {named.service} is never asked more often",
            env=f"{named.prefix}_CHECK_INTERVAL",
            key=f"{named.section}.checkInterval",
            also=named.old("checkInterval"),
        ),
        Setting(
            "backup_interval",
            Kind.DURATION,
            backup_ms,
            "time between two backups",
            env=f"{named.prefix}_BACKUP_INTERVAL",
            key=f"{named.section}.backupInterval",
            also=named.old("backupInterval"),
        ),
        Setting(
            "api_url",
            Kind.TEXT,
            "",
            api_about,
            env=f"{named.prefix}_API_URL",
            key=f"{named.section}.apiUrl",
        ),
        Setting("token", Kind.TEXT, "", "what opens the REST interface", env=named.token, secret=True),
        Setting(
            "token_file", Kind.TEXT, "", "a file of mode 0600 that holds the token", env=f"{named.token}_FILE"
        ),
    )
