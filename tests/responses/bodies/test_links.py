from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgikit.responses.bodies.links import Links


def prefixed(url: str) -> str:
    return "/app" + url if url.startswith("/") and not url.startswith("//") else url


def rewritten(attributes: str, tag: str = "a", function: Any = prefixed) -> str | None:
    out = Links(function, "utf-8").rewrite(tag.encode(), attributes.encode())
    return None if out is None else out.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (' href="/x"', ' href="/app/x"'),
        (" href='/x'", ' href="/app/x"'),
        (" href=/x", ' href="/app/x"'),
        (" HREF = /x id=y", ' HREF = "/app/x" id=y'),
        (' href="  /x\n"', ' href="/app/x"'),
        (' class=b\n src="/x"  alt="/x"', ' class=b\n src="/app/x"  alt="/x"'),
        (' href="/x" src="/y"', ' href="/app/x" src="/app/y"'),
        (' xlink:href="/x"', ' xlink:href="/app/x"'),
        (' formaction="/x" cite="/y" poster="/z"', ' formaction="/app/x" cite="/app/y" poster="/app/z"'),
        (' ping="/a /b  https://c/"', ' ping="/app/a /app/b  https://c/"'),
    ],
)
def test_links_are_rewritten_wherever_they_stand(before: str, after: str) -> None:
    assert rewritten(before) == after


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        " href",
        ' href=""',
        ' href="x"',
        ' href="//cdn/x"',
        ' title="/x"',
        ' data-href="/x"',
        " title='href=\"/x\"'",
    ],
)
def test_what_is_no_link_or_is_not_changed_stays_as_it_is(attributes: str) -> None:
    assert rewritten(attributes) is None


@pytest.mark.parametrize(
    ("before", "given"),
    [
        ("/x?a=1&amp;b=2", "/x?a=1&b=2"),
        ("/x?a=1&b=2", "/x?a=1&b=2"),
        ("/x?a=1&copy=2", "/x?a=1&copy=2"),
        ("/x?a=1&copy;=2", "/x?a=1©=2"),
        ("/x&copy", "/x©"),
        ("/x&copyright", "/x&copyright"),
        ("/&#120;&#x78;&#X78", "/xxx"),
        ("/x&unheardof;", "/x&unheardof;"),
        ("/&NotEqualTilde;", "/≂̸"),
    ],
)
def test_function_is_given_the_text_of_the_url(before: str, given: str) -> None:
    seen = []
    assert rewritten(f' href="{before}"', function=lambda url: seen.append(url) or url) is None
    assert seen == [given]


def test_what_it_gives_is_quoted() -> None:
    assert (
        rewritten(" href=/x", function=lambda url: '/y?a=1&b="2"<>\'')
        == ' href="/y?a=1&amp;b=&quot;2&quot;<>\'"'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/a.png", "/app/a.png"),
        ("/a.png 1x, /b.png 2x", "/app/a.png 1x, /app/b.png 2x"),
        ("/a.png, /b.png", "/app/a.png, /app/b.png"),
        ("/a,b.png 100w,/c.png", "/app/a,b.png 100w,/app/c.png"),
        (" ,/a.png 1x (a, b), /b.png", " ,/app/a.png 1x (a, b), /app/b.png"),
        ("/a.png,,/b.png 2x", "/app/a.png,,/b.png 2x"),
    ],
)
def test_candidates_of_srcset_are_links_each(before: str, after: str) -> None:
    assert rewritten(f' srcset="{before}"') == f' srcset="{after}"'
    assert rewritten(f' imagesrcset="{before}"') == f' imagesrcset="{after}"'


def test_url_that_would_fall_apart_in_a_list_is_encoded() -> None:
    assert rewritten(' srcset="/a 1x"', function=lambda url: "/b c,") == ' srcset="/b%20c%2C 1x"'
    assert rewritten(' ping="/a"', function=lambda url: "/b c") == ' ping="/b%20c"'


@given(value=st.text("/a, ()1x\n", max_size=20))
def test_srcset_keeps_all_but_its_urls(value: str) -> None:
    assert rewritten(f' srcset="{value}"', function=str) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("5; url=/x", "5; url=/app/x"),
        ("0;URL='/x' y", "0;URL='/app/x' y"),
        ("5, url = /x", "5, url = /app/x"),
    ],
)
def test_page_sent_on_is_sent_on_to_the_rewritten_url(before: str, after: str) -> None:
    head = ' http-equiv="Refresh"'
    assert rewritten(f'{head} content="{before}"', "meta") == f'{head} content="{after}"'
    assert (
        rewritten(f' content="{before}" http-equiv=refresh', "meta")
        == f' content="{after}" http-equiv=refresh'
    )


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ("meta", ' content="5; url=/x"'),
        ("meta", ' http-equiv="content-type" content="5; url=/x"'),
        ("meta", ' http-equiv="refresh" content="5"'),
        ("div", ' http-equiv="refresh" content="5; url=/x"'),
        ("div", ' data="/x"'),
    ],
)
def test_attributes_that_are_links_elsewhere_stay(tag: str, attributes: str) -> None:
    assert rewritten(attributes, tag) is None


def test_data_of_an_object_is_a_link() -> None:
    assert rewritten(' data="/x"', "object") == ' data="/app/x"'


def test_encoding_of_the_page_is_kept() -> None:
    links = Links(lambda url: url + "é€ж", "cp1252")
    assert links.rewrite(b"a", b' href="/\xe9"') == b' href="/\xe9\xe9\x80&#1078;"'


def test_value_that_is_not_of_the_pages_encoding_stays() -> None:
    assert (
        Links(prefixed, "utf-8").rewrite(b"a", b" href='/\xe9' src='/x'") == b" href='/\xe9' src=\"/app/x\""
    )


@pytest.mark.parametrize("given", [None, b"/x", 1])
def test_function_that_gives_no_text_is_named(given: Any) -> None:
    with pytest.raises(TypeError, match="HTMLRewrite: links="):
        rewritten(" href=/x", function=lambda url: given)
