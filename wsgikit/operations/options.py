"""How options of operations are read: whole numbers."""

from __future__ import annotations

from wsgikit.core.errors import wrong_type, wrong_value


def whole(layer: str, option: str, value: int, *, least: int = 1) -> int:
    """A whole number, ``least`` or more."""
    wanted = f"a whole number, {least} or more"
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(layer, option, value, wanted)
    if value < least:
        raise wrong_value(layer, option, value, wanted)
    return value
