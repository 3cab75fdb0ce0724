"""Keeping a loop small: imported before anything that imports hashlib or shutil.

A lock's random token makes filelock import `secrets`, hence `hashlib`, hence the whole of OpenSSL: 3.6 MB in
each process, for hashes that Python has itself. A loop hashes a line now and then, so its own are fast
enough; what hashes much runs in processes of its own.

pythonjsonlogger imports uuid, which loads a library for ids of the clock that nobody asks for here; whatever
imports shutil gets bzip2 and LZMA with it (0.3 MB), by which no loop of ours packs anything. Each does
without what is missing.
"""

from __future__ import annotations

import sys

for _name in ("_hashlib", "_uuid", "bz2", "lzma"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # the documented way to make an import fail
