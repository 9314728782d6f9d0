"""Our handler and mod_python's own in a real Apache: what ours gets right, and what the other gets wrong of it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.launch import SETUPS, Running, Site, awaited
from tests.servers.launch.apache import mod_python
from tests.servers.matrix.client import Answer, Connection, Cut
from wsgikit.testing import expectations
from wsgikit.testing.apps import AwkwardApp

SITE = Path(__file__).with_name("mod_python")
FILE = bytes(range(256)) * 4096  # more than a socket takes at once
STOCK = "mod_python.wsgi"

Check = Callable[[Running], None]


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Running]:
    """The site under mod_python, or a skip that says what is missing."""
    if reason := SETUPS["apache-mod_python"].missing():
        pytest.skip(reason)
    (folder / "file").write_bytes(FILE)
    with mod_python(Site(folder, SITE, {"SITE_FOLDER": str(folder)}), **options) as running:
        yield running


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("ours")) as running:
        yield running


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """mod_python's own handler, told where the app is in its own words."""
    folder = tmp_path_factory.mktemp("stock")
    with serving(folder, handler=STOCK, options=("mod_python.wsgi.application wsgi",)) as running:
        yield running


def connect(running: Running) -> Connection:
    return Connection(("127.0.0.1", running.port))


def ask(running: Running, target: str, method: str = "GET", **more: Any) -> Answer:
    with connect(running) as connection:
        return connection.ask(target, method, **more)


def environ(running: Running, target: str, **more: Any) -> dict[str, Any]:
    found = json.loads(ask(running, target, **more).body)
    assert isinstance(found, dict)
    return found


def words(running: Running) -> str:
    """What Apache has logged."""
    return running.output.read_text()


def logged(running: Running, part: str) -> str:
    """The line of the log that holds ``part``."""
    return awaited(
        lambda: next((line for line in words(running).splitlines() if part in line), ""),
        f"line with {part!r}",
    )


def closed(running: Running, name: str) -> int:
    """How often that body was closed, once it was."""
    found: list[str] = []

    def look() -> str:
        found.extend(json.loads(ask(running, "/closed").body))
        return "yes" if name in found else ""

    awaited(look, f"close() of {name}")
    return found.count(name)


# ---- What mod_python's own handler gets wrong: each is asked of both.

CHECKS: dict[str, Check] = {}


def check(test: Check) -> Check:
    CHECKS[test.__name__] = test
    return test


@check
def the_status_is_the_apps(running: Running) -> None:
    answer = ask(running, "/status?404+Not+Found")
    assert (answer.status, answer.body) == (404, b"body")


@check
def the_reason_is_the_apps(running: Running) -> None:
    answer = ask(running, "/status?418+I+am+a+teapot")
    assert (answer.status, answer.reason) == (418, "I am a teapot")


@check
def a_head_may_come_late(running: Running) -> None:
    answer = ask(running, "/late")
    assert (answer.status, answer.get("X-Late"), answer.body) == (404, "yes", b"late")


@check
def a_head_may_be_replaced(running: Running) -> None:
    answer = ask(running, "/replaced")
    assert (answer.status, answer.all("X-First"), answer.body) == (503, [], b"busy")


@check
def a_path_is_its_bytes_as_latin_1(running: Running) -> None:
    assert (
        environ(running, "/environ/%C3%A9%E2%82%AC")["PATH_INFO"].encode("latin-1") == "/environ/é€".encode()
    )


@check
def a_path_may_be_no_utf_8(running: Running) -> None:
    assert environ(running, "/environ/%E9")["PATH_INFO"] == "/environ/\xe9"


@check
def a_header_may_be_no_utf_8(running: Running) -> None:
    assert environ(running, "/environ", fields=(("X-Text", "caf\xe9"),))["HTTP_X_TEXT"] == "caf\xe9"


@check
def the_mount_point_is_no_part_of_the_path(running: Running) -> None:
    found = environ(running, "/a//b")
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("", "/a//b")


@check
def the_uri_is_as_the_client_wrote_it(running: Running) -> None:
    assert environ(running, "/a%2Fb/%c3%a9?q=%20")["REQUEST_URI"] == "/a%2Fb/%c3%a9?q=%20"


@check
def every_variable_is_text(running: Running) -> None:
    found = environ(running, "/environ")
    assert [key for key, value in found.items() if "." not in key and not isinstance(value, str)] == []
    assert "NoneType" not in found.values()


@check
def every_flag_is_there(running: Running) -> None:
    found = environ(running, "/environ")
    assert (found["wsgi.multithread"], found["wsgi.run_once"], found["wsgi.version"]) == (True, False, [1, 0])


@check
def the_body_is_iterated(running: Running) -> None:
    assert json.loads(ask(running, "/read?iter", "POST", body=b"a\nb\nc").body) == ["a\n", "b\n", "c"]


@check
def the_body_is_read_to_its_end_with_none(running: Running) -> None:
    assert json.loads(ask(running, "/read?none", "POST", body=b"abc").body) == ["abc", ""]


@check
def a_chunked_body_is_read(running: Running) -> None:
    answer = ask(
        running, "/read?all", "POST", fields=CHUNKED, body=b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\nT: x\r\n\r\n"
    )
    assert json.loads(answer.body) == ["abcde", "", ""]


@check
def an_error_after_the_first_byte_breaks_the_answer_off(running: Running) -> None:
    answer = ask(running, "/broken")
    assert (answer.body, answer.whole) == (b"first", False)


@check
def a_replaced_head_after_the_first_byte_breaks_the_answer_off(running: Running) -> None:
    answer = ask(running, "/replaced-too-late")
    assert (answer.body, answer.whole) == (b"first", False)


@check
def an_answer_ends_with_its_length(running: Running) -> None:
    with connect(running) as connection:
        answer = connection.ask("/long", keep=True)
        assert answer.body == b"as l"
        assert connection.ask("/status?200+OK", keep=True).body == b"body"


@check
def text_is_no_chunk(running: Running) -> None:
    assert ask(running, "/text").status == 500


@check
def an_answer_needs_a_head(running: Running) -> None:
    assert ask(running, "/nothing").status == 500


@check
def fields_of_the_connection_are_not_the_apps(running: Running) -> None:
    with connect(running) as connection:
        answer = connection.ask("/hop", keep=True)
        assert (answer.body, answer.all("Upgrade"), answer.all("Connection")) == (b"body", [], [])
        assert connection.ask("/hop", keep=True).body == b"body"


@check
def errors_are_logged_with_the_client(running: Running) -> None:
    ask(running, "/log")
    assert "[client 127.0.0.1:" in logged(running, "and another")


@check
def a_file_goes_by_a_wrapper(running: Running) -> None:
    answer = ask(running, "/file")
    assert (answer.body, answer.get("Content-Length")) == (FILE[5:], str(len(FILE) - 5))


CHUNKED = (("Transfer-Encoding", "chunked"),)


@pytest.mark.parametrize("name", CHECKS)
def test_the_handler_keeps(ours: Running, name: str) -> None:
    CHECKS[name](ours)


@pytest.mark.parametrize("name", CHECKS)
def test_mod_pythons_own_handler_does_not_keep(stock: Running, name: str) -> None:
    with pytest.raises((AssertionError, Cut, OSError, ValueError, KeyError)):
        CHECKS[name](stock)


# ---- What it keeps beside that


@pytest.mark.parametrize("name", expectations)
def test_awkward_app_is_answered_as_it_should(ours: Running, name: str) -> None:
    """Between the handler and the app is a lint, which tells a breach on either side by an exception: by 500."""
    expected = expectations[name]
    ask(ours, "/closed")
    answer = ask(
        ours, f"/{name.replace(' ', '%20')}{expected.path}", expected.method, body=expected.request_body
    )
    if expected.raises and not expected.body:
        assert answer.status == 500
    else:
        assert_expected(answer, expected)
    if expected.closes:
        assert closed(ours, name) == expected.closes


def assert_expected(answer: Answer, expected: AwkwardApp) -> None:
    assert (answer.status, answer.body, answer.whole) == (
        expected.status,
        expected.body,
        not expected.raises,
    )
    assert [pair for pair in answer.headers if pair in expected.headers] == list(expected.headers)


def test_stream_is_sent_chunk_by_chunk(ours: Running) -> None:
    with connect(ours) as connection:
        connection.send_request("/gated")
        head = connection.head()
        assert connection.first(head) == b"first"
        ask(ours, "/open")
        assert connection.rest(head, "GET").body == b"second"


def test_client_that_leaves_ends_the_answer(ours: Running) -> None:
    with connect(ours) as connection:
        connection.send_request("/endless")
        connection.head()
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert closed(ours, "endless") == 1
    assert "x" * 100 not in words(ours)


def test_client_that_leaves_during_its_upload_is_told_to_the_app(ours: Running) -> None:
    with connect(ours) as connection:
        connection.send(b"POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nsome")
    assert awaited(lambda: json.loads(ask(ours, "/stopped").body), "end of the upload") == "Truncated"


def test_client_that_leaves_amid_chunks_is_told_to_the_app(ours: Running) -> None:
    with connect(ours) as connection:
        connection.send(b"POST /stop HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    assert awaited(lambda: json.loads(ask(ours, "/stopped").body), "end of the upload") == "Truncated"


@pytest.mark.parametrize(
    ("way", "parts"),
    [
        ("all", ["ab\ncd\nef", "", ""]),
        ("size", ["ab\n", "", "cd\nef"]),
        ("lines", ["ab", "\n", "cd\n", "ef"]),
        ("iter", ["ab\n", "cd\n", "ef"]),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_body_is_read_in_every_way(ours: Running, way: str, parts: list[str], chunked: bool) -> None:
    if chunked:
        answer = ask(
            ours, f"/read?{way}", "POST", fields=CHUNKED, body=b"4\r\nab\nc\r\n4\r\nd\nef\r\n0\r\n\r\n"
        )
    else:
        answer = ask(ours, f"/read?{way}", "POST", body=b"ab\ncd\nef")
    assert json.loads(answer.body) == parts


def test_large_chunked_body_arrives_whole(ours: Running) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(FILE), FILE)
    assert json.loads(ask(ours, "/count", "POST", fields=CHUNKED, body=body).body) == len(FILE)


@pytest.mark.parametrize(
    "head", ["Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"]
)
def test_body_that_is_cut_short_is_refused(ours: Running, head: str) -> None:
    with connect(ours) as connection:
        connection.send(f"POST /count HTTP/1.1\r\nHost: a\r\n{head}".encode())
        connection.shut()
        assert connection.answer("POST").status == 400


def test_body_that_is_no_chunks_is_refused_once(ours: Running) -> None:
    with connect(ours) as connection:
        answer = connection.ask(
            "/read?all", "POST", fields=CHUNKED, body=b"3\r\nabc\r\nno size\r\n\r\n", keep=True
        )
        assert answer.status == 400
        assert connection.ended()


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked"])
def test_body_in_another_coding_is_refused(ours: Running, coding: str) -> None:
    with connect(ours) as connection:
        fields = (("Transfer-Encoding", coding),)
        assert connection.ask("/read?all", "POST", fields=fields, body=b"0\r\n\r\n").status == 400


def test_request_without_a_body_has_an_empty_one(ours: Running) -> None:
    assert json.loads(ask(ours, "/read?all").body) == ["", "", ""]


def test_body_left_unread_is_no_second_request(ours: Running) -> None:
    with connect(ours) as connection:
        for fields, body in [((), b"GET / HTTP/1.1\r\n\r\n"), (CHUNKED, b"5\r\nabcde\r\n0\r\n\r\n")]:
            found = connection.ask("/environ", "POST", fields=fields, body=body, keep=True)
            assert found.status == 200
        assert connection.ask("/status?200+OK", keep=True).body == b"body"


def test_client_that_waits_is_told_to_go_on(ours: Running) -> None:
    with connect(ours) as connection:
        connection.send(
            b"POST /read?all HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.head().status == 100
        connection.send(b"2\r\nab\r\n0\r\n\r\n")
        assert json.loads(connection.answer().body) == ["ab", "", ""]


def test_part_of_a_file_is_sent(ours: Running) -> None:
    assert ask(ours, "/file?1000").body == FILE[5:1005]


def test_head_of_a_file_is_sent_alone(ours: Running) -> None:
    with connect(ours) as connection:
        answer = connection.ask("/file", "HEAD", keep=True)
        assert answer.get("Content-Length") == str(len(FILE) - 5)
        assert connection.ask("/status?200+OK", keep=True).body == b"body"


def test_file_that_is_too_short_is_broken_off(ours: Running) -> None:
    answer = ask(ours, f"/file?{len(FILE)}", keep=True)
    assert (answer.body, answer.whole) == (FILE[5:], False)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answer_without_a_body_has_none(ours: Running, status: str) -> None:
    with connect(ours) as connection:
        answer = connection.ask(f"/status?{status.replace(' ', '+')}", keep=True)
        assert answer.status == int(status[:3])
        assert not answer.all("Content-Length")
        assert connection.ask("/status?200+OK", keep=True).body == b"body"


def test_what_the_app_wrote_comes_first(ours: Running) -> None:
    assert ask(ours, "/write").body == b"written, then given"


def test_break_with_a_length_ends_the_connection(ours: Running) -> None:
    with connect(ours) as connection:
        answer = connection.ask("/broken?100", keep=True)
        assert (answer.body, answer.whole) == (b"first", False)
    assert closed(ours, "broken") >= 1
    logged(ours, "] ValueError: after the first chunk")


def test_short_answer_ends_the_connection(ours: Running) -> None:
    with connect(ours) as connection:
        answer = connection.ask("/short", keep=True)
        assert (answer.body, answer.whole) == (b"short", False)


def test_header_does_not_begin_another(ours: Running) -> None:
    answer = ask(ours, "/inject")
    assert (answer.status, answer.all("X-Injected")) == (500, [])
    logged(ours, "header 'X-Text' cannot be sent")


def test_app_that_exits_ends_its_request_alone(ours: Running) -> None:
    before = ours.pids()
    assert ask(ours, "/exit").status == 500
    assert ours.pids() == before
    logged(ours, "SystemExit: the app has had enough")


def test_log_takes_whatever_the_app_writes(ours: Running) -> None:
    ask(ours, "/log")
    assert "\\\\x00, a lone surrogate: \\\\udc80, a format: %s" in logged(ours, "a NUL: ")
    logged(ours, "] printed")


def test_what_is_kept_of_a_request_that_is_over_says_so(ours: Running) -> None:
    """Its memory is Apache's again, so that a use of it would end the process, or be another client's."""
    ask(ours, "/keep", "POST", body=b"never read")
    assert json.loads(ask(ours, "/kept").body) == [
        "the request that this body belongs to is over",
        "write() called after the request was over",
    ]
    assert "client" not in logged(ours, "a line after the end")


def test_credentials_reach_the_app(ours: Running) -> None:
    assert (
        environ(ours, "/environ", fields=(("authorization", "Basic eA=="),))["HTTP_AUTHORIZATION"]
        == "Basic eA=="
    )


@pytest.mark.parametrize(
    "mounted",
    [
        {"location": "/shop"},
        {"location": "/shop/"},
        {"options": ("wsgi.application wsgi:application", "wsgi.base_uri /shop")},
        {"options": ("mod_python.wsgi.application wsgi::application", "mod_python.wsgi.base_uri /shop")},
    ],
    ids=["location", "location with a slash", "option", "options of mod_python.wsgi"],
)
def test_mounted_app_sees_its_own_paths(tmp_path: Path, mounted: dict[str, Any]) -> None:
    with serving(tmp_path, **mounted) as running:
        found = environ(running, "/shop/environ/a")
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/shop", "/environ/a")
        if mounted.get("location") != "/shop/":
            found = environ(running, "/shop")
            assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/shop", "")
        assert ask(running, "/shopping").status == 404
        assert ask(running, "/").status == 404


def test_option_that_is_missing_is_named_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, options=()) as running:
        assert ask(running, "/").status == 500
        logged(running, "PythonOption wsgi.application names no app")


def test_app_that_cannot_be_had_is_named_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path, options=("wsgi.application wsgi:aplication",)) as running:
        assert ask(running, "/").status == 500
        logged(running, "did you mean 'application'?")
