"""Guards GitHub Actions: workflow files, and the runs that GitHub makes of them."""

from __future__ import annotations
