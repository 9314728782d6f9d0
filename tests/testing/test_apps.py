"""The awkward apps do what their expectations say: bare, under the lints, and behind a real server."""

from __future__ import annotations

import http.client
import io
import pickle
import threading
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

from wsgikit.testing import AwkwardError, LintError, awkward_apps, call, expectations, lint
from wsgikit.testing.apps import CLOSED, PAGE

EXPECTED = list(expectations.values())
LEGAL = [expected for expected in EXPECTED if not expected.breaks]


def named(expected):
    return expected.name


def agrees(app, expected):
    """Calls the app as expected, and compares all that can be seen."""
    closed: list[str] = []
    environ = {CLOSED: closed}
    if expected.raises:
        with pytest.raises(AwkwardError):
            call(app, expected.method, expected.path, body=expected.request_body, environ=environ)
    else:
        result = call(app, expected.method, expected.path, body=expected.request_body, environ=environ)
        assert (result.status, result.body) == (expected.status, expected.body)
        assert [pair for pair in result.headers if pair in expected.headers] == list(expected.headers)
        assert result.header("X-Withdrawn") is None
    assert closed == [expected.name] * expected.closes


def test_apps_and_expectations_are_one_table():
    assert {name: expected.app for name, expected in expectations.items()} == awkward_apps


@pytest.mark.parametrize("expected", EXPECTED, ids=named)
def test_each_app_answers_as_expected(expected):
    agrees(expected.app, expected)


@pytest.mark.parametrize("expected", EXPECTED, ids=named)
def test_each_app_passes_two_lints(expected):
    agrees(lint(lint(expected.app, allow=expected.breaks), allow=expected.breaks), expected)


@pytest.mark.parametrize("expected", LEGAL, ids=named)
def test_each_legal_app_passes_the_standard_validator(expected):
    agrees(validator(expected.app), expected)
    agrees(lint(validator(lint(expected.app))), expected)


def test_str_subclasses_break_the_rules_they_say():
    expected = expectations["str subclasses"]
    for rule in expected.breaks:
        with pytest.raises(LintError) as caught:
            call(lint(expected.app, allow=expected.breaks - {rule}))
        assert caught.value.rule == rule


@pytest.mark.parametrize("expected", EXPECTED, ids=named)
def test_each_app_pickles(expected):
    assert pickle.loads(pickle.dumps(expected.app)) is expected.app


def test_what_has_come_before_an_error_is_the_expected_body():
    for expected in EXPECTED:
        if expected.raises == "body" and expected.body:
            chunks = len(expected.body.splitlines()) - 1 if expected.name == "raises midway" else 1
            result = call(expected.app, stop_after=chunks)
            assert expected.body.startswith(result.body)
            assert result.body


def test_the_huge_body_is_never_in_memory():
    expected = expectations["huge"]
    result = call(expected.app, stop_after=3)
    assert max(map(len, result.chunks)) <= 1 << 16
    assert len(expected.block) * expected.times > 3 << 20


def test_the_echo_takes_a_body_of_unknown_length():
    assert call(awkward_apps["echo"], "POST", body=[PAGE, b"", PAGE]).body == PAGE * 2


def test_the_file_app_takes_the_servers_wrapper_where_there_is_one():
    class Wrapper:
        def __init__(self, file, size):
            self.close = file.close

        def __iter__(self):
            yield b"the server's own"

    assert call(awkward_apps["file_wrapper"], environ={"wsgi.file_wrapper": Wrapper}).chunks == [
        b"the server's own"
    ]
    assert call(awkward_apps["file_wrapper"], environ={"wsgi.file_wrapper": None}).body == PAGE


class QuietHandler(WSGIRequestHandler):
    """wsgiref's handler, with its complaints kept out of the tests' output."""

    def log_message(self, format, *args):  # noqa: A002
        pass

    def get_stderr(self):
        return io.StringIO()


@pytest.fixture
def wsgiref_server():
    server = make_server("127.0.0.1", 0, None, handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("linted", [False, True], ids=["bare", "linted"])
def test_each_app_answers_as_expected_behind_wsgiref(wsgiref_server, linted):
    for expected in EXPECTED:
        wsgiref_server.set_app(lint(expected.app, allow=expected.breaks) if linted else expected.app)
        connection = http.client.HTTPConnection("127.0.0.1", wsgiref_server.server_port, timeout=10)
        connection.request(expected.method, expected.path, body=expected.request_body or None)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        refused = bool(expected.breaks)  # wsgiref asserts on subclasses of str
        if refused or (expected.raises and not expected.body):
            assert (answer.status, body) == (500, ServerHandler.error_body), expected.name
        else:
            assert (answer.status, body) == (expected.status, expected.body), expected.name
            sent = [pair for pair in answer.getheaders() if pair in expected.headers]
            assert sent == list(expected.headers), expected.name
