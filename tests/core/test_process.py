from __future__ import annotations

import os
import threading

import pytest

from wsgikit.core.process import PerProcess, server_name


def test_made_on_first_use_and_kept() -> None:
    holder: PerProcess[list[int]] = PerProcess(list)
    assert holder.peek() is None
    assert holder.get() is holder.get()
    assert holder.peek() is holder.get()


def test_threads_that_come_first_together_get_the_same() -> None:
    barrier, seen = threading.Barrier(4), []

    def slow() -> object:
        barrier.wait(timeout=10)
        return object()

    holder: PerProcess[object] = PerProcess(slow)
    threads = [threading.Thread(target=lambda: seen.append(holder.get())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert len(set(map(id, seen))) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner has threads
def test_a_fork_has_its_own() -> None:
    holder: PerProcess[list[int]] = PerProcess(list)
    holder.get().append(os.getpid())
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"empty" if holder.get() == [] else b"shared")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 10) == b"empty"
    assert holder.get() == [os.getpid()]
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"SERVER_SOFTWARE": "gunicorn/23.0"}, "gunicorn"),
        ({"SERVER_SOFTWARE": "WSGIServer/0.2 CPython/3.11"}, "wsgiref"),
        ({"SERVER_SOFTWARE": "waitress"}, "waitress"),
        ({"uwsgi.version": b"2.0"}, "uwsgi"),
        ({"mod_wsgi.version": (5, 0), "SERVER_SOFTWARE": "Apache"}, "mod_wsgi"),
        ({}, ""),
    ],
)
def test_server_name(environ: dict[str, object], name: str) -> None:
    assert server_name(environ) == name
