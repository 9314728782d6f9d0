"""Compress: answers in the coding that the client reads best (RFC 9110 sections 8.4 and 12.5.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from wsgikit.core.body import wrapped_file
from wsgikit.core.errors import wrong_choice, wrong_type, wrong_value
from wsgikit.core.flight import Flight
from wsgikit.core.headers import add_vary
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import size
from wsgikit.http.accept import best_encoding
from wsgikit.http.media import MediaTypes
from wsgikit.responses.bodies.changing import MAY_FORBID, changed, forbids, with_listed_tag
from wsgikit.responses.compression.codecs import HIGHEST, PACKAGES, Codec, find
from wsgikit.responses.compression.encoded import Packed, Streamed, announced

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.flight import Filter
    from wsgikit.core.headers import Headers

ENCODINGS = ("zstd", "br", "gzip")

TEXTUAL = (
    "text/*",
    "application/*+json",
    "application/*+xml",
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/jsonl",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "image/svg+xml",
    # Not text, yet they shrink by half.
    "application/vnd.ms-fontobject",
    "application/wasm",
    "font/otf",
    "font/ttf",
)

_VARY = ("Vary", "Accept-Encoding")

_EMPTY = ("204", "205")
_PARTLY = ("206", "304")  # not the representation itself: their length says nothing about it


class Compress(Middleware):
    """Compresses the answer with zstd, br or gzip, whichever of them the client prefers.

    - ``encodings``: the codings on offer, best first, which decides where the client has no preference. gzip is always
      there; zstd and br come with the extra ``compress``. Those not installed are left out of the default without a
      word, but asking for one by name raises ``ValueError``.
    - ``level``: an effort from 1 (fast) to 9 (small) for all codings, each at most as high as is fit for compressing
      while a client waits (`HIGHEST`); or a mapping such as ``{"gzip": 6}``. None takes each coding's measured best.
    - ``min_size``: bytes (or ``"1KiB"``) below which a body of known length is left alone, 500 by default: about what
      fits beside the head in one packet, so that less of it arrives no sooner.
    - ``types``: media types that are worth it, `TEXTUAL` by default; ``"text/*"`` and ``"application/*+json"`` are
      understood. Images, video, archives and woff2 are compressed already.
    - ``skip``: a condition; a request for which it holds is passed by. For answers that hold a secret beside text that
      the client chose (BREACH: the length of the compressed page tells one about the other).

    A list is compressed in one piece, with a Content-Length; anything else chunk by chunk, each decodable on arrival.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        encodings: Iterable[str] = ENCODINGS,
        level: int | Mapping[str, int] | None = None,
        min_size: int | str = 500,
        types: str | Iterable[str] = TEXTUAL,
        skip: Callable[[WSGIEnvironment], bool] | None = None,
    ) -> None:
        super().__init__(app)
        if skip is not None and not callable(skip):
            raise wrong_type("Compress", "skip", skip, "a condition, such as Path(prefix='/account')")
        worthwhile = MediaTypes(types, layer="Compress")
        self.encodings = _known(encodings)
        self.level = level
        self.min_size = size("Compress", "min_size", min_size)
        self.types = worthwhile.patterns
        self.skip = skip

        codecs = _codecs(self.encodings, _levels(level), by_name="encodings" in self._passed)
        self._offers = tuple(codec.coding for codec in codecs)
        self._decide = {codec.coding: partial(self._decided, codec) for codec in codecs}
        self._worthwhile = worthwhile.match
        self._smallest = max(1, self.min_size)  # an empty body only grows

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.skip is not None and self.skip(environ):
            return self.app(environ, start_response)
        accepted = environ.get("HTTP_ACCEPT_ENCODING")
        coding = best_encoding(accepted, self._offers) if accepted else None
        # A range is counted in bytes of one representation, and this one is encoded anew each time.
        if coding is None or "HTTP_RANGE" in environ:
            return self.app(environ, self._varying(start_response))
        return Flight(environ, start_response, self._decide[coding]).through(self.app)

    def _varying(self, start_response: StartResponse) -> StartResponse:
        """``start_response`` for an answer sent as it is, where another client would get it encoded."""

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            vary = self._negotiated(status, headers)
            if vary is not None:
                headers = _varied(headers) if vary else [*headers, _VARY]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return start

    def _negotiated(self, status: str, headers: Headers) -> bool | None:
        """None for an answer that nobody gets encoded, as far as its head tells; else whether it has a Vary by now."""
        code = status[:3]
        varies = False
        worthwhile = code == "304"  # which says of its 200 only what matters to a cache, so seldom the type
        for name, value in headers:
            field = name.lower()
            if field == "content-type":
                if not self._worthwhile(value):
                    return None
                worthwhile = True
            elif field == "content-length":
                if code not in _PARTLY and value.isdecimal() and int(value) < self._smallest:
                    return None
            elif field == "vary":
                varies = True
            elif (
                field in MAY_FORBID
                and forbids(field, value)
                and not (code == "206" and field == "content-range")
            ):
                return None  # a 206 has the Vary of its 200
        return varies if worthwhile and code not in _EMPTY else None

    def _decided(self, codec: Codec, flight: Flight) -> Filter | None:
        """What becomes of one answer whose client reads ``codec``."""
        vary = self._negotiated(flight.status, flight.headers)
        if vary is None:
            return None
        code = flight.status[:3]
        length = flight.length()  # of a list, too
        if code not in _PARTLY and length is not None and length < self._smallest:
            return None
        chosen = None
        if code == "304":
            flight.headers = with_listed_tag(flight.headers, flight.environ)
        elif code != "206" and flight.reachable:
            chosen = _filter(codec, flight, length)
            # The bytes differ from one install to the next: never a strong tag.
            flight.headers = [*changed(flight.headers), ("Content-Encoding", codec.coding)]
        flight.headers = _varied(flight.headers) if vary else [*flight.headers, _VARY]
        return chosen


def _filter(codec: Codec, flight: Flight, length: int | None) -> Filter:
    """The filter that suits how the body comes."""
    if flight.whole:
        return Packed(codec.encoder(length))
    encoder = codec.encoder(None)
    if wrapped_file(flight.body, flight.environ.get("wsgi.file_wrapper")) is not None:
        return Packed(encoder)
    return Streamed(encoder) if length is None else announced(encoder, length)


def _varied(headers: Headers) -> Headers:
    """A new list with Accept-Encoding merged into the Vary that is there."""
    headers = list(headers)
    add_vary(headers, _VARY[1])
    return headers


def _known(encodings: object) -> tuple[str, ...]:
    if isinstance(encodings, str):
        encodings = (encodings,)
    if not isinstance(encodings, Iterable):
        raise wrong_type("Compress", "encodings", encodings, f"one or more of {', '.join(ENCODINGS)}")
    listed = tuple(encodings)
    for coding in listed:
        if coding not in ENCODINGS:
            raise wrong_choice("Compress", "encodings", coding, ENCODINGS)
    if not listed:
        raise wrong_value("Compress", "encodings", listed, f"one or more of {', '.join(ENCODINGS)}")
    return listed


def _codecs(encodings: Iterable[str], levels: Mapping[str, int], *, by_name: bool) -> list[Codec]:
    """A codec for each of ``encodings`` that is installed, or an error for the first that was asked for ``by_name``."""
    codecs = []
    for coding in encodings:
        codec = find(coding, levels.get(coding))
        if codec is not None:
            codecs.append(codec)
        elif by_name:
            package = PACKAGES[coding]
            raise wrong_value(
                "Compress", "encodings", coding, f"{package} is not installed; wsgikit[compress] brings it"
            )
    return codecs


def _levels(level: object) -> dict[str, int]:
    """The level of each coding for which one was given."""
    wanted = "1 (fast) to 9 (small), or a mapping such as {'gzip': 6}"
    if level is None:
        return {}
    if isinstance(level, Mapping):
        return {coding: _level(coding, given) for coding, given in level.items()}
    if isinstance(level, bool) or not isinstance(level, int):
        raise wrong_type("Compress", "level", level, wanted)
    if not 1 <= level <= 9:
        raise wrong_value("Compress", "level", level, wanted)
    return {coding: min(level, highest) for coding, highest in HIGHEST.items()}


def _level(coding: str, level: object) -> int:
    if coding not in HIGHEST:
        raise wrong_choice("Compress", "level", coding, HIGHEST)
    highest = HIGHEST[coding]
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= highest:
        wanted = (
            f"{coding} takes 1 to {highest}, what lies above is not fit for compressing while a client waits"
        )
        raise wrong_value("Compress", "level", {coding: level}, wanted)
    return level
