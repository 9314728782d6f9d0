"""XSLT 1.0 by libxslt (the extra ``xml``): a stylesheet compiled once, for any number of threads.

Documents come from apps and so, in part, from strangers: nothing in them makes the parser open a file or a
connection, and one that declares entities is refused. Stylesheets are the operator's own code; yet what they are fed
may decide which file a ``document()`` reads, so files and network are closed to them while they run. What they
include is read when they are compiled.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from wsgikit.core.headers import valid_value
from wsgikit.responses.bodies.charset import codec_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_XSL = "{http://www.w3.org/1999/XSL/Transform}"

# XSLT 1.0 section 16
_MEDIA_TYPES = {"html": "text/html", "text": "text/plain", "xml": "text/xml"}

# XPath 1.0 has no numerals for these: to it they are names of elements.
_NO_NUMERALS = {"nan": "0 div 0", "inf": "1 div 0", "-inf": "-1 div 0"}


class TransformError(Exception):
    """A document that cannot be transformed, with the reason."""


class Stylesheet:
    """A compiled stylesheet.

    - ``source``: the bytes of a file, or text.
    - ``base_url``: what its includes are relative to.

    Raises ``ValueError`` for one that is wrong, naming the line.
    """

    def __init__(self, source: bytes | str, base_url: str | None) -> None:
        etree = _etree()
        try:
            # Text has no encoding any more, whatever its declaration says.
            encoding, content = ("utf-8", source.encode()) if isinstance(source, str) else (None, source)
            parser = etree.XMLParser(encoding=encoding, no_network=True, resolve_entities="internal")
            root = etree.fromstring(content, parser, base_url=base_url)
            self._apply = etree.XSLT(root, access_control=etree.XSLTAccessControl.DENY_ALL)
            # libxslt goes on from there, and would give an empty result for every document.
            if any("unknown xsl:" in entry.message for entry in self._apply.error_log):
                raise ValueError(_listed(self._apply.error_log))
            self._output = {
                name: value for output in _outputs(root, base_url) for name, value in output.items()
            }
        except etree.LxmlError as error:
            raise ValueError(_told(error)) from None
        if not valid_value("".join(self._output.values())):
            raise ValueError("xsl:output has a value that cannot stand in a header")

    def transform(
        self, document: bytes, encoding: str | None, params: Mapping[str, Any]
    ) -> tuple[bytes, str]:
        """The result for a document, and its Content-Type; ``encoding`` goes before what the document says of itself.

        Raises `TransformError`.
        """
        etree = _etree()
        try:
            root = _read(document, encoding)
            dtd = root.getroottree().docinfo.internalDTD
            if dtd is not None and next(dtd.iterentities(), None) is not None:
                raise TransformError("the document declares entities")
            result = self._apply(root, **{name: _expression(value) for name, value in params.items()})
            return bytes(result), self._content_type(result)
        except etree.LxmlError as error:
            raise TransformError(_told(error)) from error
        except (LookupError, ValueError) as error:  # an encoding; a parameter with a control character
            raise TransformError(str(error)) from error

    @property
    def content_type(self) -> str | None:
        """The Content-Type of every result, None if it depends on the result."""
        kind = self._output.get("media-type") or _MEDIA_TYPES.get(self._output.get("method", ""))
        return f"{kind}; charset={self._output.get('encoding') or 'utf-8'}" if kind else None

    def _content_type(self, result: Any) -> str:
        if self.content_type:
            return self.content_type
        root = result.getroot()
        html = root is not None and isinstance(root.tag, str) and root.tag.lower() == "html"
        return f"{_MEDIA_TYPES['html' if html else 'xml']}; charset={self._output.get('encoding') or 'utf-8'}"


def _read(document: bytes, encoding: str | None) -> Any:
    """The root of a document."""
    codec = None if encoding is None else codec_named(encoding)
    if codec is not None:  # libxml2 has not all of the web's labels, and means other things by some
        encoding = "utf-8"
        if codec != encoding:
            document = document.decode(codec).encode()
    etree = _etree()
    parser = etree.XMLParser(
        encoding=encoding, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    return etree.fromstring(document, parser)


def _outputs(root: Any, base_url: str | None) -> Iterator[dict[str, str]]:
    """The attributes of each xsl:output, what is imported before what imports it: the later goes before the earlier."""
    for child in root:
        if child.tag == f"{_XSL}output":
            yield dict(child.attrib)
        elif child.tag in (f"{_XSL}import", f"{_XSL}include"):
            where = urljoin(base_url or "", child.get("href", ""))
            yield from _outputs(_etree().parse(where, _etree().XMLParser(no_network=True)).getroot(), where)


def _expression(value: Any) -> Any:
    """A parameter as XPath: text is quoted, whatever quotes it has in it."""
    if isinstance(value, bool):
        return f"{str(value).lower()}()"
    if isinstance(value, int | float):
        return _NO_NUMERALS.get(str(value)) or str(value)
    if isinstance(value, str):
        return _etree().XSLT.strparam(value)
    raise TypeError(f"XSLT: params gave {value!r} ({type(value).__name__}); a value is text or a number")


def _told(error: Any) -> str:
    """What libxml2 or libxslt has to say, with lines."""
    # A syntax error comes with everything that was ever logged.
    return str(error.msg) if isinstance(error, SyntaxError) else _listed(error.error_log) or str(error)


def _listed(log: Any) -> str:
    return "; ".join(f"line {entry.line}: {entry.message}" if entry.line else entry.message for entry in log)


@cache
def _etree() -> Any:
    try:
        from lxml import etree
    except ImportError as error:
        raise ImportError("XSLT: lxml is not installed; wsgikit[xml] brings it") from error
    return etree
