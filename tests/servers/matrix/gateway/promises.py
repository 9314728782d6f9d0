"""What PEP 3333 promises an app, used to the full by one that trusts it: a page for each promise, and no wsgikit.

The gateway mounts it, so that the stack outside has to keep every promise; it is also served bare, to show which of
them a server cannot keep whoever asks (see limits.py). MATRIX_FOLDER is where the tests leave and look for signs.
"""

import hashlib
import json
import os
import time
from pathlib import Path

FOLDER = Path(os.environ.get("MATRIX_FOLDER", "."))
FILE = FOLDER / "file.txt"
PATIENCE = 30.0
PIECES = 600  # of 64 KiB: more than any server and kernel hold of an answer that nobody reads
TEXT = ("Content-Type", "text/plain; charset=utf-8")


def application(environ, start_response):
    name = environ.get("PATH_INFO", "/").split("/")[1]
    page = PAGES.get(name)
    if page is None:
        return text(start_response, f"no page {name}\n", "404 Not Found")
    return page(environ, start_response)


def text(start_response, words, status="200 OK"):
    body = words.encode()
    start_response(status, [TEXT, ("Content-Length", str(len(body)))])
    return [body]


def token(environ):
    """The request's own word, which names its signs: a query of ``?word``."""
    return environ.get("QUERY_STRING", "")


def sign(name, words=""):
    """Leave a sign, complete as soon as it is there."""
    unfinished = FOLDER / f".{name}.{os.getpid()}"
    unfinished.write_text(words)
    unfinished.rename(FOLDER / name)


def wait_for(name):
    """Go on when the client has said so."""
    deadline = time.monotonic() + PATIENCE
    while not (FOLDER / name).exists() and time.monotonic() < deadline:
        time.sleep(0.005)


# The request


def seen(environ, start_response):
    """Every str in environ, as JSON."""
    values = {key: value for key, value in environ.items() if isinstance(value, str)}
    flags = {key: bool(environ[key]) for key in ("wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")}
    body = json.dumps({**values, **flags}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def upload(environ, start_response):
    """Length and digest of the request's body, read in pieces to where ``read`` gives ``b""``."""
    digest, size = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(8192):
        digest.update(piece)
        size += len(piece)
    if word := token(environ):
        sign(f"read-{word}", str(size))
    return text(start_response, f"{size} {digest.hexdigest()}")


def whole(environ, start_response):
    """The same, read at once and without a size."""
    body = environ["wsgi.input"].read()
    return text(start_response, f"{len(body)} {hashlib.sha256(body).hexdigest()}")


def careful(environ, start_response):
    """The same, by an app that expects the worst."""
    try:
        return upload(environ, start_response)
    except Exception as error:
        return text(start_response, type(error).__name__, "400 Bad Request")


def chunked_read(environ, start_response):
    """A chunked body, the way that the server has for it: uWSGI's own function, or `wsgi.input`."""
    try:
        import uwsgi
    except ImportError:
        return upload(environ, start_response)
    try:
        body = b"".join(iter(uwsgi.chunked_read, b""))
    except Exception as error:
        return text(start_response, type(error).__name__)
    return text(start_response, f"{len(body)} {hashlib.sha256(body).hexdigest()}")


def lines(environ, start_response):
    """The request's body by lines: a first one with a size, another, and the rest by iteration."""
    stream = environ["wsgi.input"]
    parts = [stream.readline(3), stream.readline(), *stream, stream.readline()]
    return text(start_response, json.dumps([part.decode("latin-1") for part in parts]))


def unread(environ, start_response):
    """An answer that leaves the request's body where it is."""
    return text(start_response, "not read")


# The head of the answer


def late(environ, start_response):
    """A generator: its head is made when it is first asked for a chunk."""
    start_response("201 Created", [TEXT, ("X-Late", "yes")])
    yield b"one "
    yield b"two"


def later(environ, start_response):
    """The same, after an empty chunk: PEP 3333 lets a server send no head before the first byte."""
    yield b""
    start_response("201 Created", [TEXT, ("X-Late", "yes")])
    yield b"one two"


def changed(environ, start_response):
    """A head withdrawn before the first byte."""
    start_response("200 OK", [TEXT, ("X-First", "yes")])
    try:
        raise LookupError("changed its mind")
    except LookupError as error:
        start_response(
            "503 Service Unavailable", [TEXT, ("X-Second", "yes")], (type(error), error, error.__traceback__)
        )
    return [b"sorry"]


def refused(environ, start_response):
    """A head withdrawn too late: ``start_response`` has to raise the error again."""
    start_response("200 OK", [TEXT, ("Content-Length", "100"), ("X-Accel-Buffering", "no")])
    yield b"begun"
    wait_for(f"go-{token(environ)}")
    try:
        raise LookupError("changed its mind too late")
    except LookupError as error:
        try:
            start_response("503 Service Unavailable", [TEXT], (type(error), error, error.__traceback__))
        except LookupError:
            sign(f"refused-{token(environ)}", "raised again")
            raise
    sign(f"refused-{token(environ)}", "taken")


def bent(environ, start_response):
    """Strings of a subclass, as frameworks make them (WebOb's and Werkzeug's status lines, lazy translations)."""
    status, name, value = Text("200 OK"), Text("X-Text"), Text("kept")
    start_response(status, [TEXT, (name, value), ("Content-Length", "4")])
    return [b"bent"]


class Text(str):
    """Equal to a str, and not of its very type."""


def hop(environ, start_response):
    """Headers that belong to the server (RFC 9110 section 7.6.1)."""
    mine = [("Connection", "X-Mine"), ("Keep-Alive", "timeout=99"), ("Transfer-Encoding", "chunked")]
    start_response("200 OK", [TEXT, *mine, ("X-Mine", "1"), ("Content-Length", "4")])
    return [b"hops"]


def injected(environ, start_response):
    """A header's value that came from a stranger, and would be another header."""
    start_response("200 OK", [TEXT, ("X-Bad", "a\r\nX-Injected: yes"), ("Content-Length", "4")])
    return [b"body"]


def cookies(environ, start_response):
    """Two headers of one name that cannot be joined."""
    pair = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Expires=Wed, 09 Jun 2100 10:18:14 GMT")]
    start_response("200 OK", [TEXT, *pair, ("Content-Length", "4")])
    return [b"both"]


# The body of the answer


def page(environ, start_response):
    """Five bytes and their length, given for HEAD as well."""
    return text(start_response, "hello")


def unsized(environ, start_response):
    """Two chunks whose length nobody says."""
    start_response("200 OK", [TEXT])
    return iter([b"hel", b"lo"])


def no_content(environ, start_response):
    """A body where none belongs."""
    start_response("204 No Content", [TEXT])
    return [b"not to be sent"]


def not_modified(environ, start_response):
    """Another."""
    start_response("304 Not Modified", [("ETag", '"1"')])
    return [b"not to be sent"]


def empty(environ, start_response):
    """No chunk at all."""
    start_response("200 OK", [TEXT])
    return []


def nothing(environ, start_response):
    """A generator that gives none."""
    start_response("200 OK", [TEXT])
    return iter(())


def stream(environ, start_response):
    """A first chunk, and a last one when the client has had the first. nginx streams where this header asks for it."""
    start_response("200 OK", [TEXT, ("X-Accel-Buffering", "no")])
    return gated(token(environ))


def gated(word):
    yield b"first"
    wait_for(f"go-{word}")
    yield b"last"


def written(environ, start_response):
    """The old way, then the new one."""
    write = start_response("200 OK", [TEXT, ("X-Written", "yes")])
    write(b"one ")
    write(b"two ")
    return [b"three"]


def file(environ, start_response):
    """A file from its tenth byte, by the server's wrapper where there is one."""
    opened = FILE.open("rb")
    opened.seek(10)
    start_response("200 OK", [TEXT])
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper(opened, 4096) if wrapper else iter(lambda: opened.read(4096), b"")


def closed(environ, start_response):
    """A body that tells how often it was closed."""
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return Closing(token(environ), [b"hello", b"hello"])


def endless(environ, start_response):
    """More than a client takes that leaves early; says how much of it was asked for when it is closed."""
    start_response("200 OK", [TEXT, ("X-Accel-Buffering", "no")])
    sign(f"pid-{token(environ)}", str(os.getpid()))
    return Closing(token(environ), (b"x" * 65536 for _ in range(PIECES)))


class Closing:
    """Chunks, counted as they are asked for; each ``close`` leaves a sign with the count."""

    def __init__(self, word, chunks):
        self._word, self._chunks = word, iter(chunks)
        self._given = self._closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        chunk = next(self._chunks)
        self._given += 1
        return chunk

    def close(self):
        self._closed += 1
        sign(f"closed-{self._word}-{self._closed}", str(self._given))


# What goes wrong


def raises(environ, start_response):
    """Before anything."""
    raise LookupError("a secret of the app's")


def raises_called(environ, start_response):
    """After the head, before the first byte."""
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    raise LookupError("a secret of the app's")


def raises_first(environ, start_response):
    """At the first chunk."""
    start_response("200 OK", [TEXT])
    raise LookupError("a secret of the app's")
    yield b"never"


def raises_unsized(environ, start_response):
    """After the first chunk of a body without a length."""
    start_response("200 OK", [TEXT, ("X-Accel-Buffering", "no")])
    return breaking(token(environ))


def raises_sized(environ, start_response):
    """After the first chunk of a body with one."""
    start_response("200 OK", [TEXT, ("X-Accel-Buffering", "no"), ("Content-Length", "100")])
    return breaking(token(environ))


def breaking(word):
    yield b"begun"
    wait_for(f"go-{word}")
    raise LookupError("a secret of the app's")


def long(environ, start_response):
    """More than it says."""
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return iter([b"hel", b"lo, and", b" more"])


def short(environ, start_response):
    """Less than it says."""
    start_response("200 OK", [TEXT, ("Content-Length", "50")])
    return iter([b"hel", b"lo"])


PAGES = {
    "": page,
    "seen": seen,
    "upload": upload,
    "whole": whole,
    "careful": careful,
    "chunked-read": chunked_read,
    "lines": lines,
    "unread": unread,
    "late": late,
    "later": later,
    "changed": changed,
    "refused": refused,
    "bent": bent,
    "hop": hop,
    "injected": injected,
    "cookies": cookies,
    "page": page,
    "unsized": unsized,
    "204": no_content,
    "304": not_modified,
    "empty": empty,
    "nothing": nothing,
    "stream": stream,
    "written": written,
    "file": file,
    "closed": closed,
    "endless": endless,
    "raises": raises,
    "raises-called": raises_called,
    "raises-first": raises_first,
    "raises-unsized": raises_unsized,
    "raises-sized": raises_sized,
    "long": long,
    "short": short,
}
