"""Where a thread or greenlet is at the moment, as the lines of a traceback."""

from __future__ import annotations

import sys
from _thread import get_ident
from traceback import format_stack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_DEEPEST = 50  # innermost frames shown: enough to leave a framework and its template engine behind


def placing() -> Callable[[], Any]:
    """What says where it is called: the thread, or the greenlet where these take the place of threads."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return get_ident
    getcurrent: Callable[[], Any] = sys.modules["greenlet"].getcurrent
    return getcurrent


def stack(place: Any) -> str:
    """What is on the stack there, outermost first as in a traceback; ``""`` where nothing is to be seen."""
    frame: FrameType | None
    frame = sys._current_frames().get(place) if isinstance(place, int) else place.gr_frame
    return "" if frame is None else "".join(map(_shown, "".join(format_stack(frame, _DEEPEST))))


def _shown(char: str) -> str:
    return char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
