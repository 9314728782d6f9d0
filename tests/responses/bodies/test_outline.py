from __future__ import annotations

import re

import pytest

from wsgikit.responses.bodies.outline import PLACES, Outline


def places(page: str) -> str:
    """The page, each place at its number, and ``?`` after each tag that begins no element of HTML."""
    outline, seen, out = Outline(), set(), ""

    def show(found: tuple[str, ...]) -> str:
        new = [place for place in found if place not in seen]
        seen.update(new)
        return "".join(str(PLACES.index(place) + 1) for place in new)

    for text, slash, name, ended in re.findall(r"([^<]+)|<(/?)(\w+)(/?)>", page):
        if text:
            out += show(outline.text()) + text if outline.early and text.strip() else text
            continue
        out += show(outline.before(slash.encode(), name.encode()))
        html = outline.after(slash.encode(), name.encode(), ended=bool(ended))
        out += f"<{slash}{name}{ended}>" + ("" if html or slash else "?")
        if html and name in ("head", "body") and not outline.closed:
            out += show((f"{name}-start",))
    return out + show(outline.end())


@pytest.mark.parametrize(
    "page",
    [
        "<html><head>1<title></title>2</head><body>3<p>4</body></html>",
        "<html> <head>1 2</head> <body>3 4</html>",
        "1<meta>23<p>4",
        "123text4",
        "123<p>4",
        "<head>1<script></script>23<br>4",
        "<head>12</head><style></style>3<noscript></noscript>4",
        "<head>1234</body>",
        "<head>12</head><frameset></frameset></html>",
        "12<body>3<template></body></template>4</body>",
        "12<body>3<noscript></body></noscript>4</body>",
        "12<body>3<template></body>",
        "1234",
    ],
)
def test_places_are_where_browsers_see_them(page: str) -> None:
    bare = re.sub("[1-4]", "", page)
    assert places(bare) == page


@pytest.mark.parametrize(
    "page",
    [
        "<svg><title>?<p></title><style>?</svg><style>",
        "<svg/><style>",
        "<svg><style/>?<title/>?<style>?",
        "<svg><svg>?</svg><style>?</svg><style>",
        "<svg><foreignobject>?<style></foreignobject><style>?",
        "<svg><p><style>",
        "<svg><g>?</p><style>",
        "<svg></br><style>",
        "<math><mi>?<style><svg><mi>?<style>?",
        "<svg><mi>?<style>?",
        "<svg><desc>?<svg><p><style>",
    ],
)
def test_names_within_svg_and_mathml_are_no_html(page: str) -> None:
    outline = re.sub("[1-4]", "", places("<body>" + page.replace("?", "")))
    assert outline == "<body>" + page


def test_a_template_is_around_what_is_within_it() -> None:
    outline = Outline()
    for name in (b"body", b"template", b"svg"):
        outline.after(b"", name, ended=False)
    assert (outline.template, outline.closed, outline.foreign) == (True, True, True)
    outline.after(b"/", b"template", ended=False)
    assert (outline.template, outline.closed, outline.within_foreign) == (False, False, False)
