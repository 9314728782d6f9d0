"""A proxy before scripted backends: ``proxied(script, **options)`` has one, ``several(script, script)`` more."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.upstream import Upstream
from wsgikit.testing import Result, ScriptedUpstream, build_environ, call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wsgikit.forwarding.backend import Backend


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


class Several:
    """A proxy and its upstreams, which are called ``a``, ``b``, ... in their order."""

    def __init__(self, proxy: ReverseProxy, upstreams: Sequence[ScriptedUpstream]) -> None:
        self.proxy = proxy
        self.upstreams = list(upstreams)
        self.notes: dict[str, Any] = {}
        """Those of the last request."""

    def __getitem__(self, letter: str) -> ScriptedUpstream:
        return self.upstreams["abcdefgh".index(letter)]

    def call(self, method: str = "GET", path: str = "/", **request: Any) -> Result:
        self.notes = {}
        request["environ"] = {"wsgikit.notes": self.notes, **request.get("environ", {})}
        return call(self.proxy, method, path, **request)

    def begin(self, method: str = "GET", path: str = "/", **request: Any) -> Any:
        """The body of an answer, nothing of it taken."""
        return self.proxy(build_environ(method, path, **request), lambda *head: lambda data: None)

    def who(self, requests: int = 1, **request: Any) -> str:
        """Who answers so many requests, one after the other: ``"abab"``, with ``-`` for nobody."""
        letters = {upstream.url: letter for letter, upstream in zip("abcdefgh", self.upstreams, strict=False)}
        came = []
        for _ in range(requests):
            status = self.call(**request).status
            came.append(
                "-" if "upstream_error" in self.notes or status >= 500 else letters[self.notes["upstream"]]
            )
        return "".join(came)

    def counts(self) -> list[int]:
        """How many requests each upstream has seen."""
        return [len(upstream.requests) for upstream in self.upstreams]

    def backend(self, letter: str) -> Backend:
        by_url = {backend.url: backend for backend in self.proxy._fleets.get().roster.backends}
        return by_url[self[letter].url]

    @staticmethod
    def until(predicate: Callable[[], object], seconds: float = 10.0) -> None:
        """Waits until something that happens in another thread has happened."""
        give_up = time.monotonic() + seconds
        while not predicate():
            assert time.monotonic() < give_up, f"not within {seconds:g} s"
            time.sleep(0.001)

    def state(self, letter: str) -> Any:
        return self.proxy.snapshot()["upstreams"][self[letter].url]["state"]


@pytest.fixture
def several() -> Iterator[Callable[..., Several]]:
    """Makes a proxy and the backends behind it, one for each script; ``given`` has the options of each Upstream."""
    with ExitStack() as stack:

        def make(*scripts: Any, given: Sequence[dict[str, Any]] = (), **options: Any) -> Several:
            started = [stack.enter_context(ScriptedUpstream(script)) for script in scripts]
            each = [*given, *[{}] * (len(started) - len(given))]
            listed = [Upstream(up.url, **about) for up, about in zip(started, each, strict=True)]
            proxy = ReverseProxy(listed, **options)
            stack.callback(proxy.close)
            return Several(proxy, started)

        yield make


class Clock:
    """The clock by which backends are ejected, rested and brought back; it stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def skip(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    for module in ("backend", "roster"):
        monkeypatch.setattr(f"wsgikit.forwarding.{module}.monotonic", stopped)
    return stopped
