"""What a workflow file says: reading it as GitHub does, what is wrong with it, and repairs that are sure."""

from __future__ import annotations
