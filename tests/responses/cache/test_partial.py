"""K17, the second half: parts of responses, kept, given again and joined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.responses.cache.scene import Scene, hit
from tests.responses.cache.test_conformance import Files
from wsgikit.responses.cache.head import Head
from wsgikit.responses.cache.partial import Extent, extent_of
from wsgikit.responses.cache.stores.memory import MemoryStore

WHOLE = b"0123456789"


class Film(Scene):
    """A scene whose app answers Range with 206, and anything else with the whole."""

    def __init__(self, *headers: tuple[str, str], cc: str = "max-age=60", **options: Any) -> None:
        super().__init__(**options)
        self.tag = '"a"'
        self.more = headers

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.asked.append(dict(environ))
            headers = [("Cache-Control", cc), *self.more]
            if self.tag:
                headers.append(("ETag", self.tag))
            if "HTTP_RANGE" not in environ:
                start_response("200 OK", headers)
                return iter([WHOLE])
            first, last = environ["HTTP_RANGE"].removeprefix("bytes=").split("-")
            part = WHOLE[int(first) : int(last) + 1]
            headers.append(("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(WHOLE)}"))
            start_response("206 Partial Content", headers)
            return iter([part])

        self.cache.app = app


def kept(scene: Scene) -> list[tuple[int, int]]:
    """Status and size of all that is stored."""
    return [(entry.status, entry.size) for entry in scene.cache.store.find("http://testserver/page")]


@pytest.mark.parametrize("store", [MemoryStore, Files])
@pytest.mark.parametrize(
    ("wanted", "body", "content_range"),
    [
        ("bytes=2-5", b"2345", "bytes 2-5/10"),
        ("bytes=3-4", b"34", "bytes 3-4/10"),
        ("bytes=5-5", b"5", "bytes 5-5/10"),
    ],
)
def test_k17_what_lies_in_a_stored_part_is_answered_from_it(
    store: Any, wanted: str, body: bytes, content_range: str
) -> None:
    scene = Film(store=store())
    scene.get(Range="bytes=2-5")
    answer = scene.get(Range=wanted)
    assert (hit(answer), answer.status, answer.body) == (True, 206, body)
    assert answer.all("Content-Range") == [content_range]
    assert answer.all("Content-Length") == [str(len(body))]


def test_k17_a_suffix_or_an_open_range_is_found_in_the_last_part() -> None:
    scene = Film()
    scene.get(Range="bytes=4-9")
    assert scene.get(Range="bytes=-3").body == b"789"
    assert scene.get(Range="bytes=5-").body == b"56789"
    assert scene.calls == 1


@pytest.mark.parametrize("wanted", ["bytes=1-3", "bytes=5-6", "bytes=0-0", "bytes=5-9"])
def test_k17_what_lies_beyond_it_is_asked_for(wanted: str) -> None:
    scene = Film()
    scene.get(Range="bytes=2-5")
    assert scene.get(Range=wanted).header("Cache-Status") == "wsgikit; fwd=partial; stored"


def test_k17_head_is_never_answered_out_of_a_part() -> None:
    """Range means nothing beside it (RFC 9110 section 14.2), and it would get a body."""
    film = Film()
    film.get(Range="bytes=0-8")

    def head(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "10")])
        return []

    film.cache.app = head
    answer = film.get(method="HEAD", Range="bytes=0-4")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "10")


def test_k17_a_part_is_never_given_for_the_whole() -> None:
    scene = Film()
    scene.get(Range="bytes=0-9")
    scene.tag = '"b"'
    scene.get(Range="bytes=0-3")
    assert scene.get().body == WHOLE


def test_k17_a_part_answers_if_range_by_its_strong_tag() -> None:
    scene = Film()
    scene.get(Range="bytes=2-5")
    assert hit(scene.get(Range="bytes=3-4", If_Range='"a"'))
    assert not hit(scene.get(Range="bytes=3-4", If_Range='"b"'))


def test_k17_a_stale_part_is_not_used() -> None:
    scene = Film()
    scene.get(Range="bytes=2-5")
    assert not hit(scene.wait(61).get(Range="bytes=2-5"))


@pytest.mark.parametrize("store", [MemoryStore, Files])
@pytest.mark.parametrize("second", ["bytes=4-7", "bytes=3-7", "bytes=2-7"])
def test_k17_parts_that_touch_become_one(store: Any, second: str) -> None:
    scene = Film(store=store())
    scene.get(Range="bytes=0-3")
    scene.get(Range=second)
    assert kept(scene) == [(206, 8)]
    answer = scene.get(Range="bytes=1-6")
    assert (hit(answer), answer.body, answer.header("Content-Range")) == (True, b"123456", "bytes 1-6/10")


@pytest.mark.parametrize("ranges", [("0-4", "5-9"), ("5-9", "0-4"), ("0-3", "6-9", "3-6"), ("4-9", "0-9")])
def test_k17_parts_that_cover_everything_become_the_response(ranges: tuple[str, ...]) -> None:
    scene = Film(("X-Served", "yes"))
    for wanted in ranges:
        scene.get(Range=f"bytes={wanted}")
    scene.get(Range="bytes=0-9")
    answer = scene.get()
    assert (hit(answer), answer.status, answer.body) == (True, 200, WHOLE)
    assert answer.header("Content-Range") is None
    assert (answer.header("Content-Length"), answer.header("X-Served")) == ("10", "yes")


@pytest.mark.parametrize(("first", "second"), [('"a"', '"b"'), ('W/"a"', 'W/"a"'), ("", "")])
def test_k17_parts_are_joined_under_the_same_strong_validator_alone(first: str, second: str) -> None:
    scene = Film()
    scene.tag = first
    scene.get(Range="bytes=0-4")
    scene.tag = second
    scene.get(Range="bytes=5-9")
    assert sorted(kept(scene)) == [(206, 5), (206, 5)]


def test_k17_parts_of_two_variants_are_not_joined() -> None:
    scene = Film(("Vary", "Foo"))
    scene.get(Range="bytes=0-4", Foo="1")
    scene.get(Range="bytes=5-9", Foo="2")
    assert sorted(kept(scene)) == [(206, 5), (206, 5)]
    assert not hit(scene.get(Range="bytes=5-9", Foo="1"))


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-4/4", "bytes 4-0/10", "bytes 0-3/10", "bytes */10", "lines 0-4/10", "0-4/10", "bytes 0-4", ""],
)
def test_k2_206_without_a_valid_content_range_is_not_stored(content_range: str) -> None:
    scene = Scene().answers(("Content-Range", content_range), ("ETag", '"a"'), cc="max-age=60", status=206)
    scene.get(Range="bytes=0-4")
    assert kept(scene) == []


def test_k2_206_of_several_parts_is_not_stored() -> None:
    scene = Scene().answers(cc="max-age=60", status=206)
    scene.get(Range="bytes=0-1,3-4")
    assert kept(scene) == []


@given(
    st.text(st.characters(max_codepoint=255))
    | st.from_regex(r"bytes [0-9]+-[0-9]+/([0-9]+|\*)", fullmatch=True)
)
def test_k2_a_content_range_is_consistent_or_none(text: str) -> None:
    extent = extent_of(Head(206, [("Content-Range", text)]))
    if extent is not None:
        assert 0 <= extent.start < extent.stop
        assert extent.total is None or extent.stop <= extent.total
        assert extent_of(Head(206, [("Content-Range", str(extent))])) == extent


def test_an_extent_knows_whether_it_is_whole() -> None:
    assert Extent(0, 5, 5).whole
    assert not Extent(0, 5, None).whole
    assert not Extent(1, 5, 5).whole
