"""The eyes of the GitHub guard: the files on this disk, and what GitHub says of their runs."""

from __future__ import annotations

from collections.abc import Sequence

from automation.core.finding import Assessment
from automation.engine.context import Context
from automation.ports.commands import SystemCommands
from automation.ports.git import SystemGit
from automation.ports.web import RequestsHttp
from automation.systems.github.access import refuse_wrong_settings
from automation.systems.github.checks import assess
from automation.systems.github.facts import Facts, Sight
from automation.systems.github.polling import Polling
from automation.systems.github.workflow_files import WorkflowFiles

NOTHING = ".github/workflows holds no workflow: nothing to guard"


class GitHubObserver:
    """Looks at one workspace, and holds what the steps act through."""

    def __init__(self, context: Context, looked: WorkflowFiles, polling: Polling) -> None:
        self.context = context
        self.files = looked.kept
        self.polling = polling
        self._looked = looked
        self._said: tuple[str, str] = ("", "")

    def observe(self) -> Facts:
        """Look once. An unreachable GitHub is a finding: the files are seen all the same."""
        settings, now_s = self.context.settings, self.context.clock.now_s()
        files = self._looked.look()
        required = settings.names("required")
        if not files:
            return self._told(Facts(now_s, sight=Sight(note=NOTHING), required=required))
        limit = settings.count("max_failures")
        return self._told(Facts(now_s, files, self.polling.look(), limit, required))

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Keep nothing: the files, git and GitHub are the memory."""

    def fds(self) -> Sequence[int]:
        """Return nothing: neither files nor GitHub call."""
        return ()

    def pump(self) -> bool:
        """Read nothing."""
        return False

    def close(self) -> None:
        """Hold nothing."""

    def _told(self, facts: Facts) -> Facts:
        """Log why GitHub is not asked, or does not answer, once: not on every look that it lasts."""
        now = (facts.sight.note, facts.sight.trouble)
        if now != self._said:
            event = "github_unreachable" if now[1] else "github_not_asked" if now[0] else "github_answers"
            self.context.log.info(event, extra={"reason": now[1] or now[0]})
        self._said = now
        return facts


def connect(context: Context) -> GitHubObserver:
    """Return the observer of a workspace; nothing is asked before it looks.

    Raises:
        SettingsInvalid: The repository or the address is none.
    """
    refuse_wrong_settings(context.settings)
    git = SystemGit(SystemCommands(), context.layout.workspace)
    return GitHubObserver(context, WorkflowFiles(context, git), Polling(context, git, RequestsHttp()))
