"""Ecosystem files: read as PM2 reads them, in a process of their own, and compared with what runs."""

from __future__ import annotations
