"""What every layer that changes bodies has in common; a test named by a code (T1, P5 ...) is one of the behaviours
in docs/behaviours.md: P for every layer that touches bodies, T for those that change them."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.responses.bodies.answering import HTML, Body, answering, start_nothing
from wsgikit.responses.bodies.htmlrewrite import HTMLRewrite
from wsgikit.responses.bodies.replace import Replace
from wsgikit.responses.bodies.transform import Transform
from wsgikit.responses.bodies.xslt import XSLT
from wsgikit.testing import awkward_apps, call, lint
from wsgikit.testing.apps import CLOSED, AwkwardApp, AwkwardError, expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wsgikit.testing.call import Result

PAGE = b"<html><head></head><body><p>one</p></body></html>"
SHEET = """
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output omit-xml-declaration="yes" method="html"/>
  <xsl:template match="/"><p>two</p></xsl:template>
</xsl:stylesheet>
"""


def two(request: Any, response: Any) -> None:
    response.body = response.body.replace(b"one", b"two")


# A layer that changes every page of the tests, and one that sees them and leaves the bytes alone.
CHANGING: dict[str, Callable[..., Any]] = {
    "Replace": lambda app: Replace(app, {"one": "two"}),
    "HTMLRewrite": lambda app: HTMLRewrite(app, inject={"body-end": "<p>two</p>"}),
    "Transform": lambda app: Transform(app, two),
    "XSLT": lambda app: XSLT(app, SHEET, types="text/html"),
}
KEEPING: dict[str, Callable[..., Any]] = {
    "Replace": lambda app: Replace(app, {"nowhere to be found": "x"}),
    "HTMLRewrite": lambda app: HTMLRewrite(app, links=str),
    "Transform": lambda app: Transform(app, lambda request, response: None),
}
WHOLE = ("Transform", "XSLT")
STREAMING = ("Replace", "HTMLRewrite")

each = pytest.mark.parametrize("name", CHANGING)
each_stream = pytest.mark.parametrize("name", STREAMING)


def ask(name: str, app: Any, method: str = "GET", **request: Any) -> Result:
    return call(lint(CHANGING[name](app)), method, **request)


def assert_changed(result: Result) -> None:
    assert b"two" in result.body


def assert_untouched(result: Result, *headers: tuple[str, str], body: bytes = PAGE) -> None:
    assert (result.body, result.headers) == (body, list(headers))


@each
@pytest.mark.parametrize("body", [[PAGE], (PAGE[:30], PAGE[30:]), Body([PAGE]), Body([PAGE[:20], PAGE[20:]])])
def test_pages_are_changed_however_they_come(name: str, body: Any) -> None:
    assert_changed(ask(name, answering(body, HTML, kind=None)))


# ---- T: what changes bodies


@each
@pytest.mark.parametrize("value", ["no-transform", "public, No-Transform", "max-age=1,no-transform "])
def test_T1_no_transform_is_obeyed(name: str, value: str) -> None:
    head = (("Cache-Control", value), ("ETag", '"a"'))
    assert_untouched(ask(name, answering([PAGE], *head)), HTML, *head)


@each
def test_T2_headers_about_the_bytes_as_they_were_are_gone(name: str) -> None:
    stale = [
        ("Content-Length", str(len(PAGE))),
        ("Content-MD5", "x"),
        ("content-digest", "sha-256=:x:"),
        ("Repr-Digest", "sha-256=:x:"),
        ("Digest", "sha-256=x"),
        ("Accept-Ranges", "bytes"),
    ]
    result = ask(name, answering([PAGE], *stale, ("Last-Modified", "x"), ("ETag", '"a"')))
    assert_changed(result)
    assert sorted(result.headers) == sorted(
        [
            ("Content-Type", result.header("Content-Type") or ""),
            ("Last-Modified", "x"),
            ("ETag", 'W/"a"'),
            ("Content-Length", str(len(result.body))),
        ]
    )


@each_stream
def test_T2_length_of_a_stream_is_not_announced(name: str) -> None:
    result = ask(name, answering(Body([PAGE]), ("Content-Length", str(len(PAGE)))))
    assert_changed(result)
    assert result.header("Content-Length") is None


@each
@pytest.mark.parametrize(("listed", "tag"), [('W/"a"', 'W/"a"'), ('"a"', '"a"'), ("*", '"a"'), ("", '"a"')])
@pytest.mark.parametrize("kind", [None, "text/html"])
def test_T2_304_carries_the_tag_that_its_200_had(name: str, listed: str, tag: str, kind: str | None) -> None:
    app = answering([], ("ETag", '"a"'), status="304 Not Modified", kind=kind)
    assert ask(name, app, headers={"If-None-Match": listed}).header("ETag") == tag
    assert call(CHANGING[name](late(app)), headers={"If-None-Match": listed}).header("ETag") == tag


def late(app: Any) -> Any:
    """The app as a generator, which calls start_response when it is iterated."""

    def generator(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield from app(environ, start_response)

    return generator


@each
def test_T3_206_is_untouched(name: str) -> None:
    head = (("Content-Range", "bytes 0-9/100"), ("ETag", '"a"'))
    result = ask(name, answering([PAGE], *head, status="206 Partial Content"))
    assert_untouched(result, HTML, *head)


@each
def test_T3_any_other_answer_with_a_content_range_is_untouched(name: str) -> None:
    head = (("Content-Range", "bytes */100"),)
    assert_untouched(ask(name, answering([PAGE], *head, status="416 Range Not Satisfiable")), HTML, *head)


@each
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br, gzip", "unheard-of"])
def test_T4_encoded_body_is_untouched(name: str, coding: str) -> None:
    head = (("Content-Encoding", coding),)
    assert_untouched(ask(name, answering([PAGE], *head)), HTML, *head)


@each
def test_T4_identity_is_no_encoding(name: str) -> None:
    assert_changed(ask(name, answering([PAGE], ("Content-Encoding", "Identity"))))


@each
@pytest.mark.parametrize("kind", ["TEXT/HTML", "text/html;charset=utf-8", "Text/Html ; a=b"])
def test_T5_media_type_counts_without_case_and_parameters(name: str, kind: str) -> None:
    assert_changed(ask(name, answering([PAGE], kind=kind)))


@each
@pytest.mark.parametrize("kind", ["text/plain", "application/xhtml+xml", "text/html5", "text", ""])
def test_T5_other_types_are_untouched(name: str, kind: str) -> None:
    assert_untouched(ask(name, answering([PAGE], kind=kind)), ("Content-Type", kind))


@each
def test_T5_answer_without_a_content_type_is_untouched(name: str) -> None:
    assert_untouched(ask(name, answering([PAGE], kind=None)))


@each
@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "201 Created"])
def test_pages_of_other_statuses_are_changed(name: str, status: str) -> None:
    assert_changed(ask(name, answering([PAGE], status=status)))


# ---- P: like every layer


@each
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("stop_after", [None, 0, 1])
@pytest.mark.parametrize("kind", ["text/html", "image/png"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_P1_body_is_closed_once(
    name: str, method: str, stop_after: int | None, kind: str, status: str
) -> None:
    chunks = [PAGE] if status == "200 OK" and method == "GET" else []
    body = Body(chunks)
    app = answering(body, kind=kind, status=status)
    try:
        call(CHANGING[name](app), method, stop_after=stop_after)
    except AssertionError:
        assert stop_after == 0  # nobody asked, so there is no answer
    assert body.closed == 1


@each
def test_P1_body_is_closed_once_when_it_raises(name: str) -> None:
    body = Body(breaking(PAGE))
    with pytest.raises(KeyError):
        call(CHANGING[name](answering(body)))
    assert body.closed == 1


def breaking(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks
    raise KeyError("midway")


@each
def test_P2_exc_info_before_the_first_byte_changes_the_head(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "image/png")])
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [HTML], sys.exc_info())
        yield PAGE

    result = call(CHANGING[name](app))
    assert result.status == 500
    assert result.header("Content-Type") in (HTML[1], "text/html; charset=utf-8")


@each
def test_P2_withdrawn_head_is_not_heard_of(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML, ("X-Withdrawn", "yes")])
        try:
            raise KeyError
        except KeyError:
            start_response("500 Internal Server Error", [("Content-Type", "image/png")], sys.exc_info())
        return [PAGE]

    assert_untouched(call(lint(CHANGING[name](app))), ("Content-Type", "image/png"))


@each
@pytest.mark.parametrize("rest", [[b"<p>one</p></body></html>"], Body([b"<p>one</p></body></html>"])])
def test_P3_write_keeps_its_order_with_the_iterable(name: str, rest: Any) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [HTML])
        write(b"<html><head></head>")
        write(b"<body>")
        return rest

    alike = call(CHANGING[name](app)).body
    assert alike == call(CHANGING[name](answering([PAGE]))).body


@each_stream
def test_P4_one_item_comes_out_for_one_item_in(name: str) -> None:
    pulled = []

    def stream() -> Iterator[bytes]:
        for number in range(3):
            pulled.append(number)
            yield b"x" * number

    chunks = iter(CHANGING[name](answering(stream()))({}, start_nothing))
    for number in range(3):
        next(chunks)
        assert pulled == list(range(number + 1))


@each
@pytest.mark.parametrize("body", [[PAGE], iter([PAGE]), Body([PAGE])])
@pytest.mark.parametrize(
    "options",
    [
        {"kind": "image/png"},
        {"status": "206 Partial Content"},
        {"status": "204 No Content"},
        {"kind": None},
    ],
)
def test_P5_unchanged_body_is_the_same_object(name: str, body: Any, options: Any) -> None:
    app = answering(body, **options)
    assert CHANGING[name](app)({}, start_nothing) is body


@each
def test_P6_headers_are_copied(name: str) -> None:
    given = [HTML, ("ETag", '"a"'), ("Content-Length", str(len(PAGE)))]

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", given)
        return [PAGE]

    assert_changed(ask(name, app))
    assert given == [HTML, ("ETag", '"a"'), ("Content-Length", str(len(PAGE)))]


@each
def test_P7_the_request_body_is_not_read(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    assert_changed(ask(name, app, "POST", body=PAGE))


@each
def test_P8_answers_under_way_at_once_do_not_mix(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        page = PAGE.replace(b"one", b"one %d" % environ["number"])
        return (page[start : start + 5] for start in range(0, len(page), 5))

    layer = CHANGING[name](app)
    expected = [b"".join(layer({"number": number}, start_nothing)) for number in range(3)]
    under_way = [iter(layer({"number": number}, start_nothing)) for number in range(3)]
    sent = [b""] * 3
    while any(pieces := [next(chunks, None) for chunks in under_way]):
        sent = [before + (piece or b"") for before, piece in zip(sent, pieces, strict=True)]
        if all(piece is None for piece in pieces):
            break
    rest = [b"".join(chunks) for chunks in under_way]
    assert [before + after for before, after in zip(sent, rest, strict=True)] == expected


@each
@pytest.mark.parametrize("body", [[PAGE], Body([PAGE])])
def test_P9_head_leaves_without_a_body_and_with_the_head_of_get(name: str, body: Any) -> None:
    headers = (("ETag", '"a"'), ("Content-Length", str(len(PAGE))), ("Accept-Ranges", "bytes"))
    got = call(CHANGING[name](answering([PAGE], *headers)))
    head = call(CHANGING[name](answering(body, *headers)), "HEAD")
    assert head.headers == [pair for pair in got.headers if pair[0] != "Content-Length"]
    assert head.body == b""


@each
def test_P9_method_counts_as_the_client_sent_it(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["REQUEST_METHOD"] = "GET"
        start_response("200 OK", [HTML])
        return [PAGE]

    assert call(CHANGING[name](app), "HEAD").body == b""


@each
def test_P10_error_in_the_app_is_seen(name: str) -> None:
    chunks = iter(CHANGING[name](answering(breaking(PAGE)))({}, start_nothing))
    with pytest.raises(KeyError):
        list(chunks)
    assert list(chunks) == []


@each
@pytest.mark.parametrize("missing", [1, len(PAGE)])
def test_P10_body_shorter_than_its_content_length_is_not_completed(name: str, missing: int) -> None:
    body = iter([PAGE[:-missing]])
    with pytest.raises(EOFError):
        call(CHANGING[name](answering(body, ("Content-Length", str(len(PAGE))))))


@each
def test_body_longer_than_its_content_length_is_cut_off(name: str) -> None:
    length = ("Content-Length", str(len(PAGE)))
    whole = call(CHANGING[name](answering(iter([PAGE]), length))).body
    assert call(CHANGING[name](answering(iter([PAGE, b"one"]), length))).body == whole


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("expected", expectations.values(), ids=list(awkward_apps))
def test_awkward_apps_arrive_right(name: str, expected: AwkwardApp) -> None:
    closed: list[str] = []
    layer = KEEPING[name](lint(expected.app, allow=expected.breaks))

    def send() -> Result:
        return call(
            lint(layer, allow=expected.breaks),
            expected.method,
            expected.path,
            body=expected.request_body,
            environ={CLOSED: closed},
        )

    if expected.raises:
        with pytest.raises(AwkwardError):
            send()
    else:
        result = send()
        assert (result.status, result.body) == (expected.status, expected.body)
    assert len(closed) == expected.closes


@each
@pytest.mark.parametrize("expected", expectations.values(), ids=list(awkward_apps))
def test_awkward_apps_are_closed_when_they_are_changed(name: str, expected: AwkwardApp) -> None:
    closed: list[str] = []
    layer = CHANGING[name](lint(expected.app, allow=expected.breaks))
    try:
        call(
            lint(layer, allow=expected.breaks),
            expected.method,
            expected.path,
            body=expected.request_body,
            environ={CLOSED: closed},
        )
    except AwkwardError:
        assert expected.raises
    assert len(closed) == expected.closes


@each
def test_app_that_gives_a_body_without_a_head_is_told(name: str) -> None:
    with pytest.raises(AssertionError, match="start_response"):
        list(CHANGING[name](lambda environ, start_response: iter([b"x"]))({}, start_nothing))


@each
def test_app_that_starts_twice_is_told(name: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [HTML])
        start_response("200 OK", [HTML])
        return [PAGE]

    with pytest.raises(AssertionError, match="second time"):
        CHANGING[name](app)({}, start_nothing)


# ---- what Component gives


def page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [HTML])
    return [PAGE]


@pytest.mark.parametrize(
    "layer",
    [
        Replace(page, {"one": "two"}, types=["text/*"]),
        HTMLRewrite(page, inject={"head-end": "<p>two</p>"}, links=str),
        Transform(page, two, max_size=1000),
        XSLT(page, SHEET, types="text/html", params={"a": 1}, max_size="1MiB"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layer_pickles_and_copies(layer: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert twin == layer
        assert call(twin).body == call(layer).body
        assert_changed(call(twin))
