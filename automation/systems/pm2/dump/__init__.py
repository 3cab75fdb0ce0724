"""PM2's dump, which `pm2 save` writes and `pm2 resurrect` starts: watched, and our own entries in it."""

from __future__ import annotations
