"""The scoreboard under real servers: whichever worker answers, it answers for all."""

from __future__ import annotations

import http.client
import os
import pty
import re
import select
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.operations.serving import SERVERS, Served, served
from tests.servers.launch import PATIENCE, awaited
from wsgikit.testing import ScriptedUpstream, cues


def requests(document: dict[str, Any]) -> int:
    return sum(worker["requests"] for worker in document["workers"])


def in_flight(document: dict[str, Any]) -> list[str]:
    cores = [core for worker in document["workers"] for core in worker["cores"] if core["in_request"]]
    return [core["wsgikit"]["path"] for core in cores]


@pytest.mark.parametrize("server", SERVERS)
def test_any_worker_tells_what_all_have_done_and_are_doing(
    server: str, tmp_path: Path, program: Callable[[str, str], str]
) -> None:
    if server == "uwsgi":
        program("uwsgi", "pyuwsgi")
    with served(server, tmp_path) as up:
        for _ in range(20):
            assert up.get("/hello") == (200, b"hello")
        document = up.stats_when(lambda found: requests(found) == 20)
        assert sum(worker["tx"] for worker in document["workers"]) == 100
        assert all(worker["status"] == "idle" for worker in document["workers"])
        with up.waiting():
            document = up.stats_when(lambda found: in_flight(found) == ["/wait"])
            [busy] = [worker for worker in document["workers"] if worker["status"] == "busy"]
            assert busy["pid"] != up.process.pid or server == "waitress"
            assert up.get("/readyz")[0] == 200
            assert up.get("/metrics")[0] == 200
        (up.meeting / "go").touch()
        up.stats_when(lambda found: requests(found) == 21 and not in_flight(found))


def test_a_killed_worker_is_seen_as_gone_and_its_counters_stay(tmp_path: Path) -> None:
    with served("gunicorn-gthread", tmp_path) as up:
        for _ in range(10):
            up.get("/hello")
        up.stats_when(lambda found: requests(found) == 10)
        with pytest.raises(http.client.RemoteDisconnected):
            up.get("/kill")
        document = up.stats_when(lambda found: found["wsgikit"]["lost"] == 1)
        assert document["wsgikit"]["requests"] == 10
        # The arbiter starts another, which goes on with the number, once it has a request.
        document = up.stats_when(lambda found: up.get("/hello")[0] == 200 and found["wsgikit"]["lives"] == 3)
        assert [worker["id"] for worker in document["workers"]] == [1, 2]
        assert sum(worker["harakiri_count"] for worker in document["workers"]) == 1


def total(up: Served) -> float:
    families = text_string_to_metric_families(up.get("/metrics")[1].decode())
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == "http_requests_total"
    )


def test_counters_are_right_and_never_go_back_while_workers_are_recycled_under_load(tmp_path: Path) -> None:
    with served("gunicorn-recycling", tmp_path) as up:
        answered: list[int] = []
        totals: list[float] = []
        over = threading.Event()

        def load() -> None:
            for _ in range(100):
                try:
                    status, body = up.get("/hello")
                except (ConnectionError, http.client.HTTPException):
                    continue  # gunicorn resets what waits for a worker that ends; it was never answered
                answered.append(status)
                assert body == b"hello"

        def watch() -> None:
            while not over.is_set():
                try:
                    totals.append(total(up))
                except (ConnectionError, http.client.HTTPException):
                    continue

        threads = [threading.Thread(target=load) for _ in range(4)]
        watcher = threading.Thread(target=watch)
        for thread in [watcher, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        watcher.join()
        assert set(answered) == {200}
        document = up.stats_when(lambda found: found["wsgikit"]["requests"] >= len(answered))
        assert document["wsgikit"]["requests"] <= 400  # what was not counted twice
        assert document["wsgikit"]["lives"] > 6
        assert {worker["id"] for worker in document["workers"]} <= {1, 2, 3, 4}
        assert totals == sorted(totals)
        assert len(list(up.meeting.iterdir())) == 1


GATEWAY = """
import os
from wsgikit import Cache, Metrics, Mount, ReverseProxy
from wsgikit.operations import service
service._folder = lambda: os.environ["MEETING"]

def kill(environ, start_response):
    os.kill(os.getpid(), 9)

proxy = ReverseProxy(os.environ["UPSTREAM"], retry=None)
mount = Mount({"/api": proxy, "/cached": Cache(proxy), "/gone": ReverseProxy("http://127.0.0.1:9"), "/kill": kill})
application = Metrics(mount, service="test")
"""


def samples(up: Served) -> dict[str, float]:
    """What is told of upstreams and cache; a series is named as in the text."""
    lines = up.get("/metrics")[1].decode().splitlines()
    told = [line.rpartition(" ") for line in lines if line.startswith(("http_upstream", "http_cache"))]
    return {name: float(value) for name, _, value in told}


def test_metrics_count_upstreams_and_cache_over_two_workers_and_their_lives(tmp_path: Path) -> None:
    step = cues.answer(200, [("Cache-Control", "max-age=60")], b"hello")
    with (
        ScriptedUpstream(step) as upstream,
        served("gunicorn-sync", tmp_path, GATEWAY, UPSTREAM=upstream.url) as up,
    ):
        for path in ("/api", "/cached/a"):
            for _ in range(10):
                assert up.get(path) == (200, b"hello")
        assert up.get("/gone")[0] == 502
        with pytest.raises(http.client.RemoteDisconnected):
            up.get("/kill")
        for _ in range(10):
            assert up.get("/api") == (200, b"hello")
        wanted = len(upstream.requests) + 1.0
        upstream.play(cues.close())
        assert up.get("/api")[0] == 502
        label, gone = f'{{upstream="{upstream.url}"}}', '{upstream="http://127.0.0.1:9"}'
        found: dict[str, float] = {}

        def booked() -> str:
            found.update(samples(up))
            return "yes" if found.get(f"http_upstream_requests_total{label}") == wanted else ""

        awaited(booked, f"{wanted} requests booked by two workers and the one after them")
    misses = found['http_cache_requests_total{status="miss"}']
    assert 1 <= misses <= 2  # each worker has a cache of its own
    assert found['http_cache_requests_total{status="hit"}'] == 10 - misses
    assert wanted == 20 + misses + 1
    assert found[f'http_upstream_failures_total{{kind="closed",upstream="{upstream.url}"}}'] == 1
    assert found[f"http_upstream_requests_total{gone}"] == 1
    assert found['http_upstream_failures_total{kind="unreachable",upstream="http://127.0.0.1:9"}'] == 1
    assert found[f"http_upstream_retries_total{label}"] == 0
    assert found[f"http_upstream_duration_seconds_count{label}"] == wanted
    assert 0 < found[f"http_upstream_duration_seconds_sum{label}"] < 60


def screen(command: list[str], until: Callable[[str], bool]) -> str:
    """What a program shows on a terminal, as soon as it shows what is wanted."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LINES="24", COLUMNS="200")
        os.execv(command[0], command)
    shown, deadline = "", time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline and not until(shown):
            if select.select([terminal], [], [], 1)[0]:
                try:
                    shown += re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]|\x0f", " ", os.read(terminal, 65536).decode())
                except OSError:  # it has ended
                    break
        return shown
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the test runner has threads
def test_uwsgitop_shows_gunicorns_workers(tmp_path: Path, program: Callable[[str, str], str]) -> None:
    uwsgitop = program("uwsgitop", "uwsgitop")
    with served("gunicorn-gthread", tmp_path) as up:
        for _ in range(7):
            up.get("/hello")
        with up.waiting():
            document = up.stats_when(lambda found: requests(found) == 7 and in_flight(found))
            pids = [str(worker["pid"]) for worker in document["workers"]]
            url = f"http://127.0.0.1:{up.port}/-/stats"
            shown = screen(
                [uwsgitop, "--frequency", "1", url],
                lambda text: "busy" in text and all(pid in text for pid in pids),
            )
    assert "uwsgi-wsgikit" in shown
    assert "req: 7" in shown
    assert f"masterpid: {up.process.pid}" in shown
    assert "busy" in shown
    for pid in pids:
        assert re.search(rf"\b{pid}\b", shown), shown
