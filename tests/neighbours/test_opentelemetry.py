"""OpenTelemetry's WSGI middleware around our layers and between them: one span for each request, ended once."""

from __future__ import annotations

from wsgiref.types import WSGIEnvironment

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, format_span_id, format_trace_id

from tests.neighbours.observers import Telemetry
from tests.neighbours.scene import Closing, Failure, Log, fails_at_once, fails_while_streaming
from wsgikit import (
    CatchErrors,
    Compress,
    ConditionalGet,
    Head,
    Layer,
    Mount,
    RequestId,
    Route,
    Router,
    Stack,
    TrustedProxies,
)
from wsgikit.testing import call

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


def status_of(span: ReadableSpan) -> object:
    assert span.attributes is not None
    return span.attributes["http.status_code"]


def test_a_span_ends_once_when_the_body_is_closed_whichever_stands_outside(telemetry: Telemetry) -> None:
    layers = [Log().layer, Layer(CatchErrors), Layer(Compress)]
    for at in range(len(layers) + 1):
        app = Closing()
        stack = Stack(*layers[:at], telemetry.layer, *layers[at:])
        answer = call(stack(app), headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200
        assert app.closed == 1
        assert len(telemetry.spans) == at + 1


def test_a_span_around_a_finished_stack_has_the_status_that_the_client_gets(telemetry: Telemetry) -> None:
    app = telemetry.layer(Stack(Layer(Head), Layer(ConditionalGet))(Closing()))
    assert call(app, headers={"If-None-Match": '"one"'}).status == 304
    assert status_of(telemetry.span) == 304


def test_outside_a_router_it_has_the_path_and_inside_its_hook_finds_the_route(telemetry: Telemetry) -> None:
    def name_by_route(span: Span, environ: WSGIEnvironment) -> None:
        span.update_name(f"{environ['REQUEST_METHOD']} {environ['wsgikit.route'].route.rule}")

    inside = Layer(telemetry.layer.factory, request_hook=name_by_route, **telemetry.layer.options())
    router = Router([Route("/orders/<int:id>", inside(Closing()))])
    call(telemetry.layer(router), path="/orders/7")
    assert [span.name for span in telemetry.spans] == ["GET /orders/<int:id>", "GET /orders/7"]


def test_a_span_inside_a_mount_names_the_path_within_it_and_the_whole_target(telemetry: Telemetry) -> None:
    call(Mount({"/shop": telemetry.layer(Closing())}), path="/shop/cart")
    assert telemetry.span.name == "GET /cart"
    assert telemetry.span.attributes is not None
    assert telemetry.span.attributes["http.target"] == "/shop/cart"


def test_a_trace_that_a_trusted_peer_has_begun_goes_on_through_request_id(telemetry: Telemetry) -> None:
    notes: dict[str, str] = {}
    stack = Stack(Layer(RequestId, trust="loopback"), telemetry.layer)
    call(stack(Closing()), headers=TRACED, environ={"wsgikit.notes": notes})
    parent = telemetry.span.parent
    assert parent is not None
    assert format_trace_id(parent.trace_id) == TRACE == notes["trace_id"]
    assert format_span_id(parent.span_id) == notes["span_id"] != PARENT  # our place in the trace is between
    assert notes["parent_id"] == PARENT


def test_a_trace_of_a_peer_that_is_not_trusted_stops_at_request_id(telemetry: Telemetry) -> None:
    call(Stack(Layer(RequestId), telemetry.layer)(Closing()), headers=TRACED)
    assert telemetry.span.parent is None


def test_outside_request_id_it_believes_whoever_sends_a_trace(telemetry: Telemetry) -> None:
    call(Stack(telemetry.layer, Layer(RequestId))(Closing()), headers=TRACED)
    assert telemetry.span.parent is not None
    assert format_trace_id(telemetry.span.parent.trace_id) == TRACE


@pytest.mark.parametrize(("outside", "address"), [(False, "203.0.113.9"), (True, "127.0.0.1")])
def test_it_has_the_client_where_trusted_proxies_stands_outside(
    telemetry: Telemetry, outside: bool, address: str
) -> None:
    trust = Layer(TrustedProxies, "loopback")
    stack = Stack(telemetry.layer, trust) if outside else Stack(trust, telemetry.layer)
    call(stack(Closing()), headers={"X-Forwarded-For": "203.0.113.9"})
    assert telemetry.span.attributes is not None
    assert telemetry.span.attributes["net.peer.ip"] == address


def test_around_catch_errors_it_has_the_500_and_inside_it_the_exception(telemetry: Telemetry) -> None:
    assert call(Stack(telemetry.layer, Layer(CatchErrors))(fails_at_once)).status == 500
    assert call(Stack(Layer(CatchErrors), telemetry.layer)(fails_at_once)).status == 500
    around, inside = telemetry.spans
    assert status_of(around) == 500
    assert not around.events
    (event,) = inside.events
    assert event.attributes is not None
    assert str(event.attributes["exception.type"]).endswith("Failure")


def test_what_fails_while_streaming_ends_the_span_and_breaks_off(telemetry: Telemetry) -> None:
    log = Log()
    with pytest.raises(Failure):
        call(Stack(log.layer, telemetry.layer, Layer(Compress))(fails_while_streaming))
    assert telemetry.span.events
    assert log.lines == ["200 14"]


@pytest.mark.parametrize("layer", [Head, ConditionalGet])
def test_a_body_that_a_layer_leaves_out_ends_the_span_inside_it_and_is_closed(
    telemetry: Telemetry, layer: type
) -> None:
    """Its body is a generator, which runs no ``finally`` if it is closed before it was started."""
    app = Closing()
    method = "HEAD" if layer is Head else "GET"
    answer = call(Stack(Layer(layer), telemetry.layer)(app), method, headers={"If-None-Match": '"one"'})
    assert answer.body == b""
    assert app.closed == 1
    assert status_of(telemetry.span) == 200
