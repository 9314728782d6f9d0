from __future__ import annotations

import pytest

from wsgikit.core import headers as h

PAIRS = [("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")]


class Text(str):
    __slots__ = ()


def test_names_are_found_whatever_their_case() -> None:
    assert h.get(PAIRS, "content-type") == "text/html"
    assert h.get(PAIRS, "etag") is None
    assert h.get_all(PAIRS, "set-cookie") == ["a=1", "b=2"]


def test_changes_give_a_new_list() -> None:
    before = list(PAIRS)
    assert h.without(PAIRS, "set-cookie") == [("Content-Type", "text/html")]
    assert h.replaced(PAIRS, "Set-Cookie", "c=3") == [("Content-Type", "text/html"), ("Set-Cookie", "c=3")]
    assert h.replaced(PAIRS, "ETag", '"x"')[-1] == ("ETag", '"x"')
    assert before == PAIRS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["Accept-Encoding"]),
        (["Cookie"], ["Cookie, Accept-Encoding"]),
        (["Cookie", "Origin"], ["Cookie, Origin, Accept-Encoding"]),
        (["cookie, ACCEPT-encoding"], ["cookie, ACCEPT-encoding"]),
        (["*"], ["*"]),
        ([" , "], ["Accept-Encoding"]),
    ],
)
def test_vary_is_merged_once(before: list[str], after: list[str]) -> None:
    headers = [("Vary", value) for value in before]
    h.add_vary(headers, "Accept-Encoding")
    assert h.get_all(headers, "vary") == after


@pytest.mark.parametrize("name", ["X-Name", "a", "!#$%&'*+-.^_`|~9"])
def test_tokens_are_names(name: str) -> None:
    assert h.valid_name(name)


@pytest.mark.parametrize("name", ["", "X Name", "X:", "X\n", "é", "(x)"])
def test_other_texts_are_no_names(name: str) -> None:
    assert not h.valid_name(name)


@pytest.mark.parametrize(
    ("value", "valid"),
    [("a\tb é", True), ("", True), ("a\r\nb", False), ("\0", False), ("\x7f", False), ("€", False)],
)
def test_values_hold_no_controls(value: str, valid: bool) -> None:
    assert h.valid_value(value) is valid


def test_exact_gives_plain_strings_in_a_fresh_list() -> None:
    pairs = [(Text("A"), Text("b")), ("C", "d")]
    out = h.exact(pairs)
    assert out == [("A", "b"), ("C", "d")]
    assert all(type(text) is str for pair in out for text in pair)
    assert out is not pairs
