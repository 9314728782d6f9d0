from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import pytest

from wsgikit.operations.once import Once

PATIENCE = 30.0


def test_it_is_done_once() -> None:
    done: list[int] = []
    once = Once(lambda: done.append(1))
    assert not once.over
    once.run(PATIENCE)
    once.run(PATIENCE)
    once.begin()
    assert once.over
    assert done == [1]


def test_what_raises_is_over_too() -> None:
    def fails() -> None:
        raise OSError("no")

    once = Once(fails)
    with pytest.raises(OSError, match="no"):
        once.run(PATIENCE)
    assert once.over
    once.run(PATIENCE)


def test_to_begin_is_not_to_wait() -> None:
    threads: list[threading.Thread] = []
    go_on = threading.Event()

    def waits() -> None:
        threads.append(threading.current_thread())
        go_on.wait(PATIENCE)

    once = Once(waits)
    once.begin()
    assert not once.over
    go_on.set()
    once.run(PATIENCE)
    assert once.over
    assert threads != [threading.current_thread()]


def test_a_server_without_threads_does_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(has_threads=False))  # type: ignore[arg-type]
    Once(lambda: threads.append(threading.current_thread())).begin()
    assert threads == [threading.current_thread()]


def test_where_no_thread_is_to_be_had_the_next_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done: list[int] = []
    once = Once(lambda: done.append(1))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuses)
        with pytest.raises(RuntimeError):
            once.begin()
    once.run(PATIENCE)
    assert done == [1]
