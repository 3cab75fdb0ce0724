"""What all tests share: a real PM2, and a run that fails when the tests which need one did not run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import hypothesis
import pytest

from tests.real_pm2 import VERSIONS, Pm2Home, installed


class SkippedPm2:
    """Counts the tests marked pm2 that were skipped, in whichever worker."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note each test marked pm2 that was skipped, for whatever reason."""
        if report.skipped and "pm2" in report.keywords and not hasattr(report, "wasxfail"):
            self.names.append(report.nodeid)


SKIPPED = pytest.StashKey[SkippedPm2]()


# A shell that runs the tests in the background ignores SIGINT, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A timing is no assertion: on a busy machine any example may take long.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run say that it means to do without PM2."""
    parser.addoption(
        "--without-pm2", action="store_true", help="tests marked pm2 may be skipped without failing the run"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count the tests marked pm2 that were skipped."""
    config.stash[SKIPPED] = SkippedPm2()
    config.pluginmanager.register(config.stash[SKIPPED])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs PM2 where it is not installed, or not wanted."""
    unwanted = config.getoption("--without-pm2")
    if all(map(installed, VERSIONS)) and not unwanted:
        return
    why = "--without-pm2" if unwanted else "no PM2 in tests/node/node_modules"
    for item in items:
        if item.get_closest_marker("pm2") is not None:
            item.add_marker(pytest.mark.skip(reason=why))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Make a run fail that proved less than it seems to."""
    if session.config.stash[SKIPPED].names and not session.config.getoption("--without-pm2"):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line why the run failed."""
    skipped = len(config.stash[SKIPPED].names)
    if skipped and not config.getoption("--without-pm2"):
        terminalreporter.write_line(
            f"FAILED: {skipped} tests that need PM2 were skipped; run `npm ci` in tests/node, "
            "or say --without-pm2",
            red=True,
        )


@pytest.fixture
def pm2_version(request: pytest.FixtureRequest) -> str:
    """Return the PM2 under test: the newest, or what a test's `parametrize(..., indirect=True)` says."""
    version: str = getattr(request, "param", VERSIONS[-1])
    return version


@pytest.fixture
def pm2_home(pm2_version: str) -> Iterator[Pm2Home]:
    """Give a fresh PM2_HOME, in which no daemon lives yet."""
    with Pm2Home(pm2_version) as home:
        yield home
