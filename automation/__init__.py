"""Guards for PM2 processes, GitHub Actions workflows and Netlify functions."""

from __future__ import annotations

__version__ = "0.1.0"
