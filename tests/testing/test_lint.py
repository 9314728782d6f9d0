"""Each rule fires on what breaks it, and not on the nearest thing that does not."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from collections import UserDict
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from wsgikit.testing import RULES, LintError, LintWarning, build_environ, call, expectations, lint
from wsgikit.testing.apps import Text

MISSING = object()


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def broken_rule(act) -> str | None:
    """The code of the rule that the act breaks, if it breaks one."""
    try:
        act()
    except LintError as error:
        return error.rule
    return None


# ---- the environ: rule -> a key, a wrong value, a right one

ENVIRONS = [
    ("environ-keys", "SERVER_NAME", MISSING, "localhost"),
    ("environ-keys", "wsgi.run_once", MISSING, False),
    ("environ-keys", "wsgi.input", MISSING, io.BytesIO()),
    ("environ-str", "REMOTE_PORT", 8080, "8080"),
    ("environ-str", "REMOTE_USER", Text("joe"), "joe"),
    ("environ-str", "SCRIPT_FILENAME", None, ""),
    ("environ-latin1", "HTTP_X_NAME", "\u20ac", "\xe2\x82\xac"),
    ("environ-version", "wsgi.version", [1, 0], (1, 0)),
    ("environ-version", "wsgi.version", (1, 1), (1, 0)),
    ("environ-scheme", "wsgi.url_scheme", "HTTPS", "https"),
    ("environ-method", "REQUEST_METHOD", "", "get"),
    ("environ-method", "REQUEST_METHOD", "GE T", "PURGE"),
    ("environ-server", "SERVER_NAME", "", "::1"),
    ("environ-port", "SERVER_PORT", "", "443"),
    ("environ-port", "SERVER_PORT", "t", "80"),
    ("script-name", "SCRIPT_NAME", "/", "/app"),
    ("script-name", "SCRIPT_NAME", "app", ""),
    ("path-info", "PATH_INFO", "x", "//x"),
    ("path-info", "PATH_INFO", "*", "/*"),
    ("path-empty", "PATH_INFO", "", "/"),
    ("path-empty", "PATH_INFO", MISSING, "/"),
    ("http-content", "HTTP_CONTENT_TYPE", "text/plain", MISSING),
    ("http-content", "HTTP_CONTENT_LENGTH", "0", MISSING),
    ("request-length", "CONTENT_LENGTH", "+5", "5"),
    ("request-length", "CONTENT_LENGTH", "\xb2", ""),
    ("input-methods", "wsgi.input", object(), io.BytesIO()),
    ("errors-methods", "wsgi.errors", object(), io.StringIO()),
    ("file-wrapper", "wsgi.file_wrapper", None, FileWrapper),
]


def call_with(key: str, value: Any) -> None:
    environ = build_environ(environ={key: value})
    if value is MISSING:
        del environ[key]
    drive(lint(hello), environ)


def drive(app, environ, start_response=None) -> None:
    """A server with no opinion of its own."""
    body = app(environ, start_response or (lambda status, headers, exc_info=None: print))
    try:
        for _ in body:
            pass
    finally:
        body.close()


@pytest.mark.parametrize(("rule", "key", "wrong", "right"), ENVIRONS)
def test_environ_rules_fire_on_the_wrong_value_alone(rule, key, wrong, right):
    assert broken_rule(lambda: call_with(key, wrong)) == rule
    assert broken_rule(lambda: call_with(key, right)) is None


def test_environ_must_be_a_builtin_dict():
    class Environ(dict):
        pass

    assert broken_rule(lambda: drive(lint(hello), Environ(build_environ()))) == "environ-dict"
    assert broken_rule(lambda: drive(lint(hello), UserDict(build_environ()))) == "environ-dict"
    assert broken_rule(lambda: drive(lint(hello), dict(build_environ()))) is None


def test_the_asterisk_is_right_for_options_alone():
    call(lint(hello), "OPTIONS", environ={"PATH_INFO": "*"})
    with pytest.raises(LintError, match=r"PATH_INFO"):
        call(lint(hello), "GET", environ={"PATH_INFO": "*"})


def test_names_and_query_may_be_left_out_where_they_are_empty():
    environ = build_environ()
    del environ["SCRIPT_NAME"], environ["QUERY_STRING"]
    drive(lint(hello), environ)


def test_path_may_be_empty_below_a_script_name():
    call(lint(hello), environ={"SCRIPT_NAME": "/app", "PATH_INFO": ""})


# ---- the head: rule -> a wrong head, a right one

TYPE = ("Content-Type", "text/plain")
HEADS = [
    ("status-str", (Text("200 OK"), [TYPE]), ("200 OK", [TYPE])),
    ("status-str", (b"200 OK", [TYPE]), ("200 OK", [TYPE])),
    ("status-form", ("200", [TYPE]), ("200 OK", [TYPE])),
    ("status-form", ("099 Low", [TYPE]), ("599 Unheard Of", [TYPE])),
    ("status-form", ("600 High", [TYPE]), ("404 Not Found", [TYPE])),
    ("status-form", ("", [TYPE]), ("200 OK", [TYPE])),
    ("status-controls", ("200 OK\r\nX-Split: 1", [TYPE]), ("200 O K", [TYPE])),
    ("status-controls", ("200 \u20ac", [TYPE]), ("200 \xe4", [TYPE])),
    ("headers-list", ("200 OK", (TYPE,)), ("200 OK", [TYPE])),
    ("headers-list", ("200 OK", {"Content-Type": "text/plain"}.items()), ("200 OK", [])),
    ("header-pair", ("200 OK", [["X-A", "1"]]), ("200 OK", [("X-A", "1")])),
    ("header-pair", ("200 OK", [("X-A", "1", "2")]), ("200 OK", [("X-A", "1")])),
    ("header-str", ("200 OK", [(Text("X-A"), "1")]), ("200 OK", [("X-A", "1")])),
    ("header-str", ("200 OK", [("X-A", 1)]), ("200 OK", [("X-A", "")])),
    ("header-str", ("200 OK", [("X-A", None)]), ("200 OK", [("X-A", "None")])),
    ("header-name", ("200 OK", [("X A", "1")]), ("200 OK", [("X_A", "1")])),
    ("header-name", ("200 OK", [("X-A:", "1")]), ("200 OK", [("X.A", "1")])),
    ("header-name", ("200 OK", [("", "1")]), ("200 OK", [("!", "1")])),
    ("header-value", ("200 OK", [("X-A", "1\r\nX-B: 2")]), ("200 OK", [("X-A", "1 X-B: 2")])),
    ("header-value", ("200 OK", [("X-A", "1\n")]), ("200 OK", [("X-A", "\x80\xff")])),
    ("header-value", ("200 OK", [("X-A", "\x00")]), ("200 OK", [("X-A", "0")])),
    ("header-latin1", ("200 OK", [("X-A", "\u20ac")]), ("200 OK", [("X-A", "\xe2\x82\xac")])),
    ("header-hop", ("200 OK", [("connection", "close")]), ("200 OK", [("X-Connection", "close")])),
    ("header-hop", ("200 OK", [("Transfer-Encoding", "chunked")]), ("200 OK", [("Content-Encoding", "br")])),
    ("header-status", ("200 OK", [("status", "404")]), ("200 OK", [("X-Status", "404")])),
    ("length-digits", ("200 OK", [("Content-Length", "+5")]), ("200 OK", [("Content-Length", "5")])),
    (
        "length-once",
        ("200 OK", [("Content-Length", "5"), ("content-length", "5")]),
        ("200 OK", [("Content-Length", "5")]),
    ),
    ("length-match", ("200 OK", [("Content-Length", "4")]), ("200 OK", [("Content-Length", "5")])),
    ("length-match", ("200 OK", [("Content-Length", "6")]), ("200 OK", [("Content-Length", "05")])),
    ("body-none", ("204 No Content", []), ("205 Reset Content", [])),
    ("body-none", ("304 Not Modified", []), ("300 Multiple Choices", [])),
    ("body-none", ("102 Processing", []), ("200 OK", [])),
]


def with_head(status, headers):
    def app(environ, start_response):
        start_response(status, headers)
        return [b"he", b"llo"]

    return app


@pytest.mark.parametrize(("rule", "wrong", "right"), HEADS)
def test_head_rules_fire_on_the_wrong_head_alone(rule, wrong, right):
    assert broken_rule(lambda: call(lint(with_head(*wrong)))) == rule
    assert broken_rule(lambda: call(lint(with_head(*right)))) is None


@pytest.mark.parametrize("name", ["Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Authenticate"])
def test_every_hop_by_hop_header_is_refused(name):
    assert broken_rule(lambda: call(lint(with_head("200 OK", [(name, "x")])))) == "header-hop"


# ---- how an app uses what it is given: rule -> a wrong app, a right one

BEHAVIOUR: list[tuple[str, Any, Any]] = []


def pair(rule):
    """The decorated function makes the wrong app when given True, and the right one when given False."""

    def register(make):
        BEHAVIOUR.append((rule, make(True), make(False)))
        return make

    return register


@pair("start-response-args")
def keywords(wrong):
    def app(environ, start_response):
        if wrong:
            start_response(status="200 OK", headers=[])
        else:
            start_response("200 OK", [], None)
        return []

    return app


@pair("start-response-first")
def yields_first(wrong):
    def app(environ, start_response):
        if wrong:
            yield b""
        start_response("200 OK", [])
        yield b"hello"

    return app


@pair("start-response-first")
def never_starts(wrong):
    return (lambda environ, start_response: []) if wrong else hello


@pair("start-response-once")
def twice(wrong):
    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            raise KeyError("changed its mind")
        except KeyError:
            start_response("500 Oh", [], None if wrong else sys.exc_info())
        return []

    return app


@pair("exc-info")
def half_an_exc_info(wrong):
    def app(environ, start_response):
        error = KeyError("changed its mind")
        start_response("500 Oh", [], error if wrong else (KeyError, error, None))
        return []

    return app


@pair("length-none")
def length_with_204(wrong):
    return lambda environ, start_response: (
        start_response("204 No Content", [("Content-Length", "0")] if wrong else []) and []
    )


@pair("body-iterable")
def bare_bytes(wrong):
    return lambda environ, start_response: (
        start_response("200 OK", []) and (b"hello" if wrong else [b"hello"])
    )


@pair("body-iterable")
def no_body(wrong):
    return lambda environ, start_response: start_response("200 OK", []) and (None if wrong else ())


@pair("body-len")
def lying_len(wrong):
    class Body:
        def __len__(self):
            return 1

        def __iter__(self):
            return iter([b"a", b"b"] if wrong else [b"ab"])

    return lambda environ, start_response: start_response("200 OK", []) and Body()


@pair("chunk-bytes")
def bytes_subclass(wrong):
    class Chunk(bytes):
        pass

    return lambda environ, start_response: (
        start_response("200 OK", []) and [(Chunk if wrong else bytes)(b"a")]
    )


@pair("chunk-bytes")
def str_to_write(wrong):
    def app(environ, start_response):
        start_response("200 OK", [])("a" if wrong else b"a")
        return []

    return app


@pair("write-late")
def writes_in_the_body(wrong):
    def app(environ, start_response):
        write = start_response("200 OK", [])

        def body():
            if wrong:
                write(b"a")
            yield b"b"

        return body()

    return app


@pair("length-match")
def write_counts_too(wrong):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "5" if wrong else "3")])(b"ab")
        return [b"c"]

    return app


@pair("stop-iteration")
def stops(wrong):
    def app(environ, start_response):
        start_response("200 OK", [])
        next(iter(() if wrong else (1,)))
        return []

    return app


@pair("input-close")
def closes_input(wrong):
    def app(environ, start_response):
        if wrong:
            environ["wsgi.input"].close()
        return hello(environ, start_response)

    return app


@pair("errors-close")
def closes_errors(wrong):
    def app(environ, start_response):
        if wrong:
            environ["wsgi.errors"].close()
        environ["wsgi.errors"].flush()
        return hello(environ, start_response)

    return app


@pair("errors-str")
def logs_bytes(wrong):
    def app(environ, start_response):
        environ["wsgi.errors"].write("a line\n")
        environ["wsgi.errors"].writelines([b"a line\n" if wrong else "a line\n"])
        return hello(environ, start_response)

    return app


@pytest.mark.parametrize(("rule", "wrong", "right"), BEHAVIOUR)
def test_behaviour_rules_fire_on_the_wrong_app_alone(rule, wrong, right):
    assert broken_rule(lambda: call(lint(wrong))) == rule
    assert broken_rule(lambda: call(lint(right))) is None


def test_a_body_for_head_is_refused_and_its_length_is_not_compared():
    wrong = with_head("200 OK", [("Content-Length", "5")])
    assert broken_rule(lambda: call(lint(wrong), "HEAD")) == "body-none"
    right = expectations["HEAD"].app
    assert call(lint(right), "HEAD").body == b""


def test_a_body_broken_off_is_not_held_to_its_length():
    result = call(lint(with_head("200 OK", [("Content-Length", "99")])), stop_after=1)
    assert result.body == b"he"


# ---- how a server uses what it is given

SERVERS: list[tuple[str, Any, Any]] = []


def server_pair(rule):
    def register(serve):
        SERVERS.append((rule, lambda: serve(True), lambda: serve(False)))
        return serve

    return register


def started(app=hello):
    return lint(app)(build_environ(), lambda status, headers, exc_info=None: lambda data: None)


@server_pair("start-response-callable")
def serve_without_start_response(wrong):
    lint(hello)(build_environ(), "start" if wrong else lambda *args: print).close()


@server_pair("write-callable")
def serve_without_write(wrong):
    drive(lint(hello), build_environ(), lambda status, headers: None if wrong else print)


@server_pair("exc-info-reraised")
def serve_swallowing(wrong):
    def start_response(status, headers, exc_info=None):
        if exc_info and not wrong:
            raise exc_info[1]
        return print

    app = lint(expectations["exc_info after the first byte"].app)
    try:
        drive(app, build_environ(), start_response)
    except Exception as error:
        if isinstance(error, LintError):
            raise


@server_pair("iterate-once")
def serve_twice(wrong):
    body = started(lambda environ, start_response: iter(hello(environ, start_response)))
    for _ in range(2 if wrong else 1):
        try:
            list(body)
        except LintError:
            body.close()
            raise
    body.close()


@server_pair("iterate-closed")
def serve_after_close(wrong):
    body = started()
    if wrong:
        body.close()
    try:
        iter(body)
    finally:
        if not wrong:
            body.close()


@server_pair("iterate-closed")
def serve_next_after_close(wrong):
    body = started()
    chunks = iter(body)
    if not wrong:
        next(chunks)
    body.close()
    if wrong:
        next(chunks)


@server_pair("close-once")
def serve_closing_twice(wrong):
    body = started()
    body.close()
    if wrong:
        body.close()


@server_pair("input-bytes")
def serve_text_input(wrong):
    read_input("read", wrong, io.StringIO("text"), io.BytesIO(b"text"))


@server_pair("input-bytes")
def serve_text_at_the_end(wrong):
    read_input("readline", wrong, io.StringIO(), io.BytesIO())


@server_pair("input-bytes")
def serve_text_lines(wrong):
    read_input("readlines", wrong, io.StringIO("a\nb"), io.BytesIO(b"a\nb"))


@server_pair("input-bytes")
def serve_text_iteration(wrong):
    read_input("__iter__", wrong, io.StringIO("a\nb"), io.BytesIO(b"a\nb"))


@server_pair("input-size")
def serve_too_much(wrong):
    class Generous(io.BytesIO):
        def read(self, size=-1):
            return super().read()

    read_input("read", wrong, Generous(b"text"), io.BytesIO(b"text"), 2)


def read_input(method, wrong, bad, good, *args):
    def app(environ, start_response):
        list(getattr(environ["wsgi.input"], method)(*args))
        return hello(environ, start_response)

    call(lint(app), environ={"wsgi.input": bad if wrong else good})


@pytest.mark.parametrize(("rule", "wrong", "right"), SERVERS)
def test_server_rules_fire_on_the_wrong_server_alone(rule, wrong, right):
    assert broken_rule(wrong) == rule
    assert broken_rule(right) is None


def test_a_body_dropped_unclosed_is_reported(monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_value))
    body = started()
    assert list(body) == [b"hello"]
    del body
    assert [error.rule for error in reported] == ["close-called"]


def test_every_rule_has_a_test_in_which_it_fires():
    tested = {row[0] for row in [*ENVIRONS, *HEADS, *BEHAVIOUR, *SERVERS]}
    assert tested | {"environ-dict", "close-called"} == set(RULES)


# ---- the lint itself


def test_the_message_is_the_text_of_the_rule_with_its_source_and_what_was_seen():
    with pytest.raises(LintError) as caught:
        call(lint(with_head("200", [])))
    assert caught.value.rule == "status-form"
    assert RULES["status-form"].text in str(caught.value)
    assert RULES["status-form"].source in str(caught.value)
    assert "'200'" in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_lint_errors_pickle():
    error = pickle.loads(pickle.dumps(LintError("status-form", "'200'")))
    assert (error.rule, str(error)) == ("status-form", str(LintError("status-form", "'200'")))


def test_blame_app_warns_of_what_the_server_does():
    with pytest.warns(LintWarning, match="SERVER_PORT is digits"):
        assert call(lint(hello, blame="app"), environ={"SERVER_PORT": "t"}).body == b"hello"
    with pytest.raises(LintError):
        call(lint(with_head("200", []), blame="app"))


def test_blame_server_warns_of_what_the_app_does():
    with pytest.warns(LintWarning, match="three digits"):
        assert call(lint(with_head("200", []), blame="server")).body == b"hello"
    with pytest.raises(LintError):
        call(lint(hello, blame="server"), environ={"SERVER_PORT": "t"})


@pytest.mark.parametrize(("rule", "key", "wrong", "right"), ENVIRONS)
def test_what_is_allowed_passes_in_silence(rule, key, wrong, right):
    environ = build_environ(environ={key: wrong})
    if wrong is MISSING:
        del environ[key]
    drive(lint(hello, allow={rule}), environ)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blame": "apps"}, "did you mean 'app'"),
        ({"allow": ["status-string"]}, "did you mean 'status-str'"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        lint(hello, **options)


def test_an_app_that_is_none_is_refused_at_once():
    with pytest.raises(TypeError, match="lint: app=None"):
        lint(None)


def test_a_list_keeps_its_len_and_may_be_looked_at_twice():
    body = started()
    assert len(body) == 1
    assert list(body) == list(body) == [b"hello"]
    body.close()


def test_an_iterator_is_given_no_len():
    body = started(lambda environ, start_response: iter(hello(environ, start_response)))
    assert not hasattr(body, "__len__")
    body.close()


def test_a_lazy_app_starts_no_earlier_under_a_lint():
    heads = []

    def start_response(status, headers, exc_info=None):
        heads.append(status)
        return print

    body = lint(expectations["lazy start_response"].app)(build_environ(), start_response)
    assert heads == []
    next(iter(body))
    assert heads == ["200 OK"]
    body.close()


def test_a_watched_stream_can_be_copied():
    seen = []

    def app(environ, start_response):
        seen.append(copy.copy(environ["wsgi.input"]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [seen[0].read(4)]

    assert call(lint(app), "POST", body=b"body").body == b"body"


def test_streams_keep_what_the_server_gave_beyond_the_specification():
    def app(environ, start_response):
        environ["wsgi.input"].seek(2)
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    assert call(lint(app), "POST", body=b"hello").body == b"llo"


def test_a_layer_that_holds_the_answer_back_may_replace_its_head():
    def collecting(app):
        """Takes the whole answer before it passes any of it on, and forgets it when the app fails."""

        def layer(environ, start_response):
            head, body = [], []

            def start(status, headers, exc_info=None):
                head[:] = [status, headers]
                body.clear()
                return body.append

            iterable = app(environ, start)
            try:
                for chunk in iterable:
                    body.append(chunk)
            finally:
                iterable.close()
            start_response(*head)
            return body

        return layer

    late = expectations["exc_info after the first byte"].app
    assert call(lint(collecting(lint(late)))).status == 500
    # Alone, an inner lint cannot know that the head had not gone out.
    assert broken_rule(lambda: call(collecting(lint(late)))) == "exc-info-reraised"


def test_a_lint_pickles_with_its_app():
    copied = pickle.loads(pickle.dumps(lint(hello, allow=["header-hop"])))
    assert call(copied).body == b"hello"
    assert copied.options() == {"blame": "both", "allow": ("header-hop",)}
    assert copied.children() == (("app", hello),)


def test_lints_nest_with_the_standard_validator_on_either_side():
    for app in (lint(validator(hello)), validator(lint(hello)), lint(lint(validator(lint(hello))))):
        assert call(app).body == b"hello"
