"""Snapshots of files: taken whole or not at all, verified, restored with a way back, and thinned out.

The public face is `store.SnapshotStore`. Reading what is there, without a lock and without any package
that is not the standard library's, is `listing.snapshots`.
"""

from __future__ import annotations
