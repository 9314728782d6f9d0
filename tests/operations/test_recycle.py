from __future__ import annotations

import os
import threading
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from wsgikit.operations import recycle
from wsgikit.operations.recycle import Recycle
from wsgikit.operations.turn import Turn
from wsgikit.testing import call
from wsgikit.testing.environ import build_environ

GUNICORN = {"SERVER_SOFTWARE": "gunicorn/27.0.1"}

pytestmark = pytest.mark.usefixtures("host")


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that were sent, none of which arrives."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def recycling(app: Any = page, **options: Any) -> Recycle:
    return Recycle(app, **{"jitter": 0.0, "min_age": 0, **options})


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "wsgikit.recycle"]


def test_the_request_that_reaches_the_limit_is_the_last_and_only_one_to_tell(
    sent: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    layer = recycling(requests=3)
    for _ in range(2):
        call(layer, environ=GUNICORN)
    assert sent == []
    call(layer, environ=GUNICORN)
    assert sent == [(os.getpid(), SIGTERM)]
    for _ in range(5):
        call(layer, environ=GUNICORN)
    assert len(sent) == 1
    pid = os.getpid()
    assert logged(caplog) == [f"process {pid} makes room for a new one (SIGTERM): it has served 3 requests"]


def test_it_leaves_when_the_apps_body_is_closed_and_not_before(sent: list[tuple[int, int]]) -> None:
    class Body:
        def __iter__(self) -> Any:
            return iter([b"a", b"b"])

        def close(self) -> None:
            assert sent == []

    def streams(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Body()

    body: Any = recycling(streams, requests=1)(build_environ(environ=GUNICORN), lambda *_: lambda _: None)
    assert list(body) == [b"a", b"b"]
    assert sent == []
    body.close()
    assert len(sent) == 1


def test_a_request_whose_app_raises_counts(sent: list[tuple[int, int]]) -> None:
    def fails(environ: Any, start_response: Any) -> list[bytes]:
        raise LookupError("no")

    with pytest.raises(LookupError):
        call(recycling(fails, requests=1), environ=GUNICORN)
    assert len(sent) == 1


def test_memory_is_a_limit(sent: list[tuple[int, int]], caplog: pytest.LogCaptureFixture) -> None:
    call(recycling(rss="1TiB"), environ=GUNICORN)
    assert sent == []
    call(recycling(rss="1MiB"), environ=GUNICORN)
    assert len(sent) == 1
    assert "its memory is " in logged(caplog)[0]


def test_age_is_a_limit(sent: list[tuple[int, int]]) -> None:
    call(recycling(age="1h"), environ=GUNICORN)
    assert sent == []
    call(recycling(age="1ms", requests=1), environ=GUNICORN)
    assert len(sent) == 1


def test_a_young_process_stays_whatever_its_size(sent: list[tuple[int, int]]) -> None:
    call(Recycle(page, rss=1, requests=1), environ=GUNICORN)
    assert sent == []


def test_another_process_leaves_first(
    sent: list[tuple[int, int]], host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = False
    monkeypatch.setattr(Turn, "take", lambda turn, patience: ours)
    layer = recycling(requests=1, service="shop")
    call(layer, environ=GUNICORN)
    assert sent == []
    ours = True
    call(layer, environ=GUNICORN)
    assert len(sent) == 1


def test_each_service_has_its_own_turn(host: Path) -> None:
    for service in ("shop", "blog"):
        call(recycling(requests=1, service=service), environ=GUNICORN)
    names = [f"wsgikit-{os.geteuid()}-{service}-recycle" for service in ("blog", "shop")]
    assert sorted(path.name for path in host.iterdir()) == names


def test_where_turns_cannot_be_taken_it_leaves_and_says_so(
    sent: list[tuple[int, int]], host: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host.rmdir()
    call(recycling(requests=1), environ=GUNICORN)
    assert len(sent) == 1
    assert logged(caplog)[0].startswith("workers cannot take turns to be recycled: ")


def test_under_another_server_it_does_nothing_and_says_so_once(
    sent: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    layer = recycling(requests=1)
    for _ in range(3):
        call(layer, environ={"SERVER_SOFTWARE": "waitress"})
    assert sent == []
    assert logged(caplog) == [
        "no worker is recycled: 'waitress' starts no new process in the place of one that leaves"
    ]


def test_without_limits_and_without_replacement_the_body_is_the_apps_own() -> None:
    own = [b"ok"]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return own

    for layer in (Recycle(app), recycling(app, requests=1)):
        assert layer(build_environ(), lambda *_: lambda _: None) is own  # type: ignore[arg-type]
    body = Recycle(app, requests=9)(build_environ(environ=GUNICORN), lambda *_: lambda _: None)
    assert len(body) == 1  # type: ignore[arg-type]


def test_threads_that_reach_the_limit_together_send_one_signal(sent: list[tuple[int, int]]) -> None:
    layer, together = recycling(requests=8), threading.Barrier(8)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        together.wait(30)
        return page(environ, start_response)

    layer.app = app
    threads = [threading.Thread(target=call, args=(layer,), kwargs={"environ": GUNICORN}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rss": "lots"}, ValueError, "rss='lots'"),
        ({"rss": 0}, ValueError, "rss=0"),
        ({"requests": 0}, ValueError, "requests=0"),
        ({"requests": 1.5}, TypeError, "requests=1.5"),
        ({"age": "soon"}, ValueError, "age='soon'"),
        ({"jitter": 1.1}, ValueError, "jitter=1.1"),
        ({"jitter": "10%"}, TypeError, "jitter='10%'"),
        ({"min_age": -1}, ValueError, "min_age=-1"),
        ({"service": "a/b"}, ValueError, "service='a/b'"),
    ],
)
def test_options_that_will_not_do(options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match="Recycle: ") as raised:
        Recycle(page, **options)
    assert words in str(raised.value)


def test_options_are_attributes() -> None:
    layer = Recycle(page, rss="512MiB", age="12h", service="shop")
    assert (layer.rss, layer.requests, layer.age, layer.jitter, layer.min_age, layer.service) == (
        512 * 2**20,
        None,
        43200.0,
        0.1,
        10.0,
        "shop",
    )
    assert layer.options() == {"rss": "512MiB", "age": "12h", "service": "shop"}


def test_the_older_a_worker_is_the_longer_it_waits_for_the_successor_of_another(
    monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Turn, "take", lambda turn, patience: bool(waits.append(patience)))
    monkeypatch.setattr(recycle, "monotonic", clock)
    layer = recycling(requests=1)
    for later in (0.0, 20.0, 3600.0):
        clock.now += later
        call(layer, environ=GUNICORN)
    assert waits == [0.0, 2.0, 10.0]
