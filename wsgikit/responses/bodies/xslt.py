"""XSLT: XML on its way out becomes what a stylesheet makes of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsgikit.core.environ import quoted_path
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import get, replaced, without
from wsgikit.core.process import PerProcess
from wsgikit.core.reply import reply
from wsgikit.responses.bodies.changing import changed
from wsgikit.responses.bodies.charset import charset_of
from wsgikit.responses.bodies.gathering import WholeBodyLayer
from wsgikit.responses.bodies.stylesheet import Stylesheet, TransformError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from wsgikit.core.flight import Filter, Flight
    from wsgikit.responses.bodies.gathering import Gathering

    Params = Mapping[str, str | float | bool]

_log = logging.getLogger("wsgikit.responses")

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")


class XSLT(WholeBodyLayer):
    """Transforms XML answers with an XSLT 1.0 stylesheet (lxml: the extra ``xml``).

    - ``stylesheet``: its path, or its text, which starts with ``<``. It is read and compiled here, once more in
      each process, and shared by its threads; what it includes or imports is read then, too.
    - ``types``: media types of the answers to transform, by default ``application/xml`` and ``text/xml``.
    - ``params``: the stylesheet's parameters by name: a mapping, or a function that gives one for the environ of a
      request. Text stays text, whatever quotes it has in it; numbers and booleans are XPath's.
    - ``max_size``: bytes (or ``"4MiB"``, the default) up to which a document is held in memory; larger ones are sent
      as they are.

    The Content-Type is that of ``xsl:output``: its media-type or method, and its encoding. A stylesheet that is
    wrong raises ``ValueError`` with the line. A document that cannot be transformed is answered 500, and the
    logger ``wsgikit.responses`` has the reason.

    Stylesheets run without access to files or network (``document()`` and ``exsl:document`` fail). Documents are read
    without network, external DTDs or entities, and one that declares entities is refused. Answers with
    ``no-transform``, a Content-Encoding or a Content-Range are left alone.
    """

    def __init__(
        self,
        app: WSGIApplication,
        stylesheet: str | os.PathLike[str],
        *,
        types: str | Iterable[str] = ("application/xml", "text/xml"),
        params: Params | Callable[[WSGIEnvironment], Params] | None = None,
        max_size: int | str = "4MiB",
    ) -> None:
        super().__init__(app, types, max_size)
        _check_params(params)
        self.stylesheet = stylesheet
        self.params = params
        self._sheet = PerProcess(partial(Stylesheet, *_source(stylesheet)))
        try:
            self._sheet.get()
        except ValueError as error:
            raise wrong_value("XSLT", "stylesheet", _shown(stylesheet), str(error)) from None

    def filter(self, flight: Flight) -> Filter | None:
        """The answer to HEAD: with the type that GET's has, if that is sure."""
        content_type = self._sheet.get().content_type
        if content_type is None:
            flight.headers = without(flight.headers, "content-type")
        else:
            flight.headers = replaced(flight.headers, "Content-Type", content_type)
        return super().filter(flight)

    def act(self, gathering: Gathering, content: bytes) -> Iterable[bytes]:
        """Answer with the result, or 500."""
        environ = gathering.environ
        # What HTTP says goes before what XML says, but for the mark (RFC 7303 section 3).
        marked = content.startswith(_BYTE_ORDER_MARKS)
        encoding = None if marked else charset_of(get(gathering.headers, "content-type") or "")
        params = (self.params(environ) if callable(self.params) else self.params) or {}
        try:
            result, content_type = self._sheet.get().transform(content, encoding, params)
        except TransformError as error:
            _log.error("XSLT: no result for %s: %s", quoted_path(environ), ascii(str(error))[1:-1])
            return reply(environ, gathering.start, 500, "The document could not be transformed.")
        headers = replaced(changed(gathering.headers), "Content-Type", content_type)
        gathering.start(gathering.status, [*headers, ("Content-Length", str(len(result)))])
        return [result]


def _check_params(params: object) -> None:
    if params is None or callable(params):
        return
    if not isinstance(params, Mapping):
        raise wrong_type("XSLT", "params", params, "a mapping, or a function of environ that gives one")
    for name, value in params.items():
        if not isinstance(name, str) or not isinstance(value, str | int | float):
            raise wrong_type("XSLT", "params", {name: value}, "names, and values that are text or numbers")


def _source(stylesheet: Any) -> tuple[bytes | str, str | None]:
    """The text of a stylesheet, and where it lies."""
    if isinstance(stylesheet, str) and (text := stylesheet.lstrip()).startswith("<"):
        # Nothing may stand before a declaration; elsewhere the lines are worth keeping, for errors.
        return text if text.startswith("<?xml") else stylesheet, None
    if not isinstance(stylesheet, str | os.PathLike):
        raise wrong_type("XSLT", "stylesheet", stylesheet, "a path, or the text of a stylesheet")
    path = Path(stylesheet).absolute()
    try:
        return path.read_bytes(), str(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte
        why = getattr(error, "strerror", None) or error
        wanted = f"a file that can be read ({why}), or text that starts with '<'"
        raise wrong_value("XSLT", "stylesheet", str(stylesheet), wanted) from None


def _shown(stylesheet: Any) -> str:
    text = str(stylesheet)
    return text if len(text) <= 60 else f"{text[:57]}..."
