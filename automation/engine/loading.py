"""The one loader of code that data names: "package.module:function"."""

from __future__ import annotations

import importlib
from typing import Any

from automation.core.errors import NotAllowed


def load(name: str) -> Any:  # noqa: ANN401  # what it is, the name says
    """Return what "module:attribute" names.

    Raises:
        NotAllowed: A package that it needs is not installed; the line says what to run.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "automation":
            raise
        raise NotAllowed(
            f"the Python package {error.name} is not installed for this Python; run"
            " ./automation/start-enhanced-redundancy.sh once, then use .venv/bin/python"
        ) from error
    return getattr(module, attribute)
