"""ConcurrencyLimit: from the call to close(), whatever happens in between."""

from __future__ import annotations

import io
import os
import pickle
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from wsgikit.operations.concurrency import ConcurrencyLimit
from wsgikit.testing import AwkwardError, build_environ, call, expectations, lint


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def begin(layer: ConcurrencyLimit) -> Any:
    """Call the layer as a server does, and give the body."""
    return layer(build_environ(), lambda *head: io.BytesIO().write)


def test_a_request_is_at_work_until_its_body_is_closed() -> None:
    layer = ConcurrencyLimit(hello, 1)
    body = begin(layer)
    assert layer.at_work == 1
    assert list(body) == [b"hello"]
    assert call(layer).status == 503
    body.close()
    assert layer.at_work == 0
    assert call(layer).status == 200


def test_the_refusal_says_when_to_come_back() -> None:
    for timeout, told in ((0.0, "1"), (0.01, "1"), ("2500ms", "3")):
        layer = ConcurrencyLimit(hello, 1, timeout=timeout)
        body = begin(layer)
        notes: dict[str, Any] = {}
        answer = call(layer, environ={"wsgikit.notes": notes})
        assert (answer.status, answer.header("Retry-After")) == (503, told)
        assert notes == {"refused": "ConcurrencyLimit"}
        body.close()


def test_an_app_that_raises_gives_its_slot_back() -> None:
    def fail(environ: Any, start_response: Any) -> list[bytes]:
        raise SystemExit

    layer = ConcurrencyLimit(fail, 1)
    for _ in range(3):
        with pytest.raises(SystemExit) as caught:
            begin(layer)
        assert layer.at_work == 0
        assert caught.traceback  # which holds on to all that the call had


def test_close_gives_the_slot_back_also_where_it_raises_and_once_only() -> None:
    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            raise AwkwardError

    layer = ConcurrencyLimit(lambda environ, start_response: Body(), 2)
    other = begin(layer)
    body = begin(layer)
    with pytest.raises(AwkwardError):
        body.close()
    body.close()
    assert layer.at_work == 1
    del other
    assert layer.at_work == 0


def test_a_server_that_never_closes_loses_no_slot() -> None:
    """asgiref and pyruvate never do."""
    layer = ConcurrencyLimit(hello, 1)
    for _ in range(3):
        assert list(begin(layer)) == [b"hello"]
    assert layer.at_work == 0


def test_a_list_keeps_its_length_and_a_file_wrapper_its_kind() -> None:
    assert len(begin(ConcurrencyLimit(hello, 1))) == 1
    file = io.BytesIO(b"file")
    layer = ConcurrencyLimit(lambda environ, start_response: environ["wsgi.file_wrapper"](file), 1)
    body = begin(layer)
    assert type(body) is FileWrapper
    assert list(body) == [b"file"]
    body.close()
    assert layer.at_work == 0
    assert file.closed


def test_one_that_waits_is_let_in_when_another_is_done() -> None:
    layer = ConcurrencyLimit(hello, 1, queue=1, timeout=30.0)
    first, answers = begin(layer), []
    thread = threading.Thread(target=lambda: answers.append(call(layer).status))
    thread.start()
    while not layer.waiting:
        threading.Event().wait(0.001)
    assert call(layer).status == 503  # the queue is full
    first.close()
    thread.join(30)
    assert answers == [200]
    assert (layer.at_work, layer.waiting) == (0, 0)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_each_process_counts_for_itself() -> None:
    layer = ConcurrencyLimit(hello, 1)
    body = begin(layer)
    child = os.fork()
    if child == 0:
        right = call(layer).status == 200 and layer.at_work == 0
        body.close()  # the parent's: it changes nothing here
        os._exit(0 if right and layer.at_work == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert layer.at_work == 1
    body.close()


def test_a_copy_counts_for_itself() -> None:
    layer = ConcurrencyLimit(call, 3, queue=2, timeout="1s")
    copy = pickle.loads(pickle.dumps(layer))
    assert copy == layer
    assert (copy.limit, copy.queue, copy.timeout, copy.at_work) == (3, 2, 1.0, 0)


@pytest.mark.parametrize(
    "case", sorted(expectations.values(), key=lambda case: case.name), ids=lambda c: c.name
)
def test_no_awkward_app_costs_a_slot(case: Any) -> None:
    layer = ConcurrencyLimit(lint(case.app, allow=case.breaks), 1)
    app = lint(layer, allow=case.breaks)
    for stop_after in (None, 1, None):
        environ = {"wsgikit.testing.closed": []}
        try:
            answer = call(
                app, case.method, case.path, body=case.request_body, environ=environ, stop_after=stop_after
            )
            assert answer.status == case.status
            assert stop_after or answer.body == case.body
        except AwkwardError:
            assert case.raises
        assert layer.at_work == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("limit", 0),
        ("limit", "5"),
        ("limit", 10**12),
        ("queue", -1),
        ("queue", 1.5),
        ("queue", 10**12),
        ("timeout", -1),
        ("timeout", "soon"),
        ("timeout", 10**12),
    ],
)
def test_an_option_that_will_not_do_is_named(option: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=f"ConcurrencyLimit: {option}="):
        ConcurrencyLimit(hello, **{"limit": 1, option: value})
