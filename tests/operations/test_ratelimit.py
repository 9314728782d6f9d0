"""RateLimit: who passes, what everybody is told, and what happens while the store fails."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from limits import strategies
from limits.storage import MemoryStorage

from tests.operations.conftest import Clock
from wsgikit.operations import hoststore, ratelimit, ratelimiter
from wsgikit.operations.ratelimit import RateLimit
from wsgikit.routing.conditions import Method
from wsgikit.routing.conditions import Path as PathIs
from wsgikit.testing import build_environ, call

pytestmark = pytest.mark.usefixtures("host")


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def statuses(layer: RateLimit, times: int, **options: Any) -> list[int]:
    return [call(layer, **options).status for _ in range(times)]


@pytest.fixture
def frozen(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stops the clock of the host-wide store."""
    store = hoststore.HostStore

    def stopped(table: Any) -> Any:
        return store(table, clock)

    monkeypatch.setattr(ratelimiter, "HostStore", stopped)
    monkeypatch.setattr(ratelimiter, "time", clock)
    monkeypatch.setattr(strategies, "time", SimpleNamespace(time=clock))
    return clock


# ---- who passes


@pytest.mark.parametrize("store", ["host", "memory"])
@pytest.mark.parametrize("strategy", ratelimiter.STRATEGIES)
def test_the_whole_amount_passes_at_once_and_no_more(store: str, strategy: str) -> None:
    layer = RateLimit(hello, "3/year", store=store, strategy=strategy)
    assert statuses(layer, 5) == [200, 200, 200, 429, 429]
    assert statuses(layer, 1, environ={"REMOTE_ADDR": "203.0.113.9"}) == [200]


@pytest.mark.parametrize("strategy", ratelimiter.STRATEGIES)
def test_after_retry_after_there_is_another(strategy: str, frozen: Clock) -> None:
    layer = RateLimit(hello, "10/minute", strategy=strategy)
    for start in (0, 7.3, 31, 59.9):
        frozen.now += start
        answers = [call(layer) for _ in range(11)]
        assert answers[-1].status == 429
        for _ in range(30):
            wait = int(str(call(layer).header("Retry-After")))
            assert 1 <= wait <= 60
            frozen.now += wait
            assert call(layer).status == 200
            while call(layer).status == 200:  # the last of those that are free by now
                frozen.now += 0.00137


def test_when_chooses_and_others_pass_uncounted() -> None:
    layer = RateLimit(hello, "1/year", when=Method("POST") & PathIs("/login"))
    assert statuses(layer, 3) == [200] * 3
    assert statuses(layer, 2, method="POST", path="/login") == [200, 429]
    assert call(layer, "POST", "/other").header("RateLimit") is None


def test_a_key_of_none_is_not_counted() -> None:
    layer = RateLimit(hello, "1/year", key=lambda environ: environ.get("HTTP_USER"))
    assert statuses(layer, 3) == [200] * 3
    assert statuses(layer, 2, headers={"User": "ann"}) == [200, 429]
    assert statuses(layer, 2, headers={"User": "bob"}) == [200, 429]


def test_an_uncounted_request_goes_through_as_it_is() -> None:
    seen: list[Any] = []
    layer = RateLimit(lambda *passed: seen.extend(passed) or [], "1/year", key=lambda environ: None)
    environ, start = build_environ(), object()
    layer(environ, start)  # type: ignore[arg-type]
    assert seen[0] is environ
    assert seen[1] is start


# ---- what everybody is told


def test_each_answer_says_what_is_left(frozen: Clock) -> None:
    layer = RateLimit(hello, "2/minute", strategy="fixed-window")
    told = []
    for _ in range(3):
        answer = call(layer)
        assert answer.header("RateLimit-Policy") == '"2/minute";q=2;w=60'
        told.append((answer.status, answer.header("RateLimit"), answer.header("Retry-After")))
        frozen.now += 10
    assert told == [
        (200, '"2/minute";r=1;t=60', None),
        (200, '"2/minute";r=0;t=50', None),
        (429, '"2/minute";r=0;t=40', "40"),
    ]


def test_the_refusal_is_finished_and_noted() -> None:
    layer = RateLimit(hello, "1/10 years")
    call(layer)
    notes: dict[str, Any] = {}
    answer = call(layer, headers={"Accept": "application/json"}, environ={"wsgikit.notes": notes})
    assert (answer.status, answer.json()["status"]) == (429, 429)
    assert notes == {"refused": "RateLimit"}


def test_two_limits_within_each_other_both_tell() -> None:
    layer = RateLimit(RateLimit(hello, "5/second", name="burst"), "100/day", name="daily")
    policies = call(layer).all("RateLimit-Policy")
    assert policies == ['"burst";q=5;w=1', '"daily";q=100;w=86400']


def test_a_head_that_is_decided_anew_is_told_again() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            start_response("200 OK", [])
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b"oh no"]

    answer = call(RateLimit(app, "5/year"))
    assert answer.status == 500
    assert len(answer.all("RateLimit")) == 1


def test_the_apps_own_list_of_headers_is_left_alone() -> None:
    headers = [("Content-Type", "text/plain")]

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", headers)
        return [b"x"]

    call(RateLimit(app, "5/year"))
    assert headers == [("Content-Type", "text/plain")]


# ---- whose counts they are


def test_layers_given_the_same_count_together_unless_their_names_differ() -> None:
    assert statuses(RateLimit(hello, "1/year"), 2) == [200, 429]
    assert statuses(RateLimit(hello, "1/year"), 1) == [429]
    assert statuses(RateLimit(hello, "1/year", name="login"), 2) == [200, 429]
    assert statuses(RateLimit(hello, "1/year", when=Method("GET")), 1) == [200]
    assert statuses(RateLimit(hello, "1/year", key="header:X"), 1) == [200]
    assert statuses(RateLimit(hello, "1/year", strategy="fixed-window"), 1) == [200]


class Whose:
    """A key that is no function."""

    def __call__(self, environ: Any) -> str:
        return "everybody"


def of_user(environ: Any) -> str:
    return "everybody"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "client_ip"),
        ({"key": "header:X", "when": Method("GET")}, "header:X when Method('GET')"),
        ({"key": of_user}, f"{__name__}.of_user"),
        ({"key": Whose()}, f"<{__name__}.Whose object>"),
        ({"key": functools.partial(of_user)}, "functools.partial(<function of_user>)"),
        ({"name": "login", "key": of_user}, "login"),
    ],
)
def test_a_limit_is_called_the_same_in_every_process(
    options: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    items: list[Any] = []
    limiter = ratelimiter.limiter
    monkeypatch.setattr(ratelimiter, "limiter", lambda *given: items.append(given[2]) or limiter(*given))
    assert call(RateLimit(hello, "1/year", service="shop", **options)).status == 200
    assert items[0].namespace == f"wsgikit/shop/{told}/sliding-window"


def test_services_count_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(RateLimit(hello, "1/year", service="shop"), 2) == [200, 429]
    assert statuses(RateLimit(hello, "1/year", service="blog"), 1) == [200]
    monkeypatch.setenv("WSGIKIT_SERVICE", "shop")
    assert statuses(RateLimit(hello, "1/year"), 1) == [429]


def test_copies_and_pickles_count_together() -> None:
    layer = RateLimit(hello, "3/year", when=Method("GET"))
    others = [layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer]
    assert [call(one).status for one in others] == [200, 200, 200, 429]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_after_use_counts_on() -> None:
    layer = RateLimit(hello, "2/year")
    assert call(layer).status == 200
    child = os.fork()
    if child == 0:
        os._exit(0 if statuses(layer, 2) == [200, 429] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert call(layer).status == 429


WORKER = """
import sys
from wsgikit.operations import service
from wsgikit.operations.ratelimit import RateLimit
from wsgikit.testing import call

folder, strategy, store = sys.argv[1:]
service._folder = lambda: folder

def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]

layer = RateLimit(hello, "500/year", strategy=strategy, service="shop", store=store)
sys.stdin.readline()
print(sum(call(layer).status == 200 for _ in range(200)))
"""


def allowed_by_eight_processes(folder: Path, strategy: str, store: str) -> int:
    command = [sys.executable, "-c", WORKER, str(folder), strategy, store]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers: list[subprocess.Popen[str]] = [subprocess.Popen(command, **pipes) for _ in range(8)]  # type: ignore[call-overload]
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return sum(int(worker.communicate(timeout=120)[0]) for worker in workers)


@pytest.mark.parametrize("strategy", ratelimiter.STRATEGIES)
def test_eight_processes_together_let_through_exactly_the_amount(host: Path, strategy: str) -> None:
    assert allowed_by_eight_processes(host, strategy, "host") == 500


# ---- while the store fails


def failing(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    """The place where the workers meet is gone."""
    host.rename(host.with_name("gone"))
    monkeypatch.setattr(ratelimit, "_PAUSE", 0.0)


def test_requests_pass_while_the_store_fails_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, host: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layer = RateLimit(hello, "1/year")
    failing(monkeypatch, host)
    assert statuses(layer, 3) == [200] * 3
    assert call(layer).header("RateLimit") is None
    assert [(r.name, r.levelname) for r in caplog.records] == [("wsgikit.ratelimit", "ERROR")]
    assert "rate limit 1/year: its store fails, allowing all requests: " in caplog.text
    host.with_name("gone").rename(host)
    assert statuses(layer, 2) == [200, 429]
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING"]
    assert "its store is back" in caplog.text


def test_on_error_deny_answers_503(monkeypatch: pytest.MonkeyPatch, host: Path) -> None:
    layer = RateLimit(hello, "1/year", on_error="deny")
    failing(monkeypatch, host)
    answer = call(layer)
    assert (answer.status, answer.header("Retry-After")) == (503, "1")


def test_a_store_that_failed_is_left_alone_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(MemoryStorage):
        asked = 0

        def acquire_sliding_window_entry(self, *args: Any, **options: Any) -> bool:
            self.asked += 1
            raise OSError("down")

    now = [100.0]
    monkeypatch.setattr(ratelimit, "monotonic", lambda: now[0])
    broken = Broken()
    layer = RateLimit(hello, "1/year", store=broken)
    assert statuses(layer, 3) == [200] * 3
    assert broken.asked == 1
    now[0] += 1.001
    assert statuses(layer, 3) == [200] * 3
    assert broken.asked == 2


def test_a_redis_that_is_not_there_costs_nobody_seconds(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        port = silent.getsockname()[1]
        layer = RateLimit(hello, "1/year", store=f"redis://:hidden@127.0.0.1:{port}")
        assert statuses(layer, 3) == [200] * 3
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()  # it was tried once, and not again
    assert "its store fails" in caplog.text
    assert "hidden" not in caplog.text


@contextmanager
def redis_server(folder: Path, program: str) -> Iterator[str]:
    path = folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        while "eady to accept connections" not in (line := process.stdout.readline()):
            assert line, "redis-server has ended"
        yield f"redis+unix://{path}"
    finally:
        process.terminate()
        process.communicate()


def test_redis_counts_for_several_hosts(program: Any, host: Path, tmp_path: Path) -> None:
    with redis_server(tmp_path, program("redis-server", "redis-server of Debian")) as store:
        assert allowed_by_eight_processes(host, "moving-window", store) == 500


# ---- options


@pytest.mark.parametrize(
    ("rate", "amount", "seconds"),
    [("10/minute", 10, 60), ("10 per minute", 10, 60), (" 5 / 10 seconds ", 5, 10), ("1/HOUR", 1, 3600)],
)
def test_rates_are_those_of_limits(rate: str, amount: int, seconds: int) -> None:
    policy = call(RateLimit(hello, rate)).header("RateLimit-Policy")
    assert str(policy).endswith(f";q={amount};w={seconds}")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rate", "10"),
        ("rate", "10/fortnight"),
        ("rate", "0/minute"),
        ("rate", "10/minute; 100/hour"),
        ("rate", 10),
        ("key", "clientip"),
        ("when", "GET"),
        ("store", "hosts"),
        ("store", "carrier-pigeon://loft"),
        ("store", None),
        ("strategy", "sliding"),
        ("service", "a/b"),
        ("name", 'a"b'),
        ("name", ""),
        ("on_error", "panic"),
    ],
)
def test_an_option_that_will_not_do_is_named(option: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=f"RateLimit: {option}="):
        RateLimit(hello, **{"rate": "10/minute", option: value})


def test_a_moving_window_of_very_many_is_refused_on_the_host() -> None:
    with pytest.raises(ValueError, match="sliding-window"):
        RateLimit(hello, "5000/hour", strategy="moving-window")
    RateLimit(hello, "5000/hour", strategy="moving-window", store="memory")


def test_options_are_kept_under_their_names() -> None:
    layer = RateLimit(hello, "10/minute", key="cookie:sid", on_error="deny", service="shop")
    assert (layer.rate, layer.key, layer.on_error, layer.service) == (
        "10/minute",
        "cookie:sid",
        "deny",
        "shop",
    )
    assert (layer.store, layer.strategy, layer.name, layer.when) == (
        "host",
        "sliding-window",
        "10/minute",
        None,
    )
    assert layer.options() == {
        "rate": "10/minute",
        "key": "cookie:sid",
        "on_error": "deny",
        "service": "shop",
    }


def test_without_limits_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "limits"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("ratelimiter", "hoststore"):
        monkeypatch.delitem(sys.modules, f"wsgikit.operations.{name}")
    monkeypatch.setitem(sys.modules, "limits", None)
    with pytest.raises(ImportError, match="extra 'ratelimit'"):
        RateLimit(hello, "10/minute")
