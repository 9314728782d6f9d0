"""The stack that docs/neighbours.md begins with: theirs and ours, each where the page says, doing what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from opentelemetry.trace import format_trace_id
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from whitenoise import WhiteNoise

from tests.neighbours.observers import Sentry, Telemetry
from tests.neighbours.scene import Log, fails_at_once
from wsgikit import (
    CatchErrors,
    Compress,
    ConditionalGet,
    Head,
    Layer,
    Ranges,
    RequestId,
    Stack,
    TrustedProxies,
)
from wsgikit.testing import call, lint
from wsgikit.testing.call import Result

PAGE = (Path(__file__).parents[2] / "docs" / "neighbours.md").read_text()
CLIENT, TRACE = "203.0.113.9", "0af7651916cd43dd8448eb211c80319c"


class Site:
    def __init__(self, telemetry: Telemetry, root: Path) -> None:
        self.log = Log("%a %m %U %>s %B")
        self.stack = Stack(
            self.log.layer,
            Layer(TrustedProxies, "loopback"),
            Layer(RequestId, trust="loopback"),
            telemetry.layer,
            Layer(CatchErrors),
            Layer(SentryWsgiMiddleware),
            Layer(Head),
            Layer(Compress),
            Layer(ConditionalGet),
            Layer(Ranges),
            Layer(WhiteNoise, root=str(root), prefix="static"),
        )

    def __call__(self, path: str, method: str = "GET", **headers: str) -> Result:
        sent = {
            "X-Forwarded-For": f"198.51.100.66, {CLIENT}",
            "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = call(lint(self.stack(fails_at_once)), method, path, headers=sent)
        assert self.log.lines.pop() == f"{CLIENT} {method} {path} {answer.status} {len(answer.body)}"
        return answer


@pytest.fixture
def site(telemetry: Telemetry, sentry: Sentry, tmp_path: Path) -> Site:
    (tmp_path / "site.css").write_text("body { color: #123456 }\n" * 200)
    return Site(telemetry, tmp_path)


def test_the_page_shows_this_very_order(site: Site) -> None:
    shown = re.search(r"stack = Stack\(\n(.*?)\n\)", PAGE, re.DOTALL)
    assert shown is not None
    names = re.findall(r"^    Layer\((\w+)", shown[1], re.MULTILINE)
    assert names == [layer.name for layer in site.stack.layers]  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_logged_traced_packed_and_known_again(
    site: Site, telemetry: Telemetry, sentry: Sentry, method: str
) -> None:
    first = site("/static/site.css", method, Accept_Encoding="gzip")
    assert (first.status, first.header("Content-Encoding")) == (200, "gzip")
    again = site("/static/site.css", method, Accept_Encoding="gzip", If_None_Match=str(first.header("ETag")))
    assert again.status == 304
    assert [span.attributes["http.status_code"] for span in telemetry.spans if span.attributes] == [200, 304]
    assert {format_trace_id(span.context.trace_id) for span in telemetry.spans if span.context} == {TRACE}
    assert sentry.failures == []


def test_a_failure_is_a_500_to_all_and_told_once_with_the_client(
    site: Site, telemetry: Telemetry, sentry: Sentry
) -> None:
    assert site("/cart").status == 500
    (event,) = sentry.failures
    assert event["user"]["ip_address"] == CLIENT
    assert telemetry.span.attributes is not None
    assert telemetry.span.attributes["http.status_code"] == 500
    assert telemetry.span.attributes["net.peer.ip"] == CLIENT
