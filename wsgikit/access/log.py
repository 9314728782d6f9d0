"""The access log: one line for each request, written when its answer is over."""

from __future__ import annotations

import logging
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgikit.access.escape import quoted, text_of
from wsgikit.access.exchange import Exchange, MeasuredExchange
from wsgikit.access.formats import compiled
from wsgikit.access.sinks import Sink, opened
from wsgikit.access.uwsgi import measures
from wsgikit.core.condition import Condition
from wsgikit.core.errors import wrong_type, wrong_value
from wsgikit.core.middleware import Middleware
from wsgikit.core.units import flag, seconds
from wsgikit.http.redact import DEFAULT, Redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    Which = str | Iterable[str] | Condition | Callable[[WSGIEnvironment, int], bool] | None
    Test = Callable[[WSGIEnvironment, int], bool]

_QUIET = 60.0  # seconds between two complaints about a log that cannot be written

_log = logging.getLogger("wsgikit.access")


class AccessLog(Middleware):
    """Writes a line for each request when its body is closed, or the app has raised (then the status is 500).

    The line has the real status, the bytes handed to the server, the time to the first byte and to the end, and the
    client that a TrustedProxies inside has verified. What comes from strangers is escaped, secrets are hidden, and a
    log that cannot be written never harms an answer: the logger ``wsgikit.access`` says so once a minute.

    - ``format``: ``"common"``, ``"combined"``, ``"json"``, ``"logfmt"``, ``"uwsgi"``, an Apache template
      (``"%a %>s %D"``) or a uWSGI one (``"%(addr) %(status)"``).
    - ``to``: ``"stderr"``, ``"stdout"``, a path (opened again when it was rotated away), ``"syslog:IDENT[,FACILITY]"``
      (/dev/log), ``"syslog://host:514"`` or ``"syslog:///path"``, with options after a ``?`` (``proto=udp|tcp``,
      ``format=rfc3164|rfc5424``, ``ident=``, ``facility=``), ``"logger:NAME"``, or a callable given each line.
    - ``skip``, ``only``: which requests are left out, or are the only ones written: a path, several, a condition, or a
      callable given environ and the status as a number. None for no such choice.
    - ``slow``: from which duration on a request is written: seconds, or text such as ``"500ms"``. With ``only`` too,
      either will do: failed or slow ones. None for no such choice.
    - ``sample``: the share of lines written, from 0.0 to 1.0, drawn by chance.
    - ``redact``: names of query keys and headers whose values are hidden; ``()`` for none. ``DEFAULT`` (in
      ``wsgikit.http.redact``) covers passwords, tokens, cookies and the like.
    - ``memory`` (False): whether json and logfmt lines have ``rss``, the resident memory of the process in bytes, and
      ``rss_delta``, by how much it has grown meanwhile, and uwsgi lines what ``--memory-report`` shows. Costs 1.5 us.
    - ``queue``: how many lines may wait for a background thread to write them; beyond that they are dropped and counted
      (``dropped``). None writes within the request, except to syslog over TCP, where 1,000 may wait.

    Raises ``ValueError`` or ``TypeError`` for an option that will not do.
    """

    def __init__(
        self,
        app: WSGIApplication,
        format: str = "combined",  # noqa: A002 - the field's own word
        *,
        to: str | PathLike[str] | Callable[[str], object] = "stderr",
        skip: Which = None,
        only: Which = None,
        slow: float | str | None = None,
        sample: float = 1.0,
        redact: Iterable[str] = DEFAULT,
        memory: bool = False,
        queue: int | None = None,
    ) -> None:
        super().__init__(app)
        self.format = format
        self.to = to
        self.skip = skip
        self.only = only
        self.slow = slow
        self.sample = _share(sample)
        self.redact = redact
        self.memory = flag("AccessLog", "memory", memory)
        self.queue = queue
        redaction = Redaction(redact, layer="AccessLog", option="redact")
        self._line = compiled(format, redaction, memory=self.memory)
        self._sink: Sink = opened(to, queue)
        self._write = self._sink.write
        self._skips, self._picks = _test("skip", skip), _test("only", only)
        self._slow = None if slow is None else seconds("AccessLog", "slow", slow)
        self._choosy = self.sample < 1.0 or any(choice is not None for choice in (skip, only, slow))
        self._exchange = MeasuredExchange if memory or measures(format) else Exchange
        self._complained = -_QUIET

    @property
    def dropped(self) -> int:
        """How many lines this process has lost: the queue was full, or the log could not be written."""
        return self._sink.dropped

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = self._exchange(environ, start_response, self._finished)
        try:
            body = self.app(environ, exchange.start_response)
        except BaseException as error:
            exchange.raised(error)
            raise
        return exchange.watched(body)

    def _finished(self, exchange: Exchange) -> None:
        """Write the line, if it is wanted."""
        try:
            if self._choosy and not self._wanted(exchange):
                return
            if exchange.notes and exchange.notes.get("skip_log"):
                return
            self._write(self._line(exchange))
        except Exception as error:
            self._sink.dropped += 1
            self._complain("a line was lost", error)

    def _wanted(self, exchange: Exchange) -> bool:
        if self.sample < 1.0 and random() >= self.sample:
            return False
        request, client = exchange.request, exchange.environ.get("REMOTE_ADDR")
        if client is not None and client != request.get("REMOTE_ADDR"):
            request = {**request, "REMOTE_ADDR": client}  # ClientIP asks for the verified one
        status = int(exchange.status)
        try:
            if self._skips is not None and self._skips(request, status):
                return False
            if self._slow is not None and exchange.duration >= self._slow:
                return True
            if self._picks is not None:
                return bool(self._picks(request, status))
            return self._slow is None
        except Exception as error:  # better a line too many than one missing
            self._complain("skip or only", error)
            return True

    def _complain(self, what: str, error: Exception) -> None:
        now = monotonic()
        if now - self._complained >= _QUIET:
            self._complained = now
            try:
                # What the app's own code says of a request may hold the request's bytes.
                _log.warning("access log: %s: %s: %s", what, type(error).__name__, quoted(text_of(error)))
            except Exception:  # noqa: S110 - there is nobody left to tell
                pass


def _share(sample: Any) -> float:
    wanted = "a number from 0.0 (nothing) to 1.0 (every line)"
    if isinstance(sample, bool) or not isinstance(sample, int | float):
        raise wrong_type("AccessLog", "sample", sample, wanted)
    if not 0.0 <= sample <= 1.0:
        raise wrong_value("AccessLog", "sample", sample, wanted)
    return float(sample)


def _test(option: str, which: Any) -> Test | None:
    """The function of environ and status that ``which`` stands for."""
    if which is None:
        return None
    if isinstance(which, Condition):
        return lambda environ, status: which(environ)
    if callable(which):
        return which  # type: ignore[no-any-return]
    wanted = "a path such as '/health', a list of paths, a condition, or a callable given environ and status"
    listed = [which] if isinstance(which, str) else which
    if isinstance(listed, bytes) or not hasattr(listed, "__iter__"):
        raise wrong_type("AccessLog", option, which, wanted)
    paths: set[str] = set()
    for path in listed:
        if not isinstance(path, str):
            raise wrong_type("AccessLog", option, path, wanted)
        if not path.startswith("/"):
            raise wrong_value("AccessLog", option, path, "a path, which starts with a slash")
        paths |= {path, path.encode().decode("latin-1")}  # as people write it, and as WSGI shows it
    return lambda environ, status: environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") in paths
