"""The rules of PEP 3333 as one table: what `lint` checks, what it says, and what the documentation prints.

A rule's text is a sentence about the right behaviour, so that it reads well in all three places.
`side` says whose duty it is: the server's (or that of a layer outside the lint) or the application's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Side = Literal["app", "server"]
Blame = Literal["both", "app", "server"]

ENVIRON = "PEP 3333, environ Variables"
START_RESPONSE = "PEP 3333, The start_response() Callable"
DETAILS = "PEP 3333, Specification Details"
STREAMS = "PEP 3333, Input and Error Streams"
ERRORS = "PEP 3333, Error Handling"
WRITE = "PEP 3333, The write() Callable"
LENGTHS = "PEP 3333, Handling the Content-Length Header"
STRINGS = "PEP 3333, A Note On String Types"


@dataclass(frozen=True, slots=True)
class Rule:
    """One duty of one side, with its place in the specification."""

    code: str
    side: Side
    text: str
    source: str


_SERVER = (
    ("environ-dict", "environ is a builtin dict, not a subclass or another mapping.", DETAILS),
    ("environ-keys", "environ holds every key that PEP 3333 requires.", ENVIRON),
    ("environ-str", "CGI variables (keys without a dot) are exact str, keys and values.", STRINGS),
    ("environ-latin1", "CGI variables hold bytes as latin-1: no character is above U+00FF.", STRINGS),
    ("environ-version", "wsgi.version is the tuple (1, 0).", ENVIRON),
    ("environ-scheme", "wsgi.url_scheme is 'http' or 'https'.", ENVIRON),
    ("environ-method", "REQUEST_METHOD is a token, and not empty.", "RFC 9110, 9.1"),
    ("environ-server", "SERVER_NAME and SERVER_PROTOCOL are not empty.", ENVIRON),
    ("environ-port", "SERVER_PORT is digits, and not empty.", "RFC 3875, 4.1.15"),
    ("script-name", "SCRIPT_NAME is empty or starts with '/', and is never '/' itself.", ENVIRON),
    ("path-info", "PATH_INFO is empty or starts with '/' ('*' for OPTIONS alone).", ENVIRON),
    ("path-empty", "Where SCRIPT_NAME is empty, PATH_INFO is not: the root is '/'.", ENVIRON),
    (
        "http-content",
        "The body's type and length are CONTENT_TYPE and CONTENT_LENGTH, without HTTP_.",
        ENVIRON,
    ),
    ("request-length", "CONTENT_LENGTH is digits, empty or absent.", "RFC 9110, 8.6"),
    ("input-methods", "wsgi.input has read(), readline(), readlines() and __iter__().", STREAMS),
    ("input-bytes", "wsgi.input gives bytes, also at its end.", STREAMS),
    ("input-size", "wsgi.input gives at most the number of bytes asked for.", STREAMS),
    ("errors-methods", "wsgi.errors has write(), writelines() and flush().", STREAMS),
    ("file-wrapper", "wsgi.file_wrapper, where there is one, is callable.", "PEP 3333, File Handling"),
    ("start-response-callable", "start_response is callable.", DETAILS),
    ("write-callable", "start_response returns a write(body_data) callable.", START_RESPONSE),
    (
        "exc-info-reraised",
        "start_response raises the exc_info it is given when the head has already been sent.",
        START_RESPONSE,
    ),
    ("iterate-once", "The server iterates the body once.", DETAILS),
    ("iterate-closed", "The server asks for no chunk after it has called close().", DETAILS),
    ("close-once", "The server calls close() no more than once.", DETAILS),
    ("close-called", "The server calls close() on every body it was given, whatever happened.", DETAILS),
)

_APP = (
    ("start-response-args", "start_response is called with two or three positional arguments.", START_RESPONSE),
    ("start-response-first", "start_response is called before the body yields its first chunk.", DETAILS),
    ("start-response-once", "start_response is called again only with exc_info.", START_RESPONSE),
    ("exc-info", "exc_info is None or the tuple that sys.exc_info() gives inside an except block.", START_RESPONSE),
    ("status-str", "The status is an exact str; servers assert on subclasses.", STRINGS),
    ("status-form", "The status is three digits from 100 to 599, a space and a reason.", START_RESPONSE),
    ("status-controls", "The status holds no control character and nothing above U+00FF.", START_RESPONSE),
    ("headers-list", "The headers are a builtin list: the server may change it.", START_RESPONSE),
    ("header-pair", "A header is a builtin tuple of name and value.", START_RESPONSE),
    ("header-str", "Header names and values are exact str; servers assert on subclasses.", STRINGS),
    ("header-name", "A header's name is an RFC 9110 token: no space, colon or control.", "RFC 9110, 5.1"),
    ("header-value", "A header's value holds no control character: CR and LF would start a new field.", START_RESPONSE),
    ("header-latin1", "A header's value is latin-1: no character is above U+00FF.", STRINGS),
    ("header-hop", "Hop-by-hop headers belong to the server.", "PEP 3333, Other HTTP Features"),
    ("header-status", "There is no header called Status: CGI would read it as the status.", START_RESPONSE),
    ("length-digits", "Content-Length is digits.", "RFC 9110, 8.6"),
    ("length-once", "Content-Length is given once.", "RFC 9110, 8.6"),
    ("length-none", "A 1xx or 204 response has no Content-Length.", "RFC 9110, 8.6"),
    ("length-match", "A body that ends normally is as long as its Content-Length.", LENGTHS),
    ("body-none", "There is no body for HEAD, nor with 1xx, 204 or 304.", "RFC 9110, 6.4.1"),
    ("body-iterable", "The body is an iterable of bytes, not bytes or str itself.", DETAILS),
    ("body-len", "len(body), where it works, is the number of chunks.", DETAILS),
    ("chunk-bytes", "A chunk is an exact bytes object; servers assert on subclasses.", STRINGS),
    ("write-late", "write() is not called once the body is being iterated.", WRITE),
    ("stop-iteration", "StopIteration does not leave the application: it would end somebody else's loop.", ERRORS),
    ("input-close", "The application does not close wsgi.input.", STREAMS),
    ("errors-str", "What is written to wsgi.errors is str.", STREAMS),
    ("errors-close", "The application does not close wsgi.errors.", STREAMS),
)  # fmt: skip


def _rules(side: Side, table: tuple[tuple[str, str, str], ...]) -> dict[str, Rule]:
    return {code: Rule(code, side, text, source) for code, text, source in table}


RULES: dict[str, Rule] = _rules("server", _SERVER) | _rules("app", _APP)


class LintError(AssertionError):
    """A rule was broken: `rule` is its code, the message its text, its source and what was seen."""

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(rule, seen)
        self.rule = rule
        self.seen = seen

    def __str__(self) -> str:
        return explain(self.rule, self.seen)


class LintWarning(UserWarning):
    """A rule was broken by the side that is not to blame: carries the same as `LintError`."""

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(rule, seen)
        self.rule = rule
        self.seen = seen

    def __str__(self) -> str:
        return explain(self.rule, self.seen)


def explain(code: str, seen: str) -> str:
    rule = RULES[code]
    return f"{rule.text} Seen: {seen} [{rule.code}, the {rule.side}'s duty; {rule.source}]"


class Referee:
    """Raises for the side to blame, warns for the other, and is silent about what is allowed."""

    __slots__ = ("allow", "blame")

    def __init__(self, blame: Blame, allow: Iterable[str]) -> None:
        self.blame = blame
        self.allow = frozenset(allow)

    def broken(self, code: str, seen: str) -> None:
        if code in self.allow:
            return
        if self.blame in ("both", RULES[code].side):
            raise LintError(code, seen)
        warnings.warn(LintWarning(code, seen), stacklevel=3)


def as_markdown() -> str:
    """The table of rules for the documentation."""
    lines = ["| rule | whose | what is right | source |", "| --- | --- | --- | --- |"]
    lines += [f"| `{rule.code}` | {rule.side} | {rule.text} | {rule.source} |" for rule in RULES.values()]
    return "\n".join(lines) + "\n"
