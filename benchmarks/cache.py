"""What Cache costs, beside the app alone: ``python benchmarks/cache.py``.

A hit is a whole request through the layer: a fresh environ, the body iterated and closed. Minima of many short rounds
taken in turn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import Any
from wsgiref.util import FileWrapper

from rounds import BROWSER, minima, request

from wsgikit.responses.cache.layer import Cache
from wsgikit.responses.cache.stores.file import FileStore
from wsgikit.responses.cache.stores.memory import MemoryStore

PAGE = b"<p>a paragraph of the page</p>\n" * (50 * 1024 // 31)
HEAD = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("ETag", '"v1"'),
    ("Vary", "Accept-Language"),
    ("X-Frame-Options", "DENY"),
]
STATIC = {**BROWSER, "wsgi.file_wrapper": FileWrapper}
STATIC.pop("HTTP_COOKIE")
STATIC["wsgikit.notes"] = {}  # as AccessLog outside leaves it


def answering(cache_control: str) -> Any:
    headers = [*HEAD, ("Cache-Control", cache_control)]

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", list(headers))
        return [PAGE]

    return app


def main() -> None:
    kept, private = answering("max-age=100000"), answering("private")
    memory = Cache(kept, store=MemoryStore())
    folder = tempfile.mkdtemp()
    file = Cache(kept, store=FileStore(folder))
    for cache in (memory, file):
        request(cache, STATIC)()
    cases = {
        "the bare app": request(private, STATIC),
        "declined: a request with cookies": request(memory, {**STATIC, "HTTP_COOKIE": "session=1"}),
        "declined: OPTIONS": request(memory, {**STATIC, "REQUEST_METHOD": "OPTIONS"}),
        "POST, which invalidates": request(Cache(private), {**STATIC, "REQUEST_METHOD": "POST"}),
        "GET that is not to be stored": request(Cache(private), STATIC),
        "memory, hit of 50 KB": request(memory, STATIC),
        "memory, 304": request(memory, {**STATIC, "HTTP_IF_NONE_MATCH": '"v1"'}),
        "memory, HEAD": request(memory, {**STATIC, "REQUEST_METHOD": "HEAD"}),
        "memory, range of 1 KB": request(memory, {**STATIC, "HTTP_RANGE": "bytes=0-1023"}),
        "memory, miss and store": request(memory, {**STATIC, "HTTP_CACHE_CONTROL": "no-cache"}),
        "file, hit of 50 KB, opened": opened(file, STATIC),
        "file, hit of 50 KB, read in blocks": request(file, STATIC),
    }
    best = minima(cases, rounds=40, calls=200)
    print(f"{'':40}{'us':>8}{'us added':>10}")
    for name, spent in best.items():
        print(f"{name:40}{spent:8.2f}{spent - best['the bare app']:10.2f}")


def opened(app: Any, environ: dict[str, Any]) -> Any:
    """A hit under a server that calls sendfile: the body is never read in Python."""

    def once() -> None:
        app(environ.copy(), lambda status, headers, exc_info=None: print).close()

    return once


if __name__ == "__main__":
    main()
