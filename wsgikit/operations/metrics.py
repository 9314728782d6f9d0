"""Metrics: the scoreboard for Prometheus."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from wsgikit.operations.allow import answer
from wsgikit.operations.backlog import backlog
from wsgikit.operations.endpoint import Endpoint
from wsgikit.operations.scoreboard.layout import BOUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client.metrics_core import Metric

    from wsgikit.operations.scoreboard.snapshot import Snapshot


class Metrics(Endpoint):
    """Answers at ``path`` with the counters of all workers, as Prometheus text or OpenMetrics, as Accept says.

    Any worker answers for all, so a scrape that reaches one of them is right, also while workers are recycled: their
    counters stay, and nothing grows. Requests for the page itself are not counted. Needs ``wsgikit[metrics]``.

    - ``path`` (``"/metrics"``): where, below the layer's own mount point; Prometheus asks there unless told otherwise.
    - ``allow`` (``("loopback", "private")``): who may see it: networks as in TrustedProxies. Others are answered 404,
      as is whoever comes by a proxy while no TrustedProxies outside tells who that is.
    - ``service`` (the project folder's name, or WSGIKIT_SERVICE): which workers belong together on this host.

    Series are labelled by status class and by route, the rule of a Router inside, of which 62 are told apart; all
    others are ``(other)``. So are upstreams of each ReverseProxy inside; what a Cache has done is counted by status.
    Raises ``ValueError`` or ``TypeError`` for an option that will not do, ``ImportError`` without prometheus-client.
    """

    def __init__(
        self,
        app: WSGIApplication,
        path: str = "/metrics",
        *,
        allow: str | Iterable[str] = ("loopback", "private"),
        service: str | None = None,
    ) -> None:
        super().__init__(app, path, allow, service)
        try:
            from prometheus_client.exposition import choose_encoder
        except ImportError:
            raise ImportError("Metrics needs prometheus-client, which wsgikit[metrics] brings") from None
        self._choose_encoder = choose_encoder

    def _show(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            encode, kind = self._choose_encoder(environ.get("HTTP_ACCEPT", ""))
        except (TypeError, ValueError):  # prometheus-client 0.26 fails on "text/plain;version=x"
            encode, kind = self._choose_encoder("")
        text = encode(_Scrape(self._accounting.snapshot(), backlog(environ)))
        return answer(environ, start_response, kind, text)


class _Scrape:
    """One look at the scoreboard, collected by prometheus-client's encoders as if it were their registry."""

    def __init__(self, snapshot: Snapshot, waiting: int) -> None:
        self._snapshot = snapshot
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        yield from _requests(self._snapshot)
        yield from _upstreams(self._snapshot)
        yield _cache(self._snapshot)
        yield from _workers(self._snapshot)
        yield _gauge(
            "http_connections_waiting", "Connections that no worker has accepted yet.", self._waiting
        )


def _requests(snapshot: Snapshot) -> Iterator[Metric]:
    from prometheus_client import core

    counted = core.CounterMetricFamily("http_requests", "Requests answered.", labels=("route", "status"))
    durations = core.HistogramMetricFamily(
        "http_request_duration_seconds",
        "Seconds from the call of the app until its body was closed.",
        labels=("route", "status"),
    )
    sizes = core.SummaryMetricFamily(
        "http_response_size_bytes", "Bytes of the bodies of answers.", labels=("route", "status")
    )
    bounds = [*(repr(bound) for bound in BOUNDS), "+Inf"]
    for route, record in snapshot.routes.items():
        for status, row in record.rows.items():
            if row.requests:
                labels = (route, status)
                counted.add_metric(labels, row.requests)
                buckets = list(zip(bounds, accumulate(row.buckets), strict=True))
                durations.add_metric(labels, buckets, row.micros / 1e6)
                sizes.add_metric(labels, row.requests, row.sent)
    yield counted
    yield durations
    yield sizes
    yield core.CounterMetricFamily(
        "http_requests_failed", "Requests that raised or were answered 5xx.", snapshot.exceptions
    )
    yield core.CounterMetricFamily(
        "http_requests_lost", "Requests in flight when their worker died.", snapshot.lost
    )
    yield _gauge("http_requests_in_flight", "Requests being answered.", snapshot.in_flight)


def _upstreams(snapshot: Snapshot) -> Iterator[Metric]:
    from prometheus_client import core

    counted = core.CounterMetricFamily(
        "http_upstream_requests", "Requests that went to an upstream.", labels=("upstream",)
    )
    failed = core.CounterMetricFamily(
        "http_upstream_failures", "Requests that no upstream has answered.", labels=("upstream", "kind")
    )
    retried = core.CounterMetricFamily(
        "http_upstream_retries", "Further tries of requests.", labels=("upstream",)
    )
    durations = core.SummaryMetricFamily(
        "http_upstream_duration_seconds",
        "Seconds from the first try of a request until the answer was over.",
        labels=("upstream",),
    )
    for url, record in snapshot.upstreams.items():
        counted.add_metric((url,), record.requests)
        retried.add_metric((url,), record.retries)
        durations.add_metric((url,), record.requests, record.micros / 1e6)
        for kind, number in record.failures.items():
            failed.add_metric((url, kind), number)
    yield counted
    yield failed
    yield retried
    yield durations


def _cache(snapshot: Snapshot) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    counted = CounterMetricFamily(
        "http_cache_requests", "Requests, by what a cache has done.", labels=("status",)
    )
    for word, number in snapshot.cache.items():
        counted.add_metric((word,), number)
    return counted


def _workers(snapshot: Snapshot) -> Iterator[Metric]:
    from prometheus_client import core

    states = core.GaugeMetricFamily("wsgi_workers", "Worker processes, by what they do.", labels=("state",))
    busy = sum(worker.busy for worker in snapshot.workers)
    states.add_metric(("busy",), busy)
    states.add_metric(("idle",), len(snapshot.workers) - busy)
    yield states
    yield core.CounterMetricFamily("wsgi_worker_starts", "Worker processes started.", snapshot.lives)
    memory = core.GaugeMetricFamily(
        "wsgi_worker_resident_memory_bytes", "Resident set size of a worker.", labels=("worker",)
    )
    started = core.GaugeMetricFamily(
        "wsgi_worker_start_time_seconds", "When a worker was started, since the epoch.", labels=("worker",)
    )
    for worker in snapshot.workers:
        memory.add_metric((str(worker.number),), worker.rss)
        started.add_metric((str(worker.number),), worker.started)
    yield memory
    yield started


def _gauge(name: str, documentation: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, documentation, value)
