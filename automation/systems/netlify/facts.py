"""What one look brings: the files as they are, the functions that they make, and what Netlify last said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation.engine.kept_files import KeptFile
from automation.systems.netlify.discovery import Discovery, Function
from automation.systems.netlify.records import Deploy, Site
from automation.systems.netlify.settings_file import Damaged, Settings
from automation.systems.netlify.syntax import Judged

NO_SETTINGS = Settings()
NO_FUNCTIONS = Discovery()


@dataclass(frozen=True, slots=True)
class ManifestLook:
    """The list of functions on this disk, and what is out of date in it."""

    path: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Local:
    """What the disk says.

    `settings` are the last sound ones: `damage` says what is wrong with what stands there now. `folder` is
    where the functions lie, None where the site has none. `verdicts` are those on main files. `manifest` is
    None where there is none, and where nobody can tell whether it is current. `left_out` are the functions
    that settings do not let be guarded.
    """

    settings: Settings = NO_SETTINGS
    damage: tuple[Damaged, ...] = ()
    folder: str | None = None
    folder_missing: bool = False
    discovery: Discovery = NO_FUNCTIONS
    verdicts: Mapping[str, Judged] = field(default_factory=dict)
    files: tuple[KeptFile, ...] = ()
    manifest: ManifestLook | None = None
    left_out: frozenset[str] = frozenset()

    @property
    def guarded(self) -> tuple[Function, ...]:
        """Return the functions that are guarded."""
        return tuple(one for one in self.discovery.functions if one.name not in self.left_out)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to guard: no settings file, no functions, and none was lost."""
        lost = any(file.wiped for file in self.files)
        return self.settings.file is None and self.folder is None and not self.damage and not lost


@dataclass(frozen=True, slots=True)
class Sight:
    """What Netlify last said, and how the last try to ask it went.

    `note` says why it is not asked at all, which is no fault; `trouble` why asking failed. `seen_at_s` is
    None where it never answered.
    """

    site: Site | None = None
    deploys: tuple[Deploy, ...] = ()
    seen_at_s: float | None = None
    note: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """One look; `at_s` is in seconds since 1970."""

    at_s: float
    local: Local = Local()
    sight: Sight = Sight()
    max_failures: int = 3
