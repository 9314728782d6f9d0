from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wsgikit.operations.watchdog import Watch, Watchdog
from wsgikit.testing import call
from wsgikit.testing.environ import build_environ

PATIENCE = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A watch whose looks are the test's own."""
    watch = Watch(5.0, True, clock)
    monkeypatch.setattr(watch._background, "every", lambda *_: None)
    return watch


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "wsgikit.watchdog"]


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


class Telling(logging.Handler):
    """Keeps what is logged, and says when."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.told = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.told.set()


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    handler = Telling()
    logger = logging.getLogger("wsgikit.watchdog")
    monkeypatch.setattr(logger, "propagate", False)  # a thread logs, for which no later test should be taken
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def test_a_request_is_told_while_it_hangs(telling: Telling) -> None:
    go_on = threading.Event()

    def waits_in_here(environ: Any, start_response: Any) -> list[bytes]:
        assert go_on.wait(PATIENCE)
        return page(environ, start_response)

    environ = {"REMOTE_ADDR": "203.0.113.9", "wsgikit.request_id": "id-7"}
    app = Watchdog(waits_in_here, "20ms")
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(call(app, "POST", "/report?year=2026", environ=environ))
    )
    thread.start()
    try:
        assert telling.told.wait(PATIENCE)
        assert not answers
    finally:
        go_on.set()
        thread.join(PATIENCE)
    assert answers[0].body == b"ok"
    line = telling.lines[0]
    assert re.match(r"'POST' 'http://localhost/report\?year=2026' has been running for \d\.\d s; ", line)
    assert "client '203.0.113.9', request id 'id-7'; at this moment:\n" in line
    assert "in waits_in_here\n    assert go_on.wait(PATIENCE)\n" in line


def test_it_is_told_when_due_then_at_doubled_intervals(
    watch: Watch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    watch.begin(build_environ())  # forgotten at once, so not this one
    request = watch.begin(build_environ(path="/slow"))
    told = []
    for _ in range(60):
        clock.now += 1.0
        watch.look()
        told += [clock.now - 1000.0] * (len(lines(caplog)) - len(told))
    assert told == [5.0, 10.0, 20.0, 40.0]
    request.end()
    clock.now += 100.0
    watch.look()
    assert len(lines(caplog)) == 4


def test_the_next_look_is_when_the_next_request_is_due(watch: Watch, clock: Clock) -> None:
    assert watch.look() == 5.0
    first = watch.begin(build_environ())
    clock.now += 2.0
    second = watch.begin(build_environ())
    assert watch.look() == 3.0
    clock.now += 3.0
    assert watch.look() == 2.0  # the first was told, and the second is due
    second.end()
    assert watch.look() == 5.0
    first.end()


def test_a_request_ends_when_its_body_is_closed() -> None:
    app = Watchdog(page, 5)
    body: Any = app(build_environ(), lambda *_: lambda _: None)
    running = app._watch.get()._running
    assert len(running) == 1
    assert list(body) == [b"ok"]
    assert len(running) == 1
    body.close()
    assert not running


def test_a_request_ends_when_the_app_raises() -> None:
    def fails(environ: Any, start_response: Any) -> list[bytes]:
        raise OSError("no")

    app = Watchdog(fails, 5)
    with pytest.raises(OSError, match="no"):
        call(app)
    assert not app._watch.get()._running


def test_a_request_ends_when_its_body_is_forgotten() -> None:
    app = Watchdog(page, 5)
    body = app(build_environ(), lambda *_: lambda _: None)
    assert app._watch.get()._running
    del body
    assert not app._watch.get()._running


def test_what_the_client_sent_is_escaped(
    watch: Watch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = "x\r\nroot logged in \x1b[31m\x85\u2028"
    environ = build_environ(path="/")
    environ.update(
        {
            "REQUEST_METHOD": hostile,
            "PATH_INFO": "/" + hostile.encode().decode("latin-1"),
            "QUERY_STRING": hostile,
            "HTTP_HOST": hostile,
            "REMOTE_ADDR": hostile,
            "wsgikit.request_id": hostile,
        }
    )
    request = watch.begin(environ)
    watch._stacks = False
    clock.now += 5.0
    watch.look()
    assert re.fullmatch("[ -~]+", lines(caplog)[0])
    request.end()


def test_without_stacks_it_is_one_line(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(5.0, False, clock)
    monkeypatch.setattr(watch._background, "every", lambda *_: None)
    request = watch.begin(build_environ())
    clock.now += 5.0
    watch.look()
    assert lines(caplog) == [
        "'GET' 'http://localhost/' has been running for 5.0 s; client '127.0.0.1', request id None"
    ]
    request.end()


def test_the_id_of_a_layer_inside_is_known(
    watch: Watch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    environ = build_environ()
    request = watch.begin(environ)
    environ["wsgikit.notes"] = {"request.id": "inside"}
    clock.now += 5.0
    watch.look()
    assert "request id 'inside'" in lines(caplog)[0]
    request.end()


def test_a_request_that_cannot_be_shown_does_not_hide_the_others(
    watch: Watch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [watch.begin(build_environ(environ={"PATH_INFO": path})) for path in ("/\u20ac", "/other")]
    clock.now += 5.0
    assert watch.look() == 5.0
    first, second = lines(caplog)
    assert first.startswith("a request that has been running for 5.0 s cannot be shown: UnicodeEncodeError(")
    assert "http://localhost/other" in second
    assert len(requests) == 2


def watchdog_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("watchdog")}


def test_there_is_no_thread_before_the_first_request_and_one_after_many() -> None:
    before = watchdog_threads()
    app = Watchdog(page, 60)
    assert watchdog_threads() == before
    for _ in range(3):
        call(app)
    assert len(watchdog_threads() - before) == 1


def test_a_body_is_handed_on_as_it_is_iterated() -> None:
    def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from (b"a", b"b")

    assert call(Watchdog(streams, 5)).chunks == [b"a", b"b"]
    assert len(Watchdog(page, 5)(build_environ(), lambda *_: lambda _: None)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("after", [0, -1, "0s", "soon", float("inf")])
def test_after_is_a_time(after: Any) -> None:
    with pytest.raises(ValueError, match=r"Watchdog: after="):
        Watchdog(page, after)


def test_options_of_the_wrong_type() -> None:
    with pytest.raises(TypeError, match="Watchdog: after=None"):
        Watchdog(page, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Watchdog: stacks='no'"):
        Watchdog(page, 5, stacks="no")  # type: ignore[arg-type]


def test_options_are_attributes() -> None:
    app = Watchdog(page, "1m", stacks=False)
    assert (app.after, app.stacks) == (60.0, False)
    assert app.options() == {"after": "1m", "stacks": False}


def test_secrets_in_the_query_are_hidden(
    watch: Watch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    request = watch.begin(build_environ(path="/report?year=2026&token=s3cret&api_key=s3cret"))
    clock.now += 6
    watch.look()
    request.end()
    [line] = lines(caplog)
    assert "'http://localhost/report?year=2026&token=[redacted]&api_key=[redacted]'" in line
    assert "s3cret" not in line
