"""What Compress and Headers cost, beside the codecs alone and two peers: ``python benchmarks/responses.py``.

Minima of many short rounds taken in turn, so that a slow moment of the machine hits all alike. Codecs that are not
installed are left out, and so are the peers (``pip install paste flask-compress``).
"""

from __future__ import annotations

import random
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any

from wsgikit.core.flight import Flight
from wsgikit.responses.compression.codecs import find
from wsgikit.responses.compression.compress import Compress
from wsgikit.responses.heads.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS = 40


def html(size: int) -> bytes:
    """A page of some articles in words of an invented language, a few of them frequent: it compresses as prose does."""
    draw = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(draw.choices(letters, range(22, 0, -1), k=draw.randint(2, 10))) for _ in range(1500)]
    weights = [1 / (rank + 3) for rank in range(1500)]
    page = "<!doctype html><html><head><title>Articles</title></head><body>"
    while len(page) < size:
        text = draw.choices(words, weights, k=draw.randint(8, 40))
        title, day, comments = " ".join(text[:5]), draw.randint(1, 28), draw.randint(1, 300)
        page += f'<article class="post" id="{text[0]}"><h2><a href="/posts/{"-".join(text[:3])}">{title}</a></h2>\n'
        page += f'<p class="meta">{day} May, {comments} comments</p><p>{" ".join(text)}.</p></article>\n'
    return page[:size].encode()


PAGE = html(50 * 1024)
CHUNKS = [PAGE[start : start + 4096] for start in range(0, len(PAGE), 4096)]
HEAD = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("X-Frame-Options", "DENY"),
]
IMAGE = [("Content-Type", "image/png"), *HEAD[1:]]


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", HEAD)
    return [PAGE]


def stream(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", HEAD[:1])
    return iter(CHUNKS)


def image(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", IMAGE)
    return [PAGE]


def start_response(
    status: str, headers: list[tuple[str, str]], exc_info: Any = None
) -> Callable[[bytes], None]:
    return print


def request(app: Any, **more: str) -> Callable[[], int]:
    """A call that makes one request as a server does, and gives the body's length."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "x",
    }
    environ |= {"SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", **more}

    def once() -> int:
        body = app(environ.copy(), start_response)
        sent = sum(map(len, body))
        close = getattr(body, "close", None)
        if close is not None:
            close()
        return sent

    return once


def minima(cases: dict[str, Callable[[], int]], calls: int) -> dict[str, float]:
    """Microseconds for each case, the best of `ROUNDS` rounds."""
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for name, once in cases.items():
            once()  # the one before has left its data in the processor's caches
            begin = perf_counter()
            for _ in range(calls):
                once()
            best[name] = min(best[name], (perf_counter() - begin) / calls * 1e6)
    return best


def one_closure(app: Any) -> Any:
    """The least that a layer which changes heads can do."""

    def layer(environ: dict[str, Any], start: Callable[..., object]) -> Any:
        def changed(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> object:
            return start(status, [*headers, ("Vary", "Accept-Encoding")])

        return app(environ, changed)

    return layer


def one_flight(app: Any) -> Any:
    """The least that a layer which changes bodies can do: a flight, and nothing decided."""
    return lambda environ, start: Flight(environ, start, lambda flight: None).through(app)


def declining() -> None:
    accepts = {"HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd"}
    cases = {
        "the bare app": request(page),
        "one closure on start_response": request(one_closure(page)),
        "one flight, nothing decided": request(one_flight(page)),
        "Compress, skip= holds": request(Compress(page, skip=lambda environ: True), **accepts),
        "Compress, no Accept-Encoding, image": request(Compress(image)),
        "Compress, no Accept-Encoding, Vary added": request(Compress(page)),
        "Compress, Accept-Encoding, image": request(Compress(image), **accepts),
        "Headers, when= does not hold": request(Headers(page, set={"A": "1"}, when=lambda environ: False)),
        "Headers, append": request(Headers(page, append={"X-Content-Type-Options": "nosniff"})),
        "Headers, set": request(Headers(page, set={"X-Content-Type-Options": "nosniff"})),
        "Headers, default": request(Headers(page, default={"X-Content-Type-Options": "nosniff"})),
    }
    best = minima(cases, 500)
    print(f"{'declining, and heads':44}{'us':>8}{'us added':>10}")
    for name, spent in best.items():
        print(f"{name:44}{spent:8.2f}{spent - best['the bare app']:10.2f}")


def alone(coding: str, level: int | None = None) -> Callable[[], int]:
    """The codec without a layer, all in one piece."""
    codec = find(coding, level)
    assert codec is not None

    def once() -> int:
        encoder = codec.encoder(len(PAGE))
        return len(encoder.compress(PAGE)) + len(encoder.finish())

    return once


def alone_flushed(coding: str) -> Callable[[], int]:
    """The codec without a layer, 4 KB at a time, each decodable."""
    codec = find(coding)
    assert codec is not None

    def once() -> int:
        encoder = codec.encoder(None)
        return sum(len(encoder.compress(chunk) + encoder.flush()) for chunk in CHUNKS) + len(encoder.finish())

    return once


def compressing() -> None:
    pairs: dict[str, tuple[str, str]] = {}
    cases: dict[str, Callable[[], int]] = {}
    for coding in ("zstd", "br", "gzip"):
        codec = find(coding)
        if codec is None:
            continue
        accepts = {"HTTP_ACCEPT_ENCODING": coding}
        name = f"{coding} {codec.level} ({codec.library})"
        pairs[f"Compress, {name}, a list"] = (f"{name} alone", f"Compress, {name}, a list")
        pairs[f"Compress, {name}, a stream"] = (f"{name} alone, flushed", f"Compress, {name}, a stream")
        cases[f"{name} alone"] = alone(coding)
        cases[f"Compress, {name}, a list"] = request(Compress(page), **accepts)
        cases[f"{name} alone, flushed"] = alone_flushed(coding)
        cases[f"Compress, {name}, a stream"] = request(Compress(stream), **accepts)
    gzip_6 = "gzip 6 (zlib) alone"
    for name, peer, inner in peers():
        cases[name] = request(peer, HTTP_ACCEPT_ENCODING="gzip")
        pairs[name] = (gzip_6, name)
        if inner is not None:
            cases[f"{name}: the app without it"] = request(inner)
    cases[gzip_6] = zlib_6
    sizes = {name: once() for name, once in cases.items()}
    best = minima(cases, 3)
    print(f"\n{'50 KB of HTML':44}{'us':>8}{'bytes':>8}{'beyond the codec':>18}")
    for name, spent in best.items():
        bare = best.get(f"{name}: the app without it", 0.0)
        beyond = f"{(spent - bare) / best[pairs[name][0]] - 1:18.1%}" if name in pairs else ""
        print(f"{name:44}{spent:8.0f}{sizes[name]:8}{beyond}")


def zlib_6() -> int:
    """What both peers have inside."""
    zlib = import_module("zlib")
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
    return len(compressor.compress(PAGE)) + len(compressor.flush())


def peers() -> Iterable[tuple[str, Any, Any]]:
    """Name, app and the app without it, of those installed."""
    try:
        gzipper: Any = import_module("paste.gzipper")
        yield "paste.gzipper, a list", gzipper.middleware(page_of_own_headers), None
    except ImportError:
        pass
    try:
        flask: Any = import_module("flask")
        compress: Any = import_module("flask_compress")
    except ImportError:
        return
    apps = []
    for _ in range(2):
        app = flask.Flask("bench")
        app.add_url_rule("/", view_func=lambda: flask.Response(PAGE, content_type="text/html; charset=utf-8"))
        apps.append(app)
    apps[0].config["COMPRESS_ALGORITHM"] = "gzip"
    compress.Compress(apps[0])
    yield "Flask-Compress, a view", apps[0], apps[1]


def page_of_own_headers(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", list(HEAD))  # paste.gzipper edits the app's list
    return [PAGE]


if __name__ == "__main__":
    declining()
    compressing()
