from __future__ import annotations

import pytest

from wsgikit.responses.bodies.changing import changed, may_change, weak, with_listed_tag


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ([], True),
        ([("Cache-Control", "max-age=1")], True),
        ([("Cache-Control", "max-age=1"), ("cache-control", "No-Transform")], False),
        ([("Content-Encoding", "")], True),
        ([("Content-Encoding", " identity\t")], True),
        ([("CONTENT-ENCODING", "gzip")], False),
        ([("Content-Range", "bytes 0-1/2")], False),
    ],
)
def test_head_says_whether_the_body_may_be_changed(headers: list[tuple[str, str]], allowed: bool) -> None:
    assert may_change(headers) == allowed


def test_T2_changed_head_is_a_new_list_without_what_described_the_bytes() -> None:
    headers = [
        ("Content-Length", "5"),
        ("X-Kept", "1"),
        ("ETAG", '"a"'),
        ("content-MD5", "x"),
        ("Set-Cookie", "a=1"),
    ]
    before = list(headers)
    assert changed(headers) == [("X-Kept", "1"), ("ETAG", 'W/"a"'), ("Set-Cookie", "a=1")]
    assert headers == before


@pytest.mark.parametrize("tag", ['"a"', 'W/"a"'])
def test_T2_a_weak_tag_stays_weak(tag: str) -> None:
    assert weak(tag) == 'W/"a"'


@pytest.mark.parametrize(
    ("listed", "tag"),
    [('W/"a"', 'W/"a"'), ('"b", W/"a"', 'W/"a"'), ('"a"', '"a"'), ('W/"aa"', '"a"'), ("*", '"a"')],
)
def test_304_gets_the_tag_that_the_client_listed(listed: str, tag: str) -> None:
    headers = [("ETag", '"a"'), ("X-Kept", "1")]
    assert with_listed_tag(headers, {"HTTP_IF_NONE_MATCH": listed}) == [("ETag", tag), ("X-Kept", "1")]
    assert with_listed_tag([], {"HTTP_IF_NONE_MATCH": listed}) == []
    assert with_listed_tag(headers, {}) == headers
