"""Falcon."""

from __future__ import annotations

from collections.abc import Iterator

import falcon

from tests.servers.apps import pages


class Page:
    """A resource that answers HEAD as it answers GET, which Falcon leaves to its resources."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        raise NotImplementedError

    def on_head(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        self.on_get(req, resp, **values)


class Index(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.text = pages.index("falcon", f"{req.root_path}/client")  # Falcon has no url_for; this is its way


class Client(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{req.remote_addr} {req.scheme} {req.netloc}"


class Elsewhere(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        raise falcon.HTTPFound(f"{req.prefix}/client")


class Echo:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "application/octet-stream"
        body = req.stream if req.env.get("wsgi.input_terminated") else req.bounded_stream
        resp.data = body.read()


class Stream(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        port = req.get_param("port", required=True)

        def lines() -> Iterator[bytes]:
            yield pages.FIRST
            yield pages.last_line(port)

        resp.content_type = falcon.MEDIA_TEXT
        resp.set_headers(pages.UNBUFFERED)
        resp.stream = lines()


class Cookie(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = req.cookies.get(pages.COOKIE, "-")
        resp.set_cookie(pages.COOKIE, "falcon", path="/", secure=False)


class File(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.set_stream(pages.FILE.open("rb"), pages.FILE.stat().st_size)


class Unicode(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = values["name"]


class Error(Page):
    def on_get(self, req: falcon.Request, resp: falcon.Response, **values: str) -> None:
        raise pages.Failure


application = falcon.App()
for path, resource in {
    "/": Index(),
    "/client": Client(),
    "/redirect": Elsewhere(),
    "/echo": Echo(),
    "/stream": Stream(),
    "/cookie": Cookie(),
    "/file": File(),
    "/unicode/{name}": Unicode(),
    "/error": Error(),
}.items():
    application.add_route(path, resource)
