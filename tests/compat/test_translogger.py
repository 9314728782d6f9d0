"""Paste's TransLogger: its signature and lines side by side, and the stated differences."""

from __future__ import annotations

import logging
import pickle
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compat.named import Named, shape
from wsgikit import compat
from wsgikit.access.trust import TrustedProxies
from wsgikit.testing import call, lint

original = pytest.importorskip("paste.translogger", reason="needs the package Paste")


class Lines(logging.Handler):
    """The messages of a logger of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.logger = logging.Logger("mine")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())

    def of(self, cls: Any, app: Any, environ: dict[str, Any], **options: Any) -> str:
        call(cls(app, logger=self.logger, **options), environ={"REQUEST_URI": "", "RAW_URI": "", **environ})
        return self.found.pop()


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def wsgi() -> Iterator[logging.Logger]:
    """The logger that both use by default, as it was afterwards."""
    logger = logging.getLogger("wsgi")
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def page(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def undated(line: str) -> str:
    return re.sub(r"\[.*?\]", "[]", line)


def test_the_signature_is_pastes() -> None:
    assert shape(compat.TransLogger) == shape(original.TransLogger)
    assert compat.TransLogger.format == original.TransLogger.format
    assert compat.TransLogger.default_time_format == original.TransLogger.default_time_format


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {
            "REMOTE_ADDR": "1.2.3.4",
            "REMOTE_USER": "jo",
            "HTTP_USER_AGENT": "curl/8",
            "HTTP_REFERER": "http://a/",
        },
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x", "QUERY_STRING": "a=1&b=2"},
        {"REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.0", "PATH_INFO": "/a b"},
        {"REMOTE_ADDR": ""},
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"format": "%(REQUEST_METHOD)s %(REQUEST_URI)s -> %(status)s (%(bytes)s)"},
        {"format": "100%% %(REMOTE_ADDR)s"},
    ],
)
def test_a_line_is_as_pastes(lines: Lines, environ: dict[str, Any], options: dict[str, Any]) -> None:
    assert undated(lines.of(compat.TransLogger, page, environ, **options)) == undated(
        lines.of(original.TransLogger, page, environ, **options)
    )


def test_the_time_is_as_pastes_where_pastes_is_right(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        options = {"format": "%(time)s", "time_format": "%Y "}
        mine = lines.of(compat.TransLogger, page, {}, **options)
        assert mine == lines.of(original.TransLogger, page, {}, **options)
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        assert lines.of(compat.TransLogger, page, {}, **options).endswith(" +0530")
        assert lines.of(original.TransLogger, page, {}, **options).endswith(" +0550")
    finally:
        monkeypatch.undo()
        time.tzset()


# --- different, and said so


def test_nobody_chooses_his_address(lines: Lines) -> None:
    sent = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9"}
    options = {"format": "%(REMOTE_ADDR)s"}
    assert lines.of(original.TransLogger, page, sent, **options) == "6.6.6.6, 203.0.113.9"
    assert lines.of(compat.TransLogger, page, sent, **options) == "10.0.0.1"
    inside = TrustedProxies(page, "private")
    assert lines.of(compat.TransLogger, inside, sent, **options) == "203.0.113.9"


def test_what_a_server_got_wrong_harms_no_answer(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    app = compat.TransLogger(page, logger=lines.logger)
    assert call(app, environ={"SCRIPT_NAME": 5, "RAW_URI": "", "REQUEST_URI": ""}).body == b"hello"
    assert "a line was lost: TypeError" in caplog.text


def test_bytes_are_those_that_were_sent(lines: Lines) -> None:
    def unsized(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"abc"
        yield b"de"

    assert lines.of(compat.TransLogger, unsized, {}, format="%(bytes)s") == "5"
    assert lines.of(original.TransLogger, unsized, {}, format="%(bytes)s") == "-"


def test_the_status_is_the_last_one_and_there_is_one_line(lines: Lines) -> None:
    def changes_its_mind(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise KeyError("x")
        except KeyError:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"sorry"]

    assert lines.of(compat.TransLogger, changes_its_mind, {}, format="%(status)s") == "503"
    assert lines.found == []


def test_an_app_that_raises_has_a_line(lines: Lines) -> None:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        lines.of(compat.TransLogger, broken, {}, format="%(status)s")
    assert lines.found == ["500"]


def test_secrets_in_a_query_are_hidden(lines: Lines) -> None:
    sent = {"QUERY_STRING": "a=1&token=t", "HTTP_REFERER": "http://a/?password=p"}
    line = lines.of(compat.TransLogger, page, sent)
    assert "/?a=1&token=[redacted] " in line
    assert '"http://a/?password=[redacted]"' in line


@given(
    st.dictionaries(
        st.sampled_from(
            ["PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_USER", "HTTP_REFERER", "HTTP_USER_AGENT"]
        ),
        st.text(max_size=20),
    )
)
def test_no_text_of_a_stranger_breaks_a_line(environ: dict[str, str]) -> None:
    line = Lines().of(compat.TransLogger, page, environ)
    assert line.isascii()
    assert line.isprintable()
    assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) == 6


# --- the logger, its console, and subclasses


def test_lines_go_to_stderr_once_however_many_share_the_logger(
    wsgi: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    call(compat.TransLogger(page))
    call(compat.TransLogger(page))
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert wsgi.level == logging.DEBUG
    assert not wsgi.propagate


def test_nothing_is_set_up_unless_wanted(wsgi: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    layer = compat.TransLogger(
        page, setup_console_handler=False, set_logger_level=None, logging_level=logging.ERROR
    )
    call(layer)
    assert wsgi.handlers == []
    assert [(record.name, record.levelno) for record in caplog.records] == [("wsgi", logging.ERROR)]


def test_a_subclass_may_write_as_it_did(lines: Lines) -> None:
    class Own(compat.TransLogger):
        format = "%(status)s %(time)s"
        default_time_format = "%Y "

        def write_log(
            self, environ: Any, method: Any, req_uri: Any, start: Any, status: Any, *sent: Any
        ) -> None:
            super().write_log(environ, method, req_uri, start, f"<{status}>", *sent)

    assert re.fullmatch(r"<200> \d{4} [+-]\d{4}", lines.of(Own, page, {}))


def test_a_log_that_fails_harms_no_answer(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(compat.TransLogger):
        def write_log(self, *arguments: Any, **more: Any) -> None:
            raise OSError("full")

    assert call(lint(Broken(page, logger=lines.logger))).text == "hello"
    assert "OSError: full" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"format": "%(REMOTE_ADR)s"}, ValueError, "TransLogger: format='%(REMOTE_ADR)s'.*of REMOTE_ADDR"),
        ({"format": "%(status)s\n"}, ValueError, "a template for one line"),
        ({"format": "%("}, ValueError, "format="),
        ({"application": 3}, TypeError, "application=3"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said.replace("(", r"\(").replace(")", r"\)")):
        compat.TransLogger(**{"application": page, "setup_console_handler": False, **options})


def test_it_pickles_and_shows_its_app(wsgi: logging.Logger) -> None:
    app = compat.TransLogger(Named("x"), format="%(status)s", setup_console_handler=False)
    assert pickle.loads(pickle.dumps(app)) == app
    assert list(app.children()) == [("application", Named("x"))]
