from __future__ import annotations

import pytest

from wsgikit.http.media import MediaTypes


@pytest.mark.parametrize(
    ("pattern", "content_type"),
    [
        ("text/html", "text/html"),
        ("text/html", "Text/HTML ; charset=utf-8"),
        ("TEXT/html", "text/html;charset=x"),
        ("text/*", "text/event-stream"),
        ("application/*+json", "application/problem+json"),
        ("*/*+xml", "image/svg+xml"),
        ("*/*", "x/y"),
    ],
)
def test_T5_type_matches_whatever_its_case_and_parameters(pattern: str, content_type: str) -> None:
    assert MediaTypes(pattern).match(content_type)


@pytest.mark.parametrize(
    ("pattern", "content_type"),
    [
        ("text/html", "text/htmlx"),
        ("text/html", "xtext/html"),
        ("text/html", ""),
        ("text/*", "textual/html"),
        ("text/*", "text/"),
        ("application/*+json", "application/json"),
        ("application/*+json", "application/x+json2"),
        ("a.b/c", "axb/c"),
        ("text/html", "text/html\nx"),
    ],
)
def test_other_types_do_not_match(pattern: str, content_type: str) -> None:
    assert not MediaTypes(pattern).match(content_type)


def test_no_patterns_match_nothing() -> None:
    assert not MediaTypes(()).match("text/html")


def test_several_patterns_match_what_each_does() -> None:
    types = MediaTypes(["text/*", "application/json"])
    assert types.match("text/css")
    assert types.match("application/json")
    assert repr(types) == "MediaTypes(['text/*', 'application/json'])"


def test_what_is_remembered_is_bounded() -> None:
    types = MediaTypes("multipart/*")
    assert all(types.match(f"multipart/mixed; boundary={number}") for number in range(1000))
    assert len(types._known) <= 256


@pytest.mark.parametrize(
    "pattern", ["text", "text/", "/html", "text/html; charset=utf-8", "te*/html", "text/h*", ""]
)
def test_wrong_pattern_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(ValueError, match="Compress: types="):
        MediaTypes([pattern], layer="Compress")


@pytest.mark.parametrize("patterns", [None, 5, b"text/html", [b"text/html"]])
def test_what_is_no_text_is_refused(patterns: object) -> None:
    with pytest.raises(TypeError, match="MediaTypes: types="):
        MediaTypes(patterns)  # type: ignore[arg-type]
