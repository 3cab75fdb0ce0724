"""Speaking with PM2's daemon over its own two sockets: the one door outside ports/.

`door` holds the protocol and the values, and imports no socket; `client` is the real thing behind it.
"""

from __future__ import annotations
