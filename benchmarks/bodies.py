"""What the layers that change bodies cost a request, in microseconds: ``python benchmarks/bodies.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from responses import CHUNKS, PAGE
from rounds import BROWSER, minima, request

from wsgikit.responses.bodies.htmlrewrite import HTMLRewrite
from wsgikit.responses.bodies.replace import Replace
from wsgikit.responses.bodies.transform import Transform
from wsgikit.responses.bodies.xslt import XSLT

HTML = [("Content-Type", "text/html; charset=utf-8")]
DOCUMENT = b"<list>%b</list>" % (b"<item><title>One of many</title></item>" * 1000)
SHEET = """
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="html"/>
  <xsl:template match="/list"><ul><xsl:apply-templates select="item"/></ul></xsl:template>
  <xsl:template match="item"><li><xsl:value-of select="title"/></li></xsl:template>
</xsl:stylesheet>
"""


def page(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", HTML)
    return [PAGE]


def stream(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", HTML)
    return iter(CHUNKS)


def image(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "image/png")])
    return [PAGE]


def document(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/xml")])
    return [DOCUMENT]


def unchanged(request: Any, response: Any) -> None:
    """A function for Transform that does nothing."""


def table(title: str, cases: dict[str, Any], bare: str, **options: int) -> None:
    best = minima({name: request(app, BROWSER) for name, app in cases.items()}, **options)
    print(f"\n{title:56}{'us':>9}{'us added':>10}")
    for name, spent in best.items():
        print(f"{name:56}{spent:9.2f}{spent - best[bare]:10.2f}")


def declining() -> None:
    cases = {
        "the bare app": image,
        "Replace": Replace(image, {"a": "b"}),
        "HTMLRewrite": HTMLRewrite(image, inject={"head-end": "x"}),
        "Transform": Transform(image, unchanged),
        "XSLT": XSLT(image, SHEET),
    }
    table("declining an image", cases, "the bare app")


def changing() -> None:
    def linked(url: str) -> str:
        return f"/app{url}"

    cases = {
        "the bare app": page,
        "Replace, one text, not there": Replace(page, {"http://upstream:8000": "x"}),
        "Replace, one text, 147 times": Replace(page, {"/posts/": "/app/posts/"}),
        "Replace, three texts, 588 times": Replace(page, {"class": "a", "href": "b", "comments": "c"}),
        "Replace, one text, 147 times, a stream": Replace(stream, {"/posts/": "/app/posts/"}),
        "HTMLRewrite, end of the head": HTMLRewrite(page, inject={"head-end": "<meta>"}),
        "HTMLRewrite, end of the body": HTMLRewrite(page, inject={"body-end": "<meta>"}),
        "HTMLRewrite, end of the body, a stream": HTMLRewrite(stream, inject={"body-end": "<meta>"}),
        "HTMLRewrite, 147 links": HTMLRewrite(page, links=linked),
        "HTMLRewrite, 147 links, a stream": HTMLRewrite(stream, links=linked),
        "Transform, nothing done": Transform(page, unchanged),
        **peers(),
    }
    table("50 KB of HTML", cases, "the bare app", rounds=20, calls=10)
    table(
        "XSLT, 40 KB of XML",
        {"the bare app": document, "XSLT": XSLT(document, SHEET)},
        "the bare app",
        rounds=20,
        calls=10,
    )


def peers() -> dict[str, Any]:
    """turbohtml's, where it is installed: a parser in C, for whole pages."""
    try:
        turbohtml: Any = import_module("turbohtml")
    except ImportError:
        return {}

    def rewritten(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        tree = turbohtml.parse(PAGE.decode())
        tree.rewrite_links(lambda url: f"/app{url}")
        return [tree.serialize().encode()]

    return {"turbohtml, 147 links, the tree written anew": rewritten}


if __name__ == "__main__":
    declining()
    changing()
