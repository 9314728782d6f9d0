from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.responses.bodies.answering import Body, answering, start_nothing
from wsgikit.responses.bodies.replace import Replace
from wsgikit.testing import call, lint

if TYPE_CHECKING:
    from collections.abc import Iterable


def replaced(body: Iterable[bytes], table: Any, kind: str = "text/html", **options: Any) -> bytes:
    return call(lint(Replace(answering(body, kind=kind), table, **options))).body


@pytest.mark.parametrize(
    "chunks", [[b"abcdefg"], [b"ab", b"cd", b"efg"], [b"a", b"b", b"c", b"d", b"e", b"f", b"g"]]
)
def test_text_is_found_across_the_borders_of_chunks(chunks: list[bytes]) -> None:
    for body in (chunks, tuple(chunks), Body(chunks)):
        assert replaced(body, {"bcd": "X", b"ef": b"Y"}) == b"aXYg"


def test_str_is_taken_in_the_encoding_of_the_answer() -> None:
    table = {"naïve": "€"}
    assert replaced(["naïve".encode()], table, "text/html") == "€".encode()
    assert replaced(["naïve".encode("cp1252")], table, "text/html; charset=iso-8859-1") == b"\x80"
    assert replaced(["naïve".encode("utf-16-le")], table, "text/html; charset=utf-16") == "€".encode(
        "utf-16-le"
    )
    assert replaced(["naïve".encode()], table, "text/html; charset=windows-1252") == "naïve".encode()


def test_O3_what_the_encoding_lacks_is_a_reference_in_markup_and_a_question_mark_elsewhere() -> None:
    for kind in ("text/html", "application/xml", "image/svg+xml", "application/atom+xml"):
        assert replaced([b"a"], {"a": "ж"}, f"{kind}; charset=iso-8859-2", types=[kind]) == b"&#1078;"
    assert replaced([b"a"], {"a": "ж"}, "text/plain; charset=iso-8859-2", types="text/plain") == b"?"


def test_O3_bytes_within_a_character_are_no_text() -> None:
    page = "表\\".encode("cp932")
    assert replaced([page], {"\\": "/"}, "text/html; charset=shift_jis") == "表/".encode("cp932")


def test_text_that_the_encoding_lacks_leaves_the_body_itself() -> None:
    body = [b"a"]
    app = answering(body, kind="text/html; charset=iso-8859-1")
    assert Replace(app, {"ж": "x"})({}, start_nothing) is body


def test_bytes_are_taken_as_they_are_whatever_the_encoding() -> None:
    for charset in ("utf-8", "shift_jis", "utf-16", "nonsense"):
        assert replaced([b"a\x00\xffb"], {b"\x00\xff": b"-"}, f"text/html; charset={charset}") == b"a-b"


def test_unknown_encoding_leaves_text_alone() -> None:
    kind = "text/html; charset=utf-7"
    assert replaced([b"ab"], {"a": "x", b"b": b"y"}, kind) == b"ay"
    assert replaced([b"ab"], {"a": "x"}, kind) == b"ab"


def test_types_say_where() -> None:
    assert replaced([b"a"], {"a": "b"}, "text/css", types=["text/*"]) == b"b"
    assert replaced([b"a"], {"a": "b"}, "text/css") == b"a"
    assert Replace(answering([]), {}, types="text/*").types == ("text/*",)


def test_nothing_to_replace_changes_nothing() -> None:
    body = iter([b"a"])
    assert Replace(answering(body), {})({}, start_nothing) is body


def test_events_are_not_held_back() -> None:
    events = [b"data: 1\n\n", b"data: 2\n\n"]
    layer = Replace(answering(iter(events), kind="text/event-stream"), {"2": "3"}, types="text/event-stream")
    assert call(layer).chunks == [b"data: 1\n\n", b"data: 3\n\n"]


def test_P10_error_midway_does_not_release_what_was_held_back() -> None:
    def stream() -> Iterable[bytes]:
        yield b"abc"
        raise KeyError

    chunks = iter(Replace(answering(stream()), {"cd": "x"})({}, start_nothing))
    assert next(chunks) == b"ab"
    with pytest.raises(KeyError):
        next(chunks)
    assert list(chunks) == []


def test_length_told_lets_the_last_chunk_be_complete() -> None:
    layer = Replace(answering(iter([b"ab", b"c"]), ("Content-Length", "3")), {"cd": "x"})
    assert call(layer).chunks == [b"ab", b"c"]


@pytest.mark.parametrize("table", [{"": "x"}, {b"": b"x"}])
def test_empty_text_is_refused(table: Any) -> None:
    with pytest.raises(ValueError, match="Replace: replacements="):
        Replace(answering([]), table)


@pytest.mark.parametrize("table", ["ab", [("a", "b")], {"a": 1}, {1: "a"}, {"a": None}])
def test_anything_but_texts_is_refused(table: Any) -> None:
    with pytest.raises(TypeError, match="Replace: replacements="):
        Replace(answering([]), table)
