"""HeaderLimit: what counts, and where the border is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.operations.headerlimit import HeaderLimit
from wsgikit.testing import build_environ, call


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def status(layer: HeaderLimit, path: str = "/", **headers: str) -> int:
    return call(
        layer, path=path, headers={name.replace("_", "-"): text for name, text in headers.items()}
    ).status


def wire(path: str, headers: dict[str, str]) -> int:
    """The head as it travels, the Host field included."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {text}" for name, text in headers.items()),
    ]
    return sum(len(line) + 2 for line in lines)


def test_an_ordinary_request_goes_through_as_it_is() -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.extend([environ, start_response])
        return body

    body: list[bytes] = []
    environ, start = build_environ(), object()
    assert HeaderLimit(app)(environ, start) is body  # type: ignore[arg-type]
    assert seen[0] is environ
    assert seen[1] is start


def test_the_defaults_are_those_of_the_contract() -> None:
    layer = HeaderLimit(hello)
    assert (layer.total, layer.count, layer.field) == (12288, 100, 8192)


def test_a_field_is_measured_with_its_name_and_line_end() -> None:
    layer = HeaderLimit(hello, field=100)
    assert status(layer, X_Key="v" * (100 - len("X-Key: \r\n"))) == 200
    assert status(layer, X_Key="v" * (101 - len("X-Key: \r\n"))) == 431


def test_the_request_line_is_414() -> None:
    layer = HeaderLimit(hello, field=100)
    around = len("GET  HTTP/1.1\r\n")
    assert status(layer, "/" * (100 - around)) == 200
    assert status(layer, "/" * (101 - around)) == 414
    assert status(HeaderLimit(hello, total=100), "/" * 200) == 414


def test_the_total_includes_the_request_line() -> None:
    headers = {"X-Key": "v" * 50}
    layer = HeaderLimit(hello, total=wire("/twelve/chars", headers))
    assert call(layer, path="/twelve/chars", headers=headers).status == 200
    assert call(layer, path="/twelve/charsx", headers=headers).status == 431


def test_fields_are_counted() -> None:
    layer = HeaderLimit(hello, count=3)
    assert status(layer, A="1", B="2") == 200  # and Host
    assert status(layer, A="1", B="2", C="3") == 431


def test_what_the_server_and_layers_put_into_environ_does_not_count() -> None:
    environ = {f"server.key{n}": "x" * 1000 for n in range(200)}
    assert call(HeaderLimit(hello), environ=environ).status == 200


def test_values_that_are_no_text_are_learned_and_no_field_among_them() -> None:
    layer = HeaderLimit(hello, field=1000)
    odd = {f"server.{n}": object() for n in range(5)} | {"CONTENT_LENGTH": 7, "HTTP_ODD": 8}
    for _ in range(2):
        assert call(layer, environ=odd).status == 200
        assert call(layer, environ={**odd, "HTTP_COOKIE": "x" * 1000}).status == 431
        assert call(layer, environ={**odd, "HTTP_ODD": "x" * 1000}).status == 431
    assert "server.3" in layer._textless
    assert "HTTP_ODD" not in layer._textless


def test_no_stranger_makes_it_learn_without_end() -> None:
    layer = HeaderLimit(hello)
    for turn in range(5):
        assert call(layer, environ={f"odd.{turn}.{n}": n for n in range(40)}).status == 200
    assert len(layer._textless) <= 100


def test_content_type_and_length_are_fields_and_count_once() -> None:
    layer = HeaderLimit(hello, count=3)
    environ = {"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "0"}
    assert call(layer, "POST", environ=environ).status == 200
    environ |= {"HTTP_CONTENT_TYPE": "text/plain", "HTTP_CONTENT_LENGTH": "0"}
    assert call(layer, "POST", environ=environ).status == 200
    assert call(layer, "POST", environ=environ, headers={"A": "1"}).status == 431


def test_a_content_field_under_its_other_name_alone_counts() -> None:
    environ = {"HTTP_CONTENT_LENGTH": "0"}
    assert call(HeaderLimit(hello, count=2), environ=environ).status == 200
    assert call(HeaderLimit(hello, count=1), environ=environ).status == 431


def test_empty_content_keys_are_no_fields() -> None:
    environ = {"CONTENT_TYPE": "", "CONTENT_LENGTH": ""}
    assert call(HeaderLimit(hello, count=1), environ=environ).status == 200


@pytest.mark.parametrize("kept", ["RAW_URI", "REQUEST_URI", ""])
def test_the_target_is_the_one_that_was_sent_where_the_server_keeps_it(kept: str) -> None:
    environ = build_environ(path="/%41" * 50 + "?" + "q" * 50)
    for key in ("RAW_URI", "REQUEST_URI"):
        if key != kept:
            del environ[key]
    around = len("GET  HTTP/1.1\r\n")
    length = 50 * (4 if kept else 2) + 51
    assert HeaderLimit(hello, field=around + length)._measure(environ) is None
    assert HeaderLimit(hello, field=around + length - 1)._measure(environ) == (
        414,
        f"The request line may have {around + length - 1} bytes at most.",
    )


def test_missing_and_odd_values_do_no_harm() -> None:
    layer = HeaderLimit(hello, field=50, count=1)

    class Text(str):
        """As some servers give."""

    assert layer._measure({}) is None
    assert layer._measure({"HTTP_COOKIE": Text("x" * 100)}) is not None
    assert layer._measure({"CONTENT_LENGTH": 7}) is None


def test_the_field_that_is_too_large_is_named() -> None:
    answer = call(HeaderLimit(hello), headers={"x-auth-token": "v" * 9000})
    assert (answer.status, answer.text.splitlines()[1]) == (
        431,
        "The header field X-Auth-Token is larger than 8192 bytes.",
    )


@pytest.mark.parametrize("name", ["HTTP_" + "X" * 9000, "HTTP_<B>", "HTTP_A\r\nB", "HTTP_"])
def test_a_name_that_cannot_be_repeated_is_not(name: str) -> None:
    answer = call(HeaderLimit(hello), environ={name: "v" * 9000}, headers={"Accept": "text/html"})
    assert answer.status == 431
    assert "<p>A header field is larger than 8192 bytes.</p>" in answer.text


def test_the_refusals_note_who_refused() -> None:
    for path, headers in (("/" * 9000, {}), ("/", {"A": "v" * 9000})):
        notes: dict[str, Any] = {}
        call(HeaderLimit(hello), path=path, headers=headers, environ={"wsgikit.notes": notes})
        assert notes == {"refused": "HeaderLimit"}


NAMES = st.text("abcdefghij", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)


@given(
    st.dictionaries(NAMES, VALUES, max_size=8),
    st.integers(20, 400),
    st.integers(1, 10),
    st.integers(20, 100),
    st.text("abc/", max_size=60),
)
def test_it_agrees_with_the_bytes_on_the_wire(
    headers: dict[str, str], total: int, count: int, field: int, path: str
) -> None:
    path = "/" + path
    layer = HeaderLimit(hello, total=total, count=count, field=field)
    answer = call(layer, path=path, headers=headers)
    line = len(f"GET {path} HTTP/1.1\r\n")
    fields = [len(f"{name}: {text}\r\n") for name, text in {"Host": "localhost", **headers}.items()]
    if line > field or line > total:
        assert answer.status == 414
    elif max(fields) > field or len(fields) > count or line + sum(fields) > total:
        assert answer.status == 431
    else:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("option", "value"),
    [("total", "12 bananas"), ("count", 0), ("count", "100"), ("field", -1), ("count", True)],
)
def test_an_option_that_will_not_do_is_named(option: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=f"HeaderLimit: {option}="):
        HeaderLimit(hello, **{option: value})
