"""Doors: one module per kind of effect, a Protocol and its real adapter."""

from __future__ import annotations
