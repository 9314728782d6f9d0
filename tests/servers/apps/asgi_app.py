"""An ASGI app, through a2wsgi. It starts a thread, so it has to be made after the fork: mount it with ``Lazy``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote

from a2wsgi import ASGIMiddleware

from tests.servers.apps import pages

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Answering:
    """One answer on its way out of an ASGI app."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def head(self, status: int, kind: str, **headers: str) -> None:
        pairs = {"content-type": kind, **{name.replace("_", "-"): text for name, text in headers.items()}}
        encoded = [(name.encode(), text.encode("latin-1")) for name, text in pairs.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def body(self, chunk: bytes, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def whole(self, body: bytes, status: int = 200, kind: str = "text/plain", **headers: str) -> None:
        await self.head(status, kind, **headers)
        await self.body(body)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    mount = quote(scope["root_path"])
    answering = Answering(send)
    match scope["path"].removeprefix(scope["root_path"]):
        case "/" | "":
            await answering.whole(pages.index("asgi", f"{mount}/client").encode(), kind="text/html")
        case "/client":
            await answering.whole(f"{address(scope)} {scope['scheme']} {headers['host']}".encode())
        case "/redirect":
            await answering.whole(b"", 302, location=f"{mount}/client")
        case "/echo":
            await answering.whole(await received(receive), kind="application/octet-stream")
        case "/stream":
            await stream(answering, parse_qs(scope["query_string"].decode())["port"][0])
        case "/cookie":
            came = SimpleCookie(headers.get("cookie", "")).get(pages.COOKIE)
            await answering.whole(
                came.value.encode() if came else b"-", set_cookie=f"{pages.COOKIE}=asgi; Path=/"
            )
        case "/file":
            await answering.whole(pages.FILE.read_bytes())
        case "/error":
            raise pages.Failure
        case other if other.startswith("/unicode/"):
            await answering.whole(other.removeprefix("/unicode/").encode(), kind="text/plain; charset=utf-8")
        case _:
            await answering.whole(b"There is no such page.\n", 404)


def address(scope: Message) -> str:
    """The client's: a2wsgi gives ``client`` only where the server tells the client's port too, but always environ."""
    return str(scope["client"][0] if "client" in scope else scope["wsgi_environ"]["REMOTE_ADDR"])


async def received(receive: Receive) -> bytes:
    """The request body, whole."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def stream(answering: Answering, port: str) -> None:
    await answering.head(200, "text/plain", **pages.UNBUFFERED)
    await answering.body(pages.FIRST, more=True)
    await answering.body(await asyncio.to_thread(pages.last_line, port))


application = ASGIMiddleware(app)  # type: ignore[arg-type]  # its messages are typed one by one
