"""What PM2's answers must look like before the guard believes them, as pure checks."""

from __future__ import annotations

from automation.core.errors import EffectFailed
from automation.systems.pm2.wire.door import Garbled


def list_of_entries(answer: object, *, where: str) -> list[dict[str, object]]:
    """Return a list of processes, each a dict that has a dict `pm2_env`.

    Raises:
        Garbled: It is something else; the message says where it came from.
    """
    if not isinstance(answer, list):
        raise Garbled(f"{where}: expected a list of processes, got {type(answer).__name__}")
    for number, entry in enumerate(answer):
        if not isinstance(entry, dict) or not isinstance(entry.get("pm2_env"), dict):
            raise Garbled(f"{where}: process {number} of {len(answer)} has no pm2_env")
    return answer


def refuse_a_survivor(answer: object, *, what: str) -> None:
    """Make an error of a process that was to stop and outlived SIGKILL, which PM2 calls a success.

    Raises:
        EffectFailed: The process runs on.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("pm2_env"), dict):
        return
    if answer["pm2_env"].get("status") == "errored" and answer.get("pid"):
        raise EffectFailed(f"PM2 could not {what}: pid {answer['pid']} outlived SIGKILL and runs on")
