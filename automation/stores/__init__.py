"""Shared files: the only code that knows paths and formats."""

from __future__ import annotations
