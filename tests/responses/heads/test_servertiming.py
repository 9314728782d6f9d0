from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.heads.servertiming import ServerTiming
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import expectations

PAGE = [b"<p>hello"]

# The header's grammar (W3C Server Timing section 2; RFC 9110 section 5.6): token *( ";" token "=" ( token / quoted )).
TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
METRIC = re.compile(rf"{TOKEN}(?:;{TOKEN}=(?:{TOKEN}|{QUOTED}))*")


def noting(*headers: tuple[str, str], **notes: Any) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        environ.setdefault("wsgikit.notes", {}).update(notes)
        start_response("200 OK", [("Content-Type", "text/html"), *headers])
        return PAGE

    return app


def metrics(layer: Any, **options: Any) -> list[str]:
    values: list[str] = call(lint(layer), **options).all("Server-Timing")
    assert len(values) == 1
    return values[0].split(", ")


def test_the_time_to_the_head_is_told_in_milliseconds() -> None:
    (metric,) = metrics(ServerTiming(noting()))
    assert re.fullmatch(r"app;dur=\d+\.\d\d", metric)


def test_the_notes_of_inner_layers_are_told() -> None:
    told = metrics(
        ServerTiming(noting(upstream_time=0.0123, cache="hit", retries=2, upstream="http://10.0.0.1"))
    )
    assert told[1:] == ["upstream;dur=12.30", 'cache;desc="hit"']


def test_notes_of_ones_own_are_told_where_they_are_listed() -> None:
    layer = ServerTiming(noting(db_time=0.5, upstream_time=1, shard=7), notes=("db_time", "shard", "absent"))
    assert metrics(layer)[1:] == ["db;dur=500.00", 'shard;desc="7"']


def test_O6_it_stands_beside_what_the_app_says() -> None:
    result = call(lint(ServerTiming(noting(("server-timing", "db;dur=3")))))
    assert len(result.all("Server-Timing")) == 2
    assert result.all("Server-Timing")[0] == "db;dur=3"


def test_O6_it_is_told_only_where_the_condition_holds() -> None:
    layer = ServerTiming(noting(), when=lambda environ: "HTTP_X_TIMING" in environ)
    assert call(layer).header("Server-Timing") is None
    assert call(layer, headers={"X-Timing": "1"}).header("Server-Timing") is not None


def test_a_request_that_is_passed_by_is_not_touched() -> None:
    environ: dict[str, Any] = {}
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append((environ, start_response))
        return PAGE

    assert ServerTiming(app, when=lambda environ: False)(environ, print) is PAGE  # type: ignore[arg-type]
    assert seen == [(environ, print)]
    assert environ == {}


@given(st.text(min_size=1), st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_O6_whatever_a_note_holds_the_header_is_well_formed(name: str, value: Any) -> None:
    (header,) = call(lint(ServerTiming(noting(**{name: value}), notes=[name]))).all("Server-Timing")
    rest = header
    while rest:
        metric = METRIC.match(rest)
        assert metric, rest
        rest = rest[metric.end() :].removeprefix(", ")


def test_a_long_note_is_cut() -> None:
    assert len(metrics(ServerTiming(noting(cache="x" * 5000)))[1]) < 200


def test_P5_the_body_is_the_same_object() -> None:
    assert ServerTiming(noting())({}, lambda *args: None) is PAGE  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("name", [name for name, expected in expectations.items() if not expected.raises])
def test_P1_to_P9_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    layer = ServerTiming(lint(awkward_apps[name], allow=expected.breaks))
    result = call(
        lint(layer, allow=expected.breaks), expected.method, expected.path, body=expected.request_body
    )
    assert (result.status, result.body) == (expected.status, expected.body)
    assert len(result.all("Server-Timing")) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"when": "/admin"}, TypeError),
        ({"notes": 5}, TypeError),
        ({"notes": [5]}, TypeError),
        ({"notes": [""]}, ValueError),
        ({"notes": b"cache"}, TypeError),
    ],
)
def test_a_wrong_option_is_refused_by_name(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"ServerTiming: {next(iter(options))}="):
        ServerTiming(noting(), **options)


def page(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    return PAGE


def test_options_pickle_and_copy() -> None:
    layer = ServerTiming(page, notes="cache")
    assert (layer.options(), layer.notes) == ({"notes": "cache"}, ("cache",))
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert len(metrics(twin)) == 1
