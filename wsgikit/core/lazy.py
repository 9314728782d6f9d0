"""Names opened on first use (PEP 562), so that importing a package costs next to nothing."""

from __future__ import annotations

import sys
from importlib import import_module

from wsgikit.core.errors import suggestion

TYPE_CHECKING = False  # typing itself would be most of the cost of `import wsgikit`
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def open_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Give ``package`` its ``__getattr__`` and ``__dir__``: ``homes`` says which module each name lives in."""

    def opened(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}{suggestion(name, homes)}", name=name
            )
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)  # the next look-up finds it without coming here
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return opened, listed
