"""Values and decisions: nothing here reads a clock, a file or a network."""

from __future__ import annotations
