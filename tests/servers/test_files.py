"""Files that the server sends itself: handed through as they are, but where the server would send the wrong part."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.servers.strict import StrictServer
from wsgikit.core.body import watched
from wsgikit.servers.files import FileBody
from wsgikit.servers.fix import ServerFix
from wsgikit.servers.plans import PLANS

SENDING = [name for name, plan in PLANS.items() if plan.file is not None and name != "uwsgi"]


def sending(file: Any, *headers: tuple[str, str]) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(headers))
        return environ["wsgi.file_wrapper"](file, 4)

    return app


@pytest.mark.parametrize("server", SENDING)
def test_a_file_goes_through_as_the_servers_own(server: str) -> None:
    answer = StrictServer().ask(ServerFix(sending(io.BytesIO(b"0123456789")), server=server))
    assert type(answer.iterable) is FileWrapper
    assert answer.body == b"0123456789"


@pytest.mark.parametrize("server", SENDING)
def test_a_file_in_answer_to_head_is_closed_and_not_sent(server: str) -> None:
    file = io.BytesIO(b"0123456789")
    answer = StrictServer().ask(ServerFix(sending(file), server=server), method="HEAD")
    assert answer.body == b""
    assert file.closed


class Sendfile:
    """uWSGI's wrapper is a function, and gives back the file."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def __call__(self, file: Any, block: int = 0) -> Any:
        self.sent.append(file)
        return Sent(file)


class Sent:
    """What is left of the file, in one piece, as sendfile has it."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.close = file.close

    def __iter__(self) -> Any:
        return iter([self.file.read()])


def under_uwsgi(app: Any) -> tuple[StrictServer, Sendfile]:
    sendfile = Sendfile()
    answer = StrictServer().ask(ServerFix(app, server="uwsgi"), environ={"wsgi.file_wrapper": sendfile})
    return answer, sendfile


@pytest.fixture
def file(tmp_path: Path) -> Any:
    (tmp_path / "file").write_bytes(b"0123456789")
    with (tmp_path / "file").open("rb") as opened:
        yield opened


def test_uwsgi_sends_a_file_from_its_start_itself(file: Any) -> None:
    answer, sendfile = under_uwsgi(sending(file))
    assert sendfile.sent == [file]
    assert answer.iterable.file is file
    assert file.closed


def test_uwsgi_would_send_all_of_a_file_that_stands_further_on(file: Any) -> None:
    file.seek(3)
    answer, sendfile = under_uwsgi(sending(file))
    assert (answer.body, sendfile.sent) == (b"3456789", [])
    assert file.closed


def test_uwsgi_heeds_the_position_where_there_is_a_length(file: Any) -> None:
    file.seek(3)
    assert under_uwsgi(sending(file, ("Content-Length", "7")))[1].sent == [file]


def test_what_is_no_file_is_iterated_in_blocks() -> None:
    class Reader:
        """Has read(), and nothing else."""

        def __init__(self) -> None:
            self.read = io.BytesIO(b"0123456789").read

    answer, sendfile = under_uwsgi(sending(Reader()))
    assert answer.chunks == [b"0123", b"4567", b"89"]
    assert sendfile.sent == []


def test_a_layer_inside_knows_the_wrapper_for_a_class_and_can_watch_it(file: Any) -> None:
    counted = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        body = environ["wsgi.file_wrapper"](file)
        assert type(body) is FileBody
        return watched(body, environ, lambda seen: counted.append(seen.sent))[1]

    assert under_uwsgi(app)[0].body == b"0123456789"
    assert counted == [10]


def test_pyruvates_wrapper_is_taken_away() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [str("wsgi.file_wrapper" in environ).encode()]

    assert StrictServer().ask(ServerFix(app, server="pyruvate")).body == b"False"
