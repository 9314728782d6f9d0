"""What real uwsgi, SCGI and FastCGI servers serve in the tests: a plain WSGI app. Run as a program: flup with it."""

import hashlib
import json
import os
import signal
import sys
from importlib import import_module
from urllib.parse import parse_qs

TEXT = [("Content-Type", "text/plain")]


def application(environ, start_response):
    """Each path is an answer of its own kind; the name of what it waits for, if anything, is in the query."""
    answer = ANSWERS[environ["PATH_INFO"].strip("/").partition("/")[0]]
    return answer(environ, start_response)


def variables(environ, start_response):
    """All strings of environ, as JSON."""
    body = json.dumps({name: value for name, value in environ.items() if isinstance(value, str)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def digest(environ, start_response):
    """The length and the digest of the request body, read as PEP 3333 has it."""
    left, found = int(environ.get("CONTENT_LENGTH") or 0), hashlib.sha256()
    while left and (block := environ["wsgi.input"].read(min(left, 65536))):
        left -= len(block)
        found.update(block)
    start_response("200 OK", TEXT)
    return [f"{environ['CONTENT_LENGTH']} {found.hexdigest()}".encode()]


def stream(environ, start_response):
    """The second piece is what somebody writes to the pipe that the query names, after the first has arrived."""
    start_response("200 OK", TEXT)
    yield b"first"
    with open(parse_qs(environ["QUERY_STRING"])["pipe"][0], "rb", buffering=0) as pipe:
        yield pipe.read(100)


def large(environ, start_response):
    """4 MiB that hold every byte and every two bytes."""
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", "4194304")])
    piece = bytes(range(256)) * 256
    return (piece for _ in range(64))


def nothing(environ, start_response):
    start_response("204 No Content", [("X-Kind", "nothing")])
    return []


def teapot(environ, start_response):
    """A status with its own reason, two cookies, no body for HEAD."""
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    start_response("418 Short and stout", [*TEXT, ("Content-Length", "6"), *cookies])
    return [b"teapot"] if environ["REQUEST_METHOD"] != "HEAD" else []


def moved(environ, start_response):
    start_response("302 Found", [("Location", "/elsewhere"), ("Content-Length", "0")])
    return [b""]


def broken(environ, start_response):
    """Less than it said."""
    start_response("500 Internal Server Error", [*TEXT, ("Content-Length", "10")])
    yield b"half"
    raise RuntimeError("in the middle")


def killed(environ, start_response):
    """Its process ends in the middle of an answer without a length."""
    start_response("200 OK", TEXT)
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)


def complaint(environ, start_response):
    """Something for the log."""
    environ["wsgi.errors"].write("it \x1b[31mhurts\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [*TEXT, ("Content-Length", "2")])
    return [b"ok"]


ANSWERS = {
    answer.__name__: answer
    for answer in (variables, digest, stream, large, nothing, teapot, moved, broken, killed, complaint)
}


if __name__ == "__main__":  # app.py fcgi|scgi HOST:PORT|PATH
    kind, where = sys.argv[1:]
    host, colon, port = where.rpartition(":")
    module = import_module(f"flup.server.{kind}")
    options = {"scriptName": ""} if kind == "scgi" else {}
    module.WSGIServer(application, bindAddress=(host, int(port)) if colon else where, **options).run()
