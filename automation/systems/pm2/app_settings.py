"""What may be set for single apps: the columns of `pm2.apps.<glob>`."""

from __future__ import annotations

from automation.core.settings import Kind, Setting

PROBES = ("http", "tcp", "file")

APPS = Setting(
    "apps",
    Kind.TABLE,
    (),
    "what holds for the apps that a glob matches; later globs override earlier ones, field by field",
    key="pm2.apps",
    columns=(
        Setting("critical", Kind.FLAG, False, "when it is down, the system is critical", key="critical"),  # noqa: FBT003  # a default value
        Setting("required", Kind.FLAG, False, "it must run, whatever its kind", key="required"),  # noqa: FBT003  # a default value
        Setting("ignore", Kind.FLAG, False, "it is not guarded", key="ignore"),  # noqa: FBT003  # a default value
        Setting("http", Kind.ADDRESS, "", "an address that must answer, below 500", key="probe.http"),
        Setting("tcp", Kind.SOCKET, "", "a port that must take a connection", key="probe.tcp"),
        Setting("file", Kind.PATH, "", "a file that must have changed within timeoutMs", key="probe.file"),
        Setting("timeout_ms", Kind.DURATION, 5_000, "when a probe has failed", key="probe.timeoutMs"),
        Setting(
            "failures", Kind.COUNT, 3, "failures in a row that count", key="probe.failures", least=1, most=100
        ),
        Setting(
            "period_ms",
            Kind.DURATION,
            30_000,
            "time between two probes; the check interval if not set",
            key="probe.periodMs",
        ),
        Setting("memory_mb", Kind.NUMBER, 0.0, "memory that it may use, in MiB", key="memoryMb", most=10**7),
        Setting(
            "cpu_percent", Kind.NUMBER, 0.0, "CPU that it may use, of one core", key="cpuPercent", most=10**5
        ),
        Setting(
            "looks",
            Kind.COUNT,
            3,
            "looks in a row on which a limit is exceeded",
            key="looks",
            least=1,
            most=1000,
        ),
    ),
    one_of=PROBES,
)
