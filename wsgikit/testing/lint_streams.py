"""wsgi.input and wsgi.errors, watched from both sides: what the server gives, what the application does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import WSGIEnvironment

    from wsgikit.testing.rules import Referee

INPUT_METHODS = ("read", "readline", "readlines", "__iter__")
ERRORS_METHODS = ("write", "writelines", "flush")


def watch_streams(environ: WSGIEnvironment, referee: Referee) -> None:
    """Puts a watched stream in the place of each that the server gave."""
    if "wsgi.input" in environ:
        stream = environ["wsgi.input"]
        _check_methods(stream, INPUT_METHODS, "input-methods", referee)
        environ["wsgi.input"] = LintedInput(stream, referee)
    if "wsgi.errors" in environ:
        stream = environ["wsgi.errors"]
        _check_methods(stream, ERRORS_METHODS, "errors-methods", referee)
        environ["wsgi.errors"] = LintedErrors(stream, referee)


def _check_methods(stream: object, methods: tuple[str, ...], rule: str, referee: Referee) -> None:
    if missing := [name for name in methods if not hasattr(stream, name)]:
        referee.broken(rule, f"{type(stream).__name__} without {', '.join(missing)}")


class LintedStream:
    """A stream in front of another; what is not watched is the other's own (fileno, seek, uWSGI's extras)."""

    def __init__(self, stream: Any, referee: Referee) -> None:
        self._stream = stream
        self._referee = referee

    def __getattr__(self, name: str) -> Any:
        if name == "_stream":  # asked for before __init__, by copy and pickle
            raise AttributeError(name)
        return getattr(self._stream, name)


class LintedInput(LintedStream):
    def read(self, *args: Any) -> Any:
        return self._given(self._stream.read(*args), "read", args)

    def readline(self, *args: Any) -> Any:
        return self._given(self._stream.readline(*args), "readline", args)

    def readlines(self, *args: Any) -> Any:
        # The hint of readlines() is no limit: the line that passes it is given whole.
        return [self._given(line, "readlines", ()) for line in self._stream.readlines(*args)]

    def __iter__(self) -> Iterator[Any]:
        for line in self._stream:
            yield self._given(line, "iteration", ())

    def close(self) -> None:
        self._referee.broken("input-close", "close()")
        self._stream.close()

    def _given(self, data: Any, method: str, args: tuple[Any, ...]) -> Any:
        if not isinstance(data, bytes):
            self._referee.broken("input-bytes", f"{method}{args} gave {data!r:.60}")
        elif args and isinstance(args[0], int) and 0 <= args[0] < len(data):
            self._referee.broken("input-size", f"{method}{args} gave {len(data)} bytes")
        return data


class LintedErrors(LintedStream):
    def write(self, text: Any) -> Any:
        return self._stream.write(self._taken(text))

    def writelines(self, lines: Iterable[Any]) -> None:
        self._stream.writelines([self._taken(line) for line in lines])

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self._referee.broken("errors-close", "close()")
        self._stream.close()

    def _taken(self, text: Any) -> Any:
        if not isinstance(text, str):
            self._referee.broken("errors-str", f"{text!r:.60}")
        return text
