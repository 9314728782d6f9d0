"""The pages of the gateway's own: small apps that give its layers something to work on."""

import json
import os
import time
from pathlib import Path

from wsgikit import Route, Router

FOLDER = Path(os.environ["MATRIX_FOLDER"])
HTML = ("Content-Type", "text/html; charset=utf-8")
BOOKS = "".join(f"<li>Book {number}" for number in range(200))


def answer(start_response, body, *headers, status="200 OK"):
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def routed(name):
    """An app that tells its name, the values of its route, and where it finds itself."""

    def app(environ, start_response):
        _, values = environ.get("wsgiorg.routing_args", ((), {}))
        told = {
            "app": name,
            "values": {key: str(value) for key, value in values.items()},
            "script_name": environ["SCRIPT_NAME"],
            "path_info": environ["PATH_INFO"],
            "query": environ["QUERY_STRING"],
        }
        return answer(start_response, json.dumps(told).encode(), ("Content-Type", "application/json"))

    return app


def document(environ, start_response):
    """A page for layers that change text."""
    body = f"<!doctype html><html><head><title>Books</title></head><body>OLD<ol>{BOOKS}</ol></body></html>"
    modified = ("Last-Modified", "Wed, 25 Nov 2020 10:00:00 GMT")
    return answer(start_response, body.encode(), HTML, modified)


def shout(request, response):
    """For Transform: the title in capitals."""
    response.text = response.text.replace("<title>Books</title>", "<title>BOOKS</title>")


def file(environ, start_response):
    """The file that the tests know, by the server's wrapper where there is one."""
    path = FOLDER / "file.txt"
    opened = path.open("rb")
    size = str(path.stat().st_size)
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("Content-Length", size), ("ETag", '"the-file"')]
    )
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(opened) if wrapper else iter(lambda: opened.read(8192), b"")


def fresh(environ, start_response):
    """An answer that may be kept for a minute, and is another each time that it is made."""
    body = str(time.monotonic_ns()).encode()
    return answer(start_response, body, ("Content-Type", "text/plain"), ("Cache-Control", "max-age=60"))


def sorry(environ, start_response):
    """The gateway's page for errors."""
    words = f"<p>Sorry: {environ['wsgikit.error_status']}".encode()
    return answer(start_response, words, HTML)


def shadow(environ, start_response):
    """What is asked a second time by Mirror, and whose answer nobody sees."""
    return answer(start_response, b"unseen", HTML)


router = Router(
    [
        Route("/", routed("home")),
        Route("/books/<int:number>", routed("book"), methods=["GET", "PUT"], name="book"),
        Route("/titles/<slug>", routed("slug")),
        Route("/files/<path:rest>", routed("files")),
        Route("/folder/", routed("folder")),
        Route("/tenant", routed("tenant"), host="<name>.tenant.example"),
    ]
)
