"""How much the memory of a process grows by while a body passes through a proxy in it, in KiB.

Run as: memory.py upload-length|upload-chunks|download-length|download-chunks|both URL MEBIBYTES [AUTHORITY].
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS
from wsgikit.testing import build_environ

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

MIB = 1 << 20


class Zeros:
    """A wsgi.input of so many bytes, which are nowhere."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._block = bytes(65536)

    def read(self, size: int) -> bytes:
        size = min(size, self._left, 65536)
        self._left -= size
        return self._block if size == 65536 else self._block[:size]


def passed(app: WSGIApplication, environ: dict[str, Any]) -> int:
    """The bytes of the answer, each piece dropped as a server drops it; the number in it where it is a short one."""
    statuses = []

    def start_response(status: str, headers: object, error: object = None, /) -> Callable[[bytes], object]:
        statuses.append(status)
        return print  # never called

    body = app(environ, start_response)
    total, last = 0, b""
    try:
        for last in body:
            total += len(last)
    finally:
        if hasattr(body, "close"):
            body.close()
    assert statuses == ["200 OK"], statuses
    return int(last) if total == len(last) < 20 else total


def upload(app: WSGIApplication, size: int, *, chunks: bool = False, path: str = "/") -> int:
    framing: dict[str, Any] = {"CONTENT_LENGTH": str(size)}
    if chunks:
        framing = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return passed(app, {**build_environ("POST", path), **framing, "wsgi.input": Zeros(size)})


def download(app: WSGIApplication, size: int, *, kind: str) -> int:
    return passed(app, build_environ("GET", f"/{kind}/{size}"))


MOVES: dict[str, Callable[[WSGIApplication, int], int]] = {
    "upload-length": upload,
    "upload-chunks": partial(upload, chunks=True),
    "download-length": partial(download, kind="length"),
    "download-chunks": partial(download, kind="chunks"),
    "both": partial(upload, path="/echo"),
}


def memory(name: str) -> int:
    """A line of /proc/self/status: VmRSS is what is there now, VmHWM the most that has been."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(what: str, url: str, mebibytes: str, *authority: str) -> None:
    move, size = MOVES[what], int(mebibytes) * MIB
    proxy = ReverseProxy(url, tls=TLS(ca=authority[0]) if authority else None, read_timeout=30)
    assert move(proxy, 4 * MIB) == 4 * MIB  # the modules, the first connection
    before = memory("VmRSS")
    assert move(proxy, size) == size
    print(memory("VmHWM") - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
