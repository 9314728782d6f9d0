"""What is served under mod_python: an app for each thing that a handler can get wrong, by path."""

import json
import os
import sys
import threading
from pathlib import Path

from wsgikit.testing import awkward_apps, expectations, lint

FOLDER = Path(os.environ["SITE_FOLDER"])
TEXT = ("Content-Type", "text/plain")
CLOSED: list[str] = []  # by the names of the bodies
KEPT: dict[str, object] = {}  # what an app has kept from a request that is over
GATE = threading.Event()

APPS = {}


def at(path):
    def register(app):
        APPS[path] = app
        return app

    return register


class Body:
    """A body that writes down its close()."""

    def __init__(self, name, chunks):
        self.name, self.chunks = name, chunks

    def __iter__(self):
        return iter(self.chunks)

    def close(self):
        CLOSED.append(self.name)


def application(environ, start_response):
    environ["wsgikit.testing.closed"] = CLOSED
    path = environ["PATH_INFO"]
    name = path[1:].partition("/")[0]
    if name in awkward_apps:
        return AWKWARD[name](environ, start_response)
    return APPS.get(name, echo)(environ, start_response)


# What the client is to see of an app that breaks rules on purpose is in its expectation.
AWKWARD = {name: lint(app, allow=expectations[name].breaks) for name, app in awkward_apps.items()}


def answer(start_response, value):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value).encode()]


@at("environ")
def echo(environ, start_response):
    """What the app was given, as JSON; what has another type is shown as that."""
    return answer(
        start_response,
        {
            key: value if isinstance(value, str | bool | tuple) else type(value).__name__
            for key, value in environ.items()
        },
    )


@at("closed")
def closed(environ, start_response):
    """The bodies closed until now, and no longer remembered."""
    names, CLOSED[:] = list(CLOSED), []
    return answer(start_response, names)


@at("status")
def status(environ, start_response):
    start_response(environ["QUERY_STRING"].replace("+", " "), [TEXT])
    return [b"body"]


@at("late")
def late(environ, start_response):
    start_response("404 Not Found", [TEXT, ("X-Late", "yes")])
    yield b"late"


@at("replaced")
def replaced(environ, start_response):
    start_response("200 OK", [TEXT, ("X-First", "yes")])
    try:
        raise ValueError
    except ValueError:
        start_response("503 Service Unavailable", [TEXT], sys.exc_info())
    return [b"busy"]


@at("write")
def write(environ, start_response):
    send = start_response("200 OK", [TEXT])
    send(b"written, ")
    send(b"")
    return [b"then given"]


@at("inject")
def inject(environ, start_response):
    start_response("200 OK", [TEXT, ("X-Text", "a\r\nX-Injected: yes")])
    return [b""]


@at("text")
def text(environ, start_response):
    start_response("200 OK", [TEXT])
    return ["text"]


@at("nothing")
def nothing(environ, start_response):
    return [b"no head"]


@at("hop")
def hop(environ, start_response):
    start_response(
        "200 OK", [TEXT, ("Connection", "close"), ("Transfer-Encoding", "chunked"), ("Upgrade", "x")]
    )
    return [b"body"]


@at("broken")
def broken(environ, start_response):
    """Ends with an error after its first chunk; the query may announce a length."""
    length = environ["QUERY_STRING"]
    start_response("200 OK", [TEXT, ("Content-Length", length)] if length else [TEXT])
    return Body("broken", breaking())


def breaking():
    yield b"first"
    raise ValueError("after the first chunk")


@at("replaced-too-late")
def replaced_too_late(environ, start_response):
    start_response("200 OK", [TEXT])
    yield b"first"
    try:
        raise ValueError("after the first byte")
    except ValueError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    yield b"never"


@at("short")
def short(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return [b"short"]


@at("long")
def long(environ, start_response):
    start_response("200 OK", [TEXT, ("Content-Length", "4")])
    return Body("long", [b"as long", b" as this"])


@at("exit")
def leave(environ, start_response):
    sys.exit("the app has had enough")


@at("log")
def log(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("one line\nand anoth")
    errors.writelines(["er\n", "a NUL: \0, a lone surrogate: \udc80, a format: %s\n"])
    print("printed", file=errors, end="")
    errors.flush()
    return answer(start_response, "logged")


@at("read")
def read(environ, start_response):
    """The body, read in the way that the query names."""
    body = environ["wsgi.input"]
    ways = {
        "all": lambda: [body.read(), body.read(), body.read(5)],
        "none": lambda: [body.read(None), body.read(-1)],
        "size": lambda: [body.read(3), body.read(0), b"".join(iter(lambda: body.read(100), b""))],
        "lines": lambda: [body.readline(2), body.readline(), *body.readlines()],
        "iter": lambda: list(body),
    }
    try:
        found = ways[environ["QUERY_STRING"]]()
    except OSError as error:
        start_response("400 Bad Request", [TEXT, ("X-Error", type(error).__name__)])
        return [b"bad"]
    return answer(start_response, [part.decode("latin-1") for part in found])


@at("count")
def count(environ, start_response):
    total = 0
    while block := environ["wsgi.input"].read(65536):
        total += len(block)
    return answer(start_response, total)


@at("stop")
def stop(environ, start_response):
    """Reads until the client leaves, and remembers what came of it."""
    try:
        environ["wsgi.input"].read()
    except OSError as error:
        KEPT["stopped"] = type(error).__name__
    return answer(start_response, "too late")


@at("stopped")
def stopped(environ, start_response):
    return answer(start_response, KEPT.pop("stopped", ""))


@at("gated")
def gated(environ, start_response):
    """Its second chunk is there once another request has come."""
    GATE.clear()
    start_response("200 OK", [TEXT])
    return Body("gated", waiting())


def waiting():
    yield b"first"
    GATE.wait(30)
    yield b"second"


@at("open")
def open_gate(environ, start_response):
    GATE.set()
    return answer(start_response, "open")


@at("endless")
def endless(environ, start_response):
    start_response("200 OK", [TEXT])
    return Body("endless", iter(lambda: b"x" * 65536, None))


@at("file")
def file(environ, start_response):
    """The rest of a file from its 5th byte; the query may announce a length."""
    opened = (FOLDER / "file").open("rb")
    opened.seek(5)
    length = environ["QUERY_STRING"]
    start_response("200 OK", [TEXT, ("Content-Length", length)] if length else [TEXT])
    return environ["wsgi.file_wrapper"](opened, 1000)


@at("keep")
def keep(environ, start_response):
    KEPT.update(
        input=environ["wsgi.input"], errors=environ["wsgi.errors"], write=start_response("200 OK", [TEXT])
    )
    return [b"kept"]


@at("kept")
def kept(environ, start_response):
    """What a later request can do with what an earlier one has left."""
    KEPT["errors"].write("a line after the end\n")
    said = []
    for use in (lambda: KEPT["input"].read(1), lambda: KEPT["write"](b"x")):
        try:
            use()
        except ValueError as error:
            said.append(str(error))
    return answer(start_response, said)
