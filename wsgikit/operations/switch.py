"""Switches: files whose presence turns something on in all workers at once."""

from __future__ import annotations

import os
from typing import Any

from wsgikit.core.errors import wrong_type, wrong_value


def switch_path(layer: str, switch: Any) -> str:
    """The path of the file, from now on wherever the process may go; or an error in the name of ``layer``."""
    wanted = "the path of a file, which need not be there yet"
    path = os.fspath(switch) if isinstance(switch, str | os.PathLike) else None
    if not isinstance(path, str):
        raise wrong_type(layer, "switch", switch, wanted)
    if not path or "\0" in path or os.path.isdir(path):
        raise wrong_value(layer, "switch", switch, wanted)
    return os.path.abspath(path)
