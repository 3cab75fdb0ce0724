"""PM2's socket files: a second name for each, so that one which was removed can be put back.

A unix socket is reached by its file. Removed under a living daemon, the daemon goes on unreachable, and the
next pm2 command starts a second one. A hard link made in time is the same socket under another name: linked
back, everybody reaches the daemon again, and nothing was restarted.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from automation.core.errors import EffectFailed
from automation.ports.files import cannot
from automation.ports.socket_owner import socket_owner


def gone(addresses: Sequence[Path]) -> tuple[Path, ...]:
    """Return which of these socket files are not there."""
    return tuple(one for one in addresses if not one.exists())


def keep(addresses: Sequence[Path], folder: Path) -> None:
    """Give each socket file a second name in a folder, unless it has it; where none can be, there is none."""
    for address in addresses:
        with contextlib.suppress(OSError):
            _keep(address, folder / address.name)


def put_back(addresses: Sequence[Path], folder: Path, daemon: int) -> tuple[Path, ...]:
    """Give the socket files that are gone their first names again; return which.

    Raises:
        EffectFailed: There is no second name, or another process than this daemon is behind it.
    """
    back = []
    for address in gone(addresses):
        kept = folder / address.name
        if socket_owner(kept) != daemon:
            raise EffectFailed(
                f"there is no second name of {address} that leads to PM2's daemon (pid {daemon})"
            )
        try:
            os.link(kept, address)
        except FileExistsError:
            continue  # somebody was faster
        except OSError as error:
            raise cannot("link", address, error) from error
        back.append(address)
    return tuple(back)


def lead_to(addresses: Sequence[Path], folder: Path, daemon: int) -> bool:
    """Tell whether the second names of all these lead to a daemon."""
    return all(socket_owner(folder / one.name) == daemon for one in addresses)


def _keep(address: Path, kept: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if kept.samefile(address):
            return
    fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    os.link(address, fresh)
    fresh.replace(kept)
