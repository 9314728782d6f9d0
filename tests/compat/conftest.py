"""Backends for the proxies of others and ours."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.testing import ScriptedUpstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def upstream() -> Iterator[Callable[..., ScriptedUpstream]]:
    """Starts a backend with a script, and closes it at the end."""
    with ExitStack() as stack:

        def start(script: Any = None, **options: Any) -> ScriptedUpstream:
            return stack.enter_context(ScriptedUpstream(script, **options))

        yield start
