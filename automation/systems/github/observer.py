"""The eyes of the GitHub guard: the files on this disk, and what GitHub says of their runs."""

from __future__ import annotations

from automation.core.finding import Assessment
from automation.engine.context import Context
from automation.engine.service.observing import AskedService
from automation.ports.commands import SystemCommands
from automation.ports.git import SystemGit
from automation.ports.web import RequestsHttp
from automation.systems.github.access import refuse_wrong_settings
from automation.systems.github.checks import assess
from automation.systems.github.facts import Facts, Sight
from automation.systems.github.polling import Polling
from automation.systems.github.workflow_files import WorkflowFiles

NOTHING = ".github/workflows holds no workflow: nothing to guard"
EVENTS = ("github_unreachable", "github_not_asked", "github_answers")


class GitHubObserver(AskedService):
    """Looks at one workspace, and holds what the steps act through."""

    def __init__(self, context: Context, looked: WorkflowFiles, polling: Polling) -> None:
        super().__init__(context, EVENTS)
        self.files = looked.kept
        self.polling = polling
        self._looked = looked

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

    def _told(self, facts: Facts) -> Facts:
        self.say_once(facts.sight.note, facts.sight.trouble)
        return facts


def connect(context: Context) -> GitHubObserver:
    """Return the observer of a workspace; nothing is asked before it looks.

    Raises:
        SettingsInvalid: The repository or the address is none.
    """
    refuse_wrong_settings(context.settings)
    git = SystemGit(SystemCommands(), context.layout.workspace)
    return GitHubObserver(context, WorkflowFiles(context, git), Polling(context, git, RequestsHttp()))
