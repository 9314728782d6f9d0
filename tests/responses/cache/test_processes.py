"""The cache over forks, threads and pickles."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from tests.responses.cache.scene import hit
from wsgikit.responses.cache.behind import detached
from wsgikit.responses.cache.layer import Cache
from wsgikit.responses.cache.stores.file import FileStore
from wsgikit.testing import call


def page(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "max-age=600")])
    return iter([environ["PATH_INFO"].encode() * 100])


def test_it_pickles_and_keeps_its_options(tmp_path: Any) -> None:
    cache = Cache(page, store=FileStore(tmp_path / "cache"), vary_cookies=True)
    call(cache, "GET", "/")
    again = pickle.loads(pickle.dumps(cache))
    assert again == cache
    assert hit(call(again, "GET", "/"))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner has threads
def test_a_child_does_not_wait_for_a_fill_of_its_parents() -> None:
    cache = Cache(page)
    cache._lookups.get().storage.fills.lead("http://localhost/")
    pid = os.fork()
    if pid == 0:
        answer = call(cache, "GET", "/")
        os._exit(0 if answer.status == 200 and not cache._lookups.get().storage.fills._under_way else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_many_threads_get_what_they_asked_for() -> None:
    cache = Cache(page)
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(50):
            path = f"/{(number + turn) % 5}"
            if turn % 10 == 9:
                cache.purge(f"http://localhost{path}")
            answer = call(cache, "GET", path)
            if answer.body != path.encode() * 100:
                wrong.append((path, answer.body))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []
    assert not cache._lookups.get().storage.fills._under_way


def test_what_runs_behind_has_the_requests_text_and_nothing_that_lives_in_it() -> None:
    environ = {
        "REQUEST_METHOD": "HEAD",
        "PATH_INFO": "/",
        "HTTP_ACCEPT": "text/html",
        "HTTP_RANGE": "bytes=0-1",
        "HTTP_IF_NONE_MATCH": '"a"',
        "HTTP_CACHE_CONTROL": "max-stale",
        "wsgi.url_scheme": "https",
        "wsgi.input": object(),
        "wsgikit.notes": {"request.id": "1"},
        "wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"},
        "theirs.session": object(),
    }
    copy = detached(environ)
    assert copy["wsgi.input"].read() == b""
    assert {name: copy[name] for name in copy if not name.startswith("wsgi.")} == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_ACCEPT": "text/html",
        "wsgikit.original": {"REMOTE_ADDR": "10.0.0.1"},
    }
    assert copy["wsgi.url_scheme"] == "https"
