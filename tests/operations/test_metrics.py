"""Metrics: what Prometheus reads, as Prometheus' own parsers read it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as _openmetrics_parser  # noqa: F401 - opens openmetrics.parser

from wsgikit.operations.metrics import Metrics
from wsgikit.testing import call, lint

pytestmark = pytest.mark.usefixtures("host")
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def app(environ: Any, start_response: Any) -> list[bytes]:
    route, _, status = environ["PATH_INFO"][1:].partition("/")
    environ["wsgikit.notes"]["route"] = f"/{route}"
    start_response(f"{status or 200} Status", [])
    return [b"12345"]


def samples(layer: Any, **headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and by the values of labels in the order of their names."""
    answer = call(layer, path="/metrics", headers=headers, environ=LOCAL)
    assert answer.status == 200
    text = answer.body.decode()
    kind = answer.header("Content-Type") or ""
    read = (
        openmetrics.parser.text_string_to_metric_families
        if kind.startswith("application/openmetrics-text")
        else parser.text_string_to_metric_families
    )
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in read(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0", "text/plain"])
def test_requests_are_counted_by_route_and_status(accept: str) -> None:
    layer = Metrics(app, service="test")
    for path in ("/a", "/a", "/a/404", "/b/503", "/b/302"):
        call(layer, path=path)
    found = samples(layer, Accept=accept)
    counts = {labels: value for (name, labels), value in found.items() if name == "http_requests_total"}
    assert counts == {("/a", "2xx"): 2, ("/a", "4xx"): 1, ("/b", "5xx"): 1, ("/b", "3xx"): 1}
    assert found["http_requests_failed_total", ()] == 1
    assert found["http_response_size_bytes_sum", ("/a", "2xx")] == 10
    assert found["http_response_size_bytes_count", ("/a", "4xx")] == 1
    assert found["http_request_duration_seconds_count", ("/a", "2xx")] == 2
    assert found["http_request_duration_seconds_bucket", ("+Inf", "/a", "4xx")] == 1
    assert ("http_request_duration_seconds_count", ("/a", "5xx")) not in found
    assert found["http_requests_in_flight", ()] == 0
    assert found["wsgi_workers", ("idle",)] == 1
    assert found["wsgi_worker_resident_memory_bytes", ("1",)] > 1_000_000


def test_buckets_hold_what_was_quicker_as_well() -> None:
    layer = Metrics(app, service="test")
    for _ in range(10):
        call(layer, path="/a")
    buckets = [
        value for (name, _), value in samples(layer).items() if name == "http_request_duration_seconds_bucket"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 10


@pytest.mark.parametrize("route", ['"', "\\", "\n", "{}", "\xe9", "☃", "x" * 1000])
def test_any_route_stays_within_its_label(route: str) -> None:
    def noting(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"]["route"] = route
        start_response("200 OK", [])
        return []

    layer = Metrics(noting, service="test")
    call(layer)
    found = samples(layer, Accept="application/openmetrics-text; version=1.0.0")
    [labels] = [labels for name, labels in found if name == "http_requests_total"]
    assert route.startswith(labels[0])
    assert len(labels[0]) >= min(len(route), 42)


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", 200), ("10.1.2.3", 200), ("8.8.8.8", 404), ("", 404)]
)
def test_loopback_and_private_networks_may_read_it(address: str, status: int) -> None:
    layer = lint(Metrics(app, service="test"))
    assert call(layer, path="/metrics", environ={"REMOTE_ADDR": address}).status == status


def test_its_own_requests_are_not_counted() -> None:
    layer = Metrics(app, service="test")
    samples(layer)
    assert not [name for name, _ in samples(layer) if name == "http_requests_total"]


def test_without_prometheus_client_it_says_what_is_missing() -> None:
    code = """
import sys
sys.modules["prometheus_client"] = None
from wsgikit.operations.metrics import Metrics
try:
    Metrics(print)
except ImportError as error:
    assert "wsgikit[metrics]" in str(error)
else:
    raise AssertionError("there was no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_upstreams_and_cache_are_counted_with_labels_that_stay_whole() -> None:
    def noting(environ: Any, start_response: Any) -> list[bytes]:
        environ["wsgikit.notes"].update(environ["noted"])
        start_response("200 OK", [])
        return []

    layer = Metrics(noting, service="test")
    hostile = 'http://a"b\\c\nd/\xe9'
    call(layer, environ={"noted": {"upstream": hostile, "retries": 2, "upstream_time": 0.5, "cache": "miss"}})
    call(layer, environ={"noted": {"upstream": hostile, "upstream_error": "timeout", "cache": "stale"}})
    call(layer, environ={"noted": {"cache": "hit"}})
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        found = samples(layer, Accept=accept)
        assert found["http_upstream_requests_total", (hostile,)] == 2
        assert found["http_upstream_failures_total", ("timeout", hostile)] == 1
        assert found["http_upstream_retries_total", (hostile,)] == 2
        assert found["http_upstream_duration_seconds_sum", (hostile,)] == 0.5
        assert found["http_upstream_duration_seconds_count", (hostile,)] == 2
        statuses = {labels[0] for name, labels in found if name == "http_cache_requests_total"}
        assert statuses == {"hit", "miss", "stale"}


@pytest.mark.parametrize(
    "accept",
    ["text/plain;version=version=", "text/plain;version=0.0.4;escaping=x", "\x01;;=,", "é", "*/*;q=x"],
)
def test_an_accept_that_makes_no_sense_is_answered_with_text(accept: str) -> None:
    answer = call(
        lint(Metrics(app, service="test")), path="/metrics", headers={"Accept": accept}, environ=LOCAL
    )
    assert answer.status == 200
    assert (answer.header("Content-Type") or "").startswith("text/plain; version=")
