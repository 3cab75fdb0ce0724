"""Everything that can go wrong on purpose.

* AutomationError
  * SettingsInvalid      the settings cannot be used; the program does not start
  * UsageInvalid         the command line asks for something that does not exist
  * NotAllowed           a rule forbids it here (wrong user, names held by somebody else)
  * EffectFailed         the outside world said no; `retryable` says whether asking again may help
    * CommandFailed      a program exited with a status other than 0, or is not installed
    * CommandTimedOut    a program did not exit in time and was killed
    * LookFailed         the guarded system could not be looked at: nothing is known of it
    * StepRefused        a step declined to act as things are now
      * StepImpossible   what it needs is not there: neither waiting nor trying again brings it
  * LockBusy             another process holds the lock
  * RecordDamaged        a shared file is not what its schema says
  * RecordNewer          a shared file was written by a newer version, and is left alone

Each renders as one line: what, where, what was expected, what to do.
"""

from __future__ import annotations


class AutomationError(Exception):
    """The root: whatever is raised on purpose."""


class SettingsInvalid(AutomationError):
    """The settings cannot be used; the program does not start."""


class UsageInvalid(AutomationError):
    """The command line asks for something that does not exist."""


class NotAllowed(AutomationError):
    """A rule forbids it here: a wrong user, or names that somebody else holds."""


class EffectFailed(AutomationError):
    """The outside world said no."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class CommandFailed(EffectFailed):
    """A program exited with a status other than 0, or is not installed."""

    def __init__(self, argv: tuple[str, ...], status: int | None, stderr: str = "") -> None:
        said = stderr.strip().splitlines()[-1][:300] if stderr.strip() else ""
        how = "is not installed or cannot be run" if status is None else f"exited with status {status}"
        super().__init__(f"{argv[0]} {how}" + (f": {said}" if said else ""))
        self.argv = argv
        self.status = status
        self.stderr = stderr


class CommandTimedOut(EffectFailed):
    """A program did not exit in time and was killed."""

    def __init__(self, argv: tuple[str, ...], timeout_s: float) -> None:
        super().__init__(f"{argv[0]} did not end within {timeout_s:g} s and was killed")
        self.argv = argv
        self.timeout_s = timeout_s


class LookFailed(EffectFailed):
    """The guarded system could not be looked at: nothing is known of it (which is not the same as down).

    `look_again_s` asks for another look that soon, where a few failures in a row will say more.
    """

    look_again_s: float | None = None


class StepRefused(EffectFailed):
    """A step declined to act as things are now; it counts as a try, so that nothing is asked for ever."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class StepImpossible(StepRefused):
    """A step lacks what only a person can bring: the next rung is due at once, or a human is told."""


class LockBusy(AutomationError):
    """Another process holds the lock.

    `holder` is what the lock file says of it: `pid 4711, since …, for …`.
    """

    def __init__(self, what: str, holder: str) -> None:
        super().__init__(f"{what} is held by {holder}; try again")
        self.what = what
        self.holder = holder


class RecordDamaged(AutomationError):
    """A shared file is not what its schema says."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class RecordNewer(AutomationError):
    """A shared file was written by a newer version, and is left alone."""

    def __init__(self, where: str, schema: object) -> None:
        super().__init__(f"{where}: schema {schema} is newer than this program knows (1); upgrade it")
        self.where = where
        self.schema = schema
