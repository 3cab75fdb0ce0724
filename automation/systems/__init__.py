"""One folder per guarded system, all of one shape."""

from __future__ import annotations
