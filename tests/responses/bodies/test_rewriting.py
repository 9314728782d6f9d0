from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.bodies.links import Links
from wsgikit.responses.bodies.outline import PLACES
from wsgikit.responses.bodies.rewriting import LONGEST_TAG, Rewriting

if TYPE_CHECKING:
    from collections.abc import Iterable

SNIPPETS = dict(zip(PLACES, (b"[1]", b"[2]", b"[3]", b"[4]"), strict=True))


def through(chunks: Iterable[bytes], *, snippets: bool = True, links: bool = False) -> bytes:
    rewritten = Links(lambda url: "/app" + url, "utf-8") if links else None
    rewriting = Rewriting(SNIPPETS if snippets else {}, rewritten)
    return b"".join([*map(rewriting.feed, chunks), rewriting.finish()])


def bytewise(page: bytes) -> list[bytes]:
    return [page[place : place + 1] for place in range(len(page))]


def assert_becomes(page: str, expected: str) -> None:
    assert through([page.encode()]).decode() == expected
    assert through(bytewise(page.encode())).decode() == expected


@pytest.mark.parametrize(
    "marked",
    [
        "<html><head>[1]<title>x</title>[2]</head><body>[3]<p>[4]</body></html>",
        "<!DOCTYPE html>\n<HTML lang=de><!-- c --><HEAD >[1]\n[2]</HEAD>\n<BODY class=a>[3]x[4]</BODY></HTML>",
        # No tags at all: before the first thing that is of the head, of the body, and at the end.
        "<!doctype html><!-- c -->\n[1]<title>x</title><link>\n[2][3]<p>x</p>\n[4]",
        "[1][2][3]text[4]",
        "  [1][2][3]&nbsp;[4]",
        "[1][2][3]<p>[4]",
        "[1][2][3]a < b[4]",
        "[1]<meta>[2][3]<3[4]",
        "<html>[1][2]</head>[3]<p>[4]</html>",
        "<html>[1][2]<body>[3][4]</body>",
        "<head>[1][2]<body>[3]x[4]</html>",
        "<head>[1]<script>x</script>[2][3]<div>[4]",
        "<head>[1]</p></div>[2]</head></p>[3]<p>[4]",
        "<head>[1]<head><html>[2]</head>[3]<p>[4]",
        "<head>[1]<meta>[2][3][4]</body>",
        "[1]<title>x</title>[2][3][4]",
        # After the head, what is of the head does not begin the body, but noscript does.
        "<head>[1][2]</head><link><script></script>\n<body>[3]x[4]",
        "<head>[1]<noscript><link></noscript>[2]</head>[3]<noscript></noscript>[4]",
        # The first of several.
        "<head>[1][2]</head><body>[3]x[4]</body>y</body><body></html>",
    ],
)
def test_snippets_stand_where_head_and_body_begin_and_end(marked: str) -> None:
    page = marked
    for mark in ("[1]", "[2]", "[3]", "[4]"):
        page = page.replace(mark, "")
    assert_becomes(page, marked)


@pytest.mark.parametrize(
    "decoy",
    [
        "<!-- </body> -->",
        "<!-- </body> --!>",
        "<!--</body><!-->",
        "<!-- > </body> -- > -->",
        "<script>'</body>'</script>",
        "<SCRIPT type=a>'</body></scripts></body>'</ScRiPt >",
        "<script><!-- </body> </script>",
        "<script><!-- <script> </script></body> --></script>",
        "<script><!-- <script> </script></body> </script>",
        "<script><!--> <script></script>",
        "<style></body></style>",
        "<textarea></body></textarea>",
        "<title></body></title>",
        "<iframe></body></iframe>",
        "<xmp></body></xmp>",
        "<noembed></body></noembed>",
        "<noframes></body></noframes>",
        "<template></body></template>",
        "<template><template></template></body></template>",
        "<template><script></template></script></body></template>",
        "<noscript></body></noscript>",
        "<a title='</body>'>",
        '<a title="</body>" b=\'</body>\' c = "</body>">',
        "<a title='\"></body>'>",
        "<a b\"c='</body>'>",
        "<a =x='</body>'>",
        "<?php </body",
        "<!foo </body ",
        "</ </body ",
        "<svg><![CDATA[ </body> ]]></svg>",
        "<svg><style/><title/></svg>",
        "<svg><script/></svg>",
        "<svg><foreignObject><style></body></style></foreignObject></svg>",
        "<math><mi><script></body></script></mi></math>",
        "<svg><p><script></body></script>",
        "<svg></p><script></body></script>",
        "<bodyx></bodyx></ body ",
    ],
)
def test_O2_nothing_is_put_in_script_comment_attribute_template_and_the_like(decoy: str) -> None:
    end = ">" if decoy.endswith(("<?php </body", "<!foo </body ", "</ </body ", "</ body ")) else ""
    page = f"<head>[1][2]</head><body>[3]<p>{decoy}{end}</p>[4]</body>"
    assert_becomes(page.translate({ord(digit): None for digit in "1234"}).replace("[]", ""), page)


@pytest.mark.parametrize(
    "decoy",
    ["<!-- <head> -->", "<title><head></title>", "<script>'<body>'</script>", "<template><body></template>"],
)
def test_O2_nothing_is_put_in_such_places_of_the_head(decoy: str) -> None:
    page = f"<head>[1]{decoy}[2]</head><body>[3][4]"
    assert_becomes(page.replace("[1]", "").replace("[2]", "").replace("[3]", "").replace("[4]", ""), page)


@pytest.mark.parametrize(
    "unclosed",
    [
        "<!-- ",
        "<script>",
        "<style>",
        "<textarea>",
        "<template>",
        "<template><p>",
        "<plaintext>",
        "<svg><![CDATA[ ",
    ],
)
def test_O2_page_that_ends_within_one_gets_no_snippet_there(unclosed: str) -> None:
    assert_becomes(f"<body><p>{unclosed}</body>", f"[1][2]<body>[3]<p>{unclosed}</body>")


@pytest.mark.parametrize("name", ["script", "SCRIPT", "style", "textarea", "title", "iframe"])
@pytest.mark.parametrize("unfinished", [" ", "/", " a='>"])
def test_O2_page_that_ends_within_the_end_tag_of_one_gets_no_snippet_there(
    name: str, unfinished: str
) -> None:
    broken_off = f"<{name}>x</{name}{unfinished}"
    assert_becomes(f"<body><p>{broken_off}", f"[1][2]<body>[3]<p>{broken_off}")


@pytest.mark.parametrize("unfinished", ["<", "</", "<a", "<a title='</body>", "<!-", "</bod", "<!"])
def test_page_that_ends_within_a_tag_gets_the_last_snippet_before_it(unfinished: str) -> None:
    assert_becomes(f"<body>x{unfinished}", f"[1][2]<body>[3]x[4]{unfinished}")


def test_page_of_frames_has_no_body() -> None:
    assert_becomes(
        "<head></head><frameset><frame></frameset></html>",
        "<head>[1][2]</head><frameset><frame></frameset></html>",
    )


def test_empty_body_stays_empty() -> None:
    assert through([]) == b""
    assert through([b"", b""]) == b""


def test_byte_order_mark_stays_first() -> None:
    assert_becomes("\ufeff<p>", "\ufeff[1][2][3]<p>[4]")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_page_marked_as_utf_16_is_left_alone(encoding: str) -> None:
    page = "\ufeff<head></head><body>".encode(encoding)
    assert through([page], links=True) == page
    assert through(bytewise(page), links=True) == page


def test_snippets_that_are_wanted_alone_are_put_alone() -> None:
    rewriting = Rewriting({"head-end": b"[2]"}, None)
    assert rewriting.feed(b"<p>") + rewriting.finish() == b"[2]<p>"


def test_page_goes_by_once_all_is_done() -> None:
    rewriting = Rewriting({"head-start": b"[1]"}, None)
    assert rewriting.feed(b"<head><!--") == b"<head>[1]<!--"
    chunk = b"anything <"
    assert rewriting.feed(chunk) is chunk
    assert rewriting.finish() == b""


def test_chunk_without_anything_is_the_same_object() -> None:
    rewriting = Rewriting({"body-end": b"[4]"}, None)
    rewriting.feed(b"<body>")
    chunk = b"<p>text</p>"
    assert rewriting.feed(chunk) is chunk


PIECES = (
    *(
        "<!doctype html>",
        "<html>",
        "<head>",
        "</head>",
        "<body>",
        "</body>",
        "</html>",
        " ",
        "text",
        "<p>",
        "</p>",
    ),
    *("<title>", "</title>", "<meta>", "<script>", "</script>", "<!--", "-->", "--!>", "<style>", "</style>"),
    *("<template>", "</template>", "<textarea>", "</textarea>", "<noscript>", "</noscript>", "<a href='/x'>"),
    *(
        "<svg>",
        "</svg>",
        "<svg/>",
        "<![CDATA[",
        "]]>",
        "<math>",
        "</math>",
        "<foreignObject>",
        "<desc>",
        "<br/>",
    ),
    *(
        "<a title='</body>'>",
        '<a title="<head>">',
        '<img src="/a?b&amp;c">',
        "<title/>",
        "<script/>",
        "<!",
        "<?x",
    ),
    *("<", "</", ">", "=", "'", '"', "/", "\xef\xbb\xbf"),
)
pieces = st.sampled_from(PIECES)
pages = st.lists(pieces, max_size=12).map(lambda parts: "".join(parts).encode("latin-1"))


@given(page=pages, places=st.lists(st.integers(0, 80), max_size=5), links=st.booleans())
def test_O2_same_output_for_every_split(page: bytes, places: list[int], links: bool) -> None:
    whole = through([page] if page else [], links=links)
    borders = [0, *sorted(places), len(page)]
    chunks = [page[start:end] for start, end in pairwise(borders)]
    assert through(chunks, links=links) == whole
    assert through(bytewise(page), links=links) == whole


@given(page=pages, links=st.booleans())
def test_nothing_else_changes(page: bytes, links: bool) -> None:
    out = through(bytewise(page), links=links)
    for snippet in SNIPPETS.values():
        out = out.replace(snippet, b"")
    if links:
        out = out.replace(b'"/app/x"', b"'/x'").replace(b'"/app/a?b&amp;c"', b'"/a?b&amp;c"')
    assert out == page


# ---- links


def linked(page: bytes) -> bytes:
    whole = through([page], snippets=False, links=True)
    assert through(bytewise(page), snippets=False, links=True) == whole
    return whole


def test_links_are_rewritten_in_head_and_body() -> None:
    page = b"<head><link href='/a'></head><body><a class=b href=/c>x</a><IMG SRC=/d></body>"
    assert linked(page) == (
        b'<head><link href="/app/a"></head><body><a class=b href="/app/c">x</a><IMG SRC="/app/d"></body>'
    )


@pytest.mark.parametrize(
    "page",
    [
        b"<!-- <a href=/x> -->",
        b"<script>'<a href=/x>'</script>",
        b"<style><a href=/x></style>",
        b"<textarea><a href=/x></textarea>",
        b"<a title='<a href=/x>'>",
        b"</a href=/x>",
        b"<template><a href=/x></template>",
        b"<template><svg><a href=/x></svg></template>",
    ],
)
def test_O2_links_in_script_comment_attribute_template_and_the_like_stay(page: bytes) -> None:
    assert linked(b"<body>" + page) == b"<body>" + page


def test_links_in_noscript_and_svg_are_links() -> None:
    page = (
        b"<body><noscript><img src=/x></noscript><svg><image xlink:href=/y /><a href=/z></svg><script src=/w>"
    )
    assert linked(page).count(b'"/app/') == 4


def test_tag_that_is_held_back_is_rewritten_once_it_is_whole() -> None:
    rewriting = Rewriting({}, Links(lambda url: "/app" + url, "utf-8"))
    assert rewriting.feed(b"<p>x</p><a title='>' hr") == b"<p>x</p>"
    assert rewriting.feed(b"ef=/x") == b""
    assert rewriting.feed(b">y") == b"<a title='>' href=\"/app/x\">y"


# ---- bounds


@pytest.mark.parametrize("size", [1, 1000, LONGEST_TAG - 60, LONGEST_TAG + 100_000])
def test_tag_too_long_passes_and_means_what_it_means(size: int) -> None:
    image = b"x" * (LONGEST_TAG - 7)
    page = b"<head a='%b'><script a='%b'></body></script></head><body a='%b' href=/x><img src='%b'>" % (
        (image,) * 4
    )
    expected = (
        b"<head a='%b'>[1]<script a='%b'></body></script>[2]</head><body a='%b' href=/x>[3]<img src='%b'>[4]"
        % ((image,) * 4)
    )
    chunks = [page[start : start + size] for start in range(0, len(page), size)] if size > 1 else [page]
    assert through(chunks, links=True) == expected


def test_tag_as_long_as_may_be_is_rewritten_however_it_comes() -> None:
    for length in (LONGEST_TAG, LONGEST_TAG + 1):
        page = b"<a href=/x b='%b'>" % (b"y" * (length - 16))
        assert len(page) == length
        whole = through([page], links=True)
        assert (b"/app/x" in whole) == (length == LONGEST_TAG)
        for cut in (1, 20, length - 1):
            assert through([page[:cut], page[cut:]], links=True) == whole


def test_memory_does_not_grow_with_the_page() -> None:
    for content in (b"<p>text</p>", b"<a title='" + b"x" * 50, b"<!-- <p> ", b"<script> <!-- ", b"x", b" "):
        rewriting = Rewriting({"body-end": b"[4]"}, Links(str, "utf-8"))
        rewriting.feed(b"<body>")
        chunk = content * (4096 // len(content))
        tracemalloc.start()
        for _ in range(500):
            rewriting.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 6 * LONGEST_TAG
