"""The eyes of the Netlify guard: the files on this disk, and what Netlify says of the site's deploys."""

from __future__ import annotations

from automation.core.errors import SettingsInvalid
from automation.core.finding import Assessment
from automation.engine.context import Context
from automation.engine.service.observing import AskedService
from automation.engine.terminal import complain
from automation.ports.commands import SystemCommands
from automation.ports.git import Git, SystemGit
from automation.ports.web import RequestsHttp
from automation.stores.backups.entry_path import problem_with
from automation.systems.netlify.access import refuse_wrong_settings
from automation.systems.netlify.checks import assess
from automation.systems.netlify.facts import Facts, Local, Sight
from automation.systems.netlify.memory import Memory, Places
from automation.systems.netlify.polling import Polling
from automation.systems.netlify.site_files import SiteFiles

NOT_BUILT = "netlify.autoDeploy: automatic deploys are not built; `deploy` makes one by hand"
EVENTS = ("netlify_unreachable", "netlify_not_asked", "netlify_answers")


class NetlifyObserver(AskedService):
    """Looks at one workspace, and holds what the steps act through."""

    def __init__(self, context: Context, git: Git, site_files: SiteFiles, polling: Polling) -> None:
        super().__init__(context, EVENTS)
        self.git = git
        self.site_files = site_files
        self.files = site_files.kept
        self.polling = polling

    def observe(self) -> Facts:
        """Look once. An unreachable Netlify is a finding: the files are seen all the same.

        Raises:
            LookFailed: A file is there and cannot be read.
        """
        settings, now_s = self.context.settings, self.context.clock.now_s()
        sight = self.polling.look()
        local = self.look_at_files(sight)
        return self._told(Facts(now_s, local, sight, settings.count("max_failures")))

    def look_at_files(self, sight: Sight | None = None) -> Local:
        """Look at the files alone.

        Raises:
            LookFailed: A file is there and cannot be read.
        """
        site = None if sight is None else sight.site
        return self.site_files.look(None if site is None else site.functions_folder or "")

    def assess(self, facts: Facts) -> Assessment:
        """Judge a look."""
        return assess(facts)

    def remember(self, facts: Facts) -> None:
        """Keep where the functions lie: a netlify.toml that is damaged at the next start does not say it.

        Raises:
            EffectFailed: The disk said no.
        """
        if not facts.local.is_empty:
            folder = facts.local.folder or ""
            self.site_files.memory.save_places(Places(folder, self.site_files.ui_folder))

    def _told(self, facts: Facts) -> Facts:
        self.say_once(facts.sight.note, facts.sight.trouble)
        return facts


def connect(context: Context) -> NetlifyObserver:
    """Return the observer of a workspace; nothing is asked before it looks.

    Raises:
        SettingsInvalid: The site, or a path, is none.
        NotAllowed: The token would be sent for all to read.
    """
    refuse_wrong_settings(context.settings)
    refuse_wrong_paths(context)
    if context.settings.flag("auto_deploy"):
        _warn(context, NOT_BUILT)
    commands = SystemCommands()
    git = SystemGit(commands, context.layout.workspace)
    site_files = SiteFiles(context, git, commands, Memory(context.layout.state))
    return NetlifyObserver(context, git, site_files, Polling(context, RequestsHttp()))


def refuse_wrong_paths(context: Context) -> None:
    """See that the paths which settings name lie in the workspace.

    Raises:
        SettingsInvalid: One does not; the line says which.
    """
    for name in ("functions_directory", "manifest_file"):
        said = context.settings.text(name).strip("/").removeprefix("./")
        problem = problem_with(said) if said else None
        if problem:
            raise SettingsInvalid(f"{context.settings.origins[name]}: {said[:80]!r} {problem}")


def _warn(context: Context, warning: str) -> None:
    """Say a warning where it is read: in the log of a loop, on stderr of a command."""
    if context.log.hasHandlers():
        context.log.warning("setting_ignored", extra={"detail": warning})
    else:
        complain(warning)
