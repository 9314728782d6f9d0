"""Headers: sets, appends and removes headers of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.headers import valid_name, valid_value
from wsgikit.core.middleware import Middleware
from wsgikit.http.hop import HOP_BY_HOP

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgikit.core.headers import Headers as Pairs

    Values = Mapping[str, str | Iterable[str]]

_NO_VALUES: Values = MappingProxyType({})

# The connection and the framing are the server's and the app's, and CGI takes a header named Status for the status.
_NOT_OURS = HOP_BY_HOP | {"content-length", "status"}


class Headers(Middleware):
    """Changes the headers of each answer, in this order:

    - ``remove``: a name, or several, taken away whatever their value.
    - ``set``: names and values, in place of what the app gave under the name.
    - ``default``: names and values, where the name is absent by then.
    - ``append``: names and values, beside what is there.
    - ``when``: a condition on the request; without it every answer is changed.

    A value is text, or a list of texts for as many headers of the name. Names are compared without regard to case.
    Raises ``ValueError`` for a name that is no token or is not an app's to send (hop-by-hop, Content-Length,
    Status), and for a value that would break out of its header. The body is not touched.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        set: Values = _NO_VALUES,  # noqa: A002 - the field's own word
        append: Values = _NO_VALUES,
        remove: str | Iterable[str] = (),
        default: Values = _NO_VALUES,
        when: Callable[[WSGIEnvironment], bool] | None = None,
    ) -> None:
        super().__init__(app)
        if when is not None and not callable(when):
            raise wrong_type("Headers", "when", when, "a condition, such as Path(prefix='/static')")
        self.set, self.append, self.default = set, append, default
        self.remove = _names(remove)
        self.when = when

        self._set = _pairs("set", set)
        self._dropped = frozenset(name.lower() for name in (*self.remove, *dict(self._set)))
        self._default = [(len(pair[0]), pair[0].lower(), pair) for pair in _pairs("default", default)]
        self._append = _pairs("append", append)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.when is not None and not self.when(environ):
            return self.app(environ, start_response)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is None:
                return start_response(status, self._changed(headers))
            return start_response(status, self._changed(headers), exc_info)

        return self.app(environ, start)

    def _changed(self, headers: Pairs) -> Pairs:
        """What the app's headers become: a new list, as servers add to the one they are given."""
        dropped = self._dropped
        changed = [pair for pair in headers if pair[0].lower() not in dropped] if dropped else list(headers)
        changed += self._set
        if self._default:
            changed += self._absent(changed)
        changed += self._append
        return changed

    def _absent(self, present: Pairs) -> Pairs:
        """The defaults whose names are not among those present. Lengths are compared first: most names differ there."""
        absent = []
        for length, lowered, pair in self._default:
            for name, _ in present:
                if len(name) == length and name.lower() == lowered:
                    break
            else:
                absent.append(pair)
        return absent


def _names(names: object) -> tuple[str, ...]:
    """The names to remove, checked."""
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Iterable):
        raise wrong_type("Headers", "remove", names, "a header name, or several")
    return tuple(_name("remove", name) for name in names)


def _pairs(option: str, values: object) -> Pairs:
    """The pairs that an option gives, checked, of exact str."""
    if not isinstance(values, Mapping):
        wanted = "a mapping of header names to values, each text or a list of texts"
        raise wrong_type("Headers", option, values, wanted)
    pairs: Pairs = []
    seen = []
    for name, given in values.items():
        pairs += [(_name(option, name), text) for text in _texts(option, name, given)]
        if name.lower() in _NOT_OURS:
            raise wrong_value("Headers", option, name, "a header that is the app's to choose")
        if name.lower() in seen:
            raise wrong_value("Headers", option, name, "each name once; several values go in a list")
        seen.append(name.lower())
    return pairs


def _name(option: str, name: object) -> str:
    if not isinstance(name, str):
        raise wrong_type("Headers", option, name, "a header name")
    if not valid_name(name):
        raise wrong_value(
            "Headers", option, name, "a header name: letters, digits and hyphens, no space or colon"
        )
    return str.__str__(name)


def _texts(option: str, name: str, given: object) -> list[str]:
    wanted = "a value that is text, or a list of texts"
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Iterable):
        raise wrong_type("Headers", option, {name: given}, wanted)
    texts = []
    for text in given:
        if not isinstance(text, str):
            raise wrong_type("Headers", option, {name: text}, wanted)
        if not valid_value(text):
            wanted = "a value of one line, without control characters, in latin-1"
            raise wrong_value("Headers", option, {name: text}, wanted)
        texts.append(str.__str__(text))
    return texts
