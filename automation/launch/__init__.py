"""Starting and stopping the suite's own apps: what automation/start-enhanced-redundancy.sh hands over to."""

from __future__ import annotations
