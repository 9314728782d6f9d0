"""HeaderLimit: request heads up to a size, the same under every server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgikit.core.headers import valid_name
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import size, whole
from wsgikit.operations.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_AROUND = 4  # ": " and the line end
_REMEMBERED = 100  # keys without text; a server and the layers around have about a dozen

# The keys of PEP 3333 whose value is no text; what else a server has is learned.
_TEXTLESS = (
    "wsgi.version",
    "wsgi.input",
    "wsgi.errors",
    "wsgi.multithread",
    "wsgi.multiprocess",
    "wsgi.run_once",
    "wsgi.file_wrapper",
)
_LONGEST_NAME = 64  # characters of a field's name that a refusal repeats


class HeaderLimit(Middleware):
    """Answers 431 to a request whose header is too large, and 414 where that is its request line.

    - ``total`` (``"12KiB"``): bytes of the whole head, request line and line ends included: what uWSGI takes with
      ``-b 12288``, and what fits a real browser with its cookies.
    - ``count`` (100): header fields, as in gunicorn and Apache. Fields of one name count once where the server has
      joined them.
    - ``field`` (``"8KiB"``): bytes of one field with its name, and of the request line, as in nginx and Apache.

    The head is measured as environ shows it. Where the server does not keep the target as it was sent, the decoded one
    counts. Sizes are bytes or text like ``"8KiB"``. Raises ``ValueError`` or ``TypeError`` for one that will not do.
    RFC 6585 section 5, RFC 9110 section 15.5.15.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        total: int | str = "12KiB",
        count: int = 100,
        field: int | str = "8KiB",
    ) -> None:
        super().__init__(app)
        self.total = size("HeaderLimit", "total", total)
        self.count = whole("HeaderLimit", "count", count)
        self.field = size("HeaderLimit", "field", field)
        self._smallest = min(self.total, self.field)
        self._textless = dict.fromkeys(_TEXTLESS, "")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # All of environ's text is more than the head alone. If even that is within each of the limits, as it nearly
        # always is, nothing has to be looked at one by one.
        texts = {**environ, **self._textless}
        try:
            most = len("".join([*texts, *texts.values()])) + _AROUND * len(texts)
        except TypeError:
            most = self._learn(environ)
        if most > self._smallest or len(environ) > self.count:
            problem = self._measure(environ)
            if problem is not None:
                return refuse("HeaderLimit", environ, start_response, *problem)
        return self.app(environ, start_response)

    def _learn(self, environ: WSGIEnvironment) -> int:
        """Remember which of the server's keys have a value that is no text; more than any limit, for this time."""
        found = [key for key, value in environ.items() if not isinstance(value, str) and not _is_field(key)]
        if len(self._textless) + len(found) <= _REMEMBERED:
            self._textless = {**self._textless, **dict.fromkeys(found, "")}
        return self._smallest + 1

    def _measure(self, environ: WSGIEnvironment) -> tuple[int, str] | None:
        """The status and the reason of a refusal, if one is due."""
        line = _request_line(environ)
        if line > self._smallest:
            return 414, f"The request line may have {self._smallest} bytes at most."
        total, count = line, 0
        for name, value in _fields(environ):
            length = len(name) + len(value) + _AROUND
            if length > self.field:
                return 431, f"{_shown(name)} is larger than {self.field} bytes."
            total += length
            count += 1
        if count > self.count:
            return 431, f"There are more than {self.count} header fields."
        if total > self.total:
            return 431, f"The request header is larger than {self.total} bytes."
        return None


def _request_line(environ: WSGIEnvironment) -> int:
    get = environ.get
    target = get("RAW_URI") or get("REQUEST_URI")
    if not target:
        query = get("QUERY_STRING")
        target = f"{get('SCRIPT_NAME', '')}{get('PATH_INFO', '')}{'?' if query else ''}{query or ''}"
    return len(f"{get('REQUEST_METHOD', '')} {target} {get('SERVER_PROTOCOL', '')}\r\n")


def _is_field(key: str) -> bool:
    return key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")


def _fields(environ: WSGIEnvironment) -> Iterable[tuple[str, str]]:
    """The header fields: names as environ spells them, and values."""
    for key, value in environ.items():
        if not key.startswith("HTTP_"):
            if value and _is_field(key):
                yield key, str(value)
        # Gateways of nginx, and twisted, have these two under both names.
        elif key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH") or key[5:] not in environ:
            yield key[5:], str(value)


def _shown(name: str) -> str:
    """The field's name, as far as it can be repeated to whoever sent it (RFC 6585 section 5)."""
    name = name.replace("_", "-").title()
    if len(name) > _LONGEST_NAME or not valid_name(name):
        return "A header field"
    return f"The header field {name}"
