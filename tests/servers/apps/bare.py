"""What the apps without a framework share: the pages, from environ to status, headers and chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, quote
from wsgiref.types import WSGIEnvironment

from tests.servers.apps import pages


class Answer(NamedTuple):
    chunks: Iterable[bytes]
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain; charset=utf-8"

    def head(self) -> list[tuple[str, str]]:
        return [("Content-Type", self.kind), *self.headers]


def answer(name: str, environ: WSGIEnvironment) -> Answer:
    """The page that is asked for, of the app called ``name``."""
    mount, path = quote(environ["SCRIPT_NAME"], encoding="latin-1"), environ["PATH_INFO"]
    match path:
        case "/" | "":
            page = pages.index(name, f"{mount}/client").encode()
            return Answer([page], kind="text/html; charset=utf-8")
        case "/client":
            seen = f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']} {environ['HTTP_HOST']}"
            return Answer([seen.encode("latin-1")])
        case "/redirect":
            return Answer([], "302 Found", (("Location", f"{mount}/client"),))
        case "/echo":
            return Answer([received(environ)], kind="application/octet-stream")
        case "/stream":
            port = parse_qs(environ["QUERY_STRING"])["port"][0]
            return Answer(lines(port), headers=tuple(pages.UNBUFFERED.items()))
        case "/cookie":
            came = dict(
                part.strip().split("=", 1) for part in environ.get("HTTP_COOKIE", "").split(";") if part
            )
            return Answer(
                [came.get(pages.COOKIE, "-").encode()],
                headers=(("Set-Cookie", f"{pages.COOKIE}={name}; Path=/"),),
            )
        case "/file":
            size = str(pages.FILE.stat().st_size)
            return Answer(blocks(), headers=(("Content-Length", size),))
        case "/error":
            raise pages.Failure
    if path.startswith("/unicode/"):
        return Answer([path.removeprefix("/unicode/").encode("latin-1")])
    return Answer([b"There is no such page.\n"], "404 Not Found")


def received(environ: WSGIEnvironment) -> bytes:
    """The request body, to its length or, where the server ends it, to its end.

    All of it before the answer: cheroot drops what is left of it when the head goes out.
    """
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    left = int(length) if length else 1 << 62 if environ.get("wsgi.input_terminated") else 0
    pieces = []
    while left > 0 and (piece := stream.read(min(left, 4096))):
        left -= len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def lines(port: str) -> Iterator[bytes]:
    yield pages.FIRST
    yield pages.last_line(port)


def blocks() -> Iterator[bytes]:
    with pages.FILE.open("rb") as file:
        while block := file.read(1024):
            yield block
