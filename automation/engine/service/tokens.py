"""The token of a service: from the environment, or from a file that nobody else may read."""

from __future__ import annotations

from pathlib import Path

from automation.core.errors import EffectFailed
from automation.core.settings import Settings
from automation.ports.files import read_whole

LONGEST_TOKEN = 4096
OTHERS = 0o077


def token_of(settings: Settings, workspace: Path, variable: str) -> str:
    """Return the token, empty where none is set.

    Args:
        settings: They hold `token` and `token_file`.
        workspace: What a relative file is relative to.
        variable: The variable of the token; with `_FILE` behind it, that of the file.

    Raises:
        EffectFailed: The file that should hold it cannot be read, may be read by others, or holds no token.
    """
    token, where = settings.text("token").strip(), variable
    named = settings.text("token_file")
    if not token and named:
        where = f"{variable}_FILE {named}"
        token = _in_file(workspace / Path(named).expanduser(), f"{variable}_FILE")
        if not token:
            raise EffectFailed(f"{where}: the file is empty", retryable=False)
    if not all("!" <= letter <= "~" for letter in token):
        raise EffectFailed(f"{where} must hold one token and nothing else", retryable=False)
    return token


def _in_file(path: Path, variable: str) -> str:
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise EffectFailed(f"{variable} {path}: {error.strerror}", retryable=False) from error
    if mode & OTHERS:
        raise EffectFailed(
            f"{variable} {path}: others may read it (mode {mode:03o}): `chmod 600 {path}`", retryable=False
        )
    data = read_whole(path, cap=LONGEST_TOKEN) or b""
    return data.decode("utf-8", "replace").strip()
