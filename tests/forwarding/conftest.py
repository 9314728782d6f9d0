"""A proxy before a scripted backend: ``proxied(script, **options)``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.testing import Result, ScriptedUpstream, call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Proxied(NamedTuple):
    proxy: ReverseProxy
    upstream: ScriptedUpstream

    def call(self, method: str = "GET", path: str = "/", **request: Any) -> Result:
        return call(self.proxy, method, path, **request)


@pytest.fixture
def proxied() -> Iterator[Callable[..., Proxied]]:
    """Makes a proxy and the backend behind it; both are closed at the end."""
    with ExitStack() as stack:

        def make(script: Any = None, *, base: str = "", upstream: Any = None, **options: Any) -> Proxied:
            started = stack.enter_context(upstream or ScriptedUpstream(script))
            proxy = ReverseProxy(started.url + base, **options)
            stack.callback(proxy.close)
            return Proxied(proxy, started)

        yield make
