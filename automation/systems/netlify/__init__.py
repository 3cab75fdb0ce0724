"""Guards Netlify functions: their sources, what is published, and the way back to the last good deploy."""

from __future__ import annotations
