"""Which subjects of a system are guarded: globs of their names."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

ALL = ("*",)


@dataclass(frozen=True, slots=True)
class Selection:
    """What `include` names and `exclude` does not.

    Nothing included is nothing guarded, never "all" (safety S8).
    """

    include: tuple[str, ...] = ALL
    exclude: tuple[str, ...] = ()

    def takes(self, *names: str) -> bool:
        """Tell whether a subject is guarded that goes by any of these names."""
        return _matches(names, self.include) and not _matches(names, self.exclude)


def _matches(names: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for name in names for glob in globs)


def is_glob(text: str) -> bool:
    """Tell whether a name stands for many: it holds `*`, `?` or `[`."""
    return any(sign in text for sign in "*?[")
