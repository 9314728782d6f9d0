"""A Bottle app: an answer that arrives line by line."""

import time

from bottle import Bottle, request, response

app = Bottle()


@app.get("/")
def index():
    return (
        "<!doctype html><title>Bottle</title><h1>Bottle</h1>"
        f"<a href='{request.script_name}ticks'>a slow answer</a>\n"
    )


@app.get("/ticks")
def ticks():
    """Five lines, each with the moment it was made."""
    response.content_type = "text/plain; charset=utf-8"
    for _ in range(5):
        yield f"{time.monotonic():.6f}\n"
        time.sleep(0.2)
