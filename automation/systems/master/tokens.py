"""Which guards' programs have no token here: what they then leave out must be said, not taken for done.

PM2 writes the environment of each app into a file, so the ecosystem file gives the master no token: what
reaches the programs that it starts is a file that holds one, `*_TOKEN_FILE`.
"""

from __future__ import annotations

from collections.abc import Mapping

from automation.systems.master.peers import Peer


def lacks_token(peer: Peer, environment: Mapping[str, str]) -> str:
    """Say in one line what a guard's program leaves out for want of a token; empty where it lacks none."""
    if not peer.token or environment.get(peer.token) or environment.get(f"{peer.token}_FILE"):
        return ""
    return f"without {peer.token}_FILE it asks and does nothing but on this disk"


def where_the_token_is(peer: Peer, environment: Mapping[str, str]) -> tuple[str, bool]:
    """Say whether the programs that the master starts have a token, and whether that is well."""
    if environment.get(f"{peer.token}_FILE"):
        return f"in the file that {peer.token}_FILE names", True
    if environment.get(peer.token):
        said = f"{peer.token} reaches the guard alone, not what the master starts"
        return f"{said}: name a file of mode 0600 by {peer.token}_FILE, and start the suite again", False
    return "none is set here: what the master starts works on this disk alone", True
