"""The fourth application, without a framework, in a process of its own: `python backend.py [port]`."""

import hashlib
import os
import socket
import sys

BLOCK = b"0123456789abcdef" * 4096


def app(environ, start_response):
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/upload" and method == "POST":
        size, digest = receive(environ)
        return text(start_response, f"{size} {digest}\n")
    if path == "/download":
        size = 20 * 1024 * 1024
        start_response(
            "200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
        )
        return (BLOCK for _ in range(size // len(BLOCK)))
    if path == "/":
        names = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PREFIX", "HTTP_X_REQUEST_ID")
        seen = "".join(f"{name}: {environ.get(name, '-')}\n" for name in names)
        return text(start_response, f"The backend, process {os.getpid()}, was asked with\n{seen}")
    return text(start_response, "There is no such page in the backend.\n", "404 Not Found")


def receive(environ):
    """The request body's length and digest, read piece by piece."""
    left, digest = int(environ.get("CONTENT_LENGTH") or 0), hashlib.sha256()
    size = 0
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, 65536))):
        digest.update(piece)
        size += len(piece)
        left -= len(piece)
    return size, digest.hexdigest()


def text(start_response, body, status="200 OK"):
    body = body.encode()
    start_response(
        status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    )
    return [body]


def main(argument="8081"):
    from waitress import serve

    number = int(argument)
    if number < 1024:  # a listening socket handed down by the parent
        where = {"sockets": [socket.socket(fileno=number)], "_quiet": True}
    else:
        where = {"listen": f"127.0.0.1:{number}"}
    # The gateway in front has verified X-Forwarded-For; waitress would remove it.
    serve(app, clear_untrusted_proxy_headers=False, **where)


if __name__ == "__main__":
    main(*sys.argv[1:])
