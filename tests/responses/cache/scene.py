"""A cache with a stopped clock around an app that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wsgikit.http import dates
from wsgikit.responses.cache.layer import Cache
from wsgikit.testing import call, lint
from wsgikit.testing.call import Result
from wsgikit.testing.environ import build_environ

NOON = 1_750_000_000.0
Pairs = list[tuple[str, str]]


def date(offset: float = 0.0) -> str:
    """The HTTP-date ``offset`` seconds after the scene's beginning."""
    return dates.format(NOON + offset)


class Scene:
    """``answers(...)`` says what the app does from now on, ``get(...)`` asks, ``wait(...)`` turns the clock."""

    def __init__(self, **options: Any) -> None:
        self.now = NOON
        self.asked: list[dict[str, Any]] = []
        self.takes = 0.0
        self.cache = Cache(lint(self._app), **options)
        self.cache.clock = lambda: self.now
        self._status = "200 OK"
        self._headers: Pairs = []
        self._body: Callable[[], Iterable[bytes]] = lambda: [b"hello"]
        self._raises: Exception | None = None
        self._conditional = False

    def answers(
        self,
        *headers: tuple[str, str],
        status: int | str = 200,
        body: bytes | Callable[[], Iterable[bytes]] = b"hello",
        cc: str | None = None,
        raises: Exception | None = None,
        conditional: bool = False,
    ) -> Scene:
        """``cc`` is the Cache-Control; ``conditional`` an app that answers 304 to its own ETag or Last-Modified."""
        self._status = status if isinstance(status, str) else f"{status} Said So"
        self._headers = [("Content-Type", "text/plain"), *headers]
        if cc is not None:
            self._headers.append(("Cache-Control", cc))
        self._body = body if callable(body) else lambda: [body]
        self._raises = raises
        self._conditional = conditional
        return self

    @property
    def calls(self) -> int:
        """How often the app was called."""
        return len(self.asked)

    def wait(self, seconds: float) -> Scene:
        """Turn the clock."""
        self.now += seconds
        return self

    def get(self, path: str = "/page", method: str = "GET", **options: Any) -> Result:
        """One request; keywords with capitals are headers: ``get(If_None_Match='"a"')``."""
        headers = {name.replace("_", "-"): options.pop(name) for name in list(options) if name[0].isupper()}
        environ = {"HTTP_HOST": "testserver", **options.pop("environ", {})}
        return call(lint(self.cache), method, path, headers=headers, environ=environ, **options)

    def open(self, path: str, **more: Any) -> Any:
        """The body of an answer, which the caller iterates and closes."""
        environ = {**build_environ("GET", path), "HTTP_HOST": "testserver", **more}
        return self.cache(environ, lambda *head: print)

    def _app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(dict(environ))
        self.now += self.takes
        if self._raises is not None:
            raise self._raises
        mine = dict(self._headers)
        if self._conditional and (
            ("ETag" in mine and environ.get("HTTP_IF_NONE_MATCH") == mine["ETag"])
            or ("ETag" not in mine and environ.get("HTTP_IF_MODIFIED_SINCE") == mine.get("Last-Modified"))
        ):
            start_response("304 Not Modified", [pair for pair in self._headers if pair[0] != "Content-Type"])
            return []
        start_response(self._status, list(self._headers))
        if environ["REQUEST_METHOD"] == "HEAD" or self._status[:3] in ("204", "304"):
            return []
        return self._body()


def hit(result: Result) -> bool:
    """Whether the app was not asked."""
    status = result.header("Cache-Status")
    assert status is not None
    return "; hit" in status
