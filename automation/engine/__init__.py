"""The cycle, once for every guarded system."""

from __future__ import annotations
