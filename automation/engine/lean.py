"""Keeping a loop small: imported before anything that imports hashlib.

A lock's random token makes filelock import `secrets`, hence `hashlib`, hence the whole of OpenSSL: 3.6 MB in
each process, for hashes that Python has itself. A loop hashes a line now and then, so its own are fast
enough; what hashes much runs in processes of its own.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]  # the documented way to make an import fail
