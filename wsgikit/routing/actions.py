"""What a rule does with a request that it is meant for.

Actions are applied in the order written. One that gives an app answers with it and ends the request phase. Those with
``statuses=`` wait for the answer, whoever gives it, and act when its status is one of them: codes (404) or classes
(``"5xx"``), None for all. Text is a template: ``{name}`` is a capture or a route value, encoded for where it stands
(``wsgikit.routing.templates``), ``{{`` a brace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgikit.core.component import Component
from wsgikit.core.condition import as_written
from wsgikit.core.environ import quoted_path
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import replaced, valid_name, without
from wsgikit.core.units import flag
from wsgikit.http.hop import HOP_BY_HOP, claim
from wsgikit.routing.location import refuse_climbing
from wsgikit.routing.passage import status_codes
from wsgikit.routing.templates import (
    Template,
    UnfitCapture,
    in_header,
    in_query,
    in_variable,
    parse,
    quoted_query,
    refuse_controls,
)
from wsgikit.routing.text import latin
from wsgikit.routing.variables import checked_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers
    from wsgikit.routing.passage import Passage

    Values = Mapping[str, str]
    Statuses = Iterable[int | str] | None

# Whoever changes these changes where the message ends (RFC 9112 section 6).
_FRAMING = frozenset({"content-length", "transfer-encoding"})


class Action(Component):
    """One thing done by a rule. An action of one's own is a subclass with ``apply``."""

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        """Do it to ``passage``, with ``values`` for the templates; gives the app that answers, or None to go on."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does: it lacks apply")

    def __repr__(self) -> str:
        return as_written(self)


class Rewrite(Action):
    """Changes what the app is asked for: its path, its query, or both. At least one has to be given.

    - ``path``: the new PATH_INFO, so SCRIPT_NAME stays. Written decoded, as PATH_INFO is: ``%`` is itself. A request
      whose captures make it hold dot segments or a NUL is answered 400.
    - ``query``: the new query, percent-encoded as in a URL; ``""`` for none, None to keep the request's own.

    REQUEST_URI and RAW_URI follow where the server gives them, for apps and proxies that read those.
    """

    def __init__(self, path: str | None = None, *, query: str | None = None) -> None:
        if path is None and query is None:
            raise TypeError("Rewrite: path or query has to be given")
        self.path = path
        self.query = query
        self._path = None if path is None else _path_template(path)
        self._query = None if query is None else _query_template(query)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        environ = passage.edit()
        if self._path is not None:
            path = self._path.render(values)
            refuse_climbing(path)
            if "\0" in path:
                raise UnfitCapture("the path has a NUL")
            environ["PATH_INFO"] = latin(path if path.startswith("/") else "/" + path)
        if self._query is not None:
            environ["QUERY_STRING"] = self._query.render(values)
        _retarget(environ)
        return None


class SetHeader(Action):
    """Sets a header of the request, in place of the client's own.

    ``name``: any but Content-Length and Transfer-Encoding. ``value``: a template.
    """

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value
        self._key = _request_key("SetHeader", name)
        self._value = header_template("SetHeader", "value", value)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        environ = passage.edit()
        environ[self._key] = self._value.render(values)
        claim(environ, self._key)
        return None


class RemoveHeader(Action):
    """Removes a header from the request, so that the app does not see what the client sent.

    ``name``: any but Content-Length and Transfer-Encoding.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = _request_key("RemoveHeader", name)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        if self._key in passage.environ:
            del passage.edit()[self._key]
        return None


class SetEnviron(Action):
    """Sets a key of environ for the app.

    ``value``: text is a template, anything else is passed as it is. A key with a dot (``"shop.tenant"``) gets text; any
    other is a CGI variable (``"REMOTE_USER"``) and gets text as WSGI has it: the latin-1 view of its UTF-8, the
    controls of captures percent-encoded.
    """

    def __init__(self, key: str, value: Any) -> None:
        if not isinstance(key, str) or not key:
            raise wrong_type("SetEnviron", "key", key, 'a key of environ, such as "shop.tenant"')
        self.key = key
        self.value = value
        self._value = None
        if isinstance(value, str):
            encode, plain = (str, str) if "." in key else (in_variable, latin)
            self._value = Template(parse(value, layer="SetEnviron", option="value"), encode, plain=plain)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        environ = passage.edit()
        environ[self.key] = self.value if self._value is None else self._value.render(values)
        if self.key.startswith("HTTP_"):
            claim(environ, self.key)
        return None


class ResponseHeader(Action):
    """Sets a header of the answer, whoever gives it: the app, or a rule after this one.

    - ``name``: any but Content-Length and the headers of one connection (Connection, Transfer-Encoding ...).
    - ``value``: a template; None removes the header.
    - ``append``: True adds a line beside those of the answer, False (the default) replaces them.
    - ``statuses``: the answers that get it, such as ``(404, "5xx")``; None (the default) for all.
    """

    def __init__(
        self, name: str, value: str | None, *, append: bool = False, statuses: Statuses = None
    ) -> None:
        self.name = response_name("ResponseHeader", name)
        self.value = value
        self.append = flag("ResponseHeader", "append", append)
        self.statuses = statuses
        self._statuses = status_codes("ResponseHeader", statuses)
        self._value = None if value is None else header_template("ResponseHeader", "value", value)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        value = None if self._value is None else self._value.render(values)

        def edit(headers: Headers) -> None:
            if value is None:
                headers[:] = without(headers, self.name.lower())
            elif self.append:
                headers.append((self.name, value))
            else:
                headers[:] = replaced(headers, self.name, value)

        passage.later.append((self._statuses, edit))
        return None


class Tag(Action):
    """Writes a note about the request, which AccessLog can print: ``environ["wsgikit.notes"][name] = value``.

    ``value``: text is a template, anything else is kept as it is. ``statuses``: the answers that get it, None for all.
    """

    def __init__(self, name: str, value: Any, *, statuses: Statuses = None) -> None:
        if not isinstance(name, str) or not name:
            raise wrong_type(type(self).__name__, "name", name, 'a name, such as "tenant"')
        self.name = name
        self.value = value
        self.statuses = statuses
        self._statuses = status_codes("Tag", statuses)
        self._value = (
            Template(parse(value, layer="Tag", option="value"), str) if isinstance(value, str) else None
        )

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        note(
            passage,
            self._statuses,
            self.name,
            self.value if self._value is None else self._value.render(values),
        )
        return None


class SkipLog(Action):
    """Keeps the request out of the access log: ``environ["wsgikit.notes"]["skip_log"] = True``.

    ``statuses``: only answers with these, such as ``("2xx", 304)``; None (the default) for all.
    """

    def __init__(self, *, statuses: Statuses = None) -> None:
        self.statuses = statuses
        self._statuses = status_codes("SkipLog", statuses)

    def apply(self, passage: Passage, values: Values) -> WSGIApplication | None:
        note(passage, self._statuses, "skip_log", True)
        return None


def note(passage: Passage, statuses: frozenset[str] | None, name: str, value: Any) -> None:
    """Write a note now, or once the status is known if it depends on that."""
    notes = passage.notes()
    if statuses is None:
        notes[name] = value
    else:
        passage.later.append((statuses, lambda headers: notes.update({name: value})))


def header_template(layer: str, option: str, value: str) -> Template:
    """A template for the value of a header; raises ``ValueError`` for controls in it."""
    parts = parse(value, layer=layer, option=option)
    refuse_controls(value, layer=layer, option=option)
    return Template(parts, in_header, plain=latin)


def response_name(layer: str, name: str) -> str:
    """The name of a header that an app may send; raises ``ValueError`` for others."""
    if not isinstance(name, str) or not valid_name(name):
        raise wrong_value(layer, "name", name, 'a header name, such as "Cache-Control"')
    if name.lower() in HOP_BY_HOP | _FRAMING:
        raise wrong_value(layer, "name", name, "a header that is not the server's own business")
    return name


def _request_key(layer: str, name: str) -> str:
    key = checked_key(name, layer=layer)
    if name.lower() in _FRAMING:
        raise wrong_value(layer, "name", name, "a header that does not say where the body ends")
    return key


def _path_template(path: str) -> Template:
    parts = parse(path, layer="Rewrite", option="path")
    first = parts[0] if parts else ""
    if isinstance(first, str) and not first.startswith("/"):
        raise wrong_value("Rewrite", "path", path, "a path that begins with '/'")
    if "?" in path:
        raise wrong_value("Rewrite", "path", path, "a path; what comes after '?' belongs into query=")
    return Template(parts, str)


def _query_template(query: str) -> Template:
    parts = parse(query, layer="Rewrite", option="query")
    refuse_controls(query, layer="Rewrite", option="query")
    if query.startswith("?"):
        raise wrong_value("Rewrite", "query", query, "a query without the '?' before it")
    return Template(parts, in_query, plain=quoted_query)


def _retarget(environ: WSGIEnvironment) -> None:
    """Let the raw targets say what PATH_INFO and QUERY_STRING say now."""
    raw = [key for key in ("REQUEST_URI", "RAW_URI") if key in environ]
    if raw:
        query = environ.get("QUERY_STRING")
        target = quoted_path(environ) + (f"?{query}" if query else "")
        environ.update(dict.fromkeys(raw, target))
