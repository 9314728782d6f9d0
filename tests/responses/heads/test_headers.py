from __future__ import annotations

import copy
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest

from wsgikit.responses.heads.headers import Headers
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import expectations

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = [b"<p>hello"]
GIVEN = [
    ("Content-Type", "text/html"),
    ("Server", "app"),
    ("X-One", "1"),
    ("x-one", "2"),
    ("Set-Cookie", "a=1"),
]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", GIVEN)
    return PAGE


def changed(**options: Any) -> list[tuple[str, str]]:
    return call(lint(Headers(lint(app), **options))).headers


def test_without_options_the_headers_are_the_apps() -> None:
    assert changed() == GIVEN


def test_remove_takes_away_every_header_of_the_name() -> None:
    assert changed(remove=("x-ONE", "X-Absent")) == [GIVEN[0], GIVEN[1], GIVEN[4]]


def test_remove_takes_one_name() -> None:
    assert changed(remove="server") == [GIVEN[0], *GIVEN[2:]]


def test_set_replaces_what_the_app_gave() -> None:
    assert changed(set={"X-One": "3"}) == [GIVEN[0], GIVEN[1], GIVEN[4], ("X-One", "3")]


def test_default_gives_way_to_what_the_app_gave() -> None:
    assert changed(default={"SERVER": "ours", "X-New": "n"}) == [*GIVEN, ("X-New", "n")]


def test_append_stands_beside_what_the_app_gave() -> None:
    assert changed(append={"Set-Cookie": ["b=2", "c=3"], "X-New": "n"}) == [
        *GIVEN,
        ("Set-Cookie", "b=2"),
        ("Set-Cookie", "c=3"),
        ("X-New", "n"),
    ]


def test_order_is_remove_set_default_append() -> None:
    headers = changed(
        remove=("Server", "X-One"),
        set={"X-Both": "set"},
        default={"Server": "default", "X-Both": "default", "X-One": "default"},
        append={"X-One": "append"},
    )
    assert headers[2:] == [
        ("X-Both", "set"),
        ("Server", "default"),
        ("X-One", "default"),
        ("X-One", "append"),
    ]


def test_when_the_condition_does_not_hold_the_answer_is_left_alone() -> None:
    def start_response(*args: Any) -> Any:
        seen.append(args)

    seen: list[Any] = []
    layer = Headers(app, set={"X-New": "n"}, when=lambda environ: environ["PATH_INFO"] == "/static")
    layer({"PATH_INFO": "/"}, start_response)
    layer({"PATH_INFO": "/static"}, start_response)
    assert [("X-New", "n") in headers for _, headers in seen] == [False, True]
    assert seen[0][1] is GIVEN


def test_unchanged_body_is_the_same_object() -> None:
    assert Headers(app, set={"A": "1"})({}, lambda *args: None) is PAGE  # type: ignore[arg-type, return-value]


def test_the_apps_own_list_is_not_touched_and_each_answer_gets_a_list_of_its_own() -> None:
    given = list(GIVEN)
    seen: list[list[tuple[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> Any:
        seen.append(headers)
        headers.append(("Date", "today"))

    layer = Headers(app, append={"A": "1"})
    layer({}, start_response)  # type: ignore[arg-type]
    layer({}, start_response)  # type: ignore[arg-type]
    assert seen[0] is not seen[1]
    assert seen[0] == seen[1] == [*given, ("A", "1"), ("Date", "today")]
    assert given == GIVEN


def test_P2_exc_info_is_passed_on_and_the_new_head_is_changed_too() -> None:
    def failing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", GIVEN)
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [("Content-Type", "text/html")], sys.exc_info())
        return PAGE

    result = call(lint(Headers(lint(failing), set={"A": "1"})))
    assert result.status == 500
    assert result.headers == [("Content-Type", "text/html"), ("A", "1")]


@pytest.mark.parametrize("name", [name for name, expected in expectations.items() if not expected.raises])
def test_awkward_apps_arrive_right(name: str) -> None:
    expected = expectations[name]
    layer = Headers(lint(awkward_apps[name], allow=expected.breaks), default={"X-New": "n"}, remove="X-None")
    result = call(
        lint(layer, allow=expected.breaks), expected.method, expected.path, body=expected.request_body
    )
    assert (result.status, result.body) == (expected.status, expected.body)
    assert result.header("X-New") == "n"


@pytest.mark.parametrize("option", ["set", "append", "default"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X Y", "1"),
        ("X:", "1"),
        ("", "1"),
        ("X\r\nY", "1"),
        ("Connection", "close"),
        ("transfer-encoding", "chunked"),
        ("Content-Length", "5"),
        ("Status", "404"),
        ("X", "a\r\nY: b"),
        ("X", "a\x00"),
        ("X", "a\x85…"),
        ("X", ["a", "b\n"]),
    ],
)
def test_name_or_value_that_cannot_be_sent_is_refused(option: str, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Headers: {option}="):
        Headers(app, **{option: {name: value}})


@pytest.mark.parametrize(
    "options",
    [{"set": {"X": 5}}, {"set": {"X": [5]}}, {"set": [("X", "1")]}, {"set": {5: "1"}}, {"remove": [5]}]
    + [{"when": "/static"}, {"append": {"X": None}}, {"remove": 5}],
)
def test_option_of_the_wrong_kind_is_refused(options: Any) -> None:
    with pytest.raises(TypeError, match=f"Headers: {next(iter(options))}="):
        Headers(app, **options)


def test_name_given_twice_in_different_case_is_refused() -> None:
    with pytest.raises(ValueError, match="each name once"):
        Headers(app, set={"X-A": "1", "x-a": "2"})


def test_wrong_name_to_remove_is_refused() -> None:
    with pytest.raises(ValueError, match="Headers: remove="):
        Headers(app, remove=["X Y"])


def test_mistyped_option_names_the_right_one() -> None:
    with pytest.raises(TypeError, match="'append'"):
        Headers(app, apend={"A": "1"})  # type: ignore[call-arg]


def test_options_pickle_and_copy() -> None:
    layer = Headers(app, set={"A": "1"}, remove=("B",))
    assert layer.options() == {"set": {"A": "1"}, "remove": ("B",)}
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin).headers == call(layer).headers
